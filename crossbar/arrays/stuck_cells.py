"""Which cells of a tile are stuck: those of its programming, and those that failed later."""

import numpy as np
from numpy.typing import NDArray

from devices import Device
from devices.faults.base import Faults
from devices.seeding import RNG
from devices.validation import Floats

Mask = NDArray[np.bool_]


def stuck_at(faults: Faults, device: Device, shape: tuple[int, ...], *, rng: RNG) -> Floats:
    """Return where cells are stuck [S], and NaN for cells that follow their target.

    Faults replace the targets of faulty cells, so that targets of NaN show which they are.

    Args:
        faults: The faults of one side of a tile, see `Faults.at`.
        device: The cell, for its range.
        shape: Shape of the cells.
        rng: Where the faults are drawn from; `Device.program` draws them first.
    """
    measured = faults.measured(shape)
    if measured is not None:
        return np.array(measured, dtype=np.float64)
    nothing = np.full(shape, np.nan)
    return np.array(faults.apply(nothing, device.g_min, device.g_max, rng=rng), dtype=np.float64)
