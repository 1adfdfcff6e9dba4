"""Compiled loops of reads in which every cell has a fresh random factor. They check nothing.

The normals of a column's cells in 16 consecutive reads come from one generator, read after read.
Normals and gates are functions of (key, block of reads, column) alone; thresholds of selectors are
carried from read to read. No result depends on threads or on how reads are batched.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._lanes import draw_gates, lane_sum, read_sum, reads_of_block
from crossbar.reads._normals import to_normals
from crossbar.reads._sfc64 import WARM_UP, sfc64_fill, sfc64_seed
from devices.compiled_loops import compiled_loop

#: Reads whose normals come from one generator.
READS_PER_GENERATOR = 16

_f = np.float32
_i = np.int32
_LOG2_E = _f(1.44269504089)
#: ln 2 in two parts, the first of which has few digits (Cody and Waite 1980).
_LN_2_HIGH = _f(0.693359375)
_LN_2_LOW = _f(-2.12194440e-4)
#: What rounds a float32 to the nearest whole number when it is added and subtracted.
_ROUNDING = _f(12582912.0)


@njit(nogil=True, inline="always")
def _exp(x):
    """Return e^x of a float32 with |x| below 80: 2^k e^r with |r| ≤ ½ ln 2, to 2e-7."""
    k = (x * _LOG2_E + _ROUNDING) - _ROUNDING
    r = (x - k * _LN_2_HIGH) - k * _LN_2_LOW
    # The polynomial of Cephes' expf.
    p = _f(1.9875691500e-4) * r + _f(1.3981999507e-3)
    p = (p * r + _f(8.3334519073e-3)) * r + _f(4.1665795894e-2)
    p = (p * r + _f(1.6666665459e-1)) * r + _f(5.0000001201e-1)
    scale = _i((_i(k) + _i(127)) << _i(23)).view(np.float32)
    return (p * (r * r) + r + _f(1)) * scale


# The numpy error model keeps loops free of tests, so that LLVM makes vectors of them.
@njit(nogil=True, error_model="numpy")
def _weigh(normals, log_sigma, fixed, moving, weights):
    """Set the weights of a column: fixed + Σ moving · factor of its cells.

    fixed: (lines,). moving: (polarities, lines). normals: likewise, one after the other. A factor
    is e^{log_sigma n}, or n if log_sigma is 0.
    """
    lines = len(weights)
    if len(moving) == 2:
        first, second = moving[0], moving[1]
        other = normals[lines:]
        if log_sigma > 0:
            for i in range(lines):
                a = first[i] * _exp(log_sigma * normals[i])
                weights[i] = fixed[i] + (a + second[i] * _exp(log_sigma * other[i]))
        else:
            for i in range(lines):
                weights[i] = fixed[i] + (first[i] * normals[i] + second[i] * other[i])
    elif log_sigma > 0:
        for i in range(lines):
            weights[i] = fixed[i] + moving[0, i] * _exp(log_sigma * normals[i])
    else:
        for i in range(lines):
            weights[i] = fixed[i] + moving[0, i] * normals[i]


@njit(nogil=True, error_model="numpy")
def _step(thresholds, normals, rho, fresh):
    """Let the thresholds of a column's selectors go on by one read, in units of their sigma."""
    for i in range(len(thresholds)):
        thresholds[i] = rho * thresholds[i] + fresh * normals[i]


@njit(nogil=True, error_model="numpy")
def _switch(weights, thresholds, z, low):
    """Multiply weights by `low` where the threshold of the selector is not below z."""
    for i in range(len(weights)):
        weights[i] = weights[i] * (_f(1) if thresholds[i] < z[i] else low)


