"""Layouts of tables: long (cell, time, value), wide (a column per cell), matrices of NPZ files."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from devices.validation import Floats
from nsm.measurements.columns import Columns, label
from nsm.measurements.grids import Grid, common_grid, full_grid, sorted_rows
from nsm.measurements.headers import ALIASES
from nsm.measurements.wide_pairs import Pairs, paired_columns

#: Roles that are measured together, for each cell.
_PAIRS = (("up", "down"), ("set", "reset"))


def need(columns: Columns, *roles: str) -> None:
    """Raise ValueError unless every role has a column."""
    for role in roles:
        if role not in columns.roles:
            have = ", ".join(repr(c) for c in list(columns.table.columns)[:8])
            if role in columns.absent:
                raise ValueError(
                    f"{columns.where} has no column {columns.absent[role]!r}, which --column "
                    f"{role}={columns.absent[role]} names; it has {have}"
                )
            raise ValueError(
                f"{columns.where} has no column {role!r}; it has {have}. Call a column "
                f"{' or '.join(ALIASES[role][:3])}, or name it with --column {role}=NAME"
                f"{_hint(columns, role)}"
            )


def _hint(columns: Columns, role: str) -> str:
    """Return what to do with a table of another layout, for the message that a role is missing."""
    pair = next((pair for pair in _PAIRS if role in pair), None)
    if pair is not None:
        return f"; a table with columns for each cell calls them {pair[0]}_a, {pair[1]}_a and so on"
    numbered = [c for c in columns.table.columns if re.match(r"\s*-?\d", c)]
    if columns.table.has_header and len(numbered) > 1:
        return (
            f"; if {numbered[0]!r} and {numbered[1]!r} are each one {role}, transpose the table, "
            f"so that there is a row for each {role}"
        )
    if role == "got":
        return (
            "; if each column is a cell, write the cells below one another, one row for each value"
        )
    return ""


def cell_columns(columns: Columns) -> list[str]:
    """Return the columns that are cells of a wide table: those without a role, of one length.

    Raises:
        ValueError: If there is none, or a table without a header has what looks like times.
    """
    free = {
        c: a
        for c, a in columns.table.columns.items()
        if c not in columns.roles.values() and a.ndim == 1
    }
    lengths = Counter(a.size for a in free.values())
    if not lengths:
        need(columns, "g")
    size = max(lengths, key=lambda n: (lengths[n] * n, n))
    cells = [c for c, a in free.items() if a.size == size]
    if not columns.table.has_header and len(cells) > 1 and not columns.roles:
        first = columns.table.numbers(cells[0])
        if np.all(np.diff(first) > 0):
            raise ValueError(
                f"{columns.where} has no header, and its first column rises from {first[0]:g} to "
                f"{first[-1]:g} without a fall, as times do; write a header, or name it with "
                f"--column time={cells[0]}"
            )
    return cells


def grids(
    columns: Columns,
    key: str,
    keys: Floats | None,
    counts: Counter[str],
    *,
    values: Sequence[str] = ("g",),
) -> list[Grid]:
    """Return the values of all cells over a key, whichever layout the table has.

    Args:
        columns: The table.
        key: Role of the key, for messages, such as "time".
        keys: Key of each row, or of each column of a matrix; None for the number of the row.
        counts: What was found is added here.
        values: Roles of the values; one grid is returned for each.
    """
    pairs = paired_columns(columns, values) if len(values) > 1 else {}
    if pairs:
        return _of_pairs(columns, pairs, key, keys, counts)
    named = [columns.roles[role] for role in values if role in columns.roles]
    if len(values) > 1 and len(named) < len(values):
        need(columns, *values)
    if named and columns.table.columns[named[0]].ndim > 1:
        return _of_matrices(columns, named, key, keys)
    if not named:
        cells = cell_columns(columns)
        table = np.stack(columns.conductances(cells), axis=1)
        names = [columns.headers[c].name for c in cells]
        x, y = _of_all_cells(columns, key, keys, table, counts)
        return [full_grid(tuple(_distinct(names, cells)), x, y.T.copy())]
    table = np.stack(columns.conductances(named), axis=1)
    if "cell" in columns.roles:
        cells_of_rows = columns.labels("cell")
    else:
        cells_of_rows = np.full(table.shape[0], "1", dtype=object)
    at = _numbers_of_rows(cells_of_rows) if keys is None else keys
    at = _checked_keys(columns, key, at, table.shape[0])
    rows = sorted_rows(cells_of_rows, at, table, key=key, where=columns.where, counts=counts)
    return common_grid(rows, key=key, where=columns.where)


def _of_all_cells(
    columns: Columns, key: str, keys: Floats | None, table: Floats, counts: Counter[str]
) -> tuple[Floats, Floats]:
    """Return sorted keys and values (keys, columns) of a wide table."""
    at = _checked_keys(columns, key, keys, table.shape[0])
    every = np.full(at.size, "all", dtype=object)
    return sorted_rows(every, at, table, key=key, where=columns.where, counts=counts)["all"]


def _of_pairs(
    columns: Columns, pairs: Pairs, key: str, keys: Floats | None, counts: Counter[str]
) -> list[Grid]:
    """Return a grid for each role of a wide table with several columns for each cell."""
    table = np.stack(
        columns.conductances([c for by_cell in pairs.values() for c in by_cell.values()]), axis=1
    )
    x, y = _of_all_cells(columns, key, keys, table, counts)
    cells = tuple(next(iter(pairs.values())))
    return [full_grid(cells, x, part.T.copy()) for part in np.split(y, len(pairs), axis=1)]


def _distinct(names: list[str], columns: list[str]) -> list[str]:
    """Return the names of columns without units, if these are still different."""
    return names if len(set(names)) == len(names) else columns


def _numbers_of_rows(cells: np.ndarray) -> Floats:
    """Return the number of each row among those of its cell."""
    seen: Counter[str] = Counter()
    numbers = np.empty(cells.size)
    for i, cell in enumerate(cells.tolist()):
        numbers[i] = seen[cell]
        seen[cell] += 1
    return numbers


def _checked_keys(columns: Columns, key: str, keys: Floats | None, rows: int) -> Floats:
    """Return the keys of all rows; their numbers if there are no keys."""
    if keys is None:
        return np.arange(rows, dtype=np.float64)
    if keys.shape != (rows,):
        raise ValueError(
            f"{columns.where}: {key} has the shape {keys.shape}, and there are {rows} rows of "
            "values; give one for each"
        )
    return keys


def _of_matrices(columns: Columns, named: list[str], key: str, keys: Floats | None) -> list[Grid]:
    """Return the matrices (cells × keys) of an NPZ file."""
    matrices = columns.conductances(named)
    for name, matrix in zip(named, matrices, strict=True):
        if matrix.ndim != 2 or matrix.shape != matrices[0].shape:
            raise ValueError(
                f"{columns.where}: {name!r} has the shape {matrix.shape}; give matrices of one "
                "shape, cells × values"
            )
    cells, size = matrices[0].shape
    if keys is None and cells > size:
        raise ValueError(
            f"{columns.where}: {named[0]!r} has {cells} rows and {size} columns, and there is a "
            "row for each cell; transpose it"
        )
    at = np.arange(size, dtype=np.float64) if keys is None else keys
    if at.shape != (size,) or np.any(np.diff(at) <= 0):
        raise ValueError(
            f"{columns.where}: {key} of shape {at.shape} does not rise over the {size} columns "
            f"of {named[0]!r}, which is cells × {key}; sort or transpose it"
        )
    names = [label(i + 1) for i in range(cells)]
    if "cell" in columns.roles and columns.table.columns[columns.roles["cell"]].size == cells:
        names = columns.labels("cell").tolist()
    return [full_grid(tuple(names), at, m) for m in matrices]
