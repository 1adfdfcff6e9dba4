"""Runs of a chip that take long: a bar in terminals and notebooks, lines in logs.

How long reads take depends on the path by which they are drawn, by a factor of a thousand. After
the first 64 reads a user is therefore told how many there are, and how long they take.
"""

import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from typing import Any

from crossbar.reads.span import Span
from nsm.chips.compiling import told_of_compiling
from nsm.progress import any_bar_open, progress_bar

#: Expected time of a run from which on it shows a bar [s].
LONG = 2.0
#: Time that the reads between two steps of the bar take, about [s].
STEP = 0.5
#: Reads of the first span, at least: a block shares its random numbers, and fewer images than these
#: would tell little about how often converters clip.
FIRST = 64


def watched(
    spans: Iterator[tuple[Span, Any]], total: int, note: Callable[[], str] = str
) -> Iterator[tuple[Span, Any]]:
    """Yield what `spans` yields, and show a bar once the run is known to take over two seconds.

    Where the first reads wait for their compiler, a line says so.

    Args:
        spans: The reads of a run, with their outputs.
        total: Number of all reads.
        note: Returns what the bar says of how they are drawn; default nothing.
    """
    if not is_watched():
        yield from spans
        return
    began, done = time.perf_counter(), 0
    with told_of_compiling():
        first = list(itertools.islice(spans, 1))
    for span, outputs in itertools.chain(first, spans):
        yield span, outputs
        done += span.reads
        passed = time.perf_counter() - began
        if done < total and passed * total / done > LONG:
            yield from _with_bar(spans, total, done, note())
            return


def _with_bar(
    spans: Iterator[tuple[Span, Any]], total: int, done: int, note: str
) -> Iterator[tuple[Span, Any]]:
    with progress_bar() as bar:
        task = bar.add_task("reading", total=total, completed=done, note=note, unit="passes")
        for span, outputs in spans:
            yield span, outputs
            bar.advance(task, span.reads)


def is_watched() -> bool:
    """Return whether this is the process of a user, and no other bar is shown.

    Workers of a sweep show no bar of reads. A program whose output goes to a file writes a line
    after ten seconds, see `progress_bar`.
    """
    return not any_bar_open() and multiprocessing.current_process().name == "MainProcess"


class SpanSizes:
    """Numbers of reads of the spans of a run whose draws do not depend on where it is cut.

    In a run that is watched, the first span has 64 reads, in whole images, and each later one
    should take about half a second at the rate of the one before, so that a bar moves. The rate is
    measured again every time: on a new installation the first reads also wait for their compiler.

    Args:
        samples: Reads of each image; they are adjacent.
        most: Largest number of reads of a span, whole images if one fits.
        total: Number of all reads.
    """

    def __init__(self, samples: int, most: int, total: int) -> None:
        self._samples, self._most = samples, most
        self._began: float | None = None
        self._last = self._first = min(samples * -(-FIRST // samples), most)
        self._is_watched = total > self._first and is_watched()

    def next(self) -> int:
        """Return the number of reads of the next span."""
        if not self._is_watched:
            return self._most
        now = time.perf_counter()
        if self._began is None:
            self._began = now
            return self._first
        per_read = max(now - self._began, 1e-9) / self._last
        wanted = int(min(STEP / per_read, self._most))
        if wanted < self._most:
            wanted = max(wanted - wanted % self._samples, min(self._samples, self._most))
        self._began, self._last = now, wanted
        return wanted
