"""Write-verify: a cell is pulsed and read until the read is close enough to the target."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.programming.base import NormalError, WriteModel
from devices.programming.redrawn import redrawn_moments
from devices.programming.simulated import SimulatedError, simulated_error
from devices.pulses.base import PulseResponse
from devices.seeding import RNG, generator
from devices.validation import LARGEST_ERROR, Floats, integer, number, shortened


class Verified(NamedTuple):
    """The result of write-verify, each field of the targets' shape.

    Attributes:
        g: Conductances [S].
        pulses: Number of pulses that each cell took.
        converged: Whether the last read of the cell lay within the tolerance.
    """

    g: Floats
    pulses: NDArray[np.int64]
    converged: NDArray[np.bool_]


class _Start(NamedTuple):
    """How a write-verify cycle begins and continues.

    Attributes:
        g: Conductances [S] at the first read.
        pulses: Number of pulses before the first read.
        pulse_again: Returns the conductances of the cells with the given indices after one more
            pulse, from how far [S] their reads were below the target.
    """

    g: Floats
    pulses: int
    pulse_again: Callable[[NDArray[np.intp], Floats], Floats]


@dataclass(frozen=True, kw_only=True)
class WriteVerify(WriteModel):
    """Cells are pulsed and read until |read − target| < tolerance, or until `max_pulses` are spent.

    Every read has an error N(0, read_sigma²). Cells that do not converge stay where their last
    pulse left them. Everything is drawn once per chip.

    If every pulse redraws the conductance with standard deviation s, let S² = s² + read_sigma² and
    u = tolerance/S. A pulse is accepted with probability P = 2Φ(u) − 1, so the number of pulses is
    geometric. The accepted conductance has the variance s⁴/S² (1 − 2uφ(u)/P) + s² read_sigma²/S².
    It does not vanish with the tolerance, because the read that passed the test differs from the
    conductance by the read noise. `sigma` and `bias` also hold for pulses with a mean error.

    Attributes:
        pulse: A `WriteModel`, each of whose pulses redraws the conductance; or a `PulseResponse`,
            whose pulses move it up or down by one step, beginning at g_min.
        tolerance: Largest accepted distance between read and target [S].
        read_sigma: Standard deviation of a verifying read [S]; default 0.
        max_pulses: Largest number of pulses per cell; default 100.

    Raises:
        ValueError: If tolerance ≤ 0, read_sigma < 0, max_pulses < 1, or pulse is of another type.
    """

    pulse: WriteModel | PulseResponse
    tolerance: float
    read_sigma: float = 0.0
    max_pulses: int = 100

    def __post_init__(self) -> None:
        number("WriteVerify.tolerance", self.tolerance, above=0, plausible=LARGEST_ERROR, unit="S")
        number(
            "WriteVerify.read_sigma", self.read_sigma, at_least=0, plausible=LARGEST_ERROR, unit="S"
        )
        integer("WriteVerify.max_pulses", self.max_pulses, at_least=1)
        if not isinstance(self.pulse, (WriteModel, PulseResponse)):
            raise ValueError(
                f"WriteVerify.pulse = {shortened(self.pulse)} is not a WriteModel or a "
                "PulseResponse"
            )

    @property
    def has_own_range(self) -> bool:
        return isinstance(self.pulse, PulseResponse) or self.pulse.has_own_range

    def sigma(self, target: Floats) -> Floats:
        """Return the root mean square error [S] around the target, cells that failed included.

        For redrawing pulses this is a closed form, which assumes that their error is normal. For
        incremental pulses it is the root mean square error of 500 cells, simulated with a fixed
        seed at each of 33 targets, where its standard error is 3 %, and interpolated linearly.
        """
        if isinstance(self.pulse, PulseResponse):
            found = self._simulated
            return np.interp(np.asarray(target, dtype=np.float64), found.targets, found.rms)
        return np.asarray(np.sqrt(self._redrawn(target)[1]))

    def bias(self, target: Floats) -> Floats:
        """Return the mean error [S], simulated or in closed form as in `sigma`."""
        if not isinstance(self.pulse, PulseResponse):
            return self._redrawn(target)[0]
        found = self._simulated
        return np.interp(np.asarray(target, dtype=np.float64), found.targets, found.mean)

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        return self.program_counted(target, rng=rng).g

    def program_counted(self, target: Floats, *, rng: RNG) -> Verified:
        """Program new cells and count their pulses.

        Args:
            target: Wanted conductances [S].
            rng: A seed, a Generator, a SeedSequence or None.

        Returns:
            Conductances [S], pulses and convergence of each cell.
        """
        random = generator(rng)
        target = np.asarray(target, dtype=np.float64)
        aim = target.ravel()
        redrawn = isinstance(self.pulse, WriteModel)
        start = self._start_redrawn(aim, random) if redrawn else self._start_moved(aim, random)
        g = start.g
        pulses = np.full(aim.shape, start.pulses)
        still = np.arange(aim.size)  # cells that have not converged yet
        for spent in range(start.pulses, self.max_pulses + 1):
            off = aim[still] - g[still] - self.read_sigma * random.standard_normal(still.size)
            missed = np.abs(off) >= self.tolerance
            still, off = still[missed], off[missed]
            if not still.size or spent == self.max_pulses:
                break
            g[still] = start.pulse_again(still, off)
            pulses[still] += 1
        converged = np.ones(aim.shape, dtype=np.bool_)
        converged[still] = False
        shape = target.shape
        return Verified(g.reshape(shape), pulses.reshape(shape), converged.reshape(shape))

    def _start_redrawn(self, aim: Floats, random: np.random.Generator) -> _Start:
        """Return the start for redrawing pulses: one pulse comes before the first read."""
        pulse = self.pulse
        assert isinstance(pulse, WriteModel)
        return _Start(
            g=pulse.program(aim, rng=random),
            pulses=1,
            pulse_again=lambda cells, off: pulse.program(aim[cells], rng=random),
        )

    def _start_moved(self, aim: Floats, random: np.random.Generator) -> _Start:
        """Return the start for incremental pulses: cells at g_min are read first."""
        pulse = self.pulse
        assert isinstance(pulse, PulseResponse)
        cells = pulse.init(aim.shape, rng=random)
        # Zero pulses move nothing, but a cell whose own range begins above g_min starts there.
        g = pulse.respond(pulse.g_min, 0, cells, rng=random)

        def pulse_again(still: NDArray[np.intp], off: Floats) -> Floats:
            direction = np.where(off > 0, 1, -1)
            g[still] = pulse.respond(g[still], direction, cells[still], rng=random)
            return pulse.with_write_noise(g[still], rng=random)

        return _Start(pulse.with_write_noise(g, rng=random), 0, pulse_again)

    def _redrawn(self, target: Floats) -> tuple[Floats, Floats]:
        """Return mean error [S] and mean square error [S²] of redrawing pulses."""
        assert isinstance(self.pulse, WriteModel)
        if isinstance(self.pulse, NormalError):
            mean, std = self.pulse.law(target)
            variance = std**2
        else:
            mean = self.pulse.bias(target)
            variance = np.maximum(self.pulse.sigma(target) ** 2 - mean**2, 0)
        return redrawn_moments(mean, variance, self.tolerance, self.read_sigma, self.max_pulses)

    @cached_property
    def _simulated(self) -> SimulatedError:
        assert isinstance(self.pulse, PulseResponse)
        return simulated_error(self, self.pulse.g_min, self.pulse.g_max)
