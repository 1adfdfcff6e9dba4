"""Arrays whose read noise has memory, for the tests of tiles."""

from dataclasses import replace

import numpy as np
import pytest

import devices
from crossbar import DifferentialPair, Hardware, NeuronArray, Tile, TiledArray
from devices import LogUniformTime

DEVICE = devices.Device(g_min=1e-6, g_max=1e-5)

PERIOD = 1e-6


# Occupancy 0.6 and rate 0.4167/µs: consecutive reads have correlation 0.66.
TRAP = devices.TelegraphNoise(0.4, 4e-6, 6e-6)

SELECTOR = devices.StochasticSelector(correlation=0.9)

ROW = np.array([1.0, -0.6, 0.25])

X = np.array([1.0, 1.0, -1.0])

LAGS = (1, 3, 8)

sharings = pytest.mark.parametrize("sharing", ["pair", "cell", "word_line"])

both = pytest.mark.parametrize("maker", [Tile, TiledArray])


def array_of(w, *, noise=None, rng=0, maker=TiledArray, device=DEVICE, **hardware):
    """Return a tile or an array programmed with w whose cells have the given read noise."""
    device = device if noise is None else replace(device, read_noise=noise)
    hardware = Hardware(
        device=device, **({"tile_shape": (512, 4096), "read_period": PERIOD} | hardware)
    )
    k = hardware.mapping.siemens_per_weight(1.0, device)
    return maker.program(w, hardware, siemens_per_weight=k, rng=rng)


def rows_of(sharing, n):
    """Return weights of n equal outputs with independent gates, and their inputs.

    Where all cells of a word line share a gate, each output has a word line to itself.
    """
    return (np.eye(n), np.ones(n)) if sharing == "word_line" else (np.tile(ROW, (n, 1)), X)


TRAPS = devices.TrapEnsemble(
    mean_traps=2.0,
    tau_capture=LogUniformTime(low=1e-6, high=1e-3),
    tau_emission=LogUniformTime(low=1e-6, high=1e-3),
)


def neurons_of(w, *, noise=None, rng=0, a=None, b=None, device=DEVICE, **hardware):
    """Return a layer of neurons programmed with w whose cells have the given read noise."""
    device = device if noise is None else replace(device, read_noise=noise)
    hardware = Hardware(
        device=device, **({"tile_shape": (512, 4096), "read_period": PERIOD} | hardware)
    )
    k = DifferentialPair().siemens_per_weight(1.0, device)
    return NeuronArray.program(w, hardware, siemens_per_weight=k, a=a, b=b, rng=rng)
