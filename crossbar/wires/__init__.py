"""Wires with resistance: their description, the solver of their circuit, and netlists of the same circuit."""

from crossbar.wires.description import Wires as Wires
