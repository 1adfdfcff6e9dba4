"""Measured maps of stuck cells: which cells they move, what they are told, what is refused."""

import copy
import pickle
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from devices import Device, FaultMap, NoFaults, Place, StateDependentError, StuckCells
from devices.tables import as_toml, device_from

NAN = np.nan
MAP = np.array([[NAN, 5e-6, NAN], [0.0, NAN, 2e-4]])
entries = st.floats(0, 1e-3) | st.just(NAN)
maps = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=5), elements=entries)


def cell(faults, **changes):
    return Device(**({"g_min": 1e-6, "g_max": 1e-4, "faults": faults} | changes))


@given(maps)
def test_stuck_cells_are_where_they_were_measured_and_others_at_their_target(stuck):
    target = np.full(stuck.shape, 3e-5)
    g = cell(FaultMap(stuck)).program(target, rng=0)
    np.testing.assert_array_equal(g, np.where(np.isnan(stuck), 3e-5, stuck))
    np.testing.assert_array_equal(FaultMap(stuck).apply(target, 1e-6, 1e-4, rng=0), g)


def test_healthy_cells_have_the_errors_of_the_same_seed_and_stuck_cells_none():
    write = StateDependentError(coefficients=(1e-6,))
    target = np.full((2, 3), 3e-5)
    plain = cell(NoFaults(), write=write).program(target, rng=7)
    g = cell(FaultMap(MAP), write=write).program(target, rng=7)
    np.testing.assert_array_equal(g, np.where(np.isnan(MAP), plain, MAP))


def test_a_map_knows_arrays_tiles_and_sides():
    faults = FaultMap({(0, 1): MAP, ("bias", 0, 0): MAP[:1]}, {"2, 0": MAP.T})

    def at(*place):
        return faults.at(Place(*place))

    assert at("main", (0, 1), (3, 2)) == FaultMap(MAP)
    assert at("main", (2, 0), (3, 2), "g_neg") == FaultMap(MAP.T)
    assert at("bias", (0, 0), (1, 1)) == FaultMap(MAP[:1])
    for place in [
        ("main", (0, 0), (3, 2)),
        ("main", (0, 1), (3, 2), "g_neg"),
        ("deterministic_path", (0, 1), (3, 2)),
    ]:
        assert at(*place) == NoFaults()


def test_one_map_is_that_of_the_single_tile_of_the_main_array():
    faults = FaultMap(MAP)
    assert faults.at(Place()) == faults
    assert faults.at(Place(side="g_neg")) == NoFaults()
    assert faults.at(Place("bias")) == NoFaults()
    both = FaultMap(None, MAP)
    assert both.at(Place(side="g_neg")) == faults
    assert both.at(Place()) == NoFaults()


def test_models_of_random_faults_are_the_same_everywhere():
    faults = StuckCells(p_stuck_lrs=0.1)
    assert faults.at(Place("bias", (1, 2), (3, 4), "g_neg")) is faults
    assert faults.measured((2, 3)) is None


def test_maps_compare_and_hash_by_what_they_say():
    faults = FaultMap(MAP)
    negative = np.where(np.isnan(MAP), -NAN, MAP)  # a NaN of another sign says the same
    assert faults == FaultMap(negative.tolist())
    assert hash(faults) == hash(FaultMap(negative))
    for other in [
        FaultMap(None, MAP),
        FaultMap(MAP, MAP),
        FaultMap({(0, 0): MAP}),
        FaultMap(np.where(MAP == 0, NAN, MAP)),
        NoFaults(),
    ]:
        assert faults != other
        assert repr(faults) != repr(other)
    assert repr(faults).startswith("FaultMap(3 of 6 cells stuck, sha256 ")
    for same in (copy.deepcopy(faults), pickle.loads(pickle.dumps(faults))):
        assert same == faults


def test_a_map_is_a_copy_that_cannot_be_written_to():
    mine = MAP.copy()
    faults = FaultMap(mine, {(0, 0): mine})
    mine[0, 0] = 1e-5
    assert faults == FaultMap(MAP, {(0, 0): MAP})
    for stuck in (faults.g_pos, faults.g_neg["main", 0, 0]):
        with pytest.raises(ValueError, match="read-only"):
            stuck[0, 0] = 1e-5


def test_a_device_with_a_map_survives_its_file():
    device = cell(FaultMap({(0, 1): MAP, ("bias", 0, 0): MAP}, MAP))
    assert device_from(tomllib.loads(as_toml(device, {})), "mine") == device


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ((MAP > 0,), "FaultMap.g_pos is a mask; give the conductance [S] of stuck cells and NaN"),
        ((MAP * 1e6,), "FaultMap.g_pos holds conductances from 0 to 200 S; give 0 to 0.1 S"),
        ((-MAP,), "FaultMap.g_pos holds conductances from -0.0002 to -0 S"),
        ((np.array([[np.inf]]),), "FaultMap.g_pos holds conductances from inf to inf S"),
        ((MAP[0],), "FaultMap.g_pos has shape (3,); give 2 dimensions"),
        ((MAP, "none"), "FaultMap.g_neg is not an array of real numbers"),
        ((None,), "FaultMap has no map; give g_pos or g_neg"),
        (({(0, 0): MAP[0]},), "FaultMap.g_pos[(0, 0)] has shape (3,); give 2 dimensions"),
        (({0: MAP},), "FaultMap.g_pos has the key 0; give (row, column) of a tile"),
        (({"0": MAP},), "FaultMap.g_pos has the key '0'"),
        (({(0, -1): MAP},), "column in the key (0, -1) of FaultMap.g_pos = -1 is not allowed"),
        (({("biases", 0, 0): MAP},), "unknown array in a key of FaultMap.g_pos 'biases'"),
    ],
)
def test_wrong_maps_are_refused(maps, message):
    with pytest.raises(ValueError) as refused:
        FaultMap(*maps)
    assert message in str(refused.value)


def test_maps_that_do_not_fit_their_place_are_refused():
    with pytest.raises(ValueError, match=r"map of shape \(2, 3\) for cells, of shape \(3, 2\)"):
        cell(FaultMap(MAP)).program(np.full((3, 2), 1e-5), rng=0)
    with pytest.raises(ValueError, match=r"g_pos is one map, but the array has 2 × 1 tiles"):
        FaultMap(MAP).at(Place("main", (0, 0), (2, 1)))
    with pytest.raises(
        ValueError, match=r"a map for tile \(2, 0\) of the array 'main', which has 2 × 1 tiles"
    ):
        FaultMap({(2, 0): MAP}).at(Place("main", (0, 0), (2, 1)))
    with pytest.raises(ValueError, match="unknown side of a tile 'g_ref'"):
        FaultMap(MAP).at(Place(side="g_ref"))
    with pytest.raises(ValueError, match="these faults have a map for each tile"):
        cell(FaultMap({(0, 0): MAP})).program(np.full((2, 3), 1e-5), rng=0)
