"""Sweeps: tasks on a grid of hardware, one row per task and chip, resumable, in any number of processes."""

import hashlib
import itertools
import json
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits
from torch import nn

from crossbar import Hardware
from crossbar.paths import check_path, with_value
from crossbar.reads.sampling import check_sampling
from crossbar.threads import threads as threads_of_loops
from devices.seeding import RNG, child, seed_number, seed_sequence
from devices.validation import Floats, array, integer, number
from nsm.chips.map import map_to_crossbar
from nsm.nn.checkpoint import describe
from nsm.nn.inference import Labels, check_labels
from nsm.progress import progress_bar
from nsm.sweeps.row_file import RowFile

#: Axes that are not fields of `Hardware`: what happens to the programmed chip, or to the weights before programming.
CHIP_AXES = {"gain": 1.0, "reprogrammed_scale": 1.0, "seconds": 0.0}
_RESULTS = ("chip", "errors", "images", "samples", "seed", "elapsed", "model", "task", "experiment")


def fingerprint(model: nn.Module) -> str:
    """Return a short hash of a network's architecture and weights."""
    digest = hashlib.sha256(json.dumps(describe(model)).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One point of a sweep: a network on a hardware, and what happens to the chip before it is read.

    parameters: the axes' values that made this point, as they stand in the rows. base: the hardware before the axes.
    """

    network: str
    model: nn.Module
    hardware: Hardware
    base: Hardware
    gain: float = 1.0
    reprogrammed_scale: float = 1.0
    seconds: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def model_id(self) -> str:
        """Short hash of the network."""
        return fingerprint(self.model)

    @cached_property
    def id(self) -> str:
        """Short hash of everything that decides the result, but for data, samples and seed."""
        parts = (
            self.network,
            self.model_id,
            self.hardware,
            self.gain,
            self.reprogrammed_scale,
            self.seconds,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _label(value: Any) -> Any:
    """Return an axis value as it stands in a row: numbers and texts as they are, the rest as text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def grid(
    model: nn.Module | Mapping[str, nn.Module],
    hardware: Hardware,
    axes: Mapping[str, Sequence[Any]],
) -> list[Task]:
    """Return the tasks of every combination of the axes' values, for one network or several named ones.

    axes: dotted paths into `Hardware` ("device.levels", "gate.p", "gate_sharing", "device.on_off_ratio" …), and
    "gain" (common-mode gain of the programmed chip), "reprogrammed_scale" (α w written over the same range), "seconds"
    (age). Every combination is checked here. Raises ValueError for an unknown axis, suggesting the nearest, an empty
    axis, or a value that its field refuses.
    """
    for name, values in axes.items():
        check_path("axis", name, hardware, tuple(CHIP_AXES))
        if isinstance(values, str) or not isinstance(values, Iterable) or not list(values):
            raise ValueError(
                f"axis {name!r} has no values ({values!r}); give a list of at least one"
            )
    models = dict(model) if isinstance(model, Mapping) else {"network": model}
    tasks = []
    for network, net in models.items():
        describe(net)
        for point in itertools.product(*axes.values()):
            chosen = dict(zip(axes, point, strict=True))
            changed = hardware
            for name, value in chosen.items():
                if name not in CHIP_AXES:
                    changed = with_value(changed, name, value)
            after = {name: chosen.get(name, default) for name, default in CHIP_AXES.items()}
            for name in ("gain", "reprogrammed_scale"):
                number(name, after[name], above=0)
            number("seconds", after["seconds"], at_least=0, unit="s")
            labels = {name: _label(value) for name, value in chosen.items()}
            tasks.append(
                Task(
                    network=network,
                    model=net,
                    hardware=changed,
                    base=hardware,
                    parameters=labels,
                    **after,
                )
            )
    return tasks


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Return an executor of fresh processes; forking one that has run torch's or numba's threads may hang."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def run_task(
    task: Task,
    chip: int,
    x: Floats,
    y: Labels,
    samples: int,
    seed: int,
    sampling: str,
    threads: int | None,
) -> dict[str, Any]:
    """Return the row of one chip of one task: `map_to_crossbar(…, rng=seed)`, age, gain, and `errors(…, rng=seed)`."""
    start = time.perf_counter()
    with ExitStack() as limits:
        if threads is not None:
            limits.enter_context(threadpool_limits(threads))
            limits.enter_context(threads_of_loops(threads))
        mapped = map_to_crossbar(
            task.model, task.hardware, rng=seed, reprogrammed_scale=task.reprogrammed_scale
        )
        mapped.age(task.seconds)
        mapped.scale_conductances(task.gain)
        errors = mapped.errors(x, y, samples, rng=seed, sampling=sampling)
    elapsed = round(time.perf_counter() - start, 3)
    return {"task": task.id, "chip": chip, "errors": errors, "seed": seed, "elapsed": elapsed}


