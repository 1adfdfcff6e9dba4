"""Compiled loops of packed reads. They take arrays and scalars, write `out`, and check nothing.

Their slow twins, in plain Python, are in tests/helpers/reference.py.

Sums of four inputs are looked up in tables, after the method of the Four Russians (Arlazarov et al.
1970). A table holds, for every column and every four inputs, the 16 sums of their weights. Four
bits (which inputs conduct, and which of those are +1) select one sum, and one vector instruction
selects for 32 reads at a time. Weights that need more than a byte are split into digits with a
table each.

The blank-out kernel draws its own random numbers, because drawing them is most of the work. Every
block of 64 consecutive reads has a generator of `_sfc64`, with one round for each column, each
eight inputs, and each binary digit of p: byte k of lane l's word belongs to read 64·block + 8·l +
k, and its bit i to the i-th of the eight inputs. A mask is therefore a function of (key, read,
position in the matrix) alone, and no result depends on threads or on how reads are batched.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._look_ups import add_digit, sum_of_all
from crossbar.reads._sfc64 import WARM_UP, sfc64_round, sfc64_seed
from crossbar.reads._vectors import (
    add_words,
    bit_and,
    bit_or,
    bit_xor,
    has_bits,
    load,
    minus_ones,
    ones,
    right_4_of_shorts,
    splat,
    splat_byte,
    store,
    zeros,
)
from devices.compiled_loops import compiled_loop

#: Reads that share the lanes of a generator: two vectors of 32 bytes.
READS_PER_BLOCK = 64
#: Base of the digits, which are −31 … 31: the sum of four of them fits into a signed byte.
DIGIT_BASE = 63
#: Binary digits of the probability of a gate that has its own.
OWN_DIGITS = 24
#: How many are compared first: in 7 of 8 cases they decide all 512 gates of 8 inputs, 64 reads.
SURE_DIGITS = 12
#: A word whose bits are all 1.
EVERY_BIT = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(nogil=True, inline="always")
def aligned(size):
    """Return `size` bytes aligned to a cache line.

    A vector that crosses two lines takes twice as long.
    """
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


@njit(nogil=True, inline="always")
def draw_masks(state, counter, p_bits, masks):
    """Draw one column's masks, (octets, 64) bytes, with P(bit) = Σ p_bits[i] 2^(i − len)."""
    digits = np.uint64(0)
    for i in range(len(p_bits)):
        digits |= np.uint64(p_bits[i]) << np.uint64(i)
    draw_words(state.ctypes.data, counter, digits, len(p_bits), len(masks), masks.ctypes.data)


@njit(nogil=True, inline="always")
def _lanes_at(state):
    """Return the state at an address: a, b, c of lanes 0 to 3, then of lanes 4 to 7."""
    a, b, c = load(state, 0), load(state, 64), load(state, 128)
    d, e, f = load(state, 32), load(state, 96), load(state, 160)
    return a, b, c, d, e, f


@njit(nogil=True, inline="always")
def _keep_lanes(state, lanes):
    """Store the state of `_lanes_at` at an address."""
    a, b, c, d, e, f = lanes
    for at, low, high in ((0, a, d), (64, b, e), (128, c, f)):
        store(state, at, low)
        store(state, at + 32, high)


@njit(nogil=True, inline="always")
def draw_words(state, counter, digits, many, octets, masks):
    """Draw one column's masks to an address, with the state at another one.

    The probability has `many` binary digits, the lowest first in `digits`. From there on, a random
    word is combined with OR where the digit is 1 and with AND where it is 0; each step halves the
    probability and adds the digit.
    """
    a, b, c, d, e, f = _lanes_at(state)
    count = splat(counter)
    one = splat(np.uint64(1))
    for octet in range(octets):
        a, b, c, first = sfc64_round(a, b, c, count)
        d, e, f, second = sfc64_round(d, e, f, count)
        count = add_words(count, one)
        for i in range(1, many):
            a, b, c, word = sfc64_round(a, b, c, count)
            d, e, f, other = sfc64_round(d, e, f, count)
            count = add_words(count, one)
            if (digits >> np.uint64(i)) & np.uint64(1):
                first, second = bit_or(first, word), bit_or(second, other)
            else:
                first, second = bit_and(first, word), bit_and(second, other)
        store(masks, octet * 64, first)
        store(masks, octet * 64 + 32, second)
    _keep_lanes(state, (a, b, c, d, e, f))


