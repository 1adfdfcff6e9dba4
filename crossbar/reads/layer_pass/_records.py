"""What a compiled pass of a layer takes, writes and keeps: arrays, by name, as numba sees them."""

from typing import NamedTuple

import numpy as np


class Normals(NamedTuple):
    """Noise of the sums of a layer: fresh normals times a standard deviation.

    Attributes:
        key: Key of the normals, two uint64; see `fill_normals`, which draws them read after read.
        std: Standard deviations in weight units, (columns,) float32; empty for no noise.
    """

    key: np.ndarray
    std: np.ndarray


class Rows(NamedTuple):
    """Inputs ±1 of a pass.

    Attributes:
        plus: Bit set where the input is +1, (rows, octets) uint8; the first input is the lowest
            bit. Bits behind the last input have no effect: their weights are 0.
        of_reads: Row that each read sees, (reads,), from the first read of the pass on.
        main: Σ entries of the main array under each row, (columns, digits, rows) int32, from
            `row_sums`; with steps, of all digits together, (columns, 1, rows); (0, 0, 0) where they
            are added up in the pass.
        path: The same of the deterministic path; (0, 0, 0) also if its tables are those of the main
            array.
    """

    plus: np.ndarray
    of_reads: np.ndarray
    main: np.ndarray
    path: np.ndarray


class Law(NamedTuple):
    """What is drawn, and what is added.

    Attributes:
        key: Key of the masks, two uint64.
        p_digits: Binary digits of the probability that all masks share, as one number, the first
            digit lowest; 0 without gates, and where each mask has a probability of its own.
        p_digit_count: Number of these digits.
        planes: Digits of every mask's own probability, (columns, octets, digits) uint8, see
            `draw_own_masks`; (0, 0, 0) for none.
        cells_vary: Whether cells behind gates are noisy; the tables `cells` hold their variances.
        noises: What is added to the sums of main array, deterministic path and bias lines. Where
            cells vary, the first are plain normals, for the pass multiplies them by the standard
            deviation of the cells in each read.
        a: Factors of the deterministic path, (columns,); empty for no path.
        bias: Sums of the bias lines, (columns,); empty for none.
        threshold: Exact biases, (columns,); empty for none.
        amperes: Current of a weight unit [A].
        offsets: Offsets of the comparators [A], (columns,); empty for sums without comparators.
        margins: Largest change of a current by its later digits and by rounding [A], (columns,):
            only of larger currents do the leading digits know the sign; empty if all digits are
            added up at once.
        of_variance: `amperes` times the largest change of a variance by its later digits,
            (columns,); empty if cells do not vary.
    """

    key: np.ndarray
    p_digits: int
    p_digit_count: int
    planes: np.ndarray
    cells_vary: bool
    noises: tuple[Normals, Normals, Normals]
    a: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    amperes: float
    offsets: np.ndarray
    margins: np.ndarray
    of_variance: np.ndarray


class Out(NamedTuple):
    """What a pass writes; the arrays that it does not are empty.

    Attributes:
        sums: Sums in weight units, (reads, columns).
        plus: Bit set where the comparator fires, (reads, octets of columns) uint8, the first column
            lowest.
        states: 1 where it fires, (inputs, columns, locations) uint8.
    """

    sums: np.ndarray
    plus: np.ndarray
    states: np.ndarray


class Scratch(NamedTuple):
    """Memory for a block of 64 reads, of which octets are those of the largest tables.

    Attributes:
        bits: Inputs, (octets, 64 reads), a byte each. Aligned to cache lines, as are the next two.
        nibbles: The low and the high four bits of these bytes, (octets, 2, 64 reads).
        masks: Gates of a column, as `bits`. Of octets behind the last input all bits stay 0; their
            entries are 0.
        ones: Inputs that are all +1, as `bits`.
        z, y, path, cells: See `Totals`, (digits, 64 reads) int32.
        column: Sums or currents of a column, (64 reads,).
        stds: Standard deviations of the noise of cells, (64 reads,).
        normals: What `draw_noise` writes.
        noise: What `take_noise` writes.
        fired: Comparators of up to eight columns, a bit for each, (64 reads,) uint8.
        generator: State of the generator of the masks.
        row_of: Row of inputs that each read sees, (64 reads,) int64.
    """

    bits: np.ndarray
    nibbles: np.ndarray
    masks: np.ndarray
    ones: np.ndarray
    z: np.ndarray
    y: np.ndarray
    path: np.ndarray
    cells: np.ndarray
    column: np.ndarray
    stds: np.ndarray
    normals: np.ndarray
    noise: np.ndarray
    fired: np.ndarray
    generator: np.ndarray
    row_of: np.ndarray
