"""Passes per second of the MNIST perceptron under every noise, beside torch without noise."""

import itertools
import time

import numpy as np
import torch

import crossbar
import devices
import nsm
from benchmarks.networks import WIDTHS
from benchmarks.timing import medians, threads

_IMAGES = 20
#: Samples of each image in a call: as many as fit into this time of the processor [s], but no more
#: than the largest number.
_SECONDS = 0.5
_MOST_SAMPLES = 50

_CELL = devices.Device(g_min=1e-8, g_max=1e-6)
_LEVELS = devices.Device(g_min=1e-8, g_max=1e-6, levels=32)
_GATE = devices.BlankOut(0.5)
_TRAP = devices.TelegraphNoise(0.1, 1e-3, 1e-3)
_FAST_TRAP = devices.TelegraphNoise(0.1, 2e-6, 2e-6)


def _traps(fastest: float) -> devices.TrapEnsemble:
    """Return two traps per cell with times from `fastest` to 1 s, as many in every decade."""
    times = devices.LogUniformTime(low=fastest, high=1)
    return devices.TrapEnsemble(mean_traps=2, tau_capture=times, tau_emission=times)


_FLICKER = devices.FlickerNoise(q=0.05, f_low=10, f_high=1e5)
_SPREAD = devices.StochasticSelector.with_p(0.5, spread=0.2)
_CORRELATED = devices.StochasticSelector.with_p(0.5, spread=0.2, correlation=0.5)


def _with(noise: devices.ReadNoise, gate: devices.ReadNoise | None = None) -> crossbar.Hardware:
    device = devices.Device(g_min=1e-8, g_max=1e-6, read_noise=noise)
    return crossbar.Hardware(device=device, gate=gate or devices.NoNoise())


#: What is measured -> hardware, and how it is sampled.
ROWS = {
    "blank-out, levels": (crossbar.Hardware(device=_LEVELS, gate=_GATE), "exact"),
    "blank-out, off the grid": (crossbar.Hardware(device=_CELL, gate=_GATE), "exact"),
    "blank-out, moments": (crossbar.Hardware(device=_CELL, gate=_GATE), "moments"),
    "Gaussian cells": (_with(devices.GaussianNoise(0.1)), "exact"),
    "Gaussian cells, blank-out": (_with(devices.GaussianNoise(0.1), _GATE), "exact"),
    "telegraph 1 ms": (_with(_TRAP), "exact"),
    "telegraph 1 ms, blank-out": (_with(_TRAP, _GATE), "exact"),
    "telegraph 2 µs": (_with(_FAST_TRAP), "exact"),
    "traps, 0.1 ms to 1 s": (_with(_traps(1e-4)), "exact"),
    "traps, 0.1 ms to 1 s, blank-out": (_with(_traps(1e-4), _GATE), "exact"),
    "traps, 10 µs to 1 s": (_with(_traps(1e-5)), "exact"),
    "1/f, four decades": (_with(_FLICKER), "exact"),
    "lognormal": (_with(devices.LognormalNoise(0.2)), "exact"),
    "lognormal, blank-out": (_with(devices.LognormalNoise(0.2), _GATE), "exact"),
    "power law": (_with(devices.PowerLawNoise(0.1, 0.5, 1e-6)), "exact"),
    "power law, blank-out": (_with(devices.PowerLawNoise(0.1, 0.5, 1e-6), _GATE), "exact"),
    "selector": (crossbar.Hardware(device=_CELL, gate=_SPREAD.with_p(0.5)), "exact"),
    "selector, spread": (crossbar.Hardware(device=_CELL, gate=_SPREAD), "exact"),
    "selector, spread, correlated": (crossbar.Hardware(device=_CELL, gate=_CORRELATED), "exact"),
}


def passes_per_second(name: str, n: int, runs: int = 3) -> tuple[float, float, str]:
    """Return passes per second of a row [1/s], those of torch beside it, and the path of its reads.

    Args:
        name: Name of the row.
        n: Number of threads.
        runs: Rounds of the median, default 3.
    """
    hardware, sampling = ROWS[name]
    chip = nsm.map_to_crossbar(nsm.load("mnist_mlp"), hardware, rng=0)
    x = np.random.default_rng(0).random((_IMAGES, WIDTHS[0]))
    plain = torch.nn.Sequential(*[torch.nn.Linear(a, b) for a, b in itertools.pairwise(WIDTHS)])
    batch = torch.as_tensor(np.repeat(x, _MOST_SAMPLES, axis=0), dtype=torch.float32)

    def passes(samples: int) -> None:
        chip.sample(x, samples, rng=0, sampling=sampling)

    with threads(n), torch.no_grad():
        passes(1)  # prepares
        start = time.process_time()
        passes(2)
        fit = int(2 * _SECONDS / max(time.process_time() - start, 1e-3))
        samples = min(_MOST_SAMPLES, max(2, fit))
        times = medians({"torch": lambda: plain(batch), "chip": lambda: passes(samples)}, runs)
    path = str(chip.report()["read_path"].iloc[0])
    return _IMAGES * samples / times["chip"], len(batch) / times["torch"], path


def table() -> list[str]:
    """Return the rows of the table of noises, on one and on two threads."""
    rows = [
        "| noise, shipped MNIST perceptron | passes per second | of torch float32, no noise "
        "| two threads | of torch, two threads | first layer is read by |",
        "|---|---|---|---|---|---|",
    ]
    for name in ROWS:
        one, torch_one, path = passes_per_second(name, 1)
        two, torch_two, _ = passes_per_second(name, 2)
        rows.append(
            f"| {name} | {one:,.0f} | {one / torch_one:.4f} | {two:,.0f} "
            f"| {two / torch_two:.4f} | {path} |"
        )
    return rows


if __name__ == "__main__":
    print("\n".join(table()))
