"""Measurements: layouts, roles, even times, counts, and what is refused by name."""

import os
from pathlib import Path

import numpy as np
import pytest

from nsm.measurements import read_measurement

DATA = Path(os.environ.get("NSM_DATA_DIR", "none"))
RRAM, GONG = DATA / "rram-relaxation", DATA / "aihwkit-gong" / "gong_et_al.csv"
US = {"unit": "µS"}


@pytest.fixture
def csv(tmp_path):
    """A function that writes lines to a CSV file and returns its path."""

    def write(text, name="a.csv"):
        (tmp_path / name).write_text(text.replace(" ", "\n") + "\n", encoding="utf-8")
        return tmp_path / name

    return write


def traces(path, kind="read-noise", **options):
    """Return conductances [µS] and period [s] of traces."""
    found = read_measurement(path, kind, **options)
    return found.arrays["g"] * 1e6, found.arrays["period"], found


def test_long_and_wide_tables_and_matrices_are_the_same_traces(csv, tmp_path):
    g = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    wide = csv("t_ms,a_uS,b_uS 0,1,5 2,2,6 4,3,7 6,4,8", "wide.csv")
    rows = [f"{c},{2 * i},{x}" for c, row in zip("ab", g, strict=True) for i, x in enumerate(row)]
    long = csv(" ".join(["cell,t_ms,g_uS", *rows]), "long.csv")
    np.savez(tmp_path / "m.npz", g_uS=g, cell=["a", "b"], fs=500.0)
    for path in (wide, long, tmp_path / "m.npz"):
        values, period, found = traces(path)
        np.testing.assert_allclose(values, g)
        assert period == pytest.approx(2e-3)
        assert found.cells == ("a", "b")
        assert found.counts == {"cells": 2, "values": 8}
    values, _, found = traces(wide, cell="b", reads="1:4")
    np.testing.assert_allclose(values, [[6, 7, 8]])
    assert found.cells == ("b",)


def test_a_period_by_argument_needs_no_times(csv):
    values, period, _ = traces(csv("g_uS 1 2 3"), period="2.5 ms")
    np.testing.assert_allclose(values, [[1, 2, 3]])
    assert period == 2.5e-3


def test_what_is_out_of_order_doubled_or_missing_is_counted(csv):
    path = csv("t_s,g_uS 0,1 2,3 1,2 2,3 5,6 ,7 6,")
    values, period, found = traces(path)
    np.testing.assert_allclose(values, [[1, 2, 3, np.nan, np.nan, 6, np.nan]])
    assert period == 1
    assert found.counts == {
        "cells": 1,
        "values": 7,
        "out of order": 1,
        "doubled": 1,
        "without time": 1,
        "gaps": 2,
    }


