"""Blank-out on packed bits: bit for bit the slow twin, whatever the split and the threads; planes; and its law."""

from dataclasses import replace

import numpy as np
import pytest
import reference
from conftest import assert_frequency, assert_mean, assert_variance
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossbar import BalancedPair, DifferentialPair, Hardware, ReferenceColumn, TiledArray
from crossbar.packed import BitPlanes, PackedInputs, bit_planes, drawn_p, gate_bits, masked_sums, pack, threads
from crossbar.span import Span
from devices import BlankOut, Device, GaussianNoise, LognormalNoise, LogTimeDrift, NoNoise, PowerLawNoise
from devices import StateDependentError as Error
from nsm import map_to_crossbar, nsm_mlp

SEED = np.random.SeedSequence(20240607)
MAPPINGS = {m.__name__: m() for m in (DifferentialPair, BalancedPair, ReferenceColumn)}
CELLS = {
    "NoNoise": (NoNoise(), lambda g: (1.0, 0.0)),
    "GaussianNoise": (GaussianNoise(0.3), lambda g: (1.0, 0.09)),
    "PowerLawNoise": (PowerLawNoise(0.3, 0.5, 5e-6), lambda g: (1.0, 0.09 * 5e-6 / g)),
}
GRID = Device(g_min=1e-6, g_max=1e-5, levels=10)  # a step of 1 µS: pedestal and levels lie on one grid
CONTINUOUS = replace(GRID, levels=None)
mappings = pytest.mark.parametrize("mapping", MAPPINGS)
BUGS = {
    name: pytest.mark.xfail(strict=True, reason=reason)
    for name, reason in {
        "reference": "the two sides have scales of their own: scale₊ n − scale₋ n is 1e-17, not 0",
    }.items()
}


def array_of(w, device=GRID, k=None, **options):
    hardware = Hardware(device=device, tile_shape=(2048, 512), **{"gate": BlankOut(0.5), **options})
    k = k or hardware.mapping.siemens_per_weight(np.abs(w).max(), device)
    return TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)


def values(planes, inputs):
    """The matrix that planes stand for: scale (k0 + Σ_b ± 2^b), + where the bit is not set."""
    bits = np.unpackbits(planes.planes.view("u1").reshape(*planes.planes.shape, 8), axis=-1, bitorder="little")
    by_input = np.moveaxis(bits, -1, 1).reshape(-1, planes.bits, planes.planes.shape[2])[:inputs].astype(float)
    return planes.scale * (planes.k0 + np.einsum("b,jbi->ji", 2.0 ** np.arange(planes.bits), 1 - 2 * by_input))


def isolating(word, half, words, columns):
    """Planes of weights 2^i of the 32 inputs of half a word, 0 of all others: their sum is the mask."""
    index = np.zeros((64 * words, columns), dtype=np.int64)
    index[64 * word + 32 * half :][:32] = 1 << np.arange(32)[:, None]
    planes = np.stack([pack((index >> b & 1 == 0).T).T for b in range(32)], axis=1)
    return BitPlanes(np.ascontiguousarray(planes), 2.0**32 - 1, 0.5, True)


