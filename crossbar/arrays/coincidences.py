"""Random bit streams of rows and columns, and the pulses where they coincide."""

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays import _pulse_kernels as kernels
from crossbar.arrays.pulse_random import Stream, key_of
from devices.pulses.flat import Singles

#: Longest bit streams: one word of the processor.
LONGEST_STREAM = 64


class BitStreams:
    """The bits that the rows and columns of an array send, with room for those of one update.

    Bits are 1 with the probabilities c_e |e_i| and c_x |x_j|; a weight gets a pulse for every slot
    in which both are 1. `PulsedArray.coincide` has the equations and their sources.

    Args:
        shape: (outputs, inputs).
        seed: Seed of the array's pulses.

    Attributes:
        updates: Updates so far; the bits of each depend on its number and the seed alone.
    """

    def __init__(self, shape: tuple[int, int], seed: np.random.SeedSequence):
        self.updates = 0
        self._keys = [key_of(seed, s) for s in (Stream.OUTPUT_BITS, Stream.INPUT_BITS)]
        self._words = [np.empty(-(-kernels.DIGITS * n // 8) * 8, np.uint64) for n in shape]
        self._bits = [np.empty(n, np.uint64) for n in shape]
        self._columns = np.empty((LONGEST_STREAM, shape[1]), np.int32)
        self._ends = np.empty(LONGEST_STREAM, np.int64)
        self._number = np.zeros(shape[1], np.int32)
        self._touched = np.zeros(-(-shape[1] // 64), np.uint64)

    def list_pulses(
        self,
        e: Singles,
        x: Singles,
        product: float,
        length: int,
        where: NDArray[np.int64],
        counts: NDArray[np.int32],
    ) -> int:
        """Draw the streams of one update, list its pulses, and return how many weights get some.

        Args:
            e: Errors of the outputs, (outputs,).
            x: Inputs, (inputs,).
            product: c_e c_x, so that a slot has the mean count product · |e_i x_j|.
            length: Bits of a stream, 1 to `LONGEST_STREAM`.
            where: Written: places of weights.
            counts: Written: their signed counts of pulses.
        """
        e_max, x_max = float(np.abs(e).max()), float(np.abs(x).max())
        self.updates += 1
        if e_max == 0 or x_max == 0:
            return 0
        root = np.sqrt(product)
        ratio = np.sqrt(x_max / e_max)
        p = np.abs(e) * np.float32(root * ratio), np.abs(x) * np.float32(root / ratio)
        for side in range(2):
            kernels.fill_streams(
                p[side], length, self._keys[side], self.updates, self._words[side], self._bits[side]
            )
        of_outputs, of_inputs = self._bits
        kernels.list_slots(of_inputs, self._columns, self._ends)
        m: int = kernels.count_coincidences(
            of_outputs,
            self._columns,
            self._ends,
            e,
            x,
            self._number,
            self._touched,
            where,
            counts,
        )
        return m
