"""A file of measured tolerances, as `nsm tolerance` saves it, as a chapter of a page."""

import csv
import math
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nsm.plots.texts import plain_title
from nsm.report.page import Part, Table
from nsm.sweeps.rows.stored_rows import read_rows

#: Columns that such a file has at least.
NEEDED = ("network", "axis", "tolerated")
#: Columns that a page shows, where the file has them; the others serve programs.
SHOWN = ("given", "tolerated", "high", "ratio", "unit", "decided", "reason")
#: Columns that hold numbers, or nothing where an axis has no result.
NUMBERS = ("tolerated", "high", "ratio")
#: Headings of columns that are called otherwise than in the file.
HEADINGS = {"high": "broken at"}
#: Words for truth values.
_WORDS = {"True": "yes", "False": "no"}


def tolerance_part(path: str | Path) -> Part:
    """Return the chapter of a file of tolerances.

    Args:
        path: CSV of `nsm.Tolerances.save`; its sentences are in the TOML file beside it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no CSV of tolerances.
    """
    file = Path(path)
    rows = _rows(file)
    columns = [name for name in SHOWN if name in rows[0]]
    lines = [
        (
            f"{row['network']}: {plain_title(row['axis'])}",
            [(_cell(name, row), "") for name in columns],
        )
        for row in rows
    ]
    table = Table(
        caption="Largest tolerated values, measured", first="network and axis",
        columns=[HEADINGS.get(name, name) for name in columns], rows=lines, is_text=True,
        sentences=("reason",), note=f"From {file.name}.",
    )  # fmt: skip
    return Part(title="Measured tolerances", texts=_sentences(file), tables=[table])


def check_networks(path: str | Path, swept: Sequence[str | Path]) -> None:
    """Raise ValueError unless tolerances and rows of sweeps are of the same networks.

    They are if a network has the same name, or the same hash, in both. A name that stands for
    different networks is refused; hashes are in the rows, and in the TOML file beside tolerances.

    Args:
        path: CSV of tolerances.
        swept: Files of rows that are on the same page.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is damaged, or the networks differ.
    """
    file = Path(path)
    known, names = _beside(file).get("networks", {}), [row["network"] for row in _rows(file)]
    try:
        told = {name: _hashes_of(known.get(name, {})) for name in names}
    except (AttributeError, TypeError):
        raise ValueError(
            f"{file.with_suffix('.toml')} beside the tolerances holds networks = {known!r:.80}, "
            "which nsm tolerance does not write; move it away, or measure the tolerances again"
        ) from None
    found: dict[str, set[str]] = {}
    for rows in swept:
        for name, its in read_rows(rows).groupby("network", sort=False):
            models = set(its["model"].astype(str)) if "model" in its else set()
            ours = told.get(str(name), set())
            if models and ours and not models & ours:
                raise ValueError(
                    f"{path} and {rows} are of different networks, which both call {name!r}: "
                    f"{_shortened(ours)} in {path}, {_shortened(models)} in {rows}; give "
                    "tolerances of the network of the sweep"
                )
            found[str(name)] = found.get(str(name), set()) | models
    same_hash = set().union(*told.values()) & set().union(*found.values())
    if not (same_hash or told.keys() & found.keys()):
        raise ValueError(
            f"{path} is of {_quoted(told)}, and {', '.join(map(str, swept))} of {_quoted(found)}: "
            "no network is in both; give tolerances of the network of the sweep"
        )


def _hashes_of(network: Mapping[str, Any]) -> set[str]:
    """Return the hashes of a network and its trainings, as far as the TOML file has them.

    Raises:
        AttributeError, TypeError: It is another table.
    """
    hashes = [
        *network.get("models", {}).values(),
        *([network["model"]] if "model" in network else []),
    ]
    if not all(isinstance(each, str) for each in hashes):
        raise TypeError
    return set(hashes)


def _shortened(models: Collection[str]) -> str:
    return ", ".join(f"{model[:8]}…" for model in sorted(models))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "no network"


def _rows(file: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV of tolerances."""
    if not file.is_file():
        raise FileNotFoundError(f"no file {file}")
    try:
        # utf-8-sig, because spreadsheets begin a file with a byte order mark.
        with open(file, encoding="utf-8-sig", newline="") as opened:
            lines = csv.reader(opened)
            header = next(lines, [])
            rows = [_row(header, line, f"{file}, line {lines.line_num}") for line in lines if line]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{file} is not a CSV of tolerances ({problem})") from None
    for row in rows:  # as earlier versions called it
        if "published" in row:
            row["given"] = row.pop("published")
    missing = [name for name in NEEDED if not rows or name not in rows[0]]
    if missing:
        raise ValueError(
            f"{file} is not a CSV of tolerances: it lacks {', '.join(missing)}; nsm tolerance "
            "writes one"
        )
    return rows


def _row(header: Sequence[str], line: Sequence[str], where: str) -> dict[str, str]:
    """Return the cells of a line by column; raise ValueError if it was cut off or is no result."""
    if len(line) != len(header) or len(set(header)) < len(header):
        raise ValueError(
            f"{where} does not have one cell for each column ({', '.join(header)}): the file was "
            "cut off or edited; measure the tolerances again"
        )
    row = dict(zip(header, line, strict=True))
    for name in NUMBERS:
        try:
            broken = math.isnan(float(row.get(name) or 0))
        except ValueError:
            broken = True
        if broken:
            raise ValueError(f"{where} has {name} = {row[name]!r}; a number belongs there, or none")
    return row


def _cell(name: str, row: Mapping[str, str | None]) -> str:
    """Return what a table shows of a column of the CSV: numbers with three digits, and words."""
    text = row.get(name) or ""
    if name == "decided" and row.get("ratio") == "":  # the axis does not act; its reason says why
        return ""
    try:
        value = float(text)
    except ValueError:
        return _WORDS.get(text, text)
    if name == "high" and (math.isinf(value) or value == 0):
        return "none tried"
    if name == "tolerated" and value == 0:
        return "none"
    return "exact" if math.isinf(value) else f"{value:.3g}"


def _beside(file: Path) -> dict[str, Any]:
    """Return the TOML file beside a CSV of tolerances; an empty table without that file."""
    beside = file.with_suffix(".toml")
    if not beside.is_file():
        return {}
    try:
        return tomllib.loads(beside.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{beside} beside the tolerances is not TOML: {problem}") from None


def _sentences(file: Path) -> list[str]:
    """Return the verdict in the TOML file beside a CSV of tolerances; none without that file."""
    table = _beside(file)
    first = table.get("fix_first")
    # It begins with "fix first", or with the name of a network where there are several.
    fix = first if isinstance(first, str) else ""
    if fix.startswith("fix first"):
        fix = fix[:1].upper() + fix[1:]
    return [str(text) for text in (table.get("sentence"), fix) if text]
