"""The jobs of a sweep, and what all of them share, which is the identity of its rows."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crossbar.hardware import Hardware
from devices.seeding import child, seed_number
from devices.validation import integer, shortened
from nsm.chips.hardware_table import as_table
from nsm.chips.planning.plans import Plans
from nsm.nn.inference import Labels
from nsm.sweeps.calibration import Calibration
from nsm.sweeps.data import Images, some_of
from nsm.sweeps.hardwares import HARDWARE
from nsm.sweeps.hashing.identity import canonical, short_hash
from nsm.sweeps.rows.experiment import way_of_marks
from nsm.sweeps.rows.unfinished import Key
from nsm.sweeps.tasks import Task
from nsm.sweeps.until import Until, order_of_images
from nsm.sweeps.workers.contents import Held, Shelf
from nsm.sweeps.workers.work import Job, Point, Reading, versions_here


def hashed(images: Images) -> list[tuple[Any, ...]]:
    """Return what identifies arrays that are too large to be copied into canonical bytes."""
    inputs = images if isinstance(images, tuple) else (images,)
    digests = [hashlib.sha256(np.ascontiguousarray(part)).digest() for part in inputs]
    return [(part.shape, part.dtype.str, d) for part, d in zip(inputs, digests, strict=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """What all tasks of one call of `collect` share, checked.

    Attributes:
        x: Images (n, ...).
        y: Labels (n, ...).
        calibration: How every chip is calibrated; None if it is not.
        chips: Chips per task.
        samples: Noisy passes per image.
        sampling: "exact" or "moments".
        seed: Seed of the sweep.
        until: When a chip has read enough images; None: it reads all.
        plans: The plans of the networks.
    """

    x: Images
    y: Labels
    calibration: Calibration | None
    chips: int
    samples: int
    sampling: str
    seed: np.random.SeedSequence
    until: Until | None
    plans: Plans = field(default_factory=Plans, repr=False)

    def identity(self, tasks: Sequence[Task]) -> str:
        """Return short hashes of what all rows of one file share, see `rows.experiment.SHARED`."""
        # Hardwares by name are values of an axis: a file may get further ones.
        bases = {id(t.base): t.base for t in tasks if HARDWARE not in t.parameters}
        reads: list[Any] = [self.samples, self.sampling, self.seed.entropy, self.seed.spawn_key]
        if self.calibration is not None:
            reads += [hashed(self.calibration.images), self.calibration.options]
        if self.until is not None:
            reads.append(self.until)
        parts = (
            way_of_marks(),
            short_hash((*hashed(self.x), self.y), 8),
            short_hash(sorted({canonical(base) for base in bases.values()}), 8),
            short_hash(reads, 8),
        )
        return "-".join(parts)

    def keys(self, tasks: Mapping[str, Task], part: tuple[int, int] | None) -> list[Key]:
        """Return what names the rows of a part, in order: every n-th of all rows.

        Args:
            tasks: The tasks by their ids.
            part: Number of the part, from 1, and how many there are; None: all rows.
        """
        everything = [(task, chip) for task in tasks for chip in range(self.chips)]
        return everything if part is None else everything[part[0] - 1 :: part[1]]

    def chip_seed(self, chip: int) -> int:
        """Return the seed of a chip by its number, the same in all tasks."""
        return seed_number(child(self.seed, chip))

    def _reading(self) -> Reading:
        """Return how chips are read; an adaptive sweep has its images in the shuffled order."""
        x, y = self.x, self.y
        if self.until is not None:
            order = order_of_images(self.seed, len(y))
            x, y = some_of(x, order), y[order]
        return Reading(
            x=x,
            y=y,
            samples=self.samples,
            sampling=self.sampling,
            calibration=self.calibration,
            until=self.until,
            plans=self.plans,
        )

    def jobs(
        self,
        tasks: Mapping[str, Task],
        keys: Collection[Key],
        block: int | None,
        shelf: Shelf | None,
    ) -> Iterator[Job]:
        """Yield the jobs of some rows one by one, as workers take them.

        Chip c has one seed in all tasks. Blocks serve sweeps of fewer chips than workers: every
        worker programs the chip from its seed and reads its block as a part of the run of all
        images. Chips whose noise has a memory are read in one job, and networks that are no chain
        are cut where their batches end, see `Sampler.block`.

        Args:
            tasks: The tasks by their ids.
            keys: What names the rows.
            block: Images of a block; None: a job reads all images of its chip.
            shelf: Where workers find data and networks; None: in this process.
        """
        seeds = [self.chip_seed(c) for c in range(self.chips)]
        n = len(self.y)
        put_once = Held if shelf is None else shelf.put_once
        reading = put_once(self._reading())
        versions = None if shelf is None else versions_here()
        for key, rows in itertools.groupby(keys, key=lambda row: row[0]):
            task = tasks[key]
            point = _point_of(task)
            at_once = n if block is None or has_memory(task, self.sampling) else block
            of_point = {
                "task": key,
                "model": put_once(task.model),
                "point": Held(point) if shelf is None else shelf.put(point),
                "reading": reading,
                "blocks": -(-n // at_once),
                "versions": versions,
            }
            for (_, chip), first in itertools.product(rows, range(0, n, at_once)):
                last = min(first + at_once, n)
                yield Job(**of_point, chip=chip, seed=seeds[chip], first=first, last=last)


def _point_of(task: Task) -> Point:
    """Return what a worker needs to know of a task beside its network."""
    return Point(
        hardware=task.hardware,
        gain=task.gain,
        reprogrammed_scale=task.reprogrammed_scale,
        seconds=task.seconds,
        compensation=task.compensation,
    )


def has_memory(task: Task, sampling: str) -> bool:
    """Return whether the reads of a chip depend on those before, so that it reads in one piece."""
    if sampling != "exact":
        return False
    hardware = as_table(task.hardware).values()
    return any(isinstance(part, Hardware) and part.has_memory for part in hardware)


def checked_part(part: Any) -> tuple[int, int] | None:
    """Return a part (i, n) of a sweep, 1 ≤ i ≤ n; None for all of it.

    Raises:
        ValueError: It is something else.
    """
    if part is None:
        return None
    pair = tuple(part) if isinstance(part, (tuple, list)) else ()
    whole = [isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in pair]
    if len(pair) != 2 or not all(whole) or not 1 <= pair[0] <= pair[1]:
        raise ValueError(
            f"part = {shortened(part)} is not allowed; give (i, n), the i-th of n parts with "
            "1 ≤ i ≤ n, such as (1, 4)"
        )
    return int(pair[0]), int(pair[1])


def check_block(block: Any, until: Until | None, tasks: Sequence[Task], sampling: str) -> None:
    """Raise ValueError unless chips can be read in blocks of that many images.

    Args:
        block: Images of a block; None for no blocks.
        until: The rule of an adaptive sweep, or None.
        tasks: The points.
        sampling: "exact" or "moments".
    """
    if block is None:
        return
    integer("block", block, at_least=1)
    if until is not None:
        raise ValueError(
            f"block = {block} is not allowed with until: an adaptive chip decides after every "
            "image whether it reads the next one, in one job; leave block or until out"
        )
    if all(has_memory(task, sampling) for task in tasks):
        raise ValueError(
            f"block = {block} has no effect: the noise at every point has a memory (telegraph "
            "traps, 1/f noise, correlated selectors), so that a chip must read its images in "
            "sequence; leave it out"
        )


def check_until(until: Any, y: Labels) -> None:
    """Raise ValueError unless an adaptive sweep can count the errors of these labels.

    Args:
        until: The rule, or None.
        y: Labels (n, ...).
    """
    if until is None:
        return
    if not isinstance(until, Until):
        raise ValueError(
            f"until = {shortened(until)} is not allowed; give nsm.Until(errors=100), "
            "nsm.Until(precision=0.1) or both"
        )
    if y.ndim > 1:
        raise ValueError(
            f"until counts images that are wrong, but labels of shape {y.shape} have classes for "
            "places of an image, whose errors are not independent; leave until out"
        )
    if until.errors is not None and until.errors >= len(y):
        raise ValueError(
            f"until: errors = {until.errors} cannot be exceeded by {len(y)} images, so that the "
            "rule has no effect; give fewer errors or more images"
        )
