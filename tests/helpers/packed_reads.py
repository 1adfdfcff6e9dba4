"""Arrays read on packed bits: what the tests of reads share."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import BalancedPair, DifferentialPair, Hardware, ReferenceColumn, TiledArray
from crossbar.reads.digits import digit_tables
from crossbar.reads.gated_sums import gated_sums
from crossbar.reads.packed import Packed
from devices import BlankOut, Device

SEED = np.random.SeedSequence(20240607)


MAPPINGS = {m.__name__: m() for m in (DifferentialPair, BalancedPair, ReferenceColumn)}


GRID = Device(
    g_min=1e-6, g_max=1e-5, levels=10
)  # a step of 1 µS: pedestal and levels lie on one grid


CONTINUOUS = replace(GRID, levels=None)


mappings = pytest.mark.parametrize("mapping", MAPPINGS)


def array_of(w, device=GRID, k=None, **options):
    hardware = Hardware(device=device, tile_shape=(2048, 512), **{"gate": BlankOut(0.5), **options})
    k = k or hardware.mapping.siemens_per_weight(np.abs(w).max(), device)
    return TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)


def largest(digits):
    """The largest whole number of that many balanced digits to the base 63."""
    return (63**digits - 1) // 2


def mask_bytes(seed, span, inputs, columns, p):
    """The masks that the kernel draws, (reads, octets, columns): the sums of weights 2^i of one octet, all others 0."""
    ones, always = Packed.of(np.ones((1, inputs)))[0], replace(span, repeats=span.last)
    masks = np.empty((span.reads, -(-inputs // 8), columns), dtype=np.uint8)
    for octet in range(masks.shape[1]):
        w = np.zeros((inputs, columns))
        w[8 * octet : 8 * octet + 8] = 2.0 ** np.arange(min(8, inputs - 8 * octet))[:, None]
        masks[:, octet] = gated_sums(digit_tables([w], 1.0, 3)[0], ones, always, seed, p)
    return masks
