"""Layers read through converters: DACs, bit planes, ADCs per output and per tile."""

import numpy as np
import pytest

from crossbar import Adc, Comparator, Dac, Hardware, NeuronArray, ReferenceColumn
from crossbar.cost.circuits import conversions
from crossbar.reads.inputs import Inputs
from crossbar.reads.packed import Packed
from crossbar.reads.span import Span
from devices import Device, GaussianNoise, TelegraphNoise
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

CELL = Device(g_min=1e-6, g_max=1e-5)
NOISY = Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.1))
W = np.random.default_rng(5).uniform(-1, 1, (4, 20))
READS = 20_000


def layer_of(w=W, *, device=CELL, converted=True, rng=0, b=None, **hardware):
    """Return a programmed layer whose range is filled by |w| = 1."""
    hardware = Hardware(device=device, **hardware)
    k = hardware.mapping.siemens_per_weight(1.0, device)
    return NeuronArray.program(w, hardware, siemens_per_weight=k, converted=converted, b=b, rng=rng)


def step_of(layer, site=0):
    """Return the step of the converters of a site in weight units."""
    converters = layer.converters
    return 2 * converters.limits[site].max() / (2**converters.adc.bits - 1) / amperes(layer)


def amperes(layer):
    """Return the current [A] of a weight of one."""
    return layer.siemens_per_weight * layer.hardware.read_voltage


# Inputs.


def test_inputs_are_those_of_the_dac(rng):
    x = rng.uniform(-2, 2, (30, 20))
    dac = Dac(5, 2.0)
    u = layer_of(dac=dac).read(x, rng=0)
    np.testing.assert_allclose(u, dac.convert(x, 2.0) @ W.T, atol=1e-12)


def test_without_a_dac_inputs_are_exact(rng):
    x = rng.uniform(-2, 2, (30, 20))
    np.testing.assert_allclose(layer_of().read(x, rng=0), x @ W.T, atol=1e-12)


def test_states_pass_a_dac_that_has_them_as_levels_unchanged(rng):
    z = rng.choice([-1.0, 0.0, 1.0], (30, 20))
    layer = layer_of(device=NOISY, dac=Dac(8, 1.0))
    plain = layer_of(device=NOISY)
    np.testing.assert_array_equal(layer.read(z, rng=3), plain.read(z, rng=3))
    packed, _ = Packed.of(z)
    span, seed = Span(0, 30), np.random.SeedSequence(3)
    driven, _ = layer.drivers.drive(Inputs(packed), span)
    assert driven.packed is packed
    np.testing.assert_array_equal(
        layer.read_span(Inputs(packed), span, seed), plain.read_span(Inputs(z), span, seed)
    )


def test_states_that_are_no_levels_are_rounded(rng):
    z = rng.choice([-1.0, 1.0], (10, 20))
    u = layer_of(dac=Dac(3, 2.0)).read(z, rng=0)  # levels 0, ±2/3, ±4/3, ±2
    np.testing.assert_allclose(u, z @ W.T * 4 / 3, atol=1e-12)


def test_a_row_is_converted_alike_in_every_batch(rng):
    x = np.vstack([rng.choice([-1.0, 1.0], (3, 20)), rng.uniform(-1, 1, (3, 20))])
    layer = layer_of(dac=Dac(8, 1.0))
    alone = np.vstack([layer.read(row[None], rng=0) for row in x])
    np.testing.assert_allclose(layer.read(x, rng=0), alone, atol=1e-12)


def test_a_dac_without_a_range_is_refused_with_the_remedy(rng):
    layer = layer_of(dac=Dac(8))
    with pytest.raises(ValueError, match=r"the DAC of the array has no range: .*chip\.calibrate"):
        layer.read(rng.uniform(-1, 1, (2, 20)), rng=0)
    layer.drivers.calibrate(1.0)
    assert layer.read(rng.uniform(-1, 1, (2, 20)), rng=0).shape == (2, 4)


def test_clipped_inputs_are_counted_and_told_once(rng):
    layer = layer_of(dac=Dac(8, 1.0))
    x = np.zeros((10, 20))
    x[0, :4] = [1.5, -2.0, 1.0, 1.0]
    message = r"the DAC of the array clips its inputs: 1\.00% of this read; its range is given as a"
    with pytest.warns(UserWarning, match=message):
        layer.read(x, rng=0)
    layer.read(x, rng=0)
    assert layer.drivers.clips.share == 2 / 200


