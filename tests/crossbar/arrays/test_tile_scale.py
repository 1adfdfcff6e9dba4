"""Tiles with a weight scale of their own: weights, errors, moments, currents and converters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import (
    Adc,
    BitSliced,
    Dac,
    DifferentialPair,
    Hardware,
    NeuronArray,
    ReferenceColumn,
    largest_weight,
    row_factors,
    tile_factors,
)
from crossbar.arrays.inspection import physical_tiles, tile_currents
from crossbar.arrays.snapshot import restore, snapshot
from crossbar.arrays.tiled import TiledArray
from crossbar.weight_range import of_each_weight
from devices import Device, GaussianNoise, StateDependentError
from tests.helpers.statistics import assert_mean, assert_variance

IDEAL = Device(g_min=1e-6, g_max=1e-5)
NOISY = replace(IDEAL, read_noise=GaussianNoise(0.2))
SHAPE = (4, 3)
READS = 20_000
HARDWARE = {
    "ideal read-out": {},
    "converters": {"adc": Adc(16, 1e-5, per="tile")},
    "bit planes": {"adc": Adc(16, 1e-5, per="tile"), "dac": Dac(8, 1.0, serial=True)},
    "reference": {"mapping": ReferenceColumn()},
}
all_hardware = pytest.mark.parametrize("options", HARDWARE.values(), ids=HARDWARE)


def hardware_of(device=IDEAL, **options):
    return Hardware(device=device, tile_shape=SHAPE, weight_scale="tile", **options)


def unequal(rng, outputs=7, inputs=10):
    """Return weights (outputs, inputs) whose tiles differ in size by up to a factor of 100."""
    grid = (-(-inputs // SHAPE[0]), -(-outputs // SHAPE[1]))
    sizes = 10 ** rng.uniform(-2, 0, grid)
    w = rng.uniform(-1, 1, (outputs, inputs))
    return w * np.kron(sizes.T, np.ones(SHAPE[::-1]))[:outputs, :inputs]


def blocks_of(w):
    """Yield the place of each tile in the grid, and its weights."""
    for i, first in enumerate(range(0, w.shape[1], SHAPE[0])):
        for j, start in enumerate(range(0, w.shape[0], SHAPE[1])):
            yield (i, j), w[start : start + SHAPE[1], first : first + SHAPE[0]]


def layer_of(w, hardware, *, a=None, b=None, rng=0):
    """Return the weights on tiles that fill the range each."""
    w_max = largest_weight(w, hardware)
    return NeuronArray.program(
        w,
        hardware,
        siemens_per_weight=hardware.mapping.siemens_per_weight(w_max, hardware.device),
        tile_factors=tile_factors(w, w_max, hardware),
        a=a,
        b=b,
        converted=True,
        rng=rng,
    )


@pytest.mark.parametrize("rule", ["max", 90.0, "least_squares"])
def test_a_factor_makes_the_range_of_its_tile_that_of_the_layer(rule, rng):
    w = unequal(rng)
    w[:3, :4] = 0  # a tile without weights has the scale of the layer
    hardware = hardware_of(replace(IDEAL, levels=4), weight_range=rule)
    w_max = largest_weight(w, hardware)
    factors = tile_factors(w, w_max, hardware)
    assert factors.shape == (3, 3)
    for place, block in blocks_of(w):
        r = largest_weight(block, hardware) if block.any() else w_max
        assert factors[place] * r == pytest.approx(w_max, rel=1e-12)
    assert (row_factors(w, w_max, hardware) == 1).all()
    for scale in ("layer", "row"):
        assert (tile_factors(w, w_max, replace(hardware, weight_scale=scale)) == 1).all()


def test_a_layer_of_one_tile_is_that_of_the_scale_of_the_layer(rng):
    w, x = rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (5, 4))
    hardware = hardware_of(NOISY, adc=Adc(6, per="tile"))
    tiles, layer = (layer_of(w, replace(hardware, weight_scale=s)) for s in ("tile", "layer"))
    np.testing.assert_array_equal(tiles.read(x, rng=1), layer.read(x, rng=1))
    assert isinstance(tiles.main, TiledArray)


@settings(deadline=None)  # the first read compiles
@given(outputs=st.integers(1, 8), inputs=st.integers(1, 10), seed=st.integers(0, 99))
def test_continuous_ideal_cells_hold_the_wanted_weights(outputs, inputs, seed):
    rng = np.random.default_rng(seed)
    w, x = unequal(rng, outputs, inputs), rng.uniform(-1, 1, (3, inputs))
    layer = layer_of(w, hardware_of())
    np.testing.assert_allclose(layer.main.weights, w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.main.effective_weights, w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.read(x, rng=0), x @ w.T, rtol=1e-9, atol=1e-12)


def test_the_deterministic_path_has_the_factors_too(rng):
    w, a, x = unequal(rng), rng.uniform(-1, 1, 7), rng.uniform(-1, 1, (3, 10))
    layer = layer_of(w, hardware_of(), a=a)
    np.testing.assert_allclose(layer.deterministic_path.weights, w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.read(x, rng=0), (1 + a) * (x @ w.T), rtol=1e-9, atol=1e-12)


def test_every_tile_fills_the_range_of_the_device(rng):
    layer = layer_of(unequal(rng), hardware_of())
    for tile in layer.main.all_tiles():
        largest = max(tile.g_pos.max(), tile.g_neg.max())
        assert largest == pytest.approx(IDEAL.g_max, rel=1e-9)


@pytest.mark.parametrize("levels", [3, 8])
def test_weights_of_few_levels_are_rounded_on_the_grid_of_their_tile(levels, rng):
    w = unequal(rng)
    hardware = hardware_of(replace(IDEAL, levels=levels))
    layer = layer_of(w, hardware)
    wanted = np.empty_like(w)
    for (i, j), block in blocks_of(w):
        step = np.abs(block).max() / (levels - 1)
        lines, columns = slice(4 * i, 4 * i + 4), slice(3 * j, 3 * j + 3)
        wanted[columns, lines] = step * np.rint(block / step)
    np.testing.assert_allclose(layer.main.weights, wanted, rtol=1e-9, atol=1e-12)
    of_layer = layer_of(w, replace(hardware, weight_scale="layer"))
    errors = [np.square(of.main.weights - w).mean() for of in (layer, of_layer)]
    assert errors[0] < 0.5 * errors[1]


def test_clipped_weights_are_those_beyond_the_range_of_their_tile(rng):
    w = unequal(rng)
    hardware = hardware_of(weight_range=70.0)
    w_max = largest_weight(w, hardware)
    most = w_max / of_each_weight(tile_factors(w, w_max, hardware), w.shape, hardware)
    for (i, j), block in blocks_of(w):
        of_tile = most[3 * j : 3 * j + 3, 4 * i : 4 * i + 4]
        np.testing.assert_allclose(of_tile, np.percentile(np.abs(block), 70), rtol=1e-9)


@all_hardware
def test_moments_are_those_of_a_sum_over_single_tiles(options, rng):
    """Twin: every tile alone, as an array of its own whose siemens per weight are larger."""
    w, x = unequal(rng), rng.choice([-1.0, 0.0, 1.0], (5, 10))
    hardware = hardware_of(NOISY, **{k: v for k, v in options.items() if k != "dac"})
    layer = layer_of(w, hardware)
    w_max = largest_weight(w, hardware)
    mean, variance = np.zeros((2, 5, 7))
    for (i, j), block in blocks_of(w):
        k = hardware.mapping.siemens_per_weight(np.abs(block).max(), NOISY)
        alone = TiledArray.program(block, hardware, siemens_per_weight=k, rng=0)
        for total, part in zip(
            (mean, variance), alone.moments(x[:, 4 * i : 4 * i + 4]), strict=True
        ):
            total[:, 3 * j : 3 * j + 3] += part
    for total, found in zip((mean, variance), layer.moments(x), strict=True):
        np.testing.assert_allclose(found, total, rtol=1e-9, atol=1e-12 * w_max)
    of_signs = layer.moments(np.ones((1, 10)))[1][0]
    np.testing.assert_allclose(layer.variance_of_signs(), of_signs, rtol=1e-9)


@all_hardware
def test_reads_have_the_moments_of_the_layer(options, rng):
    w, b = unequal(rng), rng.uniform(-1, 1, 7)
    layer = layer_of(w, hardware_of(NOISY, **options), b=b)
    x = np.tile(rng.integers(-127, 128, (1, 10)) / 127, (READS, 1))
    mean, variance = layer.moments(x[:1])
    np.testing.assert_allclose(mean[0], w @ x[0] + b, rtol=1e-9, atol=1e-12)
    u = layer.read(x, rng=1)
    # Rounding of the converters is far below the noise.
    assert_mean(u, mean[0])
    assert_variance(u, variance[0])


def test_programming_errors_are_divided_by_the_factors(rng):
    sigma = 1e-7
    device = replace(IDEAL, write=StateDependentError(coefficients=(sigma,)))
    w = unequal(rng)
    layer = layer_of(w, hardware_of(device, mapping=DifferentialPair()))
    ranges = np.empty_like(w)
    for (i, j), block in blocks_of(w):
        ranges[3 * j : 3 * j + 3, 4 * i : 4 * i + 4] = np.abs(block).max()
    of_weights = 2 * (sigma * ranges / 9e-6) ** 2
    # Cells at the lower end of the range cannot err below it, so that this is an upper bound.
    found = layer.main.programming_variance()
    assert (found <= of_weights.sum(axis=1) * (1 + 1e-9)).all()
    assert (found >= of_weights.sum(axis=1) / 4).all()


def test_a_converter_sees_the_current_of_its_tile_before_the_division(rng):
    """Twin: each tile's current rounded to the steps of a converter over one range."""
    w, x = unequal(rng), rng.uniform(-1, 1, (20, 10))
    adc = Adc(4, 4e-6, per="tile")
    hardware = hardware_of(adc=adc)
    layer = layer_of(w, hardware)
    unit = layer.siemens_per_weight * hardware.read_voltage
    w_max = np.abs(w).max()
    u = np.zeros((20, 7))
    for (i, j), block in blocks_of(w):
        factor = w_max / np.abs(block).max()
        current = x[:, 4 * i : 4 * i + 4] @ block.T * factor * unit
        u[:, 3 * j : 3 * j + 3] += adc.convert(current, 4e-6) / unit / factor
    np.testing.assert_allclose(layer.read(x, rng=0), u, rtol=1e-9, atol=1e-9)


