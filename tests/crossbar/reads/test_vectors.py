"""Vectors of 32 bytes against numpy, with AVX2 and without, and the tables of digits they read."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from crossbar.reads import _kernels
from crossbar.reads import _vectors as v
from crossbar.reads.digits import digit_tables
from crossbar.reads.gated_sums import gated_sums
from crossbar.reads.packed import Packed
from crossbar.reads.span import Span
from tests.helpers.packed_reads import GRID, MAPPINGS, SEED, array_of, largest, mappings

EXTREMES = np.array([0, 1, 127, 128, 129, 255], dtype=np.uint8)
FORMS = [
    pytest.param(
        True,
        id="AVX2",
        marks=pytest.mark.skipif(not v.HAS_AVX2, reason="this processor has no AVX2"),
    ),
    pytest.param(False, id="plain"),
]


def random_bytes(rng, *shape):
    """Return random vectors; the first holds only extreme values."""
    out = rng.integers(0, 256, (*shape, 32), dtype=np.uint8)
    out[0] = rng.choice(EXTREMES, out[0].shape)
    return out


def results(operation, *operands):
    """Return the result of an operation on each of the vectors (n, 32)."""

    @njit
    def one(a, out):
        for i in range(0, len(a), 32):
            v.store(out, i, operation(v.load(a, i)))

    @njit
    def two(a, b, out):
        for i in range(0, len(a), 32):
            v.store(out, i, operation(v.load(a, i), v.load(b, i)))

    out = np.zeros_like(operands[0])
    (one if len(operands) == 1 else two)(*(a.reshape(-1) for a in operands), out.reshape(-1))
    return out


ELEMENTWISE = {
    "add_words": ("<u8", np.add),
    "add_shorts": ("<i2", np.add),
    "add_bytes": ("i1", np.add),
    "subtract_bytes": ("i1", np.subtract),
    "bit_and": ("<u8", np.bitwise_and),
    "bit_or": ("<u8", np.bitwise_or),
    "bit_xor": ("<u8", np.bitwise_xor),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_operations_are_those_of_numpy_and_wrap_round(name, rng):
    dtype, expected = ELEMENTWISE[name]
    a, b = random_bytes(rng, 50), random_bytes(rng, 50)
    np.testing.assert_array_equal(
        results(getattr(v, name), a, b).view(dtype), expected(a.view(dtype), b.view(dtype))
    )


SHIFTS = {
    "right_11": ("<u8", np.right_shift, 11),
    "right_40": ("<u8", np.right_shift, 40),
    "left_3": ("<u8", np.left_shift, 3),
    "left_24": ("<u8", np.left_shift, 24),
    "right_4_of_shorts": ("<u2", np.right_shift, 4),
}


@pytest.mark.parametrize("name", SHIFTS)
def test_shifts_are_those_of_numpy_and_fill_with_zeros(name, rng):
    dtype, shift, n = SHIFTS[name]
    a = random_bytes(rng, 50)
    np.testing.assert_array_equal(
        results(getattr(v, name), a).view(dtype), shift(a.view(dtype), np.array(n, dtype))
    )


def test_vectors_are_loaded_and_stored_at_any_address(rng):
    @njit
    def move(a, i, out, j):
        v.store(out, j, v.load(a, i))

    a = rng.integers(0, 256, 100, dtype=np.uint8)
    for i, j in ((0, 0), (1, 0), (0, 31), (67, 68), (7, 1)):
        out = np.full(100, 9, np.uint8)
        move(a, i, out, j)
        np.testing.assert_array_equal(out, [*[9] * j, *a[i : i + 32], *[9] * (68 - j)])
    # The index counts elements: words of eight bytes here.
    words = rng.integers(0, 2**63, 12, dtype=np.uint64)
    out = np.zeros(12, np.uint64)
    move(words, 3, out, 5)
    np.testing.assert_array_equal(out, [*[0] * 5, *words[3:7], *[0] * 3])


def test_a_splat_is_four_times_its_word():
    @njit
    def four(word, out):
        v.store(out, 0, v.splat(word))

    out = np.zeros(4, np.uint64)
    four(np.uint64(0x0123456789ABCDEF), out)
    np.testing.assert_array_equal(out, 0x0123456789ABCDEF)


def test_a_table_is_loaded_twice(rng):
    @njit
    def twice(a, i, out):
        v.store(out, 0, v.load_table(a, i))

    a = rng.integers(-128, 128, 50, dtype=np.int8)
    out = np.zeros(32, np.int8)
    for i in (0, 1, 16, 34):
        twice(a, i, out)
        np.testing.assert_array_equal(out, np.tile(a[i : i + 16], 2))


@pytest.mark.parametrize("avx2", FORMS)
def test_every_byte_is_looked_up_in_the_table(avx2, rng):
    table = np.tile(random_bytes(rng, 200)[:, :16], 2)
    index = rng.integers(0, 16, (200, 32), dtype=np.uint8)
    np.testing.assert_array_equal(
        results(v.lookup_by(avx2), table, index), np.take_along_axis(table, index, axis=1)
    )


@pytest.mark.parametrize("avx2", FORMS)
def test_a_pair_sum_adds_neighboring_signed_bytes(avx2, rng):
    a = random_bytes(rng, 500)
    # The extreme sums 254 and −256 fit into a short.
    a[1] = 127
    a[2] = 128
    pairs = a.view(np.int8).reshape(500, 16, 2).sum(axis=2, dtype=np.int16)
    np.testing.assert_array_equal(results(v.pair_sum_by(avx2), a).view("<i2"), pairs)


def test_bits_of_64_bytes_are_found_and_integers_added_to_where_they_are(rng):
    @njit
    def change(array, total):
        word = v.which_have(array, 3, np.uint8(6))
        v.add_where(total, 1, word, np.int32(-5))
        return word

    array, total = rng.integers(0, 256, 70, dtype=np.uint8), np.arange(66, dtype=np.int32)
    have = (array[3:67] & 6) != 0
    assert int(change(array, total)) == sum(1 << i for i in np.flatnonzero(have).tolist())
    expected = np.arange(66)
    expected[1:65] -= 5 * have
    np.testing.assert_array_equal(total, expected)


def test_interleaving_takes_bytes_in_turn_from_a_half_of_each_sixteen(rng):
    a, b = random_bytes(rng, 50), random_bytes(rng, 50)
    turns = np.stack([a, b], axis=2).reshape(
        50, 2, 2, 16
    )  # axes: vector, 16 bytes, half of the turns, byte
    np.testing.assert_array_equal(results(v.interleave_low, a, b), turns[:, :, 0].reshape(50, 32))
    np.testing.assert_array_equal(results(v.interleave_high, a, b), turns[:, :, 1].reshape(50, 32))


@pytest.mark.parametrize("avx2", FORMS)
def test_two_bytes_of_every_read_are_added_to_its_own_integer(avx2, rng):
    pair_sum = v.pair_sum_by(avx2)

    @njit
    def add(a, b, total, at):
        low = high = v.splat(np.uint64(0))
        for i in range(0, len(a), 32):
            low = v.add_shorts(low, pair_sum(v.interleave_low(v.load(a, i), v.load(b, i))))
            high = v.add_shorts(high, pair_sum(v.interleave_high(v.load(a, i), v.load(b, i))))
        v.add_to_ints(total, at, low, high)

    a, b = random_bytes(rng, 2, 128)  # the most that a short holds: 128 · 2 · 127
    a[:, :4], b[:, :4] = [127, 129, 127, 0], [127, 129, 129, 127]
    start = rng.integers(-(2**30), 2**30, 70, dtype=np.int32)
    for at in (0, 3, 38):
        total = start.copy()
        add(a.reshape(-1), b.reshape(-1), total, at)
        expected = start.copy()
        expected[at : at + 32] += a.view(np.int8).sum(axis=0, dtype=np.int32) + b.view(np.int8).sum(
            axis=0, dtype=np.int32
        )
        np.testing.assert_array_equal(total, expected)


def values(tables, inputs):
    """Return the matrix that tables stand for, unit Σ_d factors[d] digit_d.

    It is read off the entries that select one weight alone.
    """
    digits = tables.tables[..., 1 << np.arange(4)].reshape(tables.columns, tables.digits, -1)[
        ..., :inputs
    ]
    return tables.unit * np.einsum("d,jdi->ij", tables.factors, digits.astype(float))


shapes = st.tuples(st.integers(1, 70), st.integers(1, 3))


def assert_tables(tables, matrix, atol):
    """Check tables against their matrix.

    Their weights are those of the matrix, every entry is the sum of its weights, and sums of
    `depth` octets fit into a signed byte whatever the signs.
    """
    np.testing.assert_allclose(values(tables, len(matrix)), matrix, rtol=0, atol=atol)
    entries = tables.tables.astype(int)
    alone = entries[..., 1 << np.arange(4)]
    chosen = np.arange(16)[:, None] >> np.arange(4) & 1
    np.testing.assert_array_equal(entries, alone @ chosen.T)
    assert not alone.reshape(*entries.shape[:2], -1)[..., len(matrix) :].any()
    assert np.abs(alone).sum(axis=-1).max() * tables.depth <= 127


@settings(deadline=None)
@given(
    lowest=st.integers(-300, 300),
    k=arrays(np.int64, shapes, elements=st.integers(0, 255) | st.sampled_from([0, 10**4])),
    factor=st.sampled_from([1, 2, 3, 6]),
    step=st.sampled_from([1.0, 0.25, 1e-6 / 3, 7e-7]),
)
def test_a_grid_gets_its_exact_values_in_as_few_digits_as_its_range_needs(lowest, k, factor, step):
    index = lowest + factor * k
    [tables] = digit_tables([index * step], step, 1)
    assert tables.exact
    # 1e-12 of the largest allows for rounding step · integer once or twice.
    assert_tables(tables, index * step, 1e-12 * np.abs(index * step).max())
    most = np.abs(index).max() // max(np.gcd.reduce(index, axis=None), 1)
    assert tables.digits == next(n for n in range(1, 6) if most <= largest(n))


@settings(deadline=None)
@example(pedestal=0.3, k=np.array([[0], [62]]), factor=1, step=1.0)  # ± 31 around the middle
@given(
    pedestal=st.sampled_from([0.3, -0.5, 7.77, 1000.1, -4000 / 3]),
    k=arrays(np.int64, shapes, elements=st.integers(-3, 255) | st.sampled_from([0, 10**4])),
    factor=st.sampled_from([1, 2, 3]),
    step=st.sampled_from([1.0, 1e-6 / 3]),
)
def test_a_pedestal_off_the_grid_takes_one_more_digit(pedestal, k, factor, step):
    matrix = (pedestal + factor * k) * step
    [tables] = digit_tables([matrix], step, 1)
    assert tables.exact
    assert_tables(tables, matrix, 1e-12 * np.abs(matrix).max())
    if np.ptp(k):
        assert tables.factors[-1] % 1 != 0
        half = -(-factor * np.ptp(k) // 2)  # integers are centered around 0
        assert 2 <= tables.digits <= 1 + next(n for n in range(1, 6) if half <= largest(n))


@mappings
@pytest.mark.parametrize("levels", [2, 3, 4, 5, 16, 17, 64, 100, 255, 256])
def test_pairs_of_quantized_cells_lie_on_a_grid(levels, mapping, rng):
    array = array_of(
        rng.uniform(-1, 1, (4, 90)), replace(GRID, levels=levels), mapping=MAPPINGS[mapping]
    )
    tables = array.reader._packed_bits._polarities[0].signal
    assert tables.exact
    # With L levels a one-sided pair holds −(L − 1) … L − 1. The other mappings hold
    # −(L − 1)/2 … (L − 1)/2, in halves if L is even.
    assert tables.digits == (1 if levels - 1 <= 31 else 2)
    assert_tables(tables, array.weights.T, 1e-12 * np.abs(array.weights).max())


@settings(deadline=None)
@given(
    arrays(
        float,
        shapes,
        elements=st.floats(-1, 1, allow_subnormal=False).filter(
            lambda v: v == 0 or abs(v) > 1e-100
        ),
    ),
    st.sampled_from([3, 8]),
)
def test_values_off_grid_are_within_half_a_unit(matrix, digits):
    [tables] = digit_tables([matrix], 0.0, digits)
    size = np.abs(matrix).max()
    rounding = 4 * np.finfo(float).eps * np.abs(matrix).max()
    assert_tables(tables, matrix, tables.unit / 2 + rounding)
    if not tables.exact:  # else the random matrix is constant
        assert tables.unit == pytest.approx(size / ((63**digits - 1) / 2), rel=1e-12)
        assert tables.digits == digits
    assert np.abs(values(tables, len(matrix)) - matrix).max() <= {3: 4e-6, 8: 5e-15}[digits] * size


@pytest.mark.parametrize("value", [0.0, 3e-6, -2.0])
@pytest.mark.parametrize("step", [0.0, 1e-6])
def test_a_constant_matrix_takes_one_digit_and_is_exact(value, step, rng):
    constant = np.full((70, 2), value)
    for matrix in (
        constant,
        constant * (1 + 1e-13 * rng.uniform(-1, 1, (70, 2))),
    ):  # up to rounding
        [tables] = digit_tables([matrix], step, 3)
        assert (tables.digits, tables.exact) == (1, True)
        assert_tables(tables, matrix, 2e-13 * abs(value))
    np.testing.assert_array_equal(values(digit_tables([constant], step, 3)[0], 70), constant)


def test_a_matrix_of_zeros_beside_another_gives_sums_of_zero(rng):
    zeros, other = digit_tables([np.zeros((70, 2)), rng.uniform(-1, 1, (70, 2))], 0.0, 3)
    assert (zeros.unit, zeros.digits, other.digits) == (other.unit, 1, 3)
    sums = gated_sums(
        zeros, Packed.of(rng.choice([-1.0, 0.0, 1.0], (9, 70)))[0], Span(0, 9), SEED, 0.5
    )
    np.testing.assert_array_equal(sums, 0.0)


def test_a_grid_too_fine_for_four_digits_is_not_exact():
    assert digit_tables([np.array([[0.0], [largest(4)], [1.0]])], 1.0, 3)[0].exact
    assert not digit_tables([np.array([[0.0], [largest(4) + 1.0], [1.0]])], 1.0, 3)[0].exact


def test_sums_off_grid_in_eight_digits_are_those_of_floats(rng):
    w = rng.uniform(-1, 1, (200, 3))
    x = rng.choice([-1.0, 0.0, 1.0], (20, 200))
    u = gated_sums(digit_tables([w], 0.0, 8)[0], Packed.of(x)[0], Span(0, 20))
    exact = [[math.fsum(row * column) for column in w.T] for row in x]
    # 5e-15 for each weight; errors of 200 weights add up like a random walk.
    np.testing.assert_allclose(u, exact, rtol=0, atol=5e-15 * np.sqrt(200))


@pytest.mark.skipif(not v.HAS_AVX2, reason="this processor has no AVX2")
def test_the_innermost_loop_looks_up_32_reads_at_a_time(monkeypatch, rng):
    fresh = njit(nogil=True)(_kernels.masked_sums.py_func)  # a cached kernel shows no assembler
    monkeypatch.setattr("crossbar.reads.gated_sums.masked_sums", fresh)
    [tables] = digit_tables([rng.integers(-31, 32, (70, 2)).astype(float)], 1.0, 3)
    gated_sums(tables, Packed.of(rng.choice([-1.0, 1.0], (9, 70)))[0], Span(0, 9), SEED, 0.5)
    blocks = next(iter(fresh.inspect_asm().values())).split("\n.L")
    # Eight lookups, two for each of four inputs with either sign, in both vectors, and their sums
    # of neighboring bytes.
    looking = [b for b in blocks if b.count("vpshufb") == 8 and b.count("vpmaddubsw") == 4]
    assert looking
    lines = (
        line
        for b in looking
        for line in b.splitlines()
        if "vpshufb" in line or "vpmaddubsw" in line
    )
    assert all("%ymm" in line for line in lines)
