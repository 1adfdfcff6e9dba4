"""Wide tables of two quantities: a column of each for every cell, such as "up_a" and "down_a"."""

import re
from collections.abc import Sequence

from nsm.measurements.columns import Columns
from nsm.measurements.headers import ALIASES, Header
from nsm.measurements.units import UNITS

_BRACKETS = re.compile(r"\s*(\[[^\]]*\]|\([^)]*\)|\s/\s*\S+)\s*$")
_GAP = r"[\s_.:\-]+"

#: Columns of each role by cell; the cells are in the order of the file.
Pairs = dict[str, dict[str, str]]


def paired_columns(columns: Columns, roles: Sequence[str]) -> Pairs:
    """Return the columns of every cell by role; nothing if the table is not wide.

    A header holds a name of the role first or last, and a cell: "up_a", "a up [µS]", "LTP 3".

    Args:
        columns: The table.
        roles: Two roles or more, such as ("up", "down").

    Raises:
        ValueError: If a cell has a column of one role and none of another.
    """
    found: Pairs = {role: {} for role in roles}
    for column in columns.table.columns:
        name = _without_unit(column)
        for role in roles:
            cell = _cell_of(name, role)
            if cell:
                found[role].setdefault(cell, column)
    cells = {cell: None for role in roles for cell in found[role]}
    if not all(found.values()) or not all(_may_be_wide(columns, found, role) for role in roles):
        return {}
    for cell in cells:
        lost = [role for role in roles if cell not in found[role]]
        if lost:
            have = next(found[role][cell] for role in roles if cell in found[role])
            raise ValueError(
                f"{columns.where}: cell {cell!r} has the column {have!r} and none of {lost[0]}; "
                f"call it {lost[0]}_{cell}, or remove the cell"
            )
    _take_back_units(columns, found)
    return {role: {cell: found[role][cell] for cell in cells} for role in roles}


def _may_be_wide(columns: Columns, found: Pairs, role: str) -> bool:
    """Return whether no column alone has the role.

    One that was read as "up" in amperes has it if there is no "up_B" beside "up_A".
    """
    column = columns.roles.get(role)
    if column is None:
        return True
    is_named = columns.headers[column].name.lower() in ALIASES[role]  # not by --column
    return is_named and column in found[role].values() and len(found[role]) > 1


def _without_unit(text: str) -> str:
    """Return a header without its unit in brackets, or after an underscore: "up_a_uS" is "up_a"."""
    name = _BRACKETS.sub("", text.strip())
    stem, underscore, ending = name.rpartition("_")
    has_unit = underscore and len(ending) > 1 and ending.replace("\u03bc", "µ") in UNITS
    return stem if has_unit else name


def _cell_of(name: str, role: str) -> str:
    """Return the cell in the name of a column of a role; "" if there is none."""
    names = "|".join(re.escape(alias) for alias in ALIASES[role] if len(alias) > 1)
    first = re.fullmatch(rf"(?:{names}){_GAP}(.+)", name, re.IGNORECASE)
    last = re.fullmatch(rf"(.+?){_GAP}(?:{names})", name, re.IGNORECASE)
    found = first or last
    return found[1] if found else ""


def _take_back_units(columns: Columns, found: Pairs) -> None:
    """Take "A" of "up_A" for a cell where it was read as the unit ampere."""
    headers = dict(columns.headers)
    for by_cell in found.values():
        for cell, column in by_cell.items():
            unit = headers[column].unit
            if unit is not None and column.endswith(f"_{cell}"):
                headers[column] = Header(column, None)
    columns.headers = headers
