"""Nonlinear current-voltage curves of cells with small-signal conductance g."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.rows import is_row
from devices.validation import Floats, array, number, shortened

#: Newton steps, and the relative error of the voltage at which they stop.
_MOST_STEPS = 100
_TOLERANCE = 1e-13


class IVLaw(ABC):
    """The current of a cell over its voltage; a new law defines `current` and `slope`.

    A law whose current is odd in the voltage sets `is_odd`: inputs +1 and −1 then see the same
    conductance. If the current is g · f(V) for all conductances, `shape` returns f(V).
    """

    @abstractmethod
    def current(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return the current I [A] of cells with small-signal conductance g [S] at v [V]."""

    @abstractmethod
    def slope(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return the differential conductance dI/dV [S] of cells of g [S] at v [V]."""

    @property
    def is_odd(self) -> bool:
        """Whether I(−V) = −I(V)."""
        return False

    def shape(self, v: ArrayLike) -> Floats | None:
        """Return f(V) [V] if the current is g · f(V) for all g; otherwise None."""
        return None

    def chord(self, g: ArrayLike, v: ArrayLike, series: float = 0.0) -> Floats:
        """Return I/V_cell [S] of cells in a branch under v [V], in series with a resistance.

        The cell's voltage solves V_cell + series · I(V_cell) = v by Newton's iteration, kept
        between 0 and v by bisection; at v = 0 the chord is dI/dV.

        Args:
            g: Small-signal conductances [S].
            v: Voltages of the branches [V], which broadcast with g.
            series: Resistance in series with each cell [Ω].

        Raises:
            ValueError: The law does not allow a conductance or voltage.
            ArithmeticError: The iteration did not converge.
        """
        cells, volts = np.broadcast_arrays(array("g", g), array("v", v))
        across = volts / (1 + cells * series)
        low, high = np.minimum(volts, 0), np.maximum(volts, 0)
        for _ in range(_MOST_STEPS if series else 0):
            excess = across + series * self.current(cells, across) - volts
            # The excess rises with the voltage, so its sign tells on which side the solution lies.
            low, high = np.where(excess < 0, across, low), np.where(excess > 0, across, high)
            newton = across - excess / (1 + series * self.slope(cells, across))
            inside = (newton >= low) & (newton <= high)
            next_one = np.where(inside, newton, (low + high) / 2)
            step, across = next_one - across, next_one
            if np.abs(step).max(initial=0) <= _TOLERANCE * np.abs(volts).max(initial=0):
                break
        else:
            if series:
                raise ArithmeticError(
                    f"the voltage of cells behind {series:g} Ω did not converge in {_MOST_STEPS} "
                    "steps of Newton's iteration"
                )
        driven = across != 0
        safe = np.where(driven, across, 1.0)
        currents = self.current(cells, across)
        at_rest = self.slope(cells, np.zeros_like(across))
        return np.where(driven, currents / safe, at_rest)


@dataclass(frozen=True, kw_only=True)
class Ohmic(IVLaw):
    """I = g V."""

    def current(self, g: ArrayLike, v: ArrayLike) -> Floats:
        return np.asarray(array("g", g) * array("v", v))

    def slope(self, g: ArrayLike, v: ArrayLike) -> Floats:
        return np.asarray(array("g", g) + np.zeros(np.shape(v)))

    @property
    def is_odd(self) -> bool:
        return True

    def shape(self, v: ArrayLike) -> Floats:
        return array("v", v)

    def chord(self, g: ArrayLike, v: ArrayLike, series: float = 0.0) -> Floats:
        return self.slope(g, v)


@dataclass(frozen=True, kw_only=True)
class CurrentVoltage(IVLaw):
    """I = g V + n₂(g) V² + n₃(g) V³ [A], with n₂ [A/V²] and n₃ [A/V³] polynomials in log10(g/1 S).

    The quadratic term makes the curve asymmetric: I(−V) ≠ −I(V). The polynomials were fitted in a
    range of voltages and conductances; values outside it are refused.

    Attributes:
        square: Coefficients of n₂, highest power first.
        cubic: Coefficients of n₃, highest power first.
        v_max: Largest |V| of the fit [V].
        g_low: Smallest conductance of the fit [S].
        g_high: Largest conductance of the fit [S].

    Raises:
        ValueError: If a polynomial has no coefficient, or a number lies outside its range.
    """

    square: tuple[float, ...]
    cubic: tuple[float, ...]
    v_max: float
    g_low: float
    g_high: float

    def __post_init__(self) -> None:
        for name in ("square", "cubic"):
            given = getattr(self, name)
            if not is_row(given):
                raise ValueError(
                    f"CurrentVoltage.{name} = {shortened(given)} is not a list of coefficients; "
                    "give (0.1,) for a constant of 0.1"
                )
            object.__setattr__(self, name, tuple(given))
            if not getattr(self, name):
                raise ValueError(f"CurrentVoltage.{name} is empty; give (0.0,) for none")
            for c in getattr(self, name):
                number(f"CurrentVoltage.{name}", c)
        number("CurrentVoltage.v_max", self.v_max, above=0, unit="V")
        number("CurrentVoltage.g_low", self.g_low, above=0, unit="S")
        number("CurrentVoltage.g_high", self.g_high, above=self.g_low, unit="S")

    @property
    def is_odd(self) -> bool:
        return not any(self.square)

    def current(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return the current I [A] of cells of g [S] at v [V].

        Raises:
            ValueError: If a value lies outside the fit, as for `slope` and `effective_conductance`.
        """
        return self.effective_conductance(g, v) * array("v", v)

    def slope(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return the differential conductance dI/dV [S]."""
        # dI/dV = g + 2 n₂ V + 3 n₃ V²; the first two terms and 2 n₃ V² are 2 I/V − g.
        twice = 2 * self.effective_conductance(g, v) - array("g", g)
        n3 = np.polyval(self.cubic, np.log10(array("g", g)))
        return np.asarray(twice + n3 * array("v", v) ** 2)

    def effective_conductance(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return I/V [S], which is g at v = 0."""
        cells = array("g", g)
        volts = array("v", v)
        if cells.size and (cells.min() < self.g_low or cells.max() > self.g_high):
            raise ValueError(
                f"conductances range from {cells.min():.6g} to {cells.max():.6g} S; the "
                f"current-voltage curve was fitted from {self.g_low:g} to {self.g_high:g} S"
            )
        if volts.size and np.abs(volts).max() > self.v_max:
            raise ValueError(
                f"voltages reach {np.abs(volts).max():g} V; the current-voltage curve was fitted "
                f"up to {self.v_max:g} V"
            )
        log_g = np.log10(cells)
        n2 = np.polyval(self.square, log_g)
        n3 = np.polyval(self.cubic, log_g)
        return np.asarray(cells + n2 * volts + n3 * volts**2)


@dataclass(frozen=True, kw_only=True)
class SinhCurve(IVLaw):
    """I = g V_0 sinh(V/V_0) [A]: hopping or trap-assisted conduction, ohmic for |V| ≪ V_0.

    Attributes:
        v_0: Voltage V_0 at which the curve becomes nonlinear [V].

    Raises:
        ValueError: If v_0 is not positive.
    """

    v_0: float

    def __post_init__(self) -> None:
        number("SinhCurve.v_0", self.v_0, above=0, unit="V")

    @property
    def is_odd(self) -> bool:
        return True

    def shape(self, v: ArrayLike) -> Floats:
        return np.asarray(self.v_0 * np.sinh(array("v", v) / self.v_0))

    def current(self, g: ArrayLike, v: ArrayLike) -> Floats:
        return np.asarray(array("g", g) * self.shape(v))

    def slope(self, g: ArrayLike, v: ArrayLike) -> Floats:
        return np.asarray(array("g", g) * np.cosh(array("v", v) / self.v_0))


#: HfO2 RRAM (1T1R). Milo et al. IRPS 2021 Fig. 1, doi:10.1109/IRPS46558.2021.9405119 (DOI from
#: memory). The polynomials were read in CrossSim 0a2eb1e, and could not be confirmed since. Use the
#: curve with care, because its coefficients nearly cancel: an error of half a unit in their last
#: digits changes the quadratic term by 1.5e-5 A/V², which is 63 % of it at 62.5 µS and more than
#: all of it above 80 µS.
MILO2021 = CurrentVoltage(
    square=(0.0001388, 0.001541, 0.005711, 0.007063),
    cubic=(8.871e-05, 0.00067919, 0.0012968),
    v_max=0.5,
    g_low=62.5e-6,
    g_high=110e-6,
)
