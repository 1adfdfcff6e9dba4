"""Drift and relaxation: published numbers, one path per cell, common part and spread."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import (
    RELAXATION_WAN2022,
    ClippedLog,
    Device,
    LogTimeDrift,
    NoDrift,
    PowerLawDrift,
    TabulatedRelaxation,
)
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

CELLS = 40_000
DAY = 86400.0
PCM = PowerLawDrift()
WAN = RELAXATION_WAN2022
UNIT = 25e-6  # largest PCM conductance [S]


def aged(model, g, seconds, seed=0):
    return model.age(g, seconds, rng=np.random.default_rng(seed))


# --- power law


def test_published_exponents_by_conductance():
    mean, std = PCM.exponents(UNIT * np.array([1, 0.1, 0.04]))
    # Half a unit of the last printed digit.
    assert (np.abs(mean - [0.049, 0.0601, 0.0743]) <= [1e-12, 5e-5, 5e-5]).all()
    assert (np.abs(std - [0.008, 0.0229, 0.0343]) <= [1e-12, 5e-5, 5e-5]).all()
    # The coefficients are clipped, although ln g has no bounds.
    np.testing.assert_allclose(
        PCM.exponents(np.array([0.0, 10 * UNIT])), [[0.1, 0.049], [0.045, 0.008]], rtol=1e-12
    )


def test_cells_drift_with_their_own_exponent_for_all_times(rng):
    g = np.full((50, 4), UNIT)
    nu = [-np.log(aged(PCM, g, t) / g) / np.log(t / 20) for t in (21.0, 3600.0, 1e9)]
    # ν = |N(0.049, 0.008²)| per cell, the same at 21 s and after 30 years.
    np.testing.assert_allclose(nu[0], nu[1], rtol=1e-9)
    np.testing.assert_allclose(nu[2], nu[1], rtol=1e-9)
    assert len(np.unique(nu[2])) == 200
    exponents = -np.log(aged(PCM, np.full(CELLS, UNIT), DAY) / UNIT) / np.log(DAY / 20)
    assert_mean(exponents, 0.049)
    assert_variance(exponents, 0.008**2, 0.049)


@given(st.floats(0, 20))
def test_nothing_drifts_up_to_the_first_read(seconds):
    g = np.array([1e-6, 2e-5])
    np.testing.assert_array_equal(aged(PCM, g, seconds), g)
    np.testing.assert_allclose(PCM.common(g, seconds), 1, rtol=1e-12)
    np.testing.assert_allclose(PCM.spread(g, seconds), 0, atol=1e-12)


def test_relative_spread_after_a_day_is_that_of_a_lognormal():
    g = np.array([UNIT])
    s = 0.008 * np.log(DAY / 20)
    assert abs(s - 0.067) < 0.0005  # 6.7 %
    # exp(−ν L) with ν normal (its fold at 6 standard deviations matters at 1e-9): mean e^(−μL +
    # s²/2), CV √(e^(s²) − 1).
    np.testing.assert_allclose(
        PCM.common(g, DAY), np.exp(-0.049 * np.log(DAY / 20) + s**2 / 2), rtol=1e-8
    )
    np.testing.assert_allclose(
        PCM.spread(g, DAY) / (g * PCM.common(g, DAY)), np.sqrt(np.expm1(s**2)), rtol=1e-6
    )


@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (2.0, 0.5)])
def test_common_and_spread_are_the_moments_of_aged_cells(factors):
    # A fold that matters: |N(0.05, 0.1²)|.
    common, spread = factors
    model = PowerLawDrift(nu_mean=0.05, nu_std=0.1, common_factor=common, spread_factor=spread)
    g = np.full((CELLS, 2), [5e-6, UNIT])
    got = aged(model, g, DAY)
    mean, std = model.common(g[0], DAY) * g[0], model.spread(g[0], DAY)
    assert_mean(got, mean)
    assert_variance(got, std**2, mean)
    if spread:
        assert_covariance(got[:, 0], got[:, 1], 0)


def test_common_drift_above_a_third_of_the_range_is_a_pure_gain():
    # Only the spread is a static error: without it cells keep their ratios, whatever the size of
    # the common part.
    g = UNIT * np.linspace(0.34, 1, 7)
    for factor in (1.0, 3.0):
        pure = replace(PCM, common_factor=factor, spread_factor=0.0)
        np.testing.assert_allclose(
            aged(pure, g, DAY) / g, (DAY / 20) ** (-0.049 * factor), rtol=1e-8
        )
        np.testing.assert_allclose(pure.spread(g, DAY), 0, atol=1e-7 * UNIT)
    # Below it the published mean exponent depends on g, and ratios are lost even so.
    low = aged(replace(PCM, spread_factor=0.0), UNIT * np.array([0.05, 1]), DAY)
    assert low[0] / low[1] < 0.05 * 0.9


def test_the_two_factors_act_on_their_own_part_only():
    g = np.full(200, UNIT / 10)
    nu = {
        factors: -np.log(
            aged(replace(PCM, common_factor=factors[0], spread_factor=factors[1]), g, DAY) / g
        )
        for factors in ((1, 1), (0, 1), (1, 0), (3, 1), (1, 3))
    }
    np.testing.assert_allclose(nu[0, 1] + nu[1, 0], nu[1, 1], rtol=1e-9)
    np.testing.assert_allclose(nu[3, 1] - nu[0, 1], 3 * nu[1, 0], rtol=1e-9)
    np.testing.assert_allclose(nu[1, 3] - nu[1, 0], 3 * nu[0, 1], rtol=1e-9, atol=1e-12)
    assert np.ptp(nu[1, 0]) <= 1e-12


def test_laws_and_numbers_may_be_mixed():
    law = ClippedLog(slope=-0.01, intercept=0.02, low=0.0, high=1.0)
    mean, std = PowerLawDrift(nu_mean=0.03, nu_std=law, g_ref=1e-5).exponents(
        np.array([1e-5, 1e-6])
    )
    np.testing.assert_allclose(mean, 0.03)
    np.testing.assert_allclose(std, [0.02, 0.02 + 0.01 * np.log(10)], rtol=1e-12)
    none = PowerLawDrift(nu_mean=0.0, nu_std=0.0)
    np.testing.assert_array_equal(aged(none, np.array([1e-6]), 1e9), [1e-6])
    np.testing.assert_allclose(
        [none.common(np.array([1e-6]), 1e9)[0], none.spread(np.array([1e-6]), 1e9)[0]], [1, 0]
    )


# --- tabulated relaxation


def test_extra_spread_at_the_tabulated_times_is_that_of_the_fits():
    g = 40e-6 * np.array([0.25, 0.5, 1.0])
    # σ [µS] of the fits at 1 s, 1 d, 2 d, worked out by hand at g/g_ref = 1: 1.103, 2.651, 2.677.
    at_top = WAN.spread(g[2:], DAY), WAN.spread(g[2:], 2 * DAY)
    np.testing.assert_allclose(
        np.ravel(at_top) * 1e6, np.sqrt([2.651**2 - 1.103**2, 2.677**2 - 1.103**2]), rtol=1e-9
    )
    powers = (g / 40e-6)[:, None] ** np.arange(5)
    sigma = [powers @ np.array(row) for row in WAN.coefficients]
    added = [s**2 - sigma[0] ** 2 for s in sigma]
    # At 20 and 40 µS the fit at 2 days lies above that at 1 day, at 10 µS below: there it stays.
    assert (added[2] > added[1]).tolist() == [False, True, True]
    for k, t in enumerate(WAN.times):
        np.testing.assert_allclose(
            WAN.spread(g, t) ** 2, np.max(added[: k + 1], axis=0), rtol=1e-9, atol=1e-18
        )


def test_no_spread_ever_shrinks():
    g = np.linspace(0, 40e-6, 81)
    spreads = np.array([WAN.spread(g, t) for t in np.geomspace(0.1, 1e8, 60)])
    assert (np.diff(spreads, axis=0) >= 0).all()


def test_variance_is_interpolated_in_the_logarithm_of_time_and_held_at_the_end():
    g = np.array([2e-5])
    day, two = WAN.spread(g, DAY), WAN.spread(g, 2 * DAY)
    np.testing.assert_allclose(WAN.spread(g, DAY**0.5) ** 2, day**2 / 2, rtol=1e-9)
    np.testing.assert_allclose(
        WAN.spread(g, DAY * 2**0.25) ** 2, 0.75 * day**2 + 0.25 * two**2, rtol=1e-9
    )
    np.testing.assert_array_equal(WAN.spread(g, 1e9), two)
    for t in (0.0, 0.5, 1.0):
        np.testing.assert_array_equal(WAN.spread(g, t), 0)


def test_relaxed_cells_have_that_spread_about_where_they_were():
    g = np.full((CELLS, 2), [2e-5, 3.5e-5])
    got = aged(WAN, g, DAY)
    assert_mean(got, g[0])
    assert_variance(got, WAN.spread(g[0], DAY) ** 2, g[0])
    assert_covariance(got[:, 0], got[:, 1], 0)
    np.testing.assert_array_equal(WAN.common(g, DAY), 1)
    # Together with the programming error at 1 s the total is the fit at one day.
    first, day = (np.polynomial.polynomial.polyval(0.5, row) for row in WAN.coefficients[:2])
    programmed = first * np.random.default_rng(5).standard_normal(CELLS)
    total = aged(WAN, np.full(CELLS, 2e-5), DAY, seed=6) - 2e-5 + programmed
    assert_variance(total, day**2, 0)


def test_a_relaxing_cell_follows_one_path_of_independent_increments():
    g = np.full(CELLS, 2e-5)
    hour, again, day, later = (aged(WAN, g, t) - g for t in (3600.0, 3600.0, DAY, 5 * DAY))
    np.testing.assert_array_equal(hour, again)
    assert_mean(hour * day, WAN.spread(g[:1], 3600.0) ** 2)
    assert_mean(hour * (day - hour), 0)
    np.testing.assert_array_equal(later, aged(WAN, g, 2 * DAY) - g)  # the table ends there
    np.testing.assert_array_equal(aged(WAN, g, 0.0), g)
    assert not np.array_equal(aged(WAN, g, DAY, seed=1), aged(WAN, g, DAY, seed=2))


def test_spread_factor_multiplies_and_conductances_do_not_go_below_zero():
    g = np.full(2000, 1e-6)
    wide = replace(WAN, spread_factor=3.0)
    np.testing.assert_allclose(wide.spread(g, DAY), 3 * WAN.spread(g, DAY), rtol=1e-12)
    got = aged(wide, g, DAY)
    assert got.min() == 0
    np.testing.assert_array_equal(aged(replace(WAN, spread_factor=0.0), g, DAY), g)


def test_conductances_beyond_the_fit_take_the_spread_at_its_end():
    np.testing.assert_array_equal(
        WAN.spread(np.array([41e-6, 1e-3]), DAY), np.repeat(WAN.spread(np.array([40e-6]), DAY), 2)
    )


def test_a_spread_below_the_first_one_adds_nothing():
    model = TabulatedRelaxation(
        times=(1.0, 10.0, 100.0), coefficients=((2e-6,), (1e-6,), (3e-6, -9e-6)), g_ref=1e-5
    )
    np.testing.assert_array_equal(model.spread(np.array([1e-6]), 10.0), 0)
    np.testing.assert_allclose(model.spread(np.array([0.0]), 100.0), np.sqrt(5) * 1e-6, rtol=1e-12)
    # Its polynomial is floored at 0 there.
    np.testing.assert_array_equal(model.spread(np.array([1e-5]), 100.0), 0)


@pytest.mark.parametrize("model", [PCM, WAN], ids=["power law", "tabulated"])
def test_a_device_ages_from_what_was_programmed(model):
    device = Device(g_min=1e-6, g_max=25e-6, retention=model)
    g = np.full((3, 4), 1e-5)
    day, again = device.age(g, DAY, rng=7), device.age(g, DAY, rng=7)
    np.testing.assert_array_equal(day, again)
    assert not np.shares_memory(day, g)
    assert (g == 1e-5).all()
    assert (day != g).all()


def test_rows_given_as_lists_compare_equal_to_tuples():
    rows = [list(row) for row in WAN.coefficients]
    assert TabulatedRelaxation(times=list(WAN.times), coefficients=rows, g_ref=40e-6) == WAN
    assert hash(WAN) == hash(replace(WAN))


BAD = [
    (lambda: PowerLawDrift(nu_mean=-0.1), r"PowerLawDrift\.nu_mean = -0\.1 is not allowed"),
    (lambda: PowerLawDrift(nu_std="wide"), r"PowerLawDrift\.nu_std = 'wide' is not a number"),
    (
        lambda: PowerLawDrift(t_0=0),
        r"PowerLawDrift\.t_0 = 0 is not allowed; give a finite number in \(0, inf\) s",
    ),
    (lambda: PowerLawDrift(g_ref=0), r"PowerLawDrift\.g_ref = 0 is not allowed"),
    (lambda: PowerLawDrift(common_factor=-1), r"PowerLawDrift\.common_factor = -1 is not allowed"),
    (lambda: PowerLawDrift(spread_factor=-1), r"PowerLawDrift\.spread_factor = -1 is not allowed"),
    (
        lambda: ClippedLog(slope=None, intercept=0, low=0, high=1),
        r"ClippedLog\.slope = None is not a number",
    ),
    (
        lambda: ClippedLog(slope=0, intercept=None, low=0, high=1),
        r"ClippedLog\.intercept = None is not a number",
    ),
    (
        lambda: ClippedLog(slope=0, intercept=0, low=-1, high=1),
        r"ClippedLog\.low = -1 is not allowed",
    ),
    (
        lambda: ClippedLog(slope=0, intercept=0, low=1, high=0.5),
        r"ClippedLog\.high = 0\.5 is not allowed; .* \[1, inf\)",
    ),
    (
        lambda: replace(WAN, times=(0.0, 1.0, 2.0)),
        r"TabulatedRelaxation\.times\[0\] = 0\.0 is not allowed",
    ),
    (
        lambda: replace(WAN, times=(1.0, 3.0, 2.0)),
        r"TabulatedRelaxation\.times must rise, but \[2\] = 2 follows \[1\] = 3",
    ),
    (
        lambda: replace(WAN, times=(1.0,)),
        r"TabulatedRelaxation\.times = \(1\.0,\) is too short to interpolate",
    ),
    (
        lambda: replace(WAN, times=(1.0, 2.0)),
        r"TabulatedRelaxation\.coefficients has 3 rows for 2 times",
    ),
    (
        lambda: replace(WAN, coefficients=((1e-6,), (), (1e-6,))),
        r"give one polynomial for each, with at least its constant",
    ),
    (
        lambda: replace(WAN, coefficients=((1,), ("a",), (1,))),
        r"TabulatedRelaxation\.coefficients\[1\]\[0\] = 'a' is not a number",
    ),
    (
        lambda: replace(WAN, coefficients=1e-6),
        r"TabulatedRelaxation\.coefficients = 1e-06 is not a list of rows; give one polynomial",
    ),
    (lambda: replace(WAN, g_ref=0), r"TabulatedRelaxation\.g_ref = 0 is not allowed"),
    (
        lambda: replace(WAN, spread_factor=-1),
        r"TabulatedRelaxation\.spread_factor = -1 is not allowed",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_retention_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- log time


@pytest.mark.parametrize(("common", "spread"), [(1, 1), (0, 1), (1, 0.01), (2, 0.5)])
def test_log_time_drift_has_a_common_part_and_a_spread_of_their_own(common, spread):
    drift = LogTimeDrift(
        mean=-8e-8, std=4e-7, std_rate=4e-8, common_factor=common, spread_factor=spread
    )
    g = np.full(CELLS, 5e-5)
    log_time = np.log(DAY)
    now = aged(drift, g, DAY)
    assert_mean(now, 5e-5 + common * -8e-8 * log_time)
    assert_variance(now, (spread * (4e-7 + 4e-8 * log_time)) ** 2)
    np.testing.assert_allclose(
        drift.common(g[:1], DAY), 1 + common * -8e-8 * log_time / 5e-5, rtol=1e-12
    )
    np.testing.assert_allclose(
        drift.spread(g[:1], DAY), spread * (4e-7 + 4e-8 * log_time), rtol=1e-12
    )
    assert drift.spread(g[:1], 0.0) == 0
    for bad in ("common_factor", "spread_factor"):
        with pytest.raises(ValueError, match=rf"LogTimeDrift\.{bad} = -1 is not allowed"):
            replace(drift, **{bad: -1})


def test_without_drift_nothing_is_common_or_spread():
    assert NoDrift().common(np.ones(3), DAY).tolist() == [1, 1, 1]
    assert NoDrift().spread(np.ones(3), DAY).tolist() == [0, 0, 0]
