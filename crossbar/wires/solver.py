"""Solver of the circuit of an array with line resistance.

The public functions are methods of `Wires`, which documents their arguments; `driver_conductance`
is called by itself.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crossbar.threads import run_each
from crossbar.wires._dissection import transfer_conductances
from crossbar.wires._kernels import factorize, solve
from crossbar.wires.checks import check_curve, conductances, limits_of
from crossbar.wires.description import IVCurve, Nodes, Wires
from crossbar.wires.lines import ohms, resistances, turns
from crossbar.wires.segments import every_segment
from devices.validation import Floats, array, integer

#: Error of every output current, relative to it, that the solver expects when it stops.
TOLERANCE = 1e-13
MOST_STEPS = 2000
NEWTON_STEPS = 80
# Newton steps of the full length; smooth curves need fewer. Later ones are halved.
UNDAMPED_STEPS = 10
_NO_SOURCE = np.empty((0, 0))


def currents(wires: Wires, g: ArrayLike, v: ArrayLike, iv: IVCurve | None = None) -> Floats:
    """Return the bit-line currents (…, n) [A]; see `Wires.currents`."""
    check_curve(iv)
    cells = conductances(g)
    drive = array("v", v)
    if drive.ndim == 0 or drive.shape[-1] != len(cells):
        raise ValueError(
            f"v has shape {drive.shape}; an array of {cells.shape} needs (…, {len(cells)})"
        )
    rows = drive.reshape(-1, len(cells))
    out = np.empty((len(rows), cells.shape[1]))
    if iv is None:
        network = Network(wires, cells)
        run_each(lambda k: network.currents(rows[k], out[k]), len(rows))
    else:
        run_each(
            lambda k: np.copyto(out[k], _newton(wires, cells, rows[k], iv).currents), len(rows)
        )
    return out.reshape(*drive.shape[:-1], cells.shape[1])


def node_voltages(wires: Wires, g: ArrayLike, v: ArrayLike, iv: IVCurve | None = None) -> Nodes:
    """Return the voltages of all nodes; see `Wires.node_voltages`."""
    check_curve(iv)
    cells = conductances(g)
    drive = array("v", v, shape=(len(cells),))
    if iv is not None:
        return _newton(wires, cells, drive, iv)
    return Network(wires, cells).nodes(drive)


def effective_conductance(wires: Wires, g: ArrayLike) -> Floats:
    """Return W (m, n) [S] with currents = v @ W; see `Wires.effective_conductance`."""
    cells = conductances(g)
    exact = dissected(wires, cells)
    return solved_by_line(wires, cells) if exact is None else exact


def dissected(wires: Wires, cells: Floats) -> Floats | None:
    """Return the effective conductances by eliminating all nodes between drivers and senses.

    None where lines have segments without resistance, which have no conductance.
    """
    turned = turns(wires)
    (row, first, right), (column, last, above) = resistances(wires, cells.shape, turned)
    left, below = np.empty(cells.shape), np.empty(cells.shape)
    left[:, 1:] = row[:, 1:] if np.ndim(row) else row
    left[:, 0] = first
    below[:-1] = column[:-1] if np.ndim(column) else column
    below[-1] = last
    if not (left.all() and below.all()):
        return None
    branches = np.ascontiguousarray((cells / (1 + cells * wires.r_access))[turned])
    m, n = cells.shape
    far = np.full(m, 1 / right) if np.isfinite(right).any() else np.empty(0)
    top = np.full(n, 1 / above) if np.isfinite(above).any() else np.empty(0)
    out = np.empty(cells.shape)
    transfer_conductances(branches, 1 / left, 1 / below, far, top, out)
    if not np.isfinite(out).all():
        raise ArithmeticError(
            f"the wires of an array of {cells.shape} with conductances from {cells.min():.3g} to "
            f"{cells.max():.3g} S, {ohms(row)} and {ohms(column)} ohm per segment, have no "
            "finite solution"
        )
    return np.ascontiguousarray(out[turned])


def solved_by_line(wires: Wires, cells: Floats) -> Floats:
    """Return the effective conductances from a solution for each line of the shorter side."""
    m, n = cells.shape
    w = np.empty((m, n))
    if m <= n:
        network = Network(wires, cells)
        run_each(lambda i: network.currents(_unit_vector(m, i), w[i]), m)
    else:
        network = Network(_swap_roles(wires, cells.shape), _swap_lines(cells))
        swapped = np.empty((n, m))
        run_each(lambda j: network.currents(_unit_vector(n, j), swapped[j]), n)
        w[:] = swapped[::-1, ::-1].T
    return w


def driver_conductance(wires: Wires, g: ArrayLike) -> Floats:
    """Return the matrix Y (m, m) [S] of the drivers' currents: they are Y @ v for any v.

    The drivers deliver the power v @ Y @ v, which the cells and the wires dissipate. Y is
    symmetric. Its elements off the diagonal are the currents, negative, that one line sends back
    into the drivers of the others.

    Args:
        wires: The line resistances.
        g: Conductances of the cells, (m, n) [S].
    """
    cells = conductances(g)
    network = Network(wires, cells)
    with_access = cells / (1 + cells * wires.r_access)
    m = len(cells)
    y = np.empty((m, m))

    def drive_one(k: int) -> None:
        nodes = network.nodes(_unit_vector(m, k))
        # A word line has no other ends than its drivers, so they carry what its cells carry.
        y[:, k] = ((nodes.word - nodes.bit) * with_access).sum(axis=1)

    run_each(drive_one, m)
    return y


def noise_variance(wires: Wires, g: ArrayLike, v: ArrayLike, variance: ArrayLike) -> Floats:
    """Return the variance (n,) [A²] of the bit-line currents; see `Wires.noise_variance`."""
    cells = conductances(g)
    spread = array("variance", variance, shape=np.shape(g))
    across = _cell_voltages(node_voltages(wires, cells, v), cells, wires)
    adjoints = _adjoint_voltages(wires, cells)
    return np.array([((across * adjoint) ** 2 * spread).sum() for adjoint in adjoints])


def noise_transfer(wires: Wires, g: ArrayLike, variance: ArrayLike) -> Floats:
    """Return Q (m, n) [S²] with Var I ≈ v² @ Q; see `Wires.noise_transfer`."""
    cells = conductances(g)
    spread = array("variance", variance, shape=np.shape(g))
    network = Network(wires, cells)
    across = np.empty(cells.shape)
    m = len(cells)

    def drive_one(i: int) -> None:
        nodes = network.nodes(_unit_vector(m, i))
        across[i] = _cell_voltages(nodes, cells, wires)[i]

    run_each(drive_one, m)
    adjoints = _adjoint_voltages(wires, cells)
    return np.stack(
        [((across * adjoint) ** 2 * spread).sum(axis=1) for adjoint in adjoints], axis=1
    )


def compensated(
    wires: Wires, target: ArrayLike, g_min: ArrayLike, g_max: ArrayLike, steps: int = 10
) -> Floats:
    """Return conductances whose effective values approach `target`; see `Wires.compensated`."""
    wanted = conductances(target, "target")
    low, high = (
        limits_of(name, g, wanted.shape) for name, g in (("g_min", g_min), ("g_max", g_max))
    )
    integer("steps", steps, at_least=0)
    best = np.clip(wanted, low, high)
    trial = best
    least = np.inf
    for _ in range(steps + 1):
        w = effective_conductance(wires, trial)
        error = float(np.linalg.norm(w - wanted))
        # Where the range does not suffice, further steps would raise cell after cell to g_max and
        # take current from their neighbors: stop at the first step that makes the error larger.
        if error >= least:
            break
        best = trial
        least = error
        ratio = np.divide(wanted, w, out=np.ones_like(w), where=w > 0)
        trial = np.clip(trial * ratio, low, high)
    return best


class Network:
    """Wires and ohmic cells of one array, factorized once for any number of inputs.

    Args:
        wires: The line resistances.
        cells: Conductances without their access transistors, (m, n) [S].
    """

    def __init__(self, wires: Wires, cells: Floats):
        self.turned = turns(wires)
        self.g = np.ascontiguousarray((cells / (1 + cells * wires.r_access))[self.turned])
        m, n = self.g.shape
        self.rows, self.columns = resistances(wires, self.g.shape, self.turned)
        # Working memory is kept: fresh pages cost as much as a step of the solver.
        self._spare: list[Floats] = []
        self.factors = (
            np.empty((m, n)),
            np.empty(m),
            np.empty((m, n)),
            np.empty((m, n)),
            np.empty(n),
        )
        factorize(self.g, *self.rows, *self.columns, *self.factors)

    def nodes(self, v: Floats, source: Floats = _NO_SOURCE) -> Nodes:
        """Return the solution for drivers v (m,) [V] and current sources of cells (m, n) [A]."""
        out = np.empty(self.g.shape[1])
        work = np.empty((6, *self.g.shape))
        turned_source = source if source is _NO_SOURCE else source[self.turned]
        steps = self._solve(v, turned_source, True, work, out)
        word, bit = (voltages[self.turned].copy() for voltages in work[:2])
        return Nodes(word, bit, out, steps)

    def currents(self, v: Floats, out: Floats) -> None:
        """Write into out (n,) the bit-line currents [A] for drivers v (m,) [V]."""
        try:
            work = self._spare.pop()
        except IndexError:  # no memory is there yet, or other threads are using it
            work = np.empty((6, *self.g.shape))
        self._solve(v, _NO_SOURCE, False, work, out)
        self._spare.append(work)

    def _solve(self, v: Floats, source: Floats, voltages: bool, work: Floats, out: Floats) -> int:
        lines, columns = self.turned
        drive = np.ascontiguousarray(v[lines])
        pushed = np.ascontiguousarray(source)
        resistances = (*self.rows, *self.columns[:2])
        goal = (TOLERANCE, MOST_STEPS, voltages)
        factors = tuple(self.factors)
        steps: int = solve(self.g, drive, pushed, factors, resistances, goal, work, out)
        if columns.step < 0:
            out[:] = out[columns].copy()
        if steps < 0 or not np.isfinite(out).all():
            raise ArithmeticError(
                f"the wires of an array of {self.g.shape} with conductances from "
                f"{self.g.min():.3g} to {self.g.max():.3g} S, {ohms(self.rows[0])} and "
                f"{ohms(self.columns[0])} ohm per segment, did not converge in {MOST_STEPS} steps"
            )
        return steps


def _newton(wires: Wires, cells: Floats, v: Floats, iv: IVCurve) -> Nodes:
    """Solve for cells with a current-voltage curve, linearized around the last solution."""
    slope = iv.slope(cells, np.zeros(cells.shape))
    source = np.zeros(cells.shape)
    nodes = Network(wires, slope).nodes(v)
    # No node leaves the range of the drivers and ground, so no cell has more than this voltage. A
    # step may: a law that is known up to the drivers' voltage would refuse it.
    most = v.max(initial=0.0) - v.min(initial=0.0)
    across = np.zeros(cells.shape)
    for k in range(NEWTON_STEPS):
        # Voltage of the cell itself: its tangent I = slope V + source in series with the
        # transistor.
        in_series = 1 + wires.r_access * slope
        last = across
        across = (nodes.word - nodes.bit - wires.r_access * source) / in_series
        across = np.clip(across, -most, most)
        if k >= UNDAMPED_STEPS:  # between two bends of a curve, full steps may go to and fro
            across = (across + last) / 2
        slope = iv.slope(cells, across)
        if not (slope >= 0).all():
            raise ArithmeticError(
                f"the cells' current falls with the voltage in an array of {cells.shape}: "
                "the circuit has no unique solution"
            )
        source = iv.current(cells, across) - slope * across
        before = nodes
        nodes = Network(wires, slope).nodes(v, source / (1 + wires.r_access * slope))
        nodes = nodes._replace(steps=before.steps + nodes.steps)
        largest = np.abs(nodes.currents).max(initial=1e-300)
        if np.abs(nodes.currents - before.currents).max() <= 1e-11 * largest:
            return nodes
    raise ArithmeticError(
        f"Newton's iteration on an array of {cells.shape} did not converge in {NEWTON_STEPS} steps"
    )


def _unit_vector(n: int, i: int) -> Floats:
    """Return a vector (n,) that is 1 at i and 0 elsewhere."""
    vector = np.zeros(n)
    vector[i] = 1.0
    return vector


def _swap_roles(wires: Wires, shape: tuple[int, int]) -> Wires:
    """Return the wires of the array (m, n) in which word lines became bit lines; see
    `_swap_lines`.
    """
    row, column = every_segment(wires, shape)
    r_row: Any = _swap_lines(column) if isinstance(wires.r_col, tuple) else wires.r_col
    r_col: Any = _swap_lines(row) if isinstance(wires.r_row, tuple) else wires.r_row
    return Wires(
        r_row=r_row,
        r_col=r_col,
        r_source=wires.r_sense,
        r_sense=wires.r_source,
        r_access=wires.r_access,
        drivers={"bottom": "left", "top": "right", "both": "both"}[wires.senses],
        senses={"left": "bottom", "right": "top", "both": "both"}[wires.drivers],
    )


def _swap_lines(cells: Floats) -> Floats:
    """Exchange word and bit lines, so that the drivers' ends and the senses' ends swap."""
    return np.ascontiguousarray(cells[::-1, ::-1].T)


def _cell_voltages(nodes: Nodes, cells: Floats, wires: Wires) -> Floats:
    """Return the voltage across each cell (m, n) [V], without its access transistor."""
    return (nodes.word - nodes.bit) / (1 + cells * wires.r_access)


def _adjoint_voltages(wires: Wires, cells: Floats) -> Iterator[Floats]:
    """Yield for each bit line the cells' voltages (m, n) under one volt on that bit line alone."""
    swapped_wires = _swap_roles(wires, cells.shape)
    swapped_cells = _swap_lines(cells)
    network = Network(swapped_wires, swapped_cells)
    n = cells.shape[1]
    for j in range(n):
        nodes = network.nodes(_unit_vector(n, n - 1 - j))
        yield _swap_lines(_cell_voltages(nodes, swapped_cells, swapped_wires))
