"""Reads of a layer of states in one compiled pass."""
