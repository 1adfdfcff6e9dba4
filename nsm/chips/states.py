"""What passes from layer to layer of a chip: values, truth values of neurons, or packed states."""

from crossbar.reads.packed import Packed
from nsm.nn.digital import Values

#: Values as arrays (floats, or True for +1 and False for −1), or states ±1 packed into bits.
States = Values | Packed


def unpacked(z: States) -> Values:
    """Return states as an array: truth values if they were packed."""
    return z.positive() if isinstance(z, Packed) else z
