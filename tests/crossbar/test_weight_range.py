"""The weight that fills the device's range, and the factors of rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from crossbar import (
    BalancedPair,
    BitSliced,
    DifferentialPair,
    Hardware,
    NeuronArray,
    ReferenceColumn,
    largest_weight,
    row_factors,
)
from crossbar.paths import with_value
from devices import Device
from tests.helpers.unbounded_error import UnboundedError

CELL = Device(g_min=1e-6, g_max=1e-4)


def hardware_of(levels=None, **options):
    return Hardware(device=replace(CELL, levels=levels), **options)


def test_the_largest_weight_fills_the_range_by_default(rng):
    w = rng.standard_normal((5, 7))
    assert largest_weight(w, hardware_of(4)) == np.abs(w).max()


@pytest.mark.parametrize("q", [50, 99.9, 100])
def test_a_number_is_a_percentile_of_the_weights_that_are_not_pruned(q, rng):
    w = rng.standard_normal((50, 70))
    pruned = np.where(rng.random(w.shape) < 0.9, 0, w)
    kept = np.abs(pruned[pruned != 0])
    r = largest_weight(pruned, hardware_of(weight_range=q))
    assert r == pytest.approx(np.percentile(kept, q), rel=1e-12)


# Optimal uniform quantizers of a normal variable with 3, 5, 7 and 15 levels: steps in standard
# deviations of Max, IRE Trans. Inf. Theory 6, 7 (1960), Table II. A differential pair of L levels
# has 2 L − 1 weights, one of them 0.
@pytest.mark.parametrize(("levels", "step"), [(2, 1.2240), (3, 0.8430), (4, 0.6508), (8, 0.3534)])
def test_least_squares_finds_the_optimal_quantizer_of_normal_weights(levels, step):
    # Quantiles of the normal distribution stand for the distribution without a sampling error.
    w = norm.ppf((np.arange(40_000) + 0.5) / 40_000).reshape(200, 200)
    hardware = hardware_of(levels, weight_range="least_squares")
    # The search is on a grid of 0.5 % around the minimum.
    assert largest_weight(w, hardware) == pytest.approx(step * (levels - 1), rel=6e-3)


def quantization_error(w, r, levels, sigma):
    """Return the summed squared error of a differential pair from 0 to 1 S, by plain arithmetic."""
    steps = levels - 1
    held = np.sign(w) * np.rint(np.minimum(np.abs(w), r) / r * steps) / steps * r
    return ((held - w) ** 2 + 2 * (sigma * r) ** 2).sum()


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_least_squares_is_the_minimum_of_levels_clipping_and_programming_error(sigma, rng):
    w = rng.laplace(size=(30, 40))
    write = UnboundedError(coefficients=(sigma * 1e-4,))
    device = Device(g_min=0, g_max=1e-4, levels=5, write=write)
    r = largest_weight(w, Hardware(device=device, weight_range="least_squares"))
    tries = np.linspace(0.01, 1, 2000) * np.abs(w).max()
    least = min(quantization_error(w, t, 5, sigma) for t in tries)
    assert quantization_error(w, r, 5, sigma) < 1.01 * least
    assert r < 0.6 * np.abs(w).max()


def test_programming_error_alone_asks_for_a_smaller_range(rng):
    # A continuous cell of error σ on either cell: Σ (|w| − r)₊² + 2 n (σ r)² is smooth.
    w = rng.standard_normal((30, 40))
    device = Device(g_min=0, g_max=1e-4, write=UnboundedError(coefficients=(1e-5,)))
    r = largest_weight(w, Hardware(device=device, weight_range="least_squares"))
    excess = minimize_scalar(
        lambda t: (np.maximum(np.abs(w) - t, 0) ** 2).sum() + 2 * w.size * (0.1 * t) ** 2,
        bounds=(0.1, 4),
        method="bounded",
    )
    assert r == pytest.approx(excess.x, rel=6e-3)


@pytest.mark.parametrize("mapping", [None, BalancedPair(), ReferenceColumn()])
def test_cells_that_hold_every_weight_keep_the_largest(mapping, rng):
    options = {} if mapping is None else {"mapping": mapping}
    w = rng.standard_normal((6, 5))
    hardware = hardware_of(weight_range="least_squares", **options)
    assert largest_weight(w, hardware) == np.abs(w).max()


@pytest.mark.parametrize("inner", [DifferentialPair(), ReferenceColumn()])
@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_least_squares_counts_slices_by_their_significance(inner, sigma, rng):
    # Two slices of two bits, in cells of four levels from 0 to 0.1 mS.
    shared = inner == ReferenceColumn()
    mapping = BitSliced(inner, bits_per_cell=2, bits=4, offset_binary=shared)
    write = UnboundedError(coefficients=(sigma * 1e-4,))
    device = Device(g_min=0, g_max=1e-4, levels=4, write=write)
    w = rng.laplace(size=(30, 40))
    r = largest_weight(w, Hardware(device=device, mapping=mapping, weight_range="least_squares"))
    span = 5e-5 if shared else 1e-4  # a reference column takes half of the range

    def error(t):
        parts = mapping.sliced(np.clip(w, -t, t), t)
        held = 0.0
        for c, part in zip((0.2, 0.8), parts, strict=True):
            g_pos, g_neg = inner.targets(span / t * part.T, device)
            g_neg = g_neg if shared else device.quantize(g_neg)
            held = held + c * (device.quantize(g_pos) - g_neg).T * t / span
        # Every output has cells of its own; the error of a shared reference counts for each.
        counts = (0.2**2 + 0.8**2) * 2 * w.size * (sigma * 1e-4 * t / span) ** 2
        return ((held - w) ** 2).sum() + counts

    least = min(error(t) for t in np.linspace(0.01, 1, 1500) * np.abs(w).max())
    assert error(r) < 1.01 * least


def test_a_large_layer_is_searched_in_its_quantiles(rng):
    w = rng.standard_normal((400, 500))
    hardware = hardware_of(4, weight_range="least_squares")
    assert largest_weight(w, hardware) == pytest.approx(3 * 0.6508, rel=0.02)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["max", 90.0, "least_squares"]))
def test_ranges_scale_with_the_weights(seed, rule):
    w = np.random.default_rng(seed).standard_normal((3, 8))
    hardware = hardware_of(4, weight_range=rule, weight_scale="row")
    r = largest_weight(w, hardware)
    assert 0 < r <= np.abs(w).max()
    assert largest_weight(4 * w, hardware) == 4 * r  # a power of two leaves the digits as they are
    np.testing.assert_array_equal(row_factors(4 * w, 4 * r, hardware), row_factors(w, r, hardware))


@pytest.mark.parametrize("rule", ["max", 95.0, "least_squares"])
def test_a_factor_makes_the_range_of_a_row_that_of_the_layer(rule, rng):
    w = rng.standard_normal((4, 50)) * np.array([[1], [0.1], [1e-3], [0]])
    hardware = hardware_of(4, weight_range=rule, weight_scale="row")
    w_max = largest_weight(w, hardware)
    factors = row_factors(w, w_max, hardware)
    ranges = [largest_weight(row[None], hardware) for row in w[:3]]
    np.testing.assert_allclose(factors[:3] * ranges, w_max, rtol=1e-12)
    assert factors[3] == 1
    np.testing.assert_array_equal(row_factors(w, w_max, hardware_of(4)), np.ones(4))


@pytest.mark.parametrize("dead", [1e-9, 1e-30, 1e-310, 0.0])
def test_a_dead_neuron_asks_for_few_bias_lines(dead, rng):
    w = rng.uniform(-1, 1, (6, 10))
    w[3] *= dead
    bias = rng.uniform(-0.5, 0.5, 6)
    hardware = hardware_of(weight_scale="row")
    w_max = largest_weight(w, hardware)
    factors = row_factors(w, w_max, hardware, bias=bias)
    assert np.isfinite(factors).all()
    assert factors[3] == pytest.approx(1 if dead == 0 else 16 * w_max / abs(bias[3]))
    neurons = NeuronArray.program(
        w * factors[:, None],
        hardware,
        siemens_per_weight=hardware.mapping.siemens_per_weight(w_max, hardware.device),
        b=bias * factors,
        rng=0,
    )
    assert neurons.bias_lines.inputs == (1 if dead == 0 else 16)
    # The dead neuron still adds its bias.
    u = neurons.read(np.zeros((1, 10)), rng=0)
    np.testing.assert_allclose(u[0] / factors, bias, rtol=1e-9)


def test_factors_of_live_rows_and_of_biases_without_lines_are_not_bounded_by_the_bias(rng):
    w = rng.uniform(-1, 1, (6, 10)) * np.array([[1], [0.5], [0.2], [0.1], [0.1], [0.1]])
    bias = np.abs(w).max(axis=1)
    hardware = hardware_of(weight_scale="row")
    w_max = largest_weight(w, hardware)
    free = row_factors(w, w_max, hardware)
    np.testing.assert_array_equal(free, w_max / np.abs(w).max(axis=1))
    np.testing.assert_array_equal(row_factors(w, w_max, hardware, bias=bias), free)
    reference = replace(hardware, bias="reference")
    np.testing.assert_array_equal(row_factors(w, w_max, reference, bias=1e3 * bias), free)
    bounded = row_factors(w, w_max, hardware, bias=1e3 * bias)
    assert (bounded >= 1).all()
    assert (bounded < free)[1:].all()


def test_a_factor_without_bias_is_bounded_by_the_digits_of_a_float():
    w = np.array([[1.0, 1.0], [1e-300, 0.0]])
    factors = row_factors(w, 1.0, hardware_of(weight_scale="row"))
    np.testing.assert_array_equal(factors, [1, 2.0**52])


def test_a_bias_of_more_lines_than_inputs_is_refused_with_its_row():
    hardware = hardware_of()
    options = {"siemens_per_weight": CELL.g_max - CELL.g_min, "rng": 0}
    w = np.full((2, 3), 1.0)
    with pytest.raises(
        ValueError, match=r"bias of row 1, -1e\+07, needs 1e\+07 word lines .* at most 1024"
    ):
        NeuronArray.program(w, hardware, b=np.array([3.0, -1e7]), **options)
    wide = NeuronArray.program(np.ones((1, 1500)), hardware, b=np.array([1500.0]), **options)
    assert wide.bias_lines.inputs == 1500
    reference = replace(hardware, bias="reference")
    assert NeuronArray.program(w, reference, b=np.array([3.0, 1e7]), **options).bias_lines is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("least_square", "unknown weight_range 'least_square'; did you mean 'least_squares'?"),
        ("99.9", "give a percentile of |w| as a number, such as 99.9"),
        (0, "Hardware.weight_range = 0 is not allowed; give a finite number in (0, 100] %"),
        (101, "Hardware.weight_range = 101 is not allowed"),
        (None, "Hardware.weight_range = None is not a number"),
    ],
)
def test_unknown_ranges_are_refused(value, message):
    with pytest.raises(ValueError) as refused:
        hardware_of(weight_range=value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ("tiles", "unknown weight_scale 'tiles'; did you mean 'tile'?"),
        (None, "unknown weight_scale None"),
    ],
)
def test_unknown_scales_are_refused(scale, message):
    with pytest.raises(ValueError) as refused:
        hardware_of(weight_scale=scale)
    assert message in str(refused.value)


def test_layers_without_a_range_are_refused():
    with pytest.raises(ValueError, match=r"all weights of shape \(2, 3\) are 0"):
        largest_weight(np.zeros((2, 3)), hardware_of())
    with pytest.raises(ValueError, match="w holds 1 values that are NaN"):
        largest_weight(np.array([[np.nan, 1.0]]), hardware_of())
    with pytest.raises(ValueError, match=r"bias has shape \(2,\); give \(1\)"):
        row_factors(np.ones((1, 2)), 1.0, hardware_of(weight_scale="row"), bias=np.ones(2))


def test_sweeps_name_ranges_by_text_and_number():
    for value in ("max", 99.9, "least_squares"):
        assert with_value(hardware_of(), "weight_range", value).weight_range == value
