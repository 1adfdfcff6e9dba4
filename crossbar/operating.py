"""What the parts of a hardware are at its operating point: noises, gates, voltages."""

from dataclasses import replace
from functools import cached_property

from crossbar.converters import Dac
from crossbar.wires.description import Wires
from devices import (
    Device,
    InSeries,
    NoNoise,
    Ohmic,
    OperatingPoint,
    ReadNoise,
    ThermalShotNoise,
)
from devices.read_noise.thermal import split_current_noise

#: `Hardware.input_scale` of layers that get theirs from data.
CALIBRATED = "calibrated"


class AtOperatingPoint:
    """Properties of `Hardware` that are derived from its fields.

    They are models at the operating point, resistances and voltages. The fields are annotated here
    and defined in `Hardware`.
    """

    device: Device
    gate: ReadNoise
    gate_sharing: str
    wires: Wires | None
    dac: Dac | None
    read_voltage: float
    input_scale: float | str
    temperature: float
    read_period: float
    bandwidth: float | None

    @cached_property
    def operating_point(self) -> OperatingPoint:
        """The conditions of a read, which reach every model that depends on them."""
        return OperatingPoint(
            voltage=self.read_voltage,
            temperature=self.temperature,
            read_period=self.read_period,
            bandwidth=self.bandwidth,
        )

    @cached_property
    def device_at_temperature(self) -> Device:
        """The device, its retention taken at the temperature of the chip."""
        return replace(self.device, retention=self.device.retention.at(self.operating_point))

    @cached_property
    def gate_noise(self) -> ReadNoise:
        """The gate at the operating point."""
        return self.gate.at(self.operating_point)

    @cached_property
    def cell_noise(self) -> ReadNoise:
        """The factors on the currents of cells, at the operating point and behind series elements.

        Its methods take conductances as a tile holds them, in series with a conducting gate. The
        access transistor of `wires` divides the noise too.
        """
        factors, _ = split_current_noise(self.device.read_noise)
        included, excluded = self.gate.series_resistance, self.access_resistance
        if isinstance(factors, NoNoise) or included == excluded == 0:
            return factors.at(self.operating_point)
        return InSeries(factors.at(self.operating_point), included, excluded)

    @cached_property
    def current_noise(self) -> ThermalShotNoise | None:
        """Thermal and shot noise that cells add to their current; None if the device has none.

        A cell in series with others has that of the conductance of them all: Johnson noise is that
        of the whole branch (Nyquist 1928).
        """
        _, added = split_current_noise(self.device.read_noise)
        return None if added is None else added.at(self.operating_point)

    @property
    def access_resistance(self) -> float:
        """Resistance of the access transistor of each cell [Ω]."""
        return 0.0 if self.wires is None else self.wires.r_access

    @property
    def series_resistance(self) -> float:
        """Resistance in series with each cell while its gate conducts [Ω]."""
        return self.gate.series_resistance + self.access_resistance

    @property
    def is_ohmic(self) -> bool:
        """Whether currents are proportional to voltages."""
        return isinstance(self.device.iv, Ohmic)

    @property
    def unit_voltage(self) -> float:
        """Voltage of an input of one [V]; the read voltage if the scale is not calibrated yet."""
        scale = 1.0 if isinstance(self.input_scale, str) else float(self.input_scale)
        return self.read_voltage / scale

    @property
    def has_open_inputs(self) -> bool:
        """Whether inputs have no range before a calibration finds it."""
        if self.dac is not None:
            return self.dac.range is None
        return self.input_scale == CALIBRATED

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated."""
        return self.gate_noise.has_memory or self.cell_noise.has_memory

    @property
    def has_quiet_cells(self) -> bool:
        """Whether cells have no read noise."""
        return isinstance(self.cell_noise, NoNoise) and self.current_noise is None

    @property
    def gates_word_lines(self) -> bool:
        """Whether one gate per word line is drawn on every read, before the cells are read."""
        return self.gate_sharing == "word_line" and not isinstance(self.gate, NoNoise)
