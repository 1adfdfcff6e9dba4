"""Compiled: where a layer's pass writes its columns. Targets and columns are addresses."""

# mypy: ignore-errors

from numba import njit

from crossbar.reads._doubles import copy_byte, copy_word
from crossbar.reads._vectors import load, store
from crossbar.reads.layer_pass._addresses import Targets, address, address_if


@njit(nogil=True, inline="always")
def _copy_states(source, to, per_image, locations, location, many):
    """Copy a byte for each of `many` reads from a column to images, from a location of one on."""
    while many > 0:
        here = min(many, locations - location)
        i = 0
        while i + 32 <= here:
            store(to, location + i, load(source, i))
            i += 32
        while i < here:
            copy_byte(to + location + i, source + i)
            i += 1
        source, to, many, location = source + here, to + per_image, many - here, 0


@njit(nogil=True, inline="always")
def targets_of(out, columns, reads):
    """Return where the reads of a block are written, `Targets`."""
    locations = max(1, out.states.shape[2])
    image, location = divmod(reads.begin - reads.first, locations)
    return Targets(
        sums=address_if(out.sums),
        plus=address_if(out.plus),
        states=address(out.states) + image * columns * locations,
        columns=columns,
        width=out.plus.shape[1],
        locations=locations,
        location=location,
    )


@njit(nogil=True, inline="always")
def write_column(targets, reads, j, column, fired):
    """Write column j of a block; columns come in order.

    column: Address of its 64 float64, for sums. fired: Address of 64 bytes: bits of columns 8
    (j // 8) … j, which are written with the last of them; for states, 1 where column j fires.
    """
    begin, end, start, first = reads
    if targets.sums:
        for r in range(begin, end):
            to = targets.sums + 8 * ((r - first) * targets.columns + j)
            copy_word(to, column + 8 * (r - start))
    elif targets.plus and (j % 8 == 7 or j == targets.columns - 1):
        for r in range(begin, end):
            copy_byte(targets.plus + (r - first) * targets.width + j // 8, fired + r - start)
    elif not targets.plus:
        locations = targets.locations
        per_image, to = targets.columns * locations, targets.states + j * locations
        source = fired + begin - start
        _copy_states(source, to, per_image, locations, targets.location, end - begin)
