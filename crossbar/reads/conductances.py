"""The cells of an array as they are now: what a read multiplies its inputs with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.hardware import Hardware
from crossbar.reads.digits import SUMMED_DIGITS
from devices.validation import Floats

#: Bit lines in a block of `CellArray.blocks`.
_LINES_AT_ONCE = 64
#: For every output, the column of its reference; None where every output has a negative cell.
ReferenceColumns = NDArray[np.intp] | None


@dataclass(frozen=True)
class Conductances:
    """Cells of an array [S] as they are now, and their effective conductances behind the wires.

    Attributes:
        g_pos: Conductances of the positive cells, (word lines, bit lines); aged, scaled and in
            series with a conducting gate. Noise depends on these.
        g_neg: Conductances of the negative cells, of the same shape, or (word lines, references).
        effective_pos: Effective conductances of the positive cells after IR drop: a read multiplies
            with these. Equal to `g_pos` without wires.
        effective_neg: The same for the negative cells.
        reference_of: Column of `g_neg` that serves each bit line; None for pairs.
        small_pos: Conductances of the positive cells alone at small voltages; None for ohmic cells.
        small_neg: The same for the negative cells.
    """

    g_pos: Floats
    g_neg: Floats
    effective_pos: Floats
    effective_neg: Floats
    reference_of: ReferenceColumns
    small_pos: Floats | None = None
    small_neg: Floats | None = None


@dataclass(frozen=True)
class CellArray:
    """What a read needs to know of an array: conductances, noise, and the units of its sums.

    Attributes:
        conductances: The cells as they are now.
        hardware: Gates, read noise, and the period of reads.
        siemens_per_weight: Conductance [S] of a weight of one.
        level_spacing: Spacing [S] of the level grid on which all cells lie; 0 for continuous cells.
        unit_voltage: Voltage of an input of one [V].
        mean_digits: Digits of means that are not on the grid of levels. Sums that are added to
            noisy ones need fewer, see `reads.digits`.
    """

    conductances: Conductances
    hardware: Hardware
    siemens_per_weight: float
    level_spacing: float
    unit_voltage: float
    mean_digits: int = SUMMED_DIGITS

    @property
    def lines(self) -> int:
        """Number of word lines."""
        return len(self.conductances.g_pos)

    @property
    def outputs(self) -> int:
        """Number of bit lines."""
        return self.conductances.g_pos.shape[1]

    @property
    def reference_of(self) -> ReferenceColumns:
        """Column of the references that serves each bit line; None for pairs."""
        return self.conductances.reference_of

    def current_noise(self, x: ArrayLike) -> Floats:
        """Return h(x) with Var u = Σ_j h(x_j) G_j/k² of what cells add to their currents [1/S].

        It is 0 without such noise; see `devices.ThermalShotNoise.variance_per_siemens`.

        Args:
            x: Inputs.
        """
        noise = self.hardware.current_noise
        if noise is None:
            return np.zeros(np.shape(x))
        return noise.variance_per_siemens(x, self.unit_voltage)

    def columns(self, lines: slice) -> "CellArray":
        """Return the cells of some bit lines of an array of pairs."""
        c = self.conductances
        part = Conductances(
            c.g_pos[:, lines],
            c.g_neg[:, lines],
            c.effective_pos[:, lines],
            c.effective_neg[:, lines],
            None,
            None if c.small_pos is None else c.small_pos[:, lines],
            None if c.small_neg is None else c.small_neg[:, lines],
        )
        return replace(self, conductances=part)

    def blocks(self) -> "Iterator[tuple[slice, CellArray]]":
        """Yield the cells of some bit lines at a time, with the slice of these lines.

        What is computed of them takes little memory, and stays in the processor's cache. A
        reference column serves many bit lines, so that such cells come all at once.
        """
        if self.reference_of is not None:
            yield slice(0, self.outputs), self
            return
        for start in range(0, self.outputs, _LINES_AT_ONCE):
            lines = slice(start, min(start + _LINES_AT_ONCE, self.outputs))
            yield lines, self.columns(lines)

    def ungated(self) -> "CellArray":
        """Return the same cells without gates."""
        return replace(self, hardware=self.hardware.ungated())


def behind(g: ArrayLike, resistance: float) -> Floats:
    """Return g/(1 + g R) [S]: cells of g [S] in series with a resistance [Ω]."""
    cells = np.asarray(g, dtype=np.float64)
    return cells / (1 + cells * resistance) if resistance else cells


def per_output(negative: Floats, reference_of: ReferenceColumns) -> Floats:
    """Return the negative conductance of each output: its own cell's, or its reference column's."""
    return negative if reference_of is None else negative[..., reference_of]
