"""A file that another program changes under a running sweep loses no row."""

import os

import pytest

from nsm.sweeps.rows.row_file import RowFile
from tests.helpers.rows import COLUMNS, EXPERIMENT, row


def replace(path):
    other = path.with_name("other.csv")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


def add(path):
    with open(path, "ab") as file:
        file.write(b"a stranger\r\n")


CHANGES = {
    "was removed": lambda path: path.unlink(),
    "was replaced by another file": replace,
    r"was cut from \d+ to 30 bytes": lambda path: os.truncate(path, 30),
    r"was written by another program \(12 bytes more\)": add,
}


@pytest.mark.parametrize("happened", CHANGES)
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_all_finished_rows_are_kept_and_the_message_says_where(happened, at_end, name, tmp_path):
    path = tmp_path / name
    file_of_rows = tmp_path / ("rows.parquet.journal" if name.endswith("parquet") else name)
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        file.append(row(0))
    message = (
        rf"{file_of_rows.name} {happened} while the sweep ran\. All {2 if at_end else 3} finished "
        r"rows are in .*rows\.rescued1\.csv: run the same command with this file to go on"
    )
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        file.append(row(1))
        CHANGES[happened](file_of_rows)
        last = (
            (lambda: file.finish([("t", 0), ("t", 1)])) if at_end else lambda: file.append(row(2))
        )
        with pytest.raises(OSError, match=message):
            last()
    kept = 2 if at_end else 3
    with RowFile(tmp_path / "rows.rescued1.csv", COLUMNS, EXPERIMENT) as file:
        assert {*file.done} == {("t", chip) for chip in range(kept)}


def test_a_second_rescue_has_a_name_of_its_own(tmp_path):
    path = tmp_path / "rows.csv"
    for _ in range(2):
        with RowFile(path, COLUMNS, EXPERIMENT) as file:
            path.unlink()
            with pytest.raises(OSError, match="was removed"):
                file.append(row(0))
    assert {p.name for p in tmp_path.glob("*rescued*")} == {
        "rows.rescued1.csv",
        "rows.rescued2.csv",
    }


def test_rows_are_kept_though_their_folder_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = tmp_path / "folder"
    folder.mkdir()
    with RowFile(folder / "rows.csv", COLUMNS, EXPERIMENT) as file:
        (folder / "rows.csv").unlink()
        folder.rmdir()
        with pytest.raises(OSError, match=rf"All 1 finished rows are in {tmp_path}/rows.rescued1"):
            file.append(row(0))
