"""Compiled loops of reads of cells whose noise is a sum of processes. They check nothing.

Every process of every cell takes one step before each read, x ← x + (e^{−Δ/τ} − 1) x + √(1 −
e^{−2Δ/τ}) n. The normals of a column in 16 consecutive reads come from one generator, read after
read and process after process. They are functions of (key, block of reads, column) alone, and the
processes are carried from read to read. No result depends on threads or on how reads are batched.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._fresh_sums import READS_PER_GENERATOR, fill_fresh
from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._lanes import draw_gates, read_sum, reads_of_block
from crossbar.reads._sfc64 import WARM_UP, sfc64_seed
from devices.compiled_loops import compiled_loop

_f = np.float32


# The numpy error model keeps loops free of tests, so that LLVM makes vectors of them.
@njit(nogil=True, error_model="numpy")
def _step(x, normals, lost, fresh, share, total):
    """Let one process of a column's cells take a step, and add its share to their sums."""
    for i in range(len(x)):
        x[i] = x[i] + (fresh * normals[i] - lost * x[i])
        total[i] += share * x[i]


@njit(nogil=True, error_model="numpy")
def _weigh(total, sigma, moving, fixed, clamped, weights):
    """Set the weights of a column: fixed + Σ moving · (1 + sigma · total) of its cells."""
    lines = len(weights)
    weights[:] = fixed
    for polarity in range(len(total) // lines):
        at = polarity * lines
        of_sums, of_sigma = total[at : at + lines], sigma[at : at + lines]
        of_moving = moving[at : at + lines]
        if clamped:
            for i in range(lines):
                xi = _f(1) + of_sigma[i] * of_sums[i]
                weights[i] += of_moving[i] * (xi if xi > _f(0) else _f(0))
        else:
            for i in range(lines):
                weights[i] += of_moving[i] * (_f(1) + of_sigma[i] * of_sums[i])


@njit(nogil=True)
def _read_column(law, column, gate, masks, key, number, x, rows, reads, out, room):
    """Read one column in the reads `reads`, from and to, of a block.

    law: `ProcessLaw`. column: its number. room: words, normals, sums, weights, lanes, state.
    """
    words, normals, total, weights, lanes, state = room
    processes = law.x[column]
    counter = np.uint64(1 + WARM_UP)
    for r in range(reads[0] // READS_PER_GENERATOR * READS_PER_GENERATOR, reads[1]):
        if r % READS_PER_GENERATOR == 0:
            at = np.int64(number * (READS_PER_BLOCK // READS_PER_GENERATOR))
            sfc64_seed(state, key, at + r // READS_PER_GENERATOR, np.uint64(1))
            counter = np.uint64(1 + WARM_UP)
        is_drawn = r >= reads[0]
        total[:] = _f(0)
        for k in range(len(processes)):
            counter = fill_fresh(words, normals, state, counter)
            if is_drawn:
                _step(processes[k], normals, law.lost[k], law.fresh[k], law.share[k], total)
        if not is_drawn:
            continue
        i = r - reads[0]
        _weigh(
            total, law.sigma[column], law.moving[column], law.fixed[column], law.clamped, weights
        )
        out[i] = read_sum(weights, x, rows[i], masks, r, gate[1], lanes)


@compiled_loop()
def process_sums(law, gate, x, rows, keys, span, columns, out):
    """Write out[r − first, j] = Σ_i x_ri ξ_rij W_ij(r) of reads first … last − 1.

    law: `ProcessLaw`, whose processes go on. gate: digits of the probability of Bernoulli gates,
    empty for none, and the factor of a gate that does not conduct. x: (rows, lines) float32. rows:
    read first + i sees rows[i]. keys: words of the generators of processes and gates, (2, 2). span:
    first, last. columns: those that are read, from and to.
    """
    lines, cells = law.fixed.shape[1], law.x.shape[2]
    flat_x, starts = x.reshape(-1), rows * lines
    masks = np.empty((lines // 8 if len(gate[0]) else 0, READS_PER_BLOCK), np.uint8)
    state = np.empty((3, 8), np.uint64)
    room = (
        np.empty(cells // 2, np.uint64), np.empty(cells, _f), np.empty(cells, _f),
        np.empty(lines, _f), np.empty(8, _f), state,
    )  # fmt: skip
    for block in range(span[0] // READS_PER_BLOCK, (span[1] - 1) // READS_PER_BLOCK + 1):
        reads = reads_of_block(block, span[0], span[1])
        at = block * READS_PER_BLOCK + reads[0] - span[0]
        here = slice(at, at + reads[1] - reads[0])
        for j in range(columns[0], columns[1]):
            number = block * out.shape[1] + j
            if len(masks):
                draw_gates(masks, state, keys[1], number, gate[0])
            _read_column(
                law, j, gate, masks, keys[0], number, flat_x, starts[here], reads, out[here, j],
                room,
            )  # fmt: skip
