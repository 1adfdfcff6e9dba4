"""The base class of pulse responses."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.pulses.flat import FlatCells
from devices.seeding import RNG, generator
from devices.validation import Floats, integer, number

#: One numpy record per cell, with the parameters that differ from device to device.
PulsedCells = NDArray[np.void]
Counts = NDArray[np.intp]
#: Boxes of `PulseCounts`, and values around a box above which a search is faster.
_BOXES = 1024
_MOST_AROUND = 3
UP = 1
DOWN = -1


class PulseCounts:
    """After how many pulses cells on a curve are nearest to their targets.

    What depends on the curve alone is worked out once, for all arrays of cells.

    Args:
        curve: Conductances [S] after 0, 1, … pulses, rising or falling.
    """

    def __init__(self, curve: Floats):
        self._middles = (curve[1:] + curve[:-1]) / 2
        self._falls = bool(curve[-1] < curve[0])

    def to(self, target: ArrayLike) -> Counts:
        """Return the number of pulses for each target.

        Where pulses no longer change a cell, or two numbers are equally near, it gets the fewer.

        Args:
            target: Wanted conductances [S].
        """
        most = len(self._middles)
        if self._falls:
            return np.asarray(most - np.searchsorted(self._middles[::-1], target, side="right"))
        targets = np.asarray(target)
        boxes = self._boxes if targets.size >= _BOXES else None
        if boxes is None:
            count = np.asarray(np.searchsorted(self._different, targets))
        else:
            count = boxes.below(targets)
        if len(self._different) < most:
            count[count == len(self._different)] = most
        return count

    @cached_property
    def _different(self) -> Floats:
        """Middles of neighboring conductances, without repetitions at the end of the curve.

        Where pulses no longer change a cell, no target lies between two of them.
        """
        middles = self._middles
        return middles[: np.searchsorted(middles, middles[-1]) + 1] if len(middles) else middles

    @cached_property
    def _boxes(self) -> "_Boxes | None":
        return _Boxes.of(self._different)


def pulses_to(curve: Floats, target: ArrayLike) -> Counts:
    """Return after how many pulses cells on a curve are nearest to their targets.

    Args:
        curve: Conductances [S] after 0, 1, … pulses, rising or falling.
        target: Wanted conductances [S].
    """
    return PulseCounts(curve).to(target)


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Rising values in narrow boxes, so that many numbers find their place without a search.

    Processors guess the outcomes of a search wrongly; here they have none to guess. A number is put
    into one of many boxes, to a box exactly, and compared with the few values around.

    Attributes:
        first: The lowest value.
        per_box: Reciprocal width of a box.
        counts: Number of values below each box and those before it.
        after: The values, and infinity.
        around: Number of values that a number is compared with.
    """

    first: float
    per_box: float
    counts: Counts
    after: Floats
    around: int

    @classmethod
    def of(cls, values: Floats) -> "_Boxes | None":
        """Return the boxes of rising values; None where a search is faster."""
        if not (len(values) and values[0] < values[-1]):
            return None
        edges = np.linspace(values[0], values[-1], _BOXES + 1)
        below = np.append(np.searchsorted(values, edges), [len(values)] * 2)
        around = int((below[3:] - below[:-3]).max())
        if around > _MOST_AROUND:
            return None
        per_box = _BOXES / (values[-1] - values[0])
        return cls(values[0], per_box, below, np.append(values, np.inf), around)

    def below(self, numbers: Floats) -> Counts:
        """Return `np.searchsorted(values, numbers)`."""
        place = numbers - self.first
        place *= self.per_box
        box = np.clip(place, 1, _BOXES, out=place).astype(np.intp)
        box -= 1
        count: Counts = self.counts[box]
        for _ in range(self.around):
            count += numbers > self.after[count]
        return count