def test_moments_are_those_of_converted_inputs(rng):
    x = np.tile(rng.uniform(-1, 1, (1, 20)), (READS, 1))
    layer = layer_of(device=NOISY, dac=Dac(4, 1.0))
    mean, variance = layer.moments(x[:1])
    u = layer.read(x, rng=1)
    assert_mean(u, mean[0])
    assert_variance(u, variance[0])


# Bit planes.


@pytest.mark.parametrize("mapping", [None, ReferenceColumn()])
def test_bit_planes_without_noise_give_the_levels_of_the_dac(mapping, rng):
    x = rng.uniform(-3, 3, (30, 20))
    options = {} if mapping is None else {"mapping": mapping}
    layer = layer_of(0.5 * W, dac=Dac(6, 3.0, serial=True), **options)
    np.testing.assert_allclose(layer.read(x, rng=0), Dac(6).convert(x, 3.0) @ W.T / 2, atol=1e-12)


def test_noise_of_bit_planes_averages_as_their_weights_say(rng):
    # Var u = step² Σ_b 4^b Var u_b, with Var u_b = Σ_j x_jb² σ² (G⁺² + G⁻²)/k².
    bits, limit = 5, 2.0
    x = rng.uniform(-2, 2, (1, 20))
    layer = layer_of(device=NOISY, dac=Dac(bits, limit, serial=True))
    g_pos, g_neg = layer.main.conductances()
    of_cells = 0.1**2 * (g_pos**2 + g_neg**2) / layer.siemens_per_weight**2
    step = limit / (2 ** (bits - 1) - 1)
    codes = np.abs(np.rint(x[0] / step)).astype(int)
    variance = sum(
        step**2 * 4.0**b * (((codes >> b) & 1)[:, None] * of_cells).sum(axis=0)
        for b in range(bits - 1)
    )
    np.testing.assert_allclose(layer.moments(x)[1][0], variance, rtol=1e-12)
    u = layer.read(np.tile(x, (READS, 1)), rng=2)
    assert_mean(u, (Dac(bits).convert(x, limit) @ W.T)[0])
    assert_variance(u, variance)


