"""Quantities as texts with units."""

import doctest
import math

import pytest

from nsm import quantities
from nsm.quantities import area, counted, quantity, share


def test_examples_of_the_docstrings():
    assert doctest.testmod(quantities).failed == 0


@pytest.mark.parametrize("exponent", range(-18, 12))
def test_a_quantity_reads_as_its_value(exponent):
    value = 1.23 * 10.0**exponent
    number, unit = quantity(value, "A").split()
    factors = {"a": -18, "f": -15, "p": -12, "n": -9, "µ": -6, "m": -3, "": 0, "k": 3, "M": 6}
    factor = factors.get(unit.removesuffix("A"), 9)
    assert float(number) * 10.0**factor == pytest.approx(value)
    assert 1 <= float(number) < 1000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.999e-7, "1 µA"),
        (3.0, "3 A"),
        (2e-5, "20 µA"),
        (-2.5e-9, "-2.5 nA"),
        (0.0, "0 A"),
        (math.nan, ""),
        (1e-21, "0.001 aA"),
    ],
)
def test_edges_of_prefixes(value, text):
    assert quantity(value, "A") == text


def test_areas_and_shares():
    assert [area(a) for a in (1e-5, 9.9e-7, 9e-9, 2.5e-10, math.nan)] == [
        "10 mm²", "0.99 mm²", "9e+03 µm²", "250 µm²", "",
    ]  # fmt: skip
    assert [share(s) for s in (0.5, 0.0, math.nan)] == ["50 %", "0 %", ""]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (8.0, "levels", "8 levels"),
        (1.2345e-9, "A", "1.23e-09 A"),
        (0.5, "", "0.5"),
        (math.inf, "levels", "ideal"),
    ],
)
def test_numbers_without_prefix(value, unit, text):
    assert counted(value, unit) == text