# An abstract class with fields, against the rule of the house: its seven subclasses would repeat
# them.
@dataclass(frozen=True, kw_only=True)
class PulseResponse(ABC):
    """How the conductance of a cell answers potentiating (up) and depressing (down) pulses.

    Conductances go in and come out in siemens; inside, a state is the fraction u of the way from
    g_min to g_max. What differs between devices is drawn once per chip (`init`), cycle-to-cycle
    noise on every pulse. A new model defines `init` and `pulsed`; where cells have bounds other
    than g_min and g_max also `bounds`; where reads differ from the state also `with_write_noise`;
    and `flat`, so that arrays of its cells can learn on the chip.

    Attributes:
        g_min: Smallest conductance [S].
        g_max: Largest conductance [S].
        c2c: Cycle-to-cycle noise of a pulse, in units that the model defines; default 0.
        random_fields: Names of the fields that describe noise or spread (class variable).

    Raises:
        ValueError: If g_min < 0, g_min ≥ g_max or c2c < 0.
    """

    g_min: float
    g_max: float
    c2c: float = 0.0
    random_fields: ClassVar[tuple[str, ...]] = ("c2c",)

    def __post_init__(self) -> None:
        self._check("g_min", at_least=0, unit="S")
        self._check("g_max", above=self.g_min, unit="S")
        for name in self.random_fields:
            self._check(name, at_least=0)

    def _check(self, name: str, unit: str = "", **limits: float) -> None:
        """Check the field `name` with `devices.validation.number`."""
        number(f"{type(self).__name__}.{name}", getattr(self, name), unit=unit, **limits)

    @abstractmethod
    def init(self, shape: tuple[int, ...], *, rng: RNG) -> PulsedCells:
        """Return new cells of the given shape, whose differences are drawn here, once per chip."""

    @abstractmethod
    def pulsed(
        self,
        u: Floats,
        n: Counts,
        cells: PulsedCells,
        direction: int,
        random: np.random.Generator,
    ) -> Floats:
        """Return the states after pulses in one direction.

        Args:
            u: States before, as fractions of the range, of shape (cells,).
            n: Number of pulses of each cell, at least 1.
            cells: The cells' own parameters, from `init`.
            direction: `UP` (1) or `DOWN` (−1).
            random: The Generator to draw from.

        Returns:
            States after the pulses; `respond` clips them to `bounds`.
        """

    def bounds(self, cells: PulsedCells) -> tuple[ArrayLike, ArrayLike]:
        """Return the lowest and the highest state of each cell, as fractions of the range."""
        return 0.0, 1.0

    def flat(self, cells: PulsedCells) -> FlatCells | None:
        """Return the cells as compiled loops pulse them; None (default) for laws without a loop.

        Args:
            cells: The cells' own parameters, from `init`, of any shape.
        """
        return None

    def respond(self, g: ArrayLike, n: ArrayLike, cells: PulsedCells, *, rng: RNG) -> Floats:
        """Return the conductances of cells after pulses.

        Args:
            g: Conductances before [S], of the cells' shape or one for all cells.
            n: Whole number of pulses of each cell, or one for all; negative numbers are depression.
            cells: The cells' own parameters, from `init`.
            rng: A seed, a Generator, a SeedSequence or None.

        Returns:
            Conductances [S] of the cells' shape.

        Raises:
            ValueError: If n does not hold whole numbers.
        """
        random = generator(rng)
        counts = np.asarray(n)
        if counts.dtype.kind not in "iu":
            raise ValueError(
                f"n has the type {counts.dtype}; give whole numbers of pulses, "
                "negative for depression"
            )
        flat = cells.ravel()
        counts = np.broadcast_to(counts.astype(np.intp), cells.shape).ravel()
        fraction = (np.asarray(g, dtype=np.float64) - self.g_min) / self._range
        u = np.broadcast_to(fraction, cells.shape).flatten()
        for direction in (UP, DOWN):
            moved = np.flatnonzero(direction * counts > 0)
            if moved.size:
                n_moved = np.abs(counts[moved])
                u[moved] = self.pulsed(u[moved], n_moved, flat[moved], direction, random)
        low, high = self.bounds(flat)
        return np.asarray(self.g_min + self._range * np.clip(u, low, high).reshape(cells.shape))

    def with_write_noise(self, g: Floats, *, rng: RNG) -> Floats:
        """Return the conductances [S] as they are read after the last pulse.

        They equal the states g [S], unless a model adds write noise around them.
        """
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        return np.array(g, dtype=np.float64)

    def typical(self) -> Self:
        """Return the same response without noise and without differences between devices."""
        return replace(self, **dict.fromkeys(self.random_fields, 0.0))

    def curve(self, n: int) -> tuple[Floats, Floats]:
        """Return the pulse curves of the typical device without noise.

        If steps depend linearly on the state, noise does not change these mean curves.

        Args:
            n: Number of pulses, at least 0.

        Returns:
            Conductances [S] after 0…n potentiating pulses from g_min, and after 0…n depressing
                pulses
            from g_max, n + 1 values each.
        """
        pulses = np.arange(integer("n", n, at_least=0) + 1)
        typical = self.typical()
        # Models draw from it, but without spread nothing depends on it.
        random = np.random.default_rng(0)
        cells = typical.init(pulses.shape, rng=random)
        down = typical.respond(self.g_max, DOWN * pulses, cells, rng=random)
        return typical.respond(self.g_min, UP * pulses, cells, rng=random), down

    @property
    def _range(self) -> float:
        """Width g_max − g_min of the range [S]."""
        return self.g_max - self.g_min
