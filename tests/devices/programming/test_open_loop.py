"""Open-loop programming: counts, √n, closed forms, and the response itself pulse by pulse."""

from dataclasses import replace

import numpy as np
import pytest

from devices import (
    ConstantPulses,
    Device,
    LinearPulses,
    NonlinearPulses,
    OpenLoopPulses,
    SoftBoundsPulses,
    StateDependentError,
)
from devices.programming.open_loop import one_by_one
from devices.pulses.base import pulses_to
from tests.helpers.statistics import assert_frequency, assert_mean, assert_variance

CELLS = 20_000
RANGE = {"g_min": 1e-6, "g_max": 9e-6}
WIDTH = 8e-6
STRAIGHT = NonlinearPulses(**RANGE, pulses=64, c2c=0.004)
CURVED = NonlinearPulses(**RANGE, pulses=40, nl_up=2.4, nl_down=-4.88, c2c=0.05)
STEPS = ConstantPulses(**RANGE, step=0.04, c2c=0.3, d2d_step=0.2, d2d_w_max=0.1, write_noise=0.5)


def test_the_number_of_pulses_brings_the_typical_cell_nearest():
    write = OpenLoopPulses(pulses=CURVED)
    up, _ = CURVED.curve(40)
    np.testing.assert_array_equal(write.count(up), np.arange(41))
    targets = np.linspace(1e-6, 9e-6, 333)
    nearest = np.abs(up - targets[:, None]).argmin(axis=1)
    np.testing.assert_array_equal(write.count(targets), nearest)


def test_max_pulses_limits_a_curve_that_only_approaches_its_end():
    soft = SoftBoundsPulses(**RANGE, step=0.1)
    assert OpenLoopPulses(pulses=soft, max_pulses=30).count(9e-6) == 30
    # (1 − 0.1)^30 of the way is left.
    error = OpenLoopPulses(pulses=soft, max_pulses=30).sigma(np.array([9e-6]))
    np.testing.assert_allclose(error, WIDTH * 0.9**30, rtol=1e-9)


def test_the_error_grows_with_the_root_of_the_number_of_pulses(rng):
    write = OpenLoopPulses(pulses=STRAIGHT)
    n = np.array([4, 16, 36])
    target = 1e-6 + n / 64 * WIDTH
    np.testing.assert_allclose(write.sigma(target), 0.004 * WIDTH * np.sqrt(n), rtol=1e-6)
    g = write.program(np.tile(target, (CELLS, 1)), rng=rng)
    assert_mean(g, target)
    assert_variance(g, (0.004 * WIDTH) ** 2 * n, target)


def test_programming_is_the_response_pulse_by_pulse(rng):
    # A straight curve far from its ends: noise that was added once is neither undone nor clipped.
    target = np.full(CELLS, 1e-6 + 30 / 64 * WIDTH)
    cells = STRAIGHT.init(target.shape, rng=rng)
    g = np.full(CELLS, 1e-6)
    # Far from the lower end, where early noise would be clipped at each pulse.
    g += 10 / 64 * WIDTH
    for _ in range(30):
        g = STRAIGHT.respond(g, 1, cells, rng=rng)
    slow = g - 10 / 64 * WIDTH
    fast = OpenLoopPulses(pulses=STRAIGHT).program(target, rng=rng)
    for sample in (slow, fast):
        assert_mean(sample, target)
        assert_variance(sample, 30 * (0.004 * WIDTH) ** 2, target)


def test_steps_are_those_of_a_naive_simulation_of_each_cell(rng):
    write = OpenLoopPulses(pulses=STEPS, max_pulses=60)
    target = np.tile(np.linspace(1e-6, 9e-6, 4), (4000, 1))
    n = write.count(target)
    cells = STEPS.init(target.shape, rng=rng)
    w = np.clip(np.full(target.shape, -1.0), cells["w_min"], cells["w_max"])
    for k in range(n.max()):
        z = rng.standard_normal(target.shape)
        moved = np.clip(w + cells["up"] * (1 + 0.3 * z), cells["w_min"], cells["w_max"])
        w = np.where(k < n, moved, w)
    w += 0.5 * 0.04 * rng.standard_normal(target.shape)
    slow = 1e-6 + (w + 1) / 2 * WIDTH
    fast = write.program(target, rng=rng)
    for power in (1, 2):
        a, b = (slow - target) ** power, (fast - target) ** power
        standard_error = np.hypot(a.std(axis=0), b.std(axis=0)) / np.sqrt(4000)
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * standard_error).all()


