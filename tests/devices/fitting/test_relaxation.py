"""Fits of the relaxation process: known processes, and measured cells that were not fitted."""

import importlib.util
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import devices
from devices import RelaxationProcess, activation_energy_ev, fit_relaxation

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


def test_bad_measurements_are_refused():
    g = np.full(200, 1e-4)
    knots = {"conductances": (0.0, 2e-4)}
    with pytest.raises(ValueError, match=r"later has shape \(2, 200\); give \(3, 200\)"):
        fit_relaxation(g, np.ones((2, 200)), (1, 2, 3), **knots)
    with pytest.raises(ValueError, match="2 times of 200 cells are too few"):
        fit_relaxation(g, np.ones((2, 200)), (1, 2), **knots)
    with pytest.raises(ValueError, match="3 times of 50 cells are too few"):
        fit_relaxation(g[:50], np.ones((3, 50)), (1, 2, 3), **knots)
    with pytest.raises(ValueError, match=r"temperature = 298\.15 K is that of the process"):
        activation_energy_ev(TRUE, g, g, 1.0, temperature=298.15)


@cache
def example():
    spec = importlib.util.spec_from_file_location("fit_relaxation", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
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