def test_a_step_of_the_clock_within_a_fifth_of_the_period_is_even(csv):
    _, period, _ = traces(csv("t_s,g_uS 0,1 1.1,2 2.05,3 3,4"))
    assert period == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("t,g_uS 0,1 1,2 1.5,3 3,4", {}, r"times are not even: the step from 1 s to 1.5 s is 0.5"),
        ("t,g_uS 0,1 1,2 2,2 90,3", {}, "87 reads are missing between 4 reads"),
        ("t,g_uS 0,1 1,2", {}, "has 2 times of a cell; a trace has three or more"),
        (
            "t,g_uS 0,1 0,2 1,3",
            {},
            "cell 1 has two rows at time 0 with different values .* --column cell=NAME",
        ),
        ("cell,t,g_uS x,0,1 x,0,2", {}, r"cell x has two rows at time 0 with .*\(1 such rows\)"),
        ("t,g_uS 0,1 1,2 2,3", {"period": 1}, "has 't', which tells the period; leave out --per"),
        ("g_uS 1 2 3", {}, "a.csv has no column of times; give one, called time or t"),
        ("g_uS 1 2 3", {"period": -1}, "period = -1"),
        ("g_uS 1 2 3", {"period": "1 V"}, "period = '1 V' is a voltage, not a time"),
        ("g 51 52 53", {"period": 1}, "'g' has no unit and a median of 52, .* probably µS.*--unit"),
        ("g 5e4 6e4", {"period": 1}, r"'g' has no unit and a median of 5.5e\+04.* probably Ω"),
        ("g 5e-17 6e-17", {"period": 1}, "'g' has no unit.* once too often: correct the values"),
        ("g .5 .6", {"period": 1}, "if these are relative values, give --unit normalized"),
        ("g_uS 1 2", {"period": 1, "unit": "nS"}, "header of 'g_uS' says uS, and --unit says nS"),
        ("I_nA 1 2", {"period": 1}, r"column 'I_nA' is a current \[nA\]; .* --read-voltage 0.2"),
        ("g_uS 1 2", {"period": 1, "read_voltage": 0.2}, "--read-voltage has no effect on .*a.csv"),
        ("g_uS 1 2", {"period": 1, "unit": {"time": "ms"}}, "--unit for time has no effect"),
        ("g_uS 1 2", {"period": 1, "unit": {"tmie": "ms"}}, "column in --unit tmie=ms 'tmie'; did"),
        ("g 1 2", {"period": 1, "unit": "µSi"}, "unknown unit of .* 'µSi'; did you mean 'µS'"),
        ("g 1 2", {"period": 1, "unit": "ms"}, "unit ms of a time; a conductance or resistance"),
        ("g_uS 1 2", {"period": 1, "columns": {"gg": "x"}}, "role in --column gg=x 'gg'"),
        ("g_uS 1 2", {"period": 1, "columns": {"g": "x"}}, "unknown column of .*a.csv 'x'"),
        ("g_uS,g_nS 1,2", {"period": 1}, "'g_uS' and 'g_nS' could both be g; choose with --column"),
        ("g_uS 1 2", {"period": 1, "reads": "1:5"}, "--reads 1:5 lies outside the 2 reads"),
        ("g_uS 1 2", {"period": 1, "reads": "1-5"}, "--reads '1-5' is no part of a trace"),
        ("a_uS,b_uS 1,2", {"period": 1, "cell": "c"}, "unknown cell of .*a.csv 'c'"),
        ("1,5 2,6 3,7", {"unit": "µS", "period": 1}, "no header, and its first column rises"),
        ("cell,t,g_uS x,0,1 x,1,1 x,2,1 y,0,1 y,3,2 y,6,2", {}, "cell [xy] was read every"),
        (
            "t,g_uS 0,1 1,1 2,2",
            {"unit": {"time": "K"}},
            "unit K of a temperature; a time is needed",
        ),
    ],
)
def test_traces_that_cannot_be_read_are_refused(csv, text, options, message):
    with pytest.raises(ValueError, match=message):
        read_measurement(csv(text), "read-noise", **options)


def test_currents_of_negative_reads_are_divided_by_their_voltage(csv):
    values, _, _ = traces(csv("I_nA -200 -400 -600"), period=1, read_voltage="-200 mV")
    np.testing.assert_allclose(values, [[1, 2, 3]])
    with pytest.raises(ValueError, match="read_voltage = 0 V gives no conductance"):
        traces(csv("I_nA 200 400 600"), period=1, read_voltage=0)


def test_a_cell_that_is_named_twice_is_refused(csv):
    with pytest.raises(ValueError, match=r"cell 'a' of .* is named twice"):
        traces(csv("a_uS,b_uS 1,2 3,4"), period=1, cell=("a", "a"))


def test_currents_become_conductances_and_say_so(csv):
    values, _, found = traces(csv("I_nA 200 400 600"), period=1, read_voltage="200 mV")
    np.testing.assert_allclose(values, [[1, 2, 3]])
    assert "currents were divided by the read voltage, 0.2 V." in found.notes


def test_bare_siemens_and_unread_columns_are_told(csv):
    _, _, found = traces(csv("g,site 5e-5,3 6e-5,4 7e-5,4"), period=1)
    assert found.notes == (
        "'g' without a unit: read as siemens.",
        "Columns that were not read: 'site'.",
    )


