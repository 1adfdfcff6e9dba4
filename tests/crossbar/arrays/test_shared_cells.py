"""The cells of an array lie in memory once: tiles are parts of its matrices."""

import copy
import pickle

import numpy as np
import pytest

from crossbar import Hardware, ReferenceColumn, TiledArray, Wires
from devices import Device, StateDependentError, preset

CELL = Device(g_min=1e-7, g_max=1e-6, write=StateDependentError(coefficients=(1e-8,)))
HARDWARE = {
    "pairs": Hardware(device=CELL, tile_shape=(7, 4)),
    "references": Hardware(device=CELL, mapping=ReferenceColumn(), tile_shape=(7, 4)),
    "drift": Hardware(device=preset("pcm_nandakumar2019"), tile_shape=(7, 4)),
    "wires": Hardware(device=CELL, wires=Wires(1.0, 1.0), tile_shape=(7, 4)),
}


@pytest.fixture(params=HARDWARE)
def array(request, rng):
    """Return an array of 3 × 3 tiles, the last ones smaller."""
    hardware = HARDWARE[request.param]
    k = hardware.mapping.siemens_per_weight(1.0, hardware.device)
    w = rng.uniform(-1, 1, (9, 16))
    return TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)


def assert_together(array):
    """Assert that every tile holds its part of the array's cells, and its effective ones."""
    g_pos, g_neg = array.cells()
    c = array.joined()
    edges = array.row_edges, array.column_edges
    for i, row in enumerate(array.tiles):
        for j, tile in enumerate(row):
            lines, columns = (slice(e[n], e[n + 1]) for e, n in zip(edges, (i, j), strict=True))
            shared = array.hardware.mapping.shares_reference
            negative = slice(j, j + 1) if shared else columns
            np.testing.assert_array_equal(tile.g_pos, g_pos[lines, columns])
            np.testing.assert_array_equal(tile.g_neg, g_neg[lines, negative])
            effective = tile.conductances
            np.testing.assert_array_equal(effective.effective_pos, c.effective_pos[lines, columns])
            np.testing.assert_array_equal(effective.effective_neg, c.effective_neg[lines, negative])


def test_tiles_are_parts_of_the_matrices(array):
    g_pos, g_neg = array.cells()
    for tile in array.all_tiles():
        assert np.shares_memory(tile.g_pos, g_pos)
        assert np.shares_memory(tile.g_neg, g_neg)
    assert_together(array)
    if array.hardware.wires is None:
        assert array.joined().effective_pos is g_pos


def test_they_stay_together_as_the_chip_changes(array):
    before = array.cells()[0].copy()
    array.age(1e5)
    assert_together(array)
    array.scale_conductances(0.5)
    assert_together(array)
    if array.hardware.device == CELL:
        np.testing.assert_array_equal(array.cells()[0], 0.5 * before)


def test_copies_are_arrays_of_their_own(array):
    for twin in (copy.deepcopy(array), pickle.loads(pickle.dumps(array))):
        assert_together(twin)
        before = array.cells()[0].copy()
        twin.scale_conductances(2.0)
        assert_together(twin)
        np.testing.assert_array_equal(array.cells()[0], before)
        np.testing.assert_array_equal(twin.cells()[0], 2 * before)