def mask_words(seed, span, inputs, columns, p):
    """The masks that the kernel draws, (reads, words, columns) of 64 inputs each."""
    words = -(-inputs // 64)
    ones = PackedInputs.of(np.ones((span.reads, inputs)))
    masks = np.zeros((span.reads, words, columns), dtype=np.uint64)
    for word in range(words):
        low, high = (
            masked_sums(isolating(word, half, words, columns), ones, span.each(), seed, p).astype(np.uint64)
            for half in range(2)
        )
        masks[:, word] = low | high << np.uint64(32)
    return masks


PS = [0.5, 0.25, 0.375, 0.3125, 0.3]


@pytest.mark.parametrize("inputs", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("p", PS)
def test_masks_are_those_of_the_slow_twin_bit_for_bit(p, inputs):
    for first, last in ((0, 9), (61, 67), (190, 193)):
        words = mask_words(SEED, Span(first, last), inputs, 3, p)
        key = SEED.generate_state(2, np.uint64)
        twin = reference.blank_out_masks(key, first, last, inputs, 3, reference.gate_digits(p))
        np.testing.assert_array_equal(words, [pack(m.T).T for m in twin])


@settings(max_examples=40, deadline=None)
@given(
    inputs=st.sampled_from([1, 63, 64, 65, 130]),
    columns=st.integers(1, 4),
    p=st.sampled_from(PS),
    first=st.integers(0, 200),
    reads=st.integers(1, 12),
    repeats=st.integers(1, 5),
    levels=st.integers(1, 6),
    draw=st.integers(0, 2**32 - 1),
)
def test_sums_equal_the_slow_twin_exactly_on_a_grid(inputs, columns, p, first, reads, repeats, levels, draw):
    rng = np.random.default_rng(draw)
    span, last = Span(first, first + reads, repeats), first + reads
    w = rng.integers(-(2**levels), 2**levels + 1, (inputs, columns))
    assume(np.gcd.reduce(w - w.min(), axis=None) <= 1)  # other divisors: see "cancel exactly" below
    x = rng.integers(-1, 2, ((last - 1) // repeats - first // repeats + 1, inputs))  # with zeros
    rows = np.array([x[r // repeats - first // repeats] for r in range(first, last)])
    masks = reference.blank_out_masks(SEED.generate_state(2, np.uint64), first, last, inputs, columns, gate_bits(p))
    planes, packed = bit_planes(w.astype(float), 1.0), PackedInputs.of(x.astype(float))
    signed, absolute = (masked_sums(planes, packed, span, SEED, p, signed=s) for s in (True, False))
    np.testing.assert_array_equal(signed, reference.blank_out_sums(masks, rows, w))
    np.testing.assert_array_equal(absolute, reference.blank_out_sums(masks, np.abs(rows), w))


def test_the_slow_twin_is_the_published_generator():
    # numpy's own SFC64, put into the same state: (a, b, c, counter).
    key, c, theirs = SEED.generate_state(2, np.uint64), (5 << 32) + 7, np.random.SFC64(0)
    state = theirs.state
    state["state"]["state"] = np.array([*key, c, 1], dtype=np.uint64)
    theirs.state = state
    ours = reference.sfc64(int(key[0]), int(key[1]), c, warm_up=0)
    assert [next(ours) for _ in range(100)] == [int(word) for word in theirs.random_raw(100)]


@given(p=st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_p_is_rounded_to_the_nearest_multiple_of_two_to_the_minus_16(p):
    assert abs(drawn_p(p) - p) <= 2**-17
    digits = gate_bits(p)
    if digits is None:
        assert drawn_p(p) in (0.0, 1.0)
    else:
        assert digits[0] == 1
        assert sum(int(d) * 2.0 ** (i - len(digits)) for i, d in enumerate(digits)) == drawn_p(p)
        assert list(digits) == reference.gate_digits(p)


@pytest.mark.parametrize("p", [1 / 2, 1 / 4, 3 / 8, 5 / 16, 3 / 2**16, 1 - 2**-16])
def test_p_of_sixteen_binary_digits_is_exact(p):
    assert drawn_p(p) == p


@pytest.mark.parametrize("p", [*PS, 2**-10, 1 - 2**-16])
def test_masks_conduct_with_probability_p(p):
    masks = mask_words(SEED, Span(0, 4096), 128, 16, p)
    assert_frequency(np.bitwise_count(masks).sum(), masks.size * 64, drawn_p(p))
    per_column = np.bitwise_count(masks).sum(axis=(0, 1), dtype=np.int64)
    assert_frequency(per_column, len(masks) * 128, drawn_p(p))


def test_p_too_small_for_its_digits_is_drawn_cell_by_cell(rng):
    assert gate_bits(2**-17) is None  # half a step: rounds to 0
    assert gate_bits(1.01 * 2**-17).tolist() == [1, *[0] * 15]
    array = array_of(rng.uniform(-1, 1, (2, 30)), gate=BlankOut(2**-18))
    assert array.cells.path() == "cell by cell"
    assert array.read(np.ones((1, 30)), rng=0, reads_per_input=3).shape == (3, 2)


@given(arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 200))))
def test_packed_truth_values_come_back(bits):
    words = pack(bits)
    assert words.shape == (len(bits), -(-bits.shape[1] // 64))
    unpacked = np.unpackbits(words.view("u1"), axis=1, bitorder="little")
    np.testing.assert_array_equal(unpacked[:, : bits.shape[1]], bits)
    assert not unpacked[:, bits.shape[1] :].any()
    np.testing.assert_array_equal(words[:, 0] & np.uint64(1), bits[:, 0])  # the first input is the lowest bit


@given(arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 140)), elements=st.integers(-1, 1)))
def test_packed_inputs_come_back(x):
    packed = PackedInputs.of(x.astype(float))
    negative, active = (
        np.unpackbits(a.view("u1"), axis=1, bitorder="little")[:, : x.shape[1]].astype(int)
        for a in (packed.negative, packed.active)
    )
    np.testing.assert_array_equal(active - 2 * negative, x)


def test_other_inputs_are_not_packed():
    for value in (0.5, 2.0, -1 - 1e-15):
        assert PackedInputs.of(np.array([[1.0, value]])) is None


@settings(deadline=None)
@given(
    lowest=st.integers(-300, 300),
    k=arrays(np.int64, st.tuples(st.integers(1, 70), st.integers(1, 3)), elements=st.integers(0, 255)),
    factor=st.sampled_from([1, 2, 3, 6]),
    step=st.sampled_from([1.0, 0.25, 1e-6 / 3, 7e-7]),
)
def test_a_grid_gets_its_exact_values_in_as_few_planes_as_its_range_needs(lowest, k, factor, step):
    index = lowest + factor * k
    planes = bit_planes(index * step, step)
    assert planes.exact
    # 1e-12 of the largest: step · whole number, rounded once or twice.
    np.testing.assert_allclose(values(planes, len(k)), index * step, atol=1e-12 * np.abs(index * step).max(), rtol=0)
    above = index - index.min()
    # A spacing that divides twice the lowest value too, so that k0 is whole.
    divisor = max(int(np.gcd(np.gcd.reduce(above, axis=None), 2 * index.min())), 1)
    assert planes.bits == max(int(above.max() // divisor).bit_length(), 1)


@settings(max_examples=25, deadline=None)
@given(lowest=st.integers(-4, 4), factor=st.sampled_from([1, 2, 3, 5]), step=st.sampled_from([1e-6 / 3, 7e-7]))
def test_opposite_values_of_a_grid_cancel_exactly(lowest, factor, step):
    # l + (f − l) − f = 0 on one grid, whatever the common divisor of their differences: 0.0, not 1e-22.
    tied = bit_planes(np.array([[lowest], [factor - lowest], [-factor]]) * step, step)
    sums = masked_sums(tied, PackedInputs.of(np.ones((1, 3))), Span(0, 64, 64), SEED, 1 - 2**-16)
    np.testing.assert_array_equal(sums[np.abs(sums) < step / 2], 0.0)


@mappings
@pytest.mark.parametrize("levels", [2, 3, 4, 5, 16, 17, 64, 100, 255, 256])
def test_pairs_of_quantised_cells_lie_on_a_grid(levels, mapping, rng):
    array = array_of(rng.uniform(-1, 1, (4, 90)), replace(GRID, levels=levels), mapping=MAPPINGS[mapping])
    planes = array.cells._sides[0][1]
    assert planes.exact
    # L levels: 2 L − 1 weights of a one-sided pair, L of the others (reference halfway between levels where L is even).
    assert planes.bits <= ((2 * levels - 1 if mapping == "DifferentialPair" else levels) - 1).bit_length()
    largest = np.abs(array.weights).max()
    np.testing.assert_allclose(values(planes, 90), array.weights.T, atol=1e-12 * largest, rtol=0)


@pytest.mark.parametrize("levels", [10, 2, 16])
@mappings
def test_single_cells_above_a_pedestal_lie_on_a_grid(mapping, levels, rng):
    options = {"mapping": MAPPINGS[mapping], "gate_sharing": "cell"}
    array = array_of(rng.uniform(-1, 1, (4, 90)), replace(GRID, levels=levels), **options)
    assert "off grid" not in array.cells.path()


@settings(deadline=None)
@given(
    arrays(
        float,
        st.tuples(st.integers(1, 70), st.integers(1, 3)),
        elements=st.floats(-1, 1, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-100),
    )
)
def test_values_off_grid_are_within_a_ten_thousandth_of_full_scale(matrix):
    planes = bit_planes(matrix, 0.0)
    error = np.abs(values(planes, len(matrix)) - matrix).max()
    assert error <= 1e-4 * np.abs(matrix).max()
    # Half a spacing, and the rounding of the largest value.
    assert error <= abs(planes.scale) * (1 + 1e-9) + 4 * np.finfo(float).eps * np.abs(matrix).max()
    assert planes.bits <= 14


@pytest.mark.parametrize("value", [0.0, 3e-6, -2.0])
@pytest.mark.parametrize("step", [0.0, 1e-6])
def test_a_constant_matrix_takes_one_plane_and_is_exact(value, step):
    planes = bit_planes(np.full((70, 2), value), step)
    assert (planes.bits, planes.exact) == (1, True)
    np.testing.assert_array_equal(values(planes, 70), np.full((70, 2), value))


def test_a_grid_too_fine_for_the_planes_says_that_it_is_off():
    assert bit_planes(np.array([[0.0], [2.0**14 - 1], [1.0]]), 1.0).exact
    assert not bit_planes(np.array([[0.0], [2.0**14], [1.0]]), 1.0).exact


def tied_reads(mapping, sharing, rng):
    """Reads of whole-numbered weights, and the sums they must have, in units of half a level's weight."""
    w = rng.integers(-9, 10, (4, 20)).astype(float)
    w[0, 0] = 9
    array = array_of(w, mapping=MAPPINGS[mapping], gate_sharing=sharing)
    x = rng.choice([-1.0, 0.0, 1.0], (3000, 20))
    return array.read(x, rng=1), GRID.step / 2 / array.siemens_per_weight


TIED = [(m, s) for m in MAPPINGS for s in ("pair", "cell") if (m, s) != ("ReferenceColumn", "cell")]


@pytest.mark.parametrize(
    ("mapping", "sharing"), [*TIED, pytest.param("ReferenceColumn", "cell", marks=BUGS["reference"])]
)
def test_a_sum_of_exactly_zero_comes_out_as_zero(mapping, sharing, rng):
    u, half_step = tied_reads(mapping, sharing, rng)
    whole = np.rint(u / half_step)
    np.testing.assert_allclose(u, whole * half_step, rtol=1e-12, atol=1e-12 * half_step)
    assert (whole == 0).sum() > 30  # the comparator decides a tie for +1, sgn(0) = +1: no rounding may tilt it
    np.testing.assert_array_equal(u[whole == 0], 0.0)


@mappings
@pytest.mark.parametrize("sharing", ["pair", "cell"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("device", [GRID, CONTINUOUS], ids=["levels", "continuous"])
@pytest.mark.parametrize("p", [0.5, 0.3])
def test_packed_reads_have_the_moments_of_theory(device, cell, sharing, mapping, p, rng):
    noise, cell_moments = CELLS[cell]
    w, x = rng.uniform(-1, 1, (2, 100)), rng.choice([-1.0, 0.0, 1.0], (2, 100), p=[0.4, 0.2, 0.4])
    options = {"gate": BlankOut(p), "gate_sharing": sharing, "mapping": MAPPINGS[mapping]}
    array = array_of(w, replace(device, read_noise=noise), **options)
    k, pair = array.siemens_per_weight, array.conductances()
    u = array.read(x, rng=1, reads_per_input=4000).reshape(2, 4000, 2).swapaxes(0, 1)
    mean, variance = reference.moments(x, *pair, k, (p, p * (1 - p)), cell_moments, sharing)
    closed = array.moments(x)
    np.testing.assert_allclose(closed[0], mean, rtol=1e-12, atol=1e-12 * np.abs(mean).max())
    np.testing.assert_allclose(closed[1], variance, rtol=1e-12)
    assert_mean(u, mean)
    assert_variance(u, variance, mean)


def test_a_number_of_threads_is_a_whole_number():
    for n in (0, 1.5, "two"):
        with (
            pytest.raises(ValueError, match=f"threads = {n!r} is not allowed; give a whole number of at least 1"),
            threads(n),
        ):
            pass


PATHS = {
    "packed bits, 5 planes": {},
    "packed bits, 4 planes": {"gate_sharing": "cell"},
    "packed bits, 14 planes, off grid": {"device": CONTINUOUS},
    "one normal per output": {"gate": GaussianNoise(0.5)},
    "cell by cell": {"device": replace(GRID, read_noise=LognormalNoise(0.3))},
}
OTHERS = [
    ("one normal per output", {"gate_sharing": "word_line"}),
    ("one normal per output", {"gate": NoNoise(), "device": replace(GRID, read_noise=GaussianNoise(0.3))}),
    ("cell by cell", {"gate": LognormalNoise(0.3)}),
    ("cell by cell", {"device": replace(GRID, read_noise=GaussianNoise(0.3)), "mapping": ReferenceColumn()}),
    ("packed bits, 5 planes", {"device": replace(GRID, read_noise=GaussianNoise(0.3))}),
    ("packed bits, 14 planes, off grid", {"device": replace(GRID, write=Error(coefficients=(1e-7,)))}),
    (
        "packed bits, 14 planes, off grid",
        {"device": replace(GRID, retention=LogTimeDrift(mean=-1e-8, std=0, std_rate=0))},
    ),
]


@pytest.mark.parametrize(("path", "options"), [*PATHS.items(), *OTHERS])
def test_the_path_of_a_read_is_visible(path, options, rng):
    array = array_of(np.append(rng.uniform(-1, 1, (2, 99)), [[1], [-1]], axis=1), **options)
    assert array.cells.path() == path
    assert array.cells.path("moments") == "one normal per output"
    with pytest.raises(ValueError, match="unknown sampling 'both'"):
        array.cells.path("both")


@pytest.mark.parametrize(("path", "options"), PATHS.items())
def test_the_report_of_a_chip_names_the_path_of_each_layer(path, options):
    hardware = Hardware(**{"device": GRID, "gate": BlankOut(0.5), **options})
    report = map_to_crossbar(nsm_mlp((90, 60, 3)), hardware, rng=0).report()
    ungated = "cell by cell" if path == "cell by cell" else "one normal per output"
    assert report["read_path"].tolist() == [path, ungated]
