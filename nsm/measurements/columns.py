"""Columns of a measurement by their role, converted to SI."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from devices.validation import Floats, choice
from nsm.measurements.headers import Header, assigned, split_header
from nsm.measurements.tables import Table
from nsm.measurements.units import (
    NORMALIZED,
    Unit,
    check_kelvins,
    check_siemens,
    in_si,
    normalized,
    to_conductance,
    unit_named,
)

_CONDUCTANCES = ("conductance", "resistance", "current", NORMALIZED)


@dataclass(kw_only=True)
class Columns:
    """The columns of a table, and how they become SI.

    Attributes:
        table: The table.
        roles: Column of each role that was found.
        headers: Name and unit of each column.
        units: Units by argument: of a role or column, and of conductances under "".
        read_voltage: Voltage of the reads [V], or None.
        limits: g_min and g_max [S] for normalized values, or None.
        used: Options that had an effect so far.
        notes: Sentences on what was assumed.
        read: Columns that were read.
        absent: Columns that the user named for roles, and that there are not.
    """

    table: Table
    roles: dict[str, str]
    headers: Mapping[str, Header]
    units: Mapping[str, str]
    read_voltage: float | None
    limits: tuple[float, float] | None
    used: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Path of the file, for messages."""
        return self.table.where

    def raw(self, column: str, exact: bool = False) -> Floats:
        """Return a column as numbers in its own unit; `exact` as in `Table.numbers`."""
        self.read.add(column)
        return self.table.numbers(column, exact=exact)

    def labels(self, role: str) -> np.ndarray:
        """Return the column of a role as texts, such as names of cells."""
        self.read.add(self.roles[role])
        values = self.table.columns[self.roles[role]]
        return np.array([label(value) for value in values.tolist()], dtype=object)

    def unit(self, column: str, quantities: Sequence[str]) -> Unit | None:
        """Return the unit of a column from its header or the argument; None if there is none.

        Args:
            column: The column.
            quantities: What it may be, such as ("time",).

        Raises:
            ValueError: If header and argument differ, or the unit is one of another quantity.
        """
        header = self.headers[column].unit
        role = next((r for r, c in self.roles.items() if c == column), "")
        keys = [column, self.headers[column].name, role] + [""] * (quantities is _CONDUCTANCES)
        key = next((k for k in keys if k in self.units), None)
        found = header
        if key is not None:
            self.used.add(f"unit {key}")
            found = unit_named(self.units[key], f"--unit for column {column!r} of {self.where}")
            if header is not None and not header.equals(found):
                raise ValueError(
                    f"{self.where}: the header of {column!r} says {header.name}, and --unit says "
                    f"{found.name}; leave --unit out, or correct the header"
                )
        if found is not None and found.quantity not in quantities:
            raise ValueError(
                f"{self.where}: column {column!r} has the unit {found.name} of a {found.quantity}; "
                f"a {' or '.join(quantities)} is needed here"
            )
        return found

    def conductances(self, columns: Sequence[str]) -> list[Floats]:
        """Return measured columns as conductances [S].

        Raises:
            ValueError: If a column has no unit and cannot be siemens, currents come without a
                voltage, or normalized values without the range of the device.
        """
        units = {c: self.unit(c, _CONDUCTANCES) for c in columns}
        values = {c: self.raw(c) for c in columns}
        bare = [c for c, unit in units.items() if unit is None]
        if bare:
            check_siemens(np.concatenate([values[c].ravel() for c in bare]), self.where, bare[0])
            self.notes.append(f"{_listed(bare)} without a unit: read as siemens.")
        relative = [c for c, unit in units.items() if unit and unit.quantity == NORMALIZED]
        if relative:
            values |= self._denormalized({c: values[c] for c in relative})
        return [
            x if (unit := units[c]) is None or c in relative else self._converted(c, x, unit)
            for c, x in values.items()
        ]

    def _converted(self, column: str, values: Floats, unit: Unit) -> Floats:
        """Return the values of one column as conductances [S]."""
        if unit.quantity == "current":
            if self.read_voltage is None:
                raise ValueError(
                    f"{self.where}: column {column!r} is a current [{unit.name}]; give the voltage "
                    "of the reads, such as --read-voltage 0.2"
                )
            self.used.add("read_voltage")
            note = f"currents were divided by the read voltage, {self.read_voltage:g} V."
            if note not in self.notes:
                self.notes.append(note)
        return to_conductance(values, unit, read_voltage=self.read_voltage)

    def _denormalized(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return normalized values as conductances [S] between the limits."""
        if self.limits is None:
            raise ValueError(
                f"{self.where}: {_listed(list(values))} is normalized; give the conductances of "
                "its smallest and largest value, such as --g-min 1e-6 --g-max 50e-6"
            )
        known = np.concatenate([x[np.isfinite(x)] for x in values.values()])
        low, high = float(known.min()), float(known.max())
        if low == high:
            raise ValueError(f"{self.where}: the normalized values are all {low:g}")
        self.used |= {"g_min", "g_max"}
        told = "normalized values: {:g} was taken for {:g} S, {:g} for {:g} S."
        self.notes.append(told.format(low, self.limits[0], high, self.limits[1]))
        return {c: normalized(x, low, high, *self.limits) for c, x in values.items()}

    def times(self, role: str = "time") -> Floats:
        """Return the column of times [s]."""
        column = self.roles[role]
        unit = self.unit(column, ("time",))
        if unit is None:
            self.notes.append(f"{column!r} without a unit: read as seconds.")
        return in_si(self.raw(column, exact=True), unit)

    def temperatures(self) -> Floats:
        """Return the column of temperatures [K]."""
        column = self.roles["temperature"]
        unit, values = self.unit(column, ("temperature",)), self.raw(column, exact=True)
        if unit is None:
            check_kelvins(values, self.where, column)
            self.notes.append(f"{column!r} without a unit: read as kelvins.")
            return values
        return unit.to_si(values)

    def number(self, role: str, quantities: tuple[str, ...]) -> float:
        """Return the single number of a role in SI, such as a sampling rate [Hz]."""
        column = self.roles[role]
        unit, values = self.unit(column, quantities), self.raw(column)
        if values.size != 1:
            raise ValueError(f"{self.where}: {column!r} has {values.size} values; give one number")
        return float(in_si(values, unit).ravel()[0])


def label(value: Any) -> str:
    """Return the name of a cell: "24" for 24, 24.0 and "24"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _listed(names: Sequence[str]) -> str:
    """Return up to three names in quotation marks."""
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + rest


def columns_of(
    table: Table,
    roles: tuple[str, ...],
    *,
    given: Mapping[str, str],
    units: Mapping[str, str],
    read_voltage: float | None = None,
    limits: tuple[float, float] | None = None,
    strict: bool = True,
) -> Columns:
    """Return the columns of a table by role.

    Args:
        table: The table.
        roles: What may be in it, in the order in which columns without names are taken.
        given: Columns that the user named, by role.
        units: Units that the user gave, by role or column, and of conductances under "".
        read_voltage: Voltage of the reads [V], or None.
        limits: g_min and g_max [S], or None.
        strict: Whether columns that are named, and that there are not, are refused; otherwise they
            have no effect.

    Raises:
        ValueError: If a name or unit is unknown or could mean two things.
    """
    headers = {
        c: split_header(c, table.where) if table.has_header else Header(c, None)
        for c in table.columns
    }
    names = {*headers, *(header.name for header in headers.values())}
    absent = {} if strict else {r: column for r, column in given.items() if column not in names}
    if not strict:
        given = {role: column for role, column in given.items() if column in names}
        units = {key: unit for key, unit in units.items() if key in {"", *roles, *names}}
    for key in filter(None, units):
        known = {*roles, *names}
        choice(f"column in --unit {key}={units[key]}", key, sorted(known))
    return Columns(
        table=table,
        roles=assigned(headers, roles, given, table.where),
        headers=headers,
        units=units,
        read_voltage=read_voltage,
        limits=limits,
        used={f"column {role}" for role in given},
        absent=absent,
    )
