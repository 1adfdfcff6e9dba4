"""Headers of tables: what a column holds, and in which unit."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from devices.validation import choice
from nsm.measurements.units import UNITS, Unit, unit_named

#: What columns may be called in a file, by what they are; compared without regard to case.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "g": ("g", "conductance", "current", "i", "resistance", "r", "value", "read"),
    "before": ("before", "start", "initial", "g0", "g_0"),
    "after": ("after", "later", "final", "baked"),
    "time": ("time", "t", "seconds", "elapsed", "timepoint"),
    "temperature": ("temperature", "temp", "t"),
    "cell": ("cell", "device", "addr", "address", "cell_id"),
    "target": ("target", "wanted", "goal"),
    "got": ("got", "measured", "programmed", "final", "g"),
    "up": ("up", "ltp", "potentiation"),
    "down": ("down", "ltd", "depression"),
    "pulse": ("pulse", "pulses", "n"),
    "set": ("set", "lrs", "g_set"),
    "reset": ("reset", "hrs", "g_reset"),
    "cycle": ("cycle", "cycles", "n"),
    "rate": ("rate", "fs", "sampling_rate"),
}
_BRACKETS = re.compile(r"\s*(.*?)\s*(?:\[([^\]]*)\]|\(([^)]*)\)|\s/\s*(\S+))\s*")


class Header(NamedTuple):
    """A header that was taken apart.

    Attributes:
        name: The name without unit.
        unit: The unit, or None if there is none.
    """

    name: str
    unit: Unit | None


def split_header(text: str, where: str) -> Header:
    """Return name and unit of a header: "g [µS]", "conductance (S)", "I / nA", "g_uS", "time_s".

    A unit after an underscore counts if it is longer than a letter or follows a known name, and
    times only after names of times, so that "cell_A" is a cell and "g_min" no time.

    Args:
        text: The header.
        where: The file, for messages.

    Raises:
        ValueError: If there are brackets whose content is no unit.
    """
    text = text.strip()
    found = _BRACKETS.fullmatch(text)
    if found and found[1]:
        inside = next(group for group in found.groups()[1:] if group is not None)
        if not re.fullmatch(r"\s*\d*\s*", inside):  # cell [3] is a name
            return Header(found[1], unit_named(inside, f"column {text!r} of {where}"))
    stem, underscore, ending = text.rpartition("_")
    ending = ending.replace("\u03bc", "µ").replace("\u2126", "Ω")
    if underscore and stem and ending in UNITS and _is_unit_of(stem.lower(), UNITS[ending]):
        return Header(stem, UNITS[ending])
    return Header(text, None)


def _is_unit_of(stem: str, unit: Unit) -> bool:
    """Return whether a unit after an underscore can be that of a column of this name."""
    if unit.quantity in ("time", "frequency"):
        role = "time" if unit.quantity == "time" else "rate"
        return stem in ALIASES[role]
    known = {alias for role, names in ALIASES.items() for alias in names if role != "cell"}
    return len(unit.name) > 1 or stem in known


def assigned(
    headers: Mapping[str, Header], roles: tuple[str, ...], given: Mapping[str, str], where: str
) -> dict[str, str]:
    """Return which column has which role.

    Args:
        headers: The headers of a table by column.
        roles: What may be in the table, the most wanted first; see `ALIASES`.
        given: Columns that the user named for roles.
        where: The file, for messages.

    Raises:
        ValueError: If the user names a role or a column that there is not, or two columns could
            have a role.
    """
    found: dict[str, str] = {}
    for role, column in given.items():
        choice(f"role in --column {role}={column}", role, roles)
        names = {header.name: key for key, header in headers.items()} | {k: k for k in headers}
        found[role] = names[choice(f"column of {where}", column, names)]
    for role in roles:
        if role in found:
            continue
        free = {key: header for key, header in headers.items() if key not in found.values()}
        # The names of a role are ordered: a table with "measured" and "g" gives the first.
        for alias in ALIASES[role]:
            same = [key for key, header in free.items() if header.name.lower() == alias]
            if len(same) > 1:
                raise ValueError(
                    f"{where}: the columns {same[0]!r} and {same[1]!r} could both be {role}; "
                    f"choose with --column {role}={same[0]!r}"
                )
            if same:
                found[role] = same[0]
                break
    return found
