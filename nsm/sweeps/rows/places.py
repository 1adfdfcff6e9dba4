"""Where rows may be written: their file, and the files that a sweep keeps beside it."""

from pathlib import Path

from devices.validation import choice
from nsm.places import check_file, check_name, check_no_other
from nsm.sweeps.rows.parquet import ENDINGS
from nsm.sweeps.rows.stored_rows import journal_of
from nsm.sweeps.rows.unfinished import marker_of


def check_row_files(path: str | Path) -> None:
    """Raise ValueError unless rows, and what belongs to them, can be written now.

    The ending says which form they get, so that one of another form, such as .xlsx, is refused.

    Args:
        path: The file of rows.
    """
    check_file(path)
    choice(f"ending of {path}", Path(path).suffix.lower(), ENDINGS)
    for beside in (journal_of(path), marker_of(path), Path(f"{path}.lock"), Path(f"{path}.toml")):
        check_name(beside)
    check_no_other(journal_of(path))
