"""What the shipped network tolerates on a device that was fitted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
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


def verdict_images(data_dir: str | Path | None = None) -> tuple[Any, Any]:
    """Return the test images and labels of the verdict.

    Args:
        data_dir: Folder with MNIST; None for that of NSM_DATA_DIR, or a download.

    Raises:
        OSError: MNIST is not there and cannot be downloaded.
    """
    from nsm.datasets import load_data

    data = load_data("mnist", data_dir=data_dir)
    return data.x_test[:IMAGES], data.y_test[:IMAGES]


def device_verdict(
    device: Device,
    images: tuple[Any, Any],
    *,
    networks: Mapping[str, Any] | None = None,
    rng: RNG = 0,
    workers: int = 2,
    on_result: Callable[[Any], None] | None = None,
    progress: bool = True,
) -> Tolerances:
    """Return what the shipped perceptron tolerates on a device behind a stochastic gate.

    Args:
        device: The device.
        images: Images and labels, see `verdict_images`.
        networks: Networks by name; None (default) for the shipped perceptron.
        rng: A seed, a Generator, a SeedSequence or None, for chips and reads.
        workers: Number of processes.
        on_result: Called with every result as it is there.
        progress: Whether to show a bar.

    Raises:
        ValueError: A network cannot be mapped to the device.
    """
    from nsm.nn.files.checkpoint import load
    from nsm.verdict.tolerances import tolerances

    with warnings.catch_warnings():  # `CONDITIONS` says it on the page
        warnings.filterwarnings("ignore", message='sampling="moments" takes the reads')
        return tolerances(
            networks or {"NSM": load(NETWORK)},
            Hardware(device=device, gate=gate(GATE), gate_sharing="pair"),
            *images,
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
