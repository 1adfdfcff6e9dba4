"""What a worker computes: the errors of one chip of one point, or of a block of its images."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.hardware import Hardware
from crossbar.threads import threads as threads_of_loops
from nsm.chips.calibration import has_open_converters
from nsm.chips.chip import MappedNetwork
from nsm.chips.hardware_table import HardwareTable
from nsm.chips.map import map_again
from nsm.chips.planning.plans import Plans
from nsm.nn.inference import Labels
from nsm.sweeps.calibration import Calibration
from nsm.sweeps.data import Images, few_of, some_of
from nsm.sweeps.rows.provenance import NOT_INSTALLED, version_of
from nsm.sweeps.treatment import Treatment
from nsm.sweeps.until import Until
from nsm.sweeps.workers import contents
from nsm.sweeps.workers.contents import Content, LackedError, Source
from nsm.thread_limits import limited_libraries

#: Images that an adaptive sweep reads before it looks whether it may stop.
_IMAGES_AT_ONCE = 128
#: Packages whose versions decide what a chip draws and computes.
_PACKAGES = ("nsm-crossbar", "numpy", "torch")


@dataclass(frozen=True, kw_only=True, eq=False)
class Point(Treatment):
    """A hardware, and what happens to a chip of it; attributes as of `Task`."""

    hardware: Hardware | HardwareTable
    reprogrammed_scale: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """How all chips of a sweep are read.

    Attributes:
        x: Images (n, ...), in the order in which they are read.
        y: Labels (n, ...).
        samples: Noisy passes per image.
        sampling: "exact" or "moments".
        calibration: How a chip is calibrated; None if it is not.
        until: When a chip has read enough images; None: it reads all.
        plans: The plans of the networks of this sweep, in this process.
    """

    x: Images
    y: Labels
    samples: int
    sampling: str
    calibration: Calibration | None
    until: Until | None
    plans: Plans = field(default_factory=Plans, repr=False)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One chip of one point, or a block of its images.

    Attributes:
        task: Hash of the point.
        chip: Number of the chip.
        seed: Seed of the chip and of its reads.
        model: The network.
        point: The `Point`.
        reading: The `Reading`.
        first: Number of the first image of the block.
        last: Number after its last image.
        blocks: Number of blocks of this chip.
        versions: Versions of the packages with which the rows are to be computed; None: any.
    """

    task: str
    chip: int
    seed: int
    model: Source
    point: Source
    reading: Source
    first: int
    last: int
    blocks: int = 1
    versions: Mapping[str, str] | None = None

    @property
    def contents(self) -> list[Content]:
        """The values that do not travel inside the job."""
        sources = (self.model, self.point, self.reading)
        return [source for source in sources if isinstance(source, Content)]


def contents_of(jobs: Sequence[Job]) -> list[Content]:
    """Return the values that do not travel inside some jobs, each once."""
    found = {content.hash: content for job in jobs for content in job.contents}
    return [*found.values()]


class Lacked:
    """The answer of a worker that has no access to a value of its job."""


# Seeds of torch and numbers of threads belong to a process: its chips are read one at a time.
_one_at_a_time = threading.Lock()
_last_chip: dict[tuple[Any, ...], MappedNetwork] = {}


def run_jobs(
    jobs: Sequence[Job], threads: int | None = None, sent: Sequence[bytes] = ()
) -> list[dict[str, Any]] | Lacked:
    """Return the results of some jobs, see `run_job`; `Lacked` if this process lacks a value.

    Args:
        jobs: What is computed, one after the other.
        threads: Threads of the numerical libraries; None: as they are set.
        sent: Bytes of values to keep, see `contents`.

    Raises:
        ValueError: This process has other versions of the packages.
    """
    contents.take(sent)
    found = []
    for job in jobs:
        result = run_job(job, threads)
        if isinstance(result, Lacked):
            return result
        found.append(result)
    return found


