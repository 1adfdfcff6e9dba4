"""Rows of a sweep, completed from the results of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nsm.sweeps.axes import CHIP_AXES
from nsm.sweeps.rows.stored_rows import RESULTS
from nsm.sweeps.rows.unfinished import Key
from nsm.sweeps.tasks import Task
from nsm.sweeps.workers.work import Job


@dataclass(frozen=True)
class Rows:
    """Completes results to rows, whose columns it fixes.

    Attributes:
        tasks: The tasks by their ids.
        shared: Columns that are the same in every row.
    """

    tasks: Mapping[str, Task]
    shared: Mapping[str, Any]

    @cached_property
    def parameters(self) -> list[str]:
        """Names of all axes of the tasks, except those of `CHIP_AXES`, in order."""
        names = dict.fromkeys(name for t in self.tasks.values() for name in t.parameters)
        return [name for name in names if name not in CHIP_AXES]

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return ["network", *self.parameters, *CHIP_AXES, *RESULTS]

    def complete(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row of a result; an axis that its task lacks is None.

        Args:
            result: What `run_job` returned for all images, or the row that holds it.
        """
        task = self.tasks[result["task"]]
        counts = ("chip", "errors", "images", "seed", "elapsed", "task")
        return {
            "network": task.network,
            **dict.fromkeys(self.parameters),
            **task.parameters,
            **{name: task.parameters.get(name, getattr(task, name)) for name in CHIP_AXES},
            **{name: result[name] for name in counts},
            "model": task.model_id,
            **self.shared,
        }


@dataclass
class Blocks:
    """Adds the results of the blocks of a chip."""

    _open: dict[Key, dict[int, Mapping[str, Any]]] = field(default_factory=dict)

    def add(self, job: Job, result: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the result of a chip whose last block this is; None while others are missing."""
        key = (job.task, job.chip)
        found = self._open.setdefault(key, {})
        found[job.first] = result
        if len(found) < job.blocks:
            return None
        del self._open[key]
        sums: dict[str, Any] = {
            n: sum(r[n] for r in found.values()) for n in ("errors", "images", "elapsed")
        }
        in_order = [found[first]["wrong"] for first in sorted(found)]
        sums["wrong"] = None if any(w is None for w in in_order) else np.concatenate(in_order)
        return {**result, **sums, "elapsed": round(sums["elapsed"], 3)}
