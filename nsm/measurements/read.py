"""Measurements from files: the arrays of a fit in SI, and counts of what was found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from devices.arguments import file_path, listed, table, text
from devices.validation import boolean, choice, number
from nsm.measurements.columns import columns_of
from nsm.measurements.kinds import KINDS, Kind
from nsm.measurements.reading import Measurement, Reading
from nsm.measurements.tables import Table, read_table
from nsm.measurements.units import is_bare, quantity


def read_measurement(
    path: str | Path,
    kind: str,
    *,
    unit: str | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    period: float | str | None = None,
    read_voltage: float | str | None = None,
    cell: str | Sequence[str] = (),
    reads: str | None = None,
    g_min: float | None = None,
    g_max: float | None = None,
    sheet: str | None = None,
    strict: bool = True,
) -> Measurement:
    """Return the measurement in a file.

    Tables are long (a row for each value, with columns for cell and time) or wide (a column for
    each cell); NPZ files may also have matrices, cells × reads. Units stand in the header, as in
    "g [µS]" or "time_ms". Rows out of order are sorted, rows that are doubled are kept once, gaps
    in even times become NaN, and all of this is counted.

    Args:
        path: The file, see `nsm.measurements.tables.ENDINGS`.
        kind: What was measured, a key of `KINDS`.
        unit: Unit of the conductances, such as "µS", or units by column; None if headers have them.
        columns: Name of the column for a role, such as {"time": "timepoint"}.
        period: Time from one read to the next [s], or a text such as "2.5 ms", for traces without
            times.
        read_voltage: Voltage of the reads [V], for currents.
        cell: Cells to read; default all.
        reads: Part of traces as a text "FIRST:LAST", counted from 0, without the last; default all.
        g_min: Conductance of the smallest of normalized values [S].
        g_max: Conductance of the largest of normalized values [S].
        sheet: Sheet of an XLSX file.
        strict: Whether options without effect, and columns that there are not, are refused; default
            True.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If a library is missing that the format needs.
        ValueError: If the table is not one of this kind, a unit is unknown or missing where values
            cannot be in SI, rows contradict one another, or an option has no effect.
    """
    limits = _limits(g_min, g_max)
    options: dict[str, Any] = {"unit": unit, "columns": columns, "period": period, "cell": cell}
    options |= {"read_voltage": read_voltage, "reads": reads, "sheet": sheet}
    measurement = read_file(path, kind, **options, limits=limits, strict=strict)
    if strict and limits is not None:
        refuse_without_effect(["g_min", "g_max"], measurement.used, measurement.path, kind)
    return measurement


def read_file(
    path: str | Path,
    kind: str,
    *,
    unit: str | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    period: float | str | None = None,
    read_voltage: float | str | None = None,
    cell: str | Sequence[str] = (),
    reads: str | None = None,
    limits: tuple[float, float] | None = None,
    sheet: str | None = None,
    strict: bool = True,
) -> Measurement:
    """Return the measurement in a file; arguments and errors as of `read_measurement`.

    Args:
        limits: g_min and g_max [S], which may be without effect: they are also those of a device.
        Others: As there.
    """
    path = file_path("path", path)
    by_column = {"": unit} if isinstance(unit, str) else {} if unit is None else unit
    units = dict(table("unit", by_column, "a text, or units by column"))
    roles = dict(table("columns", {} if columns is None else columns, "columns by role"))
    boolean("strict", strict)
    cells = [cell] if isinstance(cell, str) else listed("cell", cell, "the names of cells")
    # Cells may be numbered.
    wanted = tuple(str(name) if type(name) is int else text("cell", name) for name in cells)
    options = {"period": period, "read_voltage": read_voltage, "reads": reads, "cell": wanted}
    entry = KINDS[choice("kind of measurement", kind, KINDS)]
    reading = _begun(path, entry, options, units, roles, limits, sheet, strict)
    arrays = entry.read(reading)
    used = reading.used | reading.columns.used
    if strict:
        given = [name for name, value in options.items() if value is not None and value != ()]
        refuse_without_effect([*given, *(f"unit {k}" for k in units)], used, str(path), kind)
    return _measurement(kind, reading, arrays, used)


def _begun(
    path: str | Path,
    kind: Kind,
    options: Mapping[str, Any],
    units: Mapping[str, str],
    roles: dict[str, str],
    limits: tuple[float, float] | None,
    sheet: str | None,
    strict: bool,
) -> Reading:
    """Return a table that is to be read, after its options were checked."""
    voltage = _voltage(options["read_voltage"])
    period = _positive("period", options["period"], "time", "s")
    part = None if options["reads"] is None else _part(text("reads", options["reads"]))
    table = read_table(path, sheet=sheet)
    if not table.has_header and not kind.is_wide:
        for role, column in zip(kind.roles, table.columns, strict=False):
            roles.setdefault(role, column)
    columns = columns_of(
        table,
        kind.roles,
        given=roles,
        units=units,
        read_voltage=voltage,
        limits=limits,
        strict=strict,
    )
    wanted = options["cell"]
    reading = Reading(columns=columns, period=period, wanted=wanted, reads=part)
    reading.counts.update(table.counts)
    if isinstance(options["period"], str) and is_bare(options["period"]):
        columns.notes.append(f"the period {options['period']} without a unit: read as seconds.")
    return reading


def _measurement(
    kind: str, reading: Reading, arrays: Mapping[str, Any], used: set[str]
) -> Measurement:
    """Return what was read, with its counts and notes."""
    columns = reading.columns
    return Measurement(
        kind=kind,
        path=reading.where,
        arrays=arrays,
        cells=reading.cells,
        counts={name: count for name, count in _counts(arrays, reading).items() if count},
        notes=(*columns.table.notes, *columns.notes, *_unread(columns.table, columns.read)),
        used=frozenset(used),
    )


def refuse_without_effect(
    given: Sequence[str], used: set[str] | frozenset[str], where: str, kind: str
) -> None:
    """Raise ValueError if an option was given that had no effect.

    Args:
        given: Names of the options that were given.
        used: Names of those that had an effect.
        where: The file.
        kind: What was measured.
    """
    for name in given:
        if name not in used:
            option = "--unit" if name == "unit " else f"--{name.replace('_', '-')}"
            option = option.replace("--unit ", "--unit for ")
            raise ValueError(f"{option} has no effect on {where}, read as {kind}; leave it out")


def _limits(g_min: float | None, g_max: float | None) -> tuple[float, float] | None:
    """Return the ends of normalized values [S], or None; one without the other is refused."""
    given = {"g_min": g_min, "g_max": g_max}
    low, high = (
        None if value is None else number(name, value, at_least=0, unit="S")
        for name, value in given.items()
    )
    if low is None and high is None:
        return None
    if low is None or high is None:
        only, other = ("g_max", "g_min") if low is None else ("g_min", "g_max")
        raise ValueError(f"{only} has no effect without {other}; give both, or none")
    if low >= high:
        raise ValueError(f"g_min = {low:g} S must be below g_max = {high:g} S")
    return low, high


def _positive(name: str, value: float | str | None, kind: str, unit: str) -> float | None:
    """Return a positive number with a unit in SI, or None."""
    if value is None:
        return None
    return number(name, quantity(value, name, kind), above=0, unit=unit)


def _voltage(value: float | str | None) -> float | None:
    """Return the voltage of the reads [V], of either polarity, or None."""
    if value is None:
        return None
    volts = number("read_voltage", quantity(value, "read_voltage", "voltage"), unit="V")
    if not volts:
        raise ValueError("read_voltage = 0 V gives no conductance; give the voltage of the reads")
    return volts


def _part(text: str) -> tuple[int, int | None]:
    """Return first and last of FIRST:LAST."""
    first, colon, last = text.partition(":")
    parts = (first.strip(), last.strip())
    if not colon or not all(part.isdecimal() or not part for part in parts):
        raise ValueError(f"--reads {text!r} is no part of a trace; give FIRST:LAST, as in 0:4000")
    return int(parts[0] or 0), int(parts[1]) if parts[1] else None


def _counts(arrays: Mapping[str, Any], reading: Reading) -> dict[str, int]:
    """Return what was found, by words."""
    where = ("times", "temperatures", "target", "period", "bakes")
    baked = sum(np.size(x) for bake in arrays.get("bakes", ()) for x in (bake.start, bake.later))
    sizes = {"values": baked + sum(np.size(a) for n, a in arrays.items() if n not in where)}
    cells = {"cells": len(reading.cells)} if reading.cells else {}
    return {**cells, **sizes, **reading.counts}


def _unread(table: Table, read: set[str]) -> list[str]:
    """Return a note on the columns that were not read."""
    rest = [name for name in table.columns if name not in read]
    return [f"Columns that were not read: {', '.join(map(repr, rest))}."] if rest else []
