"""Read noise of traces is taken apart into white noise, 1/f noise and telegraph steps."""

import numpy as np
import pytest

from devices import (
    FixedTime,
    FlickerNoise,
    GaussianNoise,
    NoNoise,
    ProductNoise,
    TabulatedFlicker,
    TabulatedNoise,
    TelegraphNoise,
    TrapEnsemble,
    fit_read_noise,
)
from tests.helpers.hidden_chain import trace

PERIOD = 1 / 400
N = 20_000
FLICKER = FlickerNoise(q=0.002, f_low=1 / (N * PERIOD), f_high=0.5 / PERIOD)
TRAP = TelegraphNoise(0.02, 0.1, 0.15)


def traces(noise, conductances, sigma=3e-7, n=N):
    return np.stack(
        [
            trace(noise, n, period=PERIOD, sigma=sigma, g=g, rng=k)
            for k, g in enumerate(conductances)
        ]
    )


def test_the_parts_of_one_cell_are_found_again():
    fit = fit_read_noise(traces(ProductNoise(FLICKER, TRAP), [1e-4]), PERIOD)
    flicker, telegraph = fit.model.factors
    assert flicker.q == pytest.approx(0.002, rel=0.15)
    assert (flicker.f_low, flicker.f_high) == (FLICKER.f_low, FLICKER.f_high)
    assert telegraph.amplitude == pytest.approx(0.02, rel=0.03)
    assert telegraph.tau_capture == pytest.approx(0.1, rel=0.3)
    white = fit.estimates["white"]
    assert white.value == pytest.approx(3e-7, rel=0.1)
    assert white.unit == "S"
    # Data over model scatter as the average of about 17 segments does.
    assert fit.residuals.mean() == pytest.approx(0, abs=0.1)
    assert fit.residuals.std() == pytest.approx(1 / np.sqrt(17), rel=0.3)
    assert fit.counts["traps"] == 1


def test_the_model_makes_the_noise_that_was_fitted():
    fit = fit_read_noise(traces(FLICKER, [1e-4] * 3, sigma=1e-7), PERIOD, telegraph=False)
    again = fit_read_noise(traces(fit.model, [1e-4] * 3, sigma=1e-7), PERIOD, telegraph=False)
    first, second = fit.estimates["q"], again.estimates["q"]
    assert abs(second.value - first.value) < 5 * np.hypot(first.error, second.error)


def test_gamma_and_the_table_follow_the_conductance():
    conductances = np.repeat([1e-5, 3e-5, 1e-4, 3e-4], 3)
    # σ_G ∝ g^0.5: the relative size falls as the square root.
    rows = [
        trace(
            FlickerNoise(q=0.02 * (g / 1e-5) ** -0.5, f_low=FLICKER.f_low, f_high=FLICKER.f_high),
            N,
            period=PERIOD,
            sigma=1e-9,
            g=g,
            rng=k,
        )
        for k, g in enumerate(conductances)
    ]
    fit = fit_read_noise(np.stack(rows), PERIOD, telegraph=False)
    gamma = fit.estimates["gamma"]
    assert abs(gamma.value - 0.5) < 4 * gamma.error
    assert 0 < gamma.error < 0.1
    assert isinstance(fit.model.q, TabulatedFlicker)
    assert len(fit.model.q.conductances) == 4
    np.testing.assert_allclose(
        fit.model.q.size, 0.02 * np.array([1, 3, 10, 30.0]) ** -0.5, rtol=0.15
    )


def test_white_noise_is_the_instruments_unless_the_caller_says_otherwise():
    g = traces(NoNoise(), [1e-4], sigma=5e-7)
    default = fit_read_noise(g, PERIOD, telegraph=False)
    assert default.model == NoNoise()
    assert any("taken for that of the instrument" in note for note in default.notes)
    cell = fit_read_noise(g, PERIOD, instrument=0.0, telegraph=False)
    assert isinstance(cell.model, GaussianNoise)
    assert cell.model.sigma == pytest.approx(5e-3, rel=0.03)
    part = fit_read_noise(g, PERIOD, instrument=3e-7, telegraph=False)
    assert part.model.sigma == pytest.approx(4e-3, rel=0.05)
    more = fit_read_noise(g, PERIOD, instrument=1e-6, telegraph=False)
    assert more.model == NoNoise()
    assert any("1 cells have less than the instrument's 1e-06 S" in note for note in more.notes)


