"""What a sidecar tells of a network: its layers, and what they take on tiles."""

from __future__ import annotations

import warnings
from typing import Any

from devices.seeding import child, seed_number, seed_sequence
from nsm.chips.calibration import has_open_converters
from nsm.chips.map import map_to_crossbar
from nsm.sweeps.calibration import Calibration
from nsm.sweeps.data import Images, few_of
from nsm.sweeps.tasks import Task

#: Images of which one pass is made, so that energies are those of real inputs.
IMAGES = 8


def network_summary(
    task: Task, *, x: Images, samples: int, seed: Any, calibration: Calibration | None
) -> dict[str, Any]:
    """Return the layers of a network as a text, and its tiles and costs on the base hardware.

    Chip number 0 of the sweep is programmed for it on the hardware before the axes change it.

    Args:
        task: A point of the network.
        x: Images of the sweep; the costs are those of the inputs that the first ones cause.
        samples: Noisy passes per image.
        seed: Seed of the sweep.
        calibration: How chips are calibrated.

    Returns:
        "layers", a text; "tiles", the number of each layer by its name; "energy" [J], "latency" [s]
        and "area" [m²] for one image with all its samples. Where the base hardware is refused,
        because an axis has what it lacks, "not_mapped" tells why instead of these.
    """
    summary: dict[str, Any] = {"layers": str(task.model)}
    number = seed_number(child(seed_sequence(seed), 0))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows of this hardware, if there are any, warn again
            chip = map_to_crossbar(task.model, task.base, rng=number, example=few_of(x))
            if calibration is not None and has_open_converters(chip.layers):
                chip.calibrate(calibration.images, **calibration.options, rng=number)
            report = chip.report()
            on_tiles = report[report["where"] == "tiles"]
            counts = zip(on_tiles["layer"], on_tiles["tiles"], strict=True)
            summary["tiles"] = {str(name): int(count) for name, count in counts}
            total = chip.cost(_first(x), samples=samples, rng=number).iloc[-1]
    except ValueError as problem:
        return {**summary, "not_mapped": str(problem)}
    summary["energy"] = float(total["total [J]"])
    summary["latency"] = float(total["latency [s]"])
    summary["area"] = float(total["area [m²]"])
    return summary


def _first(x: Images) -> Images:
    """Return the first of the images."""
    return tuple(part[:IMAGES] for part in x) if isinstance(x, tuple) else x[:IMAGES]
