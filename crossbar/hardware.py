"""The frozen description of a chip that a user writes."""

from dataclasses import dataclass, field, replace

import numpy as np

from crossbar.mapping import DifferentialPair, WeightMapping
from crossbar.periphery import Adc, Comparator
from crossbar.wires.description import Wires
from devices import Device, IdealWrite, NoDrift, NoFaults, NoNoise, ReadNoise
from devices.validation import choice, integer, number

SHARINGS = ("pair", "cell", "word_line")
BIASES = ("word_line", "reference")
DETERMINISTIC_PATHS = ("programmed", "ideal", "none")
SCALES = ("layer", "row")


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A chip before it is programmed.

    device: the cell; its read noise is independent in every cell and read. gate: a series element (stochastic
    selector, blank-out) on the cells of stochastic layers, drawn on every read and shared by a "pair", a "cell" each,
    or a whole "word_line" (gate_sharing). With `ReferenceColumn`, "pair" gates each cell together with its own mirror
    of the reference, "cell" the cell and the one reference cell apart.
    mapping: weights to conductances. tile_shape: (word lines, bit lines) of one physical array; the two cells of a
    pair sit at the same crossing of twin arrays. comparator: the threshold of stochastic layers. adc: read-out of all
    other layers (None: ideal).
    bias: "word_line" (ungated extra word lines, programmed like weights: follows a common gain) or "reference" (an
    exact comparator current: does not). deterministic_path: the ungated second array with gain a_i: "programmed" (with the
    device's own error and noise), "ideal", or "none" (then every a_i must be 0).
    weight_scale: siemens per weight from the largest |w| of a "layer", or of each "row" (output), so that every row uses
    the whole range: comparators do not see the scale of a row, other read-outs divide by it.
    read_period [s] between reads. read_voltage [V]: an input of size one. temperature [K] of the cells when they are read, by
    the device's `temperature_law`.
    wires: resistance of the lines of every tile (None: none). compensate_wires: program conductances whose currents behind
    the wires are the wanted ones, as far as the range goes.
    Raises ValueError for a wrong kind, name, or number.
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
    bias: str = "word_line"
    deterministic_path: str = "programmed"
    weight_scale: str = "layer"
    read_period: float = 1e-6
    read_voltage: float = 0.1
    temperature: float = 300.0

    def __post_init__(self) -> None:
        kinds = {
            "device": Device,
            "gate": ReadNoise,
            "mapping": WeightMapping,
            "comparator": Comparator,
        }
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                by_name = {
                    "device": "; devices.preset(name) gives a published one",
                    "gate": "; devices.gate(name) gives one",
                }
                advice = by_name.get(name, "")
                raise ValueError(
                    f"Hardware.{name} = {getattr(self, name)!r} is not a {kind.__name__}{advice}"
                )
        if self.adc is not None and not isinstance(self.adc, Adc):
            raise ValueError(f"Hardware.adc = {self.adc!r} is not an Adc or None")
        if self.wires is not None and not isinstance(self.wires, Wires):
            raise ValueError(f"Hardware.wires = {self.wires!r} is not a Wires or None")
        choice("gate_sharing", self.gate_sharing, SHARINGS)
        choice("bias", self.bias, BIASES)
        choice("deterministic_path", self.deterministic_path, DETERMINISTIC_PATHS)
        choice("weight_scale", self.weight_scale, SCALES)
        try:
            rows, columns = self.tile_shape
        except (TypeError, ValueError):
            raise ValueError(
                f"Hardware.tile_shape = {self.tile_shape!r}; give (word lines, bit lines)"
            ) from None
        object.__setattr__(
            self,
            "tile_shape",
            (integer("word lines", rows, at_least=1), integer("bit lines", columns, at_least=1)),
        )
        number("Hardware.read_period", self.read_period, above=0, unit="s")
        number("Hardware.read_voltage", self.read_voltage, above=0, unit="V")
        number("Hardware.temperature", self.temperature, above=0, unit="K")
        ends = np.array([self.device.g_min, self.device.g_max])
        if any(np.ptp(moment) > 1e-12 for moment in self.gate.moments(ends)):
            raise ValueError(
                f"Hardware.gate = {self.gate!r} depends on the cell's conductance; a gate does not see it: "
                "give such noise to the device as read_noise"
            )

    @property
    def gates_word_lines(self) -> bool:
        """Whether a gate is drawn per word line and read, before the cells are."""
        return self.gate_sharing == "word_line" and not isinstance(self.gate, NoNoise)

    def ungated(self) -> "Hardware":
        """The same chip without the gate: what the copy, the bias and deterministic layers are made of."""
        return replace(self, gate=NoNoise())

    def exact(self) -> "Hardware":
        """The same chip, ungated, with cells free of error, noise, faults, drift and levels: the ideal copy."""
        cell = replace(
            self.device,
            levels=None,
            write=IdealWrite(),
            read_noise=NoNoise(),
            retention=NoDrift(),
            faults=NoFaults(),
        )
        return replace(self.ungated(), device=cell)
