"""Pulsed cells that are written anew, as they are programmed: full pairs, and whole arrays."""

import numpy as np

from crossbar.arrays.pulse_random import Stream
from crossbar.arrays.pulse_sides import Places, PulsedSides
from crossbar.hardware import Hardware
from devices import Device
from devices.seeding import child
from devices.validation import Floats


def write_full_pairs(
    cells: PulsedSides, above: float, device: Device, seed: np.random.SeedSequence
) -> Places:
    """Write pairs whose two cells are above a fraction of the range, with one at the lower end.

    Args:
        cells: The cells of pairs; pairs with a stuck cell stay as they are.
        above: Fraction of the range.
        device: The cell, with its levels and its programming error.
        seed: Seed of the array's pulses.

    Returns:
        Places of the weights whose pairs were written.

    Raises:
        ValueError: The cells are no pairs.
    """
    plus, minus = cells.plus, cells.minus
    if minus is None:
        raise ValueError(
            "a reference column has no pairs to refresh; choose mapping = DifferentialPair()"
        )
    free = ~(plus.stuck | minus.stuck)
    where: Places = np.flatnonzero((plus.u > above) & (minus.u > above) & free)
    if not where.size:
        return where
    difference = (plus.seen[where] - minus.seen[where]).astype(np.float64)
    random = _random_of_next(cells, seed)
    for side, sign in ((plus, 1), (minus, -1)):
        target = cells.siemens(np.maximum(sign * difference, 0))
        within = device.quantize(np.clip(target, device.g_min, device.g_max))
        u = cells.fractions(device.write.program(within, rng=random))
        side.u[where] = np.clip(u, *side.bounds_at(where))
        side.seen[where] = side.u[where]
        side.counts.writes += len(where)
        side.number[where] += 1
    return where


def write_weights(
    cells: PulsedSides,
    weights: Floats,
    hardware: Hardware,
    siemens_per_weight: float,
    seed: np.random.SeedSequence,
) -> None:
    """Program all cells to weights, with the device's programming error; stuck ones stay.

    Args:
        cells: The cells.
        weights: (outputs, inputs), without common-mode gain; beyond the range they are clipped.
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        seed: Seed of the array's pulses.
    """
    device = hardware.device
    w_max = hardware.mapping.signal_range(device) / siemens_per_weight
    inside = np.clip(weights, -w_max, w_max)
    targets = hardware.mapping.conductances(inside, device, siemens_per_weight)
    random = _random_of_next(cells, seed)
    for side, target in zip(cells.pulsed, targets, strict=False):
        g = device.write.program(device.quantize(target.T), rng=random).ravel()
        side.put(np.clip(cells.fractions(g), *side.cells.bounds))
        side.counts.writes += g.size
        side.number += 1


def _random_of_next(cells: PulsedSides, seed: np.random.SeedSequence) -> np.random.Generator:
    """Return where the next writing draws its errors; every writing has a stream of its own."""
    writes = sum(side.counts.writes for side in cells.pulsed)
    return np.random.default_rng(child(seed, Stream.REFRESH, writes))