def test_telegraph_noise_is_of_one_cell(csv):
    path = csv("a_uS,b_uS 1,2 3,4 5,6")
    with pytest.raises(ValueError, match=r"has 2 cells \(a, b\).*choose it with --cell NAME"):
        read_measurement(path, "telegraph", period=1)
    found = read_measurement(path, "telegraph", period=1, cell="b")
    np.testing.assert_allclose(found.arrays["trace"], [2e-6, 4e-6, 6e-6])


def test_relaxation_starts_at_time_0(csv):
    text = "cell,t_s,g_uS a,0,1 a,1,2 a,10,3 b,10,6 b,0,4"
    found = read_measurement(csv(text), "relaxation")
    np.testing.assert_allclose(found.arrays["start"], [1e-6, 4e-6])
    np.testing.assert_allclose(found.arrays["later"], [[2e-6, np.nan], [3e-6, 6e-6]])
    np.testing.assert_array_equal(found.arrays["times"], [1, 10])
    assert found.counts["out of order"] == 1
    with pytest.raises(ValueError, match="the first time is 1 s; relaxation needs the reads"):
        read_measurement(csv("t_s,g_uS 1,1 2,2"), "relaxation")
    with pytest.raises(ValueError, match=r"no column 'time'; it has 'g_uS'.*--column time=NAME"):
        read_measurement(csv("g_uS 1 2"), "relaxation")
    own = " ".join(f"{c},{i + k / 9},5" for k, c in enumerate("abcde") for i in range(3))
    with pytest.raises(ValueError, match="5 cells were measured at 15 different values of time"):
        read_measurement(csv(f"cell,t_s,g_uS {own}"), "relaxation")


def test_programming_keeps_equal_rows_unless_a_cell_is_doubled(csv):
    found = read_measurement(csv("target,got 10,11 10,11 20,"), "programming", **US)
    np.testing.assert_allclose(found.arrays["got"], [11e-6, 11e-6, np.nan])
    assert "doubled" not in found.counts
    path = csv("cell,target,got a,10,11 b,10,11 a,10,11 c,,3")
    found = read_measurement(path, "levels", **US)
    np.testing.assert_allclose(found.arrays["target"], [10e-6, 10e-6])
    assert found.counts == {"cells": 2, "values": 2, "doubled": 1, "without target": 1}
    assert read_measurement(path, "levels", cell="b", **US).arrays["got"].size == 1
    with pytest.raises(ValueError, match="no column 'got'; it has 'target', 'x'"):
        read_measurement(csv("target,x 1,2"), "programming", **US)


def test_equal_rows_without_a_column_of_cells_are_counted_and_told(csv):
    path = csv("target,got 10,11 10,11 20,21 20,22 20,21 30,")
    for kind in ("programming", "levels"):
        found = read_measurement(path, kind, **US)
        assert found.counts["equal rows"] == 2
        (note,) = [note for note in found.notes if "equal" in note]
        assert note.startswith("2 of 5 rows equal another row in target and value. Without a col")
        assert "--column cell=NAME" in note
    found = read_measurement(csv("cell,target,got a,10,11 b,10,11"), "levels", **US)
    assert "equal rows" not in found.counts
    assert found.notes == ()


@pytest.mark.parametrize(
    ("kind", "text", "names"),
    [
        ("pulses", "{0}_a,{0}_b,{1}_a,{1}_b", ("up", "down")),
        ("pulses", "{0}_A,{0}_B,{1}_A,{1}_B", ("up", "down")),  # "A" is no ampere
        ("pulses", "a-{0},b-{0},a-{1},b-{1}", ("LTP", "LTD")),
        ("pulses", "a.{0}_uS,b.{0}_uS,a.{1}_uS,b.{1}_uS", ("potentiation", "depression")),
        ("set-reset", "{0}_a[µS],{0}_b[µS],{1}_a[µS],{1}_b[µS]", ("set", "reset")),
        ("set-reset", "{0}:a,{0}:b,{1}:a,{1}:b", ("LRS", "HRS")),
    ],
)
def test_pairs_of_columns_for_each_cell_are_the_same_as_rows(csv, kind, text, names):
    key = "pulse" if kind == "pulses" else "cycle"
    wide = csv(f"{key},{text.format(*names)} 2,2,6,8,4 1,1,5,9,3", "wide.csv")
    roles = "up,down" if kind == "pulses" else "set,reset"
    long = csv(f"cell,{key},{roles} a,1,1,9 a,2,2,8 b,1,5,3 b,2,6,4", "long.csv")
    found = read_measurement(wide, kind, **US)
    expected = read_measurement(long, kind, **US)
    for name, array in expected.arrays.items():
        np.testing.assert_allclose(found.arrays[name], array)
    assert [cell.lower() for cell in found.cells] == ["a", "b"]
    assert found.counts["out of order"] == 1
    one = read_measurement(wide, kind, cell=found.cells[1], **US)
    assert next(iter(one.arrays.values())).shape == (1, 2)


