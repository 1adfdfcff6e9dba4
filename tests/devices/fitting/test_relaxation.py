"""Fits of the relaxation process: known processes, and measured cells that were not fitted."""

import importlib.util
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import devices
from devices import (
    Bake,
    RelaxationProcess,
    activation_energy_ev,
    fit_activation_energy,
    fit_relaxation,
)
from tests.helpers.coverage import assert_covered

EXAMPLE = Path(__file__).parents[3] / "examples" / "fit_relaxation.py"
REAL = Path(os.environ.get("NSM_DATA_DIR", "none")) / "rram-relaxation"
measured = pytest.mark.skipif(not REAL.is_dir(), reason="NSM_DATA_DIR has no rram-relaxation")

TIMES = (0.01, 0.1, 1.0, 10.0, 100.0)
TRUE = RelaxationProcess(
    times=TIMES,
    clock=(0.2, 0.4, 0.6, 0.8, 1.0),
    fluctuation=(0.05, 0.1, 0.1, 0.1, 0.1),
    mean=(1e-6, 2e-6, 2e-6, 3e-6, 3e-6),
    conductances=(5e-5, 1e-4, 2e-4),
    scales=(4e-6, 8e-6, 3e-6),
    kappa=1.0,
    persistence=0.1,
    activation_energy_ev=0.1,
)


def test_a_known_process_is_found_again():
    start = np.random.default_rng(0).uniform(5e-5, 2e-4, 60_000)
    later = np.array([TRUE.age(start, t, rng=1) for t in TIMES])
    later[2, ::3] = np.nan  # cells that were not read at one time
    found = fit_relaxation(start, later, TIMES, conductances=TRUE.conductances, resamples=0).model
    np.testing.assert_allclose(found.mean, TRUE.mean, atol=2e-7)
    np.testing.assert_allclose(found.scales, TRUE.scales, rtol=0.08)
    np.testing.assert_allclose(found.clock, TRUE.clock, atol=0.04)
    np.testing.assert_allclose(found.fluctuation, TRUE.fluctuation, atol=0.04)
    np.testing.assert_allclose(found.kappa, TRUE.kappa, rtol=0.3)
    assert found.persistence < 0.4
    hot = replace(TRUE, temperature=400.0)
    baked = hot.age(start, 3600.0, rng=2)
    energy = activation_energy_ev(found, start, baked, 3600.0, temperature=400.0)
    assert energy == pytest.approx(0.1, abs=0.003)


def relaxed(seed, cells=2000, persistence=TRUE.persistence):
    """Return cells of TRUE before and after, without dependence on the seed of their starts."""
    start = np.random.default_rng(0).uniform(5e-5, 2e-4, cells)
    process = replace(TRUE, persistence=persistence)
    return start, np.array([process.age(start, t, rng=seed) for t in TIMES])


def test_standard_errors_are_honest():
    # kappa and the persistence are left to the test of 60,000 cells: fourth moments of 2,000 cells
    # and a grid of hundredths are far from normal.
    fits = [
        fit_relaxation(*relaxed(seed), TIMES, conductances=TRUE.conductances, resamples=20)
        for seed in range(15)
    ]
    true = {f"mean at {t:g} s": m for t, m in zip(TIMES, TRUE.mean, strict=True)}
    true |= {f"clock at {t:g} s": h for t, h in zip(TIMES[:3], TRUE.clock[:3], strict=True)}
    assert_covered(fits, true, bias=2.5)
    again = fit_relaxation(*relaxed(0), TIMES, conductances=TRUE.conductances, resamples=20)
    assert again.estimates == fits[0].estimates


def assert_relaxation_is_covered(persistence, fits, resamples, bias):
    """Assert that clocks, fluctuations and the persistence have no bias, and honest intervals."""
    found = [
        fit_relaxation(
            *relaxed(seed, persistence=persistence),
            TIMES,
            conductances=TRUE.conductances,
            resamples=resamples,
        )
        for seed in range(fits)
    ]
    true = {"persistence": persistence}
    for name in ("clock", "fluctuation"):
        true |= {f"{name} at {t:g} s": v for t, v in zip(TIMES, getattr(TRUE, name), strict=True)}
    assert_covered(found, true, bias=bias)


def test_a_fluctuation_that_stays_is_told_from_the_clock():
    # A clock that takes what has not yet returned for its own is too large by 1.4 errors.
    assert_relaxation_is_covered(0.5, fits=8, resamples=20, bias=2.0)


@pytest.mark.slow  # 20 s
@pytest.mark.parametrize("persistence", [0.1, 0.3, 0.5])
def test_many_intervals_hold_the_process(persistence):
    assert_relaxation_is_covered(persistence, fits=120, resamples=50, bias=2.0)


def test_without_resamples_there_are_no_errors():
    fit = fit_relaxation(*relaxed(0), TIMES, resamples=0)
    assert all(np.isnan(e.error) for e in fit.estimates.values())
    assert len(fit.model.conductances) == 8  # quantiles of the starts


