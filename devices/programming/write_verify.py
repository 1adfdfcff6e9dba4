"""Write-verify: a cell is pulsed and read until the read lies within a tolerance of its target, or pulses run out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, gammainc

from devices.programming.error import WriteModel
from devices.pulses.base import PulseResponse
from devices.validation import Floats, integer, number

# First conductances, what another pulse makes of cells that are off by so much, and the pulses that the first ones took.
_Start = tuple[Floats, Callable[[NDArray[np.intp], Floats], Floats], int]
_TABLE = (
    500,
    33,
)  # cells and targets behind `sigma` of incremental pulses: its standard error is 3 %


class Verified(NamedTuple):
    """Conductances [S], the pulses each cell took, and whether its last read lay within the tolerance."""

    g: Floats
    pulses: NDArray[np.int64]
    converged: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class WriteVerify(WriteModel):
    """Pulse, read, stop where |read − target| < tolerance [S], or after `max_pulses`; a read errs by N(0, read_sigma²) [S].

    pulse: a WriteModel, whose every pulse redraws the conductance; or a PulseResponse, whose pulses move it up or down by
    one, from g_min of a new cell on. Cells that do not converge stay where their last pulse left them.

    Redrawn with deviation s, S² = s² + read_sigma², u = tolerance/S: a pulse is accepted with probability P = 2Φ(u) − 1, so
    pulses are geometric, and the accepted g keeps Var = s⁴/S² (1 − 2uφ(u)/P) + s² read_sigma²/S²: the floor set by the read
    noise, since the read that passed is not the conductance. Drawn once per chip: all of it. Raises ValueError for a
    tolerance ≤ 0, a negative read_sigma, max_pulses < 1, or a pulse that is of neither kind.
    """

    pulse: WriteModel | PulseResponse
    tolerance: float
    read_sigma: float = 0.0
    max_pulses: int = 100

    def __post_init__(self) -> None:
        number("WriteVerify.tolerance", self.tolerance, above=0, unit="S")
        number("WriteVerify.read_sigma", self.read_sigma, at_least=0, unit="S")
        integer("WriteVerify.max_pulses", self.max_pulses, at_least=1)
        if not isinstance(self.pulse, (WriteModel, PulseResponse)):
            raise ValueError(
                f"WriteVerify.pulse = {self.pulse!r} is not a WriteModel or a PulseResponse"
            )

    def sigma(self, target: Floats) -> Floats:
        """Return the standard deviation [S] around the target, cells that did not converge included.

        Redrawn: in closed form, for normal pulses. Incremental: root mean square of 500 cells simulated with a fixed seed
        at each of 33 targets, linear between (3 %).
        """
        if isinstance(self.pulse, PulseResponse):
            return np.interp(np.asarray(target, dtype=np.float64), *self._simulated)
        s2, r2 = self.pulse.sigma(target) ** 2, self.read_sigma**2
        total = np.maximum(
            s2 + r2, 1e-300
        )  # a pulse without error, read without noise, is accepted at once
        u = self.tolerance / np.sqrt(total)
        accepted = erf(u / np.sqrt(2))
        cut = (
            gammainc(1.5, u**2 / 2) / accepted
        )  # 1 − 2uφ(u)/P, without its cancellation at a small u
        within = s2 * (s2 * cut + r2) / total
        missed = (1 - accepted) ** (self.max_pulses - 1)
        # The last pulse of a cell that runs out of them is one that was not accepted: s² = P within + (1 − P) without.
        return np.asarray(np.sqrt((1 - missed) * within + missed * s2))

    def program(self, target: Floats, *, rng: np.random.Generator) -> Floats:
        return self.program_counted(target, rng=rng).g

    def program_counted(self, target: Floats, *, rng: np.random.Generator) -> Verified:
        """Return conductances [S] of new cells programmed to `target` [S], the pulses each took, and whether it converged."""
        target = np.asarray(target, dtype=np.float64)
        aim = target.ravel()
        g, again, first = (
            self._redrawn(aim, rng) if isinstance(self.pulse, WriteModel) else self._moved(aim, rng)
        )
        pulses, still = np.full(aim.shape, first), np.arange(aim.size)
        for spent in range(first, self.max_pulses + 1):
            off = aim[still] - g[still] - self.read_sigma * rng.standard_normal(still.size)
            missed = np.abs(off) >= self.tolerance
            still, off = still[missed], off[missed]
            if not still.size or spent == self.max_pulses:
                break
            g[still] = again(still, off)
            pulses[still] += 1
        converged = np.ones(aim.shape, dtype=np.bool_)
        converged[still] = False
        shape = target.shape
        return Verified(g.reshape(shape), pulses.reshape(shape), converged.reshape(shape))

    def _redrawn(self, aim: Floats, rng: np.random.Generator) -> _Start:
        assert isinstance(self.pulse, WriteModel)
        pulse = self.pulse
        return pulse.program(aim, rng=rng), lambda cells, off: pulse.program(aim[cells], rng=rng), 1

    def _moved(self, aim: Floats, rng: np.random.Generator) -> _Start:
        assert isinstance(self.pulse, PulseResponse)
        pulse, own = self.pulse, self.pulse.init(aim.shape, rng=rng)
        g = pulse.respond(
            pulse.g_min, 0, own, rng=rng
        )  # a cell whose range begins higher starts there

        def again(cells: NDArray[np.intp], off: Floats) -> Floats:
            direction = np.where(off > 0, 1, -1)
            g[cells] = pulse.respond(g[cells], direction, own[cells], rng=rng)
            return pulse.apparent(g[cells], rng=rng)

        return pulse.apparent(g, rng=rng), again, 0

    @cached_property
    def _simulated(self) -> tuple[Floats, Floats]:
        assert isinstance(self.pulse, PulseResponse)
        cells, targets = _TABLE
        grid = np.linspace(self.pulse.g_min, self.pulse.g_max, targets)
        g = self.program(np.tile(grid, (cells, 1)), rng=np.random.default_rng(0))
        return grid, np.sqrt(np.mean((g - grid) ** 2, axis=0))