@pytest.mark.parametrize("pulses", [STRAIGHT, CURVED, STEPS, replace(CURVED, d2d_nl=0.5)])
def test_sigma_is_the_root_mean_square_error(pulses, rng):
    write = OpenLoopPulses(pulses=pulses, max_pulses=60)
    target = np.linspace(1e-6, 9e-6, 17)
    g = write.program(np.tile(target, (CELLS, 1)), rng=rng)
    exact = isinstance(pulses, NonlinearPulses) and not pulses.d2d_nl
    if exact:
        assert_mean((g - target) ** 2, write.sigma(target) ** 2)
    else:
        rms = np.sqrt(np.mean((g - target) ** 2, axis=0))
        np.testing.assert_allclose(rms, write.sigma(target), rtol=0.15, atol=1e-12)


def test_rounding_to_a_pulse_is_exact_between_the_simulated_targets(rng):
    # 20 pulses of noise that is small beside half of their step: the error swings with the target
    # between that of the noise and that of rounding.
    few = SoftBoundsPulses(**RANGE, step=0.1, c2c=0.1, d2d_step=0.02)
    write = OpenLoopPulses(pulses=few, max_pulses=60)
    target = np.linspace(1.1e-6, 8.8e-6, 41)
    off = write.program(np.tile(target, (CELLS, 1)), rng=rng) - target
    error = np.sqrt(np.mean(off**2, axis=0))
    # Of 500 cells the spread has a standard error of 3 %, and the mean one of 1/22 of the spread.
    np.testing.assert_allclose(write.sigma(target), error, rtol=0.15)
    missed = np.abs(write.bias(target) - off.mean(axis=0))
    assert (missed <= 0.25 * off.std(axis=0) + 1e-15).all()


def test_a_device_leaves_cells_in_their_own_range(rng):
    device = Device(**RANGE, write=OpenLoopPulses(pulses=STEPS, max_pulses=60), pulses=STEPS)
    g = device.program(np.full(CELLS, 9e-6), rng=rng)
    assert g.max() > 9e-6  # bounds that differ by 10 %, and write noise
    inside = Device(**RANGE, write=OpenLoopPulses(pulses=CURVED), pulses=CURVED)
    g = inside.program(np.full(CELLS, 9e-6), rng=rng)
    assert (g <= 9e-6).all()
    assert (g >= 1e-6).all()


@pytest.mark.parametrize("pulses", [CURVED, STEPS])
def test_an_error_factor_multiplies_the_error_of_every_cell(pulses):
    write = OpenLoopPulses(pulses=pulses, max_pulses=60)
    target = np.full(300, 5e-6)
    one = write.program(target, rng=3) - target
    for factor in (0.0, 0.5, 1.5):
        other = replace(write, error_factor=factor)
        g = other.program(target, rng=3)
        np.testing.assert_allclose(g, np.maximum(target + factor * one, 0), atol=1e-18)
        np.testing.assert_allclose(other.sigma(target), factor * write.sigma(target))
        np.testing.assert_allclose(other.bias(target), factor * write.bias(target))
        assert other.has_own_range == (factor <= 1)
    wide = Device(**RANGE, write=replace(write, error_factor=5.0))
    g = wide.program(target, rng=3)
    assert (g.min(), g.max()) == (1e-6, 9e-6)


def test_corrupt_cells_do_not_move(rng):
    pulses = SoftBoundsPulses(**RANGE, step=0.2, p_corrupt=0.3, corrupt_range=0.1)
    cells = pulses.init((CELLS,), rng=rng)
    corrupt = cells["up"] == 0
    assert_frequency(corrupt.sum(), CELLS, 0.3)
    g = pulses.respond(1e-6, 50, cells, rng=rng)
    w = (g - 1e-6) / WIDTH * 2 - 1
    assert (np.abs(w[corrupt]) <= 0.1 + 1e-5).all()
    assert_variance(w[corrupt], 0.1**2 / 3, 0)  # uniform
    assert (w[~corrupt] > 0.99).all()
    np.testing.assert_allclose(
        pulses.respond(g, -50, cells, rng=rng)[corrupt], g[corrupt], rtol=1e-5
    )
    np.testing.assert_allclose(pulses.symmetry_point(cells)[corrupt], g[corrupt], rtol=1e-5)
    assert pulses.typical().p_corrupt == 0


