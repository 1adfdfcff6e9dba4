"""Line resistance: the currents of an array whose wires are no ideal conductors, solved node by node."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from crossbar.threads import run_each
from crossbar.wires._kernels import factorise, solve
from devices.validation import Floats, array, choice, number

TOLERANCE = (
    1e-13  # relative, of every output current: what the solver expects to be missing when it stops
)
MOST_STEPS = 2000
NEWTON_STEPS = 50
DRIVERS, SENSES = ("left", "both"), ("bottom", "both")
_NO_SOURCE = np.empty((0, 0))


class CurrentVoltage(Protocol):
    """A cell's current [A] at conductance g [S] and voltage v [V], and its slope dI/dV [S]."""

    def current(self, g: Floats, v: Floats) -> Floats: ...

    def slope(self, g: Floats, v: Floats) -> Floats: ...


class Nodes(NamedTuple):
    """Voltages [V] of word-line and bit-line nodes, (m, n) each, currents [A] of the bit lines (n,), the steps it took."""

    word: Floats
    bit: Floats
    currents: Floats
    steps: int


@dataclass(frozen=True)
class Wires:
    """Resistance [Ω] of the wires of an array with m word lines (rows) and n bit lines (columns).

    r_row, r_col: of one segment, from one crossing to the next. A word line is driven at its left end through r_source
    and one full r_row before the first cell; a bit line ends in a virtual ground below the last cell, through one full
    r_col and r_sense. drivers = "both" drives the right end too, senses = "both" grounds the top too; other ends float.
    r_access: of the transistor in series with each cell. Raises ValueError for a negative or infinite resistance.
    """

    r_row: float
    r_col: float
    r_source: float = 0.0
    r_sense: float = 0.0
    r_access: float = 0.0
    drivers: str = "left"
    senses: str = "bottom"

    def __post_init__(self) -> None:
        for name in ("r_row", "r_col", "r_source", "r_sense", "r_access"):
            number(f"Wires.{name}", getattr(self, name), at_least=0, unit="ohm")
        choice("Wires.drivers", self.drivers, DRIVERS)
        choice("Wires.senses", self.senses, SENSES)

    def currents(self, g: ArrayLike, v: ArrayLike, *, iv: CurrentVoltage | None = None) -> Floats:
        """Return the bit-line currents (…, n) [A] of cells g (m, n) [S] under word-line voltages v (…, m) [V].

        Kirchhoff's law at all 2 m n nodes, exact to 1e-10 of each current, however far below the largest (to 1e-12 of what
        the line's cells carry, where they cancel). iv: current of a cell in place of g v, by Newton's iteration, exact to
        1e-9 of the largest. Raises ValueError for NaN, a negative conductance, or shapes that do not fit; ArithmeticError,
        naming the array, where the solver does not converge.
        """
        cells = _conductances(g)
        drive = array("v", v)
        if drive.ndim == 0 or drive.shape[-1] != len(cells):
            raise ValueError(
                f"v has shape {drive.shape}; an array of {cells.shape} needs (…, {len(cells)})"
            )
        rows = drive.reshape(-1, len(cells))
        out = np.empty((len(rows), cells.shape[1]))
        if iv is None:
            network = _Network(self, cells)
            run_each(lambda k: network.currents(rows[k], out[k]), len(rows))
        else:
            run_each(
                lambda k: np.copyto(out[k], self._newton(cells, rows[k], iv).currents), len(rows)
            )
        return out.reshape(*drive.shape[:-1], cells.shape[1])

    def node_voltages(
        self, g: ArrayLike, v: ArrayLike, *, iv: CurrentVoltage | None = None
    ) -> Nodes:
        """Return the voltages of all nodes for cells g (m, n) [S] under one vector v (m,) [V]; see `currents`."""
        cells = _conductances(g)
        drive = array("v", v, shape=(len(cells),))
        return _Network(self, cells).nodes(drive) if iv is None else self._newton(cells, drive, iv)

    def effective_conductance(self, g: ArrayLike) -> Floats:
        """Return the matrix W (m, n) [S] with which the array multiplies: currents = v @ W, for any v.

        One solve for every line of the shorter side: W_ij is the current of bit line j for one volt on word line i, and by
        reciprocity that of word line i for one volt on bit line j.
        """
        cells = _conductances(g)
        m, n = cells.shape
        w = np.empty((m, n))
        if m <= n:
            network = _Network(self, cells)
            run_each(lambda i: network.currents(_unit(m, i), w[i]), m)
        else:
            network, turned = _Network(self._turned(), _turned(cells)), np.empty((n, m))
            run_each(lambda j: network.currents(_unit(n, j), turned[j]), n)
            w[:] = turned[::-1, ::-1].T
        return w

    def noise_variance(self, g: ArrayLike, v: ArrayLike, variance: ArrayLike) -> Floats:
        """Return the variance (n,) [A²] of every bit-line current for one vector v, to first order in the cells' noise.

        variance: of every cell's conductance (m, n) [S²], independent. dI_j/dg_ik = (a − b)_ik (a' − b')_ik, with primes for
        the voltages under one volt on bit line j alone (adjoint network, Director and Rohrer 1969).
        """
        cells, spread = _conductances(g), array("variance", variance, shape=np.shape(g))
        drop = _drop(self.node_voltages(cells, v), cells, self)
        return np.array([((drop * seen) ** 2 * spread).sum() for seen in self._seen(cells)])

    def noise_transfer(self, g: ArrayLike, variance: ArrayLike) -> Floats:
        """Return Q (m, n) [S²] with Var I ≈ v² @ Q: as `noise_variance`, were a cell to see its own word line alone.

        What other word lines leave on a cell's bit line is neglected: of second order in the wires' loss where inputs have
        either sign. One product per read, m + n solves once.
        """
        cells, spread = _conductances(g), array("variance", variance, shape=np.shape(g))
        network, drop = _Network(self, cells), np.empty(cells.shape)
        m = len(cells)
        run_each(lambda i: np.copyto(drop[i], _drop(network.nodes(_unit(m, i)), cells, self)[i]), m)
        return np.stack(
            [((drop * seen) ** 2 * spread).sum(axis=1) for seen in self._seen(cells)], axis=1
        )

    def compensated(
        self, target: ArrayLike, g_min: ArrayLike, g_max: ArrayLike, *, steps: int = 10
    ) -> Floats:
        """Return cells (m, n) in [g_min, g_max] [S] whose effective conductance is `target`, as nearly as the range allows.

        Fixed-point iteration g ← g · target/W(g), kept in the range, which converges as fast as the loss is small. It ends,
        after `steps` at most, with the least root mean square of W − target: where the range does not suffice, going on
        would raise cell after cell to g_max, whose current others then lack. Never farther off than the clipped target.
        """
        wanted = _conductances(target)
        best = trial = np.clip(wanted, g_min, g_max)
        least = np.inf
        for _ in range(steps + 1):
            w = self.effective_conductance(trial)
            error = float(np.linalg.norm(w - wanted))
            if error >= least:
                break
            best, least = trial, error
            ratio = np.divide(wanted, w, out=np.ones_like(w), where=w > 0)
            trial = np.clip(trial * ratio, g_min, g_max)
        return best

    def _turned(self) -> "Wires":
        """The same wires with rows and columns, drivers and senses exchanged."""
        return Wires(
            self.r_col,
            self.r_row,
            self.r_sense,
            self.r_source,
            self.r_access,
            "both" if self.senses == "both" else "left",
            "both" if self.drivers == "both" else "bottom",
        )

    def _seen(self, cells: Floats) -> Iterator[Floats]:
        """Yield, for every bit line, the voltage across each cell (m, n) under one volt on that bit line alone."""
        network, wires, n = _Network(self._turned(), _turned(cells)), self._turned(), cells.shape[1]
        for j in range(n):
            nodes = network.nodes(_unit(n, n - 1 - j))
            yield _turned(_drop(nodes, _turned(cells), wires))

    def _newton(self, cells: Floats, v: Floats, iv: CurrentVoltage) -> Nodes:
        """Solve with the cells' own current-voltage curve: linearise, solve, linearise there, until nothing moves."""
        slope, source = iv.slope(cells, np.zeros(cells.shape)), np.zeros(cells.shape)
        nodes = _Network(self, slope).nodes(v)
        for _ in range(NEWTON_STEPS):
            # Across the cell itself: its line, I = slope V + source, in series with the access transistor.
            across = (nodes.word - nodes.bit - self.r_access * source) / (1 + self.r_access * slope)
            slope = iv.slope(cells, across)
            if not (slope >= 0).all():
                raise ArithmeticError(
                    f"the cells' current falls with the voltage in an array of {cells.shape}: no one solution"
                )
            source = iv.current(cells, across) - slope * across
            before, nodes = (
                nodes,
                _Network(self, slope).nodes(v, source / (1 + self.r_access * slope)),
            )
            nodes = nodes._replace(steps=before.steps + nodes.steps)
            scale = np.abs(nodes.currents).max(initial=1e-300)
            if np.abs(nodes.currents - before.currents).max() <= 1e-11 * scale:
                return nodes
        raise ArithmeticError(
            f"Newton's iteration on an array of {cells.shape} did not converge in {NEWTON_STEPS} steps"
        )


