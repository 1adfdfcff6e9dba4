"""Preisach hysteresis: remanence, coercivity, closed loops, and erasure of history."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import Preisach

P_S = 0.412
P_R = 0.239
E_C = 1.1048e8
FILM = Preisach(p_s=P_S, p_r=P_R, e_c=E_C)
DOWN, UP = FILM.saturated(up=False), FILM.saturated(up=True)

fields = st.lists(st.floats(-4 * E_C, 4 * E_C), min_size=1, max_size=30)


def last(path, state=None):
    """The polarization at the end of a path of fields, in units of the coercive field."""
    return FILM.sweep(np.array(path) * E_C, state)[0][-1]


def test_saturated_branches_cross_remanence_and_the_coercive_field():
    # P_±(0) = ∓P_r since tanh(½ ln((P_s+P_r)/(P_s−P_r))) = P_r/P_s; P_±(±E_c) = 0; ±P_s far out.
    np.testing.assert_allclose(FILM.branch(0, rising=True), -P_R, rtol=1e-12)
    np.testing.assert_allclose(FILM.branch(0, rising=False), P_R, rtol=1e-12)
    np.testing.assert_allclose(FILM.branch([E_C, 50 * E_C], rising=True), [0, P_S], atol=1e-15)
    np.testing.assert_allclose(FILM.branch([-E_C, -50 * E_C], rising=False), [0, -P_S], atol=1e-15)
    np.testing.assert_allclose(FILM.delta, E_C / np.log(0.651 / 0.173), rtol=1e-12)


def test_a_sweep_from_saturation_follows_the_saturated_branch():
    up = np.linspace(-3, 3, 41) * E_C
    np.testing.assert_allclose(
        FILM.sweep(up, DOWN)[0], FILM.branch(up, rising=True), rtol=0, atol=1e-15
    )
    np.testing.assert_allclose(
        FILM.sweep(-up, UP)[0], FILM.branch(-up, rising=False), rtol=0, atol=1e-15
    )
    np.testing.assert_array_equal(FILM.sweep(up)[0], FILM.sweep(up, DOWN)[0])


def test_the_first_minor_loop_is_the_affine_image_of_a_branch_through_its_turning_points():
    # From (E1, P1) on the rising branch down to saturation: P = m P_−(E) + b with P(E1) = P1, P(−∞)
    # = −P_s.
    e1, e = 0.8 * E_C, np.array([0.5, 0.0, -0.7, -2.0]) * E_C
    p1 = FILM.branch(e1, rising=True)
    m = (p1 + P_S) / (FILM.branch(e1, rising=False) + P_S)
    got = FILM.sweep(np.concatenate([[e1], e]), DOWN)[0]
    np.testing.assert_allclose(
        got[1:], m * FILM.branch(e, rising=False) + (m - 1) * P_S, rtol=1e-12
    )


def test_a_closed_loop_returns_to_its_point_and_forgets_the_loop():
    path = np.array([0.9, -0.6, 0.5, -0.2, 0.5]) * E_C
    p, state = FILM.sweep(path, DOWN)
    # Return-point memory: the inner loop 0.5 → −0.2 → 0.5 closes to the bit, and leaves no trace.
    assert p[4] == p[2]
    assert state == FILM.sweep(path[:3], DOWN)[1]
    # The outer loop closes as well, and then the virgin branch goes on.
    p, state = FILM.sweep(np.array([0.9, -0.6, 0.5, -0.2, 0.3, 0.9, 1.5]) * E_C, DOWN)
    assert p[5] == p[0]
    np.testing.assert_allclose(p[6], FILM.branch(1.5 * E_C, rising=True), rtol=1e-12)
    assert len(state.turning_points) == 2


@given(fields, st.floats(0, 1))
def test_a_field_beyond_all_earlier_ones_wipes_out_their_history(path, beyond):
    top = max(path) + beyond * E_C
    p, state = FILM.sweep([*path, top], DOWN)
    direct, fresh = FILM.sweep([top], DOWN)
    np.testing.assert_allclose(p[-1], direct[0], rtol=0, atol=1e-12)
    assert state == fresh


@given(fields, fields)
def test_a_sweep_may_be_split_anywhere(first, second):
    whole, end = FILM.sweep([*first, *second], UP)
    p, state = FILM.sweep(first, UP)
    q, state = FILM.sweep(second, state)
    np.testing.assert_array_equal(whole, np.concatenate([p, q]))
    assert state == end


@given(fields)
def test_polarization_moves_with_the_field_and_stays_between_the_saturated_branches(path):
    p, _ = FILM.sweep(path, DOWN)
    steps = np.diff(p) * np.sign(np.diff(path))
    assert (steps >= -1e-12 * P_S).all()
    low, high = FILM.branch(path, rising=True), FILM.branch(path, rising=False)
    assert ((p >= low - 1e-12) & (p <= high + 1e-12)).all()


@given(fields)
def test_inverted_fields_give_inverted_polarization(path):
    np.testing.assert_allclose(
        FILM.sweep(path, DOWN)[0], -FILM.sweep(-np.array(path), UP)[0], rtol=0, atol=1e-15
    )


@given(fields, st.floats(-2, 1.5), st.floats(0.01, 2))
def test_loops_between_the_same_fields_are_congruent_whatever_came_before(path, low, width):
    # Height of every loop between A and B: 2 P_s (x_B − x_A)/((x_B + c)(1 + c x_A)), x = e^(E/δ), c
    # = e^(E_c/δ): the Everett function of these branches, which depends on A and B only.
    a, b = low * E_C, (low + width) * E_C
    _, state = FILM.sweep([*path, a, b], DOWN)
    inside = np.linspace(a, b, 9)
    p, _ = FILM.sweep([*inside[::-1], *inside], state)
    x_a, x_b, c = np.exp(np.array([a, b, E_C]) / FILM.delta)
    height = 2 * P_S * (x_b - x_a) / ((x_b + c) * (1 + c * x_a))
    np.testing.assert_allclose(p[-1] - p[8], height, rtol=1e-9, atol=1e-12)
    # And of every partial rise within the loop.
    x = np.exp(inside / FILM.delta)
    np.testing.assert_allclose(
        p[9:] - p[8], 2 * P_S * (x - x_a) / ((x + c) * (1 + c * x_a)), rtol=1e-9, atol=1e-12
    )


def test_a_constant_field_changes_nothing():
    p, state = FILM.sweep(np.array([0.7, 0.7, 0.7]) * E_C, DOWN)
    assert np.ptp(p) == 0
    assert state == FILM.sweep([0.7 * E_C], DOWN)[1]


def test_fields_far_beyond_saturation_stay_finite():
    assert last([1e3, 500, 1e3, -1e3, -900, -1e3]) == -P_S


def test_an_empty_sweep_leaves_the_state():
    p, state = FILM.sweep([], UP)
    assert p.shape == (0,)
    assert state == UP


BAD = [
    ({"p_s": 0}, r"Preisach\.p_s = 0 is not allowed; give a finite number in \(0, inf\) C/m²"),
    (
        {"p_r": P_S},
        r"Preisach\.p_r = 0\.412 is not allowed; give a finite number in \(0, 0\.412\) C/m²",
    ),
    ({"p_r": 0}, r"Preisach\.p_r = 0 is not allowed"),
    ({"p_s": 25.0}, r"Preisach\.p_s = 25 C/m² is more than .*: 25 µC/cm² is 0\.25"),
    ({"e_c": 1.1}, r"Preisach\.e_c = 1\.1 V/m is less than .*: 1\.1 MV/cm is 1\.1e8"),
    ({"e_c": -1}, r"Preisach\.e_c = -1 is not allowed; give a finite number in \(0, inf\) V/m"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_films_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Preisach(**({"p_s": P_S, "p_r": P_R, "e_c": E_C} | change))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ([[1e8]], r"fields has shape \(1, 1\); give 1 dimensions"),
        ([1e8, float("inf")], r"fields holds 1 values that are NaN or infinite"),
    ],
)
def test_bad_fields_are_refused(path, message):
    with pytest.raises(ValueError, match=message):
        FILM.sweep(path)
