"""Levels as a list of measured conductances: nearest level, common grid, error of rounding."""

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import Device, StuckCells, preset
from devices.tables import as_toml, device_from
from tests.helpers.statistics import assert_mean

MEASURED = (1e-6, 3e-6, 1e-5, 1e-4)


def cell(levels, **changes):
    return Device(**({"g_min": 1e-6, "g_max": 1e-4, "levels": levels} | changes))


@st.composite
def lists(draw):
    """Draw rising levels [S] within 1 to 100 µS."""
    seed = draw(st.integers(0, 2**32 - 1))
    n = draw(st.integers(2, 12))
    return np.sort(np.random.default_rng(seed).uniform(1e-6, 1e-4, n))


@given(lists(), st.lists(st.floats(1e-6, 1e-4), max_size=8))
def test_targets_go_to_the_nearest_level(levels, targets):
    target = np.array(targets).reshape(-1, 1)
    held = cell(levels).program(target, rng=0)
    distance = np.abs(target - levels)
    assert np.isin(held, levels).all()
    np.testing.assert_allclose(np.abs(target - held)[:, 0], distance.min(axis=1), atol=1e-18)


def test_halfway_between_two_levels_the_lower_one_is_taken():
    np.testing.assert_array_equal(cell([1e-6, 3e-6]).quantize(np.array([2e-6])), [1e-6])


@pytest.mark.parametrize("n", [2, 5, 16])
def test_a_list_of_even_levels_is_the_same_as_their_number(n, rng):
    even = cell(n)
    listed = cell(even.level_conductances)
    target = rng.uniform(1e-6, 1e-4, 1000)
    np.testing.assert_allclose(listed.quantize(target), even.quantize(target), rtol=1e-12)
    assert listed.step == pytest.approx(even.step, rel=1e-12)
    of_list, of_number = (d.rounding_variance(even.quantize(target)) for d in (listed, even))
    np.testing.assert_allclose(of_list, of_number, rtol=1e-9)


@pytest.mark.parametrize(
    ("levels", "step"),
    [
        (MEASURED, 1e-6),  # distances 2, 7 and 90 µS
        ([2e-6, 8e-6, 1.7e-5], 3e-6),  # distances 6 and 9 µS
        ([1e-6, 1e-6 + np.sqrt(2) * 1e-6, 3e-6], 0),
        ([1.234567891e-6, 2.345678912e-6, 9.1e-5], 0),  # a grid of 1e-15 S is none
    ],
)
def test_the_step_is_the_coarsest_grid_of_all_levels(levels, step):
    assert cell(levels).step == pytest.approx(step, rel=1e-9)


def test_levels_of_a_cell_are_known_however_they_are_given():
    assert cell(None).level_conductances is None
    np.testing.assert_allclose(cell(3).level_conductances, [1e-6, 5.05e-5, 1e-4], rtol=1e-12)
    np.testing.assert_array_equal(cell(MEASURED).level_conductances, MEASURED)


@pytest.mark.parametrize("levels", [None, 5, MEASURED, [2e-5, 2.5e-5, 9e-5]])
def test_the_rounding_variance_is_that_of_uniform_targets(levels, rng):
    device = cell(levels)
    target = rng.uniform(1e-6, 1e-4, 40_000)
    held = device.quantize(target)
    for level in np.unique(held) if levels else [5e-6]:
        here = held == level if levels else np.ones(len(held), bool)
        expected = device.rounding_variance(np.array([level, level]))
        assert expected.shape == (2,)
        assert_mean((held - target)[here] ** 2, expected[0])


def test_a_measured_list_survives_its_file_and_compares_and_hashes():
    device = cell(np.array(MEASURED))
    assert device == cell(list(MEASURED))
    assert hash(device) == hash(cell(MEASURED))
    assert device_from(tomllib.loads(as_toml(device, {})), "mine") == device
    assert preset("rram_wu2018", levels=[1e-6, 8e-6]).levels == (1e-6, 8e-6)


def test_stuck_cells_are_at_the_ends_of_the_range_not_of_the_list():
    device = cell([2e-6, 5e-5], faults=StuckCells(p_stuck_lrs=1.0))
    np.testing.assert_array_equal(device.program(np.full(3, 2e-6), rng=0), 1e-4)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([1e-6], "Device.levels lists 1 conductances; give at least two"),
        ([], "Device.levels lists 0 conductances"),
        ([1e-6, 5e-6, 3e-6], "Device.levels must rise, but 5e-06 S is followed by 3e-06 S"),
        ([1e-6, 1e-6], "must rise, but 1e-06 S is followed by 1e-06 S"),
        ([1.0, 3.0], "Device.levels lists 1 to 3 S, outside the device's 1e-06 to 0.0001 S"),
        ([5e-7, 3e-6], "Device.levels lists 5e-07 to 3e-06 S, outside"),
        ([1e-6, np.nan], "Device.levels holds 1 values that are NaN or infinite"),
        (["low", "high"], "Device.levels is not an array of real numbers"),
        ([[1e-6, 2e-6]], r"Device.levels has shape (1, 2); give 1 dimensions"),
        ("4", "Device.levels = '4' is not allowed; give a whole number of at least 2"),
    ],
)
def test_wrong_lists_are_refused(levels, message):
    with pytest.raises(ValueError) as refused:
        cell(levels)
    assert message in str(refused.value)
