"""Responses to pulses, fitted to curves and chosen by cross-validation."""
