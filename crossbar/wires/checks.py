"""Checks of what a circuit is solved for: conductances, their range, current-voltage curves."""

import numpy as np
from numpy.typing import ArrayLike

from crossbar.wires.description import IVCurve
from devices.validation import LARGEST_NUMBER, Floats, array, number, shortened


def limits_of(name: str, g: ArrayLike, shape: tuple[int, ...]) -> Floats | float:
    """Return the ends of the range of cells, a number or an array of their shape."""
    if isinstance(g, (list, tuple, np.ndarray)):
        return array(name, g, shape=shape)
    return number(name, g, at_least=0, unit="S", plausible=LARGEST_NUMBER)


def check_curve(iv: IVCurve | None) -> None:
    """Raise ValueError if something is no current-voltage curve."""
    if iv is not None and not all(
        callable(getattr(iv, name, None)) for name in ("current", "slope")
    ):
        raise ValueError(
            f"iv = {shortened(iv)} is no current-voltage curve; give one, such as "
            "devices.SinhCurve(v_0=0.2), or None for ohmic cells"
        )


def conductances(g: ArrayLike, name: str = "g") -> Floats:
    """Return g as an array in C order; raise ValueError if it is empty or a value is negative."""
    cells = np.ascontiguousarray(array(name, g, ndim=2))
    if cells.size == 0:
        raise ValueError(
            f"{name} has shape {cells.shape}: an array needs at least one word line and one bit "
            "line"
        )
    if (cells < 0).any():
        raise ValueError(
            f"{name} holds {(cells < 0).sum()} negative conductances, the lowest "
            f"{cells.min():.4g} S; give {name} >= 0"
        )
    return cells
