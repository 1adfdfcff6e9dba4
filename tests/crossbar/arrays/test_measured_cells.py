"""Arrays of cells that were measured: uneven levels."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar.paths import with_value
from devices import BlankOut, Device
from tests.helpers.statistics import assert_variance
from tests.helpers.tiles import MAPPINGS, mappings, tile_of

MEASURED = (1e-6, 3e-6, 1e-5, 1e-4)
CELL = Device(g_min=1e-6, g_max=1e-4, levels=MEASURED)


@mappings
def test_cells_stand_on_measured_levels_and_a_reference_column_does_not(mapping, rng):
    w = rng.uniform(-1, 1, (6, 20))
    tile = tile_of(w, device=CELL, mapping=MAPPINGS[mapping])
    assert set(tile.g_pos.ravel()) <= set(MEASURED)
    if mapping == "ReferenceColumn":
        np.testing.assert_array_equal(tile.g_neg, (1e-6 + 1e-4) / 2)
    else:
        assert set(tile.g_neg.ravel()) <= set(MEASURED)


@pytest.mark.parametrize(
    ("levels", "off_grid"), [(MEASURED, False), ([1e-6, 3.3333e-6, 1.1234567e-5, 1e-4], True)]
)
def test_packed_reads_of_uneven_levels_have_their_weights(levels, off_grid, rng):
    w = rng.uniform(-1, 1, (6, 40))
    tile = tile_of(w, device=replace(CELL, levels=levels), gate=BlankOut(0.5))
    assert tile.reader.describe().startswith("packed bits")
    assert ("off grid" in tile.reader.describe()) == off_grid
    x = rng.choice([-1.0, 1.0], (1, 40))
    mean, variance = tile.moments(x)
    np.testing.assert_allclose(mean, 0.5 * x @ tile.weights.T, atol=1e-12)
    np.testing.assert_allclose(variance[0], 0.25 * (tile.weights**2).sum(axis=1), rtol=1e-12)
    u = tile.read(x, rng=1, reads_per_input=4000)
    for output in range(6):
        assert_variance(u[:, output], variance[0, output], mean[0, output])


def test_the_static_error_counts_the_local_distance_of_levels(rng):
    # Weights uniform over what is rounded to 10 µS: from 6.5 to 55 µS.
    k = 1e-4 - 1e-6
    w = rng.uniform(6.5e-6 - 1e-6, 5.5e-5 - 1e-6, (200, 50)) / k
    tile = tile_of(w, k=k, device=CELL, tile_shape=(64, 256))
    off = (tile.weights - w).sum(axis=1)
    # The negative cells hold their target g_min; the variance counts them as rounded to it.
    rest = ((3e-6 - 1e-6) / 2) ** 2 / 3 / k**2
    mean_square = ((10 - 6.5) ** 3 + (55 - 10) ** 3) / (3 * (55 - 6.5)) * 1e-12 / k**2
    expected = 50 * (mean_square + rest)
    np.testing.assert_allclose(tile.programming_variance(), expected, rtol=1e-9)
    spread = (tile.weights - w) ** 2
    assert spread.mean() == pytest.approx(mean_square, rel=0.05)
    assert off.mean() < 0  # 10 µS lies below the middle of the targets


def test_sweeps_take_lists_of_levels():
    hardware = tile_of(np.ones((1, 1)), device=replace(CELL, levels=4)).hardware
    changed = with_value(hardware, "device.levels", list(MEASURED))
    assert changed.device == CELL
    with pytest.raises(ValueError, match="Device.levels must rise"):
        with_value(hardware, "device.levels", [3e-6, 1e-6])
