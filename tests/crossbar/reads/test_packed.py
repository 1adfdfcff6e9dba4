"""Blank-out on packed bits: masks and sums equal to the slow twin's, exact ties, moments, paths."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossbar import Comparator, Hardware, ReferenceColumn
from crossbar.reads.digits import digit_tables
from crossbar.reads.firing import fires_packed
from crossbar.reads.gated_sums import drawn_p, gate_bits, gated_sums
from crossbar.reads.packed import Packed, add_in_threads
from crossbar.reads.processor import FORM
from crossbar.reads.span import Span
from crossbar.threads import threads
from devices import BlankOut, GaussianNoise, LognormalNoise, LogTimeDrift, NoNoise, PowerLawNoise
from devices import StateDependentError as Error
from nsm import map_to_crossbar, nsm_mlp
from tests.helpers import reference
from tests.helpers.packed_reads import (
    CONTINUOUS,
    GRID,
    MAPPINGS,
    SEED,
    array_of,
    largest,
    mappings,
    mask_bytes,
)
from tests.helpers.statistics import assert_frequency, assert_mean, assert_variance

CELLS = {
    "NoNoise": (NoNoise(), lambda g: (1.0, 0.0)),
    "GaussianNoise": (GaussianNoise(0.3), lambda g: (1.0, 0.09)),
    "PowerLawNoise": (PowerLawNoise(0.3, 0.5, 5e-6), lambda g: (1.0, 0.09 * 5e-6 / g)),
}


# Probabilities of one to four binary digits, and one that is rounded.
PS = [0.5, 0.25, 0.375, 0.3125, 0.3]


@pytest.mark.parametrize("inputs", [1, 7, 8, 9, 63, 64, 65, 130])
@pytest.mark.parametrize("p", PS)
def test_masks_are_those_of_the_slow_twin_bit_for_bit(p, inputs):
    key = SEED.generate_state(2, np.uint64)
    for first, last in ((0, 9), (61, 67), (191, 193), (1000, 1100)):
        twin = reference.blank_out_masks(key, first, last, inputs, 2, reference.gate_digits(p))
        masks = mask_bytes(SEED, Span(first, last), inputs, 2, p)
        np.testing.assert_array_equal(masks, np.packbits(twin, axis=1, bitorder="little"))


def test_masks_of_reads_with_large_numbers_are_those_of_the_slow_twin():
    key = SEED.generate_state(2, np.uint64)
    first = 2**40 - 3
    twin = reference.blank_out_masks(key, first, first + 5, 20, 2, [1])
    masks = mask_bytes(SEED, Span(first, first + 5), 20, 2, 0.5)
    np.testing.assert_array_equal(masks, np.packbits(twin, axis=1, bitorder="little"))


@settings(max_examples=60, deadline=None)
@given(
    inputs=st.sampled_from([1, 7, 8, 9, 63, 64, 65, 130]),
    columns=st.integers(1, 4),
    p=st.sampled_from(PS),
    first=st.integers(0, 200),
    reads=st.integers(1, 12),
    repeats=st.integers(1, 5),
    digits=st.integers(1, 3),
    states=st.sampled_from([(-1, 0, 1), (-1, 1), (0, 1), (1,)]),
    draw=st.integers(0, 2**32 - 1),
)
def test_sums_equal_the_slow_twin_exactly_on_a_grid(
    inputs, columns, p, first, reads, repeats, digits, states, draw
):
    rng = np.random.default_rng(draw)
    span = Span(first, first + reads, repeats)
    last = first + reads
    w = rng.integers(-largest(digits), largest(digits) + 1, (inputs, columns))
    x = rng.choice(states, ((last - 1) // repeats - first // repeats + 1, inputs))
    rows = np.array([x[r // repeats - first // repeats] for r in range(first, last)])
    masks = reference.blank_out_masks(
        SEED.generate_state(2, np.uint64), first, last, inputs, columns, reference.gate_digits(p)
    )
    tables = digit_tables([w.astype(float)], 1.0, 3)[0]
    packed = Packed.of(x.astype(float))[0]
    assert tables.exact
    signed, absolute = (gated_sums(tables, x, span, SEED, p) for x in (packed, packed.absolute()))
    np.testing.assert_array_equal(signed, reference.blank_out_sums(masks, rows, w))
    np.testing.assert_array_equal(absolute, reference.blank_out_sums(masks, np.abs(rows), w))
    np.testing.assert_array_equal(
        gated_sums(tables, packed, span, SEED, p, scaled=False) * tables.unit, signed
    )
    # Without a seed every mask is 1.
    np.testing.assert_array_equal(gated_sums(tables, packed, span), rows @ w)


def test_the_slow_twin_is_the_published_generator():
    # numpy's own SFC64, put into the same state: (a, b, c, counter).
    key = SEED.generate_state(2, np.uint64)
    c = 8 * 5 + 7
    theirs = np.random.SFC64(0)
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
    masks = mask_bytes(SEED, Span(0, 4096), 128, 16, p)
    assert_frequency(np.bitwise_count(masks).sum(dtype=np.int64), masks.size * 8, drawn_p(p))
    per_column = np.bitwise_count(masks).sum(axis=(0, 1), dtype=np.int64)
    assert_frequency(per_column, len(masks) * 128, drawn_p(p))


def test_p_too_small_for_its_digits_is_drawn_cell_by_cell(rng):
    assert gate_bits(2**-17) is None  # half a step: rounds to 0
    assert gate_bits(1.01 * 2**-17).tolist() == [1, *[0] * 15]
    array = array_of(rng.uniform(-1, 1, (2, 30)), gate=BlankOut(2**-18))
    assert array.reader.describe() == "cell by cell"
    assert array.read(np.ones((1, 30)), rng=0, reads_per_input=3).shape == (3, 2)


@settings(deadline=None)
@given(
    arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 140)), elements=st.integers(-1, 1))
)
def test_packed_inputs_are_unpacked_to_what_they_were(x):
    for given_ in (x, x.astype(float)):
        packed, is_ternary = Packed.of(given_)
        assert is_ternary.all()
        assert packed.plus.shape == (len(x), -(-x.shape[1] // 8))
        assert packed.has_zeros == (x == 0).any()
        np.testing.assert_array_equal(packed.signs(), x)
        np.testing.assert_array_equal(packed.absolute().signs(), np.abs(x))
        # The first input is the lowest bit.
        np.testing.assert_array_equal(packed.plus[:, 0] & 1, x[:, 0] == 1)


@settings(deadline=None)
@given(st.integers(0, 70), st.integers(1, 140), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_comparators_pack_their_decisions(reads, outputs, noise, draw):
    rng = np.random.default_rng(draw)
    comparator = Comparator(noise=noise)
    u = rng.integers(-2, 3, (reads, outputs)).astype(float)
    offsets = rng.integers(-2, 3, outputs) * 0.3
    for normals in (None, rng.standard_normal((reads, outputs))):
        packed = fires_packed(comparator, u, 0.3, offsets, normals)  # many ties
        assert (packed.inputs, len(packed), packed.has_zeros) == (outputs, reads, False)
        np.testing.assert_array_equal(
            packed.signs() == 1, comparator.fires(u * 0.3, offsets, normals)
        )


@pytest.mark.parametrize("value", [0.5, 2.0, -1 - 1e-15, np.nan, np.inf, 1e-300])
def test_a_row_with_other_values_is_not_ternary(value):
    x = np.array([[1.0, -1.0], [1.0, value], [0.0, -0.0]])
    packed, is_ternary = Packed.of(x)
    assert is_ternary.tolist() == [True, False, True]
    np.testing.assert_array_equal(packed.signs()[is_ternary], x[is_ternary])


@settings(max_examples=30, deadline=None)
@given(
    values=st.sampled_from(["grid", "pedestal", "off grid"]),
    shape=st.tuples(st.integers(2, 70), st.integers(1, 3)),
    draw=st.integers(0, 2**32 - 1),
)
def test_opposite_sums_of_matrices_in_one_unit_cancel_exactly(values, shape, draw):
    # The same weights on other word lines have exactly the same sum, without a rest of 1e-22. The
    # largest weight of all matrices sets the common unit.
    rng = np.random.default_rng(draw)
    step = 1e-6 / 3
    w = step * {"grid": 0, "pedestal": 0.3, "off grid": rng.uniform(0, 1, shape)}[
        values
    ] + step * rng.integers(0, 20, shape)
    other = rng.permuted(w, axis=0)
    third = w + 99 * step
    a, b, _ = digit_tables([w, other, third], 0.0 if values == "off grid" else step, 3)
    assert a.unit == b.unit
    ones = Packed.of(np.ones((1, shape[0])))[0]
    sums = [gated_sums(t, ones, Span(0, 3, 3), scaled=False) for t in (a, b)]
    np.testing.assert_array_equal(sums[0] - sums[1], 0.0)
    error = (1e-12 * w if a.exact else np.full(shape, a.unit / 2)).sum(axis=0)
    assert (np.abs(a.unit * sums[0] - w.sum(axis=0)) <= error).all()
    assert a.exact == (values != "off grid")


@settings(max_examples=25, deadline=None)
@given(
    lowest=st.integers(-4, 4),
    factor=st.sampled_from([1, 2, 3, 5]),
    step=st.sampled_from([1e-6 / 3, 7e-7]),
)
def test_opposite_values_of_a_grid_cancel_exactly(lowest, factor, step):
    # l + (f − l) − f = 0 is exact on one grid, whatever the common divisor of the differences.
    [tied] = digit_tables([np.array([[lowest], [factor - lowest], [-factor]]) * step], step, 3)
    sums = gated_sums(tied, Packed.of(np.ones((1, 3)))[0], Span(0, 64, 64), SEED, 1 - 2**-16)
    np.testing.assert_array_equal(sums[np.abs(sums) < step / 2], 0.0)


@pytest.mark.parametrize("levels", [10, 2, 16])
@mappings
def test_single_cells_above_a_pedestal_lie_on_a_grid(mapping, levels, rng):
    options = {"mapping": MAPPINGS[mapping], "gate_sharing": "cell"}
    array = array_of(rng.uniform(-1, 1, (4, 90)), replace(GRID, levels=levels), **options)
    assert "off grid" not in array.reader.describe()


@pytest.mark.parametrize("inputs", [31, 32, 1023, 1025, 4097, 5001])
@pytest.mark.parametrize("weight", [1, 3, 5, 7, 10, 15, 21, 31, largest(2), 63 * 31, largest(3)])
def test_many_equal_weights_add_up_exactly(weight, inputs):
    # Four inputs of digit 31 fill a signed byte, and 128 octets of such inputs fill a short.
    # Smaller digits fill them later.
    w = np.full((inputs, 2), weight)
    w[-1], w[:, 1] = weight - 1, -w[:, 1]
    [tables] = digit_tables([w.astype(float)], 1.0, 3)
    x = np.ones((3, inputs), dtype=np.int8)
    x[1] = -1
    x[2, ::5] = -1
    for rows in (x, x * (np.arange(inputs) % 7 != 3)):
        packed = Packed.of(rows.astype(np.int8))[0]
        np.testing.assert_array_equal(gated_sums(tables, packed, Span(0, 3)), rows @ w)
        np.testing.assert_array_equal(
            gated_sums(tables, packed.absolute(), Span(0, 3)), np.abs(rows) @ w
        )


@pytest.mark.parametrize("inputs", [1025, 4097])
def test_gated_sums_of_extreme_weights_are_those_of_their_masks(inputs):
    w = np.full((inputs, 2), largest(2))
    w[-1] = 0
    [tables] = digit_tables([w.astype(float)], 1.0, 3)
    for p in (0.5, 1 - 2**-16):
        masks = np.unpackbits(
            mask_bytes(SEED, Span(60, 70), inputs, 2, p), axis=1, count=inputs, bitorder="little"
        )
        u = gated_sums(tables, Packed.of(np.ones((1, inputs)))[0], Span(60, 70, 70), SEED, p)
        np.testing.assert_array_equal(u, np.einsum("rij,ij->rj", masks.astype(int), w))


def tied_reads(mapping, sharing, rng):
    """Return reads of integer weights, and half the weight of a level, which divides them."""
    w = rng.integers(-9, 10, (4, 20)).astype(float)
    w[0, 0] = 9
    array = array_of(w, mapping=MAPPINGS[mapping], gate_sharing=sharing)
    x = rng.choice([-1.0, 0.0, 1.0], (3000, 20))
    return array.read(x, rng=1), GRID.step / 2 / array.siemens_per_weight


@pytest.mark.parametrize("sharing", ["pair", "cell"])
@mappings
def test_a_sum_of_exactly_zero_comes_out_as_zero(mapping, sharing, rng):
    u, half_step = tied_reads(mapping, sharing, rng)
    steps = np.rint(u / half_step)
    np.testing.assert_allclose(u, steps * half_step, rtol=1e-12, atol=1e-12 * half_step)
    assert (steps == 0).sum() > 30  # sgn(0) = +1: a rounding error of a tie would decide it
    np.testing.assert_array_equal(u[steps == 0], 0.0)


@mappings
@pytest.mark.parametrize("sharing", ["pair", "cell"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("device", [GRID, CONTINUOUS], ids=["levels", "continuous"])
@pytest.mark.parametrize("p", [0.5, 0.3])
def test_packed_reads_have_the_moments_of_theory(device, cell, sharing, mapping, p, rng):
    noise, cell_moments = CELLS[cell]
    w = rng.uniform(-1, 1, (2, 100))
    x = rng.choice([-1.0, 0.0, 1.0], (2, 100), p=[0.4, 0.2, 0.4])
    options = {"gate": BlankOut(p), "gate_sharing": sharing, "mapping": MAPPINGS[mapping]}
    array = array_of(w, replace(device, read_noise=noise), **options)
    k = array.siemens_per_weight
    pair = array.conductances()
    u = array.read(x, rng=1, reads_per_input=4000).reshape(2, 4000, 2).swapaxes(0, 1)
    mean, variance = reference.moments(x, *pair, k, (p, p * (1 - p)), cell_moments, sharing)
    closed = array.moments(x)
    np.testing.assert_allclose(closed[0], mean, rtol=1e-12, atol=1e-12 * np.abs(mean).max())
    np.testing.assert_allclose(closed[1], variance, rtol=1e-12)
    assert_mean(u, mean)
    assert_variance(u, variance, mean)


def test_a_number_of_threads_is_a_positive_integer():
    for n in (0, 1.5, "two"):
        with (
            pytest.raises(
                ValueError,
                match=f"threads = {n!r} is not allowed",
            ),
            threads(n),
        ):
            pass


#: What was compiled depends on the processor.
PACKED = f"packed bits ({FORM})"
PATHS = {
    f"{PACKED}, 1 digit": {},
    f"{PACKED}, 2 digits": {"device": replace(GRID, levels=64)},
    f"{PACKED}, 3 digits, off grid": {"device": CONTINUOUS},
    f"{PACKED}, 1 digit, p drawn as 0.3000031": {"gate": BlankOut(0.3)},
    f"{PACKED}, 3 digits, off grid, p drawn as 0.3000031": {
        "device": CONTINUOUS,
        "gate": BlankOut(0.3),
    },
    "one normal per output": {"gate": GaussianNoise(0.5)},
    "no noise in the cells, gates drawn word line by word line": {"gate_sharing": "word_line"},
    "a normal for every cell, a bit for each gate": {
        "device": replace(GRID, read_noise=LognormalNoise(0.3))
    },
}
NOISY = replace(GRID, read_noise=GaussianNoise(0.3))
DRIFT = LogTimeDrift(mean=-1e-8, std=0, std_rate=0)
OTHERS = [
    (f"{PACKED}, 1 digit", {"gate_sharing": "cell"}),
    (
        f"{PACKED}, 2 digits",
        {"gate_sharing": "cell", "device": replace(GRID, levels=16)},
    ),  # one digit is for the pedestal
    (
        "one normal per output, gates drawn word line by word line",
        {"gate_sharing": "word_line", "device": NOISY},
    ),
    ("one normal per output", {"gate": NoNoise(), "device": NOISY}),
    ("cell by cell", {"gate": LognormalNoise(0.3)}),
    ("cell by cell", {"device": NOISY, "mapping": ReferenceColumn()}),
    (f"{PACKED}, 1 digit", {"device": NOISY}),
    (
        f"{PACKED}, 3 digits, off grid",
        {"device": replace(GRID, write=Error(coefficients=(1e-7,)))},
    ),
    (f"{PACKED}, 3 digits, off grid", {"device": replace(GRID, retention=DRIFT)}),
]


@pytest.mark.parametrize(("path", "options"), [*PATHS.items(), *OTHERS])
def test_the_path_of_a_read_is_visible(path, options, rng):
    array = array_of(np.append(rng.uniform(-1, 1, (2, 99)), [[1], [-1]], axis=1), **options)
    assert array.reader.describe() == path
    assert array.reader.describe("moments") == "one normal per output"
    with pytest.raises(ValueError, match="unknown sampling 'both'"):
        array.reader.describe("both")


@pytest.mark.parametrize(("path", "options"), PATHS.items())
def test_the_report_of_a_chip_names_the_path_of_each_layer(path, options):
    hardware = Hardware(**{"device": GRID, "gate": BlankOut(0.5), **options})
    report = map_to_crossbar(nsm_mlp((90, 60, 3)), hardware, rng=0).report()
    fresh = path.startswith("a normal for every cell")
    ungated = "a normal for every cell" if fresh else "one normal per output"
    assert report[report["where"] == "tiles"]["read_path"].tolist() == [path, ungated]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("reads", [1, 700])
def test_sums_are_added_in_threads_as_by_numpy(reads, workers, rng):
    u, more = rng.normal(size=(2, reads, 300))
    rows = (rng.normal(size=300), rng.normal(size=(1, 300)), rng.normal(size=(reads, 300)))
    with threads(workers):
        for row in rows:
            found = u.copy()
            add_in_threads(found, row)
            np.testing.assert_array_equal(found, u + row)
            found = u.copy()
            add_in_threads(found, more.copy(), row)
            np.testing.assert_array_equal(found, u + more * row)
