"""The base class of faults, and the model of a chip without any."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from devices.seeding import RNG, generator
from devices.validation import Floats

#: Arrays of a layer; the first one holds its weights.
ARRAYS = ("main", "deterministic_path", "bias")


class Place(NamedTuple):
    """Which cells of a layer are programmed.

    Attributes:
        array: One of `ARRAYS`; default "main".
        tile: Row and column of the tile in that array; rows of tiles divide the word lines.
        tiles: Rows and columns of tiles that the array has.
        side: "g_pos" for the positive cells of the tile (default), "g_neg" for the negative cells
            or the reference column.
        slice: Which slice of the weights the array holds, from the least significant one; None
            (default) if it holds whole weights.
    """

    array: str = ARRAYS[0]
    tile: tuple[int, int] = (0, 0)
    tiles: tuple[int, int] = (1, 1)
    side: str = "g_pos"
    slice: int | None = None


class Faults(ABC):
    """Cells that do not follow their target, and where they are stuck; drawn once per chip.

    A new model defines `apply` and begins it with `generator(rng)`. A model that differs from tile
    to tile defines `at` too; one whose stuck cells have no programming error defines `measured`.
    """

    def at(self, place: Place) -> "Faults":
        """Return the faults of the cells at one place of a chip; by default they are all alike.

        Tiles ask for them before they are programmed, and call `apply` of the result.

        Args:
            place: Array, tile and side.
        """
        return self

    def measured(self, shape: tuple[int, ...]) -> Floats | None:
        """Return where cells stay although they are programmed [S]; NaN for all others.

        These replace the programmed conductances; what `apply` returns is a target, which cells
        meet with the programming error of the device.

        Args:
            shape: Shape of the cells.

        Returns:
            Conductances of that shape, or None (default) if there are no such cells.
        """
        return None

    @abstractmethod
    def apply(self, target: Floats, g_min: float, g_max: float, *, rng: RNG) -> Floats:
        """Return the targets with the faulty cells moved to where they are stuck.

        Args:
            target: Conductances [S] that the cells are to have.
            g_min: Smallest conductance of the device [S].
            g_max: Largest conductance of the device [S].
            rng: A seed, a Generator, a SeedSequence or None; the same seed gives the same faulty
                cells.

        Returns:
            Conductances [S] of target's shape.
        """


@dataclass(frozen=True)
class NoFaults(Faults):
    """Every cell follows its target."""

    def apply(self, target: Floats, g_min: float, g_max: float, *, rng: RNG) -> Floats:
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        return target
