"""Reads of chips on a GPU, compared with torch's noise-free pass there, and with plain torch."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

import crossbar
import devices
import nsm
from benchmarks.networks import WIDTHS, five_bit_chip
from benchmarks.timing import medians
from nsm.chips.torch_reads import gated_sums
from nsm.chips.torch_reads.torch_chip import TorchChip

IMAGES, SAMPLES = 1000, 100


@contextmanager
def _plain_torch() -> Iterator[None]:
    """Read without the fused kernel inside a `with` block."""
    kept = gated_sums.has_triton
    gated_sums.has_triton = lambda: False  # type: ignore[assignment]
    try:
        yield
    finally:
        gated_sums.has_triton = kept


def _synchronous(work: Callable[[], object]) -> Callable[[], None]:
    def timed() -> None:
        work()
        torch.cuda.synchronize()

    return timed


def _noisy_chip(p: float) -> nsm.MappedNetwork:
    """Return the perceptron on cells with programming errors and Gaussian noise behind gates."""
    torch.manual_seed(0)
    device = devices.Device(
        g_min=1e-8,
        g_max=1e-6,
        write=devices.StateDependentError(coefficients=(2e-8,)),
        read_noise=devices.GaussianNoise(0.05),
    )
    hardware = crossbar.Hardware(device=device, gate=devices.BlankOut(p))
    return nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS, beta="learned", p=p), hardware, rng=0)


def table() -> list[str]:
    """Return the rows of the table of rates on a GPU, or one line without a GPU."""
    if not torch.cuda.is_available():
        return ["Not measured: torch finds no GPU on this machine."]
    x = np.random.default_rng(0).random((IMAGES, WIDTHS[0]))
    plain = nn.Sequential(*[nn.Linear(a, b) for a, b in itertools.pairwise(WIDTHS)]).cuda()
    batch = torch.as_tensor(x, dtype=torch.float32, device="cuda").repeat(SAMPLES, 1)
    chips = {
        "blank-out, p = 1/2, native β": TorchChip(five_bit_chip("native"), "cuda"),
        "blank-out, p = 1/2, learned β": TorchChip(five_bit_chip("learned"), "cuda"),
        "5 % cell noise behind blank-out, p = 0.3": TorchChip(_noisy_chip(0.3), "cuda"),
    }
    work: dict[str, Callable[[], object]] = {"torch float32, no noise": lambda: plain(batch)}
    for name, chip in chips.items():
        work[name] = lambda chip=chip: chip.sample(x, SAMPLES, rng=0)  # type: ignore[misc]

    def in_plain_torch() -> None:
        with _plain_torch():
            chips["blank-out, p = 1/2, native β"].sample(x[:20], SAMPLES, rng=0)

    in_torch = "the first without the kernel"
    work[in_torch] = in_plain_torch
    work["one normal per output, learned β"] = lambda: chips[
        "blank-out, p = 1/2, learned β"
    ].sample(x, SAMPLES, rng=0, sampling="moments")
    with torch.no_grad():
        times = medians({name: _synchronous(some) for name, some in work.items()}, runs=5)
    rates = {name: (20 if name == in_torch else IMAGES) * SAMPLES / t for name, t in times.items()}
    reference = rates["torch float32, no noise"]
    return [
        f"| MNIST perceptron on {torch.cuda.get_device_name()} | sample-passes per second "
        "| of torch float32, no noise |",
        "|---|---|---|",
        *(f"| {name} | {rate:,.0f} | {rate / reference:.3f} |" for name, rate in rates.items()),
    ]