def run_job(job: Job, threads: int | None = None) -> dict[str, Any] | Lacked:
    """Return the result of a job: task, chip, first, errors, images, wrong, seed, elapsed [s].

    The chip is `map_to_crossbar(..., rng=seed)`, calibrated (`chip.calibrate(..., rng=seed)`, if it
    has converters of open range), aged, changed by the common-mode gain, compensated if the task
    says so, and read as `errors(..., rng=seed)` reads it. A chip that is compensated is calibrated
    again with it.

    Args:
        job: What is computed.
        threads: Threads of the numerical libraries; None: as they are set.

    Raises:
        ValueError: This process has other versions of the packages.
    """
    _check_versions(job.versions)
    try:
        model, point, reading = job.model.value(), job.point.value(), job.reading.value()
    except LackedError:
        return Lacked()
    start = time.perf_counter()
    with _one_at_a_time, ExitStack() as limits:
        if threads is not None:
            limits.enter_context(limited_libraries(threads))
            limits.enter_context(threads_of_loops(threads))
        chip = _chip(job, model, point, reading)
        errors, images, wrong = _counted(chip, job, reading)
    return {
        "task": job.task,
        "chip": job.chip,
        "first": job.first,
        "errors": errors,
        "images": images,
        "wrong": wrong,
        "seed": job.seed,
        "elapsed": round(time.perf_counter() - start, 3),
    }


def _chip(job: Job, model: Any, point: Point, reading: Reading) -> MappedNetwork:
    """Return the chip of a job; the blocks of one chip share it."""
    key = (job.task, job.seed, job.reading)
    if job.blocks > 1 and key in _last_chip:
        return _last_chip[key]
    _last_chip.clear()
    chip = prepared_chip(model, point, reading, job.seed)
    if job.blocks > 1:  # noise with memory, which reads advance, is never cut into blocks
        _last_chip[key] = chip
    return chip


def prepared_chip(model: Any, point: Point, reading: Reading, seed: int) -> MappedNetwork:
    """Return the chip of a point, ready to be read.

    Args:
        model: The network.
        point: The hardware, and what happens to the chip.
        reading: Its images and calibration.
        seed: Seed of the chip.
    """
    calibration = reading.calibration
    chip = map_again(
        reading.plans,
        model,
        point.hardware,
        rng=seed,
        reprogrammed_scale=point.reprogrammed_scale,
        example=few_of(reading.x),
    )
    if calibration is not None and has_open_converters(chip.layers):
        chip.calibrate(calibration.images, **calibration.options, rng=seed)
    point.act_on(chip, calibration, seed)
    return chip


def _counted(
    chip: MappedNetwork, job: Job, reading: Reading
) -> tuple[int, int, NDArray[np.intp] | None]:
    """Return errors, the number of labels that were read, and the places of the wrong ones.

    Places count through `reading.y`; an adaptive chip, which has another order, tells none.
    """

    def wrong(first: int, last: int) -> Any:
        some = some_of(reading.x, slice(first, last))
        options: dict[str, Any] = {"rng": job.seed, "sampling": reading.sampling}
        return chip.wrong(some, reading.y[first:last], reading.samples, **options, first=first)

    n = len(reading.y)
    if reading.until is None:
        first, last = job.first, job.last
        if job.blocks > 1:
            first, last = chip.block(first, last, n, reading.samples)
        found = wrong(first, last) if first < last else np.empty(0, dtype=bool)
        before = first * (reading.y.size // n)
        return int(found.sum()), int(found.size), before + np.flatnonzero(found)
    read = np.empty(0, dtype=bool)
    for first in range(0, n, _IMAGES_AT_ONCE):
        read = np.concatenate([read, wrong(first, min(first + _IMAGES_AT_ONCE, n))])
        counts = reading.until.counted(read)
        if counts is not None:
            return *counts, None
    return int(read.sum()), n, None


def versions_here() -> dict[str, str]:
    """Return the versions of the packages that decide what a chip draws and computes."""
    found = {package: version_of(package) for package in _PACKAGES}
    return {package: text for package, text in found.items() if text != NOT_INSTALLED}


def _check_versions(wanted: Mapping[str, str] | None) -> None:
    """Raise ValueError if the packages of this process are not those of the sweep."""
    here = versions_here()
    for package, text in (wanted or {}).items():
        if here.get(package, text) != text:
            raise ValueError(
                f"the worker on {platform.node()} has {package} {here[package]}, but the sweep was "
                f"started with {text}: their rows could differ; install the same version on all "
                "machines"
            )
