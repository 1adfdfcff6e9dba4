"""Compiled: where a layer's pass writes its columns. Targets and columns are addresses."""

# mypy: ignore-errors

from numba import njit

from crossbar.reads._doubles import copy_byte, copy_word
from crossbar.reads._vectors import load, store
from crossbar.reads.layer_pass._sign_sums import address


@njit(nogil=True, inline="always")
def address_if(array):
    """Return the address of an array; 0 if it is empty."""
    return address(array) if array.size else 0


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
def targets_of(out, columns, ends):
    """Return where reads of a block are written: addresses of sums, states as bits, and states."""
    begin, _, _, first = ends
    locations = max(1, out.states.shape[2])
    image, location = (begin - first) // locations, (begin - first) % locations
    states = address(out.states) + image * columns * locations
    sums, plus = address_if(out.sums), address_if(out.plus)
    return sums, plus, states, (columns, out.plus.shape[1], locations, location)


@njit(nogil=True, inline="always")
def write_column(targets, ends, j, line, octet):
    """Write column j from 64 float64, or from 64 bytes of eight columns' bits."""
    begin, end, start, first = ends
    sums, plus, states, (columns, width, locations, location) = targets
    if sums:
        for r in range(begin, end):
            copy_word(sums + 8 * ((r - first) * columns + j), line + 8 * (r - start))
    elif plus and (j % 8 == 7 or j == columns - 1):
        for r in range(begin, end):
            copy_byte(plus + (r - first) * width + j // 8, octet + r - start)
    elif not plus:
        per_image, to = columns * locations, states + j * locations
        _copy_states(octet + begin - start, to, per_image, locations, location, end - begin)
