"""Fits of temperature laws: which law is chosen, coverage, refusals."""

import numpy as np
import pytest
from scipy import stats

import devices
from devices import fit_temperature
from tests.helpers.coverage import assert_covered

T = np.array([250.0, 275.0, 300.0, 325.0, 350.0, 375.0, 400.0])
METALLIC = devices.MetallicTemperature(alpha=2e-3)
ACTIVATED = devices.ActivatedTemperature(activation_energy_ev=0.05)
MIXED = devices.MixedTemperature(
    lrs=METALLIC,
    hrs=devices.ActivatedTemperature(activation_energy_ev=0.1),
    g_lrs=1e-4,
    g_hrs=1e-6,
)
TRUE = {
    METALLIC: {"alpha": 2e-3},
    ACTIVATED: {"activation_energy_ev": 0.05},
    MIXED: {"alpha": 2e-3, "activation_energy_ev": 0.1, "g_lrs": 1e-4, "g_hrs": 1e-6},
}
NOISE = 0.02


def measured(law, rng, cells=60):
    """Return noisy conductances of cells that span four decades, with a tenth missing."""
    own = np.exp(rng.uniform(np.log(1e-7), np.log(1e-3), cells))
    g = np.array([own * law.factor(own, t) for t in T])
    g *= np.exp(NOISE * rng.standard_normal(g.shape))
    g[rng.random(g.shape) < 0.1] = np.nan
    return g


@pytest.mark.parametrize("law", TRUE, ids=lambda law: type(law).__name__)
def test_a_known_law_is_found_again_with_honest_errors(law):
    fits = [fit_temperature(measured(law, np.random.default_rng(k)), T) for k in range(20)]
    assert all(type(fit.model) is type(law) for fit in fits)
    assert_covered(fits, TRUE[law] | {"noise": NOISE})
    assert fits[0].scores[type(law).__name__] == 0
    assert min(score for score in fits[0].scores.values() if score) > 6
    assert fits[0].counts["missing"] == np.isnan(fits[0].residuals).sum()


def test_the_energy_is_the_slope_of_an_arrhenius_line(rng):
    g = 1e-5 * ACTIVATED.factor(np.full(7, 1e-5), T) * np.exp(NOISE * rng.standard_normal(7))
    # The laws differ by less than this noise, so that the same data are asked for one of them.
    line = stats.linregress(1 / T, np.log(g))
    cells = np.tile(g[:, None], 2)
    cells[:, 1] *= 1.01
    fit = fit_temperature(cells, T)
    law = fit.model
    assert isinstance(law, devices.ActivatedTemperature)
    assert law.activation_energy_ev == pytest.approx(-line.slope * 8.617333262e-5, rel=1e-5)
    assert any("2 cells are too few to see how they differ" in note for note in fit.notes)


def test_cells_without_dependence_have_no_law(rng):
    fit = fit_temperature(measured(devices.NoTemperature(), rng), T)
    assert fit.model == devices.NoTemperature()
    assert set(fit.estimates) == {"noise"}


def test_the_standard_error_allows_for_cells_that_differ():
    # Every cell has its own alpha: the error is the spread over √cells, whatever the noise.
    def fit(seed):
        rng = np.random.default_rng(seed)
        own = np.exp(rng.uniform(np.log(1e-6), np.log(1e-4), 40))
        alpha = 2e-3 + 5e-4 * rng.standard_normal(40)
        g = own / (1 + alpha * (T[:, None] - 300)) * np.exp(1e-3 * rng.standard_normal((7, 40)))
        return fit_temperature(g, T)

    fits = [fit(seed) for seed in range(20)]
    assert all(isinstance(f.model, devices.MetallicTemperature) for f in fits)
    assert_covered(fits, {"alpha": 2e-3}, bias=3.0)
    assert fits[0].estimates["alpha"].error == pytest.approx(5e-4 / np.sqrt(40), rel=0.4)


def test_two_temperatures_do_not_tell_the_laws_apart(rng):
    g = measured(METALLIC, rng)[[0, -1]]
    fit = fit_temperature(g, T[[0, -1]])
    assert isinstance(fit.model, devices.MetallicTemperature)
    assert any("There are two temperatures" in note for note in fit.notes)


def test_cells_read_at_one_temperature_are_counted_and_left_out(rng):
    g = measured(METALLIC, rng)
    g[1:, 0] = np.nan
    g[0, 0] = 1e-5
    g[0, 1] = -1e-9
    fit = fit_temperature(g, T)
    assert fit.counts["read at one temperature"] == 1
    assert fit.counts["not positive"] == 1
    assert np.isnan(fit.residuals[:, 0]).all()


G = np.full((7, 20), 1e-5)


@pytest.mark.parametrize(
    ("g", "t", "message"),
    [
        (G, T[:5], r"g has shape \(7, 20\); give \(5, any\)"),
        (G, np.full(7, 300.0), "temperatures from 300 to 300 K do not tell a law"),
        (G, T - 300, "temperatures from -50 to 100 K do not tell a law"),
        (G, T, "g does not change between temperatures"),
        (G[:, :1], T, "g holds 7 values of 1 cells .* at least 8 values more than cells"),
        (G * 1e6, T, r"g has a median of 10 S, .* in µS\?"),
        (G * np.nan, T, "holds no finite value"),
    ],
)
def test_what_tells_no_law_is_refused(g, t, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(g, t)
