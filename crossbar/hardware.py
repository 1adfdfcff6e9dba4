"""The frozen description of a chip: everything a user can choose about its hardware."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from crossbar.converters import Adc, Dac
from crossbar.mapping import DifferentialPair, WeightMapping
from crossbar.periphery import Comparator
from crossbar.wires.description import Wires
from crossbar.wires.segments import every_segment
from devices import (
    Device,
    IdealWrite,
    InSeries,
    NoDrift,
    NoFaults,
    NoNoise,
    OperatingPoint,
    ReadNoise,
    ThermalShotNoise,
)
from devices.read_noise.thermal import without_current_noise
from devices.validation import boolean, choice, integer, number, shortened

#: Which cells share one draw of a gate: those of a pair, none, or all of a word line.
GATE_SHARINGS = ("pair", "cell", "word_line")
#: What adds the biases: extra word lines, or reference currents at the comparators.
BIASES = ("word_line", "reference")
#: What realizes the term a_i w_ij.
DETERMINISTIC_PATHS = ("programmed", "ideal", "none")
#: Which weights share one weight scale: all of a layer, those of one output, or those of one tile.
WEIGHT_SCALES = ("layer", "row", "tile")
#: `Hardware.input_scale` of layers that get theirs from data.
CALIBRATED = "calibrated"
#: Named rules for the |w| that fills the device's range; a number is a percentile.
WEIGHT_RANGES = ("max", "least_squares")


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Description of a chip before weights are programmed into it.

    Attributes:
        device: The cell. Its read noise is independent in every cell and read.
        gate: Series element (stochastic selector, blank-out) on the cells of stochastic layers,
            drawn on every read; default `NoNoise()`. Its noise must not depend on the cell's
            conductance.
        gate_sharing: Which cells share one draw of the gate: "pair" (default; the two cells of a
            weight), "cell" (none), or "word_line" (all cells of an input: neuron noise,
            dropout-style). With `ReferenceColumn`, "pair" gates each cell together with its own
            mirror of the reference, and "cell" gates the cell and the one reference cell
            separately.
        mapping: How weights become conductances; default `DifferentialPair()`.
        tile_shape: Size of one physical array, (word lines, bit lines); default (128, 128). The two
            cells of a pair sit at the same crossing of twin arrays.
        wires: Resistance of the lines of every tile; None (default) for ideal lines. Resistances of
            single segments fit `tile_shape`, with one more bit line for a reference column; a
            matrix smaller than the tile lies in the corner of drive and sense.
        compensate_wires: Whether conductances are programmed so that the effective ones, behind the
            wires, are the wanted ones as far as the range allows; default False.
        comparator: Threshold read-out of stochastic layers; default exact.
        adc: Converter of all other layers; None (default) reads their currents exactly.
        dac: Converter of the inputs of all layers; None (default) drives word lines with exact
            voltages, one for every value.
        bias: "word_line" (default; ungated extra word lines, programmed like weights, which follow
            a common-mode gain) or "reference" (an exact current at the comparator, which does not).
        deterministic_path: Second, ungated array that realizes a_i w_ij: "programmed" (default;
            with the device's own error and noise), "ideal", or "none" (then every a_i must be 0).
        weight_scale: The weights of a "layer" (default), of each "row" (output) or of each "tile"
            fill the device's range. Per row, every row uses the full range: a comparator does not
            see the scale of its row, and other read-outs divide by it. Per tile, currents are
            divided by the scale of their tile before the tiles of an output are added digitally.
            That needs converters of every tile, `Adc(per="tile")`, or an ideal read-out (None), and
            layers that end in comparators refuse it. Biases have the scale of the layer.
        weight_range: Which |w| fills the device's range: the "max" (default), a percentile of the
            |w| that are not 0, as a number above 0 up to 100, or the "least_squares" choice, which
            minimizes the error of clipping, levels and programming. Larger weights are clipped;
            see `crossbar.weight_range`.
        read_period: Time between two reads [s]; default 1e-6.
        read_voltage: Voltage of an input of size `input_scale` [V]; default 0.1.
        input_scale: Size of the input that is driven with `read_voltage`: a number, default 1, or
            "calibrated" for the largest input of the layer that `chip.calibrate(x)` finds. Smaller
            inputs get proportionally smaller voltages; larger ones exceed the read voltage, and
            `chip.report()` says so. Read-outs multiply by it, so that ideal cells compute the same.
        temperature: Temperature of the cells when they are read [K]; default 300.
        bandwidth: Noise bandwidth of the read-out [Hz]; None (default) for reads that integrate
            over the whole period, 1/(2 · read_period).

    Raises:
        ValueError: A part is of the wrong class, a name is unknown, or a number is not allowed.
    """

    device: Device
    gate: ReadNoise = field(default_factory=NoNoise)
    gate_sharing: str = "pair"
    mapping: WeightMapping = field(default_factory=DifferentialPair)
    tile_shape: tuple[int, int] = (128, 128)
    wires: Wires | None = None
    compensate_wires: bool = False
    comparator: Comparator = field(default_factory=Comparator)
    adc: Adc | None = None
    dac: Dac | None = None
    bias: str = "word_line"
    deterministic_path: str = "programmed"
    weight_scale: str = "layer"
    weight_range: str | float = "max"
    read_period: float = 1e-6
    read_voltage: float = 0.1
    input_scale: float | str = 1.0
    temperature: float = 300.0
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        self._check_part("device", Device, "; devices.preset(name) gives a published one")
        self._check_part("gate", ReadNoise, "; devices.gate(name) gives one")
        self._check_part("mapping", WeightMapping)
        self._check_part("comparator", Comparator)
        if self.adc is not None:
            self._check_part("adc", Adc, " or None")
        if self.dac is not None:
            self._check_part("dac", Dac, " or None")
        if self.wires is not None:
            self._check_part("wires", Wires, " or None")
        boolean("Hardware.compensate_wires", self.compensate_wires)
        choice("gate_sharing", self.gate_sharing, GATE_SHARINGS)
        choice("bias", self.bias, BIASES)
        choice("deterministic_path", self.deterministic_path, DETERMINISTIC_PATHS)
        choice("weight_scale", self.weight_scale, WEIGHT_SCALES)
        self._check_tiles_are_read_apart()
        _check_weight_range(self.weight_range)
        object.__setattr__(self, "tile_shape", _checked_shape(self.tile_shape))
        if self.wires is not None:
            # A reference column is one more bit line beside the tile.
            lines, columns = self.tile_shape
            every_segment(self.wires, (lines, columns + self.mapping.shares_reference))
        number("Hardware.read_period", self.read_period, above=0, unit="s")
        number("Hardware.read_voltage", self.read_voltage, above=0, unit="V")
        number("Hardware.temperature", self.temperature, above=0, unit="K")
        if self.bandwidth is not None:
            number("Hardware.bandwidth", self.bandwidth, above=0, unit="Hz")
        _check_input_scale(self.input_scale, self.dac)
        without_current_noise(self.device.read_noise)  # it refuses two of them
        if self.gate_sharing == "word_line" and self.gate.series_resistance:
            raise ValueError(
                f"Hardware.gate = {self.gate!r} drops voltage, and gate_sharing = 'word_line' puts "
                "it at the driver, where it carries the current of all cells of the line; give its "
                "resistance as Wires(r_source=...), and the gate without it"
            )
        # A gate is a separate element, so its factor must have one law for all cells.
        ends = np.array([self.device.g_min, self.device.g_max])
        moments = self.gate_noise.moments(ends)
        if any(np.ptp(moment) > 1e-12 for moment in moments):
            raise ValueError(
                f"Hardware.gate = {self.gate!r} depends on the cell's conductance, which a gate "
                "does not see; give such noise to the device as read_noise"
            )

    def _check_part(self, name: str, expected: type, advice: str = "") -> None:
        """Raise ValueError unless the part `name` is an instance of `expected`."""
        part = getattr(self, name)
        if not isinstance(part, expected):
            article = "an" if expected is Adc else "a"
            if expected in (Adc, Dac) and isinstance(part, int) and not isinstance(part, bool):
                advice += f"; a converter of {part} bits is crossbar.{expected.__name__}({part})"
            raise ValueError(
                f"Hardware.{name} = {shortened(part)} is not {article} {expected.__name__}{advice}"
            )

    def _check_tiles_are_read_apart(self) -> None:
        """Raise ValueError if tiles of different scales are added before they are converted."""
        if self.weight_scale == "tile" and self.adc is not None and self.adc.per != "tile":
            raise ValueError(
                f"weight_scale = 'tile' does not work with adc = {self.adc!r}: it converts the sum "
                "of all tiles of an output, whose currents have different scales; choose "
                'Adc(per="tile"), adc = None (an ideal read-out), or weight_scale = "layer" or '
                '"row"'
            )

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
    def aged_device(self) -> Device:
        """The device whose retention is that at the temperature of the chip."""
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
        factors, _ = without_current_noise(self.device.read_noise)
        inside = self.gate.series_resistance
        outside = 0.0 if self.wires is None else self.wires.r_access
        if isinstance(factors, NoNoise) or inside == outside == 0:
            return factors.at(self.operating_point)
        return InSeries(factors.at(self.operating_point), inside, outside)

    @cached_property
    def current_noise(self) -> ThermalShotNoise | None:
        """Thermal and shot noise that cells add to their current; None if the device has none.

        A cell in series with others has that of the conductance of them all: Johnson noise is that
        of the whole branch (Nyquist 1928).
        """
        _, added = without_current_noise(self.device.read_noise)
        return None if added is None else added.at(self.operating_point)

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

    def ungated(self) -> "Hardware":
        """Return the same hardware without its gate.

        The programmed deterministic path, bias word lines and deterministic layers are built of it.
        """
        return replace(self, gate=NoNoise())

    def exact(self) -> "Hardware":
        """Return the same hardware without gate, whose cells hold any target exactly.

        The cells have no programming error, read noise, faults, drift or levels, but keep their
        range. The deterministic path "ideal" is built of it.
        """
        cell = replace(
            self.device,
            levels=None,
            write=IdealWrite(),
            read_noise=NoNoise(),
            retention=NoDrift(),
            faults=NoFaults(),
        )
        return replace(self.ungated(), device=cell)


