"""Fits of models to measurements of cells."""
