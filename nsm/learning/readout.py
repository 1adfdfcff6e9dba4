"""What the read-out of a layer does with its sums, as numbers of each output."""

from dataclasses import dataclass

import numpy as np

from nsm.chips.layers.readouts import Comparators, LogisticThreshold
from nsm.chips.layers.tile_layer import TileLayer
from nsm.learning.gradient import Singles


@dataclass(frozen=True, eq=False)
class ReadoutNumbers:
    """The read-out of a layer, (outputs,) each.

    Sigmoid neurons compare sums in the units of their logistic noise; offsets and noise of
    comparators are in these units there, and in weight units of the array elsewhere.

    Attributes:
        factors: Weights of the array over those of the network: sums are divided by them. They are
            the scale of each row, the factor of a compensated layer, and the gain of a tuned one.
        shift: What a tuned chip adds to its outputs, in the network's units.
        offsets: Offsets of the comparators; 0 without any.
        noise: Standard deviation of their noise; 0 without any.
    """

    factors: Singles
    shift: Singles
    offsets: Singles
    noise: Singles

    @property
    def has_noise(self) -> bool:
        """Whether comparators have noise of their own."""
        return bool(self.noise.any())

    @property
    def is_scaled(self) -> bool:
        """Whether weights of the array are those of the network times factors."""
        return bool((self.factors != 1).any())


def readout_numbers(tiles: TileLayer) -> ReadoutNumbers:
    """Return what the read-out of a layer on the chip does with its sums."""
    one = np.ones(tiles.neurons.outputs)
    readout = tiles.readout
    scale = getattr(readout, "scale", 1.0)
    gain, shift = getattr(readout, "gain", 1.0), getattr(readout, "shift", 0.0)
    offsets, noise, unit = 0.0 * one, 0.0, tiles.amperes_per_weight * one
    comparators = readout
    if isinstance(readout, LogisticThreshold):
        comparators, unit = readout.comparators, unit / scale
    if isinstance(comparators, Comparators):
        offsets, noise = comparators.offsets, comparators.comparator.noise
    return ReadoutNumbers(
        factors=np.asarray(tiles.row_factors / (scale * gain) * one, np.float32),
        shift=np.asarray(shift * one, np.float32),
        offsets=np.asarray(offsets / unit, np.float32),
        noise=np.asarray(noise / unit, np.float32),
    )
