"""Single tiles, and the mean and variance of their reads from the slow twin."""

import numpy as np
import pytest

from crossbar import BalancedPair, DifferentialPair, Hardware, ReferenceColumn, Tile
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    NoNoise,
    PowerLawNoise,
    ProductNoise,
)
from tests.helpers import reference

FAN_IN = 300
READS = 20_000
DEVICE = Device(g_min=1e-6, g_max=1e-5)
MAPPINGS = {
    "DifferentialPair": DifferentialPair(),
    "BalancedPair": BalancedPair(),
    "ReferenceColumn": ReferenceColumn(),
}
SHARINGS = ("pair", "cell", "word_line")
# Noise of the cells, and (E c, Var c) of a cell of g [S], worked out by hand.
CELLS = {
    "NoNoise": (NoNoise(), lambda g: (1.0, 0.0)),
    "GaussianNoise": (GaussianNoise(0.3), lambda g: (1.0, 0.09)),
    "LognormalNoise": (LognormalNoise(0.3), lambda g: (1.0, 0.09)),
    "PowerLawNoise": (PowerLawNoise(0.3, 0.5, 5e-6), lambda g: (1.0, 0.09 * 5e-6 / g)),
    "ProductNoise": (
        ProductNoise(BlankOut(0.8), GaussianNoise(0.3)),
        lambda g: (0.8, 0.8 * 1.09 - 0.64),
    ),
}
mappings = pytest.mark.parametrize("mapping", MAPPINGS)
sharings = pytest.mark.parametrize("sharing", SHARINGS)
cells = pytest.mark.parametrize("cell", CELLS)


def tile_of(w, *, rng=0, k=None, device=DEVICE, tile_shape=(2048, 128), **hardware):
    """Return a tile programmed with w; `k` [S] is siemens per weight, None to fill the range."""
    hardware = Hardware(device=device, tile_shape=tile_shape, **hardware)
    w = np.atleast_2d(w)
    k = k or hardware.mapping.siemens_per_weight(np.abs(w).max(), device)
    return Tile.program(w, hardware, siemens_per_weight=k, rng=rng)


def theory(tile, w, z, gate, cell):
    """Return mean and variance of u of one programmed row, computed by the slow twin alone."""
    hardware = tile.hardware
    g = (hardware.device.g_min, hardware.device.g_max)
    pair = reference.conductances(
        np.atleast_2d(w), *g, tile.siemens_per_weight, type(hardware.mapping).__name__
    )
    mean, variance = reference.moments(
        z[None], *pair, tile.siemens_per_weight, gate, cell, hardware.gate_sharing
    )
    return mean[0, 0], variance[0, 0]
