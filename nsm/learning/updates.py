"""The rules at work: what a layer's errors and inputs do to its cells."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays import pulse_lists
from crossbar.arrays.pulsed import PulsedArray
from crossbar.arrays.symmetric import around_symmetry
from devices.seeding import child
from nsm.learning.gradient import Singles
from nsm.learning.rules import Coincidences, LearningRule, MixedPrecision, Rounding, TikiTaka

State = dict[str, NDArray[Any]]

#: Samples over which the mean of the inputs runs.
_RUNNING = 1000


class Update(Protocol):
    """What a rule does in one layer."""

    def add(self, e: Singles, x: Singles, rate: float, radial: Singles | None) -> None:
        """Take the gradient e xᵀ of one sample, and radial_i w_ij if it is given."""
        ...

    def finish(self) -> None:
        """End a batch."""
        ...

    def arrays(self) -> dict[str, PulsedArray]:
        """Return pulsed arrays that the rule has besides those of the layer."""
        ...

    def state(self) -> State:
        """Return what the rule remembers, without its arrays."""
        ...

    def restore(self, state: State) -> None:
        """Take back what `state` returned."""
        ...


class _Plain:
    """A rule without memory."""

    def finish(self) -> None:
        """Do nothing: every sample has had its pulses."""

    def arrays(self) -> dict[str, PulsedArray]:
        """Return no arrays."""
        return {}

    def state(self) -> State:
        """Return nothing."""
        return {}

    def restore(self, state: State) -> None:
        """Take back nothing."""


class CoincidenceUpdate(_Plain):
    """`Coincidences` of one array and those that are pulsed with it."""

    def __init__(self, rule: Coincidences, targets: list[PulsedArray]):
        self._rule, self._targets = rule, targets

    def add(self, e: Singles, x: Singles, rate: float, radial: Singles | None) -> None:
        """Let streams coincide; arrays beside the first get the same pulses."""
        first, *others = self._targets
        m = first.coincide_checked(e, x, rate, self._rule.length)
        for other in others:
            other.follow(first, m)


class RoundingUpdate(_Plain):
    """`Rounding` of one array and those that are pulsed with it."""

    def __init__(self, targets: list[PulsedArray]):
        self._targets = targets

    def add(self, e: Singles, x: Singles, rate: float, radial: Singles | None) -> None:
        """Round the gradient to steps."""
        first, *others = self._targets
        step = np.float32(first.step)
        m = first.listed(pulse_lists.round_steps, e, x, np.float32(rate), step)
        for other in others:
            other.follow(first, m)


class AccumulatedUpdate(_Plain):
    """`MixedPrecision` of one array and those that are pulsed with it.

    Attributes:
        sums: χ, (outputs, inputs).
    """

    def __init__(self, rule: MixedPrecision, targets: list[PulsedArray], batch: int):
        self._targets = targets
        self._batch = batch
        self._step = np.float32(rule.step * targets[0].step)
        self._mean: Singles = np.zeros(targets[0].weights.shape[1], np.float32)
        self._centers = rule.center
        self._seen = 0
        self.sums: Singles = np.zeros(targets[0].weights.shape, np.float32)

    def add(self, e: Singles, x: Singles, rate: float, radial: Singles | None) -> None:
        """Add the gradient to χ; without batches whole steps become pulses at once."""
        eta = np.float32(rate / self._batch)
        if self._centers:
            self._seen = min(self._seen + 1, _RUNNING)
            self._mean += (x - self._mean) / np.float32(self._seen)
            x = x - self._mean
        if radial is not None:
            pulse_lists.add_rows(self.sums, self._targets[0].weights, -eta * radial)
        limit = self._step if self._batch == 1 and radial is None else np.float32(np.inf)
        first, *others = self._targets
        m = first.listed(pulse_lists.accumulate, self.sums, e, x, eta, limit)
        for other in others:
            other.follow(first, m)
        if self._batch == 1 and radial is not None:
            self.finish()

    def finish(self) -> None:
        """Turn whole steps into pulses."""
        first, *others = self._targets
        m = first.listed(pulse_lists.take_steps, self.sums, self._step)
        for other in others:
            other.follow(first, m)

    def state(self) -> State:
        """Return χ and the running mean."""
        seen = np.array([self._seen], np.int64)
        return {"sums": self.sums.copy(), "mean": self._mean.copy(), "seen": seen}

    def restore(self, state: State) -> None:
        """Take back χ and the running mean."""
        self.sums[:] = state["sums"]
        self._mean[:] = state["mean"]
        self._seen = int(state["seen"][0])


class TikiTakaUpdate(_Plain):
    """`TikiTaka` of one array and those that are pulsed with it.

    Attributes:
        fast: The array A, whose weights count from the symmetry points of its cells.
        filter: H, (outputs, inputs).
    """

    def __init__(self, rule: TikiTaka, targets: list[PulsedArray], seed: np.random.SeedSequence):
        self._rule, self._targets = rule, targets
        self.fast = around_symmetry(targets[0].tiles, rng=seed)
        self._rate = rule.lr * rule.unit(targets[0].largest)
        self.filter: Singles = np.zeros(targets[0].weights.shape, np.float32)
        self._column = 0
        self._samples = 0
        self._where = np.empty(len(self.filter), np.int64)
        self._counts = np.empty(len(self.filter), np.int32)

    def add(self, e: Singles, x: Singles, rate: float, radial: Singles | None) -> None:
        """Update A; every few samples move one column on."""
        self.fast.coincide_checked(e, x, self._rate, self._rule.length)
        self._samples += 1
        if self._samples % self._rule.every == 0:
            self._transfer(rate / self._rate)

    def _transfer(self, schedule: float) -> None:
        j = self._column
        self._column = (j + 1) % self.filter.shape[1]
        self.filter[:, j] += np.float32(self._rule.transfer * schedule) * self.fast.weights[:, j]
        first, *others = self._targets
        step = np.float32(first.step)
        n = np.trunc(self.filter[:, j] / step).astype(np.int32)
        rows = np.flatnonzero(n)
        if not rows.size:
            return
        self.filter[:, j] -= n * step
        m = first.listed(_given(rows * self.filter.shape[1] + j, n[rows]))
        for other in others:
            other.follow(first, m)

    def arrays(self) -> dict[str, PulsedArray]:
        """Return A."""
        return {"fast": self.fast}

    def state(self) -> State:
        """Return H and where the transfer stands."""
        return {
            "filter": self.filter.copy(),
            "transfer": np.array([self._column, self._samples], np.int64),
        }

    def restore(self, state: State) -> None:
        """Take back H and where the transfer stood."""
        self.filter[:] = state["filter"]
        self._column, self._samples = (int(n) for n in state["transfer"])


def _given(places: NDArray[np.intp], n: NDArray[np.int32]) -> Callable[..., int]:
    """Return a function that writes a list of pulses which is known already."""

    def write(where: NDArray[np.int64], counts: NDArray[np.int32]) -> int:
        where[: len(places)] = places
        counts[: len(places)] = n
        return len(places)

    return write


def update_of(
    rule: LearningRule,
    targets: list[PulsedArray],
    batch: int,
    seed: np.random.SeedSequence,
) -> Update:
    """Return what a rule does to arrays that are pulsed together.

    Args:
        rule: The rule.
        targets: The array whose gradient is taken, and those that get the same pulses.
        batch: Samples per batch.
        seed: Seed of what the rule draws.
    """
    if isinstance(rule, MixedPrecision):
        return AccumulatedUpdate(rule, targets, batch)
    if isinstance(rule, Coincidences):
        return CoincidenceUpdate(rule, targets)
    if isinstance(rule, TikiTaka):
        return TikiTakaUpdate(rule, targets, child(seed, 0))
    assert isinstance(rule, Rounding)
    return RoundingUpdate(targets)
