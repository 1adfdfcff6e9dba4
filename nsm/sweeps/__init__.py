"""Sweeps: a grid of hardware settings, run on several chips each, one row per point and chip.

tasks = grid(model, hardware, {"device.levels": [2, 4, 8]})
rows = collect(tasks, images, labels, chips=3, samples=20, rng=0, save_to="levels.csv")
"""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm.sweeps.dataset import to_xarray as to_xarray
    from nsm.sweeps.hardwares import Hardwares as Hardwares
    from nsm.sweeps.merge import merge_rows as merge_rows
    from nsm.sweeps.processes import WorkerPool as WorkerPool
    from nsm.sweeps.processes import worker_pool as worker_pool
    from nsm.sweeps.ranges import Range as Range
    from nsm.sweeps.run import collect as collect
    from nsm.sweeps.sidecar_file import Sidecar as Sidecar
    from nsm.sweeps.sidecar_file import read_sidecar as read_sidecar
    from nsm.sweeps.statistics import compare as compare
    from nsm.sweeps.statistics import interval as interval
    from nsm.sweeps.stored_rows import read_rows as read_rows
    from nsm.sweeps.tasks import Task as Task
    from nsm.sweeps.tasks import grid as grid
    from nsm.sweeps.until import Until as Until

_EXPORTS = {
    "Hardwares": "nsm.sweeps.hardwares",
    "Range": "nsm.sweeps.ranges",
    "Sidecar": "nsm.sweeps.sidecar_file",
    "Task": "nsm.sweeps.tasks",
    "Until": "nsm.sweeps.until",
    "WorkerPool": "nsm.sweeps.processes",
    "collect": "nsm.sweeps.run",
    "compare": "nsm.sweeps.statistics",
    "grid": "nsm.sweeps.tasks",
    "interval": "nsm.sweeps.statistics",
    "merge_rows": "nsm.sweeps.merge",
    "read_rows": "nsm.sweeps.stored_rows",
    "read_sidecar": "nsm.sweeps.sidecar_file",
    "to_xarray": "nsm.sweeps.dataset",
    "worker_pool": "nsm.sweeps.processes",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
