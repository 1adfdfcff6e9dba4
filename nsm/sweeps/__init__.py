"""Sweeps: a grid of hardware settings, run on several chips each, one row per point and chip.

tasks = grid(model, hardware, {"device.levels": [2, 4, 8]})
rows = collect(tasks, images, labels, chips=3, samples=20, rng=0, save_to="levels.csv")
"""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm.sweeps.hardwares import Hardwares as Hardwares
    from nsm.sweeps.processes import WorkerPool as WorkerPool
    from nsm.sweeps.processes import worker_pool as worker_pool
    from nsm.sweeps.ranges import Range as Range
    from nsm.sweeps.row_file import read_rows as read_rows
    from nsm.sweeps.run import collect as collect
    from nsm.sweeps.tasks import Task as Task
    from nsm.sweeps.tasks import grid as grid
    from nsm.sweeps.until import Until as Until

_EXPORTS = {
    "Hardwares": "nsm.sweeps.hardwares",
    "Range": "nsm.sweeps.ranges",
    "Task": "nsm.sweeps.tasks",
    "Until": "nsm.sweeps.until",
    "WorkerPool": "nsm.sweeps.processes",
    "collect": "nsm.sweeps.run",
    "grid": "nsm.sweeps.tasks",
    "read_rows": "nsm.sweeps.row_file",
    "worker_pool": "nsm.sweeps.processes",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