@njit(nogil=True, inline="always")
def _compare(lanes, count, masks, planes, at, many):
    """Compare random digits of 64 reads and eight inputs with those of their probabilities.

    lanes: the generator's a, b, c of lanes 0 to 3, then of lanes 4 to 7. masks: two vectors of
    gates that conduct, then two of those that no digit has decided yet. planes: address of the
    digits; those from `at` on are compared.
    """
    a, b, c, d, e, f = lanes
    first, second, open_first, open_second = masks
    one = splat(np.uint64(1))
    for i in range(at, at + many):
        a, b, c, word = sfc64_round(a, b, c, count)
        d, e, f, other = sfc64_round(d, e, f, count)
        count = add_words(count, one)
        digit = splat_byte(planes, i)
        differ = bit_and(open_first, bit_xor(word, digit))
        first, open_first = bit_or(first, bit_and(differ, digit)), bit_xor(open_first, differ)
        differ = bit_and(open_second, bit_xor(other, digit))
        second, open_second = bit_or(second, bit_and(differ, digit)), bit_xor(open_second, differ)
    return (a, b, c, d, e, f), count, (first, second, open_first, open_second)


@njit(nogil=True, inline="always")
def draw_own_masks(state, counter, planes, octets, masks):
    """Draw one column's masks to an address, each with a probability of its own.

    A gate conducts where a random number of as many binary digits is below its probability: that
    is, where the first digit in which they differ is 1 in the probability. For each eight inputs
    `SURE_DIGITS` words are drawn, and the others only if these have not decided every gate of the
    64 reads.

    planes: address of (octets, OWN_DIGITS) bytes; bit i of a byte is a digit of the i-th of eight
    inputs, the highest digit first. state: address of the state of the generator.
    """
    lanes = _lanes_at(state)
    count, none, every = splat(counter), splat(np.uint64(0)), splat(EVERY_BIT)
    for octet in range(octets):
        digits, drawn = planes + octet * OWN_DIGITS, (none, none, every, every)
        lanes, count, drawn = _compare(lanes, count, drawn, digits, 0, SURE_DIGITS)
        if has_bits(bit_or(drawn[2], drawn[3])):
            rest = OWN_DIGITS - SURE_DIGITS
            lanes, count, drawn = _compare(lanes, count, drawn, digits, SURE_DIGITS, rest)
        store(masks, octet * 64, drawn[0])
        store(masks, octet * 64 + 32, drawn[1])
    _keep_lanes(state, lanes)


@njit(nogil=True, inline="always")
def take_inputs(plus, active, rows, first, last, block, of_read, low_and_high, conducting):
    """Lay out the inputs of the 64 reads of a block.

    low_and_high: (octets, 2, 64), bits where z = +1, four inputs in a byte. conducting: (octets,
    64), bits where z ≠ 0. Reads outside first … last − 1 repeat the nearest read; their sums are
    not written. Rows of `active` repeat if there are fewer of them.
    """
    for r in range(READS_PER_BLOCK):
        of_read[r] = rows[min(max(block * READS_PER_BLOCK + r, first), last - 1) - first]
    flat = low_and_high.reshape(-1)
    nibble = splat(np.uint64(0x0F0F0F0F0F0F0F0F))
    for octet in range(len(low_and_high)):
        for r in range(READS_PER_BLOCK):
            low_and_high[octet, 0, r] = plus[of_read[r], octet]
        for at in range(
            octet * 2 * READS_PER_BLOCK, octet * 2 * READS_PER_BLOCK + READS_PER_BLOCK, 32
        ):
            bits = load(flat, at)
            store(flat, at, bit_and(bits, nibble))
            store(flat, at + READS_PER_BLOCK, bit_and(right_4_of_shorts(bits), nibble))
    if len(conducting) and len(active) < len(plus):
        for r in range(READS_PER_BLOCK):
            of_read[r] %= np.uintp(len(active))
    for octet in range(len(conducting)):
        for r in range(READS_PER_BLOCK):
            conducting[octet, r] = active[of_read[r], octet]


