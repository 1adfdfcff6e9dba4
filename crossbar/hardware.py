"""The frozen description of a chip: everything a user can choose about its hardware."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from crossbar.converters import Adc, Dac
from crossbar.mapping import DifferentialPair, WeightMapping
from crossbar.operating import CALIBRATED, AtOperatingPoint
from crossbar.periphery import Comparator
from crossbar.wires.description import Wires
from crossbar.wires.segments import every_segment
from devices import Device, IdealWrite, NoDrift, NoFaults, NoNoise, ReadNoise
from devices.read_noise.thermal import split_current_noise
from devices.validation import boolean, choice, integer, number, shortened

#: Which cells share one draw of a gate: those of a pair, none, or all of a word line.
GATE_SHARINGS = ("pair", "cell", "word_line")
#: What adds the biases: extra word lines, or reference currents at the comparators.
BIASES = ("word_line", "reference")
#: What realizes the term a_i w_ij.
DETERMINISTIC_PATHS = ("programmed", "ideal", "none")
#: Which weights share one weight scale: all of a layer, those of one output, or those of one tile.
WEIGHT_SCALES = ("layer", "row", "tile")
#: Named rules for the |w| that fills the device's range; a number is a percentile.
WEIGHT_RANGES = ("max", "least_squares")


@dataclass(frozen=True, kw_only=True)
class Hardware(AtOperatingPoint):
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
            with the device's own error and noise), "ideal" (cells hold any target exactly; they
            neither drift nor fail), or "none" (then every a_i must be 0).
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
        _check_part(self, "device", Device, "; devices.preset(name) gives a published one")
        _check_part(self, "gate", ReadNoise, "; devices.gate(name) gives one")
        _check_part(self, "mapping", WeightMapping, "; give one, such as BalancedPair()")
        _check_part(self, "comparator", Comparator, "; give one, such as Comparator(noise=1e-9)")
        if self.adc is not None:
            _check_part(self, "adc", Adc, " or None")
        if self.dac is not None:
            _check_part(self, "dac", Dac, " or None")
        if self.wires is not None:
            _check_part(self, "wires", Wires, " or None; give Wires(r_row=1.0, r_col=1.0)")
        boolean("Hardware.compensate_wires", self.compensate_wires)
        choice("gate_sharing", self.gate_sharing, GATE_SHARINGS)
        choice("bias", self.bias, BIASES)
        choice("deterministic_path", self.deterministic_path, DETERMINISTIC_PATHS)
        choice("weight_scale", self.weight_scale, WEIGHT_SCALES)
        _check_tiles_are_read_apart(self)
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
        split_current_noise(self.device.read_noise)  # it refuses two of them
        _check_gate(self)

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
    if not isinstance(scale, str):
        number("Hardware.input_scale", scale, above=0)
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
        if not isinstance(tile_shape, (tuple, list, np.ndarray)):
            raise TypeError  # sets have no order, and bytes are numbers by chance
        word_lines, bit_lines = tile_shape
    except (TypeError, ValueError):
        raise ValueError(
            f"Hardware.tile_shape = {shortened(tile_shape)}; give (word lines, bit lines)"
        ) from None
    return (
        integer("Hardware.tile_shape: word lines", word_lines, at_least=1),
        integer("Hardware.tile_shape: bit lines", bit_lines, at_least=1),
    )


def _check_part(hardware: "Hardware", name: str, expected: type, advice: str = "") -> None:
    """Raise ValueError unless the part `name` is an instance of `expected`."""
    part = getattr(hardware, name)
    if not isinstance(part, expected):
        article = "an" if expected is Adc else "a"
        if expected in (Adc, Dac) and isinstance(part, int) and not isinstance(part, bool):
            advice += f"; a converter of {part} bits is crossbar.{expected.__name__}({part})"
        raise ValueError(
            f"Hardware.{name} = {shortened(part)} is not {article} {expected.__name__}{advice}"
        )


def _check_tiles_are_read_apart(hardware: "Hardware") -> None:
    """Raise ValueError if tiles of different scales are added before they are converted."""
    if hardware.weight_scale == "tile" and hardware.adc is not None and hardware.adc.per != "tile":
        raise ValueError(
            f"weight_scale = 'tile' does not work with adc = {hardware.adc!r}: it converts the sum "
            "of all tiles of an output, whose currents have different scales; choose "
            'Adc(per="tile"), adc = None (an ideal read-out), or weight_scale = "layer" or '
            '"row"'
        )


def _check_gate(hardware: "Hardware") -> None:
    """Raise ValueError unless the gate has one law for all cells and a place for its resistance."""
    if hardware.gate_sharing == "word_line" and hardware.gate.series_resistance:
        raise ValueError(
            f"Hardware.gate = {hardware.gate!r} drops voltage, and gate_sharing = 'word_line' puts "
            "it at the driver, where it carries the current of all cells of the line; give its "
            "resistance as Wires(r_source=...), and the gate without it"
        )
    # A gate is a separate element, so its factor must have one law for all cells.
    ends = np.array([hardware.device.g_min, hardware.device.g_max])
    moments = hardware.gate_noise.moments(ends)
    if any(np.ptp(moment) > 1e-12 for moment in moments):
        raise ValueError(
            f"Hardware.gate = {hardware.gate!r} depends on the cell's conductance, which a gate "
            "does not see; give such noise to the device as read_noise"
        )
