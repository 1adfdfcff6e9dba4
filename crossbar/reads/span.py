"""Which reads are drawn: their numbers decide what they draw, so that no result depends on how they are batched."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from crossbar.threads import run_each
from devices.seeding import stream
from devices.validation import Floats

#: A way to draw an array of independent numbers: an unbound method of Generator.
Law = Callable[..., Floats]
GROUP = 256  # consecutive reads that share one numpy stream


@dataclass(frozen=True)
class Span:
    """Reads number first … last − 1 of a run in which every input is read `repeats` times, its reads adjacent.

    An input may have several `locations` (patches of an image), each of which is a read of its own: read r sees location
    r % locations of input r // (locations · repeats). Rows of inputs are handed over from the first input needed.
    """

    first: int
    last: int
    repeats: int = 1
    locations: int = 1

    @property
    def reads(self) -> int:
        """Number of reads."""
        return self.last - self.first

    @property
    def rows(self) -> NDArray[np.intp]:
        """The row of inputs that each read sees."""
        reads, each = np.arange(self.first, self.last), self.repeats * self.locations
        return (reads // each - self.first // each) * self.locations + reads % self.locations

    def each(self) -> "Span":
        """The same reads, of rows that stand there once for each."""
        return replace(self, repeats=1, locations=1)

    def at(self, locations: int) -> "Span":
        """The reads of an array that is read at that many locations for each read of this span."""
        return Span(self.first * locations, self.last * locations, self.repeats, locations)

    def split(self, parts: int, multiple: int) -> list["Span"]:
        """Return the span cut into at most `parts` of about the same size, at multiples of `multiple`."""
        if parts == 1:
            return [self]
        edges = (self.first + self.reads * i / parts for i in range(1, parts))
        inner = {round(e / multiple) * multiple for e in edges}
        cuts = [self.first, *sorted(c for c in inner if self.first < c < self.last), self.last]
        return [replace(self, first=a, last=b) for a, b in pairwise(cuts)]

    def groups(self) -> Iterator[tuple[int, slice, slice]]:
        """Yield (group, where its reads lie in this span, which of its GROUP reads those are)."""
        for group in range(self.first // GROUP, -(-self.last // GROUP)):
            start, stop = max(group * GROUP, self.first), min((group + 1) * GROUP, self.last)
            here = slice(start - self.first, stop - self.first)
            yield group, here, slice(start - group * GROUP, stop - group * GROUP)


def draws(
    span: Span,
    columns: int,
    seed: np.random.SeedSequence,
    law: Law = np.random.Generator.standard_normal,
) -> Floats:
    """Return numbers (reads, columns) of a law, normal by default: each a function of seed, read and column alone."""
    out, groups = np.empty((span.reads, columns)), list(span.groups())

    def work(i: int) -> None:
        group, here, inside = groups[i]
        out[here] = law(stream(seed, group), size=(inside.stop, columns))[inside]

    run_each(work, len(groups))
    return out
