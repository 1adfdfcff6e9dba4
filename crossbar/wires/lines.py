"""Resistances of the lines of an array as the kernels of the solver take them."""

from typing import Any

import numpy as np

from crossbar.wires.description import Wires
from crossbar.wires.segments import segments, uniform
from devices.validation import Floats

#: Resistances of lines as the kernels take them: segments between crossings, the end that is always
#: connected, and the other end. Numbers, or arrays where segments differ.
_Lines = tuple[Any, Any, Any]


def turns(wires: Wires) -> tuple[slice, slice]:
    """Return the order of lines in which drivers are at the left and senses at the bottom.

    The kernels take them there; other corners are turned.
    """
    return (
        slice(None, None, -1 if wires.senses == "top" else 1),
        slice(None, None, -1 if wires.drivers == "right" else 1),
    )


def resistances(
    wires: Wires, shape: tuple[int, int], turned: tuple[slice, slice]
) -> tuple[_Lines, _Lines]:
    """Return the resistances of word lines and of bit lines of an array that has been turned."""
    row = uniform(wires.r_row)
    column = uniform(wires.r_col)
    lines, columns = turned
    if isinstance(wires.r_row, tuple) or isinstance(wires.r_col, tuple):
        differing = segments(wires, shape)  # it refuses shapes that do not fit
    if row is None:
        near, far = differing.left, differing.right
        if wires.drivers == "right":
            near, far = far, near
        _check_ends(near, far, "r_row", "word line", "driver", "r_source")
        between = np.pad(differing.row[turned], ((0, 0), (1, 0)))
        rows: _Lines = (between, _turned(near, lines), _turned(far, lines))
    else:
        first = wires.r_source + row
        # Without resistance a second driver changes nothing.
        two = wires.drivers == "both" and first > 0
        rows = (row, first, first if two else np.inf)
    if column is None:
        near, far = differing.bottom, differing.top
        if wires.senses == "top":
            near, far = far, near
        _check_ends(near, far, "r_col", "bit line", "sense", "r_sense")
        between = np.pad(differing.column[turned], ((0, 1), (0, 0)))
        bits: _Lines = (between, _turned(near, columns), _turned(far, columns))
    else:
        last = column + wires.r_sense
        two = wires.senses == "both" and last > 0
        bits = (column, last, last if two else np.inf)
    if row is None and column is not None and last > 0:
        bits = _as_arrays(bits, shape, shape[1])
    if column is None and row is not None and first > 0:
        rows = _as_arrays(rows, shape, shape[0])
    return rows, bits


def _as_arrays(lines: _Lines, shape: tuple[int, int], count: int) -> _Lines:
    """Return resistances of equal lines as arrays.

    Where lines of the other kind need arrays, these have them too: the compiler takes many seconds
    for each combination of numbers and arrays that it meets.
    """
    between, near, far = lines
    return np.full(shape, between), np.full(count, near), np.full(count, far)


def _turned(ends: Floats, order: slice) -> Floats:
    """Return the resistances of the ends of lines in the order of the turned lines."""
    return np.ascontiguousarray(ends[order])


def _check_ends(near: Floats, far: Floats, name: str, line: str, end: str, inside: str) -> None:
    """Raise ValueError if a connected end of a line whose segments differ has no resistance."""
    bad = np.flatnonzero(np.minimum(near, far) == 0)
    if bad.size:
        raise ValueError(
            f"the segment between {line} {bad[0]} and its {end} has no resistance in Wires.{name}, "
            f"and {inside} is 0; where segments differ, give one of them more than 0"
        )


def ohms(r: float | Floats) -> str:
    """Return a resistance for a message: a number, or the range of an array."""
    return f"{r:g}" if np.ndim(r) == 0 else f"up to {np.max(r):g}"
