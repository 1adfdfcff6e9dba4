"""What a sidecar tells of a network: its layers, and what they take on tiles."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from nsm.chips.calibration import has_open_converters
from nsm.chips.map import map_to_crossbar
from nsm.chips.mapping_report import tile_count
from nsm.sweeps.data import few_of, some_of
from nsm.sweeps.tasks import Task

if TYPE_CHECKING:
    from nsm.sweeps.workers.jobs import Experiment

#: Images of which one pass is made, so that energies are those of real inputs.
IMAGES = 8


def network_summary(task: Task, experiment: Experiment) -> dict[str, Any]:
    """Return the layers of a network as a text, and its tiles and costs on the base hardware.

    Chip number 0 of the sweep is programmed for it on the hardware before the axes change it.

    Args:
        task: A point of the network.
        experiment: Images, samples, seed and calibration of the sweep; the costs are those of the
            inputs that the first images cause.

    Returns:
        "layers", a text; "tiles", the number of each layer by its name; "energy" [J], "latency" [s]
        and "area" [m²] for one image with all its samples. Where the base hardware is refused,
        because an axis has what it lacks, "not_mapped" tells why instead of these.
    """
    summary: dict[str, Any] = {"layers": str(task.model)}
    number = experiment.chip_seed(0)
    calibration = experiment.calibration
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows of this hardware, if there are any, warn again
            chip = map_to_crossbar(task.model, task.base, rng=number, example=few_of(experiment.x))
            if calibration is not None and has_open_converters(chip.layers):
                chip.calibrate(calibration.images, **calibration.options, rng=number)
            summary["tiles"] = {layer.name: tile_count(layer) for layer in chip.layers}
            x = some_of(experiment.x, slice(IMAGES))
            total = chip.cost(x, samples=experiment.samples, rng=number).iloc[-1]
    except ValueError as problem:
        return {**summary, "not_mapped": str(problem)}
    summary["energy"] = float(total["total [J]"])
    summary["latency"] = float(total["latency [s]"])
    summary["area"] = float(total["area [m²]"])
    return summary
