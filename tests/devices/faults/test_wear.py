"""Endurance: Weibull lifetimes, where failed cells are stuck, failures that stay."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import Device, WearOut
from tests.helpers.statistics import assert_frequency

CELLS = 40_000
LOW, HIGH, TARGET = 1e-6, 1e-5, 5e-6
WORN = WearOut(cycles=1e5, characteristic_life=1e6, shape=0.7, p_lrs=0.3)


def apply(faults, seed=0, cells=CELLS):
    return faults.apply(np.full(cells, TARGET), LOW, HIGH, rng=np.random.default_rng(seed))


def test_failure_probability_is_weibull():
    # ln(−ln(1 − p)) = shape · ln(cycles/characteristic_life); 63.2 % at the characteristic life.
    n = np.geomspace(1e3, 1e7, 9)
    p = np.array([replace(WORN, cycles=x).p_fail for x in n])
    np.testing.assert_allclose(np.log(-np.log1p(-p)), 0.7 * np.log(n / 1e6), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(replace(WORN, cycles=1e6).p_fail, 1 - np.exp(-1), rtol=1e-12)
    assert replace(WORN, cycles=0).p_fail == 0
    assert replace(WORN, cycles=1e15, shape=5).p_fail == 1


def test_counts_of_failed_cells_are_binomial():
    g = apply(WORN)
    p = -np.expm1(-(0.1**0.7))
    assert_frequency((g == HIGH).sum(), CELLS, 0.3 * p)
    assert_frequency((g == LOW).sum(), CELLS, 0.7 * p)
    assert_frequency((g == TARGET).sum(), CELLS, 1 - p)


def test_neighboring_cells_fail_independently():
    failed = apply(WORN) != TARGET
    assert_frequency((failed[:-1:2] & failed[1::2]).sum(), CELLS // 2, WORN.p_fail**2)


def test_new_cells_follow_their_targets_and_do_not_share_them():
    target = np.array([[LOW, TARGET], [HIGH, TARGET]])
    g = replace(WORN, cycles=0).apply(target, LOW, HIGH, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(g, target)
    assert not np.shares_memory(g, target)


@pytest.mark.parametrize(("p_lrs", "stuck"), [(0.0, LOW), (1.0, HIGH)])
def test_dead_arrays_are_stuck_on_one_side(p_lrs, stuck):
    g = apply(WearOut(cycles=1e12, characteristic_life=1.0, shape=2.0, p_lrs=p_lrs), cells=100)
    np.testing.assert_array_equal(g, stuck)


@given(st.floats(1e2, 1e7), st.floats(1, 1e3), st.integers(0, 100))
def test_failed_cells_stay_failed_at_the_same_end(cycles, more, seed):
    early, late = (apply(replace(WORN, cycles=n), seed, cells=300) for n in (cycles, cycles * more))
    failed = early != TARGET
    np.testing.assert_array_equal(late[failed], early[failed])


def test_a_device_may_wear_out():
    device = Device(g_min=LOW, g_max=HIGH, faults=WORN)
    g = device.program(np.full((30, 40), TARGET), rng=3)
    np.testing.assert_array_equal(g, device.program(np.full((30, 40), TARGET), rng=3))
    assert set(np.unique(g)) == {LOW, TARGET, HIGH}


BAD = [
    ({"cycles": -1}, r"WearOut\.cycles = -1 is not allowed; give a finite number in \[0, inf\)"),
    ({"characteristic_life": 0}, r"WearOut\.characteristic_life = 0 is not allowed"),
    ({"shape": 0}, r"WearOut\.shape = 0 is not allowed"),
    ({"p_lrs": 1.1}, r"WearOut\.p_lrs = 1\.1 is not allowed; give a finite number in \[0, 1\]"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_wear_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(WORN, **change)
