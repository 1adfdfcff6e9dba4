"""A table of currents as current-voltage law: its points, its slopes, oddness, and its limits."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from devices import MILO2021, SinhCurve, TabulatedCurrent

SINH = SinhCurve(v_0=0.2)
V = tuple(np.linspace(0.05, 0.5, 10))
BOTH = tuple(np.linspace(-0.5, 0.5, 21))
G = (62.5e-6, 75e-6, 90e-6, 110e-6)
SHAPE = TabulatedCurrent(voltages=V, conductances=(2e-5,), currents=(SINH.current(2e-5, V),))
TABLE = TabulatedCurrent(
    voltages=BOTH, conductances=G, currents=[MILO2021.current(g, BOTH) for g in G]
)


def test_it_goes_through_the_measured_points_and_through_zero():
    for g, measured in zip(G, TABLE.currents, strict=True):
        np.testing.assert_allclose(TABLE.current(g, BOTH), measured, rtol=1e-12, atol=1e-20)
    np.testing.assert_allclose(SHAPE.current(2e-5, V), SHAPE.currents[0], rtol=1e-12)
    np.testing.assert_array_equal(SHAPE.current([1e-6, 1e-3], 0.0), 0)
    np.testing.assert_array_equal(TABLE.current(G, 0.0), 0)


def test_at_small_voltages_it_conducts_like_the_cell():
    g = np.linspace(G[0], G[-1], 9)
    np.testing.assert_allclose(TABLE.slope(g, 0.0), g, rtol=1e-14)
    np.testing.assert_allclose(TABLE.chord(g, 0.0), g, rtol=1e-14)
    np.testing.assert_allclose(SHAPE.slope(g, 0.0), g, rtol=1e-14)
    np.testing.assert_allclose(SHAPE.chord(g, 1e-6), g, rtol=1e-4)


def test_a_fine_table_is_the_law_that_it_was_taken_from():
    v = np.linspace(-0.5, 0.5, 333)
    # Cubics through points 50 mV apart miss sinh(V/0.2) by (h/V_0)⁴/384 · sinh and by the slopes of
    # a monotone cubic, which are of second order.
    np.testing.assert_allclose(SHAPE.shape(v), SINH.shape(v), atol=4e-3 * SINH.shape(0.5))
    g = np.array([[62.5e-6], [70e-6], [100e-6]])
    np.testing.assert_allclose(TABLE.current(g, v), MILO2021.current(g, v), atol=3e-7)


@pytest.mark.parametrize("law", [SHAPE, TABLE], ids=["shape", "table"])
def test_slopes_are_the_derivatives_of_the_currents_and_never_negative(law):
    g = np.linspace(G[0], G[-1], 7)[:, None]
    v = np.linspace(-0.4999, 0.4999, 998)  # no knot within the step of the difference
    h = 1e-7
    numerical = (law.current(g, v + h) - law.current(g, v - h)) / (2 * h)
    np.testing.assert_allclose(law.slope(g, v), numerical, rtol=1e-5, atol=1e-5 * G[0])
    assert law.slope(g, v).min() >= 0


def test_currents_that_stay_and_jump_still_rise(rng):
    measured = np.cumsum([1e-6, 0.0, 0.0, 2e-5, 0.0, 1e-7])
    v = np.linspace(0.1, 0.6, 6)
    law = TabulatedCurrent(voltages=v, conductances=(1e-5,), currents=(measured,))
    at = np.linspace(0, 0.6, 3001)
    assert np.diff(law.current(1e-5, at)).min() >= -1e-20
    assert law.slope(1e-5, at).min() >= -1e-18


def test_between_conductances_the_shape_is_interpolated_linearly():
    middle = (G[1] + G[2]) / 2
    for v in (-0.33, 0.2):
        shapes = TABLE.current(np.array(G[1:3]), v) / G[1:3]
        np.testing.assert_allclose(TABLE.current(middle, v), middle * shapes.mean(), rtol=1e-12)


def test_only_a_table_of_positive_voltages_is_odd_and_only_one_row_is_a_shape():
    v = np.linspace(0, 0.5, 31)
    np.testing.assert_array_equal(SHAPE.current(1e-5, -v), -SHAPE.current(1e-5, v))
    assert SHAPE.is_odd
    assert not TABLE.is_odd
    assert TABLE.shape(v) is None
    np.testing.assert_allclose(SHAPE.shape(v) * 3e-6, SHAPE.current(3e-6, v), rtol=1e-14)
    with_zero = replace(SHAPE, voltages=(0.0, *V), currents=((0.0, *SHAPE.currents[0]),))
    np.testing.assert_array_equal(with_zero.current(1e-5, v), SHAPE.current(1e-5, v))


def test_a_resistance_in_series_takes_its_part_of_the_voltage():
    # A table that saturates: Newton's steps alone leave the table.
    measured = (1e-6, 1.1e-6, 1.15e-6, 3e-5)
    law = TabulatedCurrent(
        voltages=(0.05, 0.2, 0.4, 0.5), conductances=(2e-5,), currents=(measured,)
    )
    for series in (1e3, 1e5, 1e6):
        for v in (0.05, 0.3, 0.45, 0.5, -0.5):
            across = brentq(
                lambda x, v=v, r=series: x + r * float(law.current(2e-5, x)) - v,
                -0.5,
                0.5,
                xtol=1e-15,
                rtol=1e-14,
            )
            expected = float(law.current(2e-5, across)) / across
            assert law.chord(2e-5, v, series) == pytest.approx(expected, rel=1e-9)


def test_cells_and_voltages_broadcast_as_in_an_array():
    g = np.full((3, 4), 8e-5)
    v = np.array([[0.1], [0.2], [0.3]])
    for law in (SHAPE, TABLE):
        for found in (law.current(g, v), law.slope(g, v), law.chord(g, v)):
            assert found.shape == (3, 4)
        np.testing.assert_allclose(law.current(g, v)[2], law.current(8e-5, 0.3), rtol=1e-12)


def test_lists_tuples_and_arrays_are_the_same_table():
    other = TabulatedCurrent(
        voltages=list(BOTH), conductances=np.array(G), currents=np.array(TABLE.currents)
    )
    assert (other, hash(other), repr(other)) == (TABLE, hash(TABLE), repr(TABLE))


OUTSIDE = [
    (lambda: TABLE.current(50e-6, 0.1), r"conductances range from 5e-05 to 5e-05 S; .* 6\.25e-05"),
    (lambda: TABLE.slope([70e-6, 2e-4], 0.1), r"to 0\.0002 S; the table of currents covers"),
    (
        lambda: TABLE.current(70e-6, -0.6),
        r"voltages range from -0\.6 to -0\.6 V; .* -0\.5 to 0\.5 V",
    ),
    (lambda: SHAPE.shape(-0.6), r"voltages range from -0\.6 to -0\.6 V; .* covers -0\.5 to 0\.5 V"),
    (lambda: SHAPE.current(float("nan"), 0.1), r"g holds 1 values that are NaN or infinite"),
]


@pytest.mark.parametrize(("call", "message"), OUTSIDE)
def test_points_outside_the_table_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


BAD = [
    ({"voltages": (0.2, 0.1)}, r"TabulatedCurrent\.voltages must rise, but \[1\] = 0\.1"),
    ({"voltages": (0.0,)}, r"TabulatedCurrent\.voltages = \(0\.0,\) has no voltage but 0 V"),
    (
        {"conductances": (2e-5, 1e-5)},
        r"TabulatedCurrent\.conductances must rise, but \[1\] = 1e-05",
    ),
    ({"conductances": (0.0, 1e-5)}, r"TabulatedCurrent\.conductances\[0\] = 0\.0 is not allowed"),
    ({"currents": 1e-6}, r"TabulatedCurrent\.currents = 1e-06 is not a list of rows; give one row"),
    (
        {"currents": (1e-6, 3e-6)},
        r"currents\[0\] = 1e-06 is not a row of numbers; give a list \[A\]",
    ),
    (
        {"currents": ((1e-6, 3e-6),)},
        r"TabulatedCurrent\.currents is of length 1 for 2 conductances",
    ),
    ({"currents": ((1e-6,), (2e-6,))}, r"currents\[0\] is of length 1 for 2 voltages"),
    (
        {"currents": ((1e-6, 3e-6), (2e-6, 1e-6))},
        r"currents\[1\] falls from 2e-06 A at 0\.1 V to 1e-06 A at 0\.2 V; .* must rise",
    ),
    (
        {"voltages": (0.0, 0.1), "currents": ((1e-9, 1e-6), (0.0, 2e-6))},
        r"currents\[0\] has 1e-09 A at 0 V; .* subtract the offset of the instrument",
    ),
    (
        {"voltages": (-0.1, 0.1), "currents": ((-1e-6, 1e-6), (1e-6, 2e-6))},
        r"currents\[1\] falls from 1e-06 A at -0\.1 V to 0 A at 0 V",
    ),
    (
        {"currents": ((1e-12, 3e-12), (2e-12, 4e-12))},
        r"currents\[0\] has a chord of 1e-11 S at 0\.1 V, less than a third of .* 1e-05 S",
    ),
    (
        {"currents": ((1e-6, float("nan")), (2e-6, 1e-6))},
        r"currents\[0\]\[1\] = nan is not allowed",
    ),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_bad_table_is_refused(changes, message):
    table = {
        "voltages": (0.1, 0.2),
        "conductances": (1e-5, 2e-5),
        "currents": ((1e-6, 3e-6), (2e-6, 5e-6)),
    }
    TabulatedCurrent(**table)
    with pytest.raises(ValueError, match=message):
        TabulatedCurrent(**table | changes)