def test_reads_of_bit_planes_do_not_depend_on_batches(rng):
    # A trap goes on from plane to plane and read to read: the order of reads counts.
    trap = Device(
        g_min=1e-6, g_max=1e-5, read_noise=TelegraphNoise(0.3, tau_capture=5e-6, tau_emission=5e-6)
    )
    x = rng.uniform(-1, 1, (6, 20))
    hardware = {"device": trap, "dac": Dac(4, 1.0, serial=True), "adc": Adc(10)}
    rows, seed, repeats = Inputs(x), np.random.SeedSequence(7), 3
    together = layer_of(**hardware).read_span(rows, Span(0, 18, repeats), seed)
    layer = layer_of(**hardware)
    split = [
        layer.read_span(Inputs(x[first // repeats :]), Span(first, last, repeats), seed)
        for first, last in ((0, 3), (3, 12), (12, 18))
    ]
    np.testing.assert_array_equal(np.vstack(split), together)


def test_bit_planes_of_a_convolution_are_those_of_each_location(rng):
    x = rng.uniform(-1, 1, (6, 20))  # two images of three locations
    layer = layer_of(dac=Dac(4, 1.0, serial=True))
    u = layer.read_span(Inputs(x), Span(0, 12, 2, 3), np.random.SeedSequence(0))
    expected = Dac(4).convert(x, 1.0) @ W.T
    np.testing.assert_allclose(u, expected[[0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]], atol=1e-12)


def test_every_bit_plane_is_converted_before_planes_are_added(rng):
    x = rng.uniform(-1, 1, (30, 20))
    dac, adc = Dac(4, 1.0, serial=True), Adc(6)
    layer = layer_of(dac=dac, adc=adc)
    limit = np.abs(W).sum(axis=1).max()
    planes = dac.bit_planes(x, 1.0) @ W.T
    expected = np.einsum("rpo,p->ro", adc.convert(planes, limit), dac.weights_of_planes(1.0))
    np.testing.assert_allclose(layer.read(x, rng=0), expected, atol=1e-9)
    assert conversions(layer) == 3


def test_comparators_see_planes_added_exactly(rng):
    x = rng.uniform(-1, 1, (30, 20))
    layer = layer_of(
        converted=False, dac=Dac(4, 1.0, serial=True), adc=Adc(2), comparator=Comparator()
    )
    assert layer.converters is None
    np.testing.assert_allclose(layer.read(x, rng=0), Dac(4).convert(x, 1.0) @ W.T, atol=1e-12)


# Converters of currents.


def test_the_default_range_is_the_largest_current_of_inputs_of_size_one():
    layer = layer_of(adc=Adc(8), b=[0.5, -2.5, 0.0, 0.0])
    largest = (np.abs(W).sum(axis=1) + np.abs([0.5, -2.5, 0.0, 0.0])).max()
    np.testing.assert_allclose(layer.converters.limits / amperes(layer), [[largest]], rtol=1e-12)


def test_the_default_range_follows_the_range_of_the_dac():
    layer = layer_of(adc=Adc(8), dac=Dac(8, 35.0))
    largest = 35 * np.abs(W).sum(axis=1).max()
    np.testing.assert_allclose(layer.converters.limits / amperes(layer), [[largest]], rtol=1e-12)


def test_converted_sums_are_within_half_a_step(rng):
    x = rng.uniform(-1, 1, (100, 20))
    layer = layer_of(adc=Adc(6))
    error = layer.read(x, rng=0) - x @ W.T
    assert np.abs(error).max() <= step_of(layer) / 2 * (1 + 1e-9)
    assert layer.converters.clips.share == 0


def test_noise_of_a_converter_is_drawn_on_every_read_and_output(rng):
    sigma = 0.3
    plain = layer_of(adc=Adc(16))
    layer = layer_of(adc=Adc(16, noise=sigma * amperes(plain)))
    u = layer.read(np.tile(rng.uniform(-0.1, 0.1, (1, 20)), (READS, 1)), rng=1)
    assert_variance(u, sigma**2 + step_of(layer) ** 2 / 12)
    assert_covariance(u[:-1, 0], u[1:, 0], 0)
    assert_covariance(u[:, 0], u[:, 1], 0)


def test_offsets_of_converters_are_static_and_those_of_a_chip(rng):
    x = np.tile(rng.uniform(-0.1, 0.1, (1, 20)), (3, 1))
    adc = Adc(16, offset=0.3 * amperes(layer_of()))
    one, again, other = (layer_of(adc=adc, rng=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.converters.offsets, again.converters.offsets)
    assert (one.converters.offsets != other.converters.offsets).all()
    expected = x @ W.T + one.converters.offsets[0] / amperes(one)
    np.testing.assert_allclose(one.read(x, rng=0), expected, atol=step_of(one))


def test_clipped_currents_are_counted_and_told_once_by_name():
    w = np.eye(4)
    layer = layer_of(w, adc=Adc(8))
    x = np.eye(4)[[0, 1]] * [[3.0], [1.0]]
    message = r"the ADC of the array clips its currents: 12\.50% of this read; set ranges from data"
    with pytest.warns(UserWarning, match=message):
        u = layer.read(x, rng=0)
    np.testing.assert_allclose(u[0, 0], 1.0, rtol=1e-9)
    layer.read(x, rng=0)
    assert layer.converters.clips.share == 1 / 8
    layer.converters.calibrate(3 * layer.converters.limits)
    assert np.isnan(layer.converters.clips.share)
    np.testing.assert_allclose(layer.read(x, rng=0)[0, 0], 3.0, rtol=1e-9)


def test_calibrated_ranges_are_checked():
    layer = layer_of(adc=Adc(8))
    with pytest.raises(ValueError, match=r"ranges of an ADC has shape \(2, 4\); give \(1, 4\)"):
        layer.converters.calibrate(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"ranges of an ADC = 0 A; give currents above 0"):
        layer.converters.calibrate(np.zeros((1, 4)))


# Converters per tile.


def test_currents_of_tiles_are_converted_before_they_are_added(rng):
    x = rng.uniform(-1, 1, (30, 20))
    layer = layer_of(adc=Adc(5, per="tile"), tile_shape=(8, 3))
    assert layer.converters.sites == 3
    assert conversions(layer) == 3
    expected = 0
    for first in (0, 8, 16):
        w = W[:, first : first + 8]
        limit = np.abs(w).sum(axis=1).max()
        expected = expected + Adc(5).convert(x[:, first : first + 8] @ w.T, limit)
    np.testing.assert_allclose(layer.read(x, rng=0), expected, atol=1e-9)


def test_one_row_of_tiles_has_converters_per_output_either_way(rng):
    x = rng.uniform(-1, 1, (30, 20))
    layers = [layer_of(device=NOISY, adc=Adc(5, per=per)) for per in ("tile", "output")]
    np.testing.assert_array_equal(*(layer.read(x, rng=0) for layer in layers))
    assert layers[0].is_plain


@pytest.mark.parametrize("mapping", [None, ReferenceColumn()])
def test_tiles_do_not_depend_on_their_converters(mapping, rng):
    options = {"tile_shape": (8, 3)} | ({} if mapping is None else {"mapping": mapping})
    w = W / 2
    one, parts = (layer_of(w, adc=Adc(5, per=per), **options) for per in ("output", "tile"))
    for a, b in zip(one.main.conductances(), parts.main.conductances(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.main.weights, parts.main.weights)
    np.testing.assert_array_equal(one.main.effective_weights, parts.main.effective_weights)
    np.testing.assert_array_equal(one.main.row_edges, parts.main.row_edges)
    np.testing.assert_array_equal(one.main.column_edges, parts.main.column_edges)
    np.testing.assert_allclose(
        one.main.programming_variance(), parts.main.programming_variance(), rtol=1e-12
    )
    x = rng.choice([-1.0, 1.0], (5, 20))
    for a, b in zip(one.moments(x), parts.moments(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert "3 rows of tiles read separately" in parts.main.reader.describe()
    assert not parts.is_plain


def test_noise_of_tiles_is_independent_and_adds_up(rng):
    x = np.tile(rng.uniform(-1, 1, (1, 20)), (READS, 1))
    layer = layer_of(device=NOISY, adc=Adc(16, per="tile"), tile_shape=(8, 3))
    _, variance = layer.moments(x[:1])
    assert_variance(layer.read(x, rng=1), variance[0])


@pytest.mark.parametrize("lines", [8, 5])
def test_packed_states_are_cut_at_tiles(lines, rng):
    z = rng.choice([-1.0, 0.0, 1.0], (30, 20))
    packed, _ = Packed.of(z)
    layer = layer_of(device=NOISY, adc=Adc(16, 1e-4, per="tile"), tile_shape=(lines, 3))
    span, seed = Span(0, 30), np.random.SeedSequence(3)
    np.testing.assert_array_equal(
        layer.read_span(Inputs(packed), span, seed), layer.read_span(Inputs(z), span, seed)
    )


def test_bias_lines_are_converted_once_by_converters_of_their_own(rng):
    x = rng.uniform(-1, 1, (30, 20))
    b = np.array([0.5, -2.5, 0.2, 1.0])
    layer = layer_of(adc=Adc(6), dac=Dac(4, 1.0, serial=True), b=b)
    without = layer_of(adc=Adc(6), dac=Dac(4, 1.0, serial=True))
    assert conversions(layer) == 4
    added = layer.read(x, rng=0) - without.read(x, rng=0)
    np.testing.assert_allclose(added, np.tile(Adc(6).convert(b, 2.5), (30, 1)), atol=1e-9)


def test_noise_of_converters_is_drawn_for_biases_too(rng):
    sigma = 0.3
    unit = amperes(layer_of())
    adc = Adc(16, 10 * unit, noise=sigma * unit, per="tile")
    layer = layer_of(adc=adc, tile_shape=(8, 4), b=[0.5, -0.5, 0.1, 0.2])
    u = layer.read(np.zeros((READS, 20)), rng=1)
    assert_variance(u, 4 * sigma**2)


def test_ages_and_gains_reach_all_rows_of_tiles(rng):
    x = rng.uniform(-1, 1, (3, 20))
    layer = layer_of(adc=Adc(16, per="tile"), tile_shape=(8, 4))
    before = layer.main.weights
    layer.scale_conductances(0.5)
    layer.age(10.0)
    np.testing.assert_allclose(layer.main.weights, before / 2, rtol=1e-12)
    np.testing.assert_allclose(layer.read(x, rng=0), x @ W.T / 2, atol=3 * step_of(layer))
