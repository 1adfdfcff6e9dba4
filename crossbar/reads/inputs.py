"""Inputs of a read as they come: real values, or states in {−1, 0, +1}, packed until somebody needs them otherwise."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.reads.packed import EVERYWHERE, Packed
from devices.validation import Floats, finite, real_array


class Inputs:
    """Rows of inputs (rows, word lines): packed states, truth values (True for +1, False for −1), int8 signs, or floats."""

    def __init__(self, values: "Packed | NDArray[np.bool_] | NDArray[np.int8] | Floats"):
        self._values = values

    @classmethod
    def checked(cls, name: str, x: ArrayLike, word_lines: int) -> "Inputs":
        """Return x (rows, word lines) as inputs, or raise ValueError: no array of numbers, a wrong shape, NaN."""
        values = real_array(name, x, shape=(None, word_lines))
        inputs = cls(
            values.astype(np.int8) if values.dtype == bool else values
        )  # a user's True is 1, False 0
        if not inputs.whole.all():
            finite(name, inputs.floats)
        return inputs

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, word lines)."""
        v = self._values
        return (len(v), v.inputs) if isinstance(v, Packed) else (v.shape[0], v.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    @cached_property
    def signs(self) -> NDArray[np.int8]:
        """The inputs as int8, where all of them are −1, 0 or +1."""
        v = self._values
        if isinstance(v, Packed):
            return v.signs()
        return np.where(v, 1, -1).astype(np.int8) if v.dtype == bool else v.astype(np.int8)

    @cached_property
    def floats(self) -> Floats:
        """The inputs as float64."""
        v = self._values
        return (self.signs if isinstance(v, Packed) or v.dtype == bool else v).astype(
            np.float64, copy=False
        )

    @cached_property
    def all_signs(self) -> bool:
        """Whether every input is −1 or +1."""
        return bool(self.whole.all()) and not self.packed.has_zeros

    @cached_property
    def _packed(self) -> tuple[Packed, NDArray[np.bool_]]:
        v = self._values
        if isinstance(v, Packed):
            return v, np.ones(len(v), dtype=bool)
        if v.dtype == bool:
            bits = np.packbits(v.view(np.uint8), axis=1, bitorder="little")
            return Packed(bits, EVERYWHERE, v.shape[1]), np.ones(len(v), dtype=bool)
        return Packed.of(self.signs if v.dtype == np.int8 else self.floats)

    @property
    def packed(self) -> Packed:
        """The inputs packed; what is none of −1, 0, +1 is left out."""
        return self._packed[0]

    @property
    def whole(self) -> NDArray[np.bool_]:
        """For every row, whether its packed form says it all."""
        return self._packed[1]
