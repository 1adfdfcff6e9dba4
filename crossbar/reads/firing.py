"""Decisions of comparators as packed bits: the compiled counterpart of `Comparator.fires`."""

import numpy as np

from crossbar.periphery import Comparator
from crossbar.reads._kernels import pack_firing
from crossbar.reads.packed import EVERYWHERE, Packed, in_threads
from crossbar.reads.span import Span
from devices.validation import Floats

_NO_NOISE = np.empty((0, 0))


def fires_packed(
    comparator: Comparator,
    u: Floats,
    amperes_per_weight: float,
    offsets: Floats,
    normals: Floats | None = None,
) -> Packed:
    """Return `comparator.fires(u · amperes_per_weight, offsets, normals)`, packed into bits.

    The kernel makes no array of currents in between.

    Args:
        comparator: The comparators of a layer.
        u: Sums, (reads, comparators), in weight units.
        amperes_per_weight: Current [A] of one weight unit.
        offsets: Offsets [A], (comparators,).
        normals: Standard normals, (reads, comparators); None for comparators without noise.
    """
    plus = np.empty((len(u), -(-u.shape[1] // 8)), np.uint8)
    noise = _NO_NOISE if normals is None else comparator.noise * normals

    def work(part: Span) -> None:
        pack_firing(u, amperes_per_weight, offsets, noise, plus, part.first, part.last)

    in_threads(work, Span(0, len(u)), 20 * u.size)
    return Packed(plus, EVERYWHERE, u.shape[1])
