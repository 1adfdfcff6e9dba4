"""The relaxation process: moments, tails, independence of increments, temperature, one path."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from devices import OperatingPoint, RelaxationProcess
from devices.retention.increments import intervals
from tests.helpers.statistics import assert_mean, assert_variance

CELLS = 30_000
G = 1e-4
KNOWN = RelaxationProcess(
    times=(0.01, 1.0, 100.0),
    clock=(0.2, 0.5, 1.0),
    fluctuation=(0.05, 0.1, 0.2),
    mean=(1e-6, 2e-6, 3e-6),
    conductances=(0.0, 2e-4),
    scales=(2e-6, 6e-6),
    kappa=1.5,
    persistence=0.4,
)
QUIET = replace(KNOWN, fluctuation=(0.0, 0.0, 0.0), mean=(0.0, 0.0, 0.0))


def changes(process, times, seed=0, g=G):
    cells = np.full(CELLS, g)
    return [process.age(cells, t, rng=seed) - cells for t in times]


@pytest.mark.parametrize("seconds", [0.003, 0.01, 0.05, 1.0, 30.0, 100.0, 1e5])
def test_mean_and_spread_are_those_of_aged_cells(seconds):
    (change,) = changes(KNOWN, [seconds])
    cells = np.array([G])
    mean = KNOWN.common(cells, seconds) * G - G
    assert_mean(change, mean)
    assert_variance(change, KNOWN.spread(cells, seconds) ** 2, mean)


def test_spread_is_that_of_clock_and_fluctuation_at_the_given_times():
    cells = np.array([0.0, 1e-4, 2e-4, 1e-3])
    sigma = np.array([2e-6, 4e-6, 6e-6, 6e-6])
    for t, variance in ((0.01, 0.25), (1.0, 0.6), (100.0, 1.2)):
        np.testing.assert_allclose(KNOWN.spread(cells, t), sigma * np.sqrt(variance), rtol=1e-12)
    assert KNOWN.elapsed(0.1) == pytest.approx(0.35)
    assert KNOWN.elapsed(1e4) == pytest.approx(1.5)  # with the slope of the last interval
    spreads = [KNOWN.spread(cells, t)[0] for t in np.geomspace(1e-9, 1e9, 200)]
    assert (np.diff(spreads) >= 0).all()


def test_increments_are_independent_and_add_up():
    times = [0.01, 0.3, 1.0, 17.0, 100.0]
    walk = changes(QUIET, times)
    sigma = 4e-6
    increments = [walk[0], *np.diff(walk, axis=0)]
    steps = np.diff([0.0, *map(QUIET.elapsed, times)])
    for k, (increment, step) in enumerate(zip(increments, steps, strict=True)):
        assert_mean(increment, 0)
        assert_variance(increment, sigma**2 * step, 0)
        for other in increments[:k]:
            assert_mean(increment * other, 0)
            # Not only uncorrelated: squares too. A cell does not remember whether it jumped.
            assert_mean((increment**2 - increment.var()) * (other**2 - other.var()), 0)


def test_tails_are_those_of_a_variance_gamma_law():
    for seconds in (0.01, 1.0, 100.0):
        (change,) = changes(QUIET, [seconds])
        h = QUIET.elapsed(seconds)
        z = change / (4e-6 * np.sqrt(h))
        assert_mean(z**4, 3 + 3 * 1.5 / h)
    # At h = kappa the law is Laplace's: P(|z| > 5) = exp(−5 √2).
    laplace = replace(QUIET, clock=(0.2, 0.5, 1.5))
    (change,) = changes(laplace, [100.0])
    beyond = np.abs(change) > 5 * 4e-6 * np.sqrt(1.5)
    assert_mean(beyond.astype(float), np.exp(-5 * np.sqrt(2)))


def test_the_fluctuation_forgets_and_the_walk_does_not():
    only = replace(KNOWN, clock=(1e-9, 2e-9, 3e-9), mean=(0.0, 0.0, 0.0))
    times = [1.0, 10.0, 100.0, 1e4]
    z = [
        c / (4e-6 * np.sqrt(v))
        for c, v in zip(changes(only, times), (0.1, 0.15, 0.2, 0.2), strict=True)
    ]
    for k, other in enumerate(z[1:], 1):
        decades = np.log10(times[k] / times[0])
        assert_mean(z[0] * other, 0.4**decades)
        assert_variance(other, 1.0, 0)


def test_one_seed_is_one_path_from_the_first_instant():
    times = [1e-9, 1e-3, 0.01, 5.0, 1e6]
    one, same = changes(KNOWN, times, seed=3), changes(KNOWN, times[::-1], seed=3)[::-1]
    np.testing.assert_array_equal(one, same)
    other = changes(KNOWN, times, seed=4)
    assert not np.array_equal(one[2], other[2])
    cells = np.full(CELLS, G)
    np.testing.assert_array_equal(KNOWN.age(cells, 0.0, rng=3), cells)
    # A nanosecond later one cell in ten million has moved, and the mean by 0.1 pS.
    assert np.median(np.abs(one[0])) < 1e-12
    assert (np.abs(one[0]) > 1e-8).sum() <= 2


def test_heat_multiplies_all_changes_by_the_arrhenius_factor():
    hot = replace(KNOWN, activation_energy_ev=0.08, temperature=373.15)
    factor = np.exp(0.08 / 8.617333262e-5 * (1 / 298.15 - 1 / 373.15))
    assert hot.arrhenius == pytest.approx(factor)
    assert 1.8 < factor < 1.9
    cold = KNOWN.age(np.full(50, G), 10.0, rng=1) - G
    np.testing.assert_allclose(
        hot.age(np.full(50, G), 10.0, rng=1) - G, factor * cold, rtol=1e-9, atol=1e-18
    )
    cells = np.array([G])
    np.testing.assert_allclose(hot.spread(cells, 10.0), factor * KNOWN.spread(cells, 10.0))
    np.testing.assert_allclose(
        hot.common(cells, 10.0) - 1, factor * (KNOWN.common(cells, 10.0) - 1)
    )


def test_the_factors_act_on_mean_and_spread_alone():
    still = replace(KNOWN, spread_factor=0.0, common_factor=2.0)
    np.testing.assert_allclose(still.age(np.full(9, G), 1.0, rng=0), G + 4e-6, rtol=1e-12)
    wide = replace(KNOWN, common_factor=0.0, spread_factor=3.0)
    plain = replace(KNOWN, common_factor=0.0)
    a, b = (p.age(np.full(9, G), 1.0, rng=0) - G for p in (wide, plain))
    np.testing.assert_allclose(a, 3 * b, rtol=1e-9)


def test_conductances_do_not_go_below_zero():
    g = KNOWN.age(np.full(CELLS, 1e-6), 100.0, rng=0)
    assert g.min() == 0


def test_the_grid_does_not_depend_on_the_time_that_is_asked_for():
    long = list(intervals(0.01, 1e4))
    for seconds in (1e-3, 0.01, 0.02, 77.0):
        short = list(intervals(0.01, seconds))
        assert short == long[: len(short)]
        assert short[-1].start < seconds <= short[-1].end
    assert all(a.end == b.start for a, b in pairwise(long))


BAD = [
    ({"times": 0.1}, r"RelaxationProcess\.times = 0\.1 is not a row of numbers; give a list \[s\]"),
    (
        {"times": (0.1,)},
        r"RelaxationProcess\.times = \(0\.1,\) is too short to interpolate; give two",
    ),
    ({"times": (1.0, 0.1, 2.0)}, r"RelaxationProcess\.times must rise, but \[1\] = 0\.1 follows"),
    ({"times": (0.0, 0.1, 2.0)}, r"RelaxationProcess\.times\[0\] = 0\.0 is not allowed"),
    ({"clock": (0.1, 0.2)}, r"RelaxationProcess\.clock is of length 2 for 3 times; give one"),
    ({"clock": (0.5, 0.4, 1.0)}, r"RelaxationProcess\.clock = \(0\.5, 0\.4, 1\.0\) must begin"),
    ({"clock": (0.0, 0.4, 1.0)}, r"must begin above 0 and rise: the variance of independent"),
    ({"fluctuation": (0.1, -1, 0)}, r"RelaxationProcess\.fluctuation\[1\] = -1 is not allowed"),
    ({"mean": ("a", 0, 0)}, r"RelaxationProcess\.mean\[0\] = 'a' is not a number"),
    ({"scales": (1e-6,)}, r"scales is of length 1 for 2 conductances; give one for each"),
    ({"conductances": (2e-4, 0.0)}, r"RelaxationProcess\.conductances must rise, but \[1\] = 0"),
    ({"kappa": 0}, r"RelaxationProcess\.kappa = 0 is not allowed; .*\(0, inf\)"),
    ({"persistence": 1.1}, r"RelaxationProcess\.persistence = 1\.1 is not allowed; .*\[0, 1\]"),
    ({"temperature": 0}, r"RelaxationProcess\.temperature = 0 is not allowed"),
    ({"activation_energy_ev": -1}, r"activation_energy_ev = -1 is not allowed"),
    ({"spread_factor": -1}, r"RelaxationProcess\.spread_factor = -1 is not allowed"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_processes_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(KNOWN, **change)


def test_cells_are_kept_at_the_temperature_of_the_chip():
    process = replace(KNOWN, activation_energy_ev=0.08)
    assert process.at(OperatingPoint(temperature=373.15)).temperature == 373.15
    assert process.arrhenius == 1.0
    stored = replace(process, temperature=350.0)
    assert stored.at(OperatingPoint(temperature=400.0)) == stored
    assert KNOWN.at(OperatingPoint(temperature=400.0)) == KNOWN  # no activation energy
