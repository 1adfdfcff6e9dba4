"""ResNet-20 on a chip, compared with torch's noise-free float32 pass of the same network."""

import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

import crossbar
import devices
import nsm
from benchmarks.networks import resident_kib
from benchmarks.timing import medians, threads
from nsm.chips.layers.tile_layer import TileLayer

IMAGES = 100
#: Read noise per cell and read, relative to its conductance.
READ_NOISE = 0.05
WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Two convolutions and a shortcut, as of He et al. 2016 for CIFAR.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output; the image is halved where they differ.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride == 2:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu(self.norm1(self.conv1(x)))
        return nn.functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def resnet20() -> nn.Sequential:
    """Return a ResNet-20 of 16, 32 and 64 channels for 32 × 32 images, untrained, with statistics
    of its batch norms from random images.
    """
    torch.manual_seed(0)
    channels = (WIDTHS[0], *np.repeat(WIDTHS, 3).tolist())
    blocks = [Block(a, b) for a, b in pairwise(channels)]
    stem = [nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], 10)]
    network = nn.Sequential(*stem, *blocks, *head)
    with torch.no_grad():
        network.train()(torch.randn(64, 3, 32, 32))
    return network.eval()


def sign_twin() -> nn.Sequential:
    """Return neural sampling layers of the shapes of ResNet-20, one after the other, untrained."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nsm.Binarize(), nn.Unflatten(1, (3, 32, 32))]
    channels = (3, WIDTHS[0], *np.repeat(WIDTHS, 6).tolist())
    for a, b in pairwise(channels):
        stride = 2 if a < b and a != 3 else 1
        layers.append(nsm.NSMConv2d(a, b, 3, stride=stride, padding=1, beta="native"))
    return nn.Sequential(*layers, nn.MaxPool2d(8), nn.Flatten(), nn.Linear(WIDTHS[-1], 10))


def chip_of(network: nn.Module, noise: float) -> nsm.MappedNetwork:
    """Return a network on cells with Gaussian read noise of that relative size."""
    read_noise = devices.GaussianNoise(noise) if noise else devices.NoNoise()
    device = devices.Device(g_min=1e-7, g_max=1e-5, read_noise=read_noise)
    return nsm.map_to_crossbar(
        network, crossbar.Hardware(device=device), rng=0, example=torch.randn(2, 3, 32, 32)
    )


def table() -> list[str]:
    """Return the rows of the table of ResNet-20.

    Torch's rate is the better one of its two memory formats.
    """
    network = resnet20()
    x = torch.randn(IMAGES, 3, 32, 32)
    last = resnet20().to(memory_format=torch.channels_last)
    x_last = x.to(memory_format=torch.channels_last)
    clean, noisy = chip_of(network, 0.0), chip_of(network, READ_NOISE)
    work: dict[str, Callable[[], object]] = {
        "torch, channels first": lambda: network(x),
        "torch, channels last": lambda: last(x_last),
        "chip without noise": lambda: clean(x),
        f"chip, {READ_NOISE:.0%} read noise per cell": lambda: noisy(x),
    }
    rows = [
        "| ResNet-20, 32 × 32 images | threads | images per second | of torch, no noise |",
        "|---|---|---|---|",
    ]
    for n in (1, 2):
        with threads(n), torch.inference_mode():
            rates = {name: IMAGES / t for name, t in medians(work, runs=5).items()}
        best = max(rate for name, rate in rates.items() if name.startswith("torch"))
        rows += [f"| {name} | {n} | {r:,.0f} | {r / best:.2f} |" for name, r in rates.items()]
    return rows


def multiply_adds(network: nn.Module, image: tuple[int, ...]) -> int:
    """Return the multiply-adds of one pass of a network's NSM convolutions and linear layers."""
    total = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += out.numel() * weight[0].numel()

    layers = [m for m in network.modules() if getattr(m, "weight", None) is not None]
    hooks = [m.register_forward_hook(count) for m in layers]
    with torch.no_grad():
        network(torch.zeros(1, *image))
    for hook in hooks:
        hook.remove()
    return total


