"""Synapse reads per second of one array, compared with a float32 product and with torch masks."""

from collections.abc import Callable

import numpy as np
import torch

import crossbar
import devices
from benchmarks.timing import medians, threads

PLAIN_READS = 20  # batch of the plain torch masks, which are slow


def blank_out_array(inputs: int, outputs: int, bits: int) -> crossbar.TiledArray:
    """Return an array of cells with 2^bits levels and a blank-out gate with p = ½ on every pair."""
    device = devices.Device(g_min=1e-8, g_max=1e-6, levels=2**bits)
    hardware = crossbar.Hardware(
        device=device,
        gate=devices.BlankOut(0.5),
        mapping=crossbar.BalancedPair(),
        tile_shape=(inputs, outputs),
    )
    w = np.random.default_rng(0).uniform(-1, 1, (outputs, inputs))
    k = hardware.mapping.siemens_per_weight(1.0, device)
    return crossbar.TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)


def plain_masks(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Return sums with one Bernoulli mask per synapse and read, written simply in torch."""
    return torch.stack([((torch.rand(w.shape) < 0.5) * w) @ row for row in x])


def read_rates(
    inputs: int, outputs: int, bits: int, batch: int, n: int, *, plain: bool = True
) -> dict[str, float]:
    """Return synapse reads, or multiply-adds, per second [1/s] on n threads.

    Args:
        inputs: Fan-in of the array.
        outputs: Outputs of the array.
        bits: Bits per cell.
        batch: Reads per call.
        n: Number of threads.
        plain: Whether plain torch masks are measured too; default True.
    """
    array = blank_out_array(inputs, outputs, bits)
    x = np.where(np.random.default_rng(1).random((batch, inputs)) < 0.5, -1.0, 1.0)
    xt = torch.as_tensor(x, dtype=torch.float32)
    wt = torch.as_tensor(array.weights, dtype=torch.float32)
    work: dict[str, Callable[[], object]] = {
        "exact": lambda: array.read(x, rng=0),
        "matmul": lambda: torch.mm(xt, wt.T),
    }
    if plain:
        work["plain"] = lambda: plain_masks(xt[:PLAIN_READS], wt)
    with threads(n):
        times = medians(work)
    reads = {"exact": batch, "matmul": batch, "plain": PLAIN_READS}
    return {name: reads[name] * inputs * outputs / t for name, t in times.items()}


def table() -> list[str]:
    """Return the rows of the table of read rates."""
    rows = [
        "| weights | threads | exact reads [10⁹/s] | float32 product [10⁹/s] | ratio "
        "| plain torch masks [10⁹/s] | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for bits in (1, 3, 5, 8):
        for n in (1, 2):
            r = read_rates(784, 300, bits, 1000, n)
            rows.append(
                f"| {bits} bit | {n} | {r['exact'] / 1e9:.1f} | {r['matmul'] / 1e9:.1f} "
                f"| {r['exact'] / r['matmul']:.2f} "
                f"| {r['plain'] / 1e9:.3f} | {r['exact'] / r['plain']:.0f} |"
            )
    return rows


def scaling() -> list[str]:
    """Return the rows of the table of scaling with fan-in, outputs, bits and batch, one thread."""
    rows = [
        "| fan-in | outputs | bits | batch | exact reads [10⁹/s] | of the float32 product |",
        "|---|---|---|---|---|---|",
    ]
    shapes = [(n, 300, 5, 1000) for n in (64, 256, 1024, 4096)]
    shapes += [(784, n, 5, 1000) for n in (10, 100, 1000)]
    shapes += [(784, 300, n, 1000) for n in (2, 4, 6, 10)]
    shapes += [(784, 300, 5, n) for n in (1, 16, 128, 4096)]
    for shape in shapes:
        r = read_rates(*shape, 1, plain=False)
        rows.append(
            f"| {' | '.join(map(str, shape))} | {r['exact'] / 1e9:.1f} "
            f"| {r['exact'] / r['matmul']:.2f} |"
        )
    return rows
