"""Tables on disk: CSV and other text, NPZ, Parquet and XLSX as named columns."""

import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from devices.arguments import file_path, path_text, text
from devices.validation import Floats, choice
from nsm.measurements.encodings import text_of
from nsm.measurements.unnamed import are_numbered, is_unnamed, without_unnamed
from nsm.unpacking import check_memory, check_npz, check_parquet, declared_size

if TYPE_CHECKING:
    import pandas as pd

_TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat")
#: Endings of the files that are read.
ENDINGS = (*_TEXT, ".npz", ".parquet", ".xlsx")
#: Characters with which lines begin that are comments.
COMMENTS = ("#", "%")
#: Bytes of memory that a byte of text in an XLSX file takes.
_PER_BYTE = 10
#: What stands for a value that is missing, besides an empty cell; compared in lower case.
_MISSING = ("", "nan", "na", "n/a", "none", "null", "-", "--")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of a file as they are there, without conversion of units.

    Attributes:
        where: Path of the file, for messages.
        columns: Arrays by header: columns of one dimension, and matrices of NPZ files.
        has_header: Whether the file names its columns. Otherwise they are called "1", "2", …
        counts: What was found by words, such as lines of comments.
        notes: Sentences on what was assumed, such as an encoding.
    """

    where: str
    columns: Mapping[str, NDArray[Any]]
    has_header: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def numbers(self, column: str, *, exact: bool = False) -> Floats:
        """Return a column as numbers; NaN where a cell is empty or says that there is none.

        Args:
            column: The column.
            exact: Whether 0.01 of single precision becomes 0.01, not 0.0099999998.

        Raises:
            ValueError: If a cell has another text, or a value is infinite.
        """
        values = self.columns[column]
        if exact and values.dtype == np.float32:
            unique, where = np.unique(values, return_inverse=True)
            return unique.astype(str).astype(np.float64)[where].reshape(values.shape)
        if values.dtype.kind in "fiub":
            found = np.asarray(values, dtype=np.float64)
        else:
            found = np.array([self._number(column, i, v) for i, v in enumerate(values.tolist())])
        infinite = np.flatnonzero(np.isinf(found))
        if infinite.size:
            raise ValueError(
                f"{self.where}: {infinite.size} values of column {column!r} are infinite, the "
                f"first in row {infinite[0] + 1}; leave cells empty where a value is missing"
            )
        return found

    def _number(self, column: str, row: int, value: Any) -> float:
        """Return one cell of a column as a number."""
        if value is None or str(value).strip().lower() in _MISSING:
            return float("nan")
        try:
            return float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{self.where}: row {row + 1} of column {column!r} holds {str(value)[:40]!r}, "
                "which is no number; leave the cell empty if the value is missing"
            ) from None


def read_table(path: str | Path, *, sheet: str | None = None) -> Table:
    """Return the columns of a file.

    Args:
        path: The file; its ending is one of `ENDINGS`. Text is separated by commas, semicolons
            or tabs (both also with decimal commas), and lines of comments begin with # or %.
        sheet: Sheet of an XLSX file; None if it has only one that is not empty.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If an optional library is missing that the format needs.
        ValueError: If the ending is another one, or the file has no table of named columns.
    """
    path = file_path("path", path)
    choice(f"ending of {path_text(path)}", path.suffix.lower(), ENDINGS)
    if not os.path.isfile(path):  # Path.is_file fails for names that are too long
        raise FileNotFoundError(f"no measurement {path_text(path)}; name a file that exists")
    if sheet is not None:
        text("sheet", sheet)
    ending = path.suffix.lower()
    if sheet is not None and ending != ".xlsx":
        raise ValueError(f"--sheet {sheet} has no effect: {path} has no sheets; leave it out")
    if ending in _TEXT:
        return _of_text(path)
    if ending == ".npz":
        return _of_npz(path)
    frame = _parquet(path) if ending == ".parquet" else _xlsx(path, sheet)
    return _of_frame(str(path), frame)


def _lines(text: str) -> tuple[list[str], int]:
    """Return the lines of a text that are neither empty nor comments, and how many are."""
    written = [x for x in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if x.strip()]
    lines = [x for x in written if not _is_comment(x)]
    return lines, len(written) - len(lines)


def _is_comment(line: str) -> bool:
    """Return whether a line of a text file is a comment."""
    return line.lstrip().startswith(COMMENTS)


def _is_number(text: str) -> bool:
    """Return whether a cell is a number, with a point or a comma, or missing."""
    cell = text.strip().strip('"').replace(",", ".", 1)
    if cell.lower() in _MISSING:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_quotes(path: Path, lines: list[str]) -> None:
    """Raise ValueError if a row opens a quotation mark: it would take the rows after it as one."""
    for row, line in enumerate(lines):
        if line.count('"') % 2:
            raise ValueError(
                f"{path}: row {row + 1} has a quotation mark that is not closed, {line[:40]!r}; "
                "remove it, or close it"
            )


def _of_text(path: Path) -> Table:
    """Return the columns of a text file."""
    import pandas as pd

    text, notes = text_of(path)
    lines, comments = _lines(text)
    if not lines:
        raise ValueError(f"{path} is empty; give a table of measured values")
    first = lines[0]
    separator = next((s for s in ("\t", ";", ",") if s in first), ",")
    cells = [cell.strip().strip('"') for cell in first.split(separator)]
    has_header = are_numbered(cells) or not all(map(_is_number, cells))
    names = cells if has_header else [str(i + 1) for i in range(len(cells))]
    lines = lines[int(has_header) :]
    if not lines:
        raise ValueError(f"{path} has a header and no rows; give measured values")
    has_commas = separator != "," and any(re.search(r"\d,\d", x) for x in lines[:100])
    decimal = "," if has_commas else "."
    wrong = [(i, n) for i, n in enumerate(x.count(separator) + 1 for x in lines) if n != len(names)]
    if wrong and not any('"' in x for x in lines[:100]):
        row, n = wrong[0]
        raise ValueError(
            f"{path}: row {row + 1} has {n} cells, the first line has {len(names)}; "
            f"{len(wrong)} rows differ from it"
        )
    _check_quotes(path, lines)
    from io import StringIO

    frame = pd.read_csv(
        StringIO("\n".join(lines)),
        sep=separator,
        names=range(len(names)),
        header=None,
        decimal=decimal,
        skipinitialspace=True,
        skip_blank_lines=False,
        na_values=["-", "--"],
    )
    frame.columns = pd.Index(names)
    counts = {"comments": comments} if comments else {}
    return _of_frame(str(path), frame, has_header=has_header, counts=counts, notes=notes)


def _check_names(where: str, names: list[str]) -> None:
    """Raise ValueError unless every column has a name of its own."""
    nameless = [i + 1 for i, name in enumerate(names) if is_unnamed(name)]
    if nameless:
        raise ValueError(
            f"{where}: column {nameless[0]} has no name, and does not count the rows as an index "
            "does; write a name, or remove the column"
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(
            f"{where} has {names.count(doubled[0])} columns named {doubled[0]!r}; rename or remove "
            "all but one"
        )


def _of_frame(
    where: str,
    frame: "pd.DataFrame",
    *,
    has_header: bool = True,
    counts: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return the columns of a data frame, without unnamed ones that tell nothing."""
    frame, left_out = without_unnamed(frame)
    names = [str(name) for name in frame.columns]
    _check_names(where, names)
    if not len(frame):
        raise ValueError(f"{where} has no rows; give measured values")
    columns = {name: _array(frame.iloc[:, i]) for i, name in enumerate(names)}
    return Table(
        where=where,
        columns=columns,
        has_header=has_header,
        counts=counts or {},
        notes=(*notes, *left_out),
    )


