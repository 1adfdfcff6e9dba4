"""Weights over several cells: bit slices of unequal significance."""

from dataclasses import dataclass, field

import numpy as np

from crossbar.mapping import DifferentialPair, WeightMapping
from devices import Device
from devices.validation import Floats, instance, integer


@dataclass(frozen=True)
class BitSliced(WeightMapping):
    """A weight in several cells, each of which holds some of its bits.

    A weight becomes a whole number, n = rint(|w|/w_max · (2^bits − 1)) with the sign of w, whose
    binary digits are cut into slices of `bits_per_cell` bits. The slice s holds the digit n_s in
    0 … 2^bits_per_cell − 1, with the sign of w, as the inner mapping holds a weight that fills the
    device's range at the largest digit. Slices have the significances 2^(bits_per_cell · s):

        w = Σ_s c_s w_s,   c_s = 2^(b s) (2^b − 1)/(2^bits − 1),   w_s = ± n_s/(2^b − 1) · w_max.

    With `offset_binary=True` all weights are shifted to be positive, n = rint((w/w_max + 1)/2 ·
    (2^bits − 1)), and digits lie around the middle of the range, w_s = (2 n_s/(2^b − 1) − 1) w_max.
    The middle is what a `ReferenceColumn` subtracts, so that a weight of either sign needs one cell
    per slice with 2^b levels. A weight of 0 is then rounded to half a step.

    Every slice is an array of its own: its programming errors and its read noise are independent of
    the others, Var u = Σ_s c_s² Var u_s. Converters act on every slice, whose results are added
    digitally; comparators, and read-outs without converters, see currents added exactly, with the
    significances.

    Attributes:
        mapping: How a slice becomes conductances; default `DifferentialPair()`.
        bits_per_cell: Bits in one slice, default 2. Devices with 2^bits_per_cell evenly spaced
            levels hold every digit exactly.
        bits: Bits of a weight without its sign (with it if `offset_binary`), default 8; a multiple
            of `bits_per_cell`.
        offset_binary: Whether weights are shifted instead of signed; default False.
    """

    mapping: WeightMapping = field(default_factory=DifferentialPair)
    bits_per_cell: int = 2
    bits: int = 8
    offset_binary: bool = False

    def __post_init__(self) -> None:
        instance("BitSliced.mapping", self.mapping, WeightMapping)
        if isinstance(self.mapping, BitSliced):
            raise ValueError(
                "BitSliced.mapping is itself a BitSliced; give the mapping of one cell"
            )
        integer("BitSliced.bits_per_cell", self.bits_per_cell, at_least=1)
        integer("BitSliced.bits", self.bits, at_least=1)
        if self.bits % self.bits_per_cell:
            raise ValueError(
                f"BitSliced.bits = {self.bits} is not a multiple of bits_per_cell = "
                f"{self.bits_per_cell}: the last slice would leave levels unused; give "
                f"{self.bits - self.bits % self.bits_per_cell + self.bits_per_cell} bits"
            )
        if not isinstance(self.offset_binary, (bool, np.bool_)):
            raise ValueError(
                f"BitSliced.offset_binary = {self.offset_binary!r} is not allowed; give True or "
                "False"
            )

    @property
    def shares_reference(self) -> bool:  # type: ignore[override]
        """Whether the inner mapping shares one reference column."""
        return self.mapping.shares_reference

    @property
    def slices(self) -> int:
        """Number of slices."""
        return self.bits // self.bits_per_cell

    @property
    def significances(self) -> Floats:
        """Factor c_s of each slice, the least significant first, (slices,)."""
        b = self.bits_per_cell
        digits = 2.0 ** (b * np.arange(self.slices))
        return np.asarray(digits * (2**b - 1) / (2**self.bits - 1), dtype=np.float64)

    def sliced(self, w: Floats, w_max: float) -> list[Floats]:
        """Return the weights that each slice holds, of the shape of w, least significant first.

        Args:
            w: Weights; |w| ≤ w_max.
            w_max: The |w| that fills the device's range.
        """
        top = 2**self.bits - 1
        largest = 2**self.bits_per_cell - 1
        relative = np.clip(np.asarray(w) / w_max, -1, 1)
        if self.offset_binary:
            numbers = np.rint((relative + 1) / 2 * top).astype(np.int64)
        else:
            numbers = np.rint(np.abs(relative) * top).astype(np.int64)
        shifts = self.bits_per_cell * np.arange(self.slices)
        digits = [(numbers >> shift) & largest for shift in shifts]
        if self.offset_binary:
            return [(2 * n / largest - 1) * w_max for n in digits]
        return [np.sign(relative) * n / largest * w_max for n in digits]

    def rounded(self, w: Floats, w_max: float) -> Floats:
        """Return the weights that ideal slices hold together; arguments as of `sliced`."""
        parts = self.sliced(w, w_max)
        together = sum(c * part for c, part in zip(self.significances, parts, strict=True))
        return np.asarray(together)

    def signal_range(self, device: Device) -> float:
        return self.mapping.signal_range(device)

    def targets(self, kw: Floats, device: Device) -> tuple[Floats, Floats]:
        """Return the targets of all slices beside each other, (word lines, slices · bit lines)."""
        parts = self.sliced(kw, self.signal_range(device))
        targets = [self.mapping.targets(part, device) for part in parts]
        g_pos, g_neg = (np.concatenate(side, axis=1) for side in zip(*targets, strict=True))
        return g_pos, g_neg

    def weights(self, g_pos: Floats, g_neg: Floats, siemens_per_weight: float) -> Floats:
        """Return the weights (outputs, inputs) of slices beside each other, see `targets`."""
        positive = np.split(np.asarray(g_pos), self.slices, axis=1)
        negative = np.split(np.asarray(g_neg), self.slices, axis=1)
        parts = [
            self.mapping.weights(p, n, siemens_per_weight)
            for p, n in zip(positive, negative, strict=True)
        ]
        together = sum(c * part for c, part in zip(self.significances, parts, strict=True))
        return np.asarray(together)
