"""The kinds of measurements: which columns they have, and which slot of a device they fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from devices.validation import Floats
from nsm.measurements.columns import Columns
from nsm.measurements.grids import Grid, Sampled, chosen_cells, sampled
from nsm.measurements.layouts import grids, need
from nsm.measurements.reading import Reading

Arrays = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of measurement.

    Attributes:
        name: How the command calls it.
        what: One line for lists of kinds.
        roles: What columns may be, in the order of tables without header; see `headers.ALIASES`.
        read: Returns the arrays of the fit, by its arguments.
        fit: Name of the fit in `devices`.
        slot: Field of `Device` that the model is for.
        options: Options of the fit, and the quantity of each: a unit's, or "integer".
        takes_cells: Whether single cells can be chosen; default True.
        is_random: Whether the fit draws random numbers; default False.
    """

    name: str
    what: str
    roles: tuple[str, ...]
    read: Callable[[Reading], Arrays]
    fit: str
    slot: str
    options: Mapping[str, str] = field(default_factory=dict)
    is_random: bool = False


def _period(reading: Reading, columns: Columns) -> float | None:
    """Return the period of reads [s] by argument or sampling rate; None if times have to tell."""
    given = reading.period
    for role in ("time", "rate"):
        if role in columns.roles and given is not None:
            raise ValueError(
                f"{columns.where} has {columns.roles[role]!r}, which tells the period; leave out "
                f"--period, or the column"
            )
    if given is not None:
        reading.used.add("period")
        return given
    if "time" not in columns.roles and "rate" in columns.roles:
        rate = columns.number("rate", ("frequency",))
        if not rate > 0:
            raise ValueError(f"{columns.where}: the sampling rate is {rate:g} Hz; it is positive")
        return 1 / rate
    if "time" not in columns.roles:
        raise ValueError(
            f"{columns.where} has no column of times; give one, called time or t, or the time from "
            "one read to the next, such as --period 2.5e-3"
        )
    return None


def _chosen_reads(reading: Reading, grid: Grid) -> Grid:
    """Return the reads of `--reads FIRST:LAST`, counted from 0, without the last."""
    if reading.reads is None:
        return grid
    reading.used.add("reads")
    first, last = reading.reads
    total = grid.keys.size
    stop = total if last is None else last
    if not 0 <= first < stop <= total:
        raise ValueError(
            f"--reads {first}:{'' if last is None else last} lies outside the {total} reads of "
            f"{reading.where}; give FIRST:LAST with 0 ≤ FIRST < LAST ≤ {total}"
        )
    return Grid(cells=grid.cells, keys=grid.keys[first:stop], values=grid.values[:, first:stop])


def _on_even_times(reading: Reading, grid: Grid, times: Floats) -> tuple[Floats, float]:
    """Return the values on a grid of even times, NaN in its gaps, and the period [s].

    Cells that were read one after another have times of their own.
    """
    known = np.isfinite(grid.values)
    if np.array_equal(known.any(axis=0), np.ones(times.size)) and known.all():
        parts: list[Sampled] = [sampled(times, reading.where)] * len(grid.cells)
    else:
        parts = [sampled(times[row], reading.where) for row in known]
    periods = np.array([part.period for part in parts])
    period = float(np.median(periods))
    if np.any(np.abs(periods / period - 1) > 0.01):
        worst = int(np.argmax(np.abs(periods / period - 1)))
        raise ValueError(
            f"{reading.where}: cell {grid.cells[worst]} was read every {periods[worst]:g} s, others "
            f"every {period:g} s; fit them from files of their own"
        )
    g = np.full((len(parts), max(int(part.index[-1]) + 1 for part in parts)), np.nan)
    for row, (part, values, there) in enumerate(zip(parts, grid.values, known, strict=True)):
        g[row, part.index] = values[there] if part.index.size < values.size else values
    reading.counts["gaps"] += sum(part.gaps for part in parts)
    return g, period


def _traces(reading: Reading) -> Arrays:
    """Return traces of cells (cells, reads) and the period of their reads."""
    columns = reading.columns
    period = _period(reading, columns)
    times = columns.times() if period is None else None
    (grid,) = grids(columns, "time", times, reading.counts)
    grid = chosen_cells(_chosen_reads(reading, grid), reading.chosen(), reading.where)
    reading.cells = grid.cells
    if period is not None:
        return {"g": grid.values, "period": period}
    g, period = _on_even_times(reading, grid, grid.keys)
    return {"g": g, "period": period}


def _one_trace(reading: Reading) -> Arrays:
    """Return the trace of a single cell and the period of its reads."""
    arrays = _traces(reading)
    if len(reading.cells) != 1:
        raise ValueError(
            f"{reading.where} has {len(reading.cells)} cells ({', '.join(reading.cells[:5])}"
            f"{', …' if len(reading.cells) > 5 else ''}), and telegraph noise is fitted to one: "
            "choose it with --cell NAME, or fit all with nsm fit read-noise"
        )
    return {"trace": arrays["g"][0], "period": arrays["period"]}


def _relaxation(reading: Reading) -> Arrays:
    """Return conductances just after programming, and later ones, at times after it."""
    columns = reading.columns
    need(columns, "time")
    (grid,) = grids(columns, "time", columns.times(), reading.counts)
    grid = chosen_cells(grid, reading.chosen(), reading.where)
    reading.cells = grid.cells
    if grid.keys[0] != 0:
        raise ValueError(
            f"{reading.where}: the first time is {grid.keys[0]:g} s; relaxation needs the reads just "
            "after programming, at time 0"
        )
    return {"start": grid.values[:, 0], "later": grid.values[:, 1:].T, "times": grid.keys[1:]}


