"""The three mappings: weights to conductances and back, ranges, levels, what does not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from crossbar import BalancedPair, DifferentialPair, Hardware, ReferenceColumn, Tile
from devices import Device
from tests.helpers import reference

MAPPINGS = [DifferentialPair(), BalancedPair(), ReferenceColumn()]
mappings = pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda m: type(m).__name__)
DEVICE = Device(g_min=1e-6, g_max=1e-5)

unit = st.floats(-1, 1)
matrices = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=unit)
ratios = st.floats(2, 1e4)
largest_weights = st.floats(1e-3, 1e3)


@mappings
@given(unit_weights=matrices, ratio=ratios, w_max=largest_weights)
def test_weights_survive_the_round_trip(mapping, unit_weights, ratio, w_max):
    device = Device(g_min=1e-4 / ratio, g_max=1e-4)
    w = unit_weights * w_max
    k = mapping.siemens_per_weight(w_max, device)
    g_pos, g_neg = mapping.conductances(w, device, k)
    # G is rounded to 1e-16 of g_max ≤ 2 (g_max − g_min), well below 1e-12 of the largest weight.
    np.testing.assert_allclose(mapping.weights(g_pos, g_neg, k), w, rtol=0, atol=1e-12 * w_max)


@mappings
@given(unit_weights=matrices, ratio=ratios, w_max=largest_weights)
def test_conductances_stay_in_the_devices_range(mapping, unit_weights, ratio, w_max):
    device = Device(g_min=1e-4 / ratio, g_max=1e-4)
    k = mapping.siemens_per_weight(w_max, device)
    for g in mapping.conductances(unit_weights * w_max, device, k):
        # 1e-12 allows for rounding.
        assert device.g_min * (1 - 1e-12) <= g.min()
        assert g.max() <= device.g_max * (1 + 1e-12)


@mappings
def test_conductances_equal_those_of_the_slow_twin(mapping, rng):
    w = rng.uniform(-1, 1, (3, 5))
    k = mapping.siemens_per_weight(1.0, DEVICE)
    g_pos, g_neg = mapping.conductances(w, DEVICE, k)
    slow_pos, slow_neg = reference.conductances(w, 1e-6, 1e-5, k, type(mapping).__name__)
    np.testing.assert_allclose(g_pos, slow_pos, rtol=1e-12)
    np.testing.assert_allclose(np.broadcast_to(g_neg, g_pos.shape), slow_neg, rtol=1e-12)


@mappings
def test_the_largest_weight_fills_the_range(mapping):
    w = np.array([[2.0, -2.0]])
    g_pos, _ = mapping.conductances(w, DEVICE, mapping.siemens_per_weight(2.0, DEVICE))
    np.testing.assert_allclose([g_pos.min(), g_pos.max()], [1e-6, 1e-5], rtol=1e-12)


@mappings
def test_a_weight_beyond_the_edge_by_rounding_is_put_on_the_edge(mapping):
    k = mapping.siemens_per_weight(1.0, DEVICE)
    beyond, edge = (mapping.conductances(np.array([[w, -w]]), DEVICE, k) for w in (1 + 1e-10, 1.0))
    np.testing.assert_allclose(beyond[0], edge[0], rtol=1e-12)
    np.testing.assert_allclose(beyond[1], edge[1], rtol=1e-12)


@mappings
def test_a_fixed_siemens_per_weight_makes_conductance_proportional_to_weight(mapping, rng):
    w = rng.uniform(-1, 1, (3, 5))
    k = mapping.siemens_per_weight(1.0, DEVICE)
    difference = np.subtract(*mapping.conductances(w, DEVICE, k))
    halved = np.subtract(*mapping.conductances(w / 2, DEVICE, k))
    # A scaled matrix at the same k is not stretched to the range again.
    np.testing.assert_allclose(halved, difference / 2, rtol=0, atol=1e-12 * DEVICE.g_max)


@pytest.mark.parametrize("levels", [2, 4, 17, 32])
def test_a_one_sided_pair_of_l_levels_has_2l_minus_1_weights(levels):
    device = Device(g_min=1e-6, g_max=1e-5, levels=levels)
    mapping = DifferentialPair()
    k = mapping.siemens_per_weight(1.0, device)
    pair = [
        device.program(g, rng=0)
        for g in mapping.conductances(np.linspace(-1, 1, 2001)[None], device, k)
    ]
    # 2 L − 1 signed levels.
    assert len(np.unique(np.rint(mapping.weights(*pair, k) * (levels - 1)))) == 2 * levels - 1


@pytest.mark.parametrize(
    "kw", [2e-6, np.array(2e-6), np.array([[1e-5, -1e-6]]), np.array([[0, 0]])]
)
def test_a_one_sided_pair_takes_numbers_of_any_form_and_leaves_them(kw):
    device = Device(g_min=1e-6, g_max=1e-2)
    before = np.array(kw)
    pair = DifferentialPair().targets(kw, device)
    np.testing.assert_allclose(pair[0], 1e-6 + np.maximum(before, 0))
    np.testing.assert_allclose(pair[1], 1e-6 + np.maximum(-before, 0))
    np.testing.assert_array_equal(kw, before)


@mappings
@pytest.mark.parametrize("levels", [2, 4, 17, 32])
def test_quantized_weights_are_right_on_average(mapping, levels):
    device = Device(g_min=1e-6, g_max=1e-5, levels=levels)
    k = mapping.siemens_per_weight(1.0, device)
    w = np.linspace(-1, 1, 100_001)[None]
    tile = Tile.program(
        w,
        Hardware(device=device, mapping=mapping, tile_shape=(w.size, 1)),
        siemens_per_weight=k,
        rng=0,
    )
    error = tile.weights - w
    # A symmetric grid of weights has no mean quantization error; the bound is 1 % of the step in
    # weight units.
    assert abs(error.mean()) <= 0.01 * device.step / k


BAD = [
    (
        [[0.5, 1.2]],
        1,
        r"weights up to \|w\| = 1\.2 do not fit",
    ),
    ([[0.5, -1.2]], 1, r"weights up to \|w\| = 1\.2 do not fit"),
    ([[0.5, np.nan]], 1, r"w holds 1 values that are NaN or infinite"),
    ([[np.inf, -np.inf]], 1, r"w holds 2 values that are NaN or infinite"),
    ([0.5, 0.1], 1, r"w has shape \(2,\); give 2 dimensions"),
    ([["a", "b"]], 1, r"w is not an array of real numbers \(got list\)"),
    (np.array([[1j]]), 1, r"w is not an array of real numbers \(got ndarray\)"),
    (None, 1, r"w is not an array of real numbers \(got NoneType\)"),
    ([[0.5]], 0, r"siemens_per_weight = 0\.0 is not allowed"),
    ([[0.5]], np.nan, r"siemens_per_weight = nan is not allowed"),
]


@mappings
@pytest.mark.parametrize(("w", "factor", "message"), BAD)
def test_bad_weights_are_refused(mapping, w, factor, message):
    k = factor * mapping.siemens_per_weight(1.0, DEVICE)
    with pytest.raises(ValueError, match=message):
        mapping.conductances(w, DEVICE, k)


@mappings
@pytest.mark.parametrize("w_max", [0, -1, np.nan, np.inf, "one"])
def test_bad_w_max_is_refused(mapping, w_max):
    with pytest.raises(ValueError, match=r"w_max = .* is not (allowed|a number)"):
        mapping.siemens_per_weight(w_max, DEVICE)
