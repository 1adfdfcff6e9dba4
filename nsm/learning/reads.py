"""A layer that learns, as it is read: one sample after the other, in single precision."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays.pulsed import PulsedArray
from crossbar.reads.pair_moments import gate_moments
from nsm.chips.layers.tile_layer import TileLayer
from nsm.learning.gradient import Gradient, Singles
from nsm.learning.readout import ReadoutNumbers, readout_numbers

#: Standard deviation of a sum, in weight units, that counts as none.
_SILENT = 1e-15


class Kind(Enum):
    """What the neurons of a layer do with their sums."""

    SAMPLED = "NSM neurons"
    SIGMOID = "sigmoid neurons"
    SIGN = "signs"
    RECTIFIED = "rectifiers"
    OUTPUTS = "outputs"


@dataclass
class Arrays:
    """The pulsed arrays of a layer.

    Attributes:
        main: The weights.
        path: The deterministic path, with cells of its own; None if it is ideal or absent.
        bias: The bias word lines, (outputs, lines); None if there are none.
    """

    main: PulsedArray
    path: PulsedArray | None
    bias: PulsedArray | None

    def all(self) -> dict[str, PulsedArray]:
        """Return the arrays that exist, by name."""
        named = {"main": self.main, "path": self.path, "bias": self.bias}
        return {name: of_part for name, of_part in named.items() if of_part is not None}


class LayerReads:
    """One layer on tiles as it is read sample by sample.

    A read has the mean m Σ_j w_ij x_j + a_i Σ_j p_ij x_j + b_i, with the mean m of the gate and
    the weights p of the deterministic path, and a Gaussian noise of the variance
    Σ_j (Var ξ w_ij² + E ξ² v_ij + a_i² v'_ij) x_j², with the variances v and v' of a read of each
    weight of main array and path by the noise of their cells; those of bias lines add up. That is
    `sampling="moments"` of a chip, exact in the limit of many inputs.

    Args:
        tiles: The layer on the chip.
        arrays: Its cells.
        kind: What its neurons do.
        gradient: Which gradient is computed.

    Attributes:
        mean, variance: Moments E ξ and Var ξ of the gate's factor; 1 and 0 without a gate.
        a: Factors of the deterministic path, (outputs,).
        threshold: Biases that are added exactly, (outputs,).
        readout: What the read-out does with the sums.
        u: Sums of the last read as other neurons than neural sampling ones see them, (outputs,).
        v: Argument of the erf in the firing probability of neural sampling neurons, (outputs,).
        deviation: Standard deviation of the sums of neural sampling neurons, (outputs,).
        z: Outputs of the last read, (outputs,).
        product: Σ_j w_ij x_j of the last read, (outputs,).
        g: ∂L/∂v of neural sampling neurons, else ∂L/∂u, of the last errors, (outputs,).
        e: What drives the update and the transposed read: ∂L/∂w_ij = e_i x_j, (outputs,).
        is_noisy: Whether cells have read noise.
    """

    def __init__(self, tiles: TileLayer, arrays: Arrays, kind: Kind, gradient: Gradient):
        self.tiles = tiles
        self.arrays = arrays
        self.kind = kind
        self.gradient = gradient
        neurons = tiles.neurons
        mean, variance = gate_moments(neurons.main.hardware) if tiles.samples_noise else (1.0, 0.0)
        self.mean, self.variance = float(mean), float(variance)
        self.a: Singles = np.asarray(neurons.a, np.float32).copy()
        self.threshold: Singles = np.asarray(neurons.threshold, np.float32).copy()
        self.has_path = bool(self.a.any())
        self.is_noisy = any(array.is_noisy for array in arrays.all().values())
        self.outputs, self.inputs = arrays.main.weights.shape
        self.readout: ReadoutNumbers = readout_numbers(tiles)
        empty = np.zeros(0, np.float32)
        self.z, self.u, self.v, self.deviation = empty, empty, empty, empty
        self.product, self.g, self.e = empty, empty, empty
        self._constant = self._mean_factor()

    def _mean_factor(self) -> float:
        """Return the mean of β_i/‖w_i‖ over the outputs now."""
        if self.kind is not Kind.SAMPLED:
            return 1.0
        deviation = np.sqrt(self.variance * self.arrays.main.squares)
        noisy = deviation > _SILENT
        if not noisy.any():
            return 0.0
        return float(((self.mean + self.a[noisy]) / (math.sqrt(2) * deviation[noisy])).mean())

    def read(self, x: Singles, normals: Singles) -> Singles:
        """Return the outputs for inputs x, (inputs,), under fresh noise.

        Args:
            x: Inputs.
            normals: Standard normal numbers, (outputs,). Sigmoid neurons take logistic ones, and as
                many normal ones for the noise of their comparators if there is any. They and signs
                take as many more for the noise of their cells.
        """
        main, readout = self.arrays.main, self.readout
        self.product = product = main.weights @ x
        mean = self.mean * product
        if self.has_path:
            path = product if self.arrays.path is None else self.arrays.path.weights @ x
            mean = mean + self.a * path
        mean += self.threshold
        if self.arrays.bias is not None:
            mean += self.arrays.bias.weights.sum(axis=1)
        if self.kind is Kind.SAMPLED:
            return self._sample(x, mean, normals)
        if self.is_noisy:
            mean = mean + np.sqrt(self._variance_of_cells(x)) * normals[-self.outputs :]
        self.u = mean
        if self.kind is Kind.RECTIFIED:
            self.u = mean / readout.factors + readout.shift
            self.z = np.maximum(self.u, 0)
        elif self.kind is Kind.OUTPUTS:
            self.z = self.u = mean / readout.factors + readout.shift
        elif self.kind is Kind.SIGMOID:
            self.u = mean / readout.factors + readout.offsets
            seen = self.u + normals[: self.outputs]
            if readout.has_noise:
                seen += readout.noise * normals[self.outputs : 2 * self.outputs]
            self.z = _signs(seen)
        else:
            noise = readout.noise * normals[: self.outputs]
            self.z = _signs(mean + readout.offsets + noise)
        return self.z

    def _variance_of_cells(self, x: Singles) -> Singles:
        """Return the variance of the sums by the noise of the cells, (outputs,)."""
        squares = np.square(x)
        arrays = self.arrays
        of_gate = np.float32(self.variance + self.mean**2)  # E ξ²
        variance: Singles = of_gate * (arrays.main.variances @ squares)
        if arrays.path is not None:
            variance += np.square(self.a) * (arrays.path.variances @ squares)
        if arrays.bias is not None:
            variance += arrays.bias.variances.sum(axis=1)
        return variance

    def _sample(self, x: Singles, mean: Singles, normals: Singles) -> Singles:
        main = self.arrays.main
        squares = main.squares
        if not self.takes_signs(x):
            squares = np.square(main.weights) @ np.square(x)
        variance = self.variance * squares + self.readout.noise**2
        if self.is_noisy:
            variance = variance + self._variance_of_cells(x)
        self.deviation = np.sqrt(np.maximum(variance, _SILENT**2)).astype(np.float32)
        mean = mean + self.readout.offsets
        self.v = mean / (np.float32(math.sqrt(2)) * self.deviation)
        self.z = _signs(mean + self.deviation * normals)
        return self.z

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Neural sampling neurons whose sums had no noise in the last read, (outputs,).

        They are deterministic signs, without a gradient.
        """
        return self.deviation <= np.float32(2 * _SILENT)

    def largest_sum(self) -> float:
        """Return the largest size of the last sums.

        In units of their noise if the neurons draw any, else in those of the network.
        """
        if self.kind is Kind.SAMPLED:
            return float(np.abs(self.v * ~self.silent).max())
        return float(np.abs(self.u).max())

    @staticmethod
    def takes_signs(x: Singles) -> bool:
        """Return whether all inputs are −1 or +1, so that ‖w∘x‖ = ‖w‖."""
        return bool((np.abs(x) == 1).all())


def _signs(u: Singles) -> Singles:
    return np.where(u >= 0, np.float32(1), np.float32(-1))
