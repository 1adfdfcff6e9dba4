"""The strategies that can draw the sums of an array, made when they are first needed."""

from enum import IntEnum
from functools import cached_property
from typing import Protocol

import numpy as np

from crossbar.reads.cell_by_cell import CellByCell
from crossbar.reads.conductances import CellArray
from crossbar.reads.fresh_reads import FreshReads
from crossbar.reads.gaussian_sums import GaussianSums, is_exactly_gaussian
from crossbar.reads.inputs import Inputs
from crossbar.reads.moments import ReadMoments
from crossbar.reads.noise_state import NoiseState
from crossbar.reads.packed_bits import PackedBits, PlainGates, plain_gates
from crossbar.reads.process_reads import ProcessReads
from crossbar.reads.span import Span
from crossbar.reads.traps.reads import TrapReads
from devices.validation import Floats


class Stream(IntEnum):
    """Random streams of a read, by what is drawn from them."""

    WORD_LINE_GATES = 0
    GAUSSIAN_SUMS = 1
    CELL_BY_CELL = 2
    PACKED_BITS = 3
    TRAPS = 4
    FRESH = 5
    PROCESSES = 6


class Strategy(Protocol):
    """A way to draw reads of an array."""

    def read(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units."""
        ...

    def describe(self) -> str:
        """Return what a report says of this strategy."""
        ...


class Strategies:
    """The strategies of one array in its present state.

    Args:
        cells: The array as it is now.
        state: States of the noises with memory (traps, 1/f, correlated selectors).
    """

    def __init__(self, cells: CellArray, state: NoiseState):
        self.cells = cells
        self.moments = ReadMoments(cells, state)
        self.state = state
        # Gates of word lines multiply the inputs; the array behind them is read without gates.
        self._behind_gates = cells.ungated() if cells.hardware.gates_word_lines else cells
        self._cell_by_cell = CellByCell(self._behind_gates, state)

    @cached_property
    def _gaussian_sums(self) -> GaussianSums:
        same = self._behind_gates is self.cells
        moments = self.moments if same else ReadMoments(self._behind_gates, self.state)
        return GaussianSums(moments)

    @cached_property
    def _packed_bits(self) -> PackedBits | None:
        return PackedBits.of(self._behind_gates, self.state)

    @cached_property
    def _memory(self) -> tuple[Strategy, Stream] | None:
        """The compiled strategy of cells whose noise has memory, and its stream."""
        traps = TrapReads.of(self._behind_gates, self.state)
        if traps is not None:
            return traps, Stream.TRAPS
        processes = ProcessReads.of(self._behind_gates, self.state)
        return None if processes is None else (processes, Stream.PROCESSES)

    @cached_property
    def _fresh(self) -> FreshReads | None:
        return FreshReads.of(self._behind_gates, self.state)

    def plain_gates(self) -> PlainGates | None:
        """Return what exact reads of signs need where each is a gated sum, with the noise of the
        cells at most; None elsewhere.
        """
        behind, hardware = self._behind_gates, self._behind_gates.hardware
        plain = behind is self.cells and hardware.is_ohmic and not is_exactly_gaussian(hardware)
        if not plain or self._memory is not None or self._packed_bits is None:
            return None
        return plain_gates(self._packed_bits)

    def gaussian_sums(self) -> GaussianSums | None:
        """Return the reads as one normal per output, or without noise.

        None where cells are bent, word lines have gates, currents add noise, or reads are
        correlated, which these reads leave out.
        """
        hardware = self.cells.hardware
        plain = hardware.is_ohmic and not hardware.gates_word_lines and not hardware.has_memory
        return self._gaussian_sums if plain and hardware.current_noise is None else None