def _check_input_scale(scale: Any, dac: Dac | None) -> None:
    """Raise ValueError unless `scale` is the size of an input, or is found by calibration."""
    if dac is not None and dac.serial and scale != 1:
        raise ValueError(
            f"Hardware.input_scale = {scale!r} has no effect on bit-serial inputs, whose planes "
            "are of size one; leave it at 1, or choose Dac(serial=False)"
        )
    if scale == CALIBRATED:
        return
    if isinstance(scale, str):
        raise ValueError(
            f'Hardware.input_scale = {scale!r} is unknown; give "{CALIBRATED}", or the size of the '
            "input that is driven with the read voltage"
        )
    number("Hardware.input_scale", scale, above=0)


def _check_weight_range(rule: Any) -> None:
    """Raise ValueError unless `rule` is the name of a rule or a percentile."""
    if isinstance(rule, str):
        advice = "; or give a percentile of |w| as a number, such as 99.9"
        try:
            choice("weight_range", rule, WEIGHT_RANGES)
        except ValueError as problem:
            raise ValueError(f"{problem}{advice}") from None
    else:
        number("Hardware.weight_range", rule, above=0, at_most=100, unit="%")


def _checked_shape(tile_shape: Any) -> tuple[int, int]:
    """Return (word lines, bit lines) as integers, or raise ValueError."""
    try:
        word_lines, bit_lines = tile_shape
    except (TypeError, ValueError):
        raise ValueError(
            f"Hardware.tile_shape = {shortened(tile_shape)}; give (word lines, bit lines)"
        ) from None
    return (
        integer("word lines", word_lines, at_least=1),
        integer("bit lines", bit_lines, at_least=1),
    )
