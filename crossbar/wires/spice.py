"""Netlists: an array with its wires as text for a circuit simulator."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from crossbar.wires.description import Wires
from devices.validation import Floats, array


def to_spice(g: ArrayLike, v: ArrayLike, wires: Wires) -> str:
    """Return a netlist for `ngspice -b`, which prints each bit line's current i(vs0), i(vs1), …

    Nodes wI_J and bI_J are the crossings of word line I and bit line J; a line without resistance
    is one node. Numbers carry 17 digits, so that they are read back exactly.

    Args:
        g: Conductances of the cells, (m, n) [S]; 0 for a missing cell.
        v: Word-line voltages, (m,) [V].
        wires: Resistance of the lines.

    Raises:
        ValueError: NaN, a negative conductance, or shapes that do not fit.
    """
    cells = array("g", g, ndim=2)
    drive = array("v", v, shape=(len(cells),))
    if cells.size == 0 or (cells < 0).any():
        raise ValueError(
            f"g has shape {cells.shape}, the lowest value {cells.min(initial=0):.4g} S; "
            "give conductances >= 0"
        )
    m, n = cells.shape
    head = f"* crossbar of {m} word lines and {n} bit lines; ngspice -b FILE"
    options = ".options reltol=1e-12 abstol=1e-24 vntol=1e-18 gmin=1e-30"
    prints = [f"print i(vs{j})" for j in range(n)]
    control = [".control", "set numdgt=15", "op", *prints, "quit", ".endc", ".end"]
    return "\n".join([head, *_elements(cells, drive, wires), options, *control]) + "\n"


def _resistor(name: str, a: str, b: str, ohms: float) -> str:
    """Return the line of a resistor between nodes a and b."""
    return f"R{name} {a} {b} {ohms:.17g}"


def _elements(g: Floats, v: Floats, wires: Wires) -> Iterator[str]:
    """Yield a line for every element: word lines, then cells, then bit lines."""
    m, n = g.shape
    first = wires.r_source + wires.r_row
    last = wires.r_col + wires.r_sense

    def word(i: int, j: int) -> str:
        if wires.r_row:
            return f"w{i}_{j}"
        return f"w{i}" if first else f"d{i}"  # without any resistance: the driver's own node

    def bit(i: int, j: int) -> str:
        if wires.r_col:
            return f"b{i}_{j}"
        return f"b{j}" if last else f"s{j}"  # without any resistance: the sense amplifier's node

    for i in range(m):
        yield f"Vd{i} d{i} 0 DC {v[i]:.17g}"
        if first:
            yield _resistor(f"d{i}", f"d{i}", word(i, 0), first)
            if wires.drivers == "both":
                yield _resistor(f"e{i}", f"d{i}", word(i, n - 1), first)
        for j in range(1, n if wires.r_row else 1):
            yield _resistor(f"w{i}_{j}", word(i, j - 1), word(i, j), wires.r_row)
    for i, j in zip(*np.nonzero(g), strict=True):
        yield _resistor(f"g{i}_{j}", word(i, j), bit(i, j), 1 / g[i, j] + wires.r_access)
    for j in range(n):
        for i in range(1, m if wires.r_col else 1):
            yield _resistor(f"b{i}_{j}", bit(i - 1, j), bit(i, j), wires.r_col)
        if last:
            yield _resistor(f"s{j}", bit(m - 1, j), f"s{j}", last)
            if wires.senses == "both":
                yield _resistor(f"t{j}", bit(0, j), f"s{j}", last)
        yield f"Vs{j} s{j} 0 DC 0"  # a voltage source of 0 V measures the current
