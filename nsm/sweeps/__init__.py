"""Sweeps: a grid of hardware settings, run on several chips each, one row per point and chip.

tasks = grid(model, hardware, {"device.levels": [2, 4, 8]})
rows = collect(tasks, images, labels, chips=3, samples=20, rng=0, save_to="levels.csv")
"""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm.sweeps.hardwares import Hardwares as Hardwares
    from nsm.sweeps.ranges import Range as Range
    from nsm.sweeps.rows.dataset import to_xarray as to_xarray
    from nsm.sweeps.rows.merge import merge_rows as merge_rows
    from nsm.sweeps.rows.sidecar_file import Sidecar as Sidecar
    from nsm.sweeps.rows.sidecar_file import read_sidecar as read_sidecar
    from nsm.sweeps.rows.statistics import compare as compare
    from nsm.sweeps.rows.statistics import interval as interval
    from nsm.sweeps.rows.stored_rows import read_rows as read_rows
    from nsm.sweeps.run import collect as collect
    from nsm.sweeps.tasks import Task as Task
    from nsm.sweeps.tasks import grid as grid
    from nsm.sweeps.until import Until as Until
    from nsm.sweeps.workers.processes import WorkerPool as WorkerPool
    from nsm.sweeps.workers.processes import worker_pool as worker_pool

_EXPORTS = {
    "Hardwares": "nsm.sweeps.hardwares",
    "Range": "nsm.sweeps.ranges",
    "Sidecar": "nsm.sweeps.rows.sidecar_file",
    "Task": "nsm.sweeps.tasks",
    "Until": "nsm.sweeps.until",
    "WorkerPool": "nsm.sweeps.workers.processes",
    "collect": "nsm.sweeps.run",
    "compare": "nsm.sweeps.rows.statistics",
    "grid": "nsm.sweeps.tasks",
    "interval": "nsm.sweeps.rows.statistics",
    "merge_rows": "nsm.sweeps.rows.merge",
    "read_rows": "nsm.sweeps.rows.stored_rows",
    "read_sidecar": "nsm.sweeps.rows.sidecar_file",
    "to_xarray": "nsm.sweeps.rows.dataset",
    "worker_pool": "nsm.sweeps.workers.processes",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
