"""Tables on disk: every format gives the same columns, and what is no table is refused."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nsm.measurements import read_measurement, read_table

FRAME = pd.DataFrame(
    {
        "cell": ["a", "a", "b", "b"],
        "time [ms]": [0.0, 2.5, 0.0, 2.5],
        "g [µS]": [10.0, np.nan, 30.0, 31.5],
    }
)


def written(folder, ending):
    """Return a file of FRAME in a format."""
    path = folder / f"table{ending}"
    if ending == ".npz":
        np.savez(path, **{name: FRAME[name].to_numpy() for name in FRAME if name != "cell"},
                 cell=FRAME["cell"].to_numpy().astype(str))  # fmt: skip
    elif ending == ".parquet":
        FRAME.to_parquet(path)
    elif ending == ".xlsx":
        pytest.importorskip("openpyxl")
        FRAME.to_excel(path, index=False)
    elif ending == ".dat":
        FRAME.to_csv(path, index=False, sep=";", decimal=",")
    else:
        FRAME.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".dat", ".npz", ".parquet", ".xlsx"])
def test_every_format_gives_the_same_arrays(ending, tmp_path):
    found = read_measurement(written(tmp_path, ending), "temperature", **TEMPERATURES)
    np.testing.assert_allclose(found.arrays["g"], [[10e-6, 30e-6], [np.nan, 31.5e-6]])
    np.testing.assert_allclose(found.arrays["temperatures"], [273.15, 275.65])
    assert found.cells == ("a", "b")
    assert found.counts["cells"] == 2


#: The times of FRAME are read as temperatures, because two of them are too few for a trace.
TEMPERATURES = {"columns": {"temperature": "temp"}, "unit": {"temperature": "°C"}}


@pytest.fixture(autouse=True)
def _temperatures(monkeypatch):
    """Name the second column of FRAME a temperature."""
    monkeypatch.setattr(f"{__name__}.FRAME", FRAME.rename(columns={"time [ms]": "temp"}))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_read_where_they_separate_nothing(separator, tmp_path):
    path = tmp_path / "table.txt"
    FRAME.to_csv(path, index=False, sep=separator, decimal=",")
    assert "31,5" in path.read_text()
    found = read_measurement(path, "temperature", **TEMPERATURES)
    np.testing.assert_allclose(found.arrays["g"], [[10e-6, 30e-6], [np.nan, 31.5e-6]])


def test_comments_and_the_mark_of_utf8_are_no_values(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("# my setup\n% more\ng_uS,got\n1,2\n\n# between\n3,-\n", encoding="utf-8-sig")
    table = read_table(path)
    assert list(table.columns) == ["g_uS", "got"]
    assert table.counts == {"comments": 3}
    np.testing.assert_array_equal(table.numbers("got"), [2, np.nan])


def test_a_file_without_a_header_has_numbered_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("-0.8,0.7\n-0.9,0.8\n")
    table = read_table(path)
    assert not table.has_header
    assert list(table.columns) == ["1", "2"]
    np.testing.assert_array_equal(table.numbers("1"), [-0.8, -0.9])


def test_an_index_of_pandas_is_a_column(tmp_path):
    FRAME.set_index("temp").to_parquet(tmp_path / "a.parquet")
    assert set(read_table(tmp_path / "a.parquet").columns) == set(FRAME)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv is empty; give a table"),
        ("g,t\n", "a.csv has a header and no rows"),
        ("g,g\n1,2\n", "a.csv has 2 columns named 'g'; rename or remove"),
        ("g,\n1,2\n", "a.csv: column 2 has no name"),
        ("g,t\n1,2\n3\n", "a.csv: row 2 has 1 cells, the first line has 2; 1 rows differ"),
        ("g,t\n1,2\n3,4,5\n", "a.csv: row 2 has 3 cells, the first line has 2"),
    ],
)
def test_texts_that_are_no_table_are_refused(text, message, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "a.csv")


def test_a_text_among_numbers_is_refused_with_its_place(tmp_path):
    (tmp_path / "a.csv").write_text("g\n1\nOVERLOAD\n")
    table = read_table(tmp_path / "a.csv")
    with pytest.raises(
        ValueError, match="row 2 of column 'g' holds 'OVERLOAD', which is no number"
    ):
        table.numbers("g")


@pytest.mark.parametrize("ending", [".npz", ".parquet", ".xlsx", ".csv"])
def test_a_file_of_another_format_is_refused(ending, tmp_path):
    if ending == ".xlsx":
        pytest.importorskip("openpyxl")
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"\xff\xfe\x00 no table")
    with pytest.raises(ValueError, match=f"a{ending} is no"):
        read_table(path)


def test_files_that_are_not_there_or_of_no_known_ending_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no measurement none.csv"):
        read_table("none.csv")
    with pytest.raises(ValueError, match=r"unknown ending of a.mat '.mat'"):
        read_table("a.mat")
    (tmp_path / "a.csv").write_text("g\n1\n")
    with pytest.raises(ValueError, match=r"--sheet two has no effect: .*a.csv has no sheets"):
        read_table(tmp_path / "a.csv", sheet="two")


def test_a_workbook_of_several_sheets_wants_one_of_them(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        FRAME.to_excel(book, sheet_name="one", index=False)
        FRAME.tail(2).to_excel(book, sheet_name="two", index=False)
        pd.DataFrame().to_excel(book, sheet_name="empty", index=False)
    with pytest.raises(ValueError, match=r"2 sheets that are not empty \(one, two\); choose one"):
        read_table(path)
    with pytest.raises(ValueError, match=r"unknown sheet of .* 'tow'; did you mean 'two'"):
        read_table(path, sheet="tow")
    np.testing.assert_array_equal(read_table(path, sheet="two").numbers("g [µS]"), [30, 31.5])


@pytest.mark.parametrize(("ending", "library"), [(".xlsx", "openpyxl"), (".parquet", "pyarrow")])
def test_a_missing_library_is_named_with_the_extra(ending, library, tmp_path, monkeypatch):
    path = Path(tmp_path / f"a{ending}")
    path.write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"a{ending} needs {library}.*nsm-crossbar\[files\]"):
        read_table(path)