def _temperature(reading: Reading) -> Arrays:
    """Return conductances (temperatures, cells) and temperatures."""
    columns = reading.columns
    need(columns, "temperature")
    (grid,) = grids(columns, "temperature", columns.temperatures(), reading.counts)
    grid = chosen_cells(grid, reading.chosen(), reading.where)
    reading.cells = grid.cells
    return {"g": grid.values.T, "temperatures": grid.keys}


def _pairs(reading: Reading) -> Arrays:
    """Return targets and what cells got, one row for each cell that was programmed."""
    columns = reading.columns
    need(columns, "target", "got")
    target, got = columns.conductances([columns.roles["target"], columns.roles["got"]])
    if target.shape != got.shape:
        raise ValueError(
            f"{reading.where}: target has the shape {target.shape}, got {got.shape}; give one "
            "target for each cell"
        )
    lost = np.isnan(target)
    reading.counts["without target"] += int(lost.sum())
    target, got = target[~lost], got[~lost]
    if "cell" in columns.roles:
        target, got = _known_cells(reading, columns, lost, target, got)
    return {"target": target, "got": got}


def _known_cells(
    reading: Reading, columns: Columns, lost: np.ndarray, target: Floats, got: Floats
) -> tuple[Floats, Floats]:
    """Return targets and conductances without rows that are doubled, of the chosen cells."""
    cells = columns.labels("cell")
    if cells.shape != lost.shape:
        raise ValueError(f"{reading.where}: there are {cells.size} cells and {lost.size} targets")
    cells = cells[~lost]
    seen = list(zip(cells.tolist(), target.tolist(), got.tolist(), strict=True))
    first = {row: i for i, row in reversed(list(enumerate(seen)))}
    kept = np.array(sorted(first.values()), dtype=np.int64)
    reading.counts["doubled"] += len(seen) - kept.size
    if reading.chosen():
        names = tuple(dict.fromkeys(cells.tolist()))
        grid = Grid(cells=names, keys=np.zeros(1), values=np.zeros((len(names), 1)))
        wanted = set(chosen_cells(grid, reading.chosen(), reading.where).cells)
        kept = np.array([i for i in kept.tolist() if cells[i] in wanted])
    reading.cells = tuple(dict.fromkeys(cells[kept].tolist()))
    return target[kept], got[kept]


def _two_curves(reading: Reading, key: str, names: tuple[str, str]) -> tuple[Floats, Floats]:
    """Return two quantities of cells over the number of a pulse or cycle."""
    columns = reading.columns
    numbers = columns.raw(columns.roles[key]) if key in columns.roles else None
    first, second = grids(columns, key, numbers, reading.counts, values=names)
    first = chosen_cells(first, reading.chosen(), reading.where)
    second = chosen_cells(second, reading.chosen(), reading.where)
    reading.cells = first.cells
    return first.values, second.values


def _pulses(reading: Reading) -> Arrays:
    """Return conductances after potentiating and after depressing pulses."""
    up, down = _two_curves(reading, "pulse", ("up", "down"))
    return {"up": up, "down": down}


def _set_reset(reading: Reading) -> Arrays:
    """Return conductances after SET and after RESET, (cells, cycles)."""
    set_, reset = _two_curves(reading, "cycle", ("set", "reset"))
    return {"set_": set_, "reset": reset}


_TRACE_ROLES = ("g", "time", "cell", "rate")
_KINDS = (
    Kind(
        name="read-noise",
        what="traces of cells: white noise, 1/f noise and telegraph steps",
        roles=_TRACE_ROLES,
        read=_traces,
        fit="fit_read_noise",
        slot="read_noise",
        options={"instrument": "conductance"},
    ),
    Kind(
        name="telegraph",
        what="trace of one cell that switches between levels",
        roles=_TRACE_ROLES,
        read=_one_trace,
        fit="fit_telegraph",
        slot="read_noise",
        options={"levels": "integer"},
    ),
    Kind(
        name="relaxation",
        what="conductances of cells at times after programming, from time 0 on",
        roles=("g", "time", "cell"),
        read=_relaxation,
        fit="fit_relaxation",
        slot="retention",
        options={"measured_at": "temperature"},
        is_random=True,
    ),
    Kind(
        name="programming",
        what="targets, and what cells got: σ(G) and bias",
        roles=("target", "got", "cell"),
        read=_pairs,
        fit="fit_programming",
        slot="write",
    ),
    Kind(
        name="levels",
        what="targets, and what cells got: levels that can be told apart",
        roles=("target", "got", "cell"),
        read=_pairs,
        fit="fit_levels",
        slot="levels",
    ),
    Kind(
        name="pulses",
        what="conductances after potentiating and after depressing pulses",
        roles=("up", "down", "pulse", "cell"),
        read=_pulses,
        fit="fit_pulses",
        slot="pulses",
        is_random=True,
    ),
    Kind(
        name="set-reset",
        what="conductances after SET and after RESET, over many cycles",
        roles=("set", "reset", "cycle", "cell"),
        read=_set_reset,
        fit="fit_set_reset",
        slot="write",
    ),
    Kind(
        name="temperature",
        what="conductances of cells at several temperatures",
        roles=("g", "temperature", "cell"),
        read=_temperature,
        fit="fit_temperature",
        slot="temperature_law",
        options={"t_ref": "temperature"},
    ),
)

#: Every kind by name.
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}
