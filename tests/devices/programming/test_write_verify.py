"""Write-verify: geometric numbers of pulses, the residual error, and convergence."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, norm, truncnorm

from devices import (
    IdealWrite,
    NonlinearPulses,
    SoftBoundsPulses,
    StateDependentError,
    TabulatedError,
    WriteModel,
    WriteVerify,
)
from tests.helpers.statistics import assert_frequency, assert_mean, assert_variance

CELLS = 100_000
AIM = 50e-6  # 50 deviations above 0 S: no draw is clipped
S = 1e-6
PULSE = StateDependentError(coefficients=(S,))
TARGET = np.full(CELLS, AIM)
SOFT = SoftBoundsPulses(g_min=1e-6, g_max=1e-5, step=0.05)
NOISY = replace(SOFT, c2c=0.5, d2d_step=0.2, d2d_w_max=0.1, d2d_w_min=0.1)


@dataclass(frozen=True)
class Recorded(WriteModel):
    """A write model that records how many cells each of its pulses programs."""

    sizes: list = field(default_factory=list)

    def sigma(self, target):
        return PULSE.sigma(target)

    def program(self, target, *, rng):
        self.sizes.append(target.size)
        return PULSE.program(target, rng=rng)


def test_numbers_of_pulses_are_geometric(rng):
    verify = WriteVerify(pulse=PULSE, tolerance=S / 3, max_pulses=1000)
    g, pulses, converged = verify.program_counted(TARGET, rng=rng)
    assert converged.all()
    assert (np.abs(g - AIM) < S / 3).all()
    # P = 2Φ(tol/s) − 1; mean 1/P = 3.83 at tol/s = 1/3.
    p = 2 * norm.cdf(1 / 3) - 1
    assert round(1 / p, 2) == 3.83
    assert_mean(pulses, 1 / p)
    for k in (1, 2, 3, 8):
        assert_frequency((pulses == k).sum(), CELLS, p * (1 - p) ** (k - 1))


@pytest.mark.parametrize("u", [0.1, 1.0, 3.0])
def test_the_residual_error_is_normal_and_truncated_at_the_tolerance(u, rng):
    verify = WriteVerify(pulse=PULSE, tolerance=u * S, max_pulses=1000)
    g = verify.program(np.full(20_000, AIM), rng=rng)
    assert kstest((g - AIM) / S, truncnorm(-u, u).cdf).pvalue > 1e-4
    # Var = s² (1 − 2uφ(u)/(2Φ(u) − 1)).
    expected = S * math.sqrt(1 - 2 * u * norm.pdf(u) / (2 * norm.cdf(u) - 1))
    np.testing.assert_allclose(verify.sigma(np.array([AIM, AIM / 2])), expected, rtol=1e-11)
    assert_mean((g - AIM) / S, 0)
    assert_variance((g - AIM) / S, (expected / S) ** 2, 0)


@pytest.mark.parametrize(("u", "r"), [(0.5, 0.3), (1.5, 1.0), (0.2, 2.0)])
def test_read_noise_sets_a_floor(u, r, rng):
    verify = WriteVerify(pulse=PULSE, tolerance=u * S, read_sigma=r * S, max_pulses=1000)
    g, pulses, _ = verify.program_counted(TARGET, rng=rng)
    # The read is N(0, s² + r²) and accepted within the tolerance; given the read, g keeps s² r²/(s²
    # + r²).
    total = math.hypot(1, r)
    v = u / total
    accepted = 2 * norm.cdf(v) - 1
    read = total**2 * (1 - 2 * v * norm.pdf(v) / accepted)
    expected = read / total**4 + r**2 / total**2
    assert_mean(pulses, 1 / accepted)
    assert_variance((g - AIM) / S, expected, 0)
    np.testing.assert_allclose(verify.sigma(np.array(AIM)), S * math.sqrt(expected), rtol=1e-10)


def test_no_tolerance_takes_the_error_below_the_read_noise():
    tight = WriteVerify(pulse=PULSE, tolerance=1e-9 * S, read_sigma=0.1 * S, max_pulses=10**12)
    # s r/√(s² + r²), close to r where reads are better than pulses, and to s where they are worse.
    np.testing.assert_allclose(tight.sigma(np.array(AIM)), 0.1 * S / math.sqrt(1.01), rtol=1e-8)
    np.testing.assert_allclose(
        replace(tight, read_sigma=100 * S).sigma(np.array(AIM)), S, rtol=1e-4
    )
    # Without read noise a window this narrow leaves a uniform error, tol/√3.
    np.testing.assert_allclose(
        replace(tight, read_sigma=0.0).sigma(np.array(AIM)), 1e-9 * S / math.sqrt(3), rtol=1e-8
    )


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("r", [0.0, 0.5])
def test_cells_that_do_not_converge_are_counted_and_keep_their_last_pulse(most, r, rng):
    verify = WriteVerify(pulse=PULSE, tolerance=S / 3, read_sigma=r * S, max_pulses=most)
    g, pulses, converged = verify.program_counted(TARGET, rng=rng)
    p = 2 * norm.cdf(1 / 3 / math.hypot(1, r)) - 1
    assert_frequency(converged.sum(), CELLS, 1 - (1 - p) ** most)
    assert (pulses[~converged] == most).all()
    assert pulses.min() == 1
    assert_mean(pulses, (1 - (1 - p) ** most) / p)
    if r == 0:
        assert (np.abs(g[~converged] - AIM) >= S / 3).all()
    assert_variance((g - AIM) / S, (verify.sigma(np.array(AIM)) / S) ** 2, 0)


@pytest.mark.parametrize("most", [1, 4, 1000])
@pytest.mark.parametrize(("m", "r"), [(0.4, 0.0), (-1.0, 0.5), (3.0, 0.3)])
def test_pulses_with_a_mean_error_leave_a_part_of_it(m, r, most, rng):
    pulse = TabulatedError(conductances=(1e-6, 1e-4), std=(S, S), mean=(m * S, m * S))
    verify = WriteVerify(pulse=pulse, tolerance=S / 2, read_sigma=r * S, max_pulses=most)
    error = (verify.program(np.full(20_000, AIM), rng=rng) - AIM) / S
    bias, rms = (float(f(np.array(AIM))) / S for f in (verify.bias, verify.sigma))
    assert_mean(error, bias)
    assert_variance(error, rms**2 - bias**2, bias)
    if most == 1:
        assert bias == pytest.approx(m)
    if most == 1000 and r == 0:  # the error is a normal around m, truncated to the tolerance
        expected = truncnorm(-0.5 - m, 0.5 - m, loc=m)
        assert bias == pytest.approx(expected.mean(), rel=1e-9)
        assert rms == pytest.approx(np.sqrt(expected.moment(2)), rel=1e-9)


def test_a_mean_error_far_beyond_the_tolerance_stays():
    pulse = TabulatedError(conductances=(1e-6, 1e-4), std=(S, S), mean=(30 * S, -30 * S))
    verify = WriteVerify(pulse=pulse, tolerance=S / 10)
    ends = np.array([1e-6, 1e-4])
    np.testing.assert_allclose(verify.bias(ends), [30 * S, -30 * S])
    np.testing.assert_allclose(verify.sigma(ends), S * np.sqrt(901))


def test_only_cells_still_off_are_pulsed(rng):
    recorded = Recorded()
    _, pulses, _ = WriteVerify(pulse=recorded, tolerance=S, max_pulses=50).program_counted(
        TARGET[:1000], rng=rng
    )
    assert recorded.sizes == [int((pulses > k).sum()) for k in range(pulses.max())]


def test_a_pulse_without_error_is_accepted_at_once(rng):
    target = np.array([[0.0, 1e-6], [2e-6, 3e-6]])
    g, pulses, converged = WriteVerify(pulse=IdealWrite(), tolerance=1e-9).program_counted(
        target, rng=rng
    )
    np.testing.assert_array_equal(g, target)
    np.testing.assert_array_equal(pulses, 1)
    assert converged.all()
    np.testing.assert_array_equal(WriteVerify(pulse=IdealWrite(), tolerance=1e-9).sigma(target), 0)


def test_incremental_pulses_stop_where_the_curve_enters_the_window(rng):
    target = np.linspace(1e-6, 9e-6, 30)
    tolerance = 2.5e-7
    g, pulses, converged = WriteVerify(pulse=SOFT, tolerance=tolerance).program_counted(
        target, rng=rng
    )
    # Without noise, w_n = 1 − 2 (1 − α)^n from w = −1, α = 0.05: the first n with |g_n − target| <
    # tolerance. A step is at most 0.1 · 4.5 µS = 0.45 µS, less than the window of 0.5 µS, so that
    # none is jumped over.
    n = np.arange(101)
    curve = 1e-6 + 9e-6 * (1 - 0.95**n)
    first = np.array([np.flatnonzero(np.abs(curve - t) < tolerance)[0] for t in target])
    np.testing.assert_array_equal(pulses, first)
    np.testing.assert_allclose(g, curve[first], rtol=1e-12)
    assert converged.all()
    assert pulses[0] == 0  # a new cell is at g_min


def test_incremental_pulses_come_nearer_one_by_one(rng):
    target = np.full(200, 7e-6)
    quiet = replace(SOFT, d2d_step=0.2)
    off = [
        np.abs(
            WriteVerify(pulse=quiet, tolerance=2e-7, max_pulses=m).program(
                target, rng=np.random.default_rng(1)
            )
            - target
        )
        for m in range(1, 100, 3)
    ]
    # The same devices, without noise: no pulse leads away from the target.
    assert (np.diff(off, axis=0) <= 0).all()
    assert (off[0] > 5e-6).all()
    assert (off[-1] < 2e-7).all()
    # With noise the same seed pulses the same cells: who has converged stays so, and ever more
    # have.
    shares = []
    before = np.zeros(200, dtype=bool)
    for m in (5, 10, 20, 40, 80):
        _, pulses, converged = WriteVerify(
            pulse=NOISY, tolerance=3e-7, max_pulses=m
        ).program_counted(target, rng=np.random.default_rng(1))
        assert (converged >= before).all()
        assert (pulses[~converged] == m).all()
        shares.append(converged.mean())
        before = converged
    assert shares[0] < 0.5 < 0.99 < shares[-1]


def test_every_cell_is_pulsed_with_its_own_response():
    pulse = replace(SOFT, d2d_step=0.2, d2d_w_max=0.1)
    target = np.linspace(2e-6, 7e-6, 50)  # none is passed: no step is wider than the window
    g, pulses, _ = WriteVerify(pulse=pulse, tolerance=5e-7).program_counted(
        target, rng=np.random.default_rng(3)
    )
    cells = pulse.init((50,), rng=np.random.default_rng(3))
    np.testing.assert_allclose(
        g, pulse.respond(1e-6, pulses, cells, rng=np.random.default_rng(0)), rtol=1e-12
    )
    assert len(set(pulses)) > 10


def test_incremental_pulses_turn_back_when_they_overshoot(rng):
    # From g_min the first step of 2/3 of the range passes the target of 1/2: w = −1 + 2 · 2/3 =
    # 1/3, then down by α (1 + w) = 8/9.
    coarse = replace(SOFT, step=2 / 3)
    g, pulses, _ = WriteVerify(pulse=coarse, tolerance=1e-6, max_pulses=2).program_counted(
        np.array([5.5e-6]), rng=rng
    )
    np.testing.assert_allclose(g, 1e-6 + 9e-6 * (1 + 1 / 3 - 8 / 9) / 2, rtol=1e-12)
    assert pulses == 2


def test_a_target_that_a_cell_cannot_reach_is_not_converged(rng):
    verify = WriteVerify(pulse=SOFT, tolerance=1e-7, max_pulses=300)
    _, pulses, converged = verify.program_counted(np.array([5e-6, 2e-5]), rng=rng)
    np.testing.assert_array_equal(converged, [True, False])
    assert pulses[1] == 300 > pulses[0]


def test_sigma_of_incremental_pulses_is_the_error_they_leave(rng):
    verify = WriteVerify(pulse=NOISY, tolerance=3e-7, read_sigma=1e-7)
    target = np.array([3e-6, 6e-6])
    error = verify.program(np.tile(target, (20_000, 1)), rng=rng) - target
    # The table's own standard error is 3 % where errors are normal: 5 of them.
    np.testing.assert_allclose(verify.sigma(target), np.sqrt(np.mean(error**2, axis=0)), rtol=0.15)
    np.testing.assert_array_equal(verify.sigma(target), replace(verify).sigma(target))


def test_verified_conductances_have_the_write_noise_of_the_last_pulse(rng):
    # 0.5 steps of 0.05 · 4.5 µS are 0.1125 µS around the state, which is on a grid without other
    # noise.
    verify = WriteVerify(pulse=replace(SOFT, write_noise=0.5), tolerance=1e-5)
    g, pulses, _ = verify.program_counted(np.full(CELLS, 5e-6), rng=rng)
    assert (pulses == 0).all()
    assert_mean(g * 1e6, 1)
    assert_variance(g * 1e6, 0.1125**2, 1)
    for n in (1, 2):  # the next pulse starts from the state, not from the noisy read
        g = replace(verify, tolerance=1e-9, max_pulses=n).program(np.full(CELLS, 9e-6), rng=rng)
        assert_mean(g * 1e6, 1 + 9 * (1 - 0.95**n))
        assert_variance(g * 1e6, 0.1125**2, 1 + 9 * (1 - 0.95**n))
    tight = replace(verify, tolerance=5e-8)
    g, _, converged = tight.program_counted(np.full(2_000, 5e-6), rng=rng)
    assert converged.all()
    assert (np.abs(g - 5e-6) < 5e-8).all()


@settings(max_examples=20)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    pulse=st.sampled_from(
        [PULSE, NOISY, NonlinearPulses(g_min=1e-6, g_max=1e-5, pulses=20, nl_up=2.0, c2c=0.01)]
    ),
    most=st.integers(1, 5),
)
def test_any_shape_of_cells(shape, pulse, most):
    verify = WriteVerify(pulse=pulse, tolerance=1e-7, max_pulses=most)
    target = np.full(shape, 5e-6)
    g, pulses, converged = verify.program_counted(target, rng=np.random.default_rng(0))
    assert g.shape == pulses.shape == converged.shape == shape
    assert ((pulses <= most) & (g >= 0)).all()
    assert (np.abs(g - target)[converged] < 1e-7).all()
    np.testing.assert_array_equal(g, verify.program(target, rng=np.random.default_rng(0)))


BAD = [
    (
        {"tolerance": 0},
        r"WriteVerify\.tolerance = 0 is not allowed; give a finite number in \(0, inf\) S",
    ),
    (
        {"read_sigma": -1},
        r"WriteVerify\.read_sigma = -1 is not allowed; give a finite number in \[0, inf\) S",
    ),
    (
        {"max_pulses": 0},
        r"WriteVerify\.max_pulses = 0 is not allowed; give a whole number of at least 1",
    ),
    ({"max_pulses": 2.0}, r"WriteVerify\.max_pulses = 2\.0 is not allowed"),
    ({"pulse": 0.1}, r"WriteVerify\.pulse = 0\.1 is not a WriteModel or a PulseResponse"),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_bad_verify_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        WriteVerify(**({"pulse": PULSE, "tolerance": 1e-7} | fields))
