"""One memory cell: its conductance range, and one model for each thing that happens to it."""

from dataclasses import dataclass, field

import numpy as np

from devices.faults.stuck import Faults, NoFaults
from devices.programming.error import IdealWrite, WriteModel
from devices.pulses.base import PulseResponse
from devices.read_noise.base import NoNoise, ReadNoise
from devices.retention.base import NoDrift, Retention
from devices.seeding import RNG, generator
from devices.temperature import NoTemperature, TemperatureLaw
from devices.validation import Floats, array, integer, number

_MOST = 0.1  # [S]; whoever gives more means µS


@dataclass(frozen=True, kw_only=True)
class Device:
    """A cell with conductances in [g_min, g_max] [S], `levels` of them on an even grid (None: any), and its models.

    write: programming error, drawn once per chip. read_noise: ξ of every read. retention: drift after programming.
    faults: stuck cells, drawn once per chip. temperature_law: conductance over temperature. pulses: response to programming
    pulses, None where not known; `write` does not depend on it. reference: citation. Raises ValueError for g_min < 0,
    g_min ≥ g_max, g_max above 0.1 S, fewer than two levels, or a slot that holds the wrong kind of model.
    """

    g_min: float
    g_max: float
    levels: int | None = None
    write: WriteModel = field(default_factory=IdealWrite)
    read_noise: ReadNoise = field(default_factory=NoNoise)
    retention: Retention = field(default_factory=NoDrift)
    faults: Faults = field(default_factory=NoFaults)
    temperature_law: TemperatureLaw = field(default_factory=NoTemperature)
    pulses: PulseResponse | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        number("Device.g_min", self.g_min, at_least=0, unit="S")
        number("Device.g_max", self.g_max, above=0, unit="S")
        if self.g_max > _MOST:
            raise ValueError(
                f"Device.g_max = {self.g_max:g} S is no memory cell's; conductances are in siemens: write 50 µS as 50e-6"
            )
        if self.g_min >= self.g_max:
            raise ValueError(
                f"Device.g_min = {self.g_min:g} S must be below g_max = {self.g_max:g} S"
            )
        if self.levels is not None:
            integer("Device.levels", self.levels, at_least=2)
        slots = {
            "write": WriteModel,
            "read_noise": ReadNoise,
            "retention": Retention,
            "faults": Faults,
        }
        for slot, kind in (slots | {"temperature_law": TemperatureLaw}).items():
            if not isinstance(getattr(self, slot), kind):
                raise ValueError(
                    f"Device.{slot} = {getattr(self, slot)!r} is not a {kind.__name__}"
                )
        if self.pulses is not None and not isinstance(self.pulses, PulseResponse):
            raise ValueError(f"Device.pulses = {self.pulses!r} is not a PulseResponse or None")

    @property
    def on_off_ratio(self) -> float:
        """g_max / g_min."""
        return float("inf") if self.g_min == 0 else self.g_max / self.g_min

    @property
    def step(self) -> float:
        """Distance between neighbouring levels [S]; 0 for a continuous cell."""
        return 0.0 if self.levels is None else (self.g_max - self.g_min) / (self.levels - 1)

    def gamma(self, g: Floats) -> Floats:
        """Return γ = d ln σ_G / d ln g of the read noise at conductances g [S]; see `ReadNoise.exponent`."""
        return self.read_noise.exponent(array("g", g))

    def quantize(self, target: Floats) -> Floats:
        """Return the level nearest to each target [S]."""
        if self.levels is None:
            return np.array(target, dtype=np.float64)
        return self.g_min + np.rint((np.asarray(target) - self.g_min) / self.step) * self.step

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        """Return conductances [S] of a new cell each, programmed to `target` [S]; same `rng`, same cells.

        In order: nearest level, stuck cells, programming error. Raises ValueError for NaN, or targets outside
        [g_min, g_max].
        """
        g = array("target", target)
        slack = 1e-9 * self.g_max
        if g.size and (g.min() < self.g_min - slack or g.max() > self.g_max + slack):
            raise ValueError(
                f"target conductances span {g.min():.6g} to {g.max():.6g} S, outside the device's "
                f"{self.g_min:g} to {self.g_max:g} S; map the weights with a smaller siemens_per_weight, or clip them"
            )
        random = generator(rng)
        level = self.quantize(np.clip(g, self.g_min, self.g_max))
        held = self.faults.apply(level, self.g_min, self.g_max, rng=random)
        return self.write.program(held, rng=random)

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        """Return conductances [S], `seconds` [s] after the programming that gave `g` [S]."""
        number("seconds", seconds, at_least=0, unit="s")
        return self.retention.age(array("g", g), seconds, rng=generator(rng))
