"""Ferroelectric memories: hysteresis, switching domains, and the transistors they control."""
