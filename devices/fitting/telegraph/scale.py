"""What a chain is fitted to: conductances, or their logarithms where noise is proportional to them.

A chain has noise of one width. Noise of the cell itself, such as `GaussianNoise`, is wider on the
higher level; with one width the wider level looks like two, between which a trap would switch as
fast as the reads. Logarithms of the reads have one width: ln g_t = ln μ_s(t) + (σ/μ) Z. Two levels
in the logarithm therefore compete with what was chosen, if that has more levels than two, or has
two around which the width is proportional to the level. Both criteria are those of the reads
themselves, so that 2 Σ ln g is added to that of the logarithms. Where three or four levels explain
the logarithms better than two, more than one trap switches, and the choice stays.
"""

from typing import NamedTuple

import numpy as np

from devices.fitting.telegraph.em import Reads
from devices.fitting.telegraph.order import (
    FEWEST_ENTRIES,
    FOUR,
    THREE,
    TWO,
    Candidate,
    Choice,
    fitted,
)
from devices.validation import Floats

#: Name of the criterion of two levels with noise that is proportional to them.
PROPORTIONAL = "2 levels, proportional noise"
#: Difference of the criterion that is clear evidence (Kass and Raftery 1995).
_CLEAR = 10.0


class Scale(NamedTuple):
    """How the numbers that a chain is fitted to follow from conductances.

    Attributes:
        unit: Conductance of a number of 1 [S]; of logarithms, their difference.
        middle: Logarithm of the conductance [S] that is the number 0; None for no logarithms.
    """

    unit: float
    middle: float | None = None

    def siemens(self, levels: Floats) -> Floats:
        """Return levels as conductances [S]."""
        if self.middle is None:
            return levels * self.unit
        return np.asarray(np.exp(levels * self.unit + self.middle))

    def sigma(self, sigma: float, level: float) -> float:
        """Return the standard deviation of one read around a level [S], both [S]."""
        return sigma * self.unit * (1.0 if self.middle is None else level)


def scaled(choice: Choice, reads: Floats, unit: float) -> tuple[Choice, Scale]:
    """Return the choice, or two levels with proportional noise if these are clearly better.

    Args:
        choice: What was chosen for reads/unit.
        reads: Conductances [S]; NaN where one is missing or not fitted.
        unit: Unit of the choice [S].
    """
    best, plain = choice.best, Scale(unit)
    known = reads[np.isfinite(reads)]
    if best is None or known.min() <= 0:
        return choice, plain
    if best.name == TWO and not _widens(best):
        return choice, plain
    logs = np.log(known)
    scale = Scale(float(logs.std()), float(logs.mean()))
    y = (np.log(reads) - scale.middle) / scale.unit
    # −2 ln p of reads/unit, which the criteria of the choice are, less that of the logarithms.
    density = 2 * (logs.sum() + len(logs) * np.log(scale.unit / unit))
    found: dict[str, Candidate] = {}
    fitted(Reads(y), TWO, found, np.inf)
    two = found.get(TWO)
    if two is None or two.entries < FEWEST_ENTRIES or two.bic + density > best.bic - _CLEAR:
        return choice, plain
    for name in (THREE, FOUR):
        fitted(two.reads, name, found, two.white_bic)
        more = found.get(name)
        if more is not None and more.entries >= FEWEST_ENTRIES and more.bic < two.bic:
            return choice, plain
    bic = choice.bic | {PROPORTIONAL: two.bic + density}
    return choice._replace(best=two, bic=bic, rejected=""), scale


def _widens(two: Candidate) -> bool:
    """Return whether two levels have widths that are proportional to them, rather than equal.

    It compares the likelihoods of the reads given the most probable path, which takes no fit.
    """
    mu = two.levels[two.path[0]]
    away = two.reads.y - mu
    known = np.isfinite(away)
    if mu.min() <= 0 or not away[known].any():
        return False
    one = np.log(np.mean(away[known] ** 2))
    proportional = np.log(np.mean((away / mu)[known] ** 2)) + 2 * np.log(mu[known]).mean()
    return bool(known.sum() * (one - proportional) > _CLEAR)
