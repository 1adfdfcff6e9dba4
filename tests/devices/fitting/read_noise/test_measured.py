"""Fits of measured RRAM: 5 levels, 100,000 reads at 400 Hz (Levy et al., technology A)."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from devices import active_segments, fit_read_noise, fit_telegraph

FILE = Path(os.environ.get("NSM_DATA_DIR", "none")) / "rram-relaxation" / "timeseries_techA.npz"
PERIOD = 1 / 400
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="NSM_DATA_DIR has no rram-relaxation")


@cache
def measured():
    with np.load(FILE) as data:
        return data["g"].astype(float)


def test_the_telegraph_segment_of_level_24():
    # By eye: 181.12 and 182.83 µS, ΔG/G = 0.94 %, mean dwells 0.22 s low and 0.30 s high.
    fit = fit_telegraph(measured()[3, 40_000:44_000], PERIOD, levels=2)
    assert fit.levels[0] == pytest.approx(182.83e-6, rel=1e-3)
    assert fit.levels[1] == pytest.approx(181.12e-6, rel=1e-3)
    assert fit.model.amplitude == pytest.approx(0.0094, rel=0.05)
    for name, by_eye in (("tau_capture", 0.30), ("tau_emission", 0.22)):
        one = fit.estimates[name]
        assert abs(one.value - by_eye) < 2 * one.error
    assert 30 <= fit.transitions <= 50


def test_the_trap_of_level_24_comes_and_goes():
    found = active_segments(measured()[3], PERIOD)
    assert 0.3 < found.share < 0.7
    assert any(one.start <= 40_000 and one.stop >= 42_000 for one in found.segments)
    assert max(one.stop for one in found.segments) < 90_000
    amplitudes = [one.fit.estimates["amplitude"].value for one in found.segments]
    assert np.median(amplitudes) == pytest.approx(0.0094, rel=0.15)


def test_the_slopes_and_bursts_of_five_levels():
    fit = fit_read_noise(measured(), PERIOD, band=(0.05, 10.0), telegraph=False)
    slopes = [cell.slope.value for cell in fit.cells]
    np.testing.assert_allclose(slopes, [-0.92, -1.39, -1.39, -1.07, -1.01], atol=0.005)
    # From the median window of a trace to its largest, and from the least one.
    above = [np.max(c.window_variances) / np.median(c.window_variances) for c in fit.cells]
    np.testing.assert_allclose(above, [7.13, 74.9, 167, 19.5, 79.1], rtol=0.005)
    np.testing.assert_allclose(fit.burst_factors, [12.8, 2055, 330, 68.6, 110], rtol=0.005)
    assert any("bursts" in note for note in fit.notes)
    white = [cell.white for cell in fit.cells]
    assert all(1e-7 < one < 3e-7 for one in white)
    assert len(fit.model.q.conductances) == 5
