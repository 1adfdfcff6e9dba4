"""Traces of cells: reads at even times, from columns of times, a sampling rate or an argument."""

from dataclasses import replace
from typing import Any

import numpy as np

from devices.validation import Floats
from nsm.measurements.columns import Columns
from nsm.measurements.grids import Grid, Sampled, chosen_cells, sampled
from nsm.measurements.layouts import grids
from nsm.measurements.reading import Reading


def _period(reading: Reading, columns: Columns) -> float | None:
    """Return the period of reads [s] by argument or sampling rate; None if times have to tell."""
    given = reading.period
    for role in ("time", "rate"):
        if role in columns.roles and given is not None:
            raise ValueError(
                f"{columns.where} has {columns.roles[role]!r}, which tells the period; leave out "
                "--period, or the column"
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
    part = slice(first, stop)
    return replace(
        grid,
        keys=grid.keys[part],
        values=grid.values[:, part],
        has_row=grid.has_row[:, part],
    )


def _on_even_times(reading: Reading, grid: Grid, times: Floats) -> tuple[Floats, float]:
    """Return the values on a grid of even times, NaN in its gaps, and the period [s].

    Cells that were read one after another have times of their own.
    """
    if grid.has_row.all():
        parts: list[Sampled] = [sampled(times, reading.where)] * len(grid.cells)
    else:
        parts = [sampled(times[row], reading.where) for row in grid.has_row]
    periods = np.array([part.period for part in parts])
    period = float(np.median(periods))
    if np.any(np.abs(periods / period - 1) > 0.01):
        worst = int(np.argmax(np.abs(periods / period - 1)))
        raise ValueError(
            f"{reading.where}: cell {grid.cells[worst]} was read every {periods[worst]:g} s, "
            f"others every {period:g} s; fit them from files of their own"
        )
    g = np.full((len(parts), max(int(part.index[-1]) + 1 for part in parts)), np.nan)
    for row, part in enumerate(parts):
        g[row, part.index] = grid.values[row, grid.has_row[row]]
    reading.counts["gaps"] += sum(part.gaps for part in parts)
    return g, period


def traces(reading: Reading) -> dict[str, Any]:
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


def one_trace(reading: Reading) -> dict[str, Any]:
    """Return the trace of a single cell and the period of its reads."""
    arrays = traces(reading)
    if len(reading.cells) != 1:
        raise ValueError(
            f"{reading.where} has {len(reading.cells)} cells ({', '.join(reading.cells[:5])}"
            f"{', …' if len(reading.cells) > 5 else ''}), and telegraph noise is fitted to one: "
            "choose it with --cell NAME, or fit all with nsm fit read-noise"
        )
    return {"trace": arrays["g"][0], "period": arrays["period"]}
