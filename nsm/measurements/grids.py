"""Measured values of cells over time, temperature or pulses, from long and wide tables."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats, choice


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Values of cells at the same keys.

    Attributes:
        cells: Names of the cells.
        keys: Where they were measured: times, temperatures or numbers of pulses, rising.
        values: (cells, keys); NaN where one is missing.
        has_row: Whether the table has a row of the cell at the key, (cells, keys).
    """

    cells: tuple[str, ...]
    keys: Floats
    values: Floats
    has_row: NDArray[np.bool_]


def sorted_rows(
    cells: NDArray[np.object_],
    keys: Floats,
    values: Floats,
    *,
    key: str,
    where: str,
    counts: Counter[str],
) -> dict[str, tuple[Floats, Floats]]:
    """Return keys and values of each cell, with the keys rising and each of them once.

    Rows without a key are counted and left out. A row that is doubled with the same values is kept
    once and counted. Rows out of order are counted.

    Args:
        cells: Name of the cell of each row, (rows,).
        keys: Key of each row, (rows,).
        values: Values of each row, (rows, values).
        key: What the keys are, for messages.
        where: The file.
        counts: What was found is added here.

    Raises:
        ValueError: If a cell has different values at one key.
    """
    lost = np.isnan(keys)
    if lost.any():
        counts[f"without {key}"] += int(lost.sum())
        cells, keys, values = cells[~lost], keys[~lost], values[~lost]
    names, first, which = np.unique(cells.astype(str), return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first, kind="stable"))[which]  # cells in the order of the file
    by_cell = np.argsort(place, kind="stable")
    inside = np.diff(place[by_cell]) == 0
    counts["out of order"] += int((inside & (np.diff(keys[by_cell]) < 0)).sum())
    order = np.lexsort((keys, place))
    place, keys, values = place[order], keys[order], values[order]
    same = np.flatnonzero((np.diff(place) == 0) & (np.diff(keys) == 0))
    a, b = values[same], values[same + 1]
    unequal = ~np.all((a == b) | (np.isnan(a) & np.isnan(b)), axis=1)
    cell_names = names[np.argsort(first, kind="stable")].tolist()
    if unequal.any():
        at = same[unequal][0]
        raise ValueError(
            f"{where}: cell {cell_names[place[at]]} has two rows at {key} {keys[at]:g} with "
            f"different values ({int(unequal.sum())} such rows); if a column names the cells, say "
            "which with --column cell=NAME, else keep one of the rows"
        )
    counts["doubled"] += same.size
    place, keys = np.delete(place, same), np.delete(keys, same)
    ends = np.flatnonzero(np.diff(place)) + 1
    parts = zip(np.split(keys, ends), np.split(np.delete(values, same, axis=0), ends), strict=True)
    return dict(zip(cell_names, parts, strict=True))


def common_grid(rows: dict[str, tuple[Floats, Floats]], *, key: str, where: str) -> list[Grid]:
    """Return a grid of the keys of all cells, one for each of the values of a row.

    Args:
        rows: Keys and values of each cell, see `sorted_rows`.
        key: What the keys are, for messages.
        where: The file.

    Raises:
        ValueError: If cells hardly share a key.
    """
    keys = np.unique(np.concatenate([x for x, _ in rows.values()]))
    longest = max(x.size for x, _ in rows.values())
    if keys.size > 2 * longest:
        raise ValueError(
            f"{where}: the {len(rows)} cells were measured at {keys.size} different values of "
            f"{key}, and none at more than {longest}; name a column with the same values for all "
            f"cells, such as nominal ones, with --column {key}=…"
        )
    number = next(iter(rows.values()))[1].shape[1]
    values = np.full((number, len(rows), keys.size), np.nan)
    has_row = np.zeros((len(rows), keys.size), dtype=bool)
    for i, (x, y) in enumerate(rows.values()):
        at = np.searchsorted(keys, x)
        values[:, i, at] = y.T
        has_row[i, at] = True
    return [Grid(cells=tuple(rows), keys=keys, values=v, has_row=has_row) for v in values]


def full_grid(cells: tuple[str, ...], keys: Floats, values: Floats) -> Grid:
    """Return a grid of a table in which all cells have all rows."""
    return Grid(cells=cells, keys=keys, values=values, has_row=np.ones(values.shape, dtype=bool))


def chosen_cells(grid: Grid, wanted: tuple[str, ...], where: str) -> Grid:
    """Return a grid of the wanted cells alone; of all if none is named.

    Raises:
        ValueError: If there is no such cell, or one is named twice.
    """
    if not wanted:
        return grid
    twice = [cell for cell in dict.fromkeys(wanted) if wanted.count(cell) > 1]
    if twice:
        raise ValueError(f"cell {twice[0]!r} of {where} is named twice; leave one out")
    index = [grid.cells.index(choice(f"cell of {where}", c, grid.cells)) for c in wanted]
    return replace(grid, cells=wanted, values=grid.values[index], has_row=grid.has_row[index])


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Times that were recognized as even.

    Attributes:
        period: Time from one read to the next [s].
        index: Number of the read of each time.
    """

    period: float
    index: NDArray[np.int64]

    @property
    def gaps(self) -> int:
        """Number of reads that are missing between the times."""
        return int(self.index[-1]) + 1 - self.index.size


#: A step may differ from a multiple of the period by this fraction of it.
UNEVEN = 0.2
#: There may be at most this many times more missing than measured reads.
LARGEST_GAPS = 4


def sampled(times: Floats, where: str) -> Sampled:
    """Return the period of times [s] that rise, and which reads of an even series they are.

    Raises:
        ValueError: If there are fewer than three, they are uneven, or most reads are missing.
    """
    if times.size < 3:
        raise ValueError(f"{where} has {times.size} times of a cell; a trace has three or more")
    steps = np.diff(times)
    period = float(np.median(steps))
    multiples = np.rint(steps / period)
    off = np.abs(steps / period - multiples) > UNEVEN
    if off.any() or np.any(multiples < 1):
        at = int(np.flatnonzero(off | (multiples < 1))[0])
        raise ValueError(
            f"{where}: times are not even: the step from {times[at]:g} s to {times[at + 1]:g} s is "
            f"{steps[at] / period:.3g} periods of {period:g} s; fits need reads at even times, so "
            "resample the trace, or name the even part with --reads FIRST:LAST"
        )
    index = np.concatenate([[0], np.cumsum(multiples)]).astype(np.int64)
    if index[-1] > LARGEST_GAPS * times.size:
        raise ValueError(
            f"{where}: {int(index[-1]) + 1 - times.size} reads are missing between {times.size} "
            f"reads at a period of {period:g} s; choose a part without gaps with --reads FIRST:LAST"
        )
    return Sampled(period=float((times[-1] - times[0]) / index[-1]), index=index)
