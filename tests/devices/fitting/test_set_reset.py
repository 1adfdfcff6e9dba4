"""Fits of set/reset variability: the model's own sampling inverted, a slow twin, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import devices
from devices import SetResetVariability, fit_set_reset
from devices.fitting._memory_kernels import innovations
from tests.helpers.coverage import assert_covered

HENNEN = SetResetVariability.hennen2024()
ALONE = replace(HENNEN, rho_lrs=0.6, share_lrs=1.0, rho_hrs=0.3, share_hrs=1.0)
INDEPENDENT = replace(HENNEN, rho_lrs=0.0, share_lrs=1.0, rho_hrs=0.0, share_hrs=1.0)
SPREADS = ("r_lrs_median", "r_lrs_c2c", "r_lrs_d2d", "r_hrs_median", "sigma_ln_hrs_c2c")
MEMORY = ("rho_lrs", "share_lrs", "rho_hrs", "share_hrs")


def cycled(model, seed, cells=40, cycles=80, missing=0.05):
    """Return conductances after SET and after RESET, (cells, cycles)."""
    lrs, hrs, gaps = (np.random.default_rng([seed, k]) for k in range(3))
    set_ = 1 / model.cycles(np.full(cells, 1e-3), cycles, rng=lrs).T
    reset = 1 / model.cycles(np.full(cells, 1e-9), cycles, rng=hrs).T
    set_[gaps.random(set_.shape) < missing] = np.nan
    return set_, reset


@pytest.mark.parametrize(
    ("model", "names"),
    [(HENNEN, MEMORY), (ALONE, ("rho_lrs", "rho_hrs")), (INDEPENDENT, ())],
    ids=["AR(1) and independent", "AR(1)", "independent"],
)
def test_the_sampling_of_the_model_is_inverted(model, names):
    fits = [fit_set_reset(*cycled(model, seed)) for seed in range(15)]
    true = {name: getattr(model, name) for name in (*SPREADS, "sigma_ln_hrs_d2d", *names)}
    assert_covered(fits, true)
    for name in set(MEMORY) - set(names):
        # The criterion finds a memory that is not there in about 2 % of the cases.
        found = [getattr(fit.model, name) == getattr(model, name) for fit in fits]
        assert sum(found) >= len(fits) - 2


def test_independent_cycles_are_told():
    fit = fit_set_reset(*cycled(INDEPENDENT, 0))
    assert any(note.startswith("set: no memory from cycle to cycle") for note in fit.notes)
    assert fit.counts["missing, set"] > 100
    assert fit.counts["missing, reset"] == 0


def test_the_filter_has_the_likelihood_of_a_normal_law(rng):
    y = rng.normal(1.0, 1.0, (3, 6))
    y[0, 2] = y[2, 0] = y[2, 5] = np.nan
    ratio, rho, share = 0.7, 0.8, 0.4
    lag = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    covariance = ratio**2 + share * rho**lag + (1 - share) * np.eye(6)
    log_f, vv, vw, ww, count = innovations(y, ratio, rho, share)
    assert count == 15
    for mean in (0.0, 1.3):
        slow = 0.0
        for row in y:
            known = np.isfinite(row)
            law = stats.multivariate_normal(np.full(known.sum(), mean), covariance[known][:, known])
            slow += law.logpdf(row[known])
        fast = -0.5 * (log_f + vv - 2 * mean * vw + mean**2 * ww + count * np.log(2 * np.pi))
        assert fast == pytest.approx(slow, rel=1e-12)


def test_a_skewed_state_is_told(rng):
    set_, reset = cycled(HENNEN, 0)
    reset = np.exp(-0.4 * rng.exponential(size=reset.shape)) / 7e4
    notes = fit_set_reset(set_, reset).notes
    assert any(note.startswith("reset: ln R has a skewness of ") for note in notes)


SET, RESET = cycled(HENNEN, 1, missing=0.0)


@pytest.mark.parametrize(
    ("set_", "reset", "message"),
    [
        (RESET, SET, "reset has a median resistance of 45.* swap the two"),
        (SET[:4], RESET, r"set_ of shape \(4, 80\) holds 4 cells .* at least 5 cells"),
        (SET, RESET[:, :3], r"reset of shape \(40, 3\) .* of 3 cycles"),
        (SET, -RESET, "reset has a median of .* polarity reversed"),
        (np.full((9, 9), 1e-4), RESET, "set_ is 0.0001 S everywhere"),
        (SET[0], RESET, r"set_ has shape \(80,\); give 2 dimensions"),
        (SET * 1e6, RESET, r"set_ has a median of .* are the values in µS\?"),
        (SET * np.nan, RESET, "set_ of shape .* holds no finite value"),
        (np.where(np.median(SET) < SET, 5e-3, 1e-4), RESET, "negative at clip = 0.9999"),
    ],
)
def test_what_cannot_be_fitted_is_refused(set_, reset, message):
    with pytest.raises(ValueError, match=message):
        fit_set_reset(set_, reset)


def test_the_fit_is_a_model_for_a_device():
    fit = fit_set_reset(SET, RESET)
    device = devices.Device(g_min=1e-6, g_max=3e-4, write=fit.model)
    assert device.program(np.array([3e-4]), rng=0)[0] == pytest.approx(1 / 4523.6, rel=0.3)
