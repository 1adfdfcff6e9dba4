"""Weights over several cells: exact on ideal devices, errors and noise drawn in every slice."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossbar import (
    Adc,
    BalancedPair,
    BitSliced,
    Dac,
    DifferentialPair,
    Hardware,
    NeuronArray,
    ReferenceColumn,
    Tile,
)
from crossbar.cost.circuits import conversions
from crossbar.paths import build_hardware
from devices import BlankOut, Device, GaussianNoise, NoFaults
from devices.faults.base import ARRAYS
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance
from tests.helpers.unbounded_error import UnboundedError

READS = 20_000
W = np.random.default_rng(5).uniform(-1, 1, (4, 20))
SLICED = {
    "signed": BitSliced(DifferentialPair(), 2, 8),
    "one bit": BitSliced(DifferentialPair(), 1, 5),
    "one slice": BitSliced(DifferentialPair(), 4, 4),
    "offset": BitSliced(ReferenceColumn(), 2, 8, offset_binary=True),
    "offset pairs": BitSliced(BalancedPair(), 3, 6, offset_binary=True),
}
sliced = pytest.mark.parametrize("mapping", SLICED.values(), ids=SLICED)


def device_of(mapping, **options):
    """Return a cell with as many levels as a slice has digits."""
    return Device(g_min=1e-6, g_max=1e-5, levels=2**mapping.bits_per_cell, **options)


def layer_of(mapping, w=W, *, device=None, rng=0, converted=True, b=None, **hardware):
    """Return a programmed layer whose range is filled by |w| = 1."""
    device = device_of(mapping) if device is None else device
    hardware = Hardware(device=device, mapping=mapping, **hardware)
    k = mapping.siemens_per_weight(1.0, device)
    return NeuronArray.program(w, hardware, siemens_per_weight=k, converted=converted, b=b, rng=rng)


def rounded(mapping, w=W):
    """Return w rounded to the codes of a mapping whose range is 1, by the definition."""
    top = 2**mapping.bits - 1
    if mapping.offset_binary:
        return 2 * np.rint((w + 1) / 2 * top) / top - 1
    return np.rint(w * top) / top


@sliced
def test_on_a_device_with_the_levels_of_a_digit_weights_are_the_rounded_ones(mapping):
    layer = layer_of(mapping)
    np.testing.assert_allclose(layer.main.weights, rounded(mapping), atol=1e-12)
    np.testing.assert_allclose(layer.main.effective_weights, rounded(mapping), atol=1e-12)
    assert np.abs(layer.main.weights - W).max() <= 1 / (2**mapping.bits - 1)


@sliced
def test_reads_multiply_with_the_represented_weights(mapping, rng):
    x = rng.uniform(-1, 1, (30, 20))
    b = np.array([0.5, -2.5, 0.25, 1.0])
    read = layer_of(mapping, b=b).read(x, rng=0)
    lines = 3  # |b| = 2.5 on lines of |w| ≤ 1
    expected = x @ rounded(mapping).T + lines * rounded(mapping, b / lines)
    np.testing.assert_allclose(read, expected, atol=1e-12)


@sliced
def test_the_mapping_gives_the_conductances_of_ideal_slices_and_back(mapping):
    layer = layer_of(mapping)
    k = layer.siemens_per_weight
    g_pos, g_neg = mapping.conductances(W, layer.hardware.device, k)
    assert g_pos.shape == (20, mapping.slices * 4)
    now_pos, _ = layer.main.conductances()
    np.testing.assert_allclose(now_pos, g_pos, rtol=1e-12)
    np.testing.assert_allclose(mapping.weights(g_pos, g_neg, k), rounded(mapping), atol=1e-12)


@given(
    st.sampled_from([(1, 6), (2, 6), (3, 6), (6, 6)]),
    st.booleans(),
    arrays(float, (3, 4), elements=st.floats(-1, 1, allow_subnormal=False)),
)
def test_slices_add_up_to_the_rounded_weights(bits, offset, w):
    mapping = BitSliced(DifferentialPair(), *bits, offset_binary=offset)
    parts = mapping.sliced(w, 1.0)
    assert len(parts) == mapping.slices
    assert all(np.abs(part).max() <= 1 for part in parts)
    np.testing.assert_allclose(mapping.rounded(w, 1.0), rounded(mapping, w), atol=1e-12)
    np.testing.assert_allclose(mapping.significances.sum(), 1.0, rtol=1e-12)


@pytest.mark.parametrize("name", ["signed", "offset pairs"])
def test_read_noise_of_slices_adds_with_their_significances(name, rng):
    # Var u = Σ_s c_s² Σ_j x_j² σ² (G⁺_s² + G⁻_s²)/k².
    mapping = SLICED[name]
    x = rng.uniform(-1, 1, (1, 20))
    layer = layer_of(mapping, device=device_of(mapping, read_noise=GaussianNoise(0.2)))
    g_pos, g_neg = layer.main.conductances()
    squares = (g_pos**2 + g_neg**2).reshape(20, mapping.slices, 4) / layer.siemens_per_weight**2
    variance = 0.2**2 * np.einsum("j,jso,s->o", x[0] ** 2, squares, mapping.significances**2)
    np.testing.assert_allclose(layer.moments(x)[1][0], variance, rtol=1e-9)
    u = layer.read(np.tile(x, (READS, 1)), rng=1)
    assert_mean(u, (x @ rounded(mapping).T)[0])
    assert_variance(u, variance)
    assert_covariance(u[:, 0], u[:, 1], 0)


def test_programming_errors_of_slices_are_independent_and_add_with_their_significances():
    # Var w = Σ_s c_s² 2 σ²/k²: errors of a fixed size in both cells of every slice.
    mapping = SLICED["signed"]
    sigma = 2e-7
    device = Device(g_min=1e-6, g_max=1e-5, write=UnboundedError(coefficients=(sigma,)))
    w = np.full((100, 60), 0.4)  # digits 1, 2, 1, 2: no cell of the positive side is at an end
    layer = layer_of(mapping, w, device=device)
    errors = layer.main.weights - rounded(mapping, w)
    terms = [t.array.weights for t in layer.main.terms]
    assert_covariance(terms[0].ravel(), terms[1].ravel(), 0)
    spreads = [part.std() for part in terms]
    expected = np.sqrt(np.sum((mapping.significances * spreads) ** 2))
    np.testing.assert_allclose(errors.std(), expected, rtol=0.05)
    np.testing.assert_allclose(
        layer.main.programming_variance()[0],
        60 * np.sum(mapping.significances**2) * 2 * sigma**2 / layer.siemens_per_weight**2,
        rtol=1e-9,
    )


def test_slices_are_converted_before_they_are_added(rng):
    mapping = SLICED["signed"]
    x = rng.uniform(-1, 1, (30, 20))
    layer = layer_of(mapping, adc=Adc(6))
    expected = 0
    for part, c in zip(mapping.sliced(W, 1.0), mapping.significances, strict=True):
        limit = np.abs(part).sum(axis=1).max()
        expected = expected + c * Adc(6).convert(x @ part.T, limit)
    np.testing.assert_allclose(layer.read(x, rng=0), expected, atol=1e-9)
    assert conversions(layer) == mapping.slices
    assert not layer.is_plain


def test_comparators_see_currents_of_slices_added_exactly(rng):
    x = rng.uniform(-1, 1, (30, 20))
    layer = layer_of(SLICED["signed"], converted=False, adc=Adc(2))
    np.testing.assert_allclose(layer.read(x, rng=0), x @ rounded(SLICED["signed"]).T, atol=1e-12)


def test_slices_tiles_and_bit_planes_together(rng):
    mapping = SLICED["signed"]
    x = rng.uniform(-1, 1, (30, 20))
    dac = Dac(4, 1.0, serial=True)
    layer = layer_of(mapping, adc=Adc(16, per="tile"), dac=dac, tile_shape=(8, 3))
    assert conversions(layer) == mapping.slices * 3 * 3
    exact = Dac(4).convert(x, 1.0) @ rounded(mapping).T
    np.testing.assert_allclose(layer.read(x, rng=0), exact, atol=1e-3)
    g_pos, _ = layer.main.conductances()
    assert g_pos.shape == (20, mapping.slices * 4)
    np.testing.assert_array_equal(layer.main.row_edges, [0, 8, 16, 20])
    np.testing.assert_array_equal(layer.main.column_edges, [0, 3, 4, 7, 8, 11, 12, 15, 16])
    assert "12 slices of weights and rows of tiles" in layer.main.reader.describe()


def test_bits_of_a_sweep_file_describe_the_same_mapping():
    table = {"kind": "bit_sliced", "bits_per_cell": 1, "bits": 4}
    built = build_hardware({"device": "fefet_jerry2017", "gate": "none", "mapping": table})
    assert built.mapping == BitSliced(DifferentialPair(), 1, 4)


HARDWARE = Hardware(device=device_of(SLICED["signed"]), mapping=SLICED["signed"])
BAD = [
    (lambda: BitSliced("pair"), r"BitSliced\.mapping = 'pair' is not a WeightMapping"),
    (lambda: BitSliced(BitSliced()), r"BitSliced\.mapping is itself a BitSliced"),
    (lambda: BitSliced(bits_per_cell=0), r"BitSliced\.bits_per_cell = 0 is not allowed"),
    (lambda: BitSliced(bits=0), r"BitSliced\.bits = 0 is not allowed"),
    (
        lambda: BitSliced(bits_per_cell=3, bits=8),
        r"BitSliced\.bits = 8 is not a multiple of bits_per_cell = 3: .*give 9 bits",
    ),
    (lambda: BitSliced(offset_binary=2), r"BitSliced\.offset_binary = 2 is not allowed"),
    (
        lambda: Tile.program(W, HARDWARE, siemens_per_weight=1e-6, rng=0),
        r"needs an array for each slice of the weights, .*use NeuronArray\.program",
    ),
    (
        lambda: layer_of(SLICED["signed"], gate=BlankOut(0.5)),
        r"and the gate BlankOut.* acts on one",
    ),
    (lambda: layer_of(SLICED["signed"], 2 * W), r"weights up to \|w\| = .* do not fit"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@dataclass(frozen=True)
class _Asked(NoFaults):
    """No faults, and the places that were asked for them."""

    places: list = field(default_factory=list)

    def at(self, place):
        self.places.append(place)
        return self


@pytest.mark.parametrize("adc", [None, Adc(per="tile")], ids=["exact", "by tile"])
def test_faults_are_asked_for_every_slice_of_every_tile(adc, rng):
    faults = _Asked()
    mapping = BitSliced(bits_per_cell=2, bits=6)
    hardware = Hardware(
        device=device_of(mapping, faults=faults), mapping=mapping, tile_shape=(8, 4), adc=adc
    )
    k = mapping.signal_range(hardware.device)
    NeuronArray.program(W, hardware, siemens_per_weight=k, a=np.zeros(4), b=W[:, 0], rng=0)
    assert {place.array for place in faults.places} == {"main", "bias"} < set(ARRAYS)
    main = {(place.slice, place.tile) for place in faults.places if place.array == "main"}
    assert main == {(i, (row, 0)) for i in range(mapping.slices) for row in range(3)}
