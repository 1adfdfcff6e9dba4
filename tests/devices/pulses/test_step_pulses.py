"""Pulses that step a weight: closed forms, moments of noise, spreads, and a slow twin."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import (
    ConstantPulses,
    ExpStepPulses,
    LinearPulses,
    PiecewisePulses,
    PowerPulses,
    SoftBoundsPulses,
)
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

CELLS = 100_000
RANGE = {"g_min": 1e-6, "g_max": 9e-6}  # 4 µS per unit of w, from −1 to 1
UNIT = 4e-6
# Gong 2018.
EXP = {
    "a": -0.5,
    "b": -0.5,
    "a_up": -1.18445,
    "a_down": -0.081404,
    "gamma_up": 5.0,
    "gamma_down": 5.0,
}
NODES = {"up": (1.5, 1.0, 0.6, 0.2), "down": (0.1, 0.8, 1.6)}
STEPPED = {
    "constant": ConstantPulses(**RANGE, step=0.04),
    "linear": LinearPulses(**RANGE, step=0.04, decrease_up=0.4, decrease_down=0.7),
    "growing": LinearPulses(**RANGE, step=0.04, decrease_up=-0.4, decrease_down=1.5),
    "soft bounds": SoftBoundsPulses(**RANGE, step=0.04, w_min=-0.5),
    "coarse soft bounds": SoftBoundsPulses(**RANGE, step=1.3, w_min=-0.5, up_down=0.3),
    "exponential": ExpStepPulses(**RANGE, step=0.02, up_down=0.259359, **EXP),
    "power": PowerPulses(**RANGE, step=0.04, gamma_up=1.7, gamma_down=0.6),
    "piecewise": PiecewisePulses(**RANGE, step=0.04, up_down=-0.2, **NODES),
}
stepped = pytest.mark.parametrize("pulses", STEPPED.values(), ids=STEPPED)


def conductance(pulses, w):
    return pulses.g_min + (pulses.g_max - pulses.g_min) * (np.asarray(w) - pulses.w_min) / (
        pulses.w_max - pulses.w_min
    )


def weight(pulses, g):
    return pulses.w_min + (pulses.w_max - pulses.w_min) * (np.asarray(g) - pulses.g_min) / (
        pulses.g_max - pulses.g_min
    )


def after(pulses, w, n, rng, shape=(CELLS,)):
    """Weights after n pulses of new cells that stand at w."""
    return weight(
        pulses, pulses.respond(conductance(pulses, w), n, pulses.init(shape, rng=rng), rng=rng)
    )


def relative_step(p, w, up):
    """y(w) of a typical device, by the equations of the families."""
    if isinstance(p, ConstantPulses):
        return 1.0
    if isinstance(p, LinearPulses):
        return 1 - p.decrease_up * w / p.w_max if up else 1 - p.decrease_down * w / p.w_min
    if isinstance(p, SoftBoundsPulses):
        return 1 - w / p.w_max if up else 1 - w / p.w_min
    if isinstance(p, ExpStepPulses):
        z = 2 * p.a * w / (p.w_max - p.w_min) + p.b
        return max(
            1
            - (p.a_up * math.exp(p.gamma_up * z) if up else p.a_down * math.exp(-p.gamma_down * z)),
            0,
        )
    fraction = (w - p.w_min) / (p.w_max - p.w_min)
    if isinstance(p, PowerPulses):
        return (1 - fraction) ** p.gamma_up if up else fraction**p.gamma_down
    values = p.up if up else p.down
    left = min(int(fraction * (len(values) - 1)), len(values) - 2)
    rest = fraction * (len(values) - 1) - left
    return values[left] + rest * (values[left + 1] - values[left])


def twin(p, w, n):
    """Weights after each of n noise-free pulses, in a plain loop; up_down weakens one direction."""
    alpha = p.step * (1 + min(p.up_down, 0)) if n > 0 else p.step * (1 - max(p.up_down, 0))
    for _ in range(abs(n)):
        w += math.copysign(alpha, n) * relative_step(p, w, n > 0)
        w = min(max(w, p.w_min), p.w_max)
    return w


@stepped
def test_pulses_without_noise_equal_the_slow_twin(pulses, rng):
    w = rng.uniform(pulses.w_min, pulses.w_max, (5, 40))
    n = rng.integers(-60, 61, (5, 40))
    g = pulses.respond(conductance(pulses, w), n, pulses.init(w.shape, rng=rng), rng=rng)
    expected = np.array(
        [twin(pulses, float(a), int(b)) for a, b in zip(w.flat, n.flat, strict=True)]
    ).reshape(w.shape)
    np.testing.assert_allclose(g, conductance(pulses, expected), rtol=1e-11)


def test_steps_that_grow_end_at_the_bound_after_any_number_of_pulses(rng):
    pulses = STEPPED["growing"]
    g = pulses.respond(5e-6, 1_000_000, pulses.init((1,), rng=rng), rng=rng)
    np.testing.assert_allclose(g, 9e-6, rtol=1e-12)


@stepped
def test_curves_start_at_the_ends_and_are_those_of_the_typical_device(pulses, rng):
    noisy = replace(
        pulses,
        c2c=0.5,
        d2d_step=0.3,
        d2d_w_max=0.2,
        d2d_up_down=0.1,
        d2d_w_min=0.2,
        write_noise=1.0,
    )
    up, down = noisy.curve(30)
    np.testing.assert_allclose(
        up, [conductance(pulses, twin(pulses, pulses.w_min, k)) for k in range(31)], rtol=1e-11
    )
    np.testing.assert_allclose(
        down, [conductance(pulses, twin(pulses, pulses.w_max, -k)) for k in range(31)], rtol=1e-11
    )
    assert up[0] == pulses.g_min
    assert down[0] == pulses.g_max
    assert noisy.typical() == pulses


@stepped
def test_the_symmetry_point_has_equal_steps(pulses, rng):
    cells = pulses.init((1,), rng=rng)
    w = float(weight(pulses, pulses.symmetry_point(cells))[0])
    up = pulses.step * (1 + min(pulses.up_down, 0)) * relative_step(pulses, w, True)
    down = pulses.step * (1 - max(pulses.up_down, 0)) * relative_step(pulses, w, False)
    assert math.isclose(up, down, rel_tol=1e-9)


def test_the_symmetry_point_of_soft_bounds_is_the_published_one(rng):
    pulses = SoftBoundsPulses(
        **RANGE, step=0.04, w_min=-0.7, w_max=1.2, d2d_step=0.2, d2d_up_down=0.1, d2d_w_min=0.2
    )
    cells = pulses.init((1000,), rng=rng)
    up, down, low, high = (cells[name] for name in ("up", "down", "w_min", "w_max"))
    point = pulses.symmetry_point(cells)
    # w* = (α₊ − α₋)/(α₊/b₊ − α₋/b₋), held within the bounds.
    np.testing.assert_allclose(
        weight(pulses, point), (up - down) / (up / high - down / low), rtol=1e-9, atol=1e-12
    )
    # Pairs of pulses, up and down, lead there from anywhere, but for a residue of the order of a
    # step.
    g = np.full(1000, 1e-6)
    for _ in range(300):
        g = pulses.respond(pulses.respond(g, 1, cells, rng=rng), -1, cells, rng=rng)
    assert (np.abs(weight(pulses, g) - weight(pulses, point)) < np.maximum(up, down)).all()


def test_where_one_direction_is_stronger_everywhere_pulses_drift_to_its_bound(rng):
    for up_down, end in ((0.5, 9e-6), (-0.5, 1e-6)):
        pulses = ConstantPulses(**RANGE, step=0.04, up_down=up_down)
        np.testing.assert_allclose(
            pulses.symmetry_point(pulses.init((2,), rng=rng)), end, rtol=1e-12
        )


@pytest.mark.parametrize("direction", [1, -1])
def test_constant_steps_walk_at_random(direction, rng):
    pulses = ConstantPulses(**RANGE, step=0.01, c2c=0.5)
    w = after(pulses, -0.2 * direction, direction * 20, rng)
    # Mean w₀ + nα, variance n α² s²; a bound is 45 deviations away.
    assert_mean(w, -0.2 * direction + direction * 0.2)
    assert_variance(w, 20 * 0.01**2 * 0.25, 0)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("additive", [False, True])
def test_soft_bounds_have_the_mean_and_variance_of_theory(additive, direction, rng):
    b = 0.8 if direction > 0 else 0.6
    alpha = 0.04
    s = 0.6
    n = 25
    w0 = -0.3
    pulses = SoftBoundsPulses(**RANGE, w_max=0.8, w_min=-0.6, step=alpha, c2c=s, additive=additive)
    w = direction * after(pulses, direction * w0, direction * n, rng)
    q = 1 - alpha / b
    # E[b − w_n] = (b − w₀) q^n.
    mean = b - (b - w0) * q**n
    assert_mean(w, mean)
    if additive:  # an AR(1) process; the bound is 5 deviations away and further before
        variance = (alpha * s) ** 2 * (1 - q ** (2 * n)) / (1 - q**2)
    else:
        variance = (b - w0) ** 2 * ((q**2 + (alpha / b * s) ** 2) ** n - q ** (2 * n))
    assert_variance(w, variance, mean)


@pytest.mark.parametrize("additive", [False, True])
def test_linear_steps_have_the_mean_and_variance_of_theory(additive, rng):
    alpha = 0.02
    s = 0.6
    n = 20
    w0 = -0.5
    decrease = 0.5
    pulses = LinearPulses(**RANGE, step=alpha, c2c=s, additive=additive, decrease_up=decrease)
    w = after(pulses, w0, n, rng)
    # Soft bounds whose bound b = w_max/decrease = 2 lies outside the range.
    b = 1 / decrease
    kappa = alpha * decrease
    q = 1 - kappa
    mean = b - (b - w0) * q**n
    assert_mean(w, mean)
    if additive:
        variance = (alpha * s) ** 2 * (1 - q ** (2 * n)) / (1 - q**2)
    else:
        variance = (b - w0) ** 2 * ((q**2 + (kappa * s) ** 2) ** n - q ** (2 * n))
    assert_variance(w, variance, mean)


@pytest.mark.parametrize("name", ["exponential", "power", "piecewise"])
@pytest.mark.parametrize("direction", [1, -1])
def test_one_pulse_has_the_familys_step_and_its_noise(name, direction, rng):
    pulses = replace(STEPPED[name], c2c=0.7)
    w0 = 0.1
    w = after(pulses, w0, direction, rng)
    mean = twin(STEPPED[name], w0, direction)
    assert_mean(w, mean)
    assert_variance(w, (0.7 * (mean - w0)) ** 2, mean)


def test_exponential_steps_have_noise_that_grows_with_the_weight(rng):
    pulses = ExpStepPulses(**RANGE, step=0.02, c2c=0.6, c2c_base=0.042, c2c_slope=0.108, **EXP)
    w0 = -0.4
    mean = twin(pulses.typical(), w0, 1)
    # std = s (|Δ| + base + slope |w|).
    assert_variance(after(pulses, w0, 1, rng), (0.6 * (mean - w0 + 0.042 + 0.108 * 0.4)) ** 2, mean)


def test_noise_never_leaves_the_bounds_and_counts_pulses_cell_by_cell(rng):
    pulses = ConstantPulses(**RANGE, step=0.01, c2c=3.0)
    n = np.tile([0, 4, -4, 16], (CELLS, 1))
    g = pulses.respond(5e-6, n, pulses.init(n.shape, rng=rng), rng=rng)
    w = weight(pulses, g)
    np.testing.assert_allclose(w[:, 0], 0, atol=1e-12)
    assert_mean(w[:, 1:], [0.04, -0.04, 0.16])
    assert_variance(w[:, 1:], np.array([4, 4, 16]) * 0.03**2, [0.04, -0.04, 0.16])
    assert_covariance(w[:, 1], w[:, 3], 0)
    wild = replace(pulses, c2c=100.0)
    g = wild.respond(5e-6, n, wild.init(n.shape, rng=rng), rng=rng)
    assert g.min() >= 1e-6 * (1 - 1e-12)
    assert g.max() <= 9e-6 * (1 + 1e-12)


def test_devices_differ_in_step_asymmetry_and_bounds(rng):
    # g_min/(g_max − g_min) = 1: w_min may fall to −3, and no draw below is clipped.
    pulses = SoftBoundsPulses(
        g_min=8e-6,
        g_max=16e-6,
        step=0.05,
        up_down=0.2,
        d2d_step=0.1,
        d2d_up_down=0.05,
        d2d_w_max=0.15,
        d2d_w_min=0.1,
    )
    cells = pulses.init((CELLS,), rng=rng)
    # α₊ = α (g + r), α₋ = α (g − up_down − r): variances α²(0.1² + 0.05²), covariance α²(0.1² −
    # 0.05²).
    assert_mean(cells["up"] / 0.05, 1)
    assert_mean(cells["down"] / 0.05, 0.8)
    for name, mean in (("up", 1), ("down", 0.8)):
        assert_variance(cells[name] / 0.05, 0.0125, mean)
    assert_covariance(cells["up"] / 0.05, cells["down"] / 0.05, 0.0075)
    assert_mean(cells["w_max"], 1)
    assert_variance(cells["w_max"], 0.15**2, 1)
    assert_mean(cells["w_min"], -1)
    assert_variance(cells["w_min"], 0.1**2, -1)
    # Each ends at its own bounds.
    up, down = (pulses.respond(12e-6, n, cells, rng=rng) for n in (4000, -4000))
    np.testing.assert_allclose(up, conductance(pulses, cells["w_max"]), rtol=1e-9)
    np.testing.assert_allclose(down, conductance(pulses, cells["w_min"]), rtol=1e-9)


def test_lognormal_steps_and_positive_up_down_weaken_as_published(rng):
    cells = SoftBoundsPulses(
        **RANGE, step=0.0949, d2d_step=0.7829, lognormal=True, up_down=-0.3
    ).init((CELLS,), rng=rng)
    # A negative up_down weakens potentiation: α₊ = α (e^{sN} − 0.3), always as a magnitude.
    logs = np.log(cells["down"] / 0.0949)
    assert_mean(logs, 0)
    assert_variance(logs, 0.7829**2, 0)
    np.testing.assert_allclose(cells["up"], np.abs(cells["down"] - 0.3 * 0.0949), rtol=1e-12)


def test_no_cell_conducts_less_than_0_siemens(rng):
    # As wide as the arrays of Gong 2022: bounds ±1 with spreads of 0.43 and 0.6, one pulse nearly
    # half of the range.
    pulses = SoftBoundsPulses(
        **RANGE, step=0.4622, c2c=0.2174, additive=True, d2d_step=0.7125, lognormal=True,
        d2d_w_max=0.4295, d2d_w_min=0.599,
        write_noise=0.5841,
    )  # fmt: skip
    cells = pulses.init((20_000,), rng=rng)
    g = pulses.respond(5e-6, -50, cells, rng=rng)
    assert g.min() >= 0
    assert (g < 1e-9).mean() > 0.1
    seen = pulses.with_write_noise(g, rng=rng)
    assert seen.min() == 0
    # A cell that starts outside its own range is moved to its bound, even without a pulse.
    still = pulses.respond(1e-3, 0, cells, rng=rng)
    np.testing.assert_allclose(still, conductance(pulses, cells["w_max"]), rtol=1e-12)


def test_write_noise_affects_reads_but_not_the_state(rng):
    pulses = SoftBoundsPulses(**RANGE, step=0.02, write_noise=1.5)
    g = np.full(CELLS, 5e-6)
    seen = pulses.with_write_noise(g, rng=rng)
    # 1.5 steps of 0.02 · 4 µS.
    assert_mean(seen * 1e6, 5)
    assert_variance(seen * 1e6, 0.12**2, 5)
    np.testing.assert_array_equal(g, 5e-6)
    same = replace(pulses, write_noise=0.0).with_write_noise(g, rng=rng)
    np.testing.assert_array_equal(same, g)
    assert not np.shares_memory(same, g)


@settings(max_examples=30)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    n=st.integers(-3, 3),
    pulses=st.sampled_from([*STEPPED.values(), replace(STEPPED["power"], c2c=0.3, d2d_step=0.2)]),
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


def step(cls=ConstantPulses, **fields):
    return lambda: cls(**(RANGE | {"step": 0.01} | fields))


BAD = [
    (
        step(g_min=-1e-6),
        r"ConstantPulses\.g_min = -1e-06 is not allowed; give a finite number in \[0, inf\) S",
    ),
    (
        step(g_max=1e-6),
        r"ConstantPulses\.g_max = 1e-06 is not allowed; give a finite number in \(1e-06, inf\) S",
    ),
    (step(c2c=-1), r"ConstantPulses\.c2c = -1 is not allowed; give a finite number in \[0, inf\)"),
    (step(step=0), r"ConstantPulses\.step = 0 is not allowed; give a finite number in \(0, inf\)"),
    (
        step(w_min=0.1),
        r"ConstantPulses\.w_min = 0\.1 is not allowed; give a finite number in \(-inf, 0\]",
    ),
    (step(w_max=0), r"ConstantPulses\.w_max = 0 is not allowed"),
    (
        step(up_down=1),
        r"ConstantPulses\.up_down = 1 is not allowed; give a finite number in \(-1, 1\)",
    ),
    (step(write_noise=-1), r"ConstantPulses\.write_noise = -1 is not allowed"),
    (step(d2d_step="x"), r"ConstantPulses\.d2d_step = 'x' is not a number"),
    (
        step(LinearPulses, w_min=0),
        r"LinearPulses\.w_min = 0 is not allowed; give a finite number in \(-inf, 0\)",
    ),
    (step(LinearPulses, decrease_up=math.inf), r"LinearPulses\.decrease_up = inf is not allowed"),
    (step(LinearPulses, decrease_down=None), r"LinearPulses\.decrease_down = None is not a number"),
    (step(SoftBoundsPulses, w_min=0), r"SoftBoundsPulses\.w_min = 0 is not allowed"),
    (
        step(ExpStepPulses, **EXP | {"gamma_up": math.nan}),
        r"ExpStepPulses\.gamma_up = nan is not allowed",
    ),
    (step(ExpStepPulses, **EXP, c2c_base=-1), r"ExpStepPulses\.c2c_base = -1 is not allowed"),
    (step(PowerPulses, gamma_up=-1), r"PowerPulses\.gamma_up = -1 is not allowed"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_pulses_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
