"""Telegraph traps of an array, column by column: what compiled reads of them need."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.reads.noise_state import Source
from crossbar.reads.traps.plane_law import plane_law
from devices import TelegraphNoise, TrapEnsemble
from devices.read_noise.trap_ensemble import amplitudes
from devices.validation import Floats

TrapNoise = TelegraphNoise | TrapEnsemble
Bytes = NDArray[np.uint8]

#: P that a trap leaves its more frequent state between two reads above which the traps of all cells
#: are drawn on every read: as bits where each cell has one and all are alike, or else as words.
_MOST_OF_BITS, _MOST_OF_WORDS = 0.004, 0.1
#: P(away) of traps that are slow, per rate at which they return: candidates of their returns then
#: cost less than drawing at every block how long those are away that are.
_SLOW = 1 / 170
#: Classes of traps on an axis, by their rates from the highest on; the last has all lower ones.
_CLASSES_PER_OCTAVE, _MOST_CLASSES = 4, 160
#: Parts of a read's stretch on the axis whose first classes are known.
GUIDES = 512
_WORD = 2.0**32


class TrapArrays(NamedTuple):
    """All traps of some cells, column after column; those of a cell are neighbors.

    Attributes:
        start: Number of each column's first trap, (columns + 1,).
        is_shared: Whether all traps are alike, so that one column stands for all.
        cell: Cell of the trap in its column.
        cell_start: First trap of each cell, counted in its column, (columns or 1, 2 lines + 1).
        delta: Amplitude.
        kind: Bit 0: whether a trap is captured in its more frequent state. Bit 1: whether it is
            quick: how long it is away from that state is drawn when it leaves.
        back: Mean of the exponential number of reads whose whole part, plus one, it is away.
        axis: `Axis` of departures from it.
        limits: P(captured | not captured, captured before) in units of 2⁻³² of traps that are drawn
            as words on every read; empty where traps are drawn otherwise.
    """

    start: NDArray[np.int64]
    is_shared: bool
    cell: NDArray[np.int32]
    cell_start: NDArray[np.int32]
    delta: NDArray[np.float32]
    kind: Bytes
    back: NDArray[np.float32]
    axis: "Axis"
    limits: NDArray[np.uint32]


class Axis(NamedTuple):
    """Switches of traps: a stretch of each read, in it one of every class, in it one of each trap.

    Attributes:
        start: Number of each column's first trap on the axis, (columns + 1,).
        record: Four numbers of the trap at each place of the axis, (traps, 4): the share of its
            stretch in which it leaves its more frequent state, −ln(1 − a) for P = a before a read;
            the share in which a slow one returns, 0 for quick traps; `back`; and its number in its
            column, an int32 in the same four bytes. They are side by side because a switch needs
            all four of one trap. Traps of a class are neighbors.
        per_bound: 1 / stretch of a trap of each class, (classes,).
        class_start: First trap of each class, counted in its column, (columns or 1, classes + 1).
        class_end: Where the stretch of each class ends in that of a read, (columns or 1, classes).
        guide: The class at the begin of each of `GUIDES` equal parts of a read, likewise.
    """

    start: NDArray[np.int64]
    record: NDArray[np.float32]
    per_bound: Floats
    class_start: NDArray[np.int32]
    class_end: Floats
    guide: Bytes


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

    Attributes:
        arrays: The traps.
        are_bits: Whether the traps of all cells are drawn on every read, as bits.
        planes: How these are drawn anew, and their new states.
    """

    def __init__(
        self,
        noise: TrapNoise,
        sides: Sequence[Side],
        states: Sequence[Any],
        period: float,
    ):
        self._order: NDArray[np.int32] | None = None
        self.are_bits, self.planes = False, (plane_law(0.5), plane_law(0.5))
        if isinstance(noise, TelegraphNoise):
            self.arrays = _alike(noise, sides, period)
            q = -math.expm1(-noise.rate * period)
            self.are_bits = noise.traps == 1 and _departures(noise.occupancy, q) > _MOST_OF_BITS
            self.planes = plane_law(q), plane_law(noise.occupancy)
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


def _departures(p1: Any, q: Any) -> Any:
    """Return P that a trap leaves its more frequent state, where it is drawn anew with P = q."""
    return np.minimum(p1, 1 - p1) * q


