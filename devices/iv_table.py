"""A current-voltage law that is known by a table of measured currents."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from devices.interpolation import MonotoneCubic, knot_slopes
from devices.iv import IVLaw
from devices.rows import rising_row, row, rows_of
from devices.validation import Floats, array

# A monotone cubic may leave 0 V with three times its secant, at most.
_LARGEST_SLOPE = 3.0


@dataclass(frozen=True, kw_only=True)
class TabulatedCurrent(IVLaw):
    """I(g, V) = g f(g, V) from a table of measured currents over voltages and conductances.

    For each conductance g_i of the table f(g_i, V) = I/g_i is a monotone cubic of the voltage
    (`devices.interpolation`) through the measured points and through 0 A at 0 V. There its slope is
    1, because g is the conductance at small voltages. The current never falls with the voltage:
    dI/dV ≥ 0. Between two conductances f is interpolated linearly in g. A table of one conductance
    gives one shape f(V) for cells of all conductances. Nothing is extrapolated: voltages outside
    the table are refused, and so are conductances outside a table of several.

    A table of positive voltages only is continued as an odd function, I(−V) = −I(V). Behind wires
    whose inputs have both signs, a cell may see more than the drivers' voltage, and the table must
    cover that.

    Attributes:
        voltages: Voltages of the cell [V], rising; at least one that is not 0.
        conductances: Small-signal conductances [S] of the measured cells, rising; one for a shape
            that all cells share.
        currents: Measured currents [A], one row for each conductance, with one number for each
            voltage.

    Raises:
        ValueError: If a row does not rise or has the wrong length, a current falls with the
            voltage or is not 0 A at 0 V, or the currents near 0 V belong to another conductance.
    """

    voltages: tuple[float, ...]
    conductances: tuple[float, ...]
    currents: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        voltages = row("TabulatedCurrent.voltages", self.voltages, unit="V")
        if len(voltages) > 1:
            rising_row("TabulatedCurrent.voltages", voltages, unit="V")
        if not any(voltages):
            raise ValueError(
                f"TabulatedCurrent.voltages = {voltages} has no voltage but 0 V; give the voltages "
                "[V] at which currents were measured"
            )
        conductances = row("TabulatedCurrent.conductances", self.conductances, above=0, unit="S")
        if len(conductances) != 1:
            rising_row("TabulatedCurrent.conductances", conductances, unit="S")
        currents = rows_of(
            "TabulatedCurrent.currents",
            self.currents,
            ("conductances", conductances),
            ("voltages", voltages),
            unit="A",
        )
        object.__setattr__(self, "voltages", voltages)
        object.__setattr__(self, "conductances", conductances)
        object.__setattr__(self, "currents", currents)
        _ = self._shapes  # refuses currents that no such curve goes through

    @property
    def is_odd(self) -> bool:
        return self.voltages[0] >= 0

    def shape(self, v: ArrayLike) -> Floats | None:
        return self._shape(0, self._checked_voltages(v)) if len(self.conductances) == 1 else None

    def current(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return the current I [A] of cells of g [S] at v [V].

        Raises:
            ValueError: If a value lies outside the table, as for `slope`.
        """
        cells, volts = self._checked_conductances(g), self._checked_voltages(v)
        return np.asarray(cells * self._mixed(cells, [self._shape(i, volts) for i in self._rows]))

    def slope(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return the differential conductance dI/dV [S]."""
        cells, volts = self._checked_conductances(g), self._checked_voltages(v)
        place = np.abs(volts) if self.is_odd else volts
        slopes = [shape.slope(place) for shape in self._shapes]
        return np.asarray(cells * self._mixed(cells, slopes))

    @property
    def _rows(self) -> range:
        return range(len(self.conductances))

    def _shape(self, i: int, volts: Floats) -> Floats:
        """Return f(g_i, V) [V] at voltages within the table."""
        if self.is_odd:
            return np.asarray(np.sign(volts) * self._shapes[i](np.abs(volts)))
        return self._shapes[i](volts)

    def _mixed(self, cells: Floats, of_rows: list[Floats]) -> Floats:
        """Return what the rows of the table give, interpolated linearly in the conductance."""
        if len(of_rows) == 1:
            return of_rows[0] + np.zeros(cells.shape)
        place = np.interp(cells, self.conductances, np.arange(len(of_rows)))
        return sum(
            (np.maximum(1 - np.abs(place - i), 0) * value for i, value in enumerate(of_rows)),
            np.zeros(()),
        )

    def _checked_conductances(self, g: ArrayLike) -> Floats:
        cells = array("g", g)
        low, high = self.conductances[0], self.conductances[-1]
        if low < high and cells.size and (cells.min() < low or cells.max() > high):
            raise ValueError(
                f"conductances range from {cells.min():.6g} to {cells.max():.6g} S; the table of "
                f"currents covers {low:g} to {high:g} S"
            )
        return cells

    def _checked_voltages(self, v: ArrayLike) -> Floats:
        volts = array("v", v)
        high = max(self.voltages[-1], 0.0)
        low = -high if self.is_odd else self.voltages[0]
        if volts.size and (volts.min() < low or volts.max() > high):
            raise ValueError(
                f"voltages range from {volts.min():g} to {volts.max():g} V; the table of currents "
                f"covers {low:g} to {high:g} V"
            )
        return volts

    @cached_property
    def _shapes(self) -> tuple[MonotoneCubic, ...]:
        """The curve f(g_i, V) of each conductance of the table."""
        return tuple(
            _curve(f"TabulatedCurrent.currents[{i}]", self.voltages, measured, g)
            for i, (measured, g) in enumerate(zip(self.currents, self.conductances, strict=True))
        )


def _curve(
    name: str, voltages: tuple[float, ...], currents: tuple[float, ...], g: float
) -> MonotoneCubic:
    """Return I/g over the voltage, through 0 with slope 1.

    Args:
        name: What the currents are, for messages.
        voltages: Voltages [V] of the table.
        currents: Currents [A] there.
        g: Small-signal conductance of the cell [S].

    Raises:
        ValueError: If no rising curve goes through these points with this slope.
    """
    points = {0.0: 0.0} | dict(zip(voltages, currents, strict=True))
    if points[0.0] != 0:
        raise ValueError(
            f"{name} has {points[0.0]:g} A at 0 V; a cell without voltage carries no current: "
            "subtract the offset of the instrument"
        )
    knots = sorted(points)
    for before, after in pairwise(knots):
        if points[after] < points[before]:
            raise ValueError(
                f"{name} falls from {points[before]:g} A at {before:g} V to {points[after]:g} A at "
                f"{after:g} V; the current of a cell must rise with the voltage, with 0 A at 0 V"
            )
    values = np.array([points[v] / g for v in knots])
    steps = np.diff(knots)
    secants = np.diff(values) / steps
    zero = knots.index(0.0)
    for k in {max(zero - 1, 0), min(zero, len(steps) - 1)}:  # the intervals that end at 0 V
        if secants[k] * _LARGEST_SLOPE < 1:
            raise ValueError(
                f"{name} has a chord of {secants[k] * g:.3g} S at {knots[k] or knots[k + 1]:g} V, "
                f"less than a third of its conductance of {g:g} S at small voltages; are the "
                "currents in amperes and the conductances in siemens?"
            )
    slopes = knot_slopes(steps, secants)
    slopes[zero] = 1.0
    return MonotoneCubic(knots, values, slopes=slopes)