@all_hardware
def test_currents_of_the_tiles_add_up_to_the_sums(options, rng):
    quiet = {k: v for k, v in options.items() if k != "adc"}
    layer = layer_of(unequal(rng), hardware_of(**quiet), b=rng.uniform(-1, 1, 7))
    x = rng.uniform(-1, 1, (5, 10))
    total = np.zeros((5, 7))
    for of_tile in tile_currents(layer, x, rng=5):
        total[:, of_tile.tile.bit_lines] += of_tile.in_sum
    unit = layer.siemens_per_weight * layer.hardware.read_voltage
    np.testing.assert_allclose(total / unit, layer.read(x, rng=5), rtol=1e-9, atol=1e-12)


def test_tiles_tell_their_factor(rng):
    w = unequal(rng)
    tiles = [t for t in physical_tiles(layer_of(w, hardware_of())) if t.part == "main"]
    sizes = {place: np.abs(block).max() for place, block in blocks_of(w)}
    assert {(t.row, t.column) for t in tiles} == set(sizes)
    for t in tiles:
        assert t.significance == pytest.approx(sizes[t.row, t.column] / np.abs(w).max())


@pytest.mark.parametrize("inputs", [4, 10])
def test_bit_slices_round_the_weights_of_each_tile(inputs, rng):
    mapping = BitSliced(DifferentialPair(), 2, 6)
    w = unequal(rng, inputs=inputs)
    hardware = hardware_of(replace(IDEAL, levels=4), mapping=mapping, adc=Adc(16, per="tile"))
    layer = layer_of(w, hardware)
    for (i, j), block in blocks_of(w):
        found = layer.main.weights[3 * j : 3 * j + 3, 4 * i : 4 * i + 4]
        wanted = mapping.rounded(block, np.abs(block).max())
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    assert {tile.bit_slice for tile in physical_tiles(layer)} == {0, 1, 2}


