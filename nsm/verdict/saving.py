"""Where a table of tolerances may be written; light, so that the command tells at once."""

from pathlib import Path

from devices.arguments import file_path
from nsm.places import check_file

#: First line of the TOML file beside a table. A file without it is never overwritten.
MARK = "# What the table beside this file was measured with, and its verdict."
#: How the first line of a table begins, today and as earlier versions wrote it.
_HEADERS = ("network,axis,given,tolerated", "network,axis,published,tolerated")


def check_saving(path: str | Path) -> Path:
    """Return the path of a CSV to which tolerances may be written, without writing.

    Args:
        path: The CSV file. It and the TOML file beside it are new, or tolerances saved before.

    Raises:
        ValueError: The path does not end in .csv, one of the two files cannot be
            written, or is there and holds something else.
    """
    csv = file_path("path", path)
    if csv.suffix != ".csv":
        raise ValueError(f"tolerances are written to {csv}; give a path that ends in .csv")
    for file, beginnings in ((csv, _HEADERS), (csv.with_suffix(".toml"), (MARK,))):
        check_file(file, "tolerances.csv")
        if file.exists() and not _begins_with(file, beginnings):
            raise ValueError(
                f"{file} is another file, which saving tolerances to {csv} would overwrite; "
                "choose another name"
            )
    return csv


def _begins_with(path: Path, texts: tuple[str, ...]) -> bool:
    """Return whether a file is empty, or its first line begins with one of the texts."""
    if not path.is_file():
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        first = file.readline()
    return not first or first.startswith(texts)
