"""Reads of cells with telegraph traps."""
