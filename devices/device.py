"""One memory cell: its conductance range, and one model for each thing that happens to it."""

from dataclasses import dataclass, field

import numpy as np

from devices.arguments import text
from devices.faults.base import Faults, NoFaults
from devices.iv import IVLaw, Ohmic
from devices.levels import checked_levels, common_spacing, nearest, rounding_variance
from devices.programming.base import IdealWrite, WriteModel
from devices.programming.moments import programming_moments
from devices.pulses.base import PulseResponse
from devices.read_noise.base import NoNoise, ReadNoise
from devices.retention.base import NoDrift, Retention
from devices.seeding import RNG, generator
from devices.temperature import NoTemperature, TemperatureLaw
from devices.validation import (
    Floats,
    array,
    conductances,
    instance,
    integer,
    number,
    shortened,
)

# Targets may exceed the range by this fraction of g_max, which allows for rounding in the mapping.
_ROUNDING = 1e-9
# Base classes of the models in the slots that are never None, and how models are made.
_SLOTS = {
    "write": (WriteModel, "StateDependentError(coefficients=(0.0, 0.05)) or IdealWrite()"),
    "read_noise": (ReadNoise, "GaussianNoise(0.05) or NoNoise()"),
    "retention": (Retention, "PowerLawDrift(nu_mean=0.05) or NoDrift()"),
    "faults": (Faults, "StuckCells(p_stuck_hrs=0.01, p_stuck_lrs=0.01) or NoFaults()"),
    "temperature_law": (
        TemperatureLaw,
        "ActivatedTemperature(activation_energy_ev=0.05) or NoTemperature()",
    ),
    "iv": (IVLaw, "SinhCurve(v_0=0.3) or Ohmic()"),
}


@dataclass(frozen=True, kw_only=True)
class Device:
    """A memory cell with a conductance range and one model in each slot.

    Attributes:
        g_min: Smallest conductance [S].
        g_max: Largest conductance [S].
        levels: Number of levels on an even grid from g_min to g_max; or a rising list of measured
            conductances [S] within that range; or None (default) for a continuous cell.
        write: Programming error, drawn once per chip; default `IdealWrite()`.
        read_noise: The factor ξ of every read; default `NoNoise()`.
        retention: Drift after programming; default `NoDrift()`.
        faults: Stuck cells, drawn once per chip; default `NoFaults()`.
        temperature_law: Dependence of conductance on temperature; default `NoTemperature()`.
        iv: Current over voltage; conductances are those at small voltages; default `Ohmic()`.
        read_disturb_voltage: Largest voltage [V] that does not change the cell, above which
            `chip.report()` warns; None (default) if it is not known.
        compliance: Largest current [A] that the cell may carry; as above.
        pulses: Response to programming pulses, None if it is not known.
        reference: Citation; default "".

    Raises:
        ValueError: If g_min < 0, g_min ≥ g_max, g_max is above 0.1 S, there are fewer than two
            levels, a list of them does not rise or leaves the range, or a slot has a wrong model.
    """

    g_min: float
    g_max: float
    levels: int | tuple[float, ...] | None = None
    write: WriteModel = field(default_factory=IdealWrite)
    read_noise: ReadNoise = field(default_factory=NoNoise)
    retention: Retention = field(default_factory=NoDrift)
    faults: Faults = field(default_factory=NoFaults)
    temperature_law: TemperatureLaw = field(default_factory=NoTemperature)
    iv: IVLaw = field(default_factory=Ohmic)
    read_disturb_voltage: float | None = None
    compliance: float | None = None
    pulses: PulseResponse | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        _check_range(self.g_min, self.g_max)
        if isinstance(self.levels, (tuple, list, np.ndarray)):
            listed = checked_levels("Device.levels", self.levels, self.g_min, self.g_max)
            object.__setattr__(self, "levels", listed)
        elif self.levels is not None:
            integer("Device.levels", self.levels, at_least=2)
        _check_models(self)
        _check_limits_and_source(self)

    @property
    def on_off_ratio(self) -> float:
        """On/off ratio g_max/g_min; infinite if g_min is 0."""
        return self.g_max / self.g_min if self.g_min else float("inf")

    @property
    def level_conductances(self) -> Floats | None:
        """Conductances of the levels [S], rising; None for a continuous cell."""
        if self.levels is None:
            return None
        if isinstance(self.levels, tuple):
            return np.array(self.levels)
        return np.linspace(self.g_min, self.g_max, self.levels)

    @property
    def step(self) -> float:
        """Spacing of the even grid on which the levels lie [S]; 0 if there is none.

        For a list of levels it is the greatest common divisor of their distances.
        """
        if self.levels is None:
            return 0.0
        if isinstance(self.levels, tuple):
            return common_spacing(np.array(self.levels))
        return (self.g_max - self.g_min) / (self.levels - 1)

    def rounding_variance(self, g: Floats) -> Floats:
        """Return the mean square error [S²] of rounding targets that end at the level nearest to g.

        They are uniform; it is step²/12 on an even grid, 0 for a continuous cell.
        """
        if isinstance(self.levels, tuple):
            return rounding_variance(np.array(self.levels), g, self.g_min, self.g_max)
        return np.full(np.shape(g), self.step**2 / 12)

    def gamma(self, g: Floats) -> Floats:
        """Return γ = d ln σ_G / d ln g of the read noise at g [S]; see `ReadNoise.exponent`."""
        return self.read_noise.exponent(conductances("g", g))

    def quantize(self, target: Floats) -> Floats:
        """Return the level nearest to each target [S]; a continuous cell keeps the targets.

        Halfway between two levels of a list it is the lower one.
        """
        if self.levels is None:
            return np.array(target, dtype=np.float64)
        if isinstance(self.levels, tuple):
            return nearest(np.array(self.levels), np.asarray(target))
        return _on_grid(np.asarray(target), self.g_min, self.step)

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        """Return the conductances of new cells after programming.

        The nearest level is taken first, then faulty cells replace it, then the programming error
        is drawn around the result: a stuck cell carries the error of the state it is stuck in. Only
        cells whose conductance was measured (`FaultMap`) have none. Conductances are clipped to the
        range, unless cells have bounds of their own (`WriteModel.has_own_range`).

        Args:
            target: Wanted conductances [S].
            rng: A seed, a Generator, a SeedSequence or None; the same seed gives the same cells.

        Raises:
            ValueError: If a target is NaN or lies outside [g_min, g_max].
        """
        g = array("target", target)
        random = generator(rng)
        _check_targets(g, self.g_min, self.g_max)
        level = self.quantize(np.clip(g, self.g_min, self.g_max))
        stuck = self.faults.measured(level.shape)
        if stuck is None:
            level = self.faults.apply(level, self.g_min, self.g_max, rng=random)
        g = self.write.program(level, rng=random)
        if not self.write.has_own_range:
            g = np.clip(g, self.g_min, self.g_max)
        return g if stuck is None else np.where(np.isnan(stuck), g, stuck)

    def programming_error(self, target: Floats) -> Floats:
        """Return the root mean square error [S] around levels, clipping included, not rounding."""
        bias, variance = self.programming_moments(conductances("target", target))
        return np.asarray(np.sqrt(variance + bias**2))

    def programming_moments(self, target: Floats) -> tuple[Floats, Floats]:
        """Return mean error [S], alike on all chips, and variance [S²]; see `programming_error`."""
        return programming_moments(self.write, target, self.g_min, self.g_max)

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        """Return the conductances [S] some time after programming, of g's shape.

        Args:
            g: Conductances just after programming [S].
            seconds: Time since programming [s].
            rng: A seed, a Generator, a SeedSequence or None; the same seed gives the same paths.
        """
        number("seconds", seconds, at_least=0, unit="s")
        return self.retention.age(conductances("g", g), seconds, rng=generator(rng))


