"""Pulse responses: how programming pulses move the conductance of a cell."""
