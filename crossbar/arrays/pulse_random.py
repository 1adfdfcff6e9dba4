"""Random numbers of pulses: the streams of an array, and normals that are drawn in order."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._normals import fill_normals
from devices.pulses.flat import Singles
from devices.seeding import child


class Stream(IntEnum):
    """Random streams of the pulses of an array."""

    NORMALS = 0
    OUTPUT_BITS = 1
    INPUT_BITS = 2
    REFRESH = 3


def key_of(seed: np.random.SeedSequence, stream: Stream) -> NDArray[np.uint64]:
    """Return the two words that name a random stream to compiled loops.

    Args:
        seed: Seed of the array's pulses.
        stream: Which of its streams.
    """
    return child(seed, stream).generate_state(2, np.uint64).astype(np.uint64)


class Normals:
    """Standard normal numbers, one after the other, in a buffer that is used again.

    Args:
        seed: Seed of the array's pulses.

    Attributes:
        used: How many numbers were used so far; whoever uses some adds them.
    """

    def __init__(self, seed: np.random.SeedSequence):
        self.used = 0
        self._key = key_of(seed, Stream.NORMALS)
        self._buffer = np.empty(0, np.float32)

    def following(self, size: int) -> Singles:
        """Return the next `size` numbers after those that were used; they are not used by it."""
        if size > len(self._buffer):
            self._buffer = np.empty(2 * size, np.float32)
        out = self._buffer[:size]
        if size:
            fill_normals(out, self._key, self.used)
        return out
