"""What is drawn on reads: several of one Generator, or one of each."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from devices.seeding import RNG, generator
from devices.validation import Floats

#: State that consecutive reads carry on, in the form that the model's `init` returns; None for
#: memoryless noise.
State = Any


class Sampled(ABC):
    """The part of `ReadNoise` that draws the factors ξ of reads."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A class that defines only `sample` anew must not be read by the law that a class between
        # it and this one has in `sample_each`.
        if "sample" in vars(cls) and "sample_each" not in vars(cls):
            cls.sample_each = Sampled.sample_each  # type: ignore[method-assign]

    @abstractmethod
    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        """Return the factors ξ of consecutive reads.

        Args:
            g: Programmed conductances [S].
            state: State of the cells before the first read, from `init` or from an earlier call;
                None for memoryless noise.
            n_reads: Number of reads of every cell.
            rng: A seed, a Generator, a SeedSequence or None.
            period: Time from one read to the next [s]. Noise with memory needs it, and the first
                read is one period after the state; memoryless noise ignores it. Default None.

        Returns:
            ξ of shape (n_reads, *g.shape), and the state after the last read.
        """

    def sample_each(
        self,
        g: Floats,
        state: State,
        generators: Sequence[np.random.Generator],
        *,
        period: float | None = None,
    ) -> tuple[Floats, State]:
        """Return the factors ξ of consecutive reads, each of which has a Generator of its own.

        The result is that of one call of `sample` for each read. A model whose preparations cost
        more than a read overrides this to make them once.

        Args:
            g: Programmed conductances [S].
            state: State of the cells before the first read.
            generators: What each read draws from, one Generator per read.
            period: Time from one read to the next [s]; default None.

        Returns:
            ξ of shape (reads, *g.shape), and the state after the last read.
        """
        xi = np.empty((len(generators), *np.shape(g)))
        for i, random in enumerate(generators):
            xi[i : i + 1], state = self.sample(g, state, 1, rng=random, period=period)
        return xi, state


class SampledTogether(Sampled):
    """Noise that prepares once for many reads, whichever Generators they draw from.

    It stands before `ReadNoise` among the bases of a model, which defines `reads` instead of
    `sample` and `sample_each`. Neither of these calls the other here: a subclass that defines
    `sample` anew is read by it, and may call this `sample`.
    """

    @abstractmethod
    def reads(
        self,
        g: Floats,
        state: State,
        generators: Sequence[np.random.Generator],
        period: float | None,
    ) -> tuple[Floats, State]:
        """Return what `sample_each` returns; arguments as there."""

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        return self.reads(g, state, [generator(rng)] * n_reads, period)

    def sample_each(
        self,
        g: Floats,
        state: State,
        generators: Sequence[np.random.Generator],
        *,
        period: float | None = None,
    ) -> tuple[Floats, State]:
        return self.reads(g, state, generators, period)
