"""Arrays of cells that were measured: uneven levels, and maps of stuck cells."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Hardware, NeuronArray, ReferenceColumn, TiledArray, Wires
from crossbar.arrays.neurons import Part
from crossbar.paths import with_value
from devices import BlankOut, Device, FaultMap
from devices.faults.base import ARRAYS
from tests.helpers.statistics import assert_variance
from tests.helpers.tiles import MAPPINGS, mappings, tile_of
from tests.helpers.unbounded_error import UnboundedError

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


def stuck_map(rng, shape):
    """Return a map in which about a third of the cells are stuck, from 0 to 0.2 mS."""
    return np.where(rng.random(shape) < 0.3, rng.uniform(0, 2e-4, shape), np.nan)


def test_every_tile_and_side_has_its_map_and_other_cells_stay_as_they_are(rng):
    w = rng.uniform(-1, 1, (10, 12))
    plain = Hardware(
        device=Device(g_min=1e-6, g_max=1e-4, write=UnboundedError(coefficients=(1e-6,))),
        tile_shape=(8, 6),
    )
    g_pos = {(0, 0): stuck_map(rng, (8, 6)), (1, 1): stuck_map(rng, (4, 4))}
    g_neg = {(1, 0): stuck_map(rng, (4, 6))}
    faulty = replace(plain, device=replace(plain.device, faults=FaultMap(g_pos, g_neg)))
    whole, broken = (
        TiledArray.program(w, h, siemens_per_weight=9e-5, rng=3) for h in (plain, faulty)
    )
    for i in range(2):
        for j in range(2):
            for side, maps in (("g_pos", g_pos), ("g_neg", g_neg)):
                healthy = getattr(whole.tiles[i][j], side)
                stuck = maps.get((i, j), np.full(healthy.shape, np.nan))
                np.testing.assert_array_equal(
                    getattr(broken.tiles[i][j], side), np.where(np.isnan(stuck), healthy, stuck)
                )
    # Stuck cells have no programming error.
    counts = np.isnan(np.hstack([g_pos[0, 0], np.full((8, 4), np.nan)])).sum(axis=0)
    counts += np.isnan(np.hstack([np.full((4, 6), np.nan), g_pos[1, 1]])).sum(axis=0)
    counts += 8 + np.isnan(np.hstack([g_neg[1, 0], np.full((4, 4), np.nan)])).sum(axis=0)
    expected = counts * (1e-6 / 9e-5) ** 2
    np.testing.assert_allclose(broken.programming_variance(), expected, rtol=1e-9)


def test_a_map_of_measured_conductances_programs_a_reference_column_too(rng):
    measured = rng.uniform(0, 1e-4, (7, 3)), rng.uniform(4e-5, 5e-5, (7, 1))
    device = Device(
        g_min=1e-6,
        g_max=1e-4,
        write=UnboundedError(coefficients=(1e-6,)),
        faults=FaultMap(*measured),
    )
    tile = tile_of(np.ones((3, 7)), device=device, mapping=ReferenceColumn(), k=4e-5)
    np.testing.assert_array_equal(tile.g_pos, measured[0])
    np.testing.assert_array_equal(tile.g_neg, measured[1])
    x = rng.uniform(-1, 1, (2, 7))
    np.testing.assert_allclose(
        tile.read(x, rng=0), x @ (measured[0] - measured[1]) / 4e-5, rtol=1e-12
    )


def test_the_arrays_of_a_layer_have_maps_of_their_own(rng):
    maps = {
        (0, 0): np.full((4, 2), 1e-5),
        ("deterministic_path", 0, 0): np.full((4, 2), 2e-5),
        ("bias", 0, 0): np.full((1, 2), 3e-5),
    }
    hardware = Hardware(
        device=Device(g_min=1e-6, g_max=1e-4, faults=FaultMap(maps)), gate=BlankOut(0.5)
    )
    neurons = NeuronArray.program(
        rng.uniform(-1, 1, (2, 4)),
        hardware,
        siemens_per_weight=9e-5,
        a=np.ones(2),
        b=np.ones(2),
        rng=0,
    )
    assert tuple(part.name.lower() for part in Part) == ARRAYS
    for part, g in zip(neurons.parts(), (1e-5, 2e-5, 3e-5), strict=True):
        np.testing.assert_array_equal(part.array.tiles[0][0].g_pos, g)
        assert (part.array.tiles[0][0].g_neg != g).all()


def test_maps_that_do_not_fit_the_tiles_are_refused(rng):
    def program(faults, w):
        device = Device(g_min=1e-6, g_max=1e-4, faults=faults)
        hardware = Hardware(device=device, tile_shape=(8, 6))
        return TiledArray.program(w, hardware, siemens_per_weight=9e-5, rng=0)

    one = FaultMap(np.full((8, 6), np.nan))
    program(one, np.ones((6, 8)))
    with pytest.raises(
        ValueError,
        match=r"shape \(8, 6\) for g_pos of tile \(1, 0\) of the array 'main', of shape \(4, 6\)",
    ):
        program(FaultMap({(1, 0): one.g_pos}), np.ones((6, 12)))
    with pytest.raises(ValueError, match=r"g_pos is one map, but the array has 2 × 1 tiles"):
        program(one, np.ones((6, 12)))
    with pytest.raises(ValueError, match=r"tile \(0, 1\) of the array 'main', which has 1 × 1"):
        program(FaultMap({(0, 1): one.g_pos}), np.ones((6, 8)))


def test_conductances_cannot_be_written_to(rng):
    tile = tile_of(rng.uniform(-1, 1, (3, 4)), wires=Wires(1.0, 1.0), gate=BlankOut(0.5))
    programmed = tile.programmed
    for g in (
        tile.g_pos,
        tile.g_neg,
        programmed.g_pos,
        programmed.g_neg,
        *tile.conductances(),
        *tile.effective_conductances(),
    ):
        with pytest.raises(ValueError, match="read-only"):
            g[0, 0] = 1e-6
    tile.scale_conductances(0.5)
    tile.age(1.0)
    assert tile.read(np.ones((1, 4)), rng=0).shape == (1, 3)