def test_columns_that_are_up_and_down_themselves_are_no_pairs_of_cells(csv):
    path = csv("up,down,up_std,down_std,up_err,down_err 1,9,0,0,0,0 2,8,0,0,0,0")
    found = read_measurement(path, "pulses", **US)
    np.testing.assert_allclose(found.arrays["up"], [[1e-6, 2e-6]])
    path = csv("up_a,up_b,down_a,down_b 1,5,9,3 2,6,8,4")
    found = read_measurement(path, "pulses", columns={"up": "up_b", "down": "down_b"}, **US)
    np.testing.assert_allclose(found.arrays["up"], [[5e-6, 6e-6]])
    path = csv("up_A,down_A 1e-6,9e-6 2e-6,8e-6")  # amperes
    found = read_measurement(path, "pulses", read_voltage=0.1)
    np.testing.assert_allclose(found.arrays["down"], [[9e-5, 8e-5]])


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("pulses", "up_a,up_b,down_a 1,2,3", "cell 'b' has the column 'up_b' and none of down; ca"),
        ("pulses", "pulse,a,b 1,2,3", r"no column 'up'.*columns for each cell calls them up_a, do"),
        ("set-reset", "cycle,a,b 1,2,3", r"no column 'set'.*each cell calls them set_a, reset_a"),
        ("temperature", "cell,25C,85C a,1,2", "'25C' and '85C' are each one temperature, transpos"),
        ("relaxation", "cell,0s,10s a,1,2", "'0s' and '10s' are each one time, transpose the tab"),
        ("programming", "target,a,b 1,2,3", "no column 'got'.*write the cells below one another"),
    ],
)
def test_other_wide_tables_are_refused_with_what_to_do(csv, kind, text, message):
    with pytest.raises(ValueError, match=message):
        read_measurement(csv(text), kind, **US)


def test_rows_at_one_key_without_a_column_of_cells_are_no_cells(csv):
    tables = {
        "relaxation": "t_s,g 0,5 0,{} 1,6",
        "temperature": "T[K],g 300,5 300,{} 310,6",
        "pulses": "pulse,up,down 1,5,9 1,{},9 2,6,8",
        "set-reset": "cycle,set,reset 1,5,9 1,{},9 2,6,8",
    }
    for kind, text in tables.items():
        with pytest.raises(ValueError, match="cell 1 has two rows at .* --column cell=NAME"):
            read_measurement(csv(text.format(7)), kind, **US)
        found = read_measurement(csv(text.format(5)), kind, **US)
        assert found.counts["doubled"] == 1
        assert found.counts["cells"] == 1


def test_pulses_and_cycles_are_long_or_matrices(csv, tmp_path):
    path = csv("cell,pulse,up,down a,0,1,9 a,1,2,8 b,1,4,6 b,0,3,7")
    found = read_measurement(path, "pulses", **US)
    np.testing.assert_allclose(found.arrays["up"], [[1e-6, 2e-6], [3e-6, 4e-6]])
    np.testing.assert_allclose(found.arrays["down"], [[9e-6, 8e-6], [7e-6, 6e-6]])
    np.savez(tmp_path / "s.npz", set_uS=np.ones((5, 6)), reset_uS=np.ones((5, 6)))
    found = read_measurement(tmp_path / "s.npz", "set-reset")
    assert found.arrays["set_"].shape == (5, 6)
    np.savez(tmp_path / "s.npz", set_uS=np.ones((5, 6)), reset_uS=np.ones((5, 7)))
    with pytest.raises(
        ValueError, match=r"'reset_uS' has the shape \(5, 7\); give matrices of one"
    ):
        read_measurement(tmp_path / "s.npz", "set-reset")
    np.savez(tmp_path / "s.npz", g_uS=np.ones((9, 2)))
    with pytest.raises(ValueError, match="'g_uS' has 9 rows and 2 columns.*transpose it"):
        read_measurement(tmp_path / "s.npz", "read-noise", period=1)


