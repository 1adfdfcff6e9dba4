"""A layer in one compiled pass gives the numbers of its parts, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Adc, Hardware, NeuronArray
from crossbar.reads.digits import digit_tables
from crossbar.reads.gated_sums import gate_bits, gated_sums
from crossbar.reads.inputs import Inputs
from crossbar.reads.layer_pass.layer_pass import Gates, LayerPass, Noise
from crossbar.reads.layer_pass.sign_tables import sign_tables
from crossbar.reads.normals import normals
from crossbar.reads.packed import Packed
from crossbar.reads.span import Span
from crossbar.threads import threads
from devices import (
    BlankOut,
    GaussianNoise,
    LognormalNoise,
    NoNoise,
    StateDependentError,
    StochasticSelector,
    TelegraphNoise,
)
from devices.seeding import child
from tests.helpers import reference
from tests.helpers.packed_reads import CONTINUOUS, GRID, SEED, largest


@settings(max_examples=25, deadline=None)
@given(
    inputs=st.sampled_from([1, 7, 8, 9, 65]),
    columns=st.integers(1, 3),
    p=st.sampled_from([0.5, 0.375, 0.3]),
    first=st.integers(0, 70),
    images=st.integers(1, 3),
    repeats=st.integers(1, 3),
    locations=st.sampled_from([1, 3]),
    digits=st.integers(1, 4),
    same=st.booleans(),
    draw=st.integers(0, 2**32 - 1),
)
def test_a_pass_equals_the_slow_twin_exactly_on_a_grid(
    inputs, columns, p, first, images, repeats, locations, digits, same, draw
):
    rng = np.random.default_rng(draw)
    first *= repeats * locations
    span = Span(first, first + images * repeats * locations, repeats, locations)
    top = largest(digits)
    w, v = rng.integers(-top, top + 1, (2, inputs, columns))
    v = w if same else v
    x = rng.choice([-1, 1], (images * locations, inputs))
    rows = x[span.rows]
    p_digits = reference.gate_digits(p)
    key = SEED.generate_state(2, np.uint64)
    masks = reference.blank_out_masks(key, span.first, span.last, inputs, columns, p_digits)
    tables = [sign_tables(digit_tables([m.astype(float)], 1.0, 3)[0]) for m in (w, v)]
    tables = [tables[0]] * 2 if same else tables
    a = rng.choice([-0.5, 0.25], columns)
    bias, threshold = rng.integers(-9, 10, (2, columns)) / 4
    gates = Gates(gate_bits(p), ())
    layer = LayerPass(*tables, gates, a=a, bias=bias, threshold=threshold)
    packed = Packed.of(x.astype(float))[0]
    expected = reference.blank_out_sums(masks, rows, w) + a * (rows @ v) + bias + threshold
    np.testing.assert_array_equal(layer.sums(packed, span, SEED), expected)
    offsets = rng.integers(-50, 50, columns) + 0.5
    fires = 3.0 * expected + offsets >= 0
    fired = layer.fired(packed, span, SEED, 3.0, offsets)
    np.testing.assert_array_equal(fired.positive(), fires)
    states = layer.states(packed, span, SEED, 3.0, offsets)
    arranged = fires.reshape(-1, locations, columns).swapaxes(1, 2)
    np.testing.assert_array_equal(states, arranged)


@pytest.mark.parametrize(("digits", "later"), [(1, 0), (2, 0), (3, 1), (4, 2)])
def test_many_inputs_and_columns_equal_gated_sums(digits, later, rng):
    # More octets than a short holds, more columns than a byte has bits, blocks of several images.
    # Sums of four digits do not fit into int32.
    top = largest(digits)
    w = rng.integers(-top, top + 1, (1100, 10)).astype(float)
    tables, span = digit_tables([w], 1.0, 3)[0], Span(120, 360, 3, 40)
    x = Packed.of(rng.choice([-1.0, 1.0], (80, 1100)))[0]
    of_signs = sign_tables(tables)
    assert (tables.digits, of_signs.later) == (digits, later)
    assert len(of_signs.steps) == (10 if digits in (2, 3) else 0)
    layer = LayerPass(of_signs, of_signs, Gates(gate_bits(0.5), ()))
    expected = gated_sums(tables, x, span, SEED, 0.5)
    np.testing.assert_array_equal(layer.sums(x, span, SEED), expected)
    states = layer.states(x, span, SEED, 1.0, np.zeros(10))
    np.testing.assert_array_equal(states, (expected >= 0).reshape(6, 40, 10).swapaxes(1, 2))


@pytest.mark.parametrize("columns", [1, 10, 17, 300])
@pytest.mark.parametrize("first", [0, 1000, 2**40 + 70])
def test_noise_of_many_blocks_is_that_of_each_read(first, columns, rng):
    # Of few columns, normals are drawn for up to sixteen blocks of reads at once.
    span = Span(first, first + 1300, first + 1300)
    w, std = rng.integers(-9, 10, (3, columns)) * 1.0, np.linspace(0, 5, columns, dtype=np.float32)
    tables = sign_tables(digit_tables([w], 1.0, 3)[0])
    x = Packed.of(np.ones((1, 3)))[0]
    u = LayerPass(tables, tables, noise=Noise(std, (3,))).sums(x, span, SEED)
    noise = normals(span, columns, child(SEED, 3)) * std
    np.testing.assert_array_equal(u, w.sum(axis=0) + noise)


WAYS = {
    "grid": {},
    "continuous": {"device": CONTINUOUS},
    "moments": {"device": CONTINUOUS},
    "Gaussian cells": {
        "device": replace(CONTINUOUS, read_noise=GaussianNoise(0.1)),
        "gate": NoNoise(),
        "bias": "reference",
    },
    "Gaussian cells behind gates": {
        "device": replace(CONTINUOUS, read_noise=GaussianNoise(0.1)),
    },
    "Gaussian cells on levels, behind gates": {
        "device": replace(GRID, read_noise=GaussianNoise(0.1)),
        "gate": BlankOut(0.3),
    },
    "selectors of their own": {
        "device": replace(GRID, read_noise=GaussianNoise(0.1)),
        "gate": StochasticSelector.with_p(0.4, spread=0.7),
    },
    "Gaussian cells behind gates, moments": {
        "device": replace(GRID, read_noise=GaussianNoise(0.1)),
    },
    "exact biases": {"bias": "reference"},
    "converters": {"adc": Adc(6, range=1e-3)},
}


def layer_of(rng, **options):
    hardware = Hardware(
        **{"device": GRID, "tile_shape": (64, 64), "gate": BlankOut(0.5), **options}
    )
    w = rng.uniform(-1, 1, (11, 90))
    k = hardware.mapping.siemens_per_weight(1.0, hardware.device)
    a, b = rng.uniform(-1, 1, (2, 11))
    converted = "adc" in options
    return NeuronArray.program(
        w, hardware, siemens_per_weight=k, a=a, b=b, converted=converted, rng=0
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_in_one_pass_has_the_numbers_of_its_parts(way, rng, monkeypatch):
    layer = layer_of(rng, **WAYS[way])
    sampling = "moments" if "moments" in way else "exact"
    x = Inputs(rng.choice([-1.0, 1.0], (9, 90)))
    span = Span(5, 5 + 40, 5)
    at_once = layer.whole.sums(x, span, SEED, sampling)
    assert at_once is not None
    with threads(3):
        u = layer.read_span(x, span, SEED, sampling=sampling)
    fired = layer.whole.fired(x, span, SEED, np.zeros(11), sampling)
    monkeypatch.setattr(layer.whole, "sums", lambda *_: None)
    np.testing.assert_array_equal(u, layer.read_span(x, span, SEED, sampling=sampling))
    if way == "converters":
        assert fired is None
    else:
        np.testing.assert_array_equal(fired.positive(), u >= 0)


def test_a_layer_that_changes_is_read_as_it_is_now(rng):
    layer = layer_of(rng)
    x, span = Inputs(rng.choice([-1.0, 1.0], (1, 90))), Span(0, 70, 70)
    before = layer.read_span(x, span, SEED)
    layer.scale_conductances(2.0)
    np.testing.assert_allclose(layer.read_span(x, span, SEED), 2 * before, rtol=1e-12)
    layer.threshold = layer.threshold + 7
    np.testing.assert_allclose(layer.read_span(x, span, SEED), 2 * before + 7, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"device": replace(CONTINUOUS, read_noise=TelegraphNoise(0.1, 1e-5, 1e-5))},
        {"device": replace(CONTINUOUS, read_noise=LognormalNoise(0.1))},
        {"gate": StochasticSelector.with_p(0.4, leak=0.1)},
        {"gate": BlankOut(0.5), "gate_sharing": "cell"},
        {"gate": BlankOut(0.5), "gate_sharing": "word_line"},
    ],
)
def test_what_one_pass_does_not_draw_is_read_in_parts(options, rng):
    layer = layer_of(rng, **options)
    x = Inputs(rng.choice([-1.0, 1.0], (2, 90)))
    assert layer.whole.sums(x, Span(0, 2), SEED, "exact") is None
    zeros = Inputs(np.zeros((2, 90)))
    assert layer_of(rng).whole.sums(zeros, Span(0, 2), SEED, "exact") is None


@pytest.mark.parametrize("error", [False, True])
def test_a_path_of_the_same_cells_is_summed_once(error, rng):
    device = replace(GRID, write=StateDependentError(coefficients=(0.0, 0.05))) if error else GRID
    of_pass = layer_of(rng, device=device).whole._of_signs("exact")
    assert (of_pass.path.entries is of_pass.main.entries) != error


def test_a_path_of_the_same_continuous_cells_is_summed_once(rng):
    # The units of some of these layers' arrays differ by a rounding error.
    for w in rng.uniform(-1, 1, (20, 3, 12)):
        hardware = Hardware(device=CONTINUOUS, gate=BlankOut(0.5))
        k = hardware.mapping.siemens_per_weight(np.abs(w).max(), CONTINUOUS)
        layer = NeuronArray.program(
            w, hardware, siemens_per_weight=k, a=np.ones(3), b=np.zeros(3), rng=0
        )
        of_pass = layer.whole._of_signs("exact")
        assert of_pass.path.entries is of_pass.main.entries
        x, span = Inputs(rng.choice([-1.0, 1.0], (5, 12))), Span(0, 5)
        u = layer.whole.sums(x, span, SEED, "exact")
        layer.whole.sums = lambda *_: None
        np.testing.assert_array_equal(u, layer.read_span(x, span, SEED))


@pytest.mark.parametrize(
    "form",
    [np.int64, np.float32, lambda row: np.repeat(row, 2)[::2]],
    ids=["int", "single", "gaps"],
)
def test_factors_thresholds_and_offsets_may_have_any_form(form, rng, monkeypatch):
    layer = layer_of(rng, bias="reference")
    layer.a, layer.threshold, offsets = (form(rng.integers(-3, 4, 11) * 1.0) for _ in range(3))
    x, span = Inputs(rng.choice([-1.0, 1.0], (9, 90))), Span(0, 9)
    u = layer.read_span(x, span, SEED)
    fired = layer.whole.fired(x, span, SEED, offsets, "exact")
    np.testing.assert_array_equal(fired.positive(), u * layer.amperes_per_weight + offsets >= 0)
    monkeypatch.setattr(layer.whole, "sums", lambda *_: None)
    np.testing.assert_array_equal(u, layer.read_span(x, span, SEED))
