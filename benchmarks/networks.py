"""Samples per second of networks on a chip, compared with torch's noise-free float32 pass."""

import contextlib
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
#: A call of two threads should last longer than this kind of machine needs to wake its second core.
IMAGES = 1000
SAMPLES = 20


def five_bit_chip(beta: str) -> nsm.MappedNetwork:
    """Return the MNIST perceptron (untrained) on 5-bit cells, blank-out p = ½ per pair."""
    torch.manual_seed(0)
    device = devices.Device(g_min=1e-8, g_max=1e-6, levels=32)
    hardware = crossbar.Hardware(
        device=device, gate=devices.BlankOut(0.5), mapping=crossbar.BalancedPair()
    )
    return nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS, beta=beta), hardware, rng=0)


def conv_chip() -> nsm.MappedNetwork:
    """Return the MNIST convolutional network (untrained) on the same cells."""
    torch.manual_seed(0)
    device = devices.Device(g_min=1e-8, g_max=1e-6, levels=32)
    hardware = crossbar.Hardware(
        device=device, gate=devices.BlankOut(0.5), mapping=crossbar.BalancedPair()
    )
    return nsm.map_to_crossbar(nsm.conv_net("bNSM", beta="native", p=0.5), hardware, rng=0)


def conv_table() -> list[str]:
    """Return the rows of the table of the MNIST convolutional network.

    The network is 32c5-p2-64c5-p2-512-10, untrained.
    """
    chip = conv_chip()
    plain = torch.nn.Sequential(
        *[
            torch.nn.Conv2d(m.in_channels, m.out_channels, 5) if isinstance(m, nsm.NSMConv2d) else m
            for m in list(nsm.conv_net("bNSM", beta="native", p=0.5))[1:6]
        ],
        torch.nn.Flatten(),
        torch.nn.Linear(1024, 512),
        torch.nn.Linear(512, 10),
    )
    x = np.random.default_rng(0).random((100, 784))
    batch = torch.as_tensor(x, dtype=torch.float32).repeat(10, 1)
    rows = [
        "| MNIST convolutional net | threads | sample-passes per second "
        "| of torch float32, no noise |",
        "|---|---|---|---|",
    ]
    work = {"torch": lambda: plain(batch), "exact": lambda: chip.sample(x, 10, rng=0)}
    for n in (1, 2):
        with threads(n), torch.no_grad():
            times = medians(work, runs=5)  # type: ignore[arg-type]
        rows += [
            f"| {name} | {n} | {len(batch) / t:,.0f} | {times['torch'] / t:.2f} |"
            for name, t in times.items()
        ]
    return rows


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
    return [*rows, "", *one_image_rows(chips), "", *serial_lines(chips)]


def one_image_rows(chips: dict[str, nsm.MappedNetwork]) -> list[str]:
    """Return the table of one image, 100 samples, beside 1,000 images × 20; one thread."""
    x = np.random.default_rng(0).random((IMAGES, WIDTHS[0]))
    work: dict[str, Callable[[], object]] = {}
    for name, chip in chips.items():
        work[name] = lambda chip=chip: chip.sample(x, SAMPLES, rng=0)  # type: ignore[misc]
        work[f"{name}, one image"] = (
            lambda chip=chip: chip.sample(  # type: ignore[misc]
                x[:1], 100, rng=0
            )
        )
    with threads(1):
        times = medians(work, runs=5)
    rows = [
        "| MNIST perceptron, one image × 100 samples, one thread | sample-passes per second "
        "| of many images |",
        "|---|---|---|",
    ]
    for name in chips:
        one, many = 100 / times[f"{name}, one image"], IMAGES * SAMPLES / times[name]
        rows.append(f"| {name} | {one:,.0f} | {one / many:.2f} |")
    return rows


def serial_lines(chips: dict[str, nsm.MappedNetwork]) -> list[str]:
    """Return the table of how much of a call is outside of the threads' work.

    Processor time, so that other programs on the machine change little.
    """
    rows = [
        "| network, images × samples | outside of threads | bound of two threads |",
        "|---|---|---|",
    ]
    of_all = {
        **{
            (f"MNIST perceptron, {name}", n): chip
            for name, chip in chips.items()
            for n in (100, 1000)
        },
        ("MNIST convolutional net", 100): conv_chip(),
    }
    for (name, images), chip in of_all.items():
        samples = 10 if "convolutional" in name else SAMPLES
        serial = outside_of_threads(chip, images, samples)
        rows.append(f"| {name}, {images:,} × {samples} | {serial:.1%} | {2 / (1 + serial):.2f} |")
    return rows


def outside_of_threads(chip: nsm.MappedNetwork, images: int, samples: int) -> float:
    """Return the share of a call's processor time that two threads do not share, best of five."""
    x = np.random.default_rng(0).random((images, WIDTHS[0]))
    inside, depth = 0.0, 0

    def timed(work: Callable[[int], object], n: int) -> None:
        nonlocal inside, depth
        start, depth = time.thread_time(), depth + 1
        for i in range(n):
            work(i)
        depth -= 1
        inside += 0.0 if depth else time.thread_time() - start

    shares = []
    chip.sample(x, samples, rng=0)
    users = ("nsm.chips.chain_reads", "crossbar.reads.packed", "crossbar.reads.windows")
    with threads(2), contextlib.ExitStack() as patches:
        for user in users:
            patches.enter_context(mock.patch(f"{user}.run_each", timed))
        for _ in range(5):
            inside, start = 0.0, time.thread_time()
            chip.sample(x, samples, rng=0)
            shares.append(1 - inside / (time.thread_time() - start))
    return min(shares)


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
