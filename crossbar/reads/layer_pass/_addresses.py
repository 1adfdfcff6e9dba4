"""Compiled: the arrays of a pass as addresses, by name, as its loops over columns take them.

Numba counts the references to arrays that it passes from function to function; it does not count
addresses, which are whole numbers. An address keeps no array alive: a function that makes one
takes the array as an argument, so that its caller holds the array until the function returns.
"""

# mypy: ignore-errors

from typing import NamedTuple

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK

#: Bytes of the noise of a column in a block: 64 float32.
BYTES_OF_NOISE = 4 * READS_PER_BLOCK


class Reads(NamedTuple):
    """The reads begin … end − 1 of a block of 64, which the pass writes.

    Other reads of the block lie before or after the pass. They are computed, too, from the inputs
    of the nearest read and from whatever noise was there before; nobody reads what comes out.

    Attributes:
        begin: First read of the block that the pass writes.
        end: The read after the last one.
        start: First read of the block, a multiple of 64.
        first: First read of the pass, where its rows and its outputs begin.
    """

    begin: int
    end: int
    start: int
    first: int


class Matrix(NamedTuple):
    """Addresses and sizes of `SignTables`.

    Attributes:
        entries, steps, odd, factors: Addresses; `steps` is 0 where digits are added up one by one.
        unit, depth, later: As of `SignTables`.
        digits: Number of digits of an entry.
        kept: Number of digits of a total: 1 with steps, which join them; otherwise `digits`.
        octets: Number of octets, a multiple of 2 · depth.
    """

    entries: int
    steps: int
    odd: int
    factors: int
    unit: float
    depth: int
    later: int
    digits: int
    kept: int
    octets: int


class Matrices(NamedTuple):
    """Main array, deterministic path, and variances of cells."""

    main: Matrix
    path: Matrix
    cells: Matrix


class KnownSums(NamedTuple):
    """Sums of z that were added up before the pass.

    Attributes:
        at: Address of (columns, kept digits, rows) int32, moved on to the row that the first read
            of the block sees if rows are consecutive; 0 if sums are added up in the pass.
        rows: Number of rows.
    """

    at: int
    rows: int


class Known(NamedTuple):
    """Known sums of main array and deterministic path."""

    main: KnownSums
    path: KnownSums


class Inputs(NamedTuple):
    """Inputs of a block: addresses of `Scratch.nibbles` and `row_of`, and how rows lie.

    Attributes:
        nibbles, row_of: Addresses.
        consecutive: Whether each read sees the row after that of the read before.
    """

    nibbles: int
    row_of: int
    consecutive: bool


class Signs(NamedTuple):
    """Addresses of what makes signs under gates: `Scratch.bits`, `masks` and `ones`."""

    bits: int
    masks: int
    ones: int


class Totals(NamedTuple):
    """Addresses of the totals of a column: sums of entries, an int32 for each digit and read.

    Attributes:
        z: Under the inputs.
        y: Under the inputs and under the signs y, added up; see `sign_tables`.
        path: Under the inputs, of a deterministic path with tables of its own.
        cells: Under the gates, of the variances.
    """

    z: int
    y: int
    path: int
    cells: int


class Summed(NamedTuple):
    """Addresses of the totals of which `finish` makes currents.

    Attributes:
        main: Those of z, or of z and y behind gates.
        shift: 1 where `main` holds those of z alone, which count twice; 0 behind gates.
        path: Those of the deterministic path, which always count twice.
        cells: Those of the variances; 0 if cells do not vary.
    """

    main: int
    shift: np.int32
    path: int
    cells: int


class Kinds(NamedTuple):
    """What a pass adds up.

    Attributes:
        later: Whether some digits may be added up later.
        gated: Whether gates are drawn.
        cells_vary: Whether there are variances of cells.
        own_path: Whether there is a deterministic path with tables of its own.
    """

    later: bool
    gated: bool
    cells_vary: bool
    own_path: bool


class Noises(NamedTuple):
    """Addresses of the noise of sums, of eight columns of a block, see `take_noise`; 0 for none."""

    main: int
    path: int
    bias: int


class Added(NamedTuple):
    """Addresses of vectors of `Law`, (columns,) float64; 0 for none."""

    a: int
    bias: int
    threshold: int


class Comparators(NamedTuple):
    """What decides: a number and addresses of vectors of `Law`.

    Attributes:
        amperes: Current of a weight unit [A].
        offsets, margins, of_variance: Addresses, 0 for none.
    """

    amperes: float
    offsets: int
    margins: int
    of_variance: int


class Targets(NamedTuple):
    """Where a block of reads is written.

    Attributes:
        sums, plus: Addresses of the arrays of `Out`, 0 for those that are not written.
        states: Address of the input of `Out.states` that the first read belongs to.
        columns: Number of columns.
        width: Octets of columns in a row of `plus`.
        locations: Locations of an input.
        location: That of the first read.
    """

    sums: int
    plus: int
    states: int
    columns: int
    width: int
    locations: int
    location: int


@njit(nogil=True, inline="always")
def address(array):
    """Return the address of an array, as a signed number that stays whole in sums."""
    return np.int64(array.ctypes.data)


@njit(nogil=True, inline="always")
def address_if(array):
    """Return the address of an array; 0 if it is empty."""
    return address(array) if array.size else 0


@njit(nogil=True, inline="always")
def matrix_of(tables):
    """Return the addresses and sizes of `SignTables`."""
    digits, octets = tables.entries.shape[1:3]
    return Matrix(
        entries=address(tables.entries),
        steps=address_if(tables.steps),
        odd=address(tables.odd),
        factors=address(tables.factors),
        unit=tables.unit,
        depth=tables.depth,
        later=tables.later,
        digits=digits,
        kept=tables.odd.shape[1],
        octets=octets,
    )


@njit(nogil=True, inline="always")
def reads_of_block(block, first, last):
    """Return the reads of a block among first … last − 1."""
    start = block * READS_PER_BLOCK
    return Reads(max(first, start), min(last, start + READS_PER_BLOCK), start, first)
