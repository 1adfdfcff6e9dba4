"""Compiled loops of learning: coincidences, gradients that fill a step, pulses.

They take arrays and scalars, and check nothing. Weights lie (outputs, inputs), row after row, and a
list of pulses holds the places of weights in this order with a signed count for each. Normal
numbers come from outside, one for each pulse and cell whose response is noisy, in the order in
which the list is worked through.
"""

# mypy: ignore-errors

import math

import numpy as np
from numba import njit

from crossbar.arrays._prefetch import prefetch
from crossbar.reads._normals import _fill_words
from devices.compiled_loops import compiled_loop

_ONE = np.uint64(1)
# The place of a single bit in a word, by a de Bruijn sequence: the upper six bits of the product
# are different for every bit (Leiserson, Prokop & Randall 1998, "Using de Bruijn sequences to index
# a 1 in a computer word").
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_UPPER = np.uint64(58)
_PLACES = np.array(
    [np.argmax([(0x03F79D71B4CB0A89 << bit) % 2**64 >> 58 == n for bit in range(64)])
     for n in range(64)],
    np.int64,
)  # fmt: skip
#: Binary digits of a probability that decide a random bit.
DIGITS = 24
# Entries of a list that are fetched from memory ahead of the one that is worked on. Cells of a
# large array lie in memory, and waiting for them took half of the loop over cells that differ.
_AHEAD = 24
_COLUMNS = 8  # of `FlatCells.cells`


@compiled_loop()
def fill_streams(p, length, key, block, words, out):
    """Write one word of `length` random bits for each line, each 1 with the line's probability.

    The digits of p decide bit for bit (Knuth and Yao 1976): from the last digit on, r becomes
    r | w where the digit is 1 and r & w where it is 0, with a random word w.

    Args:
        p: Probabilities, (lines,) float32; above 1 they count as 1.
        length: Bits of a stream, 1 to 64.
        key: Two words that name the random stream.
        block: Number of the draw.
        words: Room for DIGITS · lines words, rounded up to a multiple of 8.
        out: (lines,) uint64.
    """
    state = np.empty((3, 8), np.uint64)
    _fill_words(words, state, key, block)
    keep = ~np.uint64(0) if length == 64 else (_ONE << np.uint64(length)) - _ONE
    for i in range(len(p)):
        if p[i] >= 1:
            out[i] = keep
            continue
        digits = np.int64(np.float64(p[i]) * (1 << DIGITS))
        r = np.uint64(0)
        if digits > 0:
            for digit in range(DIGITS):
                word = words[DIGITS * i + digit]
                r = r | word if (digits >> digit) & 1 else r & word
        out[i] = r & keep


@compiled_loop()
def list_slots(bits, columns, ends):
    """Write, slot after slot, which lines send a 1; return the number of entries.

    Args:
        bits: Streams of the lines, (lines,).
        columns: Room for the lines of each slot, (slots, lines).
        ends: How many lines send in each slot, (slots,).
    """
    ends[:] = 0
    for j in range(len(bits)):
        word = bits[j]
        t = 0
        while word:
            if word & _ONE:
                columns[t, ends[t]] = j
                ends[t] += 1
            word = word >> _ONE
            t += 1


@compiled_loop()
def count_coincidences(e_bits, columns, ends, e, x, number, touched, where, counts):
    """List the pulses where streams coincide: −sign(e x) times the number of common bits.

    Only coincidences are visited: of every slot in which the output sends, the inputs that send.
    The list is in the order of the weights, because cells are then fetched from memory in their
    order, which takes about half the time.

    Args:
        e_bits: Streams of the outputs, (outputs,).
        columns: Inputs that send in each slot, (slots, inputs), from `list_slots`.
        ends: How many these are, (slots,).
        e: Errors of the outputs, (outputs,).
        x: Inputs, (inputs,).
        number: Zeros, (inputs,); they are zeros again afterwards.
        touched: Zeros, one bit for each input; they are zeros again afterwards.
        where: Written: places of weights.
        counts: Written: signed counts.

    Returns:
        Length of the list.
    """
    m = 0
    for i in range(len(e)):
        word = e_bits[i]
        if word == 0:
            continue
        t = 0
        while word:
            if word & _ONE:
                for at in range(ends[t]):
                    j = columns[t, at]
                    touched[j >> 6] |= _ONE << np.uint64(j & 63)
                    number[j] += 1
            word = word >> _ONE
            t += 1
        down = e[i] > 0
        first = i * len(x)
        for block in range(len(touched)):
            left = touched[block]
            touched[block] = 0
            while left:
                last = left & (~left + _ONE)  # the lowest bit that is set
                left ^= last
                j = (block << 6) + _PLACES[np.int64((last * _DE_BRUIJN) >> _UPPER)]
                where[m] = first + j
                counts[m] = -number[j] if down == (x[j] > 0) else number[j]
                number[j] = 0
                m += 1
    return m


@compiled_loop(error_model="numpy")
def accumulate(sums, e, x, rate, step, where, counts):
    """Add −rate e xᵀ to the sums; list whole steps, which leave the sums.

    Returns:
        Length of the list.
    """
    m = 0
    columns = len(x)
    for i in range(len(e)):
        factor = np.float32(-rate * e[i])
        if factor == 0:
            continue
        row = sums[i]
        full = False
        for j in range(columns):
            row[j] += factor * x[j]
            full |= abs(row[j]) >= step
        if full:
            m = _take_steps(row, step, i * columns, where, counts, m)
    return m


@compiled_loop()
def add_rows(sums, weights, factors):
    """Add factor_i w_ij to the sums of every row."""
    for i in range(len(sums)):
        if factors[i] != 0:
            for j in range(sums.shape[1]):
                sums[i, j] += factors[i] * weights[i, j]


