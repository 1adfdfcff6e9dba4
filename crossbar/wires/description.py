"""The description of the wires of an array, and the types in which their solution is given."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from crossbar.wires.segments import Resistance, checked
from devices.validation import Floats, choice, number

DRIVERS = ("left", "right", "both")
SENSES = ("bottom", "top", "both")


class IVCurve(Protocol):
    """Current-voltage curve of a cell, as functions of its conductance and its voltage."""

    def current(self, g: Floats, v: Floats) -> Floats:
        """Return the current [A] of cells at g [S] under v [V]."""
        ...

    def slope(self, g: Floats, v: Floats) -> Floats:
        """Return the derivative dI/dV [S] of cells at g [S] under v [V]."""
        ...


class Nodes(NamedTuple):
    """Solution of the circuit of an array with m word lines and n bit lines.

    Attributes:
        word: Voltage of the word line at every crossing, (m, n) [V].
        bit: Voltage of the bit line at every crossing, (m, n) [V].
        currents: Current that leaves each bit line, (n,) [A].
        steps: Steps of conjugate gradients that the solver took.
    """

    word: Floats
    bit: Floats
    currents: Floats
    steps: int


@dataclass(frozen=True)
class Wires:
    """Resistance [Ω] of the wires of an array with m word lines (rows) and n bit lines (columns).

    A word line is driven at its left end, through `r_source` and one full `r_row` before the first
    cell. A bit line ends in a virtual ground below the last cell, behind one full `r_col` and
    `r_sense`. The other ends float, unless `drivers` or `senses` connects them.

    Segments may have resistances of their own. `r_row` is then an array in which row i lists the
    segments of word line i from left to right, and `r_col` one in which column j lists those of bit
    line j from top to bottom; the segment to a driver or a sense is one of them. A line has as many
    segments as crossings, one more if both its ends are connected. Arrays broadcast: (1, n) is the
    same for all lines of a tile with n bit lines, (m, 1) one resistance for each word line.

    Attributes:
        r_row: Resistance of a word-line segment, from one crossing to the next [Ω], a number or an
            array (m, n), which is kept as nested tuples.
        r_col: Resistance of a bit-line segment [Ω], a number or an array (m, n).
        r_source: Resistance of a driver [Ω], default 0.
        r_sense: Resistance of a sense amplifier's input [Ω], default 0.
        r_access: Resistance of the access transistor in series with each cell [Ω], default 0.
        drivers: Which ends of the word lines are driven: "left" (default), "right" or "both".
        senses: Which ends of the bit lines are grounded: "bottom" (default), "top" or "both".

    Raises:
        ValueError: A resistance is negative or infinite, or `drivers` or `senses` is unknown.
    """

    r_row: Resistance
    r_col: Resistance
    r_source: float = 0.0
    r_sense: float = 0.0
    r_access: float = 0.0
    drivers: str = "left"
    senses: str = "bottom"

    # The methods import the solver when they are called: it loads numba and compiles loops, and a
    # description that only names resistances should cost neither.

    def __post_init__(self) -> None:
        for name in ("r_row", "r_col", "r_source", "r_sense", "r_access"):
            value = getattr(self, name)
            if name in ("r_row", "r_col") and isinstance(value, (list, tuple, np.ndarray)):
                object.__setattr__(self, name, checked(f"Wires.{name}", value))
            else:
                number(f"Wires.{name}", value, at_least=0, unit="ohm")
        choice("Wires.drivers", self.drivers, DRIVERS)
        choice("Wires.senses", self.senses, SENSES)

    def currents(self, g: ArrayLike, v: ArrayLike, *, iv: IVCurve | None = None) -> Floats:
        """Return the bit-line currents (…, n) [A] by Kirchhoff's law at all 2 m n nodes.

        Each current is exact to 1e-10 of itself, however far it lies below the largest one; where
        the currents of a line's cells cancel, to 1e-12 of what these cells carry.

        Args:
            g: Conductances of the cells, (m, n) [S].
            v: Word-line voltages, (…, m) [V].
            iv: Current-voltage curve of the cells; None (default) for ohmic cells, I = g v. With a
                curve, Newton's iteration gives currents exact to 1e-9 of the largest.

        Raises:
            ValueError: NaN, a negative conductance, or shapes that do not fit; or, where segments
                differ, no resistance at all between a driver or a sense and the first crossing.
            ArithmeticError: The solver did not converge; the message names the array.
        """
        from crossbar.wires import solver

        return solver.currents(self, g, v, iv)

    def node_voltages(self, g: ArrayLike, v: ArrayLike, *, iv: IVCurve | None = None) -> Nodes:
        """Return the voltages of all nodes.

        Args:
            g: Conductances of the cells, (m, n) [S].
            v: Word-line voltages, one vector (m,) [V].
            iv: Current-voltage curve of the cells; None (default) for ohmic cells.

        Raises:
            ValueError: As for `currents`.
            ArithmeticError: As for `currents`.
        """
        from crossbar.wires import solver

        return solver.node_voltages(self, g, v, iv)

    def effective_conductance(self, g: ArrayLike) -> Floats:
        """Return the matrix W (m, n) [S] by which the array multiplies: currents = v @ W for any v.

        The circuit is solved once for every line of the shorter side: W_ij is the current of bit
        line j for one volt on word line i and, by reciprocity, the current of word line i for one
        volt on bit line j.

        Args:
            g: Conductances of the cells, (m, n) [S].
        """
        from crossbar.wires import solver

        return solver.effective_conductance(self, g)

    def noise_variance(self, g: ArrayLike, v: ArrayLike, variance: ArrayLike) -> Floats:
        """Return the variance (n,) [A²] of each bit-line current, to first order in the noise.

        dI_j/dg_ik = (a − b)_ik (a' − b')_ik, where a and b are the voltages of word and bit lines
        under v, and a' and b' those under one volt on bit line j alone (adjoint network; Director
        and Rohrer 1969).

        Args:
            g: Conductances of the cells, (m, n) [S].
            v: Word-line voltages, one vector (m,) [V].
            variance: Variance of every cell's conductance, (m, n) [S²]; cells are independent.
        """
        from crossbar.wires import solver

        return solver.noise_variance(self, g, v, variance)

    def noise_transfer(self, g: ArrayLike, variance: ArrayLike) -> Floats:
        """Return Q (m, n) [S²] with Var I ≈ v² @ Q, an approximation of `noise_variance` for any v.

        The voltage across a cell is taken from its own word line alone. The voltage that other word
        lines leave on the cell's bit line is neglected; it is of second order in the IR drop where
        inputs have either sign. After m + n solves, each read costs one product.

        Args:
            g: Conductances of the cells, (m, n) [S].
            variance: Variance of every cell's conductance, (m, n) [S²]; cells are independent.
        """
        from crossbar.wires import solver

        return solver.noise_transfer(self, g, variance)

    def compensated(
        self, target: ArrayLike, g_min: ArrayLike, g_max: ArrayLike, *, steps: int = 10
    ) -> Floats:
        """Return conductances (m, n) [S] whose effective values, after IR drop, approach `target`.

        Fixed-point iteration g ← g · target / W(g), clipped to the range; the smaller the IR drop,
        the faster it converges. The result is the iterate with the smallest root mean square of W −
        target, so it is never farther from the target than the clipped target itself.

        Args:
            target: Wanted effective conductances, (m, n) [S].
            g_min: Smallest conductance of the cells [S], a number or an array (m, n).
            g_max: Largest conductance of the cells [S], a number or an array (m, n).
            steps: Largest number of iterations, default 10.
        """
        from crossbar.wires import solver

        return solver.compensated(self, target, g_min, g_max, steps)