def test_what_the_process_does_not_have_is_told():
    start, later = relaxed(0)
    low = start < 8e-5
    later[-1, low] = start[low] + 2e-5 * np.random.default_rng(1).exponential(size=low.sum())
    later[1, ::2] = np.nan
    start[5] = np.nan
    fit = fit_relaxation(start, later, (0.01, 0.1, 1.0, 10.0, 1e3), resamples=0)
    notes = "\n".join(fit.notes)
    assert "have a skewness of" in notes
    assert "The process has one mean change for all conductances" in notes
    assert "50 % of the cells were not read at 0.1 s" in notes
    assert "Nothing was read between 10 and 1000 s" in notes
    assert fit.counts["missing"] == 1001
    few = fit_relaxation(start, later, TIMES, conductances=(1e-6, 1e-4, 1e-3), resamples=0)
    assert any("0 cells lie near 0.001 S, too few" in note for note in few.notes)


def bake(seed, celsius, cells=2000, seconds=3600.0):
    """Return cells of TRUE that were baked."""
    start = np.random.default_rng(0).uniform(5e-5, 2e-4, cells)
    kelvin = celsius + 273.15
    later = replace(TRUE, temperature=kelvin).age(start, seconds, rng=seed)
    return Bake(start=start, later=later, seconds=seconds, temperature=kelvin)


def test_an_arrhenius_energy_is_found_again_with_honest_errors():
    cold = replace(TRUE, activation_energy_ev=0.0)
    fits = [
        fit_activation_energy(cold, [bake(10 * seed + k, c) for k, c in enumerate((80, 120, 160))])
        for seed in range(40)
    ]
    assert_covered(fits, {"activation_energy_ev": 0.1})
    assert fits[0].model == replace(
        cold, activation_energy_ev=fits[0].estimates["activation_energy_ev"].value
    )
    assert set(fits[0].estimates) >= {"energy at 353.15 K", "energy at 433.15 K"}


def test_bakes_at_one_temperature_have_energies_of_their_own():
    cold = replace(TRUE, activation_energy_ev=0.0)
    fit = fit_activation_energy(cold, [bake(1, 100), bake(2, 100, seconds=600.0), bake(3, 80)])
    assert list(fit.estimates) == [
        "activation_energy_ev",
        "energy at 373.15 K for 3600 s",
        "energy at 373.15 K for 600 s",
        "energy at 353.15 K",
    ]


def test_a_bake_that_takes_conductance_is_left_out_and_told():
    good, lossy = bake(1, 100), bake(2, 260)
    lossy = replace(lossy, later=0.6 * lossy.later)
    fit = fit_activation_energy(replace(TRUE, activation_energy_ev=0.0), [good, lossy])
    assert fit.counts == {
        "bakes": 2,
        "left out": 1,
        "cells": 4000,
        "missing": 0,
        "far off": fit.counts["far off"],
    }
    assert any("The bake at 533.15 K for 3600 s took" in note for note in fit.notes)
    assert any("One bake does not show" in note for note in fit.notes)
    with pytest.raises(ValueError, match="no bake is left: The bake at 533.15 K"):
        fit_activation_energy(TRUE, [lossy])


def test_bad_bakes_are_refused():
    with pytest.raises(ValueError, match=r"bakes is empty; give one devices\.Bake or more"):
        fit_activation_energy(TRUE, [])
    with pytest.raises(ValueError, match=r"bakes\[0\]"):
        fit_activation_energy(TRUE, [1.0])
    few = bake(0, 100, cells=20)
    with pytest.raises(ValueError, match=r"bakes\[0\] holds 20 cells .* give at least 30"):
        fit_activation_energy(TRUE, [few])
    with pytest.raises(ValueError, match=r"temperature = 298\.15 K is that of the process"):
        fit_activation_energy(TRUE, [bake(0, 25)])
    hot = bake(0, 100)
    with pytest.raises(ValueError, match=r"Bake\.later has a median of .* in µS\?"):
        replace(hot, later=1e6 * hot.later)