def _conductances(g: ArrayLike) -> Floats:
    cells = np.ascontiguousarray(array("g", g, ndim=2))
    if cells.size == 0:
        raise ValueError(
            f"g has shape {cells.shape}: an array needs at least one word line and one bit line"
        )
    if (cells < 0).any():
        raise ValueError(
            f"g holds {(cells < 0).sum()} negative conductances, the lowest {cells.min():.4g} S; give g >= 0"
        )
    return cells


def _unit(n: int, i: int) -> Floats:
    e = np.zeros(n)
    e[i] = 1.0
    return e


def _turned(cells: Floats) -> Floats:
    """Exchange word and bit lines, so that drivers' ends become the senses' and the other way round."""
    return np.ascontiguousarray(cells[::-1, ::-1].T)


def _drop(nodes: Nodes, cells: Floats, wires: Wires) -> Floats:
    """Voltage across each cell itself, without its access transistor."""
    return (nodes.word - nodes.bit) / (1 + cells * wires.r_access)


class _Network:
    """Wires and cells, factorised once for any number of inputs."""

    def __init__(self, wires: Wires, cells: Floats):
        self.g = np.ascontiguousarray(cells / (1 + cells * wires.r_access))
        m, n = self.g.shape
        first, last = wires.r_source + wires.r_row, wires.r_col + wires.r_sense
        # Without resistance a second driver or sense changes nothing.
        self.rows = (wires.r_row, first, wires.drivers == "both" and first > 0)
        self.columns = (wires.r_col, last, wires.senses == "both" and last > 0)
        self._spare: list[
            Floats
        ] = []  # memory to solve in: fresh pages cost as much as a step of the solver
        self.factors = (
            np.empty((m, n)),
            np.empty(m),
            np.empty((m, n)),
            np.empty((m, n)),
            np.empty(n),
        )
        factorise(self.g, *self.rows, *self.columns, *self.factors)

    def nodes(self, v: Floats, source: Floats = _NO_SOURCE) -> Nodes:
        """Return the nodes' voltages and the currents for drivers v (m,) and cells' own current sources (m, n)."""
        out, work = np.empty(self.g.shape[1]), np.empty((6, *self.g.shape))
        steps = self._solve(v, source, True, work, out)
        return Nodes(work[0].copy(), work[1].copy(), out, steps)

    def currents(self, v: Floats, out: Floats) -> None:
        """Write into out (n,) the currents for drivers v (m,)."""
        try:
            work = self._spare.pop()
        except IndexError:  # none made yet, or all in use by other threads
            work = np.empty((6, *self.g.shape))
        self._solve(v, _NO_SOURCE, False, work, out)
        self._spare.append(work)

    def _solve(self, v: Floats, source: Floats, voltages: bool, work: Floats, out: Floats) -> int:
        lines = (*self.factors, *self.rows, *self.columns[:2])
        steps: int = solve(self.g, v, source, *lines, TOLERANCE, MOST_STEPS, voltages, work, out)
        if steps < 0 or not np.isfinite(out).all():
            raise ArithmeticError(
                f"the wires of an array of {self.g.shape} with conductances from {self.g.min():.3g} to {self.g.max():.3g} S, "
                f"{self.rows[0]:g} and {self.columns[0]:g} ohm per segment, did not converge in {MOST_STEPS} steps"
            )
        return steps
