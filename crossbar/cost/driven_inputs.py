"""What drives the word lines of a layer, as an energy needs it: mean squares and products."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from crossbar.arrays.neurons import NeuronArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.validation import Floats


def volts_per_input(neurons: NeuronArray) -> float:
    """Return the voltage [V] of a word line that is driven with 1, in every array of a layer."""
    return neurons.drivers.unit_voltage


@dataclass(frozen=True, eq=False)
class DrivenInputs:
    """Second moments of what drives the word lines in one read of the array.

    A bit plane is a read of its own, so the moments are means over planes, too.

    Attributes:
        mean_square: Mean of x_j², (inputs,).
        edges: Word lines at which rows of tiles begin, and their number.
        products: Mean of x_j x_k within each row of tiles, (lines, lines) each; empty without
            wires, where it is not needed.
        is_ternary: Whether every input was −1, 0 or +1, so that drivers need no DAC.
        is_recorded: Whether inputs were recorded; False if they are assumed.
    """

    mean_square: Floats
    edges: tuple[int, ...]
    products: tuple[Floats, ...]
    is_ternary: bool
    is_recorded: bool

    @classmethod
    def of_size_one(cls, neurons: NeuronArray) -> "DrivenInputs":
        """Return inputs ±1 with independent signs: x_j² = 1, and products average to 0."""
        edges = tuple(int(edge) for edge in neurons.main.row_edges)
        has_wires = neurons.hardware.wires is not None
        products = tuple(np.eye(b - a) for a, b in pairwise(edges)) if has_wires else ()
        return cls(np.ones(neurons.inputs), edges, products, is_ternary=True, is_recorded=False)

    def of_lines(self, first: int, last: int) -> tuple[Floats, Floats | None]:
        """Return mean squares and products of the word lines of one row of tiles.

        Args:
            first: The first word line.
            last: The word line after the last.
        """
        squares = self.mean_square[first:last]
        if not self.products:
            return squares, None
        return squares, self.products[self.edges.index(first)]


class InputRecord:
    """Sums of the inputs of a layer while it is read; `result` are their second moments.

    Args:
        neurons: The layer. Its drivers say what a DAC makes of the inputs.
    """

    def __init__(self, neurons: NeuronArray):
        self._drivers = neurons.drivers
        self._edges = tuple(int(edge) for edge in neurons.main.row_edges)
        self._squares = np.zeros(neurons.inputs)
        lines = np.diff(self._edges) if neurons.hardware.wires is not None else ()
        self._products: Sequence[Floats] = [np.zeros((n, n)) for n in lines]
        self._reads = 0
        self._is_ternary = True

    @property
    def reads(self) -> int:
        """Number of reads of the array that were recorded."""
        return self._reads

    def add(self, inputs: Inputs) -> None:
        """Take rows of inputs (rows, inputs), one for each read of the layer, as they arrive."""
        if not len(inputs):
            return
        driven, _ = self._drivers.drive(inputs, Span(0, len(inputs)))
        self._is_ternary = self._is_ternary and bool(driven.is_ternary.all())
        self._reads += len(driven)
        if driven.all_signs and not self._products:
            self._squares += len(driven)  # states stay packed
            return
        x = driven.floats
        self._squares += np.einsum("rj,rj->j", x, x)
        for sums, (a, b) in zip(self._products, pairwise(self._edges), strict=False):
            sums += x[:, a:b].T @ x[:, a:b]

    def result(self) -> DrivenInputs:
        """Return the means over all recorded reads."""
        return DrivenInputs(
            self._squares / self._reads,
            self._edges,
            tuple(products / self._reads for products in self._products),
            is_ternary=self._is_ternary,
            is_recorded=True,
        )
