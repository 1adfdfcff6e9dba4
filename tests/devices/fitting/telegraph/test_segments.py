"""Traps that come and go are found where they are active, and nowhere else."""

import numpy as np
import pytest

from devices import FlickerNoise, NoNoise, TelegraphNoise, active_segments
from tests.helpers.hidden_chain import trace

PERIOD = 1 / 400
TRAP = TelegraphNoise(0.01, 0.1, 0.15)
BACKGROUNDS = {
    "white": NoNoise(),
    "1/f": FlickerNoise(q=0.0007, f_low=1e-3, f_high=200.0),
}


def with_trap(background, start, stop, n=40_000):
    g = trace(background, n, period=PERIOD, sigma=3e-7, rng=0)
    g[start:stop] *= trace(TRAP, stop - start, period=PERIOD, sigma=0.0, g=1.0, rng=1)
    return g


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_ten_seconds_of_a_trap_are_found_within_a_window(name):
    g = with_trap(BACKGROUNDS[name], 21_300, 25_300)
    found = active_segments(g, PERIOD, window=2.0)
    assert found.window == 800
    assert len(found.segments) == 1
    (one,) = found.segments
    assert abs(one.start - 21_300) <= 800
    assert abs(one.stop - 25_300) <= 800
    assert found.share == (one.stop - one.start) / 40_000
    assert one.seconds == pytest.approx((one.stop - one.start) * PERIOD)
    assert one.fit.estimates["amplitude"].value == pytest.approx(0.01, rel=0.1)
    assert one.fit.estimates["tau_capture"].value == pytest.approx(0.1, rel=0.8)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_without_a_trap_none_is_active(name):
    g = trace(BACKGROUNDS[name], 40_000, period=PERIOD, sigma=3e-7, rng=2)
    found = active_segments(g, PERIOD)
    assert found.segments == ()
    assert found.share == 0
    assert len(found.evidence) == 100
    assert "slower traps need longer windows" in found.notes[0]


def test_a_trap_that_is_always_active_is_one_segment():
    g = trace(TRAP, 8000, period=PERIOD, sigma=3e-7, rng=0)
    found = active_segments(g, PERIOD, window=4.0)
    assert [(one.start, one.stop) for one in found.segments] == [(0, 8000)]
    assert found.share == 1


def test_windows_without_reads_are_not_active():
    g = with_trap(NoNoise(), 0, 4000, n=8000)
    g[4000:] = np.nan
    found = active_segments(g, PERIOD, window=2.0)
    assert found.segments[-1].stop == 4000
    assert (found.evidence[-5:] == -np.inf).all()


@pytest.mark.parametrize(
    ("n", "period", "window", "message"),
    [
        (40, 0.01, None, "trace has 40 reads, too few; give at least 50"),
        (100, 0.01, 2.0, r"window = 2.0 is not allowed; give a finite number in \[0.5, 1\] s"),
        (100, 0.01, 0.1, "window = 0.1 is not allowed"),
        (100, 0.0, None, "period = 0.0 is not allowed"),
    ],
)
def test_windows_that_do_not_fit_are_refused(n, period, window, message):
    g = 1e-4 + 1e-6 * np.random.default_rng(0).standard_normal(n)
    with pytest.raises(ValueError, match=message):
        active_segments(g, period, window=window)