def test_white_noise_of_cells_that_differ_is_a_table():
    g = traces(GaussianNoise(0.01), [1e-5, 1e-4], sigma=0.0)
    model = fit_read_noise(g, PERIOD, instrument=0, telegraph=False).model
    assert isinstance(model, TabulatedNoise)
    np.testing.assert_allclose(model.sigma, [1e-7, 1e-6], rtol=0.05)


def test_traps_of_several_cells_are_an_ensemble():
    g = np.concatenate(
        [
            traces(TRAP, [1e-4]),
            traces(TelegraphNoise(0.01, 0.2, 0.1), [1e-4]),
            traces(NoNoise(), [1e-4]),
        ]
    )
    fit = fit_read_noise(g, PERIOD)
    model = fit.model
    assert isinstance(model, TrapEnsemble)
    assert model.mean_traps == pytest.approx(2 / 3)
    assert model.delta_sat / 2 == pytest.approx(np.sqrt(0.02 * 0.01), rel=0.05)
    assert model.amplitude(np.array([1e-6, 1e-4])) == pytest.approx(model.delta_sat / 2)
    assert any("2 traps were found in 2 of 3 cells" in note for note in fit.notes)
    assert any("too few for the laws" in note for note in fit.notes)


def test_one_trap_among_cells_has_fixed_times():
    g = np.concatenate([traces(TRAP, [1e-4]), traces(NoNoise(), [1e-4])])
    model = fit_read_noise(g, PERIOD).model
    assert isinstance(model.tau_capture, FixedTime)
    assert model.s_delta == 0


def test_the_correlation_time_of_a_trap_is_that_of_its_law():
    fit = fit_read_noise(traces(TRAP, [1e-4], n=100_000), PERIOD, telegraph=False)
    assert fit.estimates["correlation_time"].value == pytest.approx(1 / TRAP.rate, rel=0.1)


