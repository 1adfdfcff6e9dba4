"""Current-voltage curves: the cubic law, its small-signal limit, the published fit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import MILO2021, CurrentVoltage, SinhCurve

cells = st.floats(62.5e-6, 110e-6)
volts = st.floats(-0.5, 0.5)


def test_published_polynomials_at_a_round_conductance():
    # At 100 µS, log10 G = −4: NL2 = −64·1.388e-4 + 16·1.541e-3 − 4·5.711e-3 + 7.063e-3 = −8.2e-6
    # A/V², NL3 = 16·8.871e-5 − 4·6.7919e-4 + 1.2968e-3 = −6e-7 A/V³.
    i = MILO2021.current(1e-4, [0.1, 0.5, -0.5])
    v = np.array([0.1, 0.5, -0.5])
    np.testing.assert_allclose(i, 1e-4 * v - 8.2e-6 * v**2 - 6e-7 * v**3, rtol=1e-9)


@given(cells, volts)
def test_current_is_effective_conductance_times_voltage(g, v):
    np.testing.assert_allclose(
        MILO2021.current(g, v), MILO2021.effective_conductance(g, v) * v, rtol=1e-12
    )


@given(cells)
def test_small_voltages_see_the_cells_own_conductance(g):
    assert MILO2021.effective_conductance(g, 0.0) == g
    assert MILO2021.current(g, 0.0) == 0
    # The deviation I/V − g = NL2 V + NL3 V² halves with V, as V goes to 0.
    one, two = MILO2021.effective_conductance(g, [1e-4, 2e-4]) - g
    np.testing.assert_allclose(two, 2 * one, rtol=1e-3)


@given(cells, volts)
def test_the_odd_part_of_the_curve_is_without_the_square_term(g, v):
    straight = replace(MILO2021, square=(0.0,))
    odd = (MILO2021.current(g, v) - MILO2021.current(g, -v)) / 2
    np.testing.assert_allclose(odd, straight.current(g, v), rtol=1e-9, atol=1e-18)


def test_without_coefficients_the_curve_is_straight():
    ohmic = CurrentVoltage(square=(0.0,), cubic=(0.0,), v_max=1.0, g_low=1e-6, g_high=1e-3)
    np.testing.assert_array_equal(ohmic.effective_conductance([1e-6, 1e-3], 0.7), [1e-6, 1e-3])


def test_a_number_in_place_of_coefficients_is_refused():
    with pytest.raises(ValueError, match=r"CurrentVoltage\.square = 3\.0 is not a list"):
        CurrentVoltage(square=3.0, cubic=(0.0,), v_max=1.0, g_low=1e-6, g_high=1e-3)


def test_cells_and_voltages_broadcast_as_in_an_array():
    g = np.full((3, 4), 8e-5)
    v = np.array([[0.1], [0.2], [0.3]])
    i = MILO2021.current(g, v)
    assert i.shape == (3, 4)
    np.testing.assert_allclose(i[2], MILO2021.current(8e-5, 0.3), rtol=1e-12)


def test_coefficients_given_as_lists_compare_equal_to_tuples():
    assert replace(MILO2021, square=list(MILO2021.square), cubic=list(MILO2021.cubic)) == MILO2021


@given(cells, st.floats(-0.49, 0.49))
def test_slopes_are_the_derivatives_of_the_currents(g, v):
    for curve in (MILO2021, SinhCurve(v_0=0.2)):
        h = 1e-5
        numerical = (curve.current(g, v + h) - curve.current(g, v - h)) / (2 * h)
        np.testing.assert_allclose(curve.slope(g, v), numerical, rtol=1e-7)


def test_a_sinh_curve_is_odd_ohmic_at_first_and_exponential_at_last():
    curve = SinhCurve(v_0=0.1)
    v = np.array([1e-5, 0.05, 0.4])
    i = curve.current(2e-5, v)
    np.testing.assert_array_equal(curve.current(2e-5, -v), -i)
    np.testing.assert_allclose(i[0], 2e-5 * 1e-5, rtol=1e-8)  # next term V²/(6 V_0²)
    np.testing.assert_allclose(i[2], 2e-5 * 0.1 * np.exp(4) / 2, rtol=2 * np.exp(-8))
    with pytest.raises(
        ValueError, match=r"SinhCurve\.v_0 = 0 is not allowed; give a finite number in \(0, inf\) V"
    ):
        SinhCurve(v_0=0)


BAD = [
    (
        lambda: MILO2021.current(50e-6, 0.1),
        r"conductances range from 5e-05 to 5e-05 S; .* fitted from 6\.25e-05 to 0\.00011 S",
    ),
    (
        lambda: MILO2021.current([1e-4, 2.25e-4], 0.1),
        r"conductances range from 0\.0001 to 0\.000225 S; .* was fitted from",
    ),
    (
        lambda: MILO2021.effective_conductance(1e-4, [0.1, -0.6]),
        r"voltages reach 0\.6 V; .* was fitted up to 0\.5 V",
    ),
    (lambda: MILO2021.current(float("nan"), 0.1), r"g holds 1 values that are NaN or infinite"),
    (
        lambda: replace(MILO2021, square=()),
        r"CurrentVoltage\.square is empty; give \(0\.0,\) for none",
    ),
    (lambda: replace(MILO2021, cubic=(None,)), r"CurrentVoltage\.cubic = None is not a number"),
    (
        lambda: replace(MILO2021, v_max=0),
        r"CurrentVoltage\.v_max = 0 is not allowed; give a finite number in \(0, inf\) V",
    ),
    (lambda: replace(MILO2021, g_low=0), r"CurrentVoltage\.g_low = 0 is not allowed"),
    (lambda: replace(MILO2021, g_high=1e-6), r"CurrentVoltage\.g_high = 1e-06 is not allowed"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_curves_and_points_outside_the_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
