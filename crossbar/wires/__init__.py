"""Wires with resistance: their description, the solver of their circuit, and netlists."""

from crossbar.wires.description import Wires as Wires
