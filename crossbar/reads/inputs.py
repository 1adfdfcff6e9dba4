"""Inputs of a read, in whichever form they come: real values, truth values, signs, packed bits."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.reads.packed import EVERYWHERE, Packed
from devices.validation import Floats, finite, real_array, within_bounds


class Inputs:
    """Rows of inputs (rows, word lines), converted to another form when a strategy first asks
    for it.

    Args:
        values: Packed ternary inputs, truth values (True for +1, False for −1), int8 signs, or
            floats.
    """

    def __init__(self, values: "Packed | NDArray[np.bool_] | NDArray[np.int8] | Floats"):
        self._values = values

    @classmethod
    def checked(cls, name: str, x: ArrayLike, word_lines: int) -> "Inputs":
        """Return the inputs of a user, checked.

        Args:
            name: What messages call them.
            x: Inputs, (rows, word lines).
            word_lines: Number of word lines of the array.

        Raises:
            ValueError: x is not an array of numbers, has a wrong shape, or holds NaN or
                numbers of more than 1e15.
        """
        values = real_array(name, x, shape=(None, word_lines), truth_values=True)
        # Truth values of a user mean 1 and 0. Inside a chip they are states and mean +1 and −1.
        inputs = cls(values.astype(np.int8) if values.dtype == bool else values)
        if not inputs.is_ternary.all():
            within_bounds(name, finite(name, inputs.floats))
        return inputs

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, word lines)."""
        v = self._values
        return (len(v), v.inputs) if isinstance(v, Packed) else (v.shape[0], v.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def of_lines(self, first: int, last: int) -> "Inputs":
        """Return the inputs of word lines first … last − 1; packed ones stay packed where the
        lines begin and end at octets.
        """
        v = self._values
        if not isinstance(v, Packed):
            return Inputs(v[:, first:last])
        if first % 8 or (last % 8 and last != v.inputs):
            return Inputs(self.signs[:, first:last])
        octets = slice(first // 8, -(-last // 8))
        active = v.active[:, octets] if v.has_zeros else v.active
        return Inputs(
            Packed(
                np.ascontiguousarray(v.plus[:, octets]),
                np.ascontiguousarray(active),
                last - first,
            )
        )

    @cached_property
    def signs(self) -> NDArray[np.int8]:
        """The inputs as int8; valid only if all of them are −1, 0 or +1."""
        v = self._values
        if isinstance(v, Packed):
            return v.signs()
        return np.where(v, 1, -1).astype(np.int8) if v.dtype == bool else v.astype(np.int8)

    @cached_property
    def floats(self) -> Floats:
        """The inputs as float64."""
        v = self._values
        values = self.signs if isinstance(v, Packed) or v.dtype == bool else v
        return values.astype(np.float64, copy=False)

    @cached_property
    def all_signs(self) -> bool:
        """Whether every input is −1 or +1."""
        return self.all_ternary and not self.packed.has_zeros

    @cached_property
    def all_ternary(self) -> bool:
        """Whether every input is −1, 0 or +1."""
        return isinstance(self._values, Packed) or bool(self.is_ternary.all())

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
        """The inputs packed; valid only for rows that are ternary."""
        return self._values if isinstance(self._values, Packed) else self._packed[0]

    @property
    def is_ternary(self) -> NDArray[np.bool_]:
        """For every row, whether all its inputs are −1, 0 or +1."""
        return self._packed[1]
