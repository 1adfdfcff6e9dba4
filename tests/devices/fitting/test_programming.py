"""Fits of programming errors: the table found again, stuck cells, tails, refusals."""

import re

import numpy as np
import pytest
from scipy import stats

import devices
from devices import Device, StateDependentError, StuckCells, TabulatedError, fit_programming
from tests.helpers.coverage import assert_covered

KNOTS = (0.0, 2e-5, 5e-5, 1e-4)
TRUE = TabulatedError(
    conductances=KNOTS, std=(1e-6, 2e-6, 2e-6, 4e-6), mean=(5e-6, -1e-6, 0.0, -2e-6)
)
NUMBERS = {
    f"{name} at {g:.4g} S": value
    for name in ("std", "mean")
    for g, value in zip(KNOTS, getattr(TRUE, name), strict=True)
}


def test_levels_are_the_knots_and_their_cells_give_mean_and_spread(rng):
    target = np.repeat(KNOTS, 50).reshape(20, 10)
    got = TRUE.program(target, rng=rng)
    got[3, 3] = np.nan
    fit = fit_programming(target, got)
    assert fit.model.conductances == KNOTS
    for g, mean, std in zip(KNOTS, fit.model.mean, fit.model.std, strict=True):
        error = (got - target)[(target == g) & np.isfinite(got)]
        assert mean == pytest.approx(error.mean(), rel=1e-6)
        assert std == pytest.approx(error.std(ddof=1), rel=1e-6)
        found = fit.estimates[f"mean at {g:.4g} S"].error
        assert found == pytest.approx(stats.sem(error), rel=0.02)
    assert fit.counts == {"cells": 200, "values": 200, "missing": 1, "far off": 0, "stuck": 0}


@pytest.mark.parametrize("cells", [200, 2000])
@pytest.mark.parametrize("are_levels", [True, False], ids=["levels", "continuous"])
def test_a_known_table_is_found_again_with_honest_errors(cells, are_levels):
    fits = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        target = rng.choice(KNOTS, cells) if are_levels else rng.uniform(0, 1e-4, cells)
        fits.append(fit_programming(target, TRUE.program(target, rng=rng), conductances=KNOTS))
    assert_covered(fits, NUMBERS)


def test_knots_between_levels_follow_a_smooth_error(rng):
    smooth = StateDependentError(coefficients=(1e-6, 4e-6, -3e-6), g_ref=1e-4)
    target = rng.uniform(0, 1e-4, 20_000)
    fit = fit_programming(target, target + smooth.sigma(target) * rng.standard_normal(20_000))
    g = np.linspace(5e-6, 9.5e-5, 50)
    # 12 knots of 1,700 cells: each σ is known to 1.7 %.
    np.testing.assert_allclose(fit.model.sigma(g), smooth.sigma(g), rtol=0.08)
    assert len(fit.model.conductances) == 12


def test_stuck_cells_are_left_out_and_suggested():
    device = Device(
        g_min=0.0,
        g_max=1e-4,
        write=StateDependentError(coefficients=(1e-6,)),
        faults=StuckCells(p_stuck_lrs=0.03, p_stuck_hrs=0.01),
    )
    target = np.random.default_rng(0).uniform(0, 1e-4, 20_000)
    fit = fit_programming(target, device.program(target, rng=1))
    assert fit.faults.p_stuck_lrs == pytest.approx(0.03, abs=5 * np.sqrt(0.03 / 20_000))
    assert fit.faults.p_stuck_hrs == pytest.approx(0.01, abs=5 * np.sqrt(0.01 / 20_000))
    assert fit.counts["stuck"] == fit.counts["far off"] > 600
    np.testing.assert_allclose(fit.model.std[1:-1], 1e-6, rtol=0.1)
    share = fit.estimates["share stuck high"]
    assert share.value == fit.faults.p_stuck_lrs
    assert share.error == pytest.approx(np.sqrt(0.03 / 20_000), rel=0.2)
    (note,) = (n for n in fit.notes if "stuck at the highest target" in n)
    stuck, shown = map(int, re.match(r"(\d+) of (\d+) cells", note).groups())
    assert stuck / shown == share.value
    assert any("stuck at the highest target" in n and "p_stuck_lrs=0.0" in n for n in fit.notes)


def test_far_off_cells_that_are_not_stuck_stay_and_are_told(rng):
    target = np.repeat([2e-5, 5e-5, 8e-5], 400)
    got = target + 1e-6 * rng.standard_normal(1200)
    got[600] = 6.5e-5
    fit = fit_programming(target, got)
    assert fit.counts["far off"] == 1
    assert fit.counts["stuck"] == 0
    assert any("1 of 1200 cells lie more than 8 robust" in note for note in fit.notes)
    assert fit.model.std[1] == pytest.approx((got - target)[400:800].std(ddof=1), rel=1e-6)


def test_skewed_errors_are_told(rng):
    target = np.repeat([2e-5, 5e-5], 500)
    got = target + 1e-6 * np.where(
        target < 3e-5, rng.exponential(size=1000), rng.standard_normal(1000)
    )
    notes = fit_programming(target, got).notes
    assert any(note.startswith("Around 2e-05 S the errors have a skewness of") for note in notes)
    assert not any(note.startswith("Around 5e-05 S") for note in notes)


TARGET = np.linspace(1e-5, 9e-5, 100)
GOT = TARGET + 1e-6 * np.sin(np.arange(100))


@pytest.mark.parametrize(
    ("target", "got", "options", "message"),
    [
        (TARGET, GOT[:99], {}, r"target has shape \(100,\) and got \(99,\)"),
        (TARGET[:29], GOT[:29], {}, "hold 29 cells with both values; give at least 30"),
        (TARGET * 0 + 5e-5, GOT, {}, r"target is 5e-05 S for all cells; .*StateDependentError"),
        (TARGET, GOT * 0 + 1e-5, {}, "got is the same conductance for all 100 cells"),
        (TARGET, TARGET, {}, "got − target is the same for all 100 cells"),
        (TARGET, GOT * 1e6, {}, r"got has a median of .* are the values in µS\?"),
        (TARGET, GOT * 1e-3, {}, "got has a median of .* a factor of 0.000988; give both in"),
        (TARGET, -GOT, {}, r"got has a median of -.*polarity reversed"),
        (TARGET, GOT * np.nan, {}, "got of shape .* holds no finite value"),
        (TARGET, GOT, {"conductances": (2e-5, 1e-5)}, "must be two or more conductances"),
        (
            TARGET,
            GOT,
            {"conductances": (1e-5, 9e-5, 1e-3, 2e-3)},
            "the knot at 0.001 S has 0.0 cells near it; give at least 5",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(target, got, options, message):
    with pytest.raises(ValueError, match=message):
        fit_programming(target, got, **options)


def test_the_fit_fills_slots_of_a_device():
    fit = fit_programming(TARGET, GOT)
    device = devices.Device(g_min=1e-5, g_max=9e-5, write=fit.model, faults=fit.faults)
    assert device.program(TARGET, rng=0).shape == (100,)