def _experiment(
    tasks: Sequence[Task],
    x: Floats,
    y: Labels,
    samples: int,
    root: np.random.SeedSequence,
    how: str,
) -> str:
    """Return short hashes of what all rows of one file share: the data, the hardware before the axes, the settings."""
    bases = sorted({repr(t.base) for t in tasks})
    parts = (
        repr(x.shape).encode() + x.tobytes() + y.tobytes(),
        repr(bases).encode(),
        repr((samples, root, how)).encode(),
    )
    return "-".join(hashlib.sha256(part).hexdigest()[:8] for part in parts)


def _results(
    jobs: list[tuple[Task, int, Floats, Labels, int, int, str]], executor: Executor | None
) -> Iterator[dict[str, Any]]:
    if executor is None:
        for job in jobs:
            yield run_task(*job, threads=None)
        return
    futures = [executor.submit(run_task, *job, threads=1) for job in jobs]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def collect(
    tasks: Sequence[Task],
    x: ArrayLike,
    y: ArrayLike,
    *,
    chips: int,
    samples: int,
    rng: RNG,
    save_to: str | Path | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    sampling: str = "exact",
) -> pd.DataFrame:
    """Run every task on `chips` chips and return one row per (task, chip), in that order.

    Columns: network, the axes' parameters, gain, reprogrammed_scale, seconds (age [s]), chip, errors, images, samples,
    seed (re-creates the chip: `map_to_crossbar(model, hardware, rng=seed)`), elapsed [s], task and experiment (hashes).
    Chip number c has the same seed in every task, so that curves compare the same chips; the rows do not depend on the
    executor or the number of its workers.

    save_to: a CSV that grows as rows finish; the same call resumes it. More values, networks or chips of the same
    experiment go on in the same file; a file of another experiment is refused, and the message says what differs.
    With `rng=None` there is nothing to resume by, so `save_to` needs a seed. Raises ValueError for bad data or arguments
    before any work is done.
    """
    if not tasks:
        raise ValueError(
            "there are no tasks to run; make some with nsm.grid(model, hardware, axes)"
        )
    integer("chips", chips, at_least=1)
    integer("samples", samples, at_least=1)
    check_sampling(sampling)
    images = array("x", x, ndim=2)
    labels = check_labels(y, len(images))
    if save_to is not None and rng is None:
        raise ValueError(
            "rows saved to a file need a seed to be resumed by; give rng a whole number"
        )
    root = seed_sequence(rng)
    experiment = _experiment(tasks, images, labels, samples, root, sampling)
    names = dict.fromkeys(name for t in tasks for name in t.parameters if name not in CHIP_AXES)
    columns = ["network", *names, *CHIP_AXES, *_RESULTS]
    seeds = [seed_number(child(root, c)) for c in range(chips)]
    by_id = {t.id: t for t in tasks}
    common = {"images": len(images), "samples": samples, "experiment": experiment}

    def complete(result: dict[str, Any]) -> dict[str, Any]:
        task = by_id[result["task"]]
        after = {name: getattr(task, name) for name in CHIP_AXES}
        blank = dict.fromkeys(names)
        return {
            "network": task.network,
            **blank,
            **task.parameters,
            **after,
            **result,
            "model": task.model_id,
            **common,
        }

    models = {t.network: t.model_id for t in tasks}
    file = RowFile(save_to, columns, experiment, models) if save_to is not None else None
    with file or nullcontext():
        done = file.done if file else set()
        jobs = [
            (task, c, images, labels, samples, seeds[c], sampling)
            for task in by_id.values()
            for c in range(chips)
            if (task.id, c) not in done
        ]
        rows = []
        with progress_bar(enabled=progress) as bar:
            total = len(by_id) * chips
            item = bar.add_task("sweep", total=total, completed=total - len(jobs), note="")
            for result in _results(jobs, executor):
                row = complete(result)
                rows.append(row)
                if file:
                    file.append(row)
                bar.update(
                    item,
                    advance=1,
                    note=f"{row['network']} error {row['errors'] / row['images']:.2%}",
                )
    frame = pd.DataFrame(rows, columns=columns) if save_to is None else read_rows(save_to)
    order = {task_id: index for index, task_id in enumerate(by_id)}
    frame = frame[frame["task"].isin(order) & (frame["chip"] < chips)]
    return frame.sort_values(
        ["task", "chip"], key=lambda s: s.map(order) if s.name == "task" else s, ignore_index=True
    )


def read_rows(path: str | Path) -> pd.DataFrame:
    """Return the rows of a sweep's CSV. Raises ValueError for a file that is not one."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(("model", "task", "experiment"), "str"))
    except (ValueError, OSError) as problem:
        raise ValueError(f"{path} is not a CSV of sweep rows ({str(problem).strip()})") from None
    missing = [c for c in ("network", *CHIP_AXES, *_RESULTS) if c not in frame]
    if missing:
        raise ValueError(
            f"{path} is not a CSV of sweep rows: it lacks the columns {', '.join(missing)}"
        )
    return frame
