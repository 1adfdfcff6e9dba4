"""What a sweep will take, from one measured point: rows, time, and size of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nsm.sweeps.data import checked_data
from nsm.sweeps.labels import as_cell
from nsm.sweeps.rows.checked_lines import as_texts, with_check
from nsm.sweeps.rows.csv_line import csv_line
from nsm.sweeps.run import collect
from nsm.sweeps.spec.sweep_file import Sweep
from nsm.sweeps.spec.sweep_inputs import SweepInputs
from nsm.sweeps.tasks import Task

#: Images of the first measurement; more are read until reading takes longer than `ENOUGH`.
FEW = 4
#: Time of a measurement that is long enough [s].
ENOUGH = 1.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one chip of one point of a network takes.

    Attributes:
        network: Name of the network.
        images: How many images were read.
        per_chip: Time of programming, calibrating and changing a chip [s].
        per_image: Time of reading an image with all its samples [s].
    """

    network: str
    images: int
    per_chip: float
    per_image: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a sweep will take.

    Attributes:
        points: Points of all networks.
        rows: Rows, one for each point and chip.
        images: Images that every chip reads.
        measured: What the middle point of every network takes.
        seconds: Time of all rows in one process [s].
        bytes: Size of the CSV of all rows.
    """

    points: int
    rows: int
    images: int
    measured: Sequence[Measured]
    seconds: float
    bytes: int


def estimate(sweep: Sweep, inputs: SweepInputs) -> Estimate:
    """Return what a sweep will take, from a chip of one point of every network; nothing is written.

    Points are checked as `nsm.collect` checks them. Then the middle point of each network is
    run with a few images and with several times as many; a chip takes t = t_chip + n t_image with n
    images, whose two numbers follow from the two times. Points of other levels, tiles or noise may
    be slower or faster than the one that is measured, and chips that `until` stops are faster.

    Args:
        sweep: The sweep file.
        inputs: Its tasks and data.

    Raises:
        ValueError: As `nsm.collect`, before any work.
    """
    tasks = {task.id: task for task in inputs.tasks}
    checked_data(list(tasks.values()), inputs.x, inputs.y, inputs.calibrate)
    by_network: dict[Any, list[Task]] = {}
    for task in tasks.values():
        by_network.setdefault(task.network, []).append(task)
    measured: list[Measured] = []
    seconds = 0.0
    row: dict[str, Any] = {}
    for of_network in by_network.values():
        found, row = _measured(of_network[len(of_network) // 2], sweep, inputs)
        measured.append(found)
        of_chip = found.per_chip + len(inputs.x) * found.per_image
        seconds += len(of_network) * sweep.chips * of_chip
    return Estimate(
        points=len(tasks),
        rows=len(tasks) * sweep.chips,
        images=len(inputs.x),
        measured=measured,
        seconds=seconds,
        bytes=_size(list(tasks.values()), row, sweep.chips),
    )


def _measured(task: Task, sweep: Sweep, inputs: SweepInputs) -> tuple[Measured, dict[str, Any]]:
    """Return what a chip of a task takes, and its row."""

    def run(images: int) -> dict[str, Any]:
        rows = collect(
            [task],
            inputs.x[:images],
            inputs.y[:images],
            chips=1,
            samples=sweep.samples,
            rng=sweep.seed,
            progress=False,
            sampling=sweep.sampling,
            calibrate=inputs.calibrate,
        )
        return {str(name): value for name, value in rows.iloc[0].to_dict().items()}

    total = len(inputs.x)
    few = min(FEW, total)
    run(few)  # loops are compiled in the first run
    short = run(few)
    many, long = few, short
    while many < total and long["elapsed"] - short["elapsed"] < ENOUGH:
        many = min(4 * many, total)
        long = run(many)
    more = long["elapsed"] - short["elapsed"]
    per_image = max(more, 0.0) / (many - few) if many > few else long["elapsed"] / many
    per_chip = max(long["elapsed"] - many * per_image, 0.0)
    found = Measured(network=task.network, images=many, per_chip=per_chip, per_image=per_image)
    return found, long


def _size(tasks: Sequence[Task], row: Mapping[str, Any], chips: int) -> int:
    """Return the size of a CSV of all rows [bytes], from the texts of one of them.

    Args:
        tasks: The points.
        row: A row of one of them.
        chips: Chips of each point.
    """
    columns = dict.fromkeys(name for task in tasks for name in task.parameters)
    texts = with_check(as_texts(row))
    fixed = [text for name, text in texts.items() if name not in columns]
    header = _line(["network", *columns, *(name for name in texts if name not in columns)])
    own = sum(_line([as_cell(task.parameters.get(name)) for name in columns]) for task in tasks)
    # The line break of each part counts as the comma between the parts.
    return header + chips * (own - len(tasks) * (not columns) + len(tasks) * (_line(fixed) - 1))


def _line(cells: Sequence[str]) -> int:
    """Return the size of a line of a CSV [bytes]."""
    return len(csv_line(cells))