def _limits(p1: Floats, q: Floats) -> NDArray[np.uint32]:
    """Return P(captured | s) for s = 0 and 1 as words, (traps, 2); none for traps that switch."""
    if not len(p1) or _departures(p1, q).mean() <= _MOST_OF_WORDS:
        return np.empty((0, 2), np.uint32)
    p = np.stack([p1 * q, 1 - (1 - p1) * q], axis=-1)
    return np.minimum(np.rint(p * _WORD), _WORD - 1).astype(np.uint32)


def _switches(p1: Floats, q: Floats, start: NDArray[Any]) -> dict[str, Any]:
    """Return the fields `kind`, `back`, `axis` and `limits` of `TrapArrays`."""
    rare = np.minimum(p1, 1 - p1)
    with np.errstate(divide="ignore", over="ignore"):
        leave, back = -np.log1p(-rare * q), -np.log1p(-(1 - rare) * q)
        is_slow = back < _SLOW * rare
        return {
            "kind": (p1 > 0.5).astype(np.uint8) | (~is_slow).astype(np.uint8) << 1,
            "back": (1 / back).astype(np.float32),
            "axis": _axis(leave, np.where(is_slow, back, 0.0), 1 / back, start),
            "limits": _limits(p1, q),
        }


def _alike(noise: TelegraphNoise, sides: Sequence[Side], period: float) -> TrapArrays:
    lines, columns = sides[0].g.shape
    cells = np.add.outer(2 * np.arange(lines), np.arange(len(sides))).ravel()
    cell = np.repeat(cells, noise.traps).astype(np.int32)
    count = len(cell)
    p1 = np.full(count, noise.occupancy)
    q = -np.expm1(np.full(count, -noise.rate * period))
    return TrapArrays(
        start=np.arange(columns + 1) * count,
        is_shared=True,
        cell=cell,
        cell_start=np.searchsorted(cell, np.arange(2 * lines + 1)).astype(np.int32)[None],
        delta=np.full(count, noise.amplitude, np.float32),
        **_switches(p1, q, np.array([0, count])),
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
    edges = np.add.outer(np.arange(columns) * 2 * lines, np.arange(2 * lines + 1))
    cell_start = np.searchsorted(column * 2 * lines + cell, edges) - start[:-1, None]
    q = -np.expm1(-rate * period)
    arrays = TrapArrays(
        start=start.astype(np.int64),
        is_shared=False,
        cell=cell.astype(np.int32),
        cell_start=cell_start.reshape(columns, -1).astype(np.int32),
        delta=delta[order].astype(np.float32),
        **_switches(p1, q, start),
    )
    return arrays, order.astype(np.int32)


def _axis(leave: Floats, back: Floats, until_back: Floats, start: NDArray[Any]) -> Axis:
    """Return the axis of traps of these rates, column after column."""
    columns = len(start) - 1
    most = np.maximum(leave, back)
    trap = np.flatnonzero(most > 0)
    column = np.searchsorted(start, trap, side="right") - 1
    step = np.floor(np.log2(most[trap]) * _CLASSES_PER_OCTAVE).astype(np.int64)
    fastest = int(step.max(initial=0))
    of_class = np.minimum(fastest - step, _MOST_CLASSES - 1)
    classes = int(of_class.max(initial=0)) + 1
    order = np.lexsort((of_class, column))
    counts = np.bincount(column * classes + of_class, minlength=columns * classes)
    counts = counts.reshape(columns, classes)
    bound = 2.0 ** ((fastest + 1 - np.arange(classes)) / _CLASSES_PER_OCTAVE)
    ends = (counts * bound).cumsum(axis=1)
    starts = ends[:, -1:] * (np.arange(GUIDES) / GUIDES)
    guide = np.stack(
        [np.searchsorted(e, at, side="right") for e, at in zip(ends, starts, strict=True)]
    )
    trap = trap[order]
    record = np.empty((len(trap), 4), np.float32)
    record[:, :2] = np.stack([leave, back], 1)[trap] / bound[of_class[order], None]
    record[:, 2] = until_back[trap]
    record.view(np.int32)[:, 3] = trap - start[column[order]]
    return Axis(
        start=np.append(0, counts.sum(axis=1).cumsum()),
        record=record,
        per_bound=1 / bound,
        class_start=np.pad(counts.cumsum(axis=1), ((0, 0), (1, 0))).astype(np.int32),
        class_end=ends,
        guide=np.minimum(guide, classes - 1).astype(np.uint8),
    )
