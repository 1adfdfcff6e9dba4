"""Where every read of an array enters: the choice of the strategy that draws its sums."""

from collections.abc import Iterator

import numpy as np

from crossbar.reads.chosen_by import fields_that_choose
from crossbar.reads.conductances import CellArray
from crossbar.reads.gaussian_sums import is_exactly_gaussian
from crossbar.reads.inputs import Inputs
from crossbar.reads.nonlinear import bends, shaped
from crossbar.reads.sampling import check_sampling
from crossbar.reads.span import Span
from crossbar.reads.strategies import Strategies, Strategy, Stream
from crossbar.reads.word_line_gates import gate_word_lines
from devices.seeding import child
from devices.user_warnings import warn_user
from devices.validation import Floats


class Reader(Strategies):
    """Reads of an array in its present state, each drawn by the fastest strategy that is exact.

    The array makes a new reader when its conductances change. `state` belongs to the array; reads
    advance it in place.

    Args:
        cells: The array as it is now.
        state: States of the noises with memory (traps, 1/f, correlated selectors).

    Attributes:
        cells: The array as it is now.
        moments: Mean and variance of a read.
        state: As given.
    """

    @property
    def _of_ternary_inputs(self) -> Strategy:
        """The strategy of exact reads where all inputs are −1, 0 or +1."""
        if is_exactly_gaussian(self._behind_gates.hardware):
            return self._gaussian_sums
        if self._memory is not None:
            return self._memory[0]
        return self._packed_bits or self._fresh or self._cell_by_cell

    def describe(self, sampling: str = "exact") -> str:
        """Return how reads of ternary inputs are drawn, as `chip.report()` prints it."""
        hardware = self.cells.hardware
        if check_sampling(sampling) == "moments":
            return self._gaussian_sums.describe()
        if not (hardware.gates_word_lines and is_exactly_gaussian(hardware)):
            return self._of_ternary_inputs.describe()
        quiet = hardware.has_quiet_cells
        cells = "no noise in the cells" if quiet else self._of_ternary_inputs.describe()
        return f"{cells}, gates drawn word line by word line"

    def chosen_by(self) -> str:
        """Return the fields of the hardware that chose how reads of ternary inputs are drawn."""
        return ", ".join(fields_that_choose(self.cells, self._of_ternary_inputs))

    def read(
        self, x: Inputs, span: Span, seed: np.random.SeedSequence, *, sampling: str = "exact"
    ) -> Floats:
        """Return u (reads, bit lines) in weight units of the span's reads.

        Args:
            x: Rows of inputs, from the first that the span needs.
            span: The reads of a run that are drawn.
            seed: Seed of the run: it and the number of a read decide what the read draws.
            sampling: "exact", or "moments" for one normal per output whatever the noise. Gates of
                word lines are drawn in both, because all outputs share them.

        Raises:
            ValueError: x has a wrong width, or `sampling` is unknown.
        """
        check_sampling(sampling)
        if x.shape[1] != self.cells.lines:
            raise ValueError(f"x has shape {x.shape}; give (any, {self.cells.lines})")
        hardware = self.cells.hardware
        if hardware.gates_word_lines:
            gates = child(seed, Stream.WORD_LINE_GATES)
            x = gate_word_lines(x, hardware, self.state, span, gates)
            span = span.each()
        if sampling == "moments":
            _warn_of_memory(self._behind_gates)
        x = shaped(self.cells, x)
        if sampling == "moments" or is_exactly_gaussian(self._behind_gates.hardware):
            return self._gaussian_sums.read(x, span, child(seed, Stream.GAUSSIAN_SUMS))
        return self._read_gated(x, span, seed)

    def sampled(
        self, span: Span, seed: np.random.SeedSequence
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield the conductances that cells show in some reads, drawn cell by cell.

        Their law is that of `read`. Where `read` draws cell by cell too, with the same seed, it
        draws the same. Noises with memory go on, as with every read.

        Yields:
            Which reads of the span these are; and sampled G⁺ and G⁻ [S], (reads, word lines, bit
            lines): effective conductances behind wires, times the factors of gates and cells, those
            of gates of word lines included. A reference column is repeated for each output.
        """
        reads = self._cell_by_cell.sampled(span, child(seed, Stream.CELL_BY_CELL))
        if not self.cells.hardware.gates_word_lines:
            yield from reads
            return
        ones = Inputs(np.ones((span.reads, self.cells.lines)))
        gates = child(seed, Stream.WORD_LINE_GATES)
        gated = gate_word_lines(ones, self.cells.hardware, self.state, span.each(), gates)
        for at, g_pos, g_neg in reads:
            of_lines = gated.floats[at, :, None]
            yield at, of_lines * g_pos, of_lines * g_neg

    def _read_gated(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u of reads whose sums are not Gaussian.

        Ternary rows are read packed, other rows cell by cell.
        """
        if self._memory is not None:
            strategy, stream = self._memory
            return strategy.read(x, span, child(seed, stream))
        ternary = x.is_ternary & ~bends(self.cells, x)
        if self._packed_bits is None or not ternary.any():
            return self._read_each_cell(x, span, seed)
        u = self._packed_bits.read(x, span, child(seed, Stream.PACKED_BITS))
        if not ternary.all():  # how a row is read must not depend on the other rows of the batch
            others = ~ternary[span.rows]
            u[others] = self._read_each_cell(x, span, seed)[others]
        return u

    def _read_each_cell(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u of reads in which every cell is drawn, by compiled loops where they can."""
        if self._fresh is not None:
            return self._fresh.read(x, span, child(seed, Stream.FRESH))
        return self._cell_by_cell.read(x, span, child(seed, Stream.CELL_BY_CELL))


def _warn_of_memory(cells: CellArray) -> None:
    """Warn if consecutive reads are correlated, which one fresh normal per output leaves out."""
    if cells.hardware.has_memory:
        warn_user(
            'sampling="moments" draws every read independently, but consecutive reads of this '
            "hardware are correlated (telegraph traps, 1/f noise, correlated selectors): a mean "
            'over samples comes out better than on the chip; use sampling="exact"'
        )