def test_normalized_values_need_a_range(csv):
    path = csv("-1,1 0,.5 1,0")
    with pytest.raises(ValueError, match=r"'1', '2' is normalized; .* --g-min 1e-6 --g-max 50e-6"):
        read_measurement(path, "pulses", unit="normalized")
    found = read_measurement(path, "pulses", unit="normalized", g_min=1e-6, g_max=5e-6)
    np.testing.assert_allclose(found.arrays["up"], [[1e-6, 3e-6, 5e-6]])
    np.testing.assert_allclose(found.arrays["down"], [[5e-6, 4e-6, 3e-6]])
    with pytest.raises(ValueError, match="the normalized values are all 1"):
        read_measurement(csv("1,1 1,1"), "pulses", unit="normalized", g_min=1e-6, g_max=2e-6)


def test_temperatures_without_a_unit_are_asked_about(csv):
    text = "T,a_uS,b_uS {} 25,1,2 85,3,4".replace("{} ", "")
    with pytest.raises(ValueError, match=r"'T' has no unit and a median of 55.*probably °C"):
        read_measurement(csv(text), "temperature")
    found = read_measurement(csv(text), "temperature", unit={"T": "°C"})
    np.testing.assert_allclose(found.arrays["temperatures"], [298.15, 358.15])
    np.testing.assert_allclose(found.arrays["g"], [[1e-6, 2e-6], [3e-6, 4e-6]])


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="unknown kind of measurement 'rtn'"):
        read_measurement("a.csv", "rtn")


@pytest.mark.skipif(not RRAM.is_dir(), reason="NSM_DATA_DIR has no rram-relaxation")
def test_measured_rram_is_read_with_names_of_its_own():
    path = RRAM / "timeseries_techA.npz"
    found = read_measurement(
        path, "telegraph", columns={"cell": "level"}, cell="24", reads="40000:44000"
    )
    assert found.arrays["trace"].shape == (4000,)
    assert found.arrays["period"] == 2.5e-3
    assert np.median(found.arrays["trace"]) == pytest.approx(182e-6, rel=0.01)
    found = read_measurement(path.with_name("relax_techA.npz"), "relaxation", columns=NOMINAL)
    assert found.arrays["later"].shape == (6, 16384)
    assert found.arrays["times"].tolist() == [0.01, 0.1, 1, 100, 1000, 10000]
    missing = int(np.isnan(found.arrays["later"]).sum())
    assert missing == 7 * 16384 - 109_552  # the rows that a full table would have


NOMINAL = {"time": "timepoint"}


@pytest.mark.skipif(not GONG.is_file(), reason="NSM_DATA_DIR has no aihwkit-gong")
def test_measured_pulses_are_read_without_a_header():
    found = read_measurement(GONG, "pulses", unit="normalized", g_min=1e-6, g_max=5e-5)
    both = np.concatenate([found.arrays["up"].ravel(), found.arrays["down"].ravel()])
    assert (both.min(), both.max()) == pytest.approx((1e-6, 5e-5))
    assert found.arrays["up"].shape == (1, 1000)


def test_a_period_without_a_unit_is_told(csv):
    path = csv("a_uS,b_uS 1,2 3,4 5,6 7,8")
    for period, is_told in (("2.5", True), ("2.5 ms", False), (2.5, False)):
        found = read_measurement(path, "read-noise", period=period)
        told = "the period 2.5 without a unit: read as seconds." in found.notes
        assert told == is_told
