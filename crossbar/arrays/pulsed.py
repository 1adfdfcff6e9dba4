"""An array whose cells answer pulses: weights that learn without being programmed anew."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.arrays.coincidences import LONGEST_STREAM as LONGEST_STREAM
from crossbar.arrays.coincidences import BitStreams
from crossbar.arrays.pulse_checks import checked_vector
from crossbar.arrays.pulsed_weights import PulsedWeights
from crossbar.arrays.tile_grid import TileGrid
from devices.pulses.flat import Singles
from devices.seeding import RNG, seed_sequence
from devices.validation import integer, number


class PulsedArray(PulsedWeights):
    """The cells of an array as states of their pulse response, in one flat copy.

    Weights are w = scale (u⁺ − u⁻), (outputs, inputs), with the fraction u of the range of the
    device's pulse response and the common-mode gain in the scale. A reference column keeps its
    conductances, and only the positive cells are pulsed. `commit` brings the states into the tiles.

    What differs between devices (steps, bounds, corrupt cells) is drawn once per chip, from the
    seed of each tile; cycle-to-cycle noise and write noise on every pulse, from `rng`. Stuck cells
    stay where they are. An array that has aged learns from the conductances of today; when it is
    committed, the drift of all its cells begins anew, and its gain stays.

    `CellWeights` and `PulsedWeights`, on which it builds, list more of what it has.

    Args:
        tiles: The array.
        rng: Seed, Generator or None: noise of pulses and random bits.
        pair: "both" (default): a pair is pulsed in opposite directions. "up": only potentiating
            pulses, on the cell of the wanted sign; `refresh` then frees pairs that are full.

    Attributes:
        weights: Weights now, (outputs, inputs), float32.
        squares: Σ_j w_ij² of every output.
        scale: Weight of a fraction of one.
        step: Mean change of a weight by one count, over the range of the typical device.

    Raises:
        ValueError: The device has no pulse response that compiled loops know, or the hardware puts
            something between cells and weights that pulses cannot follow.
    """

    def __init__(self, tiles: TileGrid, *, rng: RNG, pair: str = "both"):
        seed = seed_sequence(rng)
        super().__init__(tiles, seed, pair)
        self._streams = BitStreams((tiles.outputs, tiles.inputs), seed)

    def coincide(
        self,
        e: ArrayLike,
        x: ArrayLike,
        *,
        rate: float,
        length: int = 31,
    ) -> int:
        """Change the weights by −rate e xᵀ on average, with coincidences of random bits.

        Rows and columns send streams of `length` bits, which are 1 with the probabilities
        c_e |e_i| and c_x |x_j|; a weight gets a pulse for every slot in which both are 1 (Gokmen &
        Vlasov 2016, doi:10.3389/fnins.2016.00333). c_e c_x = rate/(length · step), and their ratio
        makes the largest probabilities equal (update management of Gokmen, Onen & Haensch 2017,
        doi:10.3389/fnins.2017.00538). Probabilities above 1 count as 1: the update is then smaller.

        Args:
            e: Errors of the outputs, (outputs,).
            x: Inputs, (inputs,).
            rate: Learning rate η; the expected change holds where cells have their mean step.
            length: Bits of a stream, 1 to 64.

        Returns:
            The number of weights that got pulses.

        Raises:
            ValueError: A shape, the rate or the length is wrong.
        """
        errors = checked_vector("e", e, self.weights.shape[0])
        inputs = checked_vector("x", x, self.weights.shape[1])
        number("rate", rate, above=0)
        whole = integer("length", length, at_least=1)
        number("length", whole, at_least=1, at_most=LONGEST_STREAM)
        return self.coincide_checked(errors, inputs, rate, length)

    def coincide_checked(self, e: Singles, x: Singles, rate: float, length: int) -> int:
        """Do what `coincide` does, with arrays that were checked."""
        product = rate / (length * self.step)
        return self.listed(self._streams.list_pulses, e, x, product, length)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that pulses have changed, as named arrays; `restore` takes them back."""
        drawn = [self._streams.updates, self._normals.used, self._has_changed]
        found: dict[str, NDArray[Any]] = {
            "drawn": np.array(drawn, np.int64),
            # Sums of squares carry their rounding errors from update to update.
            "squares": self.squares.copy(),
        }
        for name, side in zip(("plus", "minus"), self.sides, strict=False):
            found |= {f"{name}.{part}": values for part, values in side.state().items()}
        return found

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Take back what `state` returned; further pulses are then the same bit for bit."""
        self._streams.updates, self._normals.used, changed = (int(n) for n in state["drawn"])
        self._has_changed = bool(changed)
        for name, side in zip(("plus", "minus"), self.sides, strict=False):
            side.restore({part: state[f"{name}.{part}"] for part in side.state()})
        self._recompute()
        self.squares[:] = state["squares"]
