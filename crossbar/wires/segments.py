"""The resistance of every segment of an array's lines, and where the lines end."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from devices.validation import Floats, finite, real_array

if TYPE_CHECKING:
    from crossbar.wires.description import Wires

#: One resistance for all segments of the lines, or a table of them in rows.
Resistance = float | tuple[tuple[float, ...], ...]


class Segments(NamedTuple):
    """Resistances [Ω] of an array with m word lines and n bit lines, as it is drawn.

    Attributes:
        row: Segments of the word lines between neighboring crossings, (m, n − 1).
        left: From the left drivers to the first crossings, drivers included, (m,); infinite where
            the ends float.
        right: The same at the right.
        column: Segments of the bit lines between neighboring crossings, (m − 1, n).
        top: From the topmost crossings to ground, sense amplifiers included, (n,); infinite where
            the ends float.
        bottom: The same at the bottom.
    """

    row: Floats
    left: Floats
    right: Floats
    column: Floats
    top: Floats
    bottom: Floats


def checked(name: str, value: Any) -> Resistance:
    """Return a list or array of resistances as nested tuples, which compare and hash.

    Args:
        name: What it is, for the message.
        value: Resistances [Ω] with one or two dimensions; a single row is that of all lines.

    Raises:
        ValueError: If it is not such an array, or a resistance is negative, infinite or NaN.
    """
    table = real_array(name, value)
    if table.dtype == bool:
        raise ValueError(f"{name} holds truth values; give resistances [ohm]")
    table = table.astype(np.float64)
    if table.ndim == 1:
        table = table[None, :]
    if table.ndim != 2 or table.size == 0:
        raise ValueError(
            f"{name} has shape {np.shape(value)}; give one resistance, or an array of the shape of "
            "the tile (word lines, bit lines)"
        )
    if (finite(name, table) < 0).any():
        raise ValueError(
            f"{name} holds {(table < 0).sum()} negative resistances, the lowest {table.min():g} "
            "ohm; give resistances >= 0"
        )
    return tuple(map(tuple, table.tolist()))


def uniform(value: Resistance) -> float | None:
    """Return the resistance that all segments share; None if they differ."""
    if not isinstance(value, tuple):
        return value
    table = np.array(value)
    return float(table[0, 0]) if (table == table[0, 0]).all() else None


def every_segment(wires: "Wires", shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return r_row and r_col of an array (m, n) with an entry for every segment.

    Both are (m, n); with two drivers or two senses there is one segment more in a line.

    Raises:
        ValueError: If one of them does not broadcast to that shape.
    """
    m, n = shape
    wanted = {
        "r_row": (m, n + (wires.drivers == "both")),
        "r_col": (m + (wires.senses == "both"), n),
    }
    tables = []
    for name, needed in wanted.items():
        table = np.array(getattr(wires, name))
        try:
            tables.append(np.broadcast_to(table, needed))
        except ValueError:
            raise ValueError(
                f"Wires.{name} has shape {table.shape}, but the lines of an array of {shape} with "
                f"drivers {wires.drivers!r} and senses {wires.senses!r} have segments of shape "
                f"{needed}; give that shape, or one that broadcasts to it"
            ) from None
    return tables[0], tables[1]


def segments(wires: "Wires", shape: tuple[int, int]) -> Segments:
    """Return the segments of an array (m, n); see `every_segment` for what is refused."""
    row, column = every_segment(wires, shape)
    left, right, between = _ends(row.T, wires.r_source, wires.drivers, ("left", "right"))
    top, bottom, column = _ends(column, wires.r_sense, wires.senses, ("top", "bottom"))
    return Segments(between.T, left, right, column, top, bottom)


def _ends(
    table: Floats, outside: float, connected: str, names: tuple[str, str]
) -> tuple[Floats, Floats, Floats]:
    """Return the resistances of the first and last ends of lines, and those between crossings.

    Args:
        table: Resistances of the segments along the lines, (segments, lines).
        outside: Resistance of what stands at a connected end.
        connected: The connected end, or "both".
        names: Names of the first and the last end.
    """
    floating = np.full(table.shape[1], np.inf)
    first, last = (table[k] + outside for k in (0, -1))
    if connected == names[0]:
        return first, floating, table[1:]
    if connected == names[1]:
        return floating, last, table[:-1]
    # If a line has no resistance at all, a second connection changes nothing.
    idle = (first == 0) & ~table.any(axis=0)
    return first, np.where(idle, np.inf, last), table[1:-1]


def part_of(wires: "Wires", shape: tuple[int, int]) -> "Wires":
    """Return the wires of a part (m, n) of an array, in its corner of drive and sense.

    The part keeps the segments next to the drivers and the senses: those of the lines beyond it are
    left out. With two drivers or senses, the segments of the far ends are kept too. Tables with one
    row or column stay as they are.

    Args:
        wires: The wires of the whole array.
        shape: Numbers m of word lines and n of bit lines of the part.
    """
    m, n = shape

    def kept(have: int, needed: int, from_end: bool, ends: int) -> slice | list[int]:
        """Return which of `have` entries remain of a side that needs `needed`."""
        if have <= needed:
            return slice(None)
        if ends == 0:
            return slice(have - needed, have) if from_end else slice(needed)
        body = needed - 1
        near = [*range(have - body, have)] if from_end else [*range(body)]
        return [0, *near] if from_end else [*near, have - 1]

    lines_at_end = wires.senses != "top"
    columns_at_end = wires.drivers == "right"
    changes: dict[str, Any] = {}
    if isinstance(wires.r_row, tuple):
        table = np.array(wires.r_row)
        two = int(wires.drivers == "both")
        table = table[kept(len(table), m, lines_at_end, 0)]
        changes["r_row"] = table[:, kept(table.shape[1], n + two, columns_at_end, two)]
    if isinstance(wires.r_col, tuple):
        table = np.array(wires.r_col)
        two = int(wires.senses == "both")
        table = table[kept(len(table), m + two, lines_at_end, two)]
        changes["r_col"] = table[:, kept(table.shape[1], n, columns_at_end, 0)]
    return replace(wires, **changes) if changes else wires
