"""Faults: cells that cannot be programmed to their target."""
