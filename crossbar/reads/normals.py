"""Standard normals of reads from a counter: fast, and the same for every batch and thread.

They serve reads in float32, where the normals of numpy's generators would take longer than the
sums; `span.draws` has those that the reads in numpy have always drawn.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._normals import add_normals, fill_normals
from crossbar.reads.packed import in_threads
from crossbar.reads.span import Span

Real = TypeVar("Real", NDArray[np.float32], NDArray[np.float64])

#: Rough time of one normal, in times of one synapse's read from packed bits.
_COST = 90.0


def _numbers(span: Span, columns: int) -> Span:
    """Return the indices of the normals of a span of reads, read after read, as a span."""
    return Span(span.first * columns, span.last * columns)


def normals_key(seed: np.random.SeedSequence) -> NDArray[np.uint64]:
    """Return the two words by which the generator of normals is seeded."""
    return seed.generate_state(2, np.uint64).astype(np.uint64)


def normals(span: Span, columns: int, seed: np.random.SeedSequence) -> NDArray[np.float32]:
    """Return standard normals (reads, columns), each a function of seed, read and column alone.

    Args:
        span: The reads.
        columns: Numbers per read.
        seed: Seed of the run.
    """
    out = np.empty((span.reads, columns), np.float32)
    numbers, flat, key = _numbers(span, columns), out.reshape(-1), normals_key(seed)

    def work(part: Span) -> None:
        here = slice(part.first - numbers.first, part.last - numbers.first)
        fill_normals(flat[here], key, part.first)

    in_threads(work, numbers, _COST * out.size)
    return out


def add_noise(u: Real, variance: Real, span: Span, seed: np.random.SeedSequence) -> None:
    """Add √variance n to u in place, with the n of `normals`.

    Args:
        u: Sums (reads, columns) in C order.
        variance: Variances of the same shape and order; below 0, by rounding, they count as 0.
        span: The reads.
        seed: Seed of the run.

    Raises:
        ValueError: The arrays have other shapes, or are not in C order.
    """
    if not (u.flags.c_contiguous and variance.flags.c_contiguous and u.ndim == 2):
        raise ValueError("u and variance must be in C order and have two axes, (reads, columns)")
    if u.shape != variance.shape or len(u) != span.reads:
        raise ValueError(
            f"u has shape {u.shape} and variance {variance.shape}; both need {span.reads} reads"
        )
    numbers, key = _numbers(span, u.shape[1]), normals_key(seed)
    of_u, of_variance = u.reshape(-1), variance.reshape(-1)

    def work(part: Span) -> None:
        here = slice(part.first - numbers.first, part.last - numbers.first)
        add_normals(of_u[here], of_variance[here], key, part.first)

    in_threads(work, numbers, _COST * u.size)
