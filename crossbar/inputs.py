"""Inputs of a read as they come: real values, or ±1 states kept as truth values until somebody needs them otherwise."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossbar.packed import PackedInputs
from devices._checks import Floats


class Inputs:
    """Rows of inputs (rows, word lines): truth values (True for +1, False for −1), int8 in {−1, 0, +1}, or floats."""

    def __init__(self, values: NDArray[np.bool_] | NDArray[np.int8] | Floats):
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def floats(self) -> Floats:
        """The inputs as float64."""
        if self.values.dtype == bool:
            return np.where(self.values, 1.0, -1.0)
        return self.values.astype(np.float64, copy=False)

    @cached_property
    def all_signs(self) -> bool:
        """Whether every input is −1 or +1."""
        return self.values.dtype == bool or bool((np.abs(self.values) == 1).all())

    @cached_property
    def packed(self) -> PackedInputs | None:
        """The inputs packed, or None where some input is none of −1, 0, +1."""
        if self.values.dtype == bool:
            return PackedInputs.of_signs(np.asarray(self.values, dtype=bool))
        return PackedInputs.of(self.values)
