"""Tables on disk: every format gives the same columns, and what is no table is refused."""

import codecs
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nsm.measurements import read_measurement, read_table
from nsm.measurements.tables import ENDINGS

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
        FRAME.to_csv(path, index=False, sep="\t" if ending in (".tsv", ".tab") else ",")
    return path


@pytest.mark.parametrize("ending", ENDINGS)
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
        (",g\n5,1\n7,2\n", "a.csv: column 1 has no name, and does not count the rows"),
        ("Unnamed: 0,g\n5,1\n7,2\n", "a.csv: column 1 has no name, and does not count"),
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
    path.write_bytes(b"\x00\xff\xfe no table")
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


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-32", "utf-8", "utf-8-sig", "cp1252", "latin-1"]
)
def test_encodings_of_instruments_and_spreadsheets_are_read(encoding, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("t [ms],g [µS]\r\n0,10\r\n2,20\r\n4,30\r\n".encode(encoding))
    found = read_measurement(path, "read-noise")
    np.testing.assert_allclose(found.arrays["g"], [[10e-6, 20e-6, 30e-6]])
    assert found.arrays["period"] == pytest.approx(2e-3)
    told = [note for note in found.notes if "read as Windows-1252" in note]
    assert len(told) == (encoding in ("cp1252", "latin-1"))


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE])
def test_both_orders_of_utf16_are_told_by_the_mark(mark, tmp_path):
    order = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
    (tmp_path / "a.txt").write_bytes(mark + "g [µS]\tx\n1,5\t2\n".encode(order))
    table = read_table(tmp_path / "a.txt")
    np.testing.assert_array_equal(table.numbers("g [µS]"), [1.5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("g [µS]\n1\n".encode("utf-16-le"), "bytes of value 0, as UTF-16 without a mark.*UTF-8"),
        (b"g [\x81S]\n1\n", "byte 3 is neither in UTF-8 nor in Windows-1252; save it as UTF-8"),
        (codecs.BOM_UTF8 + b"g [\xb5S]\n1\n", "first bytes say UTF-8, and byte 3 is wrong"),
    ],
)
def test_what_is_in_no_known_encoding_is_refused(content, message, tmp_path):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a.csv is no text that can be read: .*{message}"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize("name", [None, "Unnamed: 0"])
@pytest.mark.parametrize("first", [0, 1])
def test_an_index_without_a_name_is_left_out_and_told(ending, name, first, tmp_path):
    path = tmp_path / f"a{ending}"
    frame = FRAME.set_index(pd.RangeIndex(first, first + 4, name=name))
    if ending == ".csv":
        frame.to_csv(path)
    else:
        pytest.importorskip("openpyxl")
        frame.to_excel(path)
    found = read_measurement(path, "temperature", **TEMPERATURES)
    np.testing.assert_allclose(found.arrays["g"], [[10e-6, 30e-6], [np.nan, 31.5e-6]])
    (note,) = [note for note in found.notes if "no name" in note]
    assert note == "Column 1 has no name and counts the rows: taken for an index, and left out."


def test_an_index_above_numbered_columns_is_no_row_of_values(tmp_path):
    cells = pd.DataFrame([[10.0, 20.0], [11.0, 21.0], [12.0, 22.0]])
    cells.to_csv(tmp_path / "a.csv")
    found = read_measurement(tmp_path / "a.csv", "read-noise", unit="µS", period=1)
    assert found.cells == ("0", "1")
    np.testing.assert_allclose(found.arrays["g"], cells.T * 1e-6)


def test_a_column_without_name_and_values_is_left_out_and_told(tmp_path):
    (tmp_path / "a.csv").write_text("g,\n5,\n6,\n")
    table = read_table(tmp_path / "a.csv")
    assert list(table.columns) == ["g"]
    assert table.notes == ("Column 2 has no name and no values: left out.",)
