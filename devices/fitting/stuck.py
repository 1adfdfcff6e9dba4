"""Targets and what cells got: pairs that are known, and cells that are stuck."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from devices.fitting.fit import Estimate
from devices.fitting.screening import (
    FAR_OFF,
    conductances,
    robust_deviation,
    robust_distances,
)
from devices.validation import Floats

# Once far-off cells are stuck at an end, so are all there that lie so many from their own target.
_OFF_IF_STUCK = 4.5
# Far-off cells within so many robust standard deviations of the cells at an end are stuck there.
_STUCK_WITHIN = 4.0

#: Medians of targets and of cells that differ by this factor are in different units.
_LARGEST_RATIO = 30.0


def known_pairs(
    target: ArrayLike, got: ArrayLike, fewest: int
) -> tuple[Floats, Floats, dict[str, int]]:
    """Return targets and conductances [S] of the cells that have both, and how many there are.

    Args:
        target: Targets [S].
        got: Conductances that were measured [S], of the same shape.
        fewest: Number of cells that are needed.

    Raises:
        ValueError: If the shapes differ, or there are too few cells.
    """
    wanted, landed = conductances("target", target), conductances("got", got)
    if wanted.shape != landed.shape:
        raise ValueError(
            f"target has shape {wanted.shape} and got {landed.shape}; give one target per cell"
        )
    known = np.isfinite(wanted) & np.isfinite(landed)
    if known.sum() < fewest:
        raise ValueError(
            f"target and got hold {int(known.sum())} cells with both values; give at least {fewest}"
        )
    ratio = float(np.median(landed[known]) / np.median(wanted[known]))
    if not 1 / _LARGEST_RATIO < ratio < _LARGEST_RATIO:
        raise ValueError(
            f"got has a median of {np.median(landed[known]):.3g} S and target one of "
            f"{np.median(wanted[known]):.3g} S, a factor of {ratio:.3g}; give both in siemens"
        )
    counts = {"cells": known.size, "values": known.size, "missing": int((~known).sum())}
    return wanted[known], landed[known], counts


def stuck_cells(g: Floats, landed: Floats, at: Floats) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which cells are far off, and which are stuck at the lowest and highest target.

    A cell is far off if its error lies more than 8 robust standard deviations from the median of
    the cells whose targets are near. It is stuck if, besides, it lies where the cells of the lowest
    or the highest target lie, or beyond.

    Args:
        g: Targets [S].
        landed: Conductances [S] that were measured.
        at: Targets [S] around which cells are compared, rising.
    """
    nearest = np.searchsorted((at[1:] + at[:-1]) / 2, g)
    off = np.zeros(len(g))
    for k in range(len(at)):
        own = nearest == k
        if own.any():
            off[own] = robust_distances((landed - g)[own])
    far = off > FAR_OFF
    stuck = []
    for end, place in ((g.min(), 0), (g.max(), len(at) - 1)):
        there = landed[(nearest == place) & ~far]
        width = float(robust_deviation(there)[0]) if there.size else 0.0
        beyond = landed <= end if place == 0 else landed >= end
        at_end = beyond | (np.abs(landed - end) <= _STUCK_WITHIN * width)
        found = far & at_end
        stuck.append(at_end & (off > _OFF_IF_STUCK) if found.any() else found)
    return far | stuck[0] | stuck[1], stuck[0], stuck[1]


class StuckShare(NamedTuple):
    """How many cells are stuck at one end, of those that would show it.

    Attributes:
        stuck: Number of stuck cells.
        shown: Number of cells whose targets show whether they are stuck.
    """

    stuck: int
    shown: int

    @property
    def share(self) -> float:
        """The share of stuck cells."""
        return self.stuck / self.shown

    @property
    def estimate(self) -> Estimate:
        """The share with its binomial standard error √(p (1 − p)/n)."""
        error = (self.share * (1 - self.share) / self.shown) ** 0.5
        return Estimate(value=self.share, error=error, positive=True)


def stuck_shares(
    g: Floats, lowest: np.ndarray, highest: np.ndarray
) -> tuple[StuckShare, StuckShare]:
    """Return the shares of cells that are stuck at the low and at the high end.

    Cells whose target is near an end do not show that they are stuck there. The share is therefore
    that among the cells whose targets are as far from the end as those of stuck cells, or further.
    """
    shares = []
    for stuck, distance in ((lowest, g - g.min()), (highest, g.max() - g)):
        shown = distance >= distance[stuck].min() if stuck.any() else np.ones(len(g), dtype=bool)
        shares.append(StuckShare(int(stuck.sum()), int(shown.sum())))
    return shares[0], shares[1]
