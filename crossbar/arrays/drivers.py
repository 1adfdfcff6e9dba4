"""What drives the word lines of a layer: exact voltages, levels of a DAC, or bit planes."""

from math import nan
from typing import Any, Protocol

import numpy as np

from crossbar.arrays.clipping import ClipCount
from crossbar.converters import ROUNDING, Dac
from crossbar.hardware import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.validation import Floats, number


class Watch(Protocol):
    """What records the values in front of converters while they are being calibrated."""

    def add(self, values: Any, site: int) -> None:
        """Take values (rows, columns) in front of the converters of a site."""
        ...


class Drivers:
    """The drivers of the word lines of one layer.

    Args:
        hardware: The converter of the inputs (None drives exact voltages), read voltage and input
            scale.
        name: What messages call the layer.

    Attributes:
        dac: The converter.
        limit: Largest input that is converted, or that is driven with the read voltage, as
            calibrated; `Dac.range`; None before.
        largest: Largest |input| that has been driven.
        is_open: Whether a calibration finds the range of the inputs.
        sees_parts: Whether inputs other than 0 and ± the input scale have been driven.
        expected: Share of inputs that the limit is expected to clip.
        clips: Inputs that were converted, and clipped.
        watch: While it is set, inputs are not converted but shown to it.
    """

    def __init__(self, hardware: Hardware, name: str):
        self.dac = dac = hardware.dac
        self.name = name
        self.limit = None if dac is None else dac.range
        self.largest = 0.0
        self.sees_parts = False
        self.is_open = hardware.has_open_inputs
        self.read_voltage = hardware.read_voltage
        self._scale = hardware.input_scale
        self.expected = 0.0
        self.clips = ClipCount(f"the DAC of {name} clips its inputs", "Dac", is_open=self.is_open)
        self.watch: Watch | None = None

    @property
    def planes(self) -> int:
        """Reads of the array for one input."""
        return 1 if self.dac is None else self.dac.planes

    @property
    def input_scale(self) -> float | None:
        """Input that is driven with the read voltage; None if it is not calibrated yet."""
        if not isinstance(self._scale, str):
            return float(self._scale)
        return 1.0 if self.planes > 1 else self.limit

    @property
    def unit_voltage(self) -> float:
        """Voltage of an input of one [V]; the read voltage while there is no scale."""
        return self.read_voltage / (self.input_scale or 1.0)

    @property
    def largest_voltage(self) -> float:
        """Largest voltage that has driven a word line [V]; NaN before the first read."""
        if not self.largest:
            return nan
        if self.planes > 1:
            return self.read_voltage
        largest = self.largest if self.limit is None or self.dac is None else self.limit
        return self.unit_voltage * min(self.largest, largest)

    @property
    def largest_drive(self) -> float:
        """Largest value that drives a word line: the limit of the DAC; 1 for bit planes, or if the
        limit is not known.
        """
        return 1.0 if self.planes > 1 or self.limit is None else self.limit

    def calibrate(self, limit: float, expected: float = 0.0) -> None:
        """Set the largest input and the share that it may clip; count clipping from zero."""
        self.limit = number("range of the inputs", limit, above=0)
        self.expected = expected
        self.clips.reset()
        self.largest, self.sees_parts = 0.0, False

    def drive(self, x: Inputs, span: Span) -> tuple[Inputs, Span]:
        """Return what drives the word lines, and the reads of the array that this takes.

        Bit planes are reads like locations of an image: those of one input are adjacent, and every
        read has a number that decides what it draws.

        Args:
            x: Inputs, from the first that the span needs.
            span: The reads.

        Raises:
            ValueError: The converter has no range yet.
        """
        if self.watch is not None:
            self.watch.add(x.floats, 0)
            return x, span
        self.check_range()
        if self.dac is None:
            return x, span
        limit = self._known_limit()
        if not self.dac.serial:
            return _at_levels(self.dac, x, limit), span
        planes = self.dac.bit_planes(x.floats, limit).reshape(-1, x.shape[1])
        return Inputs(planes), span.at_each(self.planes)

    def significances(self) -> Floats:
        """Return what each plane counts in the sum, in units of the inputs, (planes,)."""
        if self.dac is None or not self.dac.serial or self.watch is not None:
            return np.ones(1)
        return self.dac.weights_of_planes(self._known_limit())

    def check_range(self) -> None:
        """Raise ValueError if reads need a range of the inputs that is not known yet."""
        if self.dac is not None or self.input_scale is None:
            self._known_limit()

    def count(self, x: Inputs) -> None:
        """Count the inputs of a read that are converted, and those that are clipped."""
        if self.watch is not None:
            return
        is_ternary = x.all_ternary
        # Ternary inputs need not be looked at one by one.
        largest = 1.0 if is_ternary else float(np.abs(x.floats).max(initial=0))
        self.note(largest, whole=is_ternary)
        if self.dac is None:
            return
        limit = self._known_limit()
        fits = limit >= 1 - ROUNDING and is_ternary
        clipped = 0 if fits else int((np.abs(x.floats) > limit * (1 + ROUNDING)).sum())
        self.clips.add(clipped, len(x) * x.shape[1], expected=self.expected)

    def note(self, largest: float, *, whole: bool) -> None:
        """Remember the largest |input|, and if all are −1, 0 or +1; refuse inputs without scale."""
        if self.dac is None and self.input_scale is None:
            self._known_limit()
        self.largest = max(self.largest, largest)
        whole = whole and self.input_scale == 1
        self.sees_parts = self.sees_parts or (self.planes == 1 and not whole)

    def _known_limit(self) -> float:
        if self.limit is None and self.dac is None:
            raise ValueError(
                f"the inputs of {self.name} have no scale: set it from data with "
                "chip.calibrate(x), or give Hardware(input_scale=...), the input that is driven "
                "with the read voltage"
            )
        if self.limit is None:
            raise ValueError(
                f"the DAC of {self.name} has no range: set it from data with chip.calibrate(x), "
                "or give Dac(range=...), the largest input"
            )
        return self.limit


def _at_levels(dac: Dac, x: Inputs, limit: float) -> Inputs:
    """Return inputs at the levels of a converter; ternary rows stay if −1, 0, +1 are levels."""
    ternary = x.is_ternary
    unchanged = dac.keeps_ternary(limit)
    if unchanged and ternary.all():
        return x
    levels = dac.convert(x.floats, limit)
    if unchanged:
        levels[ternary] = x.floats[ternary]
    return Inputs(levels)


def add_planes(u: Floats, significances: Floats) -> Floats:
    """Return the sums of all planes of each read, (reads, outputs).

    Args:
        u: Sums of the planes, (reads · planes, outputs); the planes of a read are adjacent.
        significances: What each plane counts, (planes,).
    """
    if len(significances) == 1 and significances[0] == 1:
        return u
    by_plane = u.reshape(-1, len(significances), u.shape[1])
    return np.einsum("rpo,p->ro", by_plane, significances)
