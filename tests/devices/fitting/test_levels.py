"""Fits of levels: errors between neighbors, thresholds, how many can be told apart, refusals."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy import optimize, stats

import devices
from devices import fit_levels
from devices.fitting.separability import (
    error_of_error,
    most_levels,
    normal_error,
    threshold,
)
from tests.helpers.coverage import assert_covered

LEVELS = np.array([2e-5, 3e-5, 3.6e-5, 5e-5])
STD = np.array([2e-6, 2e-6, 3e-6, 5e-6])
LAWS = list(zip(LEVELS.tolist(), STD.tolist(), strict=True))


def measured(seed, cells=1200):
    """Return targets, off by a constant from the levels, and what cells got."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 4, cells)
    return LEVELS[level] + 1e-6, LEVELS[level] + STD[level] * rng.standard_normal(cells)


@pytest.mark.parametrize(("low", "high"), list(combinations(LAWS, 2)))
def test_the_threshold_has_the_smallest_error(low, high):
    def error(at):
        return (stats.norm.sf(at, *low) + stats.norm.cdf(at, *high)) / 2

    best = optimize.minimize_scalar(
        error, bounds=(low[0], high[0]), method="bounded", options={"xatol": 1e-12}
    )
    assert threshold(low, high) == pytest.approx(best.x, abs=1e-9)
    assert normal_error(low, high) == pytest.approx(best.fun, rel=1e-6)


def test_the_error_of_an_error_is_that_of_its_numbers(rng):
    low, high, n = LAWS[1], LAWS[2], 2000
    drawn = [
        normal_error(*((s.mean(), s.std(ddof=1)) for s in samples))
        for samples in zip(*(rng.normal(*law, (400, n)) for law in (low, high)), strict=True)
    ]
    spread = [x for _, s in (low, high) for x in (s / np.sqrt(n), s / np.sqrt(2 * n))]
    assert error_of_error(low, high, spread) == pytest.approx(np.std(drawn), rel=0.15)


def test_known_levels_are_found_again_with_honest_errors():
    fits = [fit_levels(*measured(seed)) for seed in range(30)]
    true = {f"level {k + 1}": LEVELS[k] for k in range(4)}
    true |= {f"std of level {k + 1}": STD[k] for k in range(4)}
    true |= {
        f"error between levels {k + 1} and {k + 2}": normal_error(LAWS[k], LAWS[k + 1])
        for k in range(3)
    }
    assert_covered(fits, true)
    assert fits[0].targets == tuple(LEVELS + 1e-6)


def test_cells_are_confused_as_often_as_told():
    fit = fit_levels(*measured(0, cells=40_000))
    np.testing.assert_allclose(fit.confusion.sum(axis=1), 1, rtol=1e-12)
    target, got = measured(1, cells=40_000)
    read = np.searchsorted(fit.thresholds, got)
    for k in range(4):
        own = read[np.isclose(target, fit.targets[k])]
        share = np.bincount(own, minlength=4) / len(own)
        np.testing.assert_allclose(share, fit.confusion[k], atol=5 * 0.5 / np.sqrt(len(own)))
    np.testing.assert_allclose(fit.counted, fit.errors, atol=5 * 0.5 / np.sqrt(20_000))


@pytest.mark.parametrize("seed", range(5))
def test_no_larger_subset_of_levels_can_be_told_apart(seed):
    errors = np.random.default_rng(seed).uniform(0, 0.2, (8, 8))
    errors = (errors + errors.T) / 2
    chosen = most_levels(errors, 0.07)
    possible = [
        subset
        for size in range(1, 9)
        for subset in combinations(range(8), size)
        if all(errors[i, j] <= 0.07 for i, j in pairwise(subset))
    ]
    assert len(chosen) == max(map(len, possible))
    assert tuple(chosen) in possible


def test_as_many_levels_are_distinguishable_as_the_error_allows():
    fit = fit_levels(*measured(0))
    assert fit.model == fit.levels
    assert fit.distinguishable(error=0.2) == fit.levels
    assert len(fit.distinguishable(error=0.05)) == 3
    assert len(fit.distinguishable(error=0.002)) == 2
    # The lowest three need the error of the first two.
    between = fit.errors[0, 1]
    assert len(fit.distinguishable(error=1.1 * between)) == 3
    assert len(fit.distinguishable(error=1.1 * between, standard_errors=2)) == 2
    assert len(fit.distinguishable(error=0.9 * between)) == 2
    assert len(fit.distinguishable(error=0.9 * between, standard_errors=-2)) == 3
    assert len(fit.distinguishable(error=0.05, counted=True)) == 3
    devices.Device(g_min=1e-5, g_max=1e-4, levels=fit.distinguishable(error=0.05))
    with pytest.raises(ValueError, match=r"error = 0\.5 is not allowed"):
        fit.distinguishable(error=0.5)


def test_tails_and_stuck_cells_are_told(rng):
    target = np.repeat([2e-5, 5e-5, 8e-5], 2000)
    got = target + 1e-6 * rng.standard_t(2, 6000) * 1.5
    got[2500:2600] = 2e-5
    fit = fit_levels(target, got)
    assert fit.counts["stuck"] >= 100
    assert fit.counts["missing"] == 0
    assert any("cells are stuck at an end of the range" in note for note in fit.notes)
    assert any(note.startswith("Levels 1 and 2 have tails") for note in fit.notes)


def test_levels_out_of_order_are_told(rng):
    target = np.repeat([2e-5, 3e-5, 4e-5], 50)
    got = np.repeat([2e-5, 4e-5, 3e-5], 50) + 1e-6 * rng.standard_normal(150)
    fit = fit_levels(target, got)
    assert fit.targets == (2e-5, 4e-5, 3e-5)
    assert list(fit.levels) == sorted(fit.levels)
    assert any("not in the order of the targets: 2e-05, 4e-05, 3e-05 S" in n for n in fit.notes)


TARGET, GOT = measured(2, cells=100)


@pytest.mark.parametrize(
    ("target", "got", "message"),
    [
        (TARGET, GOT[:9], r"target has shape \(100,\) and got \(9,\)"),
        (TARGET[:19], GOT[:19], "hold 19 cells with both values; give at least 20"),
        (TARGET * 0 + 5e-5, GOT, "target holds 1 different levels with 100 to 100 cells"),
        (GOT, GOT, "target holds 100 different levels with 1 to 1 cells"),
        (TARGET, TARGET, "cells of the target 2.1e-05 S got 2.1e-05 S; a level without spread"),
        (TARGET, GOT * 1e6, r"got has a median of .* are the values in µS\?"),
        (TARGET, GOT * np.nan, "got of shape .* holds no finite value"),
    ],
)
def test_what_are_no_levels_is_refused(target, got, message):
    with pytest.raises(ValueError, match=message):
        fit_levels(target, got)
