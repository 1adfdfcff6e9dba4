"""What drives the word lines of a layer: exact voltages, levels of a DAC, or bit planes."""

from typing import Any, Protocol

import numpy as np

from crossbar.arrays.clipping import ClipCount
from crossbar.converters import ROUNDING, Dac
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
        dac: The converter of the inputs; None drives exact voltages.
        name: What messages call the layer.

    Attributes:
        dac: The converter.
        limit: Largest input that is converted: `Dac.range`, or as calibrated; None before.
        expected: Share of inputs that the limit is expected to clip.
        clips: Inputs that were converted, and clipped.
        watch: While it is set, inputs are not converted but shown to it.
    """

    def __init__(self, dac: Dac | None, name: str):
        self.dac = dac
        self.name = name
        self.limit = None if dac is None else dac.range
        self.expected = 0.0
        self.clips = ClipCount(
            f"the DAC of {name} clips its inputs",
            "set ranges from data with chip.calibrate(x), or give Dac(range=...)",
        )
        self.watch: Watch | None = None

    @property
    def planes(self) -> int:
        """Reads of the array for one input."""
        return 1 if self.dac is None else self.dac.planes

    @property
    def largest_drive(self) -> float:
        """Largest value that drives a word line: the limit of the DAC; 1 for bit planes, or if the
        limit is not known.
        """
        return 1.0 if self.planes > 1 or self.limit is None else self.limit

    def calibrate(self, limit: float, expected: float = 0.0) -> None:
        """Set the largest input and the share that it may clip; count clipping from zero."""
        self.limit = number("range of a DAC", limit, above=0)
        self.expected = expected
        self.clips.reset()

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
        if self.dac is None:
            return x, span
        limit = self._known_limit()
        if not self.dac.serial:
            return self._levels(x, limit), span
        planes = self.dac.bit_planes(x.floats, limit).reshape(-1, x.shape[1])
        return Inputs(planes), span.at_each(self.planes)

    def significances(self) -> Floats:
        """Return what each plane counts in the sum, in units of the inputs, (planes,)."""
        if self.dac is None or not self.dac.serial or self.watch is not None:
            return np.ones(1)
        return self.dac.weights_of_planes(self._known_limit())

    def count(self, x: Inputs) -> None:
        """Count the inputs of a read that are converted, and those that are clipped."""
        if self.dac is None or self.watch is not None:
            return
        limit = self._known_limit()
        # Ternary inputs within the range cannot be clipped: they need not be looked at one by one.
        fits = limit >= 1 - ROUNDING and bool(x.is_ternary.all())
        clipped = 0 if fits else int((np.abs(x.floats) > limit * (1 + ROUNDING)).sum())
        self.clips.add(clipped, len(x) * x.shape[1], expected=self.expected)

    def _known_limit(self) -> float:
        if self.limit is None:
            raise ValueError(
                f"the DAC of {self.name} has no range: set it from data with chip.calibrate(x), "
                "or give Dac(range=...), the largest input"
            )
        return self.limit

    def _levels(self, x: Inputs, limit: float) -> Inputs:
        """Return inputs at the levels of the converter.

        Ternary rows stay as they are if −1, 0 and +1 are levels.
        """
        assert self.dac is not None
        ternary = x.is_ternary
        unchanged = self.dac.keeps_ternary(limit)
        if unchanged and ternary.all():
            return x
        levels = self.dac.convert(x.floats, limit)
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
