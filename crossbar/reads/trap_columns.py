"""Telegraph traps of an array, column by column: what compiled reads of them need."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.reads.noise_state import Source
from devices import TelegraphNoise, TrapEnsemble
from devices.read_noise.trap_ensemble import amplitudes
from devices.validation import Floats

TrapNoise = TelegraphNoise | TrapEnsemble
Bytes = NDArray[np.uint8]

#: λΔ above which a trap is drawn on every read: a refresh costs about three such draws.
_FAST = 0.3
_WORD = 2.0**32


class TrapArrays(NamedTuple):
    """All traps of some cells, column after column; those of a cell are neighbors.

    Attributes:
        start: Number of each column's first trap, (columns + 1,).
        is_shared: Whether all traps are alike, so that one column stands for all.
        is_alone: Whether, moreover, every cell has one trap.
        cell: Cell of the trap in its column.
        line_start: First trap of each word line, counted in its column, (columns or 1, lines + 1).
        delta: Amplitude.
        total: Σ λΔ of each column's slow traps, (columns,).
        slow_start: Number of each column's first slow trap, (columns + 1,).
        slow: Slow traps of each column from the slowest on, and their occupancies in units of 2⁻²⁴,
            (traps, 2); one row, of an occupancy, where all traps are alike.
        cumulative: The sum of λΔ up to each slow trap of its column; empty where all are alike.
        guide: The first slow trap whose sum exceeds each n-th of the total, or one before it;
            empty likewise.
        fast: Traps of each column that are drawn on every read.
        fast_start: Number of each column's first fast trap, (columns + 1,).
        limits: P(captured | not captured, captured before) of fast traps in units of 2⁻³².
    """

    start: NDArray[np.int64]
    is_shared: bool
    is_alone: bool
    cell: NDArray[np.int32]
    line_start: NDArray[np.int32]
    delta: NDArray[np.float32]
    total: Floats
    slow_start: NDArray[np.int64]
    slow: NDArray[np.uint32]
    cumulative: Floats
    guide: NDArray[np.uint16]
    fast: NDArray[np.int32]
    fast_start: NDArray[np.int64]
    limits: NDArray[np.uint32]


@dataclass(frozen=True)
class Side:
    """Cells of one polarity in an array of columns.

    Attributes:
        source: What names their noise state.
        g: Conductances [S] that the noise depends on, (word lines, columns).
    """

    source: Source
    g: Floats


class TrapColumns:
    """Traps of one or two polarities of cells that share columns.

    Cell 2 l + i of a column is that of polarity i on word line l.

    Args:
        noise: Their noise.
        sides: The polarities.
        states: Their noise states, from `noise.init`.
        period: Time between reads [s].
    """

    def __init__(
        self,
        noise: TrapNoise,
        sides: Sequence[Side],
        states: Sequence[Any],
        period: float,
    ):
        self._sides = sides
        self._order: NDArray[np.int32] | None = None
        if isinstance(noise, TelegraphNoise):
            self.arrays = _alike(noise, sides, period)
        else:
            self.arrays, self._order = _of_ensemble(noise, sides, states, period)

    def gathered(self, states: Sequence[Any]) -> Bytes:
        """Return the states of all traps, column after column, a new array."""
        if self._order is not None:
            captured = np.concatenate([traps.captured for traps in states])
            return captured.view(np.uint8)[self._order]
        return np.stack([s.T for s in states], axis=2).reshape(-1).view(np.uint8)

    def scattered(self, s: Bytes, states: Sequence[Any]) -> list[Any]:
        """Return noise states with the states of traps that `gathered` returned."""
        flags = s.view(np.bool_)
        if self._order is None:
            traps, lines, columns = states[0].shape
            by_side = flags.reshape(columns, lines, len(states), traps)
            return [np.ascontiguousarray(by_side[:, :, i].T) for i in range(len(states))]
        captured = np.empty_like(flags)
        captured[self._order] = flags
        edges = np.cumsum([len(traps.captured) for traps in states])[:-1]
        parts = np.split(captured, edges)
        return [t._replace(captured=part) for t, part in zip(states, parts, strict=True)]


def _words(p: Floats, unit: float) -> NDArray[np.uint32]:
    """Return probabilities in units, as whole numbers of 32 bits."""
    return np.minimum(np.rint(p * unit), _WORD - 1).astype(np.uint32)


def _limits(p1: Floats, change: Floats) -> NDArray[np.uint32]:
    """Return P(captured | s) for s = 0 and 1 as words, (traps, 2)."""
    q = -np.expm1(-change)
    return _words(np.stack([p1 * q, 1 - (1 - p1) * q], axis=-1), _WORD)


def _alike(noise: TelegraphNoise, sides: Sequence[Side], period: float) -> TrapArrays:
    lines, columns = sides[0].g.shape
    cells = np.add.outer(2 * np.arange(lines), np.arange(len(sides))).ravel()
    cell = np.repeat(cells, noise.traps).astype(np.int32)
    count = len(cell)
    change = noise.rate * period
    is_fast = change > _FAST
    fast = np.tile(np.arange(count, dtype=np.int32), columns if is_fast else 0)
    limits = _limits(np.array([noise.occupancy]), np.array([change]))
    none = np.empty(0)
    return TrapArrays(
        start=np.arange(columns + 1) * count,
        is_shared=True,
        is_alone=noise.traps == 1,
        cell=cell,
        line_start=(np.arange(lines + 1) * (count // lines)).astype(np.int32)[None],
        delta=np.full(count, noise.amplitude, np.float32),
        total=np.full(columns, 0.0 if is_fast else count * change),
        slow_start=np.arange(columns + 1) * count,
        slow=np.array([[0, _words(np.array(noise.occupancy), 2.0**24)]], np.uint32),
        cumulative=none,
        guide=none.astype(np.uint16),
        fast=fast,
        fast_start=np.arange(columns + 1) * (count if is_fast else 0),
        limits=np.repeat(limits, len(fast), axis=0),
    )


def _of_ensemble(
    noise: TrapEnsemble, sides: Sequence[Side], states: Sequence[Any], period: float
) -> tuple[TrapArrays, NDArray[np.int32]]:
    """Return the traps of an ensemble, and the place of each among those of the states."""
    lines, columns = sides[0].g.shape
    places = []
    for i, traps in enumerate(states):
        line, column = np.divmod(traps.cell, columns)
        places.append((column, 2 * line + i))
    column, cell = (np.concatenate(parts) for parts in zip(*places, strict=True))
    order = np.lexsort((cell, column))
    rate, p1 = (
        np.concatenate([getattr(t, name) for t in states])[order] for name in ("rate", "p1")
    )
    delta = np.concatenate([amplitudes(noise, s.g, t) for s, t in zip(sides, states, strict=True)])
    column, cell = column[order], cell[order]
    start = np.searchsorted(column, np.arange(columns + 1))
    edges = np.add.outer(np.arange(columns) * 2 * lines, 2 * np.arange(lines + 1))
    line_start = np.searchsorted(column * 2 * lines + cell, edges) - start[:-1, None]
    change = rate * period
    fast = np.flatnonzero(change > _FAST)
    slow = np.flatnonzero(change <= _FAST)
    slow = slow[np.lexsort((change[slow], column[slow]))]
    slow_start = np.searchsorted(column[slow], np.arange(columns + 1))
    total, cumulative, guide = _axis(change[slow], slow_start)
    arrays = TrapArrays(
        start=start.astype(np.int64),
        is_shared=False,
        is_alone=False,
        cell=cell.astype(np.int32),
        line_start=line_start.reshape(columns, lines + 1).astype(np.int32),
        delta=delta[order].astype(np.float32),
        total=total,
        slow_start=slow_start.astype(np.int64),
        slow=np.stack([slow - start[column[slow]], _words(p1[slow], 2.0**24)], 1).astype(np.uint32),
        cumulative=cumulative,
        guide=guide,
        fast=(fast - start[column[fast]]).astype(np.int32),
        fast_start=np.searchsorted(column[fast], np.arange(columns + 1)).astype(np.int64),
        limits=_limits(p1[fast], change[fast]),
    )
    return arrays, order.astype(np.int32)


def _axis(change: Floats, start: NDArray[np.intp]) -> tuple[Floats, Floats, NDArray[np.uint16]]:
    """Return `total`, `cumulative` and `guide` of traps with these λΔ, column after column."""
    total, cumulative = np.zeros(len(start) - 1), np.empty(len(change))
    guide = np.zeros(len(change), np.uint16)
    for j, (begin, end) in enumerate(pairwise(start)):
        own = slice(begin, end)
        cumulative[own] = np.cumsum(change[own])
        if end > begin:
            total[j] = cumulative[end - 1]
            places = np.arange(end - begin) / (end - begin) * total[j]
            found = np.searchsorted(cumulative[own], places, side="right")
            guide[own] = np.minimum(found, np.iinfo(np.uint16).max)
    return total, cumulative, guide
