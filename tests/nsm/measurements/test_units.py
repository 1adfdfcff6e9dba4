"""Units: every name, every quantity, and values that cannot be in SI."""

import numpy as np
import pytest

from nsm.measurements.headers import split_header
from nsm.measurements.units import UNITS, quantity, to_conductance, unit_named

PREFIX = {"f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "m": -3, "k": 3, "M": 6, "G": 9}
WORDS = {"min": 60, "h": 3600, "d": 86400, "sec": 1, "siemens": 1, "normalized": 1, "a.u.": 1}


@pytest.mark.parametrize("name", [n for n in UNITS if n[0] in PREFIX and n[1:] in UNITS])
def test_a_prefix_scales_its_unit(name):
    assert UNITS[name].factor == pytest.approx(10.0 ** PREFIX[name[0]])
    assert UNITS[name].quantity == UNITS[name[1:]].quantity


@pytest.mark.parametrize(("name", "factor"), WORDS.items())
def test_words_are_units_too(name, factor):
    assert UNITS[name].factor == factor


@pytest.mark.parametrize(("text", "si"), [("100 µS", 1e-4), ("5 µS", 5e-6), ("250 µs", 25e-5)])
def test_decimal_numbers_stay_decimal(text, si):
    quantity_of = {"S": "conductance", "s": "time"}[text[-1]]
    assert quantity(text, "x", quantity_of) == si
    assert to_conductance(np.array([5.0, 40.0]), UNITS["µS"], read_voltage=None).tolist() == [
        5e-6, 4e-5,
    ]  # fmt: skip


def test_units_that_look_alike_are_the_same():
    # The micro sign and the Greek letter mu; the ohm sign and the Greek letter omega.
    assert unit_named("\u00b5S", "g") == unit_named("\u03bcS", "g")
    assert unit_named("k\u2126", "g") == unit_named("k\u03a9", "g")
    assert unit_named("\u00baC", "g") == unit_named("\u00b0C", "g")
    assert unit_named("MHz", "f").factor == 1e6
    assert unit_named("mK", "T").factor == 1e-3


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("g [µS]", "g", "µS"),
        ("g_uS", "g", "uS"),
        ("conductance (S)", "conductance", "S"),
        ("I [nA]", "I", "nA"),
        ("I / nA", "I", "nA"),
        ("t [ms]", "t", "ms"),
        ("time_s", "time", "s"),
        ("T [°C]", "T", "°C"),
        ("cell_A", "cell_A", None),
        ("g_min", "g_min", None),
        ("t_min", "t", "min"),
        ("fs_kHz", "fs", "kHz"),
        ("device_3 [kΩ]", "device_3", "kΩ"),
        ("cell (3)", "cell (3)", None),
        ("dot_1", "dot_1", None),
        ("g", "g", None),
    ],
)
def test_headers_are_taken_apart(header, name, unit):
    found = split_header(header, "a.csv")
    assert found.name == name
    assert (found.unit and found.unit.name) == unit


def test_a_unit_that_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"unit of column 'g \[µSi\]' of a.csv 'µSi'.*mean 'µS'"):
        split_header("g [µSi]", "a.csv")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2.5 ms", "time", 2.5e-3),
        ("0.2", "voltage", 0.2),
        ("200mV", "voltage", 0.2),
        ("25 °C", "temperature", 298.15),
        ("1e1 µS", "conductance", 1e-5),
        (1e-5, "conductance", 1e-5),
    ],
)
def test_numbers_with_units_become_si(text, kind, value):
    assert quantity(text, "x", kind) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast", "period = 'fast' is no number with a unit; write it as in 0.2 s"),
        ("1..2 s", "period = '1..2 s' is no number"),
        ("2 V", "period = '2 V' is a voltage, not a time; give it in s"),
        ("2 mss", "unknown unit of period 'mss'"),
        (float("nan"), "period = nan"),
    ],
)
def test_what_is_no_number_with_a_unit_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        quantity(text, "period", "time")


@pytest.mark.parametrize(
    ("unit", "value", "siemens"),
    [("µS", 50, 50e-6), ("kΩ", 20, 50e-6), ("nA", 10e3, 50e-6), ("mS", 0.05, 50e-6)],
)
def test_resistances_and_currents_become_conductances(unit, value, siemens):
    g = to_conductance(np.array([value, np.nan]), UNITS[unit], read_voltage=0.2)
    np.testing.assert_allclose(g, [siemens, np.nan])


def test_a_resistance_of_zero_is_refused():
    with pytest.raises(ValueError, match="2 resistances are 0 Ω"):
        to_conductance(np.array([0.0, 1.0, 0.0]), UNITS["Ω"], read_voltage=None)
