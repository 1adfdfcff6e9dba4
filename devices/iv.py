"""Current-voltage curves that are not straight: what a cell of small-signal conductance g carries at larger voltages."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import Floats, array, number


@dataclass(frozen=True, kw_only=True)
class CurrentVoltage:
    """I = g V + n₂(g) V² + n₃(g) V³ [A], with n₂ [A/V²] and n₃ [A/V³] polynomials in log10(g/1 S).

    `square` and `cubic`: their coefficients, highest power first; fitted for |V| ≤ `v_max` [V] and g in [g_low, g_high] [S],
    and refused outside. The square term makes the curve asymmetric: I(−V) ≠ −I(V).
    """

    square: tuple[float, ...]
    cubic: tuple[float, ...]
    v_max: float
    g_low: float
    g_high: float

    def __post_init__(self) -> None:
        for name in ("square", "cubic"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            if not getattr(self, name):
                raise ValueError(f"CurrentVoltage.{name} is empty; give (0.0,) for none")
            for c in getattr(self, name):
                number(f"CurrentVoltage.{name}", c)
        number("CurrentVoltage.v_max", self.v_max, above=0, unit="V")
        number("CurrentVoltage.g_low", self.g_low, above=0, unit="S")
        number("CurrentVoltage.g_high", self.g_high, above=self.g_low, unit="S")

    def current(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return I [A] at voltages v [V] of cells that conduct g [S] at small voltages; raises ValueError outside the fit."""
        return self.effective_conductance(g, v) * array("v", v)

    def slope(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return dI/dV [S]; raises ValueError outside the fit."""
        twice = 2 * self.effective_conductance(g, v) - array("g", g)  # g + 2 n₂ V + 2 n₃ V²
        return np.asarray(
            twice + np.polyval(self.cubic, np.log10(array("g", g))) * array("v", v) ** 2
        )

    def effective_conductance(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return I/V [S], and g itself at v = 0; raises ValueError outside the fit."""
        cells, volts = array("g", g), array("v", v)
        if cells.size and (cells.min() < self.g_low or cells.max() > self.g_high):
            raise ValueError(
                f"conductances span {cells.min():.6g} to {cells.max():.6g} S; the current-voltage curve was fitted from "
                f"{self.g_low:g} to {self.g_high:g} S"
            )
        if volts.size and np.abs(volts).max() > self.v_max:
            raise ValueError(
                f"voltages reach {np.abs(volts).max():g} V; the current-voltage curve was fitted up to {self.v_max:g} V"
            )
        log_g = np.log10(cells)
        return np.asarray(
            cells
            + np.polyval(self.square, log_g) * volts
            + np.polyval(self.cubic, log_g) * volts**2
        )


@dataclass(frozen=True, kw_only=True)
class SinhCurve:
    """I = g V_0 sinh(V/V_0) [A]: hopping or trap-assisted conduction, ohmic for |V| ≪ `v_0` [V]."""

    v_0: float

    def __post_init__(self) -> None:
        number("SinhCurve.v_0", self.v_0, above=0, unit="V")

    def current(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return I [A] at voltages v [V] of cells that conduct g [S] at small voltages."""
        return np.asarray(array("g", g) * self.v_0 * np.sinh(array("v", v) / self.v_0))

    def slope(self, g: ArrayLike, v: ArrayLike) -> Floats:
        """Return dI/dV [S]."""
        return np.asarray(array("g", g) * np.cosh(array("v", v) / self.v_0))


#: HfO2 RRAM (1T1R). Milo et al. IRPS 2021 Fig. 1, doi:10.1109/IRPS46558.2021.9405119 (DOI from memory); polynomials read in
#: CrossSim 0a2eb1e, which could not be confirmed since. The coefficients cancel: half a unit of their last digits moves the
#: square term by 1.5e-5 A/V², 63 % of it at 62.5 µS and more than all of it above 80 µS: use the curve with care.
MILO2021 = CurrentVoltage(
    square=(0.0001388, 0.001541, 0.005711, 0.007063),
    cubic=(8.871e-05, 0.00067919, 0.0012968),
    v_max=0.5,
    g_low=62.5e-6,
    g_high=110e-6,
)
