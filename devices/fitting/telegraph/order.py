"""How many levels a trace has: candidates by the Bayesian information criterion."""

from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from devices.fitting.telegraph.background import BACKGROUND_SIZE, background_log_likelihood
from devices.fitting.telegraph.chains import (
    FreeLevels,
    IndependentTraps,
    Structure,
    path_transitions,
)
from devices.fitting.telegraph.em import Maximum, Reads
from devices.fitting.telegraph.starts import best_ascent, peeled, starts
from devices.fitting.telegraph.wander import two_levels_on_wander
from devices.validation import Floats

TWO = "2 levels"
TWINS = "3 levels, two equal traps"
THREE = "3 levels"
TRAPS = "4 levels, two traps"
FOUR = "4 levels"
ONE = "1 level"
#: What can be fitted, by the number of levels.
KINDS: dict[int, tuple[str, ...]] = {1: (ONE,), 2: (TWO,), 3: (TWINS, THREE), 4: (TRAPS, FOUR)}
_STRUCTURES: dict[str, Structure] = {
    TWO: FreeLevels(2),
    TWINS: IndependentTraps(twins=True),
    THREE: FreeLevels(3),
    TRAPS: IndependentTraps(twins=False),
    FOUR: FreeLevels(4),
}
#: Levels that are entered fewer times than this are a step of the trace, and no telegraph noise.
FEWEST_ENTRIES = 2
#: Difference of the criterion that is clear evidence (Kass and Raftery 1995).
_CLEAR = 10.0
#: Four levels of two traps are told from three, and from two equal traps, if to merge the nearest
#: two of them would cost this much log-likelihood: far more than any number of parameters is worth.
_APART = 1000.0


class Candidate:
    """A chain that was fitted, and how well it explains the trace.

    Attributes:
        name: What it is, one of `KINDS`.
        maximum: Its parameters.
        reads: The trace.
    """

    def __init__(self, name: str, maximum: Maximum, reads: Reads) -> None:
        self.name = name
        self.maximum = maximum
        self.reads = reads

    @cached_property
    def path(self) -> tuple[np.ndarray, float]:
        """The most probable states, and ln P of their transitions."""
        return self.reads.path(self.maximum.structure, self.maximum.theta)

    @property
    def levels(self) -> Floats:
        """Levels of the states, in units of the trace."""
        return self.maximum.structure.unpack(self.maximum.theta)[0]

    @property
    def residuals(self) -> Floats:
        """Reads, with their background, less the levels of their most probable states."""
        return np.asarray(self.reads.trace - self.levels[self.path[0]])

    @property
    def entries(self) -> int:
        """How often the level that is entered most rarely is entered."""
        path, states = self.path[0], len(self.levels)
        if self.name == TWINS:  # the two states with one captured trap are one level
            path, states = np.array([0, 1, 1, 2])[path], 3
        counts = path_transitions(path, states)
        np.fill_diagonal(counts, 0)
        return int(counts.sum(axis=0).min())

    @cached_property
    def white_bic(self) -> float:
        """The criterion with white noise around the levels; infinite on a background."""
        if self.reads.wanders:
            return np.inf
        penalty = self.maximum.structure.size * np.log(self.reads.known)
        return float(-2 * self.maximum.log_likelihood + penalty)

    @cached_property
    def background_bic(self) -> float:
        """The criterion of the most probable path on a background with memory.

        ln p(path) + ln p(reads less the levels of the path) is a lower bound of the likelihood of
        a chain on that background.
        """
        value = self.path[1] + background_log_likelihood(self.residuals)
        size = self.maximum.structure.size + BACKGROUND_SIZE
        penalty = size * np.log(self.reads.known)
        return float(-2 * value + penalty)

    @property
    def bic(self) -> float:
        """The better of the two."""
        return min(self.white_bic, self.background_bic)


class Choice(NamedTuple):
    """Candidates, and the one that explains the trace best.

    Attributes:
        best: The best one, or None for one level.
        candidates: What was fitted, by name.
        bic: The criterion of each, by name; that of one level is the better of white noise and of
            a background with memory.
        one_white: The criterion of one level with white noise.
        rejected: Name of a candidate that would have won but for a level that is entered fewer
            than `FEWEST_ENTRIES` times; "" if there is none.
    """

    best: Candidate | None
    candidates: dict[str, Candidate]
    bic: dict[str, float]
    one_white: float
    rejected: str


def one_level_bic(reads: Reads) -> tuple[float, float]:
    """Return the criterion of one level with white noise, and on a background with memory."""
    y = reads.y[np.isfinite(reads.y)]
    white = reads.known * (1 + np.log(2 * np.pi * y.var())) + 2 * np.log(reads.known)
    penalty = (2 + BACKGROUND_SIZE) * np.log(reads.known)
    memory = -2 * background_log_likelihood(reads.y) + penalty
    return float(white), float(memory)


def fitted(
    reads: Reads, name: str, found: dict[str, Candidate], needed: float, *, anew: bool = True
) -> None:
    """Fit a candidate, and add it to those that were found.

    Args:
        reads: The trace.
        name: Which one.
        found: Candidates so far. Two traps also begin with the one trap that was found before.
        needed: Criterion that is to be beaten; what will not come near it is given up early.
        anew: Whether it also begins with the levels of averaged reads.
    """
    structure = _STRUCTURES[name]
    begin = starts(reads, structure) if anew else []
    if name == TRAPS and TWO in found:
        begin += peeled(reads, structure, found[TWO].maximum)
    if name == FOUR and TRAPS in found:
        traps = found[TRAPS].maximum
        theta = structure.begin(found[TRAPS].levels, traps.structure.unpack(traps.theta)[1])
        begin.append(structure.maximized(theta, traps.expected))
    limit = (structure.size * np.log(reads.known) - needed) / 2
    best = best_ascent(reads, structure, begin, needed=float(limit))
    if best is not None:
        found[name] = Candidate(name, best, reads)


