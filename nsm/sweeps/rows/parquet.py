"""Rows as Parquet: columns with the type of their values, and labels that no column type holds.

A column whose labels are all truth values, whole numbers, numbers or texts has that type, so that
other programs read it as it is; None is a missing value. A column of mixed labels, or of tuples,
holds the texts that a CSV would hold, and the file says which columns those are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nsm.disk import write_file
from nsm.sweeps.labels import as_cell, from_cell
from nsm.unpacking import check_parquet

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".parquet"
#: Endings of files of rows.
ENDINGS = (".csv", SUFFIX)
#: Where the metadata of a file lists its columns of texts as in a CSV.
_CELLS = b"nsm.cells"
#: Whole numbers up to this size are floats without loss.
_EXACT = 2**53
#: Whole numbers below this size fit the columns of whole numbers.
_LARGEST = 2**63


def is_parquet(path: str | Path) -> bool:
    """Return whether rows at a path are to be Parquet, which its suffix says."""
    return Path(path).suffix.lower() == SUFFIX


def check_pyarrow(path: str | Path) -> None:
    """Raise ImportError, with what to do, if rows at a path need pyarrow and it is missing."""
    if not is_parquet(path):
        return
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        instead = Path(path).with_suffix(".csv").name
        raise ImportError(
            f"{path} needs pyarrow, which is not installed: pip install 'nsm-crossbar[parquet]', "
            f"or name a CSV, such as {instead}"
        ) from None


def parquet_columns(path: str | Path) -> list[str]:
    """Return the column names of a Parquet file.

    Raises:
        ImportError: pyarrow is missing.
        ValueError: The file is not Parquet.
    """
    check_pyarrow(path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as problem:
        raise ValueError(f"{path} is not a Parquet file of sweep rows ({problem})") from None


def read_parquet(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file with the labels and numbers that were written.

    Raises:
        ImportError: pyarrow is missing.
        ValueError: The file is not Parquet, or memory has no room for its rows.
    """
    parquet_columns(path)
    import pyarrow.parquet as pq

    check_parquet(path)
    table = pq.read_table(path)
    cells = json.loads((table.schema.metadata or {}).get(_CELLS, b"[]"))
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        row |= {name: from_cell(row[name]) for name in cells}
    return rows


def write_parquet(
    path: str | Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows to a Parquet file, which replaces an older one in one step.

    Args:
        path: The file.
        columns: Names of the columns.
        rows: The label or number of every column in every row.

    Raises:
        ImportError: pyarrow is missing.
    """
    check_pyarrow(path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = []
    arrays = []
    for name in columns:
        values = [row[name] for row in rows]
        kind = _kind_of(values)
        if kind is None:
            cells.append(name)
            values = [as_cell(value) for value in values]
        arrays.append(pa.array(values, type=pa.string() if kind is None else kind))
    metadata = {_CELLS: json.dumps(cells).encode()}
    schema = pa.schema(
        [(n, a.type) for n, a in zip(columns, arrays, strict=True)], metadata=metadata
    )
    table = pa.Table.from_arrays(arrays, schema=schema)
    write_file(path, lambda place: pq.write_table(table, place))


def _kind_of(values: Iterable[Any]) -> pa.DataType | None:
    """Return the type of a column that holds all values exactly; None if there is none."""
    import pyarrow as pa

    given = [value for value in values if value is not None]
    kinds = {type(value) for value in given}
    if not kinds:
        return pa.null()
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {str}:
        return pa.string()
    if kinds == {int}:
        return pa.int64() if all(-_LARGEST <= value < _LARGEST for value in given) else None
    if kinds <= {int, float}:
        whole = [value for value in given if isinstance(value, int)]
        return pa.float64() if all(abs(value) <= _EXACT for value in whole) else None
    return None
