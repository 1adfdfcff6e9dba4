"""Where EM starts: levels of averaged reads, at several lengths of the average."""

import numpy as np

from devices.fitting.telegraph.chains import (
    LEAST_SIGMA,
    FreeLevels,
    Structure,
)
from devices.fitting.telegraph.em import MOST_ITERATIONS, Maximum, Reads, ascend, at
from devices.validation import Floats

#: Reads are averaged over this many before they are assigned to levels: levels closer than the
#: noise show only in averages, short dwells only without.
_AVERAGED = (1, 8, 64)
_FEWEST_BLOCKS = 50
_OUTERMOST = (0.5, 99.5)
_ROUNDS = 12
#: Starts are ranked on the first part of a long trace.
_RANKED_READS = 32_768


def _block_means(y: Floats, length: int) -> Floats:
    """Return means over blocks of known reads; NaN where a block has none."""
    blocks = len(y) // length
    cut = y[: blocks * length].reshape(blocks, length)
    known = np.isfinite(cut)
    count = known.sum(axis=1)
    total = np.where(known, cut, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _clusters(x: Floats, count: int) -> Floats:
    """Return rising centers of clusters of numbers (Lloyd 1982), from evenly spaced ones."""
    x = np.sort(x)
    sums = np.concatenate([[0.0], np.cumsum(x)])
    low, high = np.percentile(x, _OUTERMOST)
    centers = np.linspace(low, high, count + 2)[1:-1] if count > 2 else np.array([low, high])
    for _ in range(_ROUNDS):
        edges = np.searchsorted(x, (centers[1:] + centers[:-1]) / 2)
        bounds = np.concatenate([[0], edges, [len(x)]])
        number = np.diff(bounds)
        means = np.diff(sums[bounds]) / np.maximum(number, 1)
        centers = np.where(number > 0, means, centers)
    return centers


def _nearest(x: Floats, centers: Floats) -> np.ndarray:
    """Return the nearest falling level of each number, that of the one before where NaN."""
    states = np.searchsorted((centers[1:] + centers[:-1]) / 2, x)
    states = len(centers) - 1 - np.minimum(states, len(centers) - 1)
    last = np.maximum.accumulate(np.where(np.isfinite(x), np.arange(len(x)), 0))
    return np.asarray(states[last])


def _start(reads: Reads, structure: Structure, levels: Floats, path: np.ndarray) -> Floats:
    """Return the parameters of levels and a path of states, taken for certain."""
    expected = reads.expected_of(path, levels)
    sigma = max(np.sqrt(expected.second.sum() / reads.known), LEAST_SIGMA)
    theta = structure.begin(levels, float(sigma))
    expected = reads.expected_of(path, structure.unpack(theta)[0])
    # Half a transition more of each kind lets the chain find the ones that the path lacks.
    seen = expected._replace(transitions=expected.transitions + 0.5)
    return structure.maximized(theta, seen)


def starts(reads: Reads, structure: Structure) -> list[Floats]:
    """Return parameters from which EM may start, one for each length of the average."""
    found = []
    twins = not isinstance(structure, FreeLevels) and structure.twins
    count = 3 if twins else structure.states
    for length in _AVERAGED:
        means = _block_means(reads.y, length)
        usable = means[np.isfinite(means)]
        if length > 1 and len(usable) < _FEWEST_BLOCKS:
            break
        centers = _clusters(usable, count)
        if not (np.diff(centers) > 0).all():
            continue
        path = _nearest(means, centers)
        levels = centers[::-1]
        if twins:
            path, levels = np.array([0, 1, 3])[path], levels[[0, 1, 1, 2]]
        path = np.repeat(path, length)
        path = np.concatenate([path, np.full(len(reads.y) - len(path), path[-1])])
        found.append(_start(reads, structure, levels, path))
    return found


def peeled(reads: Reads, structure: Structure, outer: Maximum) -> list[Floats]:
    """Return starts of two traps: the first as found before, the second in what it leaves."""
    first, _ = reads.path(outer.structure, outer.theta)
    outer_levels = outer.structure.unpack(outer.theta)[0]
    rest = Reads(reads.y - outer_levels[first])
    two = FreeLevels(2)
    inner = best_ascent(rest, two, starts(rest, two), iterations=5)
    if inner is None:
        return []
    second, _ = rest.path(two, inner.theta)
    levels = (outer_levels[:, None] + two.unpack(inner.theta)[0]).reshape(-1)
    path = 2 * first.astype(np.intp) + second
    if levels[1] < levels[2]:  # the larger step comes first
        levels, path = levels[[0, 2, 1, 3]], np.array([0, 2, 1, 3])[path]
    return [_start(reads, structure, levels, path)]


def ranked(reads: Reads, structure: Structure, begin: list[Floats]) -> list[Floats]:
    """Return starts, the best first: by their likelihood after two iterations on a part."""
    part = Reads(reads.y[:_RANKED_READS])
    if len(begin) < 2 or part.known < _FEWEST_BLOCKS:
        return begin
    ahead = [ascend(part, at(part, structure, theta), iterations=2) for theta in begin]
    order = np.argsort([-one.log_likelihood for one in ahead], kind="stable")
    return [begin[k] for k in order]


def best_ascent(
    reads: Reads,
    structure: Structure,
    begin: list[Floats],
    *,
    needed: float = -np.inf,
    iterations: int = MOST_ITERATIONS,
) -> Maximum | None:
    """Return what EM makes of the best of the starts, None without any; options as in `ascend`."""
    if not begin:
        return None
    first = at(reads, structure, ranked(reads, structure, begin)[0])
    return ascend(reads, first, needed=needed, iterations=iterations)
