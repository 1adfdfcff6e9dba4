"""Cells before and after bakes: rows of "before" and "after", or reads at time 0 and later."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices import Bake
from devices.validation import Floats
from nsm.measurements.grids import chosen_cells, full_grid
from nsm.measurements.layouts import need
from nsm.measurements.reading import Reading

#: Cells were baked together if their durations differ by less than this part.
_SAME_DURATION = 0.01
#: Cells of a table that does not name them.
_Cells = NDArray[np.object_] | None


def bakes(reading: Reading) -> dict[str, Any]:
    """Return the bakes of a table: the conductances of cells before and after each.

    Either each row is a cell of a bake, with the columns temperature, time (its duration), before
    and after; or each row is a read, with temperature, time (0 before the bake), g and cell.
    """
    columns = reading.columns
    need(columns, "temperature", "time")
    kelvin, seconds = columns.temperatures(), columns.times()
    cells = columns.labels("cell") if "cell" in columns.roles else None
    if "before" in columns.roles or "after" in columns.roles or "g" not in columns.roles:
        need(columns, "before", "after")
        values = columns.conductances([columns.roles["before"], columns.roles["after"]])
        rows = np.stack([kelvin, seconds, *values], axis=1)
    else:
        need(columns, "cell")
        assert cells is not None, "it is needed"
        (g,) = columns.conductances([columns.roles["g"]])
        cells, rows = _paired(reading, cells, np.stack([kelvin, seconds, g], axis=1))
    cells, rows = _known(reading, cells, rows)
    return {"bakes": tuple(_bakes_of(reading, cells, rows))}


def _paired(reading: Reading, cells: NDArray[np.object_], reads: Floats) -> tuple[_Cells, Floats]:
    """Return one row for each cell and temperature, from reads at time 0 and after the bake.

    Args:
        reading: The table.
        cells: Name of the cell of each read.
        reads: Temperature [K], time [s] and conductance [S] of each read, (reads, 3).
    """
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for cell, (kelvin, seconds, g) in zip(cells.tolist(), reads.tolist(), strict=True):
        found.setdefault((cell, kelvin), []).append((seconds, g))
    names, rows = [], []
    for (cell, kelvin), pairs in found.items():
        different = sorted(dict.fromkeys(pairs))
        reading.counts["doubled"] += len(pairs) - len(different)
        if len(different) == 1:
            reading.counts["read only once"] += 1
            continue
        if len(different) > 2 or different[0][0] != 0:
            times = ", ".join(f"{seconds:g} s" for seconds, _ in different[:5])
            raise ValueError(
                f"{reading.where}: cell {cell} at {kelvin:g} K was read at {times}; a bake has one "
                "read at time 0, before it, and one after it. Leave out the others, or give "
                "columns before and after, with a row for each bake"
            )
        (_, before), (seconds, after) = different
        names.append(cell)
        rows.append((kelvin, seconds, before, after))
    return np.array(names, dtype=object), np.array(rows, dtype=np.float64).reshape(-1, 4)


def _known(reading: Reading, cells: _Cells, rows: Floats) -> tuple[_Cells, Floats]:
    """Return rows (bakes × cells, 4) with temperature and time, each once, of the chosen cells."""
    lost = np.isnan(rows[:, :2]).any(axis=1)
    reading.counts["without temperature or time"] += int(lost.sum())
    rows = rows[~lost]
    if cells is None:
        equal = len(rows) - len(np.unique(rows, axis=0))
        reading.counts["equal rows"] += equal
        if equal:
            reading.columns.notes.append(
                f"{equal} of {len(rows)} rows equal another row. Without a column of cells, each "
                "row counts as a cell of its own: name the cells with --column cell=NAME, or "
                "remove rows that were written twice."
            )
        return None, rows
    cells = cells[~lost]
    if reading.chosen():
        names = tuple(dict.fromkeys(cells.tolist()))
        grid = full_grid(names, np.zeros(1), np.zeros((len(names), 1)))
        wanted = chosen_cells(grid, reading.chosen(), reading.where).cells
        kept = np.isin(cells.astype(str), wanted)
        cells, rows = cells[kept], rows[kept]
    written = list(zip(cells.tolist(), map(repr, rows.tolist()), strict=True))
    first = sorted({row: i for i, row in reversed(list(enumerate(written)))}.values())
    reading.counts["doubled"] += len(written) - len(first)
    reading.cells = tuple(dict.fromkeys(cells.tolist()))
    return cells[first], rows[first]


def _bakes_of(reading: Reading, cells: _Cells, rows: Floats) -> list[Bake]:
    """Return the bakes of rows of temperature [K], duration [s], and conductances [S]."""
    found = []
    for kelvin in np.unique(rows[:, 0]):
        at = rows[:, 0] == kelvin
        durations = rows[at, 1]
        together = np.ptp(durations) <= _SAME_DURATION * durations.max()
        for seconds in [float(np.median(durations))] if together else np.unique(durations):
            here = at if together else at & (rows[:, 1] == seconds)
            _check_once(reading, cells, here, f"{kelvin:g} K for {seconds:g} s")
            bake = rows[here]
            found.append(
                Bake(
                    start=bake[:, 2],
                    later=bake[:, 3],
                    seconds=float(seconds),
                    temperature=float(kelvin),
                )
            )
    return found


def _check_once(reading: Reading, cells: _Cells, here: NDArray[np.bool_], bake: str) -> None:
    """Raise ValueError if a cell has two rows of one bake."""
    if cells is None:
        return
    names, times = np.unique(cells[here].astype(str), return_counts=True)
    if (times > 1).any():
        raise ValueError(
            f"{reading.where}: cell {names[times > 1][0]} has {times.max()} rows with different "
            f"values of the bake at {bake}; keep one of them"
        )
