"""What the shipped network tolerates on a device that was fitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossbar import Hardware
from devices import Device, gate
from devices.seeding import RNG

if TYPE_CHECKING:
    from nsm.verdict.result import Tolerances

#: The network that is asked.
NETWORK = "mnist_mlp"
#: Axes of the device, which a measurement can improve.
AXES = (
    "levels", "programming error", "read noise", "stuck cells", "on/off ratio", "drift time",
    "temperature",
)  # fmt: skip
#: Test images, and the blocks into which they are cut.
IMAGES, BLOCKS = 1200, 6
#: The stochastic element in series with each pair of cells.
GATE = "nsm_bernoulli"
#: How the verdict was measured, for the page.
CONDITIONS = (
    f"Measured on the shipped perceptron {NETWORK} ({IMAGES} test images of MNIST, 10 samples). "
    f"Each pair of cells has the gate {GATE} in series, because most devices have too little fresh "
    "noise without one. Noise with memory is read by its moments, as if it were new on every read."
)


def device_verdict(
    device: Device,
    *,
    data_dir: str | Path | None = None,
    rng: RNG = 0,
    workers: int = 2,
    on_result: Callable[[Any], None] | None = None,
    progress: bool = True,
) -> Tolerances:
    """Return what the shipped perceptron tolerates on a device behind a stochastic gate.

    Args:
        device: The device.
        data_dir: Folder with MNIST; None for that of NSM_DATA_DIR, or a download.
        rng: A seed, a Generator, a SeedSequence or None, for chips and reads.
        workers: Number of processes.
        on_result: Called with every result as it is there.
        progress: Whether to show a bar.

    Raises:
        OSError: MNIST is not there and cannot be downloaded.
        ValueError: The network cannot be mapped to the device.
    """
    from nsm.datasets import load_data
    from nsm.nn.files.checkpoint import load
    from nsm.verdict.tolerances import tolerances

    data = load_data("mnist", data_dir=data_dir)
    hardware = Hardware(device=device, gate=gate(GATE), gate_sharing="pair")
    return tolerances(
        {"NSM": load(NETWORK)},
        hardware,
        data.x_test[:IMAGES],
        data.y_test[:IMAGES],
        axes=list(AXES),
        blocks=BLOCKS,
        step=2.0,
        samples=10,
        sampling="moments",
        rng=rng,
        workers=workers,
        on_result=on_result,
        progress=progress,
    )