def _on_wander(
    reads: Reads, found: dict[str, Candidate], white: float, memory: float
) -> list[tuple[Reads, dict[str, Candidate]]]:
    """Return the trace less a slow background, and two levels in it; nothing if it has none.

    Args:
        reads: The trace.
        found: Candidates so far.
        white: Criterion of one level with white noise.
        memory: Criterion of one level on a background with memory.
    """
    if not memory < white - _CLEAR or TWO not in found:
        return []
    best = min(found.values(), key=lambda each: each.bic)
    if best.bic < memory and best.white_bic < best.background_bic + _CLEAR:
        return []  # levels and white noise explain the memory

    @cache
    def alone(n: int) -> float:
        return one_level_bic(Reads(reads.trace[:n]))[1]

    def is_hopeless(quiet: Reads, two: Maximum) -> bool:
        return Candidate(TWO, two, quiet).background_bic > alone(len(quiet.y)) + _APART

    some = [Candidate(TWO, two, quiet) for quiet, two in two_levels_on_wander(reads, is_hopeless)]
    if not some:
        return []
    two = min(some, key=lambda each: each.bic)
    return [(two.reads, {TWO: two})]


def _are_four(traps: Candidate) -> bool:
    """Return whether two traps have four levels that no chain with three could explain as well.

    Two levels with n₁ and n₂ reads, Δ apart, cost n₁ n₂/(n₁ + n₂) Δ²/(2 σ²) of log-likelihood if
    they are taken for one, as two of the levels of equal traps are.
    """
    levels, sigma, _ = traps.maximum.structure.unpack(traps.maximum.theta)
    reads = traps.maximum.expected.reads
    first, second = np.triu_indices(len(levels), 1)
    shared = reads[first] * reads[second] / (reads[first] + reads[second])
    costs = shared * (levels[first] - levels[second]) ** 2 / (2 * sigma**2)
    return bool(costs.min() > _APART) and traps.white_bic < traps.background_bic


def _tried(reads: Reads, found: dict[str, Candidate], one: float) -> None:
    """Fit candidates with three and four levels, as far as two are not enough.

    Two traps, two equal ones and four levels are tried if three levels are better than two, or if
    two leave a background with memory; but not if one level, with the criterion `one`, is better
    than both two and three. If two traps leave white noise and their levels are far from being
    three, then three levels and equal traps are not tried, and four levels begin with the traps.
    """
    two = found[TWO]
    is_left = two.background_bic < two.white_bic
    if is_left and two.bic < one:
        fitted(reads, TRAPS, found, min(two.white_bic, one))
        if TRAPS in found and found[TRAPS].bic < min(two.bic, one) and _are_four(found[TRAPS]):
            fitted(reads, FOUR, found, found[TRAPS].white_bic, anew=False)
            return
    fitted(reads, THREE, found, min(two.white_bic, one))
    is_more = THREE in found and found[THREE].bic < two.bic
    if (is_left or is_more) and min(each.bic for each in found.values()) < one:
        for name in (TRAPS, TWINS, FOUR):
            if name not in found:
                needed = min(one, *(each.white_bic for each in found.values()))
                fitted(reads, name, found, needed)


def choose(reads: Reads) -> Choice:
    """Return the best of one to four levels.

    If the best candidate leaves a background with memory, two levels are sought again after a slow
    background was taken off, see `two_levels_on_wander`, and then more levels.
    """
    white, memory = one_level_bic(reads)
    one = min(white, memory)
    found: dict[str, Candidate] = {}
    fitted(reads, TWO, found, white)
    if TWO in found and found[TWO].bic < max(white - _CLEAR, one):
        _tried(reads, found, one)
    for quiet, on_wander in _on_wander(reads, found, white, memory):
        best = min(each.bic for each in found.values())
        if on_wander[TWO].bic < one:
            _tried(quiet, on_wander, one)
        if min(each.bic for each in on_wander.values()) < best:
            found = on_wander
    bic = {ONE: one} | {name: each.bic for name, each in found.items()}
    eligible = {ONE: bic[ONE]}
    for name, each in found.items():
        if bic[name] < one and each.entries >= FEWEST_ENTRIES:
            eligible[name] = bic[name]
    winner, first = min(eligible, key=eligible.__getitem__), min(bic, key=bic.__getitem__)
    rejected = first if first != winner else ""
    return Choice(found.get(winner), found, bic, white, rejected)


def forced(reads: Reads, levels: int) -> Choice:
    """Return the best of the candidates with this number of levels, also on a slow background."""
    white, memory = one_level_bic(reads)
    bic = {ONE: min(white, memory)}
    found: dict[str, Candidate] = {}
    best = None
    if levels > 1:
        fitted(reads, TWO, found, np.inf)
        for each, those in [(reads, found), *_on_wander(reads, found, white, memory)]:
            for name in KINDS[levels]:
                if name not in those:
                    fitted(each, name, those, np.inf)
            own = [those[name] for name in KINDS[levels] if name in those]
            now = min(own, key=lambda one: one.bic, default=None)
            if now is not None and (best is None or now.bic < best.bic):
                best, found = now, those
    bic |= {name: one.bic for name, one in found.items()}
    return Choice(best, found, bic, white, "")