@njit(nogil=True, inline="always", error_model="numpy")
def _take_steps(row, step, first, where, counts, m):
    for j in range(len(row)):
        if abs(row[j]) >= step:
            n = np.int64(row[j] / step)
            row[j] -= np.float32(n) * step
            where[m] = first + j
            counts[m] = n
            m += 1
    return m


@compiled_loop(error_model="numpy")
def take_steps(sums, step, where, counts):
    """List the whole steps in the sums, which lose them; return the length of the list."""
    m = 0
    for i in range(len(sums)):
        m = _take_steps(sums[i], step, i * sums.shape[1], where, counts, m)
    return m


@compiled_loop(error_model="numpy")
def round_steps(e, x, rate, step, where, counts):
    """List −rate e xᵀ rounded to whole steps, the nearest; return the length of the list."""
    m = 0
    columns = len(x)
    for i in range(len(e)):
        factor = np.float32(-rate * e[i] / step)
        if factor == 0:
            continue
        for j in range(columns):
            n = np.int64(np.rint(factor * x[j]))
            if n != 0:
                where[m] = i * columns + j
                counts[m] = n
                m += 1
    return m


@njit(nogil=True, inline="always", error_model="numpy")
def _curved_step(f, alpha, low, high, u, up):
    """Return the mean step of a cell whose law is not affine, as a fraction of its range."""
    if alpha == 0:
        return np.float32(0)
    n = f.numbers
    if f.law == 1:
        z = 2 * n[0] * (u - np.float32(f.zero)) / (high - low) + n[1]
        y = 1 - n[2] * math.exp(n[4] * z) if up else 1 - n[3] * math.exp(-n[5] * z)
        return np.float32(alpha * max(y, 0.0))
    place = min(max((u - low) / (high - low), np.float32(0)), np.float32(1))
    if f.law == 2:
        y = (1 - place) ** n[0] if up else place ** n[1]
        return np.float32(alpha * y)
    table = f.table_up if up else f.table_down
    at = place * (len(table) - 1)
    k = min(int(at), len(table) - 2)
    return np.float32(alpha * (table[k] + (at - k) * (table[k + 1] - table[k])))


@njit(nogil=True, inline="always")
def _own_step(cell, up):
    """Return base and gradient of a cell's affine step, and its α: the columns of `Column`."""
    if up:
        return cell[0], cell[1], cell[6]
    return cell[2], cell[3], cell[7]


@compiled_loop(error_model="numpy")
def pulse_cells(f, where, counts, direction, noisy, written, normals, at, u, seen, number, tally):
    """Pulse the cells of one side along a list.

    Args:
        f: Parameters of the cells, `devices.pulses.flat.FlatCells`.
        where: Places of the cells.
        counts: Signed counts.
        direction: +1: positive counts are potentiation; −1: they are depression; +2 and −2: as
            these, but depression is left out.
        noisy: Whether every pulse takes a normal number.
        written: Whether what is read differs from the state, which takes one for each cell.
        normals: Standard normal numbers; `at` is the first of them to use.
        u: States, (cells,), changed in place.
        seen: States as they are read; the same array where reads see the state.
        number: Pulses of each cell so far, (cells,).
        tally: Pulses up and down, and the sums of the states before them, (4,).

    Returns:
        The first normal number that was not used.
    """
    only_up, straight = abs(direction) == 2, f.law == 0
    own = 1 if len(f.cells) > 1 else 0
    of_step, of_alpha = np.float32(f.of_step), np.float32(f.of_alpha)
    constant, of_size = np.float32(f.constant), np.float32(f.of_size)
    zero, write_noise = np.float32(f.zero), np.float32(f.write_noise)
    sums = np.zeros(4)
    for m in range(len(where)):
        ahead = where[min(m + _AHEAD, len(where) - 1)]
        prefetch(f.cells, ahead * own * _COLUMNS)
        prefetch(u, ahead)
        prefetch(number, ahead)
        n = counts[m] if direction > 0 else -counts[m]
        if n == 0 or (only_up and n < 0):
            continue
        i, up, size = where[m], n > 0, abs(n)
        cell = f.cells[i * own]
        state, low, high = u[i], cell[4], cell[5]
        base, gradient, alpha = _own_step(cell, up)
        sign, before = np.float32(1 if up else -1), np.float32(0)
        for _ in range(size):
            before += state
            step = base - gradient * state
            if not straight:
                step = _curved_step(f, alpha, low, high, state, up)
            change = sign * step
            if noisy:
                sigma = of_step * abs(step) + of_alpha * alpha + of_size * abs(state - zero)
                change += (sigma + constant) * normals[at] if alpha != 0 else np.float32(0)
                at += 1
            state = min(max(state + change, low), high)
        u[i] = state
        number[i] += size
        sums[0 if up else 1] += size
        sums[2 if up else 3] += before
        if written:
            seen[i] = state + write_noise * normals[at] if high > low else state
            at += 1
    tally += sums
    return at


@compiled_loop(error_model="numpy")
def refresh_weights(where, columns, scale, plus, minus, weights, squares):
    """Set the listed weights to scale · (plus − minus), and the sums of squares of their rows."""
    factor = np.float32(scale)
    row = 0
    first, last = 0, columns
    change = 0.0
    for m in range(len(where)):
        ahead = where[min(m + _AHEAD, len(where) - 1)]
        prefetch(minus, ahead)
        prefetch(weights, ahead)
        i = where[m]
        if i < first or i >= last:
            squares[row] += change
            change = 0.0
            row = i // columns
            first = row * columns
            last = first + columns
        old = weights[i]
        new = factor * (plus[i] - minus[i])
        weights[i] = new
        change += np.float64(new * new - old * old)
    squares[row] += change