def test_bad_measurements_are_refused():
    g = np.full(200, 1e-4)
    knots = {"conductances": (0.0, 2e-4)}
    later = np.full((3, 200), 1e-4)
    with pytest.raises(ValueError, match=r"later has shape \(2, 200\); give \(3, 200\)"):
        fit_relaxation(g, later[:2], (1, 2, 3), **knots)
    with pytest.raises(ValueError, match="2 times of 200 cells are too few"):
        fit_relaxation(g, later[:2], (1, 2), **knots)
    with pytest.raises(ValueError, match="3 times of 50 cells are too few"):
        fit_relaxation(g[:50], later[:, :50], (1, 2, 3), **knots)
    with pytest.raises(ValueError, match=r"times = \[1\.0, 3\.0, 2\.0\] must rise from above 0 s"):
        fit_relaxation(g, later, (1, 3, 2), **knots)
    with pytest.raises(ValueError, match="later is the same as start at all times"):
        fit_relaxation(g, later, (1, 2, 3), **knots)
    with pytest.raises(ValueError, match=r"later has a median of 100 S, .* in µS\?"):
        fit_relaxation(g, 1e6 * later, (1, 2, 3), **knots)
    with pytest.raises(ValueError, match="later of shape .* holds no finite value"):
        fit_relaxation(g, np.nan * later, (1, 2, 3), **knots)
    later[1, 30:] = np.nan
    with pytest.raises(ValueError, match="30 cells were read at 2 s .*give 100 or leave this time"):
        fit_relaxation(g, later, (1, 2, 3), **knots)
    with pytest.raises(ValueError, match=r"temperature = 298\.15 K is that of the process"):
        activation_energy_ev(TRUE, g, g, 1.0, temperature=298.15)


@cache
def example():
    spec = importlib.util.spec_from_file_location("fit_relaxation", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE.parent))
        spec.loader.exec_module(module)
    return module


def shipped():
    return devices.preset("rram_levy2021").retention


@measured
def test_the_preset_is_the_fit_to_half_of_the_measured_cells():
    assert example().rounded(example().fitted(REAL)) == shipped()


@measured
def test_the_process_describes_the_cells_that_were_not_fitted():
    address, start, times, later = example().relaxed_cells(REAL)
    odd = address % 2 == 1
    real = example().summary(start[odd], later[:, odd])
    cells = np.tile(start[odd], 10)
    model = example().summary(cells, np.array([shipped().age(cells, t, rng=0) for t in times]))
    # Three standard errors of the measurement by bootstrap, plus those of the fitted half.
    bounds = {
        "correlation between 0.01 s and 10⁴ s": (0.29, 0.075),
        "correlation between 1 s and 10⁴ s": (0.67, 0.045),
        "increment from 1 s to 10⁴ s, rms [µS]": (5.5, 0.45),
        "mean change by 10⁴ s [µS]": (1.4, 0.25),
        "spread at 10⁴ s [µS]": (7.3, 0.45),
        "share of cells beyond 5 σ(g) at 10⁴ s": (1e-3, 1e-3),
    }
    assert set(bounds) == set(real)
    for name, (published, bound) in bounds.items():
        assert abs(real[name] - published) < bound, name
        assert abs(model[name] - real[name]) < bound, name
    assert model["share of cells beyond 5 σ(g) at 10⁴ s"] > 3e-4  # a normal law has 6e-7


@measured
@pytest.mark.parametrize("celsius", [100, 140, 180])
def test_heat_widens_the_cells_that_were_not_fitted(celsius):
    address, before, after, seconds = example().baked_cells(REAL, celsius)
    odd = address % 2 == 1
    hot = replace(shipped(), temperature=celsius + 273.15)
    model = (hot.age(before[odd], seconds, rng=1) - before[odd]).std()
    real = (after[odd] - before[odd]).std()
    room = (shipped().age(before[odd], seconds, rng=1) - before[odd]).std()
    assert abs(model / real - 1) < 0.1
    assert real > 1.7 * room


@measured
def test_the_fit_tells_the_skew_of_the_lowest_level():
    address, start, times, later = example().relaxed_cells(REAL)
    even = address % 2 == 0
    fit = fit_relaxation(
        start[even], later[:, even], times, conductances=example().KNOTS, resamples=0
    )
    # Cells that were programmed to 0 S can only rise.
    (lowest,) = [note for note in fit.notes if note.startswith("Near 0 S the changes")]
    assert "have a skewness of 4" in lowest or "have a skewness of 3" in lowest
    assert any("31 % of the cells were not read at 100 s" in note for note in fit.notes)


@measured
def test_bakes_follow_an_arrhenius_law_up_to_180_degrees_and_lose_conductance_above():
    bakes = []
    for celsius in (100, 140, 180, 220, 260):
        _, before, after, seconds = example().baked_cells(REAL, celsius)
        kelvin = celsius + example().CELSIUS
        bakes.append(Bake(start=before, later=after, seconds=seconds, temperature=kelvin))
    cold = replace(shipped(), activation_energy_ev=0.0)
    fit = fit_activation_energy(cold, bakes)
    energy = fit.estimates["activation_energy_ev"]
    assert energy.value == pytest.approx(shipped().activation_energy_ev, rel=0.03)
    assert energy.error < 0.002
    assert fit.counts["left out"] == 2
    assert "The bake at 493.15 K for 4566 s took 9.1 % of the mean conductance" in fit.notes[0]
    assert "The bake at 533.15 K for 5199 s took 43.0 % of the mean conductance" in fit.notes[1]
    # The bakes that are fitted agree: one Arrhenius factor describes 100 to 180 °C.
    assert not any("scatter" in note for note in fit.notes)
