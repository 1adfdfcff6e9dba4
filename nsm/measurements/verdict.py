"""What the shipped network tolerates on a device that was fitted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crossbar import Hardware
from devices import Device, gate
from devices.seeding import RNG

if TYPE_CHECKING:
    from nsm.verdict.result import Tolerances

#: The shipped networks that are asked, by the names of results: the first by the quick verdict.
NETWORKS = {"NSM": "mnist_mlp", "convolutional NSM": "mnist_conv"}
#: Axes of the device, which a measurement can improve.
AXES = (
    "levels", "programming error", "read noise", "stuck cells", "on/off ratio", "drift time",
    "temperature",
)  # fmt: skip
#: The stochastic element in series with each pair of cells.
GATE = "nsm_bernoulli"


class Effort(NamedTuple):
    """How much a verdict measures.

    Attributes:
        networks: Names of the networks in `NETWORKS`.
        axes: Axes of the device.
        images: Test images.
        blocks: Blocks into which they are cut, each on a chip of its own.
        samples: Noisy passes per image.
    """

    networks: tuple[str, ...]
    axes: tuple[str, ...]
    images: int
    blocks: int
    samples: int


#: The full verdict, in minutes. Its images do not resolve every axis of a good device.
FULL = Effort(tuple(NETWORKS), AXES, 1200, 6, 10)
#: The verdict of every fit: 34 to 57 s of one core for three devices. With more images and fewer
#: samples than the full one, it decides the levels and whether the network works more often.
QUICK = Effort(("NSM",), ("levels", "programming error", "read noise"), 2000, 4, 5)


def conditions(*, is_quick: bool = False) -> str:
    """Return how the verdict was measured, for the page."""
    effort = QUICK if is_quick else FULL
    name = "Quick verdict, measured" if is_quick else "Measured"
    return (
        f"{name} on {_networks(effort)} ({effort.images} test images of MNIST, "
        f"{effort.blocks} chips, {effort.samples} samples). Each pair of cells has the gate {GATE} "
        "in series, because most devices have too little fresh noise without one. Noise with "
        "memory is read by its moments, as if it were new on every read."
    )


def _networks(effort: Effort) -> str:
    """Return the networks in words."""
    files = [NETWORKS[name] for name in effort.networks]
    if len(files) == 1:
        return f"the shipped perceptron {files[0]}"
    return f"the shipped networks {' and '.join(files)}"


def images_at_hand() -> tuple[Any, Any] | None:
    """Return the images of the quick verdict; None if they would have to be downloaded."""
    from nsm.datasets.files import named_folder
    from nsm.datasets.mnist import load_mnist

    try:
        data = load_mnist(download=named_folder(None) is None and _are_downloaded())
    except (OSError, ValueError):
        return None
    return data.x_test[: QUICK.images], data.y_test[: QUICK.images]


def _are_downloaded() -> bool:
    """Return whether MNIST is in the cache of downloads."""
    import pooch

    parts = [f"{s}-{k}-ubyte.gz" for s in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    return all((pooch.os_cache("nsm-crossbar") / part).is_file() for part in parts)


def verdict_images(data_dir: str | Path | None = None) -> tuple[Any, Any]:
    """Return the test images and labels of the full verdict.

    Args:
        data_dir: Folder with MNIST; None for that of NSM_DATA_DIR, or a download.

    Raises:
        OSError: MNIST is not there and cannot be downloaded.
    """
    from nsm.datasets import load_data

    data = load_data("mnist", data_dir=data_dir)
    return data.x_test[: FULL.images], data.y_test[: FULL.images]


def device_verdict(
    device: Device,
    images: tuple[Any, Any],
    *,
    networks: Mapping[str, Any] | None = None,
    rng: RNG = 0,
    workers: int = 2,
    on_result: Callable[[Any], None] | None = None,
    progress: bool = True,
    is_quick: bool = False,
) -> Tolerances:
    """Return what the shipped networks tolerate on a device behind a stochastic gate.

    Args:
        device: The device.
        images: Images and labels, see `verdict_images` and `images_at_hand`.
        networks: Networks by name; None (default) for those of `FULL` or `QUICK`.
        rng: A seed, a Generator, a SeedSequence or None, for chips and reads.
        workers: Number of processes.
        on_result: Called with every result as it is there.
        progress: Whether to show a bar.
        is_quick: Whether it measures what `QUICK` tells, or (default) what `FULL` does.

    Raises:
        ValueError: A network cannot be mapped to the device.
    """
    from nsm.nn.files.checkpoint import load
    from nsm.verdict.tolerances import tolerances

    effort = QUICK if is_quick else FULL
    with warnings.catch_warnings():  # `conditions` says it on the page
        warnings.filterwarnings("ignore", message='sampling="moments" takes the reads')
        return tolerances(
            networks or {name: load(NETWORKS[name]) for name in effort.networks},
            Hardware(device=device, gate=gate(GATE), gate_sharing="pair"),
            *images,
            axes=list(effort.axes),
            blocks=effort.blocks,
            step=2.0,
            samples=effort.samples,
            sampling="moments",
            rng=rng,
            workers=workers,
            on_result=on_result,
            progress=progress,
        )