def _on_grid(target: Floats, start: float, step: float) -> Floats:
    """Return the nearest of start, start ± step, … to each target, in one array of memory."""
    level = np.atleast_1d(target - start)
    level /= step
    np.rint(level, out=level)
    level *= step
    level += start
    return level.reshape(np.shape(target))


def _check_models(device: Device) -> None:
    """Raise ValueError unless every slot has a model of its kind."""
    for name, (base, models) in _SLOTS.items():
        advice = f"give a model, such as {models}"
        instance(f"Device.{name}", getattr(device, name), base, advice=advice)
    if device.pulses is not None and not isinstance(device.pulses, PulseResponse):
        raise ValueError(
            f"Device.pulses = {shortened(device.pulses)} is not a PulseResponse or None; give a "
            "model, such as LinearPulses(g_min=1e-6, g_max=50e-6, step=0.01)"
        )


def _check_limits_and_source(device: Device) -> None:
    """Raise ValueError unless limits of voltage and current are positive, and the source a text."""
    text("Device.reference", device.reference)
    for name, unit in (("read_disturb_voltage", "V"), ("compliance", "A")):
        if getattr(device, name) is not None:
            number(f"Device.{name}", getattr(device, name), above=0, unit=unit)


def _check_range(g_min: float, g_max: float) -> None:
    """Raise ValueError unless conductances [S] can be the ends of a cell's range."""
    number("Device.g_min", g_min, at_least=0, unit="S")
    number("Device.g_max", g_max, above=0, unit="S")
    if g_min >= g_max:
        raise ValueError(f"Device.g_min = {g_min:g} S must be below g_max = {g_max:g} S")


def _check_targets(g: Floats, g_min: float, g_max: float) -> None:
    """Raise ValueError if target conductances [S] lie outside the range."""
    slack = _ROUNDING * g_max
    if g.size and (g.min() < g_min - slack or g.max() > g_max + slack):
        raise ValueError(
            f"target conductances range from {g.min():.6g} to {g.max():.6g} S, outside "
            f"the device's {g_min:g} to {g_max:g} S; map the weights with a smaller "
            "siemens_per_weight, or clip them"
        )