@njit(nogil=True, inline="always")
def restrict(masks, conducting):
    """Clear the masks of inputs that are 0."""
    for i in range(0, len(masks), 32):
        store(masks, i, bit_and(load(masks, i), load(conducting, i)))


@njit(nogil=True, inline="always")
def _write(total, factors, unit, begin, end, block, first, j, line, out):
    """Write one column of reads begin … end − 1: unit Σ_d factors[d] total[d]."""
    of_digit, factor = total[:READS_PER_BLOCK], factors[0]
    for i in range(READS_PER_BLOCK):
        line[i] = factor * of_digit[i]
    for d in range(1, len(factors)):  # of a slice, LLVM makes vectors
        of_digit, factor = total[d * READS_PER_BLOCK : (d + 1) * READS_PER_BLOCK], factors[d]
        for i in range(READS_PER_BLOCK):
            line[i] += factor * of_digit[i]
    for r in range(begin, end):
        out[r - first, j] = unit * line[r - block * READS_PER_BLOCK]


@compiled_loop()
def masked_sums(
    tables, factors, depth, plus, active, rows, key, p_bits, planes, ones, unit, first, last, out
):
    """Write out[r − first, j] = unit Σ_d factors[d] Σ_i m_rji z_ri digit_d(j, i) of reads first
    … last − 1.

    tables: (columns, digits, octets, 2, 16) int8. plus, active: (rows, octets) uint8, bit set where
    z = +1 and where z ≠ 0; active of shape (0, 0) means that no z is 0, and its rows repeat if they
    are fewer. rows: read first + i sees rows[i]. p_bits: binary digits of the masks' probability;
    empty for masks of 1. planes: those of every mask's own, (columns, octets, digits), see
    `draw_own_masks`; empty if all have the same. ones: whether no z is −1. depth: octets whose sums
    fit into bytes.
    """
    columns, digits, octets = tables.shape[:3]
    flat_tables = tables.reshape(-1)
    has_zeros, gated = len(active) > 0, len(p_bits) > 0 or len(planes) > 0
    flat_plus = aligned(octets * 128)
    flat_masks = aligned(octets * 64)
    flat_active = aligned(octets * 64 * has_zeros)
    low_and_high = flat_plus.reshape(octets, 2, READS_PER_BLOCK)
    masks = flat_masks.reshape(octets, READS_PER_BLOCK)
    conducting = flat_active.reshape(octets * has_zeros, READS_PER_BLOCK)
    masks[:] = 255
    total = np.empty(digits * READS_PER_BLOCK, np.int32)
    line = np.empty(READS_PER_BLOCK)
    state = np.empty((3, 8), np.uint64)
    of_read = np.empty(READS_PER_BLOCK, np.uintp)
    masked = gated or has_zeros
    every = np.zeros((columns, digits), np.int32)
    for i in range(columns * digits if not masked else 0):
        every[i // digits, i % digits] = sum_of_all(flat_tables, i * octets * 32, octets)
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        take_inputs(plus, active, rows, first, last, block, of_read, low_and_high, conducting)
        counter = np.uint64(1)
        if gated:
            sfc64_seed(state, key, block, counter)
            counter += np.uint64(WARM_UP)
        elif has_zeros:
            masks[:] = 255
            restrict(flat_masks, flat_active)
        begin = max(first, block * READS_PER_BLOCK)
        end = min(last, (block + 1) * READS_PER_BLOCK)
        for j in range(columns):
            if len(planes):
                own = planes.ctypes.data + j * octets * OWN_DIGITS
                draw_own_masks(state.ctypes.data, counter, own, octets, masks.ctypes.data)
            elif len(p_bits):
                draw_masks(state, counter, p_bits, masks)
            counter += np.uint64(octets * (OWN_DIGITS if len(planes) else len(p_bits)))
            if has_zeros and gated:
                restrict(flat_masks, flat_active)
            total[:] = 0
            for d in range(digits):
                start = (j * digits + d) * octets * 32
                at = d * READS_PER_BLOCK
                add_digit(
                    ones, masked, every[j, d], flat_tables, start, octets, depth, flat_plus,
                    flat_masks, total, at,
                )  # fmt: skip
            _write(total, factors, unit, begin, end, block, first, j, line, out)


@compiled_loop()
def fill_tables(q, base, tables):
    """Fill tables (columns, digits, octets, 2, 16) with the sums of four balanced digits of q
    (inputs, columns).

    The last digit is the remainder. Return the largest Σ |digit| of any four inputs.
    """
    inputs, columns = q.shape
    digits, octets = tables.shape[1:3]
    half = base // 2
    most = 1
    four = np.zeros(4, np.int64)
    for j in range(columns):
        for part in range(2 * octets):
            for i in range(4):
                four[i] = q[4 * part + i, j] if 4 * part + i < inputs else 0
            for d in range(digits):
                size = 0
                tables[j, d, part // 2, part % 2, 0] = 0
                for i in range(4):
                    digit = four[i]
                    if d < digits - 1:
                        digit = (four[i] + half) % base - half
                        four[i] = (four[i] - digit) // base
                    size += abs(digit)
                    for t in range(1 << i):
                        tables[j, d, part // 2, part % 2, t + (1 << i)] = (
                            tables[j, d, part // 2, part % 2, t] + digit
                        )
                most = max(most, size)
    return most


@compiled_loop()
def add_digits(matrix, unit, totals):
    """Add the balanced digits of the whole numbers matrix/unit to totals (digits, columns).

    The digits are those of `fill_tables`.
    """
    half = DIGIT_BASE // 2
    last = len(totals) - 1
    for j in range(matrix.shape[0]):
        for i in range(matrix.shape[1]):
            q = np.int64(np.rint(matrix[j, i] / unit))
            for d in range(last):
                rest = (q + half) // DIGIT_BASE
                totals[d, i] += q - rest * DIGIT_BASE
                q = rest
            totals[last, i] += q


@njit(nogil=True, inline="always")
def _to_bits(flags, out):
    """Pack 8 · octets truth values, a byte each, into bits.

    One multiplication gathers eight of them.
    """
    words = flags.view(np.uint64)
    for octet in range(len(out)):
        out[octet] = np.uint8((words[octet] * np.uint64(0x0102040810204080)) >> np.uint64(56))


@compiled_loop()
def pack_signs(x, plus, active, ternary, binary, first, last):
    """Pack rows first … last − 1 of x: bit set where x = +1 (plus) and where x = ±1 (active).

    ternary: whether a row holds only −1, 0 and +1. binary: whether it holds only −1 and +1.
    """
    n = x.shape[1]
    flat = x.reshape(-1)
    eights = n // 8
    for row in range(first, last):
        known = every = np.uint8(255)
        for octet in range(eights):
            at = row * n + octet * 8
            up = ones(flat, at)
            sign = up | minus_ones(flat, at)
            plus[row, octet] = up
            active[row, octet] = sign
            known &= sign | zeros(flat, at)
            every &= sign
        ternary[row] = known == 255
        binary[row] = every == 255
        if 8 * eights < n:
            plus[row, eights] = active[row, eights] = 0
        for i in range(8 * eights, n):
            up = x[row, i] == 1
            sign = up | (x[row, i] == -1)
            bit = np.uint8(1 << (i % 8))
            plus[row, eights] |= bit * up
            active[row, eights] |= bit * sign
            ternary[row] &= sign | (x[row, i] == 0)
            binary[row] &= sign


@compiled_loop()
def pack_firing(u, amperes_per_weight, threshold, noise, plus, first, last):
    """Pack u · amperes_per_weight + threshold + noise ≥ 0 of rows first … last − 1.

    noise: (rows, outputs), or (0, 0) for comparators without noise.
    """
    n = u.shape[1]
    flags = np.zeros(8 * plus.shape[1], np.uint8)
    for row in range(first, last):
        if len(noise):
            for j in range(n):
                current = u[row, j] * amperes_per_weight
                flags[j] = current + (threshold[j] + noise[row, j]) >= 0
        else:
            for j in range(n):
                flags[j] = u[row, j] * amperes_per_weight + threshold[j] >= 0
        _to_bits(flags, plus[row])