BAD = [
    (lambda: OpenLoopPulses(pulses=3), r"OpenLoopPulses\.pulses = 3 is not a PulseResponse"),
    (
        lambda: OpenLoopPulses(pulses=StateDependentError(coefficients=(1e-7,))),
        r"OpenLoopPulses\.pulses = StateDependentError.* is not a PulseResponse",
    ),
    (
        lambda: OpenLoopPulses(pulses=STEPS, max_pulses=0),
        r"OpenLoopPulses\.max_pulses = 0 is not allowed; give a whole number of at least 1",
    ),
    (
        lambda: OpenLoopPulses(pulses=STEPS, error_factor=-1),
        r"OpenLoopPulses\.error_factor = -1 is not allowed; give a finite number in \[0, inf\)",
    ),
    (
        lambda: ConstantPulses(**RANGE, step=0.1, p_corrupt=1.5),
        r"ConstantPulses\.p_corrupt = 1\.5 is not allowed; .*\[0, 1\]",
    ),
    (
        lambda: ConstantPulses(**RANGE, step=0.1, p_corrupt=0.1, corrupt_range=2),
        r"ConstantPulses\.corrupt_range = 2 is not allowed; .*\(0, 1\]",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_open_loop_programming_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("pulses", [STRAIGHT, CURVED, replace(CURVED, c2c=0.0)])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (5, 3), (60, 90)])
def test_cells_of_one_curve_are_written_as_one_by_one(pulses, shape, rng):
    n = np.asarray(rng.integers(0, 60, shape))
    n[n < 20] = 0
    slow = one_by_one(pulses, n, np.random.default_rng(3))
    np.testing.assert_array_equal(pulses.written(n, rng=3), slow)
    assert slow.shape == shape


@pytest.mark.parametrize("values", [2, 33, 400, 3000])
@pytest.mark.parametrize("bend", [0.2, 1.0, 3.0])
def test_counts_of_many_targets_are_those_of_a_plain_search(values, bend, rng):
    curve = 1e-6 + 1e-5 * np.linspace(0, 1, values) ** bend
    middles = (curve[1:] + curve[:-1]) / 2
    on_edges = np.linspace(middles[0], middles[-1], 1025)
    near = [np.nextafter(a, b) for a in (middles, on_edges) for b in (0, 1)]
    targets = np.concatenate([rng.uniform(0, 2e-5, 2000), middles, on_edges, *near])
    np.testing.assert_array_equal(pulses_to(curve, targets), np.searchsorted(middles, targets))


@pytest.mark.parametrize("falls", [False, True])
def test_counts_on_a_curve_that_ends_flat_are_the_fewest(falls, rng):
    curve = np.minimum(np.arange(50) ** 0.5, 5.0)
    beyond = [5.0, np.nextafter(5.0, 6), 7.0]
    targets = np.concatenate([rng.uniform(-1, 6, 200), curve, beyond, rng.uniform(0, 6, 2000)])
    for some in (targets[:253], targets):  # few are searched, and many are put into boxes
        found = pulses_to(-curve, -some) if falls else pulses_to(curve, some)
        np.testing.assert_array_equal(found, np.abs(curve - some[:, None]).argmin(axis=1))
    assert pulses_to(np.array([1.0]), np.array([3.0])) == [0]
    assert pulses_to(curve, 2.1) == 4


@pytest.mark.parametrize(("step", "decrease"), [(0.9, 2.0), (1.3, 1.4)])
def test_counts_on_a_curve_that_overshoots_are_the_nearest(step, decrease):
    # So large a step jumps over the state at which steps end, and back.
    pulses = LinearPulses(**RANGE, step=step, decrease_up=decrease)
    write = OpenLoopPulses(pulses=pulses, max_pulses=60)
    curve = pulses.curve(60)[0]
    targets = np.concatenate([np.linspace(1e-6, 9e-6, 1100), curve])
    found = write.count(targets)
    away = np.abs(curve - targets[:, None])
    np.testing.assert_allclose(np.abs(curve[found] - targets), away.min(axis=1), atol=1e-20)
    np.testing.assert_array_equal(
        write.count(curve), [np.flatnonzero(curve == g)[0] for g in curve]
    )
    # Few targets are looked up as many are.
    np.testing.assert_array_equal([write.count(t) for t in targets[::50]], found[::50])


@pytest.mark.parametrize("label", [-1.46, -9.0])
def test_far_more_pulses_than_the_range_has_end_at_its_end(label):
    pulses = NonlinearPulses(**RANGE, pulses=32, nl_up=label, nl_down=-label)
    n = np.array([33, 1000, 10**6, 10**12])
    cells = pulses.init(n.shape, rng=0)
    np.testing.assert_allclose(pulses.respond(1e-6, n, cells, rng=0), 9e-6)
    np.testing.assert_allclose(pulses.respond(9e-6, -n, cells, rng=0), 1e-6)


def test_cells_at_the_end_of_the_range_get_no_pulse_in_vain():
    # g_min + (g_max − g_min) is one rounding error below g_max.
    pulses = NonlinearPulses(g_min=6.82e-7, g_max=5.72e-6, pulses=32, nl_up=1.75, c2c=0.005)
    assert pulses.curve(32)[0][-1] < pulses.g_max
    assert OpenLoopPulses(pulses=pulses).count(pulses.g_max) == 32
