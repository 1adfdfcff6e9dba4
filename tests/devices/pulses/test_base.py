"""Nonlinear pulses: NeuroSim's labels and curves, moments of noise; rules of all responses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import NonlinearPulses
from devices.pulses.nonlinear import label_to_a
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

CELLS = 100_000
RANGE = {"g_min": 1e-6, "g_max": 9e-6}
FEFET = NonlinearPulses(g_min=39.7e-9, g_max=1.788e-6, pulses=32, nl_up=1.75, nl_down=1.46)


def test_labels_give_neurosims_a():
    # NeuroSim's table, to its six printed digits.
    labels = np.array([1.75, 2.4, 4.88, 9.0])
    table = [0.702081, 0.499181, 0.200303, 0.022810]
    assert (np.abs(label_to_a(labels) - table) <= 5e-7).all()
    np.testing.assert_array_equal(label_to_a(-labels), -label_to_a(labels))
    assert label_to_a(0.0) == np.inf


@given(label=st.floats(1e-3, 9))
def test_a_label_is_the_distance_from_the_straight_line(label):
    a = float(label_to_a(label))
    d = -math.expm1(-1 / a)
    # The curve f(t) = (1 − e^{−t/A})/D is farthest from its chord where f' = 1, t = −A ln(A D):
    # there f − t = 0.07 √2 label. For nearly straight curves the difference itself is only good to
    # 1e-16/deviation².
    t = -a * math.log(a * d)
    off = -math.expm1(-t / a) / d - t
    assert math.isclose(off, 0.07 * math.sqrt(2) * label, rel_tol=1e-8)


def test_labels_are_smooth_where_the_series_takes_over():
    y = 0.02 * (1 + np.array([-1e-6, 1e-6]))
    x = 1 / label_to_a(y / (8 * 0.07 * math.sqrt(2)))
    # dx/dy = 1 + y²/24: the two sides differ by the step of y, 4e-8, and the bisection by 1e-11.
    np.testing.assert_allclose(np.diff(x), 4e-8, rtol=1e-3)


def test_fefet_curves_end_at_g_min_and_g_max():
    up, down = FEFET.curve(32)
    # G(0) = g_min, G(P_max) = g_max, and back.
    np.testing.assert_allclose(up[[0, -1]], [39.7e-9, 1.788e-6], rtol=1e-12)
    np.testing.assert_allclose(down[[0, -1]], [1.788e-6, 39.7e-9], rtol=1e-12)
    p = np.arange(33)
    a_up, a_down = 32 * label_to_a([1.75, 1.46])
    width = 1.788e-6 - 39.7e-9
    # Both curves by the formula, depression walked back from P_max: G = B (1 − e^{−P/A}) + g_min.
    np.testing.assert_allclose(
        up, 39.7e-9 + width * np.expm1(-p / a_up) / np.expm1(-32 / a_up), rtol=1e-12
    )
    np.testing.assert_allclose(
        down, (39.7e-9 + width * np.expm1(-p / a_down) / np.expm1(-32 / a_down))[::-1], rtol=1e-10
    )
    # A positive label makes depression slow at first, a negative one fast.
    assert down[0] - down[1] < width / 32 < up[1] - up[0]
    _, silver = replace(FEFET, nl_down=-4.88).curve(32)
    assert silver[0] - silver[1] > width / 32
    # Past the range the cell stays.
    assert FEFET.curve(40)[0][-1] == pytest.approx(1.788e-6, rel=1e-12)


@pytest.mark.parametrize("nl", [-9.0, -0.01, 0.0, 2.4, 9.0])
def test_many_pulses_are_one_after_another(nl, rng):
    pulses = NonlinearPulses(**RANGE, pulses=40, nl_up=nl, nl_down=nl)
    cells = pulses.init((9,), rng=rng)
    start = np.linspace(1e-6, 9e-6, 9)
    for direction in (1, -1):
        at_once = pulses.respond(start, direction * 5, cells, rng=rng)
        g = start
        for _ in range(5):
            g = pulses.respond(g, direction, cells, rng=rng)
        np.testing.assert_allclose(g, at_once, rtol=1e-9)
        assert (direction * (at_once - start) >= 0).all()
    # By the position on the curve: x = −A ln(1 − (G − g_min)/B), then n further.
    if nl == 2.4:
        a = 40 * label_to_a(nl)
        b = 8e-6 / -np.expm1(-40 / a)
        for n in (5, -5):
            x = -a * np.log1p(-(start - 1e-6) / b)
            expected = np.clip(1e-6 - b * np.expm1(-(x + n) / a), 1e-6, 9e-6)
            np.testing.assert_allclose(
                pulses.respond(start, n, cells, rng=rng), expected, rtol=1e-10
            )


def test_nonlinear_pulses_have_noise_for_each_pulse(rng):
    pulses = NonlinearPulses(**RANGE, pulses=40, nl_up=2.4, nl_down=-1.0, c2c=0.01)
    n = np.tile([1, 9, -9], (CELLS, 1))
    g = pulses.respond(5e-6, n, pulses.init(n.shape, rng=rng), rng=rng)
    typical = pulses.typical()
    mean = typical.respond(5e-6, n[0], typical.init((3,), rng=rng), rng=rng)
    # Var = |n| c2c² (g_max − g_min)²; the ends are 10 deviations away.
    assert_mean(g * 1e6, mean * 1e6)
    assert_variance(g * 1e6, np.array([1, 9, 9]) * 0.08**2, mean * 1e6)
    assert pulses.respond(
        np.full(CELLS, 9e-6), 1, pulses.init((CELLS,), rng=rng), rng=rng
    ).max() <= 9e-6 * (1 + 1e-12)


def test_labels_differ_between_devices(rng):
    pulses = NonlinearPulses(**RANGE, pulses=40, nl_up=2.0, nl_down=-1.0, d2d_nl=0.3)
    cells = pulses.init((20_000,), rng=rng)
    knots = np.linspace(-9, 9, 20_001)
    curvature = 1 / label_to_a(knots)
    up, down = (np.interp(cells[name], curvature, knots) for name in ("up", "down"))
    assert_mean(up, 2.0)
    assert_variance(up, 0.09, 2.0)
    assert_mean(down, 1.0)  # seen from the other end
    assert_variance(down, 0.09, 1.0)
    assert_covariance(up, down, 0)
    wide = replace(pulses, d2d_nl=50.0).init((100,), rng=rng)
    assert np.abs(wide["up"]).max() <= 1 / label_to_a(9.0)


@settings(max_examples=30)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    n=st.integers(-3, 3),
    pulses=st.sampled_from([FEFET, replace(FEFET, c2c=0.1, d2d_nl=0.5)]),
)
def test_any_shape_of_cells(shape, n, pulses):
    cells = pulses.init(shape, rng=np.random.default_rng(0))
    g = pulses.respond(
        pulses.g_min, np.full(shape, n, dtype=np.int8), cells, rng=np.random.default_rng(1)
    )
    assert cells.shape == g.shape == shape
    assert ((g >= pulses.g_min * (1 - 1e-12)) & (g <= pulses.g_max * (1 + 1e-12))).all()
    np.testing.assert_array_equal(
        g, pulses.respond(pulses.g_min, n, cells, rng=np.random.default_rng(1))
    )


@pytest.mark.parametrize("n", [1.0, [True], "2"])
def test_numbers_of_pulses_are_whole(n, rng):
    with pytest.raises(
        ValueError,
        match=r"n has the type .*; give whole numbers of pulses, negative for depression",
    ):
        FEFET.respond(1e-6, n, FEFET.init((1,), rng=rng), rng=rng)


def test_unsigned_numbers_of_pulses_potentiate(rng):
    cells = FEFET.init((1,), rng=rng)
    np.testing.assert_array_equal(
        FEFET.respond(1e-6, np.array([3], dtype=np.uint64), cells, rng=rng),
        FEFET.respond(1e-6, 3, cells, rng=rng),
    )


def test_without_write_noise_the_conductance_itself_is_read(rng):
    g = np.array([1e-6, 2e-6])
    seen = FEFET.with_write_noise(g, rng=rng)
    np.testing.assert_array_equal(seen, g)
    assert not np.shares_memory(seen, g)


BAD = [
    (
        lambda: replace(FEFET, g_min=-1e-6),
        r"NonlinearPulses\.g_min = -1e-06 is not allowed; give a finite number in \[0, inf\) S",
    ),
    (
        lambda: replace(FEFET, pulses=0),
        r"NonlinearPulses\.pulses = 0 is not allowed; give a whole number of at least 1",
    ),
    (
        lambda: replace(FEFET, nl_up=9.1),
        r"NonlinearPulses\.nl_up = 9\.1 is not allowed; give a finite number in \[-9, 9\]",
    ),
    (lambda: replace(FEFET, nl_down=-10), r"NonlinearPulses\.nl_down = -10 is not allowed"),
    (lambda: replace(FEFET, d2d_nl=-1), r"NonlinearPulses\.d2d_nl = -1 is not allowed"),
    (lambda: FEFET.curve(-1), r"n = -1 is not allowed; give a whole number of at least 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_pulses_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
