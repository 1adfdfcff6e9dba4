"""Step laws y(w) of published pulse responses; `step_pulses` has what they share."""

from dataclasses import dataclass

import numpy as np

from devices.pulses.base import UP, PulsedCells
from devices.pulses.flat import FlatCells, Law, flat_cells
from devices.pulses.step_pulses import AffinePulses, StepPulses, flat_fields
from devices.validation import Floats


@dataclass(frozen=True, kw_only=True)
class ConstantPulses(AffinePulses):
    """Steps of constant size, y = 1, up to the bounds.

    Gokmen & Vlasov 2016, doi:10.3389/fnins.2016.00333.

    Attributes: As in `StepPulses`.
    """

    def slope(self, cells: PulsedCells, direction: int) -> Floats:
        return np.zeros(cells.shape)


@dataclass(frozen=True, kw_only=True)
class LinearPulses(AffinePulses):
    """Steps that shrink linearly towards the bounds.

    y = 1 − decrease_up w/w_max up and y = 1 − decrease_down w/w_min down. The bounds in these laws
    are those of the typical device.

    Attributes:
        decrease_up: Fraction of the step that is lost at w_max; negative if steps grow; default 0.
        decrease_down: Fraction of the step that is lost at w_min; negative if steps grow; default
            0.
        Others: As in `StepPulses`.

    Raises:
        ValueError: If w_min = 0, or as `StepPulses`.
    """

    decrease_up: float = 0.0
    decrease_down: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("w_min", below=0)
        self._check("decrease_up")
        self._check("decrease_down")

    def slope(self, cells: PulsedCells, direction: int) -> Floats:
        up = direction == UP
        slope = self.decrease_up / self.w_max if up else self.decrease_down / self.w_min
        return np.full(cells.shape, slope)


@dataclass(frozen=True, kw_only=True)
class SoftBoundsPulses(AffinePulses):
    """Steps that vanish at each cell's own bounds: y = 1 − w/w_max up, y = 1 − w/w_min down.

    This is the form of the RRAM arrays of Gong et al., IEDM 2022. After n pulses the fraction
    (1 − α/w_max)^n of the distance to the bound is left. The symmetry point is at
    w* = (α₊ − α₋)/(α₊/w_max − α₋/w_min).

    Attributes: As in `StepPulses`.

    Raises:
        ValueError: If w_min = 0, or as `StepPulses`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("w_min", below=0)

    def slope(self, cells: PulsedCells, direction: int) -> Floats:
        return np.asarray(1 / cells["w_max" if direction == UP else "w_min"])


@dataclass(frozen=True, kw_only=True)
class ExpStepPulses(StepPulses):
    """Steps that fall exponentially towards the bounds.

    y = max(1 − a_up e^(gamma_up z), 0) up and y = max(1 − a_down e^(−gamma_down z), 0) down, with
    z = 2 a w/(w_max − w_min) + b with the cell's own bounds. The standard deviation of a step is
    c2c (|step| + c2c_base + c2c_slope |w|). Fitted to RRAM by Gong et al. 2018,
    doi:10.1038/s41467-018-04485-1.

    Attributes:
        a: Scale of w in z.
        b: Offset of z.
        a_up: Amplitude of the exponential, potentiation.
        a_down: Amplitude of the exponential, depression.
        gamma_up: Rate of the exponential, potentiation.
        gamma_down: Rate of the exponential, depression.
        c2c_base: Constant part of the step's noise, in units of w; default 0.
        c2c_slope: Part of the step's noise that grows with |w|; default 0.
        Others: As in `StepPulses`.
    """

    a: float
    b: float
    a_up: float
    a_down: float
    gamma_up: float
    gamma_down: float
    c2c_base: float = 0.0
    c2c_slope: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("a", "b", "a_up", "a_down", "gamma_up", "gamma_down"):
            self._check(name)
        for name in ("c2c_base", "c2c_slope"):
            self._check(name, at_least=0)

    def relative_step(self, w: Floats, cells: PulsedCells, direction: int) -> Floats:
        z = 2 * self.a * w / (cells["w_max"] - cells["w_min"]) + self.b
        if direction == UP:
            a, gamma = self.a_up, self.gamma_up
        else:
            a, gamma = self.a_down, -self.gamma_down
        return np.asarray(np.maximum(1 - a * np.exp(gamma * z), 0))

    def step_deviation(self, w: Floats, mean_step: Floats, alpha: Floats) -> Floats:
        extra = self.c2c_base + self.c2c_slope * np.abs(w)
        return super().step_deviation(w, mean_step, alpha) + self.c2c * extra

    def flat(self, cells: PulsedCells) -> FlatCells:
        """Return the cells for compiled loops."""
        numbers = (self.a, self.b, self.a_up, self.a_down, self.gamma_up, self.gamma_down)
        return flat_cells(
            Law.EXPONENTIAL,
            numbers=numbers,
            constant=self.c2c * self.c2c_base / (self.w_max - self.w_min),
            of_size=self.c2c * self.c2c_slope,
            **flat_fields(self, cells),
        )


@dataclass(frozen=True, kw_only=True)
class PowerPulses(StepPulses):
    """Steps by a power of the distance to the cell's own bounds.

    y = ((w_max − w)/(w_max − w_min))^gamma_up up, y = ((w − w_min)/(w_max − w_min))^gamma_down
    down.

    Attributes:
        gamma_up: Exponent of potentiation; default 1.
        gamma_down: Exponent of depression; default 1.
        Others: As in `StepPulses`.
    """

    gamma_up: float = 1.0
    gamma_down: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("gamma_up", at_least=0)
        self._check("gamma_down", at_least=0)

    def relative_step(self, w: Floats, cells: PulsedCells, direction: int) -> Floats:
        if direction == UP:
            left, gamma = cells["w_max"] - w, self.gamma_up
        else:
            left, gamma = w - cells["w_min"], self.gamma_down
        return np.asarray((left / (cells["w_max"] - cells["w_min"])) ** gamma)

    def flat(self, cells: PulsedCells) -> FlatCells:
        """Return the cells for compiled loops."""
        return flat_cells(
            Law.POWER,
            numbers=(self.gamma_up, self.gamma_down, 0.0, 0.0, 0.0, 0.0),
            **flat_fields(self, cells),
        )