def gated_table() -> list[str]:
    """Return the rows of the table of blank-out gates: ResNet-20's shapes beside the MNIST net."""
    device = devices.Device(g_min=1e-8, g_max=1e-6, levels=32)
    hardware = crossbar.Hardware(
        device=device, gate=devices.BlankOut(0.5), mapping=crossbar.BalancedPair()
    )
    networks = {
        "MNIST convolutional net": (nsm.conv_net("bNSM", beta="native", p=0.5), 784),
        "ResNet-20's shapes": (sign_twin(), 3 * 32 * 32),
    }
    work: dict[str, Callable[[], object]] = {}
    counts = {}
    for name, (network, pixels) in networks.items():
        chip = nsm.map_to_crossbar(network, hardware, rng=0)
        images = np.random.default_rng(0).random((10, pixels))
        counts[name] = 100 * multiply_adds(network, (pixels,))
        work[name] = lambda chip=chip, images=images: chip.sample(  # type: ignore[misc]
            images, 10, rng=0
        )
    rows = [
        "| exact reads under blank-out gates | threads | multiply-adds [10⁹/s] | ratio |",
        "|---|---|---|---|",
    ]
    for n in (1, 2):
        with threads(n), torch.no_grad():
            rates = {name: counts[name] / t / 1e9 for name, t in medians(work, runs=3).items()}
        first = next(iter(rates.values()))
        rows += [f"| {name} | {n} | {r:.1f} | {r / first:.2f} |" for name, r in rates.items()]
    return rows


def fefet_hardware(wires: crossbar.Wires | None) -> crossbar.Hardware:
    """Return FeFET cells behind blank-out gates on tiles of 128 × 128."""
    return crossbar.Hardware(
        device=devices.preset("fefet_jerry2017"), gate=devices.BlankOut(0.5), wires=wires
    )


def mapped(network: nn.Module, hardware: crossbar.Hardware) -> int:
    """Map a network and work out the effective conductances of all tiles; return their number."""
    chip = nsm.map_to_crossbar(network, hardware, rng=0)
    layers = [m.neurons for m in chip.modules() if isinstance(m, TileLayer)]
    arrays = [a for layer in layers for part in layer.parts() for a in part.array.arrays()]
    for array in arrays:
        array.effective_conductances()
    return sum(len(array.all_tiles()) for array in arrays)


def mapping_table() -> list[str]:
    """Return the rows of the tables of mapping.

    The MNIST perceptron on FeFET cells, all tiles solved, beside a float64 product of 784 × 784
    matrices; and a layer of 4096 × 4096 neurons in a fresh process, whose deterministic path is
    programmed too and whose cells have a programming error.
    """
    torch.manual_seed(0)
    network = nsm.nsm_mlp()
    hardwares = {
        "lines without resistance": fefet_hardware(None),
        "2 Ω per segment": fefet_hardware(crossbar.Wires(2.0, 2.0)),
    }
    square = np.random.default_rng(0).random((784, 784))
    rows = [
        "| MNIST perceptron on FeFET, mapped and solved | threads | time [s] | per tile [ms] "
        "| products of 784³ |",
        "|---|---|---|---|---|",
    ]
    for n in (1, 2):
        work: dict[str, Callable[[], object]] = {"product": lambda: square @ square}
        for name, hardware in hardwares.items():
            work[name] = lambda hardware=hardware: mapped(  # type: ignore[misc]
                network, hardware
            )
        with threads(n):
            times = medians(work, runs=5)
        for name, hardware in hardwares.items():
            each = times[name] / mapped(network, hardware)
            ratio = times[name] / times["product"]
            rows.append(f"| {name} | {n} | {times[name]:.2f} | {each * 1e3:.1f} | {ratio:.1f} |")
    code = "from benchmarks.any_network import measure_mapping; print(*measure_mapping())"
    text = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    seconds, peak = map(float, text.split())
    return [
        *rows,
        "",
        "| NSM layer of 4096 × 4096 with its deterministic path | |",
        "|---|---|",
        f"| mapping | {seconds:.1f} s |",
        f"| peak memory of the process | {peak / 1024:.2f} GiB |",
    ]


def measure_mapping() -> tuple[float, float]:
    """Return the processor time [s] of mapping a large layer, and the peak memory [MiB].

    The peak is Linux's VmHWM: `ru_maxrss` of a new process begins with that of its parent.
    """
    network = nn.Sequential(nsm.NSMLinear(4096, 4096))
    hardware = crossbar.Hardware(device=devices.preset("rram_wan2022"), gate=devices.BlankOut(0.5))
    start = time.process_time()
    nsm.map_to_crossbar(network, hardware, rng=0)
    seconds = time.process_time() - start
    return seconds, resident_kib("VmHWM") / 1024
