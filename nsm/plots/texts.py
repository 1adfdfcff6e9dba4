"""Texts of figures: titles of axes, and names that cannot be taken for something else."""

from nsm.sweeps.axis_labels import AXIS_LABELS

#: Most characters of a name in a legend, at a tick or in a title.
LONGEST = 40


def drawn_text(name: str) -> str:
    """Return a name as matplotlib is to draw it, on one line and without mathematics.

    matplotlib reads text between dollar signs as mathematics, and leaves legend entries out that
    begin with an underscore. A name longer than `LONGEST` loses its middle.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]}…{line[len(line) - LONGEST // 2 + 1 :]}"
    line = line.replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line


def axis_title(column: str) -> str:
    """Return the title of a column for a figure, with its unit where it is a known axis.

    >>> axis_title("head:device.levels")
    'conductance levels per cell, layers head'
    """
    layers, _, path = column.rpartition(":")
    title = AXIS_LABELS.get(path, drawn_text(path))
    return f"{title}, layers {drawn_text(layers)}" if layers else title


def plain_title(column: str) -> str:
    """Return the title of a column without the marks of mathematics, for pages and messages.

    >>> plain_title("device.on_off_ratio")
    'on/off ratio g_max/g_min'
    """
    layers, _, path = column.rpartition(":")
    title = AXIS_LABELS.get(path)
    plain = path if title is None else "".join(c for c in title if c not in "${}")
    return f"{plain}, layers {layers}" if layers else plain