@njit(nogil=True, inline="always")
def fill_fresh(words, normals, state, counter):
    """Draw as many normals as there are in `normals`, and return the next counter."""
    sfc64_fill(words, state, counter)
    to_normals(words.view(np.uint32), normals)
    return counter + np.uint64(len(words) // 8)


@njit(nogil=True)
def _read_column(
    cells, selectors, gate, masks, keys, number, x, rows, reads, out, room, state, other
):
    """Read one column in the reads `reads`, from and to, of a block.

    cells: log_sigma, fixed, moving, as of `_weigh`. selectors: ρ, √(1 − ρ²), z and thresholds;
    empty arrays for none. number: that of the column in the block. room: words, normals and weights
    of the cells, words and normals of the selectors, lanes.
    """
    log_sigma, fixed, moving = cells
    rho, fresh, z, thresholds = selectors
    words, normals, weights, gate_words, gate_normals, lanes = room
    noisy, switched = len(normals) > 0, len(z) > 0
    counter = other_counter = np.uint64(1 + WARM_UP)
    if not noisy:
        weights[:] = fixed
    for r in range(reads[0] // READS_PER_GENERATOR * READS_PER_GENERATOR, reads[1]):
        if r % READS_PER_GENERATOR == 0:
            at = np.int64(number * (READS_PER_BLOCK // READS_PER_GENERATOR))
            at += r // READS_PER_GENERATOR
            counter = other_counter = np.uint64(1 + WARM_UP)
            if noisy:
                sfc64_seed(state, keys[0], at, np.uint64(1))
            if switched:
                sfc64_seed(other, keys[2], at, np.uint64(1))
        if noisy:
            counter = fill_fresh(words, normals, state, counter)
        if switched:
            other_counter = fill_fresh(gate_words, gate_normals, other, other_counter)
        if r < reads[0]:
            continue
        if noisy:
            _weigh(normals, log_sigma, fixed, moving, weights)
        low = gate[1]
        i = r - reads[0]
        if switched:
            _step(thresholds, gate_normals, rho, fresh)
            if not noisy:
                weights[:] = fixed
            _switch(weights, thresholds, z, _f(low))
            out[i] = lane_sum(weights, x, rows[i], lanes)
        else:
            out[i] = read_sum(weights, x, rows[i], masks, r, low, lanes)


@compiled_loop()
def fresh_sums(cells, selectors, gate, x, rows, keys, span, columns, out):
    """Write out[r − first, j] = Σ_i x_ri ξ_rij W_ij(r) of reads first … last − 1.

    cells: `CellLaw`. selectors: `SelectorLaw`, whose thresholds go on. gate: digits of the
    probability of Bernoulli gates, empty for none, and the factor of a gate or selector that does
    not conduct. x: (rows, lines) float32. rows: read first + i sees rows[i]. keys: words of the
    generators of cells, gates and selectors, (3, 2). span: first, last. columns: those that are
    read, from and to.
    """
    lines = cells.fixed.shape[1]
    noisy = cells.moving.shape[1] * lines
    switched = lines if len(selectors.z) else 0
    flat_x, starts = x.reshape(-1), rows * lines
    masks = np.empty((lines // 8 if len(gate[0]) else 0, READS_PER_BLOCK), np.uint8)
    state, other = np.empty((3, 8), np.uint64), np.empty((3, 8), np.uint64)
    room = (
        np.empty(noisy // 2, np.uint64), np.empty(noisy, _f), np.empty(lines, _f),
        np.empty(switched // 2, np.uint64), np.empty(switched, _f), np.empty(8, _f),
    )  # fmt: skip
    nothing = np.empty(0, _f)
    for block in range(span[0] // READS_PER_BLOCK, (span[1] - 1) // READS_PER_BLOCK + 1):
        reads = reads_of_block(block, span[0], span[1])
        at = block * READS_PER_BLOCK + reads[0] - span[0]
        here = slice(at, at + reads[1] - reads[0])
        for j in range(columns[0], columns[1]):
            number = block * out.shape[1] + j
            if len(masks):
                draw_gates(masks, state, keys[1], number, gate[0])
            z = selectors.z[j] if switched else nothing
            thresholds = selectors.thresholds[j] if switched else nothing
            _read_column(
                (cells.log_sigma, cells.fixed[j], cells.moving[j]),
                (selectors.rho, selectors.fresh, z, thresholds), gate, masks, keys, number,
                flat_x, starts[here], reads, out[here, j], room, state, other,
            )  # fmt: skip
