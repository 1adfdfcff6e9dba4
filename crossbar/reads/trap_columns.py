"""Telegraph traps of an array, column by column: what compiled reads of them need."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        is_shared: Whether `cell`, `delta` and `p1` hold one column, which all columns are like.
        cell: Cell of the trap in its column.
        delta: Amplitude.
        p1: Occupancy in units of 2⁻²⁴.
        total: Σ λΔ of each column's slow traps, (columns,).
        cumulative: The sum of λΔ up to each trap in its column; empty where all traps are alike.
        guide: The first trap whose sum exceeds each n-th of the total; empty likewise.
        fast: Traps of each column that are drawn on every read.
        fast_start: Number of each column's first fast trap, (columns + 1,).
        limits: P(captured | not captured, captured before) of fast traps in units of 2⁻³².
    """

    start: NDArray[np.int64]
    is_shared: bool
    cell: NDArray[np.int32]
    delta: NDArray[np.float32]
    p1: NDArray[np.uint32]
    total: Floats
    cumulative: Floats
    guide: NDArray[np.int32]
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

    Cell l + i · padded of a column is that of polarity i on word line l.

    Args:
        noise: Their noise.
        sides: The polarities.
        states: Their noise states, from `noise.init`.
        padded: Cells of a polarity in a column, those without traps included.
        period: Time between reads [s].
    """

    def __init__(
        self,
        noise: TrapNoise,
        sides: Sequence[Side],
        states: Sequence[Any],
        padded: int,
        period: float,
    ):
        self._sides = sides
        self._order: NDArray[np.int32] | None = None
        if isinstance(noise, TelegraphNoise):
            self.arrays = _alike(noise, sides, padded, period)
        else:
            self.arrays, self._order = _of_ensemble(noise, sides, states, padded, period)

    def gathered(self, states: Sequence[Any]) -> Bytes:
        """Return the states of all traps, column after column, a new array."""
        if self._order is not None:
            captured = np.concatenate([traps.captured for traps in states])
            return captured.view(np.uint8)[self._order]
        return np.stack([s.T for s in states], axis=1).reshape(-1).view(np.uint8)

    def scattered(self, s: Bytes, states: Sequence[Any]) -> list[Any]:
        """Return noise states with the states of traps that `gathered` returned."""
        flags = s.view(np.bool_)
        if self._order is None:
            shape = (len(self._sides), *reversed(states[0].shape[1:]), states[0].shape[0])
            by_side = flags.reshape(shape[1], shape[0], *shape[2:])
            return [np.ascontiguousarray(by_side[:, i].T) for i in range(shape[0])]
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


def _alike(noise: TelegraphNoise, sides: Sequence[Side], padded: int, period: float) -> TrapArrays:
    lines, columns = sides[0].g.shape
    cells = np.concatenate([np.arange(lines) + i * padded for i in range(len(sides))])
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
        cell=cell,
        delta=np.full(count, noise.amplitude, np.float32),
        p1=_words(np.full(count, noise.occupancy), 2.0**24),
        total=np.full(columns, 0.0 if is_fast else count * change),
        cumulative=none,
        guide=none.astype(np.int32),
        fast=fast,
        fast_start=np.arange(columns + 1) * (count if is_fast else 0),
        limits=np.repeat(limits, len(fast), axis=0),
    )


def _of_ensemble(
    noise: TrapEnsemble, sides: Sequence[Side], states: Sequence[Any], padded: int, period: float
) -> tuple[TrapArrays, NDArray[np.int32]]:
    """Return the traps of an ensemble, and the place of each among those of the states."""
    columns = sides[0].g.shape[1]
    places = []
    for i, traps in enumerate(states):
        line, column = np.divmod(traps.cell, columns)
        places.append((column, line + i * padded))
    column, cell = (np.concatenate(parts) for parts in zip(*places, strict=True))
    order = np.lexsort((cell, column))
    rate, p1 = (
        np.concatenate([getattr(t, name) for t in states])[order] for name in ("rate", "p1")
    )
    delta = np.concatenate([amplitudes(noise, s.g, t) for s, t in zip(sides, states, strict=True)])
    column, cell = column[order], cell[order]
    start = np.searchsorted(column, np.arange(columns + 1))
    change = rate * period
    fast = np.flatnonzero(change > _FAST)
    slow = np.where(change > _FAST, 0.0, change)
    cumulative, guide = np.empty(len(cell)), np.zeros(len(cell), np.int32)
    for j in range(columns):
        own = slice(start[j], start[j + 1])
        cumulative[own] = np.cumsum(slow[own])
        n = start[j + 1] - start[j]
        if n and cumulative[own][-1] > 0:
            guide[own] = np.searchsorted(
                cumulative[own], np.arange(n) / n * cumulative[own][-1], side="right"
            )
    ends = np.maximum(start[1:] - 1, 0)
    total = np.where(np.diff(start) > 0, cumulative[ends] if len(cell) else 0.0, 0.0)
    arrays = TrapArrays(
        start=start.astype(np.int64),
        is_shared=False,
        cell=cell.astype(np.int32),
        delta=delta[order].astype(np.float32),
        p1=_words(p1, 2.0**24),
        total=total,
        cumulative=cumulative,
        guide=np.minimum(guide, np.iinfo(np.int32).max).astype(np.int32),
        fast=(fast - start[column[fast]]).astype(np.int32),
        fast_start=np.searchsorted(column[fast], np.arange(columns + 1)).astype(np.int64),
        limits=_limits(p1[fast], change[fast]),
    )
    return arrays, order.astype(np.int32)