def test_gains_and_snapshots_keep_the_factors(rng):
    w, other = unequal(rng), unequal(rng)
    x = rng.uniform(-1, 1, (5, 10))
    hardware = hardware_of(NOISY, adc=Adc(6, per="tile", offset=1e-8))
    first, second = layer_of(w, hardware), layer_of(other, hardware, rng=1)
    first.scale_conductances(0.5)
    np.testing.assert_allclose(first.main.weights, w / 2, rtol=1e-9, atol=1e-12)
    restore(second, snapshot(first))
    np.testing.assert_array_equal(first.read(x, rng=2), second.read(x, rng=2))
    np.testing.assert_array_equal(first.main.weights, second.main.weights)
    # Files of earlier versions hold no factors; the layer's own ones stay.
    restore(second, replace(snapshot(first), significances={}))
    np.testing.assert_array_equal(first.main.weights, second.main.weights)


def test_a_sum_of_tiles_of_different_scales_is_refused(rng):
    with pytest.raises(ValueError, match=r"weight_scale = 'tile' .* Adc\(.*per='output'.* the sum"):
        hardware_of(adc=Adc(8))
    options = {"siemens_per_weight": 1e-6, "rng": 0}
    hardware = replace(hardware_of(), weight_scale="layer")
    w, factors = np.ones((3, 8)), np.array([[1.0], [2.0]])
    with pytest.raises(ValueError, match="tile_factors have no place in front of comparators"):
        NeuronArray.program(w, hardware, tile_factors=factors, **options)
    of_outputs = replace(hardware, adc=Adc(8))
    with pytest.raises(ValueError, match=r"tile_factors need .* Adc\(.*'output'.* converts their"):
        NeuronArray.program(w, of_outputs, tile_factors=factors, converted=True, **options)
    with pytest.raises(ValueError, match=r"tile_factors has shape \(1, 2\); give \(2, 1\)"):
        NeuronArray.program(w, hardware, tile_factors=factors.T, converted=True, **options)
    with pytest.raises(ValueError, match="tile_factors holds -1; give numbers above 0"):
        NeuronArray.program(w, hardware, tile_factors=-factors / 2, converted=True, **options)
    with pytest.raises(ValueError, match=r"weights times tile_factors up to \|w\| = 16 do not fit"):
        NeuronArray.program(8 * w, hardware, tile_factors=factors, converted=True, **options)
