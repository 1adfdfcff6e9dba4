"""Comparators, the read-out circuits of stochastic layers; `converters` has those of all others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats, number


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