def _array(column: "pd.Series[Any]") -> NDArray[Any]:
    """Return a column as an array of numbers, or of texts in which None stands for none."""
    if column.dtype.kind in "fiub":
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    texts = column.to_numpy(dtype=object)
    return np.array([None if lost else v for v, lost in zip(texts, column.isna(), strict=True)])


def _of_npz(path: Path) -> Table:
    """Return the arrays of an NPZ file."""
    try:
        check_npz(path)
        with np.load(path, allow_pickle=False) as arrays:
            columns = {name: np.asarray(arrays[name]) for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile) as problem:
        raise ValueError(f"{path} is no NPZ file of numbers and texts: {problem}") from None
    if not any(a.size for a in columns.values()):
        raise ValueError(f"{path} has no values; give arrays of measured values")
    return Table(where=str(path), columns=columns)


def _needs(path: Path, library: str, problem: ImportError) -> ImportError:
    """Return the error that a library is missing."""
    return ImportError(
        f"reading {path} needs {library}, which is not installed ({problem}); install it by "
        "pip install 'nsm-crossbar[files]', or save the table as CSV"
    )


def _parquet(path: Path) -> "pd.DataFrame":
    """Return the table in a Parquet file."""
    import pandas as pd

    try:
        import pyarrow
    except ImportError as problem:
        raise _needs(path, "pyarrow", problem) from None
    try:
        check_parquet(path)
        frame = pd.read_parquet(path)
    except (OSError, pyarrow.ArrowException) as problem:
        raise ValueError(f"{path} is no Parquet file: {problem}") from None
    # pandas stores an index with a name as such, and it is a column like the others here.
    return frame if frame.index.name is None else frame.reset_index()


def _xlsx(path: Path, sheet: str | None) -> "pd.DataFrame":
    """Return the table on the sheet of an XLSX file."""
    import pandas as pd

    try:
        import openpyxl  # noqa: F401
    except ImportError as problem:
        raise _needs(path, "openpyxl", problem) from None
    try:
        with zipfile.ZipFile(path) as archive:
            text = sum(declared_size(info, path) for info in archive.infolist())
        check_memory(path, _PER_BYTE * text)
        # Headers are read as a row, because pandas renames those that occur twice.
        sheets = pd.read_excel(path, sheet_name=None, header=None, engine="openpyxl")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        raise ValueError(f"{path} is no XLSX file: {problem}") from None
    filled = {str(name): frame for name, frame in sheets.items() if len(frame)}
    if sheet is not None:
        choice(f"sheet of {path}", sheet, filled)
    elif len(filled) != 1:
        raise ValueError(
            f"{path} has {len(filled)} sheets that are not empty ({', '.join(filled)}); choose one "
            "with --sheet NAME"
        )
    frame = filled[sheet] if sheet is not None else next(iter(filled.values()))
    body = frame.iloc[1:].reset_index(drop=True)
    body.columns = pd.Index(["" if pd.isna(v) else str(v).strip() for v in frame.iloc[0]])
    return body.infer_objects()
