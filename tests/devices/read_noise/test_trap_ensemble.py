"""Trap ensembles: averages over chips, moments given the traps, and both against samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy.integrate import quad
from scipy.stats import norm

from devices import FixedTime, LognormalTime, LogUniformTime, TelegraphNoise, TrapEnsemble
from devices.read_noise.trap_ensemble import amplitude_moments
from tests.helpers.statistics import assert_mean, assert_variance

CELLS = 40_000
G = np.full(CELLS, 2e-5)

# τ_c = 3 ms, τ_e = 1 ms: π₁ = 1/4, λ = 4000/3 per second.
TAU_C = 3e-3
TAU_E = 1e-3
P1 = 0.25
RATE = 4000 / 3
TRAP = TelegraphNoise(0.4, TAU_C, TAU_E)


def read(noise, rng, n, period, g=G):
    return noise.sample(g, noise.init(g, rng=rng), n, rng=rng, period=period)[0]


DECADES = LogUniformTime(low=1e-5, high=1e-1)
ENSEMBLES = {
    "poisson product": TrapEnsemble(mean_traps=1.3, tau_capture=DECADES, tau_emission=DECADES),
    "fixed product": TrapEnsemble(
        mean_traps=2, count="fixed", tau_capture=DECADES, tau_emission=FixedTime(1e-3)
    ),
    "poisson additive": TrapEnsemble(
        mean_traps=0.7,
        combine="additive",
        tau_capture=LognormalTime(median=1e-3, sigma=1.5),
        tau_emission=DECADES,
        delta_sat=0.3,
    ),
    "fixed additive": TrapEnsemble(
        mean_traps=2,
        count="fixed",
        combine="additive",
        tau_capture=FixedTime(2e-3),
        tau_emission=FixedTime(1e-3),
        s_delta=0,
    ),
    "often at the bound": TrapEnsemble(
        mean_traps=1, tau_capture=DECADES, tau_emission=DECADES, delta_sat=1, s_delta=1, slope=2
    ),
    "window": TrapEnsemble(mean_traps=1.3, tau_capture=DECADES, tau_emission=DECADES, window=2e-4),
}
ensembles = pytest.mark.parametrize("noise", ENSEMBLES.values(), ids=ENSEMBLES)
MIXED = np.full(CELLS, 1e-5)  # 100 kΩ: half of the saturated amplitude


@ensembles
def test_expected_moments_are_the_mean_over_chips_of_those_given_the_traps(noise, rng):
    traps = noise.init(MIXED, rng=rng)
    mean, variance = noise.moments(MIXED)
    given_mean, given_variance = noise.moments_given(MIXED, traps)
    assert mean.shape == variance.shape == given_mean.shape == given_variance.shape == MIXED.shape
    assert_mean(given_mean, mean[0])
    assert_mean(given_variance, variance[0])
    for lag in (3e-4, 1e-2):
        assert_mean(noise.covariance_given(MIXED, traps, lag), noise.covariance(MIXED, lag)[0])


@ensembles
@pytest.mark.parametrize("period", [2.5e-4, 1e-2])
def test_reads_of_given_traps_have_the_moments_given(noise, period, rng):
    traps = noise.init(MIXED, rng=rng)
    xi, after = noise.sample(MIXED, traps, 3, rng=rng, period=period)
    mean, variance = noise.moments_given(MIXED, traps)
    off = xi - mean
    for read_off in off:
        assert_mean(read_off, 0)
        assert_mean(read_off**2 - variance, 0)
    for k in (1, 2):
        assert_mean(off[0] * off[k] - noise.covariance_given(MIXED, traps, k * period), 0)
    # At short lags the covariance tends to the variance.
    np.testing.assert_array_equal(noise.moments_given(MIXED, after), (mean, variance))
    if not noise.window:
        np.testing.assert_allclose(noise.covariance_given(MIXED, traps, 1e-12), variance, rtol=1e-6)


def test_moments_of_one_cell_follow_from_its_traps_one_by_one(rng):
    noise = ENSEMBLES["poisson product"]
    g = np.array([[1e-5, 1e-7, 1e-3, 3e-5]])
    traps = noise.init(g, rng=rng)
    mean = np.ones(4)
    second = np.ones(4)
    after_lag = np.ones(4)
    for cell, spread, p1, rate in zip(traps.cell, traps.spread, traps.p1, traps.rate, strict=True):
        delta = min(0.5 / (1 + g[0, cell] * 1e5) * spread, 0.95)
        mean[cell] *= 1 - delta * p1
        second[cell] *= 1 - p1 * (2 * delta - delta**2)
        after_lag[cell] *= (1 - delta * p1) ** 2 + delta**2 * p1 * (1 - p1) * np.exp(-rate * 1e-3)
    assert len(traps.cell) > 0
    np.testing.assert_allclose(noise.moments_given(g, traps)[0], [mean], rtol=1e-12)
    np.testing.assert_allclose(
        noise.moments_given(g, traps)[1], [second - mean**2], rtol=1e-9, atol=1e-15
    )
    np.testing.assert_allclose(
        noise.covariance_given(g, traps, 1e-3), [after_lag - mean**2], rtol=1e-9, atol=1e-15
    )


@pytest.mark.parametrize("window", [0.0, 1e-4])
def test_equal_traps_are_telegraph_noise(window):
    fixed = {
        "tau_capture": FixedTime(TAU_C),
        "tau_emission": FixedTime(TAU_E),
        "s_delta": 0.0,
        "window": window,
    }
    ensemble = TrapEnsemble(mean_traps=3, count="fixed", **fixed)
    g = np.array([1e-6, 1e-5, 1e-3])
    for i, delta in enumerate(ensemble.amplitude(g)):
        alike = TelegraphNoise(float(delta), TAU_C, TAU_E, 3, window=window)
        for mine, theirs in zip(ensemble.moments(g), alike.moments(g), strict=True):
            assert mine[i] == pytest.approx(theirs[i], rel=1e-10)
        assert ensemble.covariance(g, 1e-3)[i] == pytest.approx(
            alike.covariance(g, 1e-3)[i], rel=1e-10
        )


def test_log_uniform_times_give_the_variance_in_closed_form():
    noise = TrapEnsemble(
        mean_traps=1.5, tau_capture=DECADES, tau_emission=DECADES, s_delta=0, delta_sat=0.2
    )
    mean, variance = (float(m) for m in noise.moments(np.array(0.0)))
    # x = ln τ_e/τ_c is triangular on ±L, π₁ its logistic function: E π₁ = ½, E π₁π₀ = (2/L)((ln(1 +
    # e^L) − ln 2)/L − ½).
    length = np.log(1e4)
    swing = 2 / length * ((np.log1p(np.exp(length)) - np.log(2)) / length - 0.5)
    static = -2 * 0.2 * 0.5 + 0.04 * (0.5 - swing)  # E (1 − δ π₁)² − 1
    assert mean == pytest.approx(np.exp(-1.5 * 0.2 * 0.5), rel=1e-12)
    expected = np.exp(1.5 * (static + 0.04 * swing)) - np.exp(1.5 * static)
    assert variance == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    "law", [DECADES, LognormalTime(median=1e-3, sigma=1.5), FixedTime(2e-3)], ids=repr
)
def test_drawn_times_have_the_law_of_the_quadrature(law, rng):
    tau, weight = law.nodes()
    assert weight.sum() == pytest.approx(1, rel=1e-12)
    drawn = law.sample(CELLS, rng=rng)
    for power in (1, 2):
        assert_mean(np.log(drawn / 1e-3) ** power, float(weight @ np.log(tau / 1e-3) ** power))
    assert_mean(np.exp(-drawn / 1e-3), float(weight @ np.exp(-tau / 1e-3)))


@pytest.mark.parametrize(
    ("delta_sat", "s_delta"), [(0.5, 0.5), (0.9, 1.0), (0.3, 0.05), (1.0, 0.0)]
)
def test_amplitudes_have_the_moments_of_a_bounded_lognormal(delta_sat, s_delta, rng):
    noise = TrapEnsemble(
        mean_traps=1,
        count="fixed",
        tau_capture=DECADES,
        tau_emission=DECADES,
        delta_sat=delta_sat,
        s_delta=s_delta,
    )
    found = [float(m) for m in amplitude_moments(noise, np.array(1e-6))]
    median = delta_sat / 1.1  # g r_c = 0.1
    expected = [
        quad(
            lambda z, k=k: min(median * np.exp(s_delta * z), 0.95) ** k * norm.pdf(z),
            -9,
            9,
            limit=200,
        )[0]
        for k in (1, 2)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_amplitude_grows_with_resistance_and_saturates():
    noise = ENSEMBLES["poisson product"]
    # Half at r_c; 0.5 % at 1 kΩ, within what metallic filaments show (0.01 to 1 %); δ ∝ R below,
    # constant above.
    np.testing.assert_allclose(
        noise.amplitude(np.array([1e-5, 1e-3])), [0.25, 0.5 / 101], rtol=1e-12
    )
    np.testing.assert_allclose(
        noise.amplitude(np.array([1e-2, 1e-3])) / [5e-4, 5e-3], 1, rtol=0.011
    )
    np.testing.assert_allclose(noise.amplitude(np.array([0.0, 1e-9])), 0.5, rtol=1e-3)


def test_noise_is_additive_at_low_resistance_and_multiplicative_at_high():
    noise = ENSEMBLES["poisson product"]
    g = np.array([1e-1, 1e-5, 1e-9])  # r_c · 1e-4, 1, 1e4
    gamma = noise.exponent(g)
    np.testing.assert_allclose(gamma[[0, 2]], [0, 1], atol=2e-3)
    assert 0.2 < gamma[1] < 0.8
    # ΔG of one trap does not depend on G there.
    delta_g = noise.amplitude(np.array([0.05, 0.1])) * [0.05, 0.1]
    assert delta_g[0] == pytest.approx(delta_g[1], rel=1e-3)


def test_log_uniform_times_make_one_over_f_noise():
    decades = LogUniformTime(low=1e-8, high=1e4)
    noise = TrapEnsemble(
        mean_traps=1, tau_capture=decades, tau_emission=decades, delta_sat=1e-3, s_delta=0
    )
    covariance = [
        float(noise.covariance(np.array(0.0), lag)) for lag in np.geomspace(1e-5, 1e1, 13)
    ]
    # S ∝ 1/f is a covariance that falls linearly with ln lag; the middle six of twelve decades.
    steps = np.diff(covariance)
    np.testing.assert_allclose(steps / steps.mean(), 1, atol=0.02)
    assert steps.mean() < 0


def test_numbers_of_traps_are_poisson_and_cells_without_cost_nothing(rng):
    noise = TrapEnsemble(mean_traps=0.05, tau_capture=DECADES, tau_emission=DECADES)
    traps = noise.init(G, rng=rng)
    counts = np.bincount(traps.cell, minlength=CELLS)
    assert_mean(counts, 0.05)
    assert_variance(counts, 0.05, 0.05)
    assert {x.size for x in traps if isinstance(x, np.ndarray)} == {counts.sum()}
    xi, _ = noise.sample(G, traps, 2, rng=rng, period=1e-3)
    assert (xi[:, counts == 0] == 1).all()
    assert (xi[:, counts > 0] < 1).any()


def test_cells_without_traps_are_read_without_noise(rng):
    noise = TrapEnsemble(mean_traps=0, tau_capture=DECADES, tau_emission=DECADES)
    np.testing.assert_array_equal(noise.moments(G[:3]), [[1, 1, 1], [0, 0, 0]])
    assert (read(noise, rng, 2, 1e-3, g=G[:3]) == 1).all()


def test_traps_are_grouped_by_decade_of_their_rate(rng):
    traps = ENSEMBLES["poisson product"].init(G, rng=rng)
    assert len(traps.groups) >= 4
    for group in traps.groups:
        assert traps.rate[group].max() < 10 * traps.rate[group].min()
    np.testing.assert_array_equal(
        np.concatenate([traps.rate[group] for group in traps.groups]), np.sort(traps.rate)
    )


# Properties of every telegraph noise

ALL = {
    "sparse": (TRAP, 1e-5),
    "dense": (TRAP, 1e-2),
    "window": (TelegraphNoise(0.4, TAU_C, TAU_E, 2, window=1e-3), 2e-3),
    "ensemble": (ENSEMBLES["poisson product"], 1e-4),
    "ensemble, window": (ENSEMBLES["window"], 1e-3),
    "ensemble, additive": (ENSEMBLES["fixed additive"], 1e-4),
}
everything = pytest.mark.parametrize(("noise", "period"), ALL.values(), ids=ALL)


@everything
def test_reads_do_not_depend_on_how_they_are_split_and_leave_the_state_given_alone(noise, period):
    g = np.full((200, 300), 1e-5)
    state = noise.init(g, rng=np.random.default_rng(3))
    one, two = np.random.default_rng(4), np.random.default_rng(4)
    whole, after = noise.sample(g, state, 5, rng=one, period=period)
    first, middle = noise.sample(g, state, 2, rng=two, period=period)
    rest, end = noise.sample(g, middle, 3, rng=two, period=period)
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
    captured = (lambda s: s.captured) if isinstance(noise, TrapEnsemble) else (lambda s: s)
    np.testing.assert_array_equal(captured(after), captured(end))
    assert not np.array_equal(captured(state), captured(after))
    np.testing.assert_array_equal(
        captured(state), captured(noise.init(g, rng=np.random.default_rng(3)))
    )
    other, _ = noise.sample(g, state, 5, rng=np.random.default_rng(5), period=period)
    assert not np.array_equal(other, whole)


@everything
@settings(max_examples=25, deadline=None)
@given(
    shape=array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    n=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_cells_of_any_shape_are_read_within_bounds(noise, period, shape, n, seed):
    rng = np.random.default_rng(seed)
    g = np.full(shape, 1e-5)
    state = noise.init(g, rng=rng)
    xi, after = noise.sample(g, state, n, rng=rng, period=period)
    assert xi.shape == (n, *shape)
    assert (xi <= 1).all()
    assert (xi > 0).all() or getattr(noise, "combine", "") == "additive"
    moments = (*noise.moments(g), *noise.moments_given(g, after), noise.covariance(g, 1.0))
    assert {np.shape(m) for m in moments} == {shape}


def ensemble(**changes):
    return TrapEnsemble(
        **{"mean_traps": 1, "tau_capture": DECADES, "tau_emission": DECADES} | changes
    )


BAD = [
    (
        lambda: TelegraphNoise(0, 1, 1),
        r"TelegraphNoise\.amplitude = 0 is not allowed; give a finite number in \(0, 1\]",
    ),
    (lambda: TelegraphNoise(1.1, 1, 1), r"TelegraphNoise\.amplitude = 1\.1 is not allowed"),
    (
        lambda: TelegraphNoise(0.5, 0, 1),
        r"TelegraphNoise\.tau_capture = 0 is not allowed; .* \(0, inf\) s",
    ),
    (
        lambda: TelegraphNoise(0.5, 1, -1),
        r"TelegraphNoise\.tau_emission = -1 is not allowed; .* \(0, inf\) s",
    ),
    (
        lambda: TelegraphNoise(0.5, 1, 1, 0),
        r"TelegraphNoise\.traps = 0 is not allowed; give a whole number of at least 1",
    ),
    (lambda: TelegraphNoise(0.5, 1, 1, 1.5), r"TelegraphNoise\.traps = 1\.5 is not allowed"),
    (
        lambda: TelegraphNoise(0.5, 1, 1, window=-1),
        r"TelegraphNoise\.window = -1 is not allowed; .* \[0, inf\) s",
    ),
    (lambda: FixedTime(0), r"FixedTime\.value = 0 is not allowed; .* \(0, inf\) s"),
    (
        lambda: LogUniformTime(low=0, high=1),
        r"LogUniformTime\.low = 0 is not allowed; .* \(0, inf\) s",
    ),
    (
        lambda: LogUniformTime(low=1, high=1),
        r"LogUniformTime\.high = 1 is not allowed; .* \(1, inf\) s",
    ),
    (
        lambda: LognormalTime(median=0, sigma=1),
        r"LognormalTime\.median = 0 is not allowed; .* \(0, inf\) s",
    ),
    (lambda: LognormalTime(median=1, sigma=0), r"LognormalTime\.sigma = 0 is not allowed"),
    (lambda: ensemble(mean_traps=-1), r"TrapEnsemble\.mean_traps = -1 is not allowed"),
    (
        lambda: ensemble(mean_traps=1.5, count="fixed"),
        r"TrapEnsemble\.mean_traps = 1\.5 .* whole number of at least 0",
    ),
    (
        lambda: ensemble(count="poison"),
        r"unknown TrapEnsemble\.count 'poison'; did you mean 'poisson'\?",
    ),
    (
        lambda: ensemble(combine="sum"),
        r"unknown TrapEnsemble\.combine 'sum'. Known: product, additive",
    ),
    (
        lambda: ensemble(tau_capture=1e-3),
        r"TrapEnsemble\.tau_capture = 0\.001 is not a TimeLaw; give one, as FixedTime",
    ),
    (
        lambda: ensemble(tau_emission="fast"),
        r"TrapEnsemble\.tau_emission = 'fast' is not a TimeLaw",
    ),
    (lambda: ensemble(delta_sat=0), r"TrapEnsemble\.delta_sat = 0 is not allowed; .* \(0, 1\]"),
    (lambda: ensemble(r_c=0), r"TrapEnsemble\.r_c = 0 is not allowed; .* \(0, inf\) Ω"),
    (lambda: ensemble(slope=-1), r"TrapEnsemble\.slope = -1 is not allowed"),
    (lambda: ensemble(s_delta=-1), r"TrapEnsemble\.s_delta = -1 is not allowed"),
    (lambda: ensemble(window=-1), r"TrapEnsemble\.window = -1 is not allowed; .* \[0, inf\) s"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_traps_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
