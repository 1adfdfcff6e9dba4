"""Random factors of a read, drawn source by source so that no result depends on how reads are
batched.
"""

from typing import Any

import numpy as np

from crossbar.reads.span import READS_PER_STREAM
from devices import NoNoise, ProductNoise, ReadNoise
from devices.read_noise.product import factors_of
from devices.seeding import stream
from devices.validation import Floats


class FactorSource:
    """One source of a read's factors ξ = Π ξ_k, with a random stream for each factor k.

    Reads are drawn group by group (`Span.groups`). A memoryless factor has one stream per group. A
    factor with memory has one stream per read, so that its state goes on from read to read whatever
    the groups are.

    Args:
        noise: The noise; a product is split into its factors.
        g: Conductances [S] that it depends on.
        state: State of the noise before these reads.
        seed: Seed of the streams.
        period: Time between reads [s].
    """

    def __init__(
        self,
        noise: ReadNoise,
        g: Floats,
        state: Any,
        seed: np.random.SeedSequence,
        period: float,
    ):
        self._is_product = isinstance(noise, ProductNoise)
        self._factors = factors_of(noise)
        self._states = list(state) if self._is_product else [state]
        self._g = g
        self._seed = seed
        self._period = period

    @property
    def state(self) -> Any:
        """State of the noise after the reads drawn so far."""
        return tuple(self._states) if self._is_product else self._states[0]

    def start(self, group: int) -> None:
        """Begin a group of reads."""
        self._group = group
        self._streams = [stream(self._seed, group, index) for index in range(len(self._factors))]

    def draw(self, start: int, stop: int, first: int) -> Floats:
        """Return the factors of reads start … stop − 1 of the group.

        Reads before `first` are not part of the span: memoryless factors are drawn for them to keep
        the stream in step, factors with memory are left at 1.
        """
        xi = np.ones((1,) * (1 + self._g.ndim))
        for index, (factor, rng) in enumerate(zip(self._factors, self._streams, strict=True)):
            if factor.has_memory:
                xi = xi * self._continue(index, factor, start, stop, first)
            elif not isinstance(factor, NoNoise):
                drawn, _ = factor.sample(
                    self._g, self._states[index], stop - start, rng=rng, period=self._period
                )
                xi = xi * drawn
        return xi

    def _continue(self, index: int, factor: ReadNoise, start: int, stop: int, first: int) -> Floats:
        """Draw read after read, each from the state that the last one left."""
        reads = range(max(start, first), stop)
        before = self._group * READS_PER_STREAM
        streams = [stream(self._seed, 0, index, before + read) for read in reads]
        xi = np.ones((stop - start, *self._g.shape))
        if streams:
            xi[reads.start - start :], self._states[index] = factor.sample_each(
                self._g, self._states[index], streams, period=self._period
            )
        return xi
