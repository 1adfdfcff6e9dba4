"""The kinds of measurements: which columns they have, and which slot of a device they fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from devices.validation import Floats
from nsm.measurements.bakes import bakes
from nsm.measurements.columns import Columns
from nsm.measurements.grids import chosen_cells, full_grid
from nsm.measurements.layouts import grids, need
from nsm.measurements.reading import Reading
from nsm.measurements.traces import one_trace, traces

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
        options: Options of the fit, and the quantity of each: a unit's, "integer" or "flag".
        base: Kind whose model the fit completes; "" (default) for a fit that stands alone.
        is_wide: Whether a column without a role is a cell; default False.
        is_random: Whether the fit draws random numbers; default False.
        takes_names: Whether the fit takes the names of cells; default False.
    """

    name: str
    what: str
    roles: tuple[str, ...]
    read: Callable[[Reading], Arrays]
    fit: str
    slot: str
    options: Mapping[str, str] = field(default_factory=dict)
    is_wide: bool = False
    is_random: bool = False
    base: str = ""
    takes_names: bool = False


def _relaxation(reading: Reading) -> Arrays:
    """Return conductances just after programming, and later ones, at times after it."""
    columns = reading.columns
    need(columns, "time")
    (grid,) = grids(columns, "time", columns.times(), reading.counts)
    grid = chosen_cells(grid, reading.chosen(), reading.where)
    reading.cells = grid.cells
    if grid.keys[0] != 0:
        raise ValueError(
            f"{reading.where}: the first time is {grid.keys[0]:g} s; relaxation needs the reads "
            "just after programming, at time 0"
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
    else:
        _count_equal_rows(reading, target, got)
    return {"target": target, "got": got}


def _count_equal_rows(reading: Reading, target: Floats, got: Floats) -> None:
    """Count rows that equal an earlier one, where no column tells whether they are another cell."""
    rows = np.stack([target, got], axis=1)[np.isfinite(got)]
    equal = len(rows) - len(np.unique(rows, axis=0))
    reading.counts["equal rows"] += equal
    if equal:
        reading.columns.notes.append(
            f"{equal} of {len(rows)} rows equal another row in target and value. Without a column "
            "of cells, each row counts as a cell of its own: name the cells with --column "
            "cell=NAME, or remove rows that were written twice."
        )


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
        grid = full_grid(names, np.zeros(1), np.zeros((len(names), 1)))
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
        is_wide=True,
        what="traces of cells: white noise, 1/f noise and telegraph steps",
        roles=_TRACE_ROLES,
        read=traces,
        fit="fit_read_noise",
        slot="read_noise",
        options={"instrument": "conductance"},
        takes_names=True,
    ),
    Kind(
        name="telegraph",
        is_wide=True,
        what="trace of one cell that switches between levels",
        roles=_TRACE_ROLES,
        read=one_trace,
        fit="fit_telegraph",
        slot="read_noise",
        options={"levels": "integer", "active": "flag", "window": "time"},
    ),
    Kind(
        name="relaxation",
        is_wide=True,
        what="conductances of cells at times after programming, from time 0 on",
        roles=("g", "time", "cell"),
        read=_relaxation,
        fit="fit_relaxation",
        slot="retention",
        options={"measured_at": "temperature"},
        is_random=True,
    ),
    Kind(
        name="bake",
        what="cells before and after bakes: activation energy of a relaxation",
        roles=("temperature", "time", "before", "after", "cell", "g"),
        read=bakes,
        fit="fit_activation_energy",
        slot="retention",
        base="relaxation",
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
        is_wide=True,
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
