"""From a sweep file to what `nsm.collect` takes: tasks, images, labels, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsm.datasets.registry import load_data
from nsm.sweeps.networks import first_images, images_for, training_images
from nsm.sweeps.rows.places import check_row_files
from nsm.sweeps.spec.sweep_file import Sweep
from nsm.sweeps.tasks import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class SweepInputs:
    """What a sweep file asks `nsm.collect` to do.

    Attributes:
        tasks: The points.
        x: Test images (n, ...), in the form that all networks take.
        y: Their labels (n,).
        calibrate: As for `nsm.collect`.
    """

    tasks: Sequence[Task]
    x: Any
    y: Any
    calibrate: dict[str, Any] | None


def sweep_inputs(
    sweep: Sweep, data_dir: str | Path | None = None, *, save_to: Path | None = None
) -> SweepInputs:
    """Return the tasks of a sweep and its data; nothing is computed.

    Args:
        sweep: The checked sweep file.
        data_dir: Folder of a published set's files, as for `nsm.load_data`.
        save_to: Where the rows will be written; it is checked first. None: nowhere.

    Raises:
        ValueError: The rows cannot be written, the networks do not take the images, or there are
            fewer images than the file asks for.
    """
    if save_to is not None:
        check_row_files(save_to)
    data = load_data(sweep.data, data_dir, **sweep.data_options)
    images = images_for(sweep.networks, data, sweep.data)
    x = first_images("images", sweep.images, images, sweep.data)
    calibrate = None
    if sweep.calibrate is not None:
        options = dict(sweep.calibrate)
        calibrate = {"x": training_images(data, images, options.pop("images")), **options}
    return SweepInputs(tasks=sweep.tasks(), x=x, y=data.y_test[: len(x)], calibrate=calibrate)
