"""Decisions of comparators, written as packed bits."""

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
    """Return `comparator.fires(u · amperes_per_weight, …)` as packed states, without the arrays between."""
    plus = np.empty((len(u), -(-u.shape[1] // 8)), np.uint8)
    noise = _NO_NOISE if normals is None else comparator.noise * normals
    in_threads(
        lambda s: pack_firing(u, amperes_per_weight, offsets, noise, plus, s.first, s.last),
        Span(0, len(u)),
        20 * u.size,
    )
    return Packed(plus, EVERYWHERE, u.shape[1])