def test_bursts_and_what_is_not_normal_are_noted():
    random = np.random.default_rng(0)
    sigma = np.where(np.arange(N) // 2000 == 4, 3e-6, 3e-7)
    fit = fit_read_noise(1e-4 + sigma * random.standard_normal(N), PERIOD, telegraph=False)
    assert fit.burst_factors[0] == pytest.approx(100, rel=0.5)
    assert any("comes in bursts" in note for note in fit.notes)
    assert any("not normal" in note for note in fit.notes)
    quiet = fit_read_noise(1e-4 + 3e-7 * random.standard_normal(N), PERIOD, telegraph=False)
    assert not any("bursts" in note for note in quiet.notes)
    np.testing.assert_allclose(quiet.quantiles[0], quiet.normal_quantiles, atol=0.06)


def test_missing_reads_are_counted_and_noted():
    g = traces(FLICKER, [1e-4])
    g[0, ::10] = np.nan
    fit = fit_read_noise(g, PERIOD, telegraph=False)
    assert fit.counts["missing"] == 2000
    assert fit.estimates["q"].value == pytest.approx(0.002, rel=0.15)
    assert any("2000 missing reads were interpolated" in note for note in fit.notes)


def test_scaled_traces_have_the_same_relative_noise():
    g = traces(FLICKER, [1e-4])
    one, ten = (fit_read_noise(f * g, PERIOD, telegraph=False) for f in (1, 10))
    assert ten.model.q == pytest.approx(one.model.q, rel=1e-6)
    assert ten.estimates["white"].value == pytest.approx(10 * one.estimates["white"].value)
    assert ten.cells[0].slope.value == pytest.approx(one.cells[0].slope.value, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"period": 0}, "period = 0 is not allowed"),
        ({"instrument": -1e-7}, "instrument = -1e-07 is not allowed"),
        ({"window": 0}, "window = 0 is not allowed"),
        ({"telegraph": 1}, "telegraph = 1 is not allowed; give True or False"),
        ({"band": 3.0}, "band = 3.0 is not allowed; give two frequencies"),
        ({"band": (10.0, 5.0)}, r"band\[1\] = 5.0 is not allowed"),
        ({"band": (0.01, 0.02)}, "holds 0 frequencies of the spectrum, which reaches from"),
        ({"g": np.full((2, 1000), 1e-5)}, "trace 0 of g is constant at 1e-05 S"),
        ({"g": np.ones((1, 100)) * 1e-5}, "trace 0 of g has 100 known reads, too few"),
        ({"g": np.ones((1, 300)) * 50.0}, "are the values in µS"),
        ({"g": np.ones((1, 1, 300)) * 1e-5}, r"g has shape \(1, 1, 300\); give \(cells, reads\)"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    arguments = {"g": traces(NoNoise(), [1e-4], n=1000), "period": PERIOD} | change
    with pytest.raises(ValueError, match=message):
        fit_read_noise(**arguments)


def test_white_noise_that_grows_with_conductance_is_not_the_instruments():
    g = np.array([1e-5, 2e-5, 4e-5])[:, None]
    rng = np.random.default_rng(0)
    fit = fit_read_noise(g * (1 + 0.1 * rng.normal(size=(3, 2000))), 1e-2, telegraph=False)
    assert any("It grows as G^" in note for note in fit.notes)
    assert any("of 3 have such noise" in note for note in fit.notes)
    alike = fit_read_noise(g + 1e-6 * rng.normal(size=(3, 2000)), 1e-2, telegraph=False)
    assert not any("It grows" in note for note in alike.notes)


def test_a_reversed_cell_is_named():
    g = np.array([1e-5, 2e-5, -1e-5])[:, None] * (
        1 + 0.1 * np.random.default_rng(0).normal(size=(3, 300))
    )
    with pytest.raises(ValueError, match="trace 2 of g has a median of -.*polarity reversed"):
        fit_read_noise(g, 1e-2)


def test_cells_and_their_traps_are_told_by_name():
    several = traces(TRAP, [1e-4, 2e-4], n=8000)
    fit = fit_read_noise(several, PERIOD, names=["left", "right"])
    assert fit.names == ("left", "right")
    told = [n for n in fit.notes if n.startswith(("Cell left: a trap", "Cell right: a trap"))]
    assert len(told) == 2
    assert all("ΔG/G = 2 %" in n or "ΔG/G = 2.0" in n or "ΔG/G = 1.99" in n for n in told)
    estimates = fit.estimates
    assert estimates["traps_per_cell"].value == 1
    for name, truth in (("amplitude", 0.02), ("tau_capture", 0.1), ("tau_emission", 0.15)):
        own = [getattr(c.telegraph.model, name) for c in fit.cells]
        assert estimates[name].value == pytest.approx(np.sqrt(np.prod(own)))
        assert own[0] != own[1]
        assert estimates[name].value == pytest.approx(truth, rel=0.3)
    one = fit_read_noise(several[:1], PERIOD)
    assert one.estimates["tau_capture"] == one.cells[0].telegraph.estimates["tau_capture"]
    assert "traps_per_cell" not in one.estimates


@pytest.mark.parametrize("names", [["left"], "ab", ["a", "b", "c"]])
def test_names_are_one_for_each_cell(names):
    several = np.random.default_rng(0).normal(1e-4, 1e-6, (2, 300))
    with pytest.raises(ValueError, match="names = .*; give one (text )?for each cell"):
        fit_read_noise(several, PERIOD, names=names)


def test_messages_name_the_cell():
    several = np.random.default_rng(0).normal(1e-4, 1e-6, (2, 300))
    several[1] = 5e-5
    with pytest.raises(ValueError, match="trace right of g is constant at 5e-05 S"):
        fit_read_noise(several, PERIOD, names=["left", "right"])
