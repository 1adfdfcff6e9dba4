"""Convolution on a crossbar: one array, read once for every output location with the patch of inputs that it sees."""

from crossbar.reads.packed import Packed
from nsm.nn.digital import Values

States = Values | Packed  # the same, or ±1 packed


def unpacked(z: States) -> Values:
    """Return states as an array: truth values where they were packed."""
    return z.signs() > 0 if isinstance(z, Packed) else z
