"""CSV files: one row per image, a column of labels, a column for every pixel."""

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from nsm.datasets.files import unpacking
from nsm.datasets.own.labels import of_texts
from nsm.datasets.own.parts import Part
from nsm.unpacking import LARGEST_RATIO, check_memory, free_memory

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz")
_LABEL = "label"
#: Bytes of memory that a byte of text takes: two characters for a number of eight bytes.
_PER_BYTE = 4
#: Names in a header that number the rows: they would be taken for a pixel.
_ROW_NUMBERS = ("", "id", "index", "unnamed: 0")


def read_csv(path: Path, label_column: str | None, name: str) -> Part:
    """Return the images and labels of a CSV file; all columns but the labels' are pixels.

    Args:
        path: The file.
        label_column: Column of the labels: its name in the header, or "first" or "last", with
            which the file needs no header; None: the column "label".
        name: What messages call the images.

    Raises:
        ValueError: There is no such column, two columns have one name, a pixel is no number, the
            labels are numbers that are not whole, or the rows differ in length.
    """
    import pandas as pd

    if path.suffix == ".gz":
        _check_unpacked(path)
    try:
        first = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
        cells = [str(cell).strip() for cell in first.iloc[0]]
        place, has_header = _label_place(cells, label_column, path)
        if has_header:
            _check_header(cells, place, path)
        # Class names such as "None", "NA", "01" and "True" stay text.
        table = pd.read_csv(
            path,
            header=0 if has_header else None,
            keep_default_na=False,
            low_memory=False,
            converters={place: str},
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} is not a CSV of images ({problem})") from None
    labels = of_texts(f"the labels of {name}", table.iloc[:, place].tolist())
    pixels = table.drop(columns=table.columns[place])
    _check_numbers(pixels, path, header=has_header)
    return Part(pixels.to_numpy(), labels, name)


def _check_unpacked(path: Path) -> None:
    """Raise ValueError if a compressed CSV is damaged, or its text takes more than all memory."""
    room = free_memory() // _PER_BYTE
    if path.stat().st_size * LARGEST_RATIO <= room:
        return
    size = 0
    with unpacking(path), gzip.open(path) as stream:
        while size <= room and (piece := stream.read(1 << 20)):
            size += len(piece)
    check_memory(path, _PER_BYTE * size)


def _label_place(cells: list[str], label_column: str | None, path: Path) -> tuple[int, bool]:
    """Return the place of the labels' column, and whether the first line is a header."""
    if label_column in ("first", "last"):
        place = 0 if label_column == "first" else len(cells) - 1
        pixels = cells[:place] + cells[place + 1 :]
        return place, not all(_is_number(cell) for cell in pixels)
    wanted = (label_column or _LABEL).lower()
    places = [i for i, cell in enumerate(cells) if cell.lower() == wanted]
    if len(places) != 1:
        shown = ", ".join(map(repr, cells[:5])) + (", …" if len(cells) > 5 else "")
        raise ValueError(
            f"the first line of {path} ({shown}) has {len(places)} columns "
            f'{label_column or _LABEL!r}; say where the labels are: label_column="first", "last", '
            "or a name of the header"
        )
    return places[0], True


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_header(cells: list[str], place: int, path: Path) -> None:
    """Raise ValueError for a column that numbers the rows, and for two columns of one name."""
    for i, cell in enumerate(cells):
        if cell and cell in cells[:i]:
            raise ValueError(
                f"columns {cells.index(cell) + 1} and {i + 1} of {path} are both called {cell!r}; "
                "remove one, or give each a name of its own"
            )
        if i != place and cell.lower() in _ROW_NUMBERS:
            raise ValueError(
                f"column {i + 1} of {path} is called {cell!r}: it numbers the rows and is no "
                "pixel; remove it"
            )


def _check_numbers(pixels: "pd.DataFrame", path: Path, *, header: bool) -> None:
    """Raise ValueError if a pixel is no number, naming column, line and value."""
    for column in pixels.columns[[dtype.kind not in "iufb" for dtype in pixels.dtypes]]:
        for line, value in enumerate(pixels[column], start=2 if header else 1):
            if not _is_number(str(value)):
                raise ValueError(
                    f"line {line} of {path} holds {value!r} in column {column!r}; "
                    "all columns but the labels' hold numbers"
                )
