"""Read-out circuits of a tile: comparators for stochastic layers, converters for all others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats, integer, number


@dataclass(frozen=True, kw_only=True)
class Comparator:
    """Threshold of a bit-line current at zero: z = +1 if current + offset + noise ≥ 0, else −1.

    Offset and noise are currents of fixed size. Unlike the cells' noise they do not scale with the
    conductances, so the invariance to a common-mode gain holds only while the signal is large
    compared with them.

    Attributes:
        offset: Standard deviation over comparators [A], default 0. Each comparator's offset is
            drawn once per chip.
        noise: Standard deviation of the noise [A], default 0. It is drawn on every comparison.
    """

    offset: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        number("Comparator.offset", self.offset, at_least=0, unit="A")
        number("Comparator.noise", self.noise, at_least=0, unit="A")

    def draw_offsets(self, n: int, *, rng: np.random.Generator) -> Floats:
        """Return the offsets (n,) [A] of the comparators of one chip."""
        return self.offset * rng.standard_normal(n)

    def compare(self, current: Floats, offsets: Floats, normals: Floats | None = None) -> Floats:
        """Return the decisions ±1, of the shape of `current`.

        Args:
            current: Bit-line currents, (reads, comparators) [A].
            offsets: The chip's offsets, (comparators,) [A].
            normals: Fresh standard normals of the shape of `current`; None (default) leaves out the
                noise.
        """
        return np.where(self.fires(current, offsets, normals), 1.0, -1.0)

    def fires(
        self, current: Floats, offsets: Floats, normals: Floats | None = None
    ) -> NDArray[np.bool_]:
        """Return whether each comparator decides for +1; arguments as for `compare`."""
        threshold = offsets if normals is None else offsets + self.noise * normals
        return current + threshold >= 0


@dataclass(frozen=True, kw_only=True)
class Adc:
    """Noise-free converter of bit-line currents to 2^bits even steps in [−full_scale, +full_scale].

    Currents beyond the full scale are clipped.

    Attributes:
        bits: Resolution, default 8.
        full_scale: Largest current [A]. None (default): mapping sets it to the largest current that
            the programmed weights can cause with inputs of size one. Read noise, a common-mode gain
            above 1 and larger inputs may exceed it and are clipped; a smaller full scale resolves
            more.
    """

    bits: int = 8
    full_scale: float | None = None

    def __post_init__(self) -> None:
        integer("Adc.bits", self.bits, at_least=1)
        if self.full_scale is not None:
            number("Adc.full_scale", self.full_scale, above=0, unit="A")

    def convert(self, current: Floats, full_scale: float) -> Floats:
        """Return the converted currents [A]; |error| ≤ full_scale/(2^bits − 1) unless clipped.

        Args:
            current: Bit-line currents [A].
            full_scale: Largest current [A]; that of the mapped layer, which replaces None.
        """
        # 2^bits codes include both ends, so there are 2^bits − 1 steps between them.
        step = 2 * full_scale / (2**self.bits - 1)
        code = np.rint((np.clip(current, -full_scale, full_scale) + full_scale) / step)
        return code * step - full_scale
