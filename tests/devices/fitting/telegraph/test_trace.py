"""Fits of telegraph noise find known traps again, with honest errors, and refuse what is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import FlickerNoise, NoNoise, ProductNoise, TelegraphNoise, fit_telegraph
from tests.helpers.hidden_chain import trace

PERIOD = 1 / 400
ONE = TelegraphNoise(0.01, 0.3, 0.2)
TRUTH = {"g": 1e-4, "amplitude": 0.01, "tau_capture": 0.3, "tau_emission": 0.2, "sigma": 3e-7}


def one_trap(seed, n=10_000, sigma=3e-7, period=PERIOD):
    return trace(ONE, n, period=period, sigma=sigma, rng=seed)


@pytest.mark.parametrize(("period", "sigma"), [(PERIOD, 3e-7), (0.05, 3e-7), (PERIOD, 1e-6)])
def test_a_trap_is_found_without_bias_and_intervals_cover(period, sigma):
    fits = [fit_telegraph(one_trap(k, 4000, sigma, period), period) for k in range(16)]
    assert all(fit.kind == "2 levels" for fit in fits)
    for name, true in (TRUTH | {"sigma": sigma}).items():
        found = [fit.estimates[name] for fit in fits]
        inside = [low <= true <= high for low, high in (one.interval() for one in found)]
        # Of 16 intervals 15.2 hold the truth on average; fewer than 12 do in 1 of 1,000 studies.
        assert sum(inside) >= 12, name
        z = np.array([np.log(e.value / true) * e.value / e.error for e in found])
        assert abs(z.mean()) < 4 / np.sqrt(len(z)), name
        assert 0.5 < z.std() < 1.6, name


def test_the_model_has_the_fitted_numbers_and_the_higher_level_is_the_empty_trap():
    fit = fit_telegraph(one_trap(0), PERIOD)
    values = {name: one.value for name, one in fit.estimates.items()}
    assert fit.model == TelegraphNoise(
        values["amplitude"], values["tau_capture"], values["tau_emission"]
    )
    assert fit.levels[0] == pytest.approx(1e-4, rel=1e-3)
    assert fit.levels[1] == pytest.approx(0.99e-4, rel=1e-3)
    np.testing.assert_allclose(
        fit.rates,
        [
            [-1 / values["tau_capture"], 1 / values["tau_capture"]],
            [1 / values["tau_emission"], -1 / values["tau_emission"]],
        ],
        rtol=1e-6,
    )
    assert fit.notes == ()


def test_states_dwells_and_residuals_belong_together():
    fit = fit_telegraph(one_trap(1), PERIOD)
    np.testing.assert_allclose(
        fit.residuals + fit.levels[fit.states], one_trap(1), rtol=1e-12, atol=0
    )
    assert np.std(fit.residuals) == pytest.approx(fit.sigma, rel=0.02)
    assert sum(map(len, fit.dwells)) == fit.transitions - 1
    assert fit.dwells[0].mean() == pytest.approx(0.3, rel=0.5)
    assert all(test.p_value > 1e-3 or np.isnan(test.p_value) for test in fit.dwell_tests)


def test_dwells_shorter_than_the_period_are_counted():
    fast = TelegraphNoise(0.01, 0.004, 0.003)
    fit = fit_telegraph(trace(fast, 20_000, period=PERIOD, sigma=2e-7, rng=0), PERIOD)
    for name, true in (("tau_capture", 0.004), ("tau_emission", 0.003)):
        one = fit.estimates[name]
        assert abs(one.value - true) < 4 * one.error
        # The mean run of equal reads is longer: the chain of reads does not see all transitions.
        assert fit.dwells[0].mean() > 0.005
    assert any("below 2 periods" in note for note in fit.notes)


def test_two_equal_traps_and_two_different_ones_are_told_apart():
    twins = trace(TelegraphNoise(0.01, 0.3, 0.2, 2), 20_000, period=PERIOD, sigma=3e-7, rng=0)
    fit = fit_telegraph(twins, PERIOD)
    assert fit.kind == "3 levels, two equal traps"
    assert fit.model.traps == 2
    assert len(fit.levels) == 3
    for name, true in (("amplitude", 0.01), ("tau_capture", 0.3), ("tau_emission", 0.2)):
        assert abs(fit.estimates[name].value - true) < 4 * fit.estimates[name].error
    noise = ProductNoise(TelegraphNoise(0.02, 0.3, 0.2), TelegraphNoise(0.01, 1.0, 0.5))
    fit = fit_telegraph(trace(noise, 20_000, period=PERIOD, sigma=3e-7, rng=0), PERIOD)
    assert fit.kind == "4 levels, two traps"
    assert isinstance(fit.model, ProductNoise)
    for k, true in enumerate(noise.factors, 1):
        for name in ("amplitude", "tau_capture", "tau_emission"):
            one = fit.estimates[f"{name}_{k}"]
            assert abs(one.value - getattr(true, name)) < 4 * one.error, name
    assert len(fit.levels) == 4
    assert (np.diff(fit.levels) < 0).all()


def test_levels_that_are_no_independent_traps_are_said_to_be_none():
    # A second trap that is captured only while the first one is: its level follows the middle one.
    random = np.random.default_rng(0)
    p = np.array([[0.98, 0.02, 0], [0.01, 0.96, 0.03], [0, 0.05, 0.95]])
    states = [0]
    for u in random.random(20_000):
        states.append(int(np.searchsorted(np.cumsum(p[states[-1]]), u)))
    g = np.array([1e-4, 0.98e-4, 0.92e-4])[states] + 3e-7 * random.standard_normal(len(states))
    fit = fit_telegraph(g, PERIOD)
    assert fit.kind == "3 levels"
    np.testing.assert_allclose(fit.levels, [1e-4, 0.98e-4, 0.92e-4], rtol=1e-3)
    assert isinstance(fit.model, (TelegraphNoise, ProductNoise))
    assert any("do not switch as independent traps" in note for note in fit.notes)
    one = fit.estimates["dwell_0"]
    true = PERIOD / 0.02
    assert abs(one.value - true) < 4 * one.error + 0.05 * true


def test_white_noise_has_one_level():
    random = np.random.default_rng(0)
    kinds = [
        fit_telegraph(1e-4 + 1e-6 * random.standard_normal(2000), 0.01).kind for _ in range(40)
    ]
    assert kinds.count("1 level") >= 38


@pytest.mark.parametrize("seed", range(3))
def test_slow_wander_is_no_telegraph_noise(seed):
    random = np.random.default_rng(seed)
    white = 3e-7 * random.standard_normal(20_000)
    flicker = FlickerNoise(q=0.003, f_low=1e-3, f_high=200.0)
    wanders = {
        "1/f": trace(flicker, 20_000, period=PERIOD, sigma=3e-7, rng=seed),
        "drift": 1e-4 + 3e-6 * np.linspace(0, 1, 20_000) + white,
        "walk": 1e-4 + 2e-8 * np.cumsum(random.standard_normal(20_000)) + white,
    }
    for name, g in wanders.items():
        fit = fit_telegraph(g, PERIOD)
        assert fit.kind == "1 level", name
        assert fit.model == NoNoise()
        assert any("correlated" in note for note in fit.notes), name


def test_a_trap_on_a_wandering_background_is_found():
    noise = ProductNoise(ONE, FlickerNoise(q=0.0007, f_low=1e-3, f_high=200.0))
    fit = fit_telegraph(trace(noise, 40_000, period=PERIOD, sigma=2e-7, rng=0), PERIOD)
    assert fit.kind == "2 levels"
    assert fit.estimates["amplitude"].value == pytest.approx(0.01, rel=0.05)
    assert fit.estimates["tau_capture"].value == pytest.approx(0.3, rel=0.4)
    assert any("background" in note or "correlated" in note for note in fit.notes)


def test_a_single_step_is_no_telegraph_noise():
    random = np.random.default_rng(0)
    g = np.where(np.arange(4000) < 2500, 1e-4, 0.98e-4) + 3e-7 * random.standard_normal(4000)
    fit = fit_telegraph(g, PERIOD)
    assert fit.kind == "1 level"
    assert any("that is a step or a read that is far off" in note for note in fit.notes)


def test_missing_reads_lose_information_but_do_not_bias():
    g = one_trap(3, 20_000)
    g[np.random.default_rng(0).random(20_000) < 0.4] = np.nan
    g[5000:6000] = np.nan
    fit = fit_telegraph(g, PERIOD)
    assert fit.counts["missing"] == np.isnan(g).sum()
    for name, true in TRUTH.items():
        assert abs(fit.estimates[name].value - true) < 4 * fit.estimates[name].error, name


def test_what_a_short_or_noisy_trace_does_not_tell_is_noted():
    short = fit_telegraph(one_trap(0, 800), PERIOD, levels=2)
    assert any("shorter than ten dwell times" in note for note in short.notes)
    noisy = fit_telegraph(one_trap(0, 20_000, sigma=1.5e-6), PERIOD)
    assert any("below the noise of one read" in note for note in noisy.notes)


def test_reads_without_white_noise_keep_their_levels_and_are_noted():
    g = trace(ONE, 10_000, period=PERIOD, sigma=0.0, rng=0)
    fit = fit_telegraph(g, PERIOD)
    np.testing.assert_allclose(fit.levels, [1e-4, 0.99e-4], rtol=1e-9)
    assert abs(fit.estimates["tau_capture"].value - 0.3) < 4 * fit.estimates["tau_capture"].error
    assert any("take only 2 different values" in note for note in fit.notes)
    assert any("do not scatter around their levels" in note for note in fit.notes)


def test_a_level_below_zero_has_an_amplitude_of_one():
    g = trace(TelegraphNoise(1.0, 0.3, 0.2), 10_000, period=PERIOD, sigma=2e-7, g=1e-6, rng=0)
    fit = fit_telegraph(g - 2e-8, PERIOD)
    assert fit.model.amplitude == 1
    assert any("A level lies below 0 S" in note for note in fit.notes)
    with pytest.raises(ValueError, match="trace has a median of -.*polarity reversed"):
        fit_telegraph(g - 2e-6, PERIOD, levels=2)


def test_levels_that_are_never_entered_are_refused():
    with pytest.raises(ValueError, match="levels = 4: one of the levels is never entered"):
        fit_telegraph(one_trap(0, 2000), PERIOD, levels=4)


def test_dwells_that_are_not_exponential_are_noted():
    random = np.random.default_rng(0)
    states = np.repeat(np.arange(400) % 2, random.integers(40, 60, 400))
    g = np.where(states, 0.99e-4, 1e-4) + 2e-7 * random.standard_normal(len(states))
    fit = fit_telegraph(g, PERIOD)
    assert fit.dwell_tests[0].p_value < 0.01
    assert any("are not exponential" in note for note in fit.notes)


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_a_scaled_trace_has_scaled_levels_and_the_same_times(scale, seed):
    g = one_trap(seed, 3000) * 1e-2
    first, second = fit_telegraph(g, PERIOD, levels=2), fit_telegraph(scale * g, PERIOD, levels=2)
    np.testing.assert_allclose(second.levels, scale * first.levels, rtol=1e-6)
    np.testing.assert_allclose(second.rates, first.rates, rtol=1e-2)
    assert second.sigma == pytest.approx(scale * first.sigma, rel=1e-4)


def test_a_reversed_trace_has_the_same_levels_and_times():
    g = one_trap(2)
    first, second = fit_telegraph(g, PERIOD), fit_telegraph(g[::-1], PERIOD)
    np.testing.assert_allclose(second.levels, first.levels, rtol=1e-6)
    for name in ("tau_capture", "tau_emission"):
        # The state of the first read tells nothing of the times, that of the last one does.
        one = first.estimates[name]
        assert abs(second.estimates[name].value - one.value) < 0.3 * one.error


def test_another_period_scales_the_times():
    g = one_trap(2)
    first, second = fit_telegraph(g, PERIOD), fit_telegraph(g, 10 * PERIOD)
    np.testing.assert_allclose(10 * second.rates, first.rates, rtol=1e-9)


def test_a_wanted_number_of_levels_is_kept():
    fit = fit_telegraph(one_trap(0), PERIOD, levels=1)
    assert fit.kind == "1 level"
    flicker = FlickerNoise(q=0.003, f_low=1e-3, f_high=200.0)
    wander = trace(flicker, 5000, period=PERIOD, sigma=3e-7, rng=0)
    fit = fit_telegraph(wander, PERIOD, levels=2)
    assert fit.kind == "2 levels"
    assert any("One level explains the trace better" in note for note in fit.notes)


def test_a_trap_faster_than_the_reads_is_refused():
    fast = TelegraphNoise(0.05, 1e-4, 1e-4)
    g = trace(fast, 5000, period=PERIOD, sigma=2e-7, rng=0)
    with pytest.raises(ValueError, match=r"levels = 2: .* faster than the period of 0.0025 s"):
        fit_telegraph(g, PERIOD, levels=2)
    fit = fit_telegraph(g, PERIOD)
    assert fit.kind == "1 level"
    assert any("faster than the period" in note for note in fit.notes)


@pytest.mark.parametrize(
    ("g", "period", "options", "message"),
    [
        (np.full(100, 1e-5), 0.01, {}, "trace is constant at 1e-05 S"),
        (one_trap(0, 49), 0.01, {}, "trace has 49 known reads, too few .* give at least 50"),
        (one_trap(0, 100), 0.0, {}, r"period = 0.0 is not allowed; give a finite number in \(0"),
        (one_trap(0, 100), -1, {}, "period = -1 is not allowed"),
        (one_trap(0, 100), 0.01, {"levels": 5}, "levels = 5 is not allowed; give 1, 2, 3 or 4"),
        (one_trap(0, 100), 0.01, {"levels": 0}, "levels = 0 is not allowed"),
        (one_trap(0, 100) * 1e6, 0.01, {}, "are the values in µS"),
        (one_trap(0, 100)[None], 0.01, {}, r"trace has shape \(1, 100\); give 1 dimensions"),
        (np.full(100, np.nan), 0.01, {}, "holds no finite value"),
        (np.append(one_trap(0, 100), np.inf), 0.01, {}, "trace holds 1 infinite values"),
    ],
)
def test_what_cannot_be_fitted_is_refused(g, period, options, message):
    with pytest.raises(ValueError, match=message):
        fit_telegraph(g, period, **options)


# With noise of one width, the first trace has a third level that switches within a read.
@pytest.mark.parametrize(("seed", "of_one_width"), [(0, "3 levels"), (1, "2 levels")])
def test_noise_that_is_proportional_to_the_conductance_makes_no_levels(seed, of_one_width):
    trap = TelegraphNoise(0.16, 0.025, 0.014)
    clean = trace(trap, 10_000, period=1e-3, sigma=0, rng=seed)
    reads = clean * np.random.default_rng(seed).normal(1, 0.01, clean.size)
    fit = fit_telegraph(reads, 1e-3)
    bic = dict(fit.bic)
    assert fit.kind == "2 levels"
    assert bic.pop("2 levels, proportional noise") < min(bic.values()) - 10
    assert min(bic, key=bic.get) == of_one_width
    truth = {"g": 1e-4, "amplitude": 0.16, "tau_capture": 0.025, "tau_emission": 0.014}
    for name, true in (truth | {"sigma": 1e-6}).items():
        assert abs(fit.estimates[name].value - true) < 3 * fit.estimates[name].error, name
    assert fit.sigma == fit.estimates["sigma"].value
    np.testing.assert_allclose(fit.levels, [1e-4, 0.84e-4], rtol=1e-3)
    np.testing.assert_array_equal(fit.residuals, reads - fit.levels[fit.states])
    share = (
        f"proportional to the conductance, {100 * fit.sigma / fit.levels[0]:.3g} % of each level"
    )
    assert share in fit.notes[0]


def test_a_small_trap_beside_a_large_one_is_not_lost_to_proportional_noise():
    # Two levels with proportional noise explain these reads better than four with noise of one
    # width, but the small trap would then be taken for a background with memory.
    traps = TelegraphNoise(0.5, 0.02, 0.03), TelegraphNoise(0.05, 0.05, 0.04)
    clean = trace(ProductNoise(*traps), 6000, period=1e-3, sigma=0, rng=0)
    fit = fit_telegraph(clean * np.random.default_rng(0).normal(1, 0.02, clean.size), 1e-3)
    assert fit.kind == "4 levels, two traps"
    amplitudes = [fit.estimates[f"amplitude_{k}"].value for k in (1, 2)]
    np.testing.assert_allclose(amplitudes, [0.5, 0.05], rtol=0.05)
