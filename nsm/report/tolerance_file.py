"""A file of measured tolerances, as `nsm tolerance` saves it, as a chapter of a page."""

import csv
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path

from nsm.plots.texts import plain_title
from nsm.report.page import Part, Table

#: Columns that such a file has at least.
NEEDED = ("network", "axis", "tolerated")
#: Columns that a page shows, where the file has them; the others serve programs.
SHOWN = ("given", "tolerated", "high", "ratio", "unit", "decided", "reason")
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
    if not file.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with open(file, encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{path} is not a CSV of tolerances ({problem})") from None
    for row in rows:  # as earlier versions called it
        if "published" in row:
            row["given"] = row.pop("published")
    missing = [name for name in NEEDED if not rows or name not in rows[0]]
    if missing:
        raise ValueError(
            f"{path} is not a CSV of tolerances: it lacks {', '.join(missing)}; nsm tolerance "
            "writes one"
        )
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


def _sentences(file: Path) -> list[str]:
    """Return the verdict in the TOML file beside a CSV of tolerances; none without that file."""
    beside = file.with_suffix(".toml")
    if not beside.is_file():
        return []
    try:
        table = tomllib.loads(beside.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{beside} beside the tolerances is not TOML: {problem}") from None
    first = table.get("fix_first")
    # It begins with "fix first", or with the name of a network where there are several.
    fix = first if isinstance(first, str) else ""
    if fix.startswith("fix first"):
        fix = fix[:1].upper() + fix[1:]
    return [str(text) for text in (table.get("sentence"), fix) if text]
