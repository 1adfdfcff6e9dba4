"""What stands around a tile: threshold comparators, and converters for outputs that are not thresholded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats, integer, number


@dataclass(frozen=True, kw_only=True)
class Comparator:
    """Threshold of a bit-line current at zero: z = +1 where i + offset + noise ≥ 0, else −1.

    offset [A]: standard deviation over comparators, each drawn once per chip. noise [A]: standard deviation, drawn on
    every comparison. Both are currents of fixed size: unlike the cells' noise they do not follow the conductances, so a
    common gain that makes the signal as small as they are ends the self-normalisation.
    """

    offset: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        number("Comparator.offset", self.offset, at_least=0, unit="A")
        number("Comparator.noise", self.noise, at_least=0, unit="A")

    def draw_offsets(self, n: int, *, rng: np.random.Generator) -> Floats:
        """Return the offsets [A] of n comparators of one chip."""
        return self.offset * rng.standard_normal(n)

    def compare(self, current: Floats, offsets: Floats, normals: Floats | None = None) -> Floats:
        """Return ±1 of current's shape (reads, comparators) [A]; normals: fresh standard normals, where there is noise."""
        return np.where(self.fires(current, offsets, normals), 1.0, -1.0)

    def fires(
        self, current: Floats, offsets: Floats, normals: Floats | None = None
    ) -> NDArray[np.bool_]:
        """Return whether each comparator decides for +1; arguments as of `compare`."""
        threshold = offsets if normals is None else offsets + self.noise * normals
        return current + threshold >= 0


@dataclass(frozen=True, kw_only=True)
class Adc:
    """Converter of bit-line currents to 2^bits even steps in [−full_scale, +full_scale], clipping beyond. Noise-free.

    full_scale [A]; None: fixed when the chip is mapped, at the largest current that a bit line can carry for inputs of
    size one (never clips then; a smaller one resolves more).
    """

    bits: int = 8
    full_scale: float | None = None

    def __post_init__(self) -> None:
        integer("Adc.bits", self.bits, at_least=1)
        if self.full_scale is not None:
            number("Adc.full_scale", self.full_scale, above=0, unit="A")

    def convert(self, current: Floats, full_scale: float) -> Floats:
        """Return the converted currents [A]; |error| ≤ full_scale/(2^bits − 1) unless clipped."""
        step = 2 * full_scale / (2**self.bits - 1)
        code = np.rint((np.clip(current, -full_scale, full_scale) + full_scale) / step)
        return code * step - full_scale
