"""Compiled reads of ternary inputs by cells with telegraph traps, looked up in tables.

The weights of a column are added up by the look-ups of packed reads, 64 reads at a time. Columns
are read one after the other in up to 16 such blocks, so that tables and traps stay in the cache.
They check nothing.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import DIGIT_BASE, READS_PER_BLOCK, aligned, take_inputs
from crossbar.reads._lanes import draw_gates, reads_of_block
from crossbar.reads._look_ups import add_digit, sum_of_all
from crossbar.reads._vectors import add_where, bit_and, load, store
from crossbar.reads.traps._planes import draw_planes, pack_states, room_of_planes, unpack_states
from crossbar.reads.traps._switches import (
    away,
    draw_switches,
    read_of,
    room_of_switches,
    states_of,
    trap_of,
)
from crossbar.reads.traps._tables import (
    DIGITS,
    add_change,
    change_weight,
    inputs_of_line,
    masks_of_line,
    set_tables,
)
from crossbar.reads.traps._weights import (
    MANY,
    factor_after,
    lost_of,
    of_column,
    set_factors,
    weight_of,
)
from devices.compiled_loops import compiled_loop

#: Most blocks of reads between which a column's traps stay in the cache, and bytes of their inputs.
_MOST_BLOCKS, _MOST_BYTES = 16, 1 << 18


@njit(nogil=True, inline="always")
def _both(a, b, out):
    """Write a & b to `out`, all of them flat bytes in vectors."""
    for i in range(0, len(out), 32):
        store(out, i, bit_and(load(a, i), load(b, i)))


@njit(nogil=True)
def _add_digit(masked, tables, start, octets, depth, plus, masks, factor, total, line):
    """Add the sums of one digit in 64 reads to `line`, times a factor."""
    total[:] = 0
    every = np.int32(0) if masked else sum_of_all(tables, start, octets)
    add_digit(False, masked, every, tables, start, octets, depth, plus, masks, total, 0)
    for i in range(READS_PER_BLOCK):
        line[i] += factor * total[i]


@njit(nogil=True)
def _add_part(look_ups, part, j, masked, plus, masks, factor, total, line):
    """Add the sums of one part of the weights of column j in 64 reads to `line`, times a factor."""
    octets = len(masks) // READS_PER_BLOCK
    for d in range(look_ups.digits[part]):
        start = look_ups.start[part] + (j * look_ups.digits[part] + d) * octets * 32
        scale = factor * look_ups.factors[part, d]
        _add_digit(
            masked, look_ups.tables, start, octets, look_ups.depth[part], plus, masks, scale, total,
            line,
        )  # fmt: skip


@njit(nogil=True)
def _add_planes(look_ups, j, masked, plus, conducting, states, factor, room, line):
    """Add the sums of column j whose traps have these states, as of `draw_planes`, to `line`."""
    both, total = room
    _add_part(look_ups, 0, j, masked, plus, conducting, factor, total, line)
    for side in range(1, len(look_ups.start)):
        _both(states[(side - 1) * len(both) :], conducting, both)
        _add_part(look_ups, side, j, True, plus, both, factor, total, line)


@njit(nogil=True)
def _inputs_of(blocks, plus, active, rows, span, of_inputs, of_active):
    """Lay out the inputs of blocks from and to, and which of them are not 0."""
    of_read = np.empty(READS_PER_BLOCK, np.uintp)
    octets = plus.shape[1]
    for i in range(blocks[1] - blocks[0]):
        take_inputs(
            plus, active, rows, span[0], span[1], blocks[0] + i, of_read,
            of_inputs[i].reshape(octets, 2, READS_PER_BLOCK),
            of_active[i].reshape(-1, READS_PER_BLOCK),
        )  # fmt: skip


@njit(nogil=True, inline="always")
def _room_of_inputs(octets, has_zeros, span):
    """Return room for the inputs of the blocks that are laid out at once."""
    of_block = 2 * READS_PER_BLOCK * octets
    blocks = max(1, min(_MOST_BLOCKS, _MOST_BYTES // of_block))
    blocks = min(blocks, (span[1] - 1) // READS_PER_BLOCK + 1 - span[0] // READS_PER_BLOCK)
    of_inputs = aligned(blocks * of_block).reshape(blocks, of_block)
    of_active = aligned(blocks * of_block // 2 * has_zeros).reshape(blocks, -1)
    return of_inputs, of_active


@njit(nogil=True, inline="always")
def _write(line, unit, reads, at, out):
    """Write the sums of the reads `reads`, from and to, of a block, from out[at] on."""
    for r in range(reads[0], reads[1]):
        out[at + r - reads[0]] = unit * line[r]


@compiled_loop()
def plane_sums(look_ups, law, s, plus, active, rows, keys, gate, span, columns, out):
    """Write sums of reads first … last − 1 to out (reads, columns), and advance s.

    look_ups: `LookUps` of what traps do not change, and of what those of each polarity take away.
    law: two `PlaneLaw`, as of `draw_planes`. s: states of the traps, (columns, lines · polarities)
    uint8. plus, active, rows: as of `masked_sums`. keys: words of the generators of traps and of
    gates, (2, 2).
    gate: digits of its probability, empty for no gate, and the factor of a gate that does not
    conduct. span: first, last. columns: those that are read, from and to.
    """
    octets, sides = plus.shape[1], len(look_ups.start) - 1
    has_zeros, gated, low = len(active) > 0, len(gate[0]) > 0, gate[1]
    of_inputs, of_active = _room_of_inputs(octets, has_zeros, span)
    size = octets * READS_PER_BLOCK
    always, conducting, gates = aligned(size), aligned(size), aligned(size)
    states = aligned(size * sides)
    bits = np.zeros((octets * sides + 31) // 32 * 32, np.uint8)
    always[:] = 255
    room, planes = (
        (aligned(size), np.empty(READS_PER_BLOCK, np.int32)),
        room_of_planes(octets * sides),
    )
    state, line = np.empty((3, 8), np.uint64), np.empty(READS_PER_BLOCK)
    first, last = span[0] // READS_PER_BLOCK, (span[1] - 1) // READS_PER_BLOCK + 1
    for begin in range(first, last, len(of_inputs)):
        end = min(begin + len(of_inputs), last)
        _inputs_of((begin, end), plus, active, rows, span, of_inputs, of_active)
        for j in range(columns[0], columns[1]):
            pack_states(s[j], sides, bits)
            for block in range(begin, end):
                reads = reads_of_block(block, span[0], span[1])
                number = block * out.shape[1] + j
                of_states = states.reshape(octets * sides, READS_PER_BLOCK)
                draw_planes(bits, law, keys[0], number, reads, planes, of_states)
                inputs = of_inputs[block - begin]
                driven = of_active[block - begin] if has_zeros else always
                line[:] = 0
                if not gated or low > 0:
                    factor = low if gated else 1.0
                    _add_planes(look_ups, j, has_zeros, inputs, driven, states, factor, room, line)
                if gated:
                    draw_gates(
                        gates.reshape(octets, READS_PER_BLOCK), state, keys[1], number, gate[0]
                    )
                    _both(gates, driven, conducting)
                    _add_planes(look_ups, j, True, inputs, conducting, states, 1 - low, room, line)
                at = block * READS_PER_BLOCK + reads[0] - span[0]
                _write(line, look_ups.unit, reads, at, out[:, j])
            unpack_states(bits, sides, s[j])


@njit(nogil=True)
def _base_sums(tables, masked, plus, masks, total, line):
    """Set `line` to the sums of a column whose traps do not switch."""
    octets = len(masks) // READS_PER_BLOCK
    line[:] = 0
    factor = 1.0
    for d in range(DIGITS):
        start = d * octets * 32
        _add_digit(masked, tables, start, octets, 1, plus, masks, factor, total, line)
        factor *= DIGIT_BASE


@njit(nogil=True)
def _begin(of_column, additive, parts, unit, room, tables):
    """Set what `_switch` changes of a column: losses, factors, weights in whole numbers, tables."""
    own, first, delta, s = of_column
    lost, factors, whole = room
    lost_of(delta, s, lost)
    set_factors(own, lost, additive, factors)
    per_unit = np.float32(1 / unit)
    whole[:] = 0
    for line in range(len(first) // 2):
        weight = weight_of(line, parts, factors[2 * line], factors[2 * line + 1])
        whole[line] = np.int32(np.rint(weight * per_unit))
    set_tables(tables, whole)


@njit(nogil=True, inline="always")
def _switch(switches, many, of_column, additive, parts, unit, far, room, changes):
    """Let a column's traps switch, and write what that does to its weights to `changes` (many, 2).

    switches, many: all of them, and how many there are; word lines take the places of traps. room:
    as of `_begin`. changes: whole numbers of the weight of that line before and after.
    """
    own, first, delta, _s = of_column
    lost, factors, whole = room
    per_unit, one = np.float32(1 / unit), np.uintp(1)
    for i in range(many):
        t = np.uint64(trap_of(switches[i]))
        far[t >> np.uint64(6)] ^= np.uint64(1) << (t & np.uint64(63))
    for i in range(many):
        t = np.uintp(trap_of(switches[i]))
        of_trap = delta[t] - lost[t]
        cell = np.uintp(own[t])
        line = cell >> one
        begin, end = np.uintp(first[cell]), np.uintp(first[cell + one])
        factor = factor_after(begin, end, lost, t, of_trap, additive)
        lost[t] = of_trap
        other, at = factors[cell ^ one], np.uintp(4) * line
        factors[cell] = factor
        positive, negative = (other, factor) if cell & one else (factor, other)
        moving = parts[at + one] * positive + parts[at + np.uintp(2)] * negative
        now = np.int32(np.rint((parts[at] + moving) * per_unit))
        changes[np.uintp(2) * np.uintp(i)], changes[np.uintp(2) * np.uintp(i) + one] = (
            whole[line], now,
        )  # fmt: skip
        whole[line] = now
        switches[i] += np.int64(line) - np.int64(t)


@njit(nogil=True)
def _add_changes(switches, many, changes, inputs, driven, sums):
    """Add the changes of weights in a block to its sums, 64 int32.

    driven: which inputs are not 0; empty if all are ±1. Each change is then added twice where the
    input is +1, and once subtracted from all reads that follow.
    """
    steps = np.zeros(READS_PER_BLOCK, np.int32)
    for i in range(many):
        line, since = trap_of(switches[i]), read_of(switches[i])
        change = np.int32(changes[2 * i + 1] - changes[2 * i])
        later = ~np.uint64(0) << np.uint64(since)
        if len(driven):
            later &= masks_of_line(line, driven)
            add_change(change, inputs_of_line(line, inputs), later, sums)
        else:
            add_where(sums, 0, inputs_of_line(line, inputs) & later, np.int32(change + change))
            steps[since] += change
    if not len(driven):
        lost = np.int32(0)
        for r in range(READS_PER_BLOCK):
            lost += steps[r]
            sums[r] -= lost


@njit(nogil=True)
def _write_block(switches, many, changes, tables, unit, inputs, masks, low, reads, at, room, out):
    """Write the sums of a column in the reads `reads`, from and to, of a block, from out[at] on.

    tables: those before the changes; they become those after. masks: which inputs are not 0, and
    which of them gates let through; empty if there are none of these. low: factor of a gate that
    does not conduct.
    """
    driven, conducting, always = masks
    total, sums, lines = room
    gated = len(conducting) > 0
    bare = driven if len(driven) else always
    if gated and low == 0:
        bare = always[:0]
    lines[:] = 0
    sums[:] = 0
    if len(bare):
        _base_sums(tables, len(driven) > 0, inputs, bare, total, lines[0])
        _add_changes(switches, many, changes, inputs, driven, sums[:READS_PER_BLOCK])
    if gated:
        _base_sums(tables, True, inputs, conducting, total, lines[1])
        _add_changes(switches, many, changes, inputs, conducting, sums[READS_PER_BLOCK:])
    for i in range(many):
        change_weight(tables, trap_of(switches[i]), changes[2 * i], changes[2 * i + 1])
    of_bare = low if gated else 1.0
    for r in range(reads[0], reads[1]):
        u = of_bare * (lines[0, r] + sums[r])
        u += (1 - low) * (lines[1, r] + sums[READS_PER_BLOCK + r])
        out[at + r - reads[0]] = unit * u


@njit(nogil=True)
def _draw_conducting(conducting, driven, state, key, number, p_bits):
    """Draw the gates of a column in a block, of inputs that are not 0."""
    draw_gates(conducting.reshape(-1, READS_PER_BLOCK), state, key, number, p_bits)
    if len(driven):
        _both(conducting, driven, conducting)


@compiled_loop()
def switch_sums(
    traps, s, kept, additive, parts, unit, plus, active, rows, keys, gate, span, columns, out
):  # fmt: skip
    """Write sums of reads first … last − 1 to out (reads, columns), and advance s.

    traps: `TrapArrays`. s: states of all traps before read `start`, column after column, uint8.
    kept: becomes the states before the block of the last read, or before `start`. additive: how the
    traps of a cell combine. parts: as of `trap_sums`. unit: weight of the whole number 1. plus,
    active, rows: as of `masked_sums`. keys, gate, columns: as of `plane_sums`. span: first, last,
    start; switches of the block of the first read are drawn from read `start` on.
    """
    octets, has_zeros = plus.shape[1], len(active) > 0
    of_inputs, of_active = _room_of_inputs(octets, has_zeros, span)
    size, most = octets * READS_PER_BLOCK, np.diff(traps.start).max()
    always, conducting = aligned(size), aligned(size * (len(gate[0]) > 0))
    always[:] = 255
    far, visits = np.empty(most // 64 + 1, np.uint64), np.empty(most // 64 + 1, np.uint64)
    drawing, found, ordered = room_of_switches(most), np.empty(64, np.int64), np.empty(64, np.int64)
    tables, whole = aligned(DIGITS * octets * 32).view(np.int8), np.empty(8 * octets, np.int32)
    weights = (np.empty(most + MANY, np.float32), np.empty(16 * octets, np.float32), whole)
    adding = (
        np.empty(READS_PER_BLOCK, np.int32), np.empty(2 * READS_PER_BLOCK, np.int32),
        np.empty((2, READS_PER_BLOCK)),
    )  # fmt: skip
    state, last = np.empty((3, 8), np.uint64), (span[1] - 1) // READS_PER_BLOCK + 1
    for begin in range(span[0] // READS_PER_BLOCK, last, len(of_inputs)):
        end = min(begin + len(of_inputs), last)
        _inputs_of((begin, end), plus, active, rows, span, of_inputs, of_active)
        for j in range(columns[0], columns[1]):
            column = of_column(traps, s, j)
            kind = traps.kind[0 if traps.is_shared else traps.start[j] :]
            away(column[3], kind, far, visits)
            _begin(column, additive, parts[j], unit, weights, tables)
            for block in range(begin, end):
                reads = reads_of_block(block, span[0], span[1])
                if block == last - 1:
                    states_of(far, kind, kept[traps.start[j] : traps.start[j + 1]])
                number, since = block * out.shape[1] + j, max(span[2] - block * READS_PER_BLOCK, 0)
                n, found, ordered = draw_switches(
                    traps, j, far, visits, keys[0], number, (since, reads[1]), drawing, found,
                    ordered,
                )  # fmt: skip
                changes, driven = found.view(np.int32), of_active[block - begin]
                if additive:  # compiled twice, without a branch on it in the loop
                    _switch(ordered, n, column, True, parts[j], unit, far, weights, changes)
                else:
                    _switch(ordered, n, column, False, parts[j], unit, far, weights, changes)
                if len(conducting):
                    _draw_conducting(conducting, driven, state, keys[1], number, gate[0])
                masks, at = (driven, conducting, always), block * READS_PER_BLOCK - span[0]
                _write_block(
                    ordered, n, changes, tables, unit, of_inputs[block - begin], masks, gate[1],
                    reads, at + reads[0], adding, out[:, j],
                )  # fmt: skip
            states_of(far, kind, column[3])
