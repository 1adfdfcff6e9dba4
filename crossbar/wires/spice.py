"""Netlists: an array with its wires as text for a circuit simulator."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from crossbar.wires.description import Wires
from crossbar.wires.segments import segments, uniform
from devices.validation import Floats, array, instance


def to_spice(g: ArrayLike, v: ArrayLike, wires: Wires) -> str:
    """Return a netlist for `ngspice -b`, which prints each bit line's current i(vs0), i(vs1), …

    Nodes wI_J and bI_J are the crossings of word line I and bit line J; a line without resistance
    is one node, and so are crossings without resistance between them. Numbers carry 17 digits, so
    that they are read back exactly.

    Args:
        g: Conductances of the cells, (m, n) [S]; 0 for a missing cell.
        v: Word-line voltages, (m,) [V].
        wires: Resistance of the lines.

    Raises:
        ValueError: NaN, a negative conductance, or shapes that do not fit.
    """
    instance("wires", wires, Wires)
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
    ohms = segments(wires, g.shape)
    words = []
    bits = []
    for i in range(m):
        yield f"Vd{i} d{i} 0 DC {v[i]:.17g}"
        ends = (ohms.left[i], ohms.right[i])
        word = _nodes(f"w{i}", f"d{i}", ohms.row[i], ends, one_node=uniform(wires.r_row) == 0)
        words.append(word)
        for name, node, r in _end_resistors((f"d{i}", f"e{i}"), (word[0], word[-1]), ends):
            yield _resistor(name, f"d{i}", node, r)
        yield from _line_resistors([f"w{i}_{j}" for j in range(1, n)], word, ohms.row[i])
    for j in range(n):
        ends = (ohms.bottom[j], ohms.top[j])
        names = [f"b{i}_{j}" for i in range(m)]
        bit = _nodes(
            f"b{j}", f"s{j}", ohms.column[:, j], ends, names, one_node=uniform(wires.r_col) == 0
        )
        bits.append(bit)
    for i, j in zip(*np.nonzero(g), strict=True):
        yield _resistor(f"g{i}_{j}", words[i][j], bits[j][i], 1 / g[i, j] + wires.r_access)
    for j, bit in enumerate(bits):
        yield from _line_resistors([f"b{i}_{j}" for i in range(1, m)], bit, ohms.column[:, j])
        ends = (ohms.bottom[j], ohms.top[j])
        for name, node, r in _end_resistors((f"s{j}", f"t{j}"), (bit[-1], bit[0]), ends):
            yield _resistor(name, node, f"s{j}", r)
        yield f"Vs{j} s{j} 0 DC 0"  # a voltage source of 0 V measures the current


def _nodes(
    line: str,
    outside: str,
    between: Floats,
    ends: tuple[float, float],
    names: list[str] | None = None,
    *,
    one_node: bool,
) -> list[str]:
    """Return the names of the nodes at the crossings of a line.

    Args:
        line: Name of the line.
        outside: Name of the driver's or the sense amplifier's node.
        between: Resistances between the crossings [Ω].
        ends: Resistances of both ends of the line [Ω].
        names: Names of the crossings; None for `line` with their number.
        one_node: Whether the line has no resistance.
    """
    crossings = names or [f"{line}_{k}" for k in range(len(between) + 1)]
    if one_node:
        # Without any resistance it is the node outside.
        return [outside if min(ends) == 0 else line] * len(crossings)
    nodes = crossings[:1]
    for name, ohms in zip(crossings[1:], between, strict=True):
        nodes.append(name if ohms else nodes[-1])
    return nodes


def _line_resistors(names: list[str], nodes: list[str], between: Floats) -> Iterator[str]:
    """Yield the segments between the crossings of a line; names has one for each."""
    for name, a, b, ohms in zip(names, nodes[:-1], nodes[1:], between, strict=True):
        if ohms:
            yield _resistor(name, a, b, ohms)


def _end_resistors(
    names: tuple[str, str], nodes: tuple[str, str], ends: tuple[float, float]
) -> Iterator[tuple[str, str, float]]:
    """Yield name, node and resistance [Ω] of what connects the ends of a line.

    The second name is used only if both ends are connected.
    """
    connected = [(node, r) for node, r in zip(nodes, ends, strict=True) if np.isfinite(r)]
    for name, (node, r) in zip(names, connected, strict=False):
        if r:
            yield name, node, r
