"""Samples per second of networks on a chip, compared with torch's noise-free float32 pass."""

import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import torch

import crossbar
import crossbar.threads
import devices
import nsm
from benchmarks.timing import medians, threads

WIDTHS = (784, 300, 300, 300, 10)
IMAGES = 100
SAMPLES = 20


def five_bit_chip(beta: str) -> nsm.MappedNetwork:
    """Return the MNIST perceptron (untrained) on 5-bit cells, blank-out p = ½ per pair."""
    torch.manual_seed(0)
    device = devices.Device(g_min=1e-8, g_max=1e-6, levels=32)
    hardware = crossbar.Hardware(
        device=device, gate=devices.BlankOut(0.5), mapping=crossbar.BalancedPair()
    )
    return nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS, beta=beta), hardware, rng=0)


def conv_table() -> list[str]:
    """Return the rows of the table of the MNIST convolutional network, on one thread.

    The network is 32c5-p2-64c5-p2-512-10, untrained.
    """
    torch.manual_seed(0)
    model = nsm.conv_net("bNSM", beta="native", p=0.5)
    device = devices.Device(g_min=1e-8, g_max=1e-6, levels=32)
    hardware = crossbar.Hardware(
        device=device, gate=devices.BlankOut(0.5), mapping=crossbar.BalancedPair()
    )
    chip = nsm.map_to_crossbar(model, hardware, rng=0)
    plain = torch.nn.Sequential(
        *[
            torch.nn.Conv2d(m.in_channels, m.out_channels, 5) if isinstance(m, nsm.NSMConv2d) else m
            for m in list(model)[1:6]
        ],
        torch.nn.Flatten(),
        torch.nn.Linear(1024, 512),
        torch.nn.Linear(512, 10),
    )
    x = np.random.default_rng(0).random((20, 784))
    batch = torch.as_tensor(x, dtype=torch.float32).repeat(10, 1)
    with threads(1), torch.no_grad():
        times = medians(
            {"torch": lambda: plain(batch), "exact": lambda: chip.sample(x, 10, rng=0)}, runs=3
        )
    rates = {name: 200 / t for name, t in times.items()}
    return [
        "| MNIST convolutional net | threads | sample-passes per second "
        "| of torch float32, no noise |",
        "|---|---|---|---|",
        *(
            f"| {name} | 1 | {rate:,.0f} | {rate / rates['torch']:.2f} |"
            for name, rate in rates.items()
        ),
    ]


def table() -> list[str]:
    """Return the rows of the table of network rates."""
    x = np.random.default_rng(0).random((IMAGES, WIDTHS[0]))
    plain = torch.nn.Sequential(*[torch.nn.Linear(a, b) for a, b in itertools.pairwise(WIDTHS)])
    chips = {f"exact, {beta} β": five_bit_chip(beta) for beta in ("native", "learned")}
    batch = torch.as_tensor(x, dtype=torch.float32).repeat(10, 1)
    rows = [
        "| MNIST perceptron | threads | sample-passes per second | of torch float32, no noise |",
        "|---|---|---|---|",
    ]
    for n in (1, 2):
        work: dict[str, Callable[[], object]] = {"torch float32, no noise": lambda: plain(batch)}
        for name, chip in chips.items():
            work[name] = lambda chip=chip: chip.sample(x, SAMPLES, rng=0)  # type: ignore[misc]
        work["one normal per output"] = lambda: chips["exact, learned β"].sample(
            x, SAMPLES, rng=0, sampling="moments"
        )
        with threads(n), torch.no_grad():
            times = medians(work, runs=5)
        passes = {
            name: (len(batch) if name.startswith("torch") else IMAGES * SAMPLES) / t
            for name, t in times.items()
        }
        reference = passes["torch float32, no noise"]
        rows += [
            f"| {name} | {n} | {rate:,.0f} | {rate / reference:.2f} |"
            for name, rate in passes.items()
        ]
    return [*rows, "", *serial_lines(chips)]


def serial_lines(chips: dict[str, nsm.MappedNetwork]) -> list[str]:
    """Return the table of how much of a call is outside of the threads' work, 1,000 images.

    Processor time, so that other programs on the machine change little.
    """
    x = np.random.default_rng(0).random((1000, WIDTHS[0]))
    rows = [
        "| MNIST perceptron, 1,000 images × 20 samples | outside of threads "
        "| bound of two threads |",
        "|---|---|---|",
    ]
    for name, chip in chips.items():
        inside = 0.0

        def timed(work: Callable[[int], object], n: int) -> None:
            nonlocal inside
            start = time.thread_time()
            crossbar.threads.run_each(work, n)
            inside += time.thread_time() - start

        chip.sample(x[:10], 1, rng=0)
        with threads(1), mock.patch("crossbar.reads.packed.run_each", timed):
            start = time.thread_time()
            chip.sample(x, SAMPLES, rng=0)
            serial = 1 - inside / (time.thread_time() - start)
        rows.append(f"| {name} | {serial:.1%} | {2 / (1 + serial):.2f} |")
    return rows


def mnist_test_set() -> list[str]:
    """Return one line: all 10,000 MNIST test images × 100 samples on the shipped network."""
    data = nsm.load_data("mnist")
    device = devices.Device(g_min=1e-10, g_max=1e-6)
    chip = nsm.map_to_crossbar(
        nsm.load("mnist_mlp"), crossbar.Hardware(device=device, gate=devices.BlankOut(0.5)), rng=0
    )
    start = time.perf_counter()
    error = chip.error_rate(data.x_test, data.y_test, 100, rng=0)
    seconds = time.perf_counter() - start
    return [
        f"All 10,000 MNIST test images × 100 samples, every synapse drawn: {seconds:.0f} s, "
        f"test error {error:.2%}."
    ]


def peak_memory() -> list[str]:
    """Return one line: the memory of an inference beyond imports and chip, in a fresh process."""
    code = "from benchmarks.networks import measure_memory; print(measure_memory())"
    text = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return [
        f"Peak memory of 1,000 images × 100 samples beyond imports and chip: {float(text):.0f} MiB."
    ]


def resident_kib(field: str) -> int:
    """Return a field of this process's memory account [KiB]."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure_memory() -> float:
    """Return how far the resident size of this process rises during an inference [MiB].

    Linux only.
    """
    chip = five_bit_chip("learned")
    x = np.random.default_rng(0).random((1000, WIDTHS[0]))
    chip.sample(x[:10], 1, rng=0)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # resets the recorded peak
    before = resident_kib("VmRSS")
    chip.sample(x, 100, rng=0)
    return (resident_kib("VmHWM") - before) / 1024
