"""Spans: the reads of a run that are drawn in one call, and their random numbers.

The number of a read decides what it draws, so that batching changes no result.
"""

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
#: Consecutive reads that share one numpy stream: starting a stream costs as much as drawing some
#: hundred numbers.
READS_PER_STREAM = 256


@dataclass(frozen=True)
class Span:
    """Reads number first … last − 1 of a run.

    Read r of the run sees location r % locations of input r // (locations · repeats). The rows of
    inputs that come with a span begin at the first input that the span needs.

    Attributes:
        first: Number of the first read.
        last: Number after the last read.
        repeats: How often every input is read; the reads of one input are adjacent.
        locations: Number of patches of one input; a convolution reads each of them.
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
        if self.repeats == self.locations == 1:
            return np.arange(self.reads)
        reads = np.arange(self.first, self.last)
        if self.locations == 1:
            return reads // self.repeats - self.first // self.repeats
        per_input = self.repeats * self.locations
        input_of = reads // per_input - self.first // per_input
        return input_of * self.locations + reads % self.locations

    def each(self) -> "Span":
        """Return the same reads for inputs that have one row per read."""
        return replace(self, repeats=1, locations=1)

    def at(self, locations: int) -> "Span":
        """Return the reads of a convolution that makes each read of this span at every location."""
        return Span(self.first * locations, self.last * locations, self.repeats, locations)

    def at_each(self, steps: int) -> "Span":
        """Return the reads that make each read of this span in adjacent steps, such as bit planes.

        The rows of inputs then have the steps of each location in turn.
        """
        first, last = self.first * steps, self.last * steps
        return Span(first, last, self.repeats, self.locations * steps)

    def split(self, parts: int, multiple: int) -> list["Span"]:
        """Return the span cut into at most `parts` of similar size, at multiples of `multiple`."""
        if parts == 1:
            return [self]
        edges = (self.first + self.reads * i / parts for i in range(1, parts))
        inner = {round(e / multiple) * multiple for e in edges}
        cuts = [self.first, *sorted(c for c in inner if self.first < c < self.last), self.last]
        return [replace(self, first=a, last=b) for a, b in pairwise(cuts)]

    def groups(self) -> Iterator[tuple[int, slice, slice]]:
        """Yield the groups of reads that share a stream.

        Yields:
            The number of the group; the slice of this span's reads that it has; and the slice of
            the group's reads that these are.
        """
        for group in range(self.first // READS_PER_STREAM, -(-self.last // READS_PER_STREAM)):
            begin = group * READS_PER_STREAM
            start, stop = max(begin, self.first), min(begin + READS_PER_STREAM, self.last)
            yield (
                group,
                slice(start - self.first, stop - self.first),
                slice(start - begin, stop - begin),
            )


def draws(
    span: Span,
    columns: int,
    seed: np.random.SeedSequence,
    law: Law = np.random.Generator.standard_normal,
) -> Floats:
    """Return independent numbers (reads, columns), each a function of seed, read and column alone.

    Args:
        span: The reads.
        columns: Numbers per read.
        seed: Seed of the run.
        law: Distribution; the standard normal by default.
    """
    out = np.empty((span.reads, columns))
    groups = list(span.groups())

    def work(i: int) -> None:
        group, here, inside = groups[i]
        out[here] = law(stream(seed, group), size=(inside.stop, columns))[inside]

    run_each(work, len(groups))
    return out
