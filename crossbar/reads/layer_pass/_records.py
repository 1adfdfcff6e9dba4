"""What a compiled pass of a layer takes, writes and keeps, as numba sees it."""

from typing import NamedTuple

import numpy as np

from crossbar.reads.layer_pass._noise import Normals


class Rows(NamedTuple):
    """Inputs ±1 of a pass.

    Attributes:
        plus: Bit set where the input is +1, (rows, octets).
        of_reads: Row that each read sees, (reads,).
        main: Σ entries of the main matrix under each row, (columns, digits, rows) int32, from
            `row_sums`; (0, 0, 0) where they are added in the pass.
        path: The same of the deterministic path; (0, 0, 0) if its tables are those of `main`.
    """

    plus: np.ndarray
    of_reads: np.ndarray
    main: np.ndarray
    path: np.ndarray


class Law(NamedTuple):
    """What is drawn, and what is added.

    Attributes:
        key: Key of the masks, two uint64.
        digits: Binary digits of the probability that all masks share, the lowest first; 0 without
            gates, and where each mask has its own.
        many: Number of these digits.
        planes: Digits of every mask's own probability, (columns, octets, digits), see
            `draw_own_masks`; (0, 0, 0) for none.
        cells_vary: Whether cells behind gates are noisy; the tables `cells` hold their variances.
        noises: What is added to the sums of main array, deterministic path and bias lines; those of
            the main array are multiplied by the standard deviation of cells that vary.
        a: Factors of the deterministic path, (columns,); empty for no path.
        bias: Sums of the bias lines, (columns,); empty for none.
        threshold: Exact biases, (columns,); empty for none.
        amperes: Current of a weight unit [A].
        offsets: Offsets of the comparators [A], (columns,); empty for sums without comparators.
        margins: Currents up to which the leading digits leave open what a comparator does [A],
            (columns,); empty if all digits are added up at once.
        of_variance: Amperes per weight times the largest change of a variance by its later digits,
            (columns,).
    """

    key: np.ndarray
    digits: int
    many: int
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
        plus: Bit set where the comparator fires, (reads, octets of columns).
        states: 1 where it fires, (inputs, columns, locations) uint8.
    """

    sums: np.ndarray
    plus: np.ndarray
    states: np.ndarray


class Scratch(NamedTuple):
    """Memory for a block of 64 reads.

    Attributes:
        bits: Inputs, a byte for each octet and read.
        halves: The same, split in fours.
        masks: Gates of a column, as `bits`.
        of_z: Totals of a column for inputs, an int32 for each digit and read.
        of_y: The same for inputs under gates.
        of_path: The same for the deterministic path.
        of_cells: The same for the variances of cells.
        every: Inputs that are all +1, as `bits`.
        line: Sums or currents of a column.
        stds: Standard deviations of the noise of cells.
        normals: What `draw_noise` writes.
        noise: What `take_noise` writes.
        octet: Comparators of up to eight columns, a bit for each.
        state: The generator of the masks.
        row_of: Row of inputs that each read sees.
    """

    bits: np.ndarray
    halves: np.ndarray
    masks: np.ndarray
    of_z: np.ndarray
    of_y: np.ndarray
    of_path: np.ndarray
    of_cells: np.ndarray
    every: np.ndarray
    line: np.ndarray
    stds: np.ndarray
    normals: np.ndarray
    noise: np.ndarray
    octet: np.ndarray
    state: np.ndarray
    row_of: np.ndarray
