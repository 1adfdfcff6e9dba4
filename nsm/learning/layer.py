"""A layer that learns: errors sent back, what the periphery learns, and the way into the chip."""

import math
from dataclasses import replace

import numpy as np

from crossbar.arrays.pulsed import PulsedArray
from nsm.learning.gradient import Singles
from nsm.learning.reads import Kind, LayerReads


class LearningLayer(LayerReads):
    """One layer on tiles while it learns; `LayerReads` has its arguments."""

    def error_of_sums(self, of_outputs: Singles) -> Singles:
        """Return e with ∂L/∂w_ij = e_i x_j (without the radial term) for given ∂L/∂z.

        The same e drives the transposed read: ∂L/∂x_j = Σ_i e_i w_ij.
        """
        self.g = of_outputs
        if self.kind is Kind.SAMPLED:
            self.g = of_outputs * self.gradient.of_argument(self.v)
            factor: Singles | np.float32 = np.float32(self._constant)
            if self.gradient.norm == "row":
                factor = (self.mean + self.a) / (np.float32(math.sqrt(2)) * self.deviation)
            self.e = self.g * factor * ~self.silent
            return self.e
        if self.kind is Kind.RECTIFIED:
            self.g = of_outputs * (self.u > 0)
        elif self.kind is Kind.SIGMOID:
            self.g = of_outputs * self.gradient.of_sigmoid(self.u)
        self.e = self.g / self.readout.factors
        return self.e

    def radial_rates(self) -> Singles:
        """Return r with the radial term r_i w_ij of the gradient, −g_i v_i/‖w_i‖²."""
        squares = np.maximum(self.arrays.main.squares, 1e-30).astype(np.float32)
        return -self.g * self.v / squares

    def read_back(self, e: Singles, normals: Singles | None) -> Singles:
        """Return Σ_i e_i w_ij of the transposed read, (inputs,).

        Args:
            e: Errors of the sums, (outputs,).
            normals: Standard normal numbers, (inputs,); None where `needs_noise_back` is False.
        """
        array = self._read_back_from()
        weights = self.arrays.main.weights if array is None else array.weights
        back: Singles = e @ weights
        if normals is None:
            return back
        squares = np.square(e)
        assert array is not None
        if self.gradient.backward == "gated":
            # The mean of gated reads is that of the gate times the weights, and is divided by it.
            of_gate = self.variance * (squares @ np.square(weights))
            of_cells = (self.variance + self.mean**2) * (squares @ array.variances)
            deviation = np.sqrt(of_gate + of_cells) / np.float32(self.mean)
        else:
            deviation = np.sqrt(squares @ array.variances)
        return back + deviation.astype(np.float32) * normals

    @property
    def needs_noise_back(self) -> bool:
        """Whether transposed reads take normal numbers."""
        array = self._read_back_from()
        is_gated = self.gradient.backward == "gated" and bool(self.variance)
        return array is not None and (is_gated or array.is_noisy)

    def _read_back_from(self) -> PulsedArray | None:
        """Return the array whose cells transposed reads see; None for exact weights."""
        if self.gradient.backward == "ideal":
            return None
        if self.gradient.backward == "ungated" and self.has_path:
            return self.arrays.path  # an ideal path holds the weights of the main array exactly
        return self.arrays.main

    @property
    def learns_thresholds(self) -> bool:
        """Whether biases are reference currents, which are no cells."""
        return self.tiles.neurons.hardware.bias == "reference"

    @property
    def has_digital_parameters(self) -> bool:
        """Whether anything in the periphery can learn: a bias, or a factor a_i."""
        return self.learns_thresholds or (self.kind is Kind.SAMPLED and self.has_path)

    def learn_periphery(self, rate: float) -> None:
        """Change biases and β_i of the last sample's error, digitally.

        β_i ← β_i − η g_i w_i·x/‖w_i‖ with a_i = β_i √(2 Var ξ) − E ξ, and c_i ← c_i − η g_i with
        c_i = b_i/(s ‖w_i‖); of other layers b_i ← b_i − η ∂L/∂b_i.
        """
        learns_bias = self.learns_thresholds
        if self.kind is not Kind.SAMPLED:
            if learns_bias:
                # A threshold of the array is that of the network times its factor, as weights are.
                self.threshold -= np.float32(rate) * self.readout.factors**2 * self.e
            return
        size = self.deviation / np.float32(math.sqrt(self.variance))  # ‖w_i‖
        unit = np.float32(math.sqrt(2 * self.variance))
        if learns_bias:
            self.threshold -= np.float32(rate) * self.g * unit * size
        if self.has_path:
            self.a -= np.float32(rate) * unit * self.g * self.product / size

    def commit(self) -> None:
        """Bring cells, factors and biases into the layer of the chip."""
        for array in self.arrays.all().values():
            array.commit()
        neurons = self.tiles.neurons
        self._copy_to_ideal_path()
        neurons.a = self.a.astype(np.float64)
        neurons.threshold = self.threshold.astype(np.float64)
        before = self.tiles.compensation
        mapped = (neurons.threshold - self.tiles.tuning.threshold) * before.factors
        self.tiles.compensation = replace(before, threshold=mapped)
        self.tiles.wanted = neurons.main.weights
        self.tiles.forget_sums()

    def _copy_to_ideal_path(self) -> None:
        """Let an ideal deterministic path hold what the main array holds now."""
        path = self.tiles.neurons.deterministic_path
        if path is None or self.arrays.path is not None:
            return
        for array, main in zip(path.arrays(), self.tiles.neurons.main.arrays(), strict=True):
            for tile, of_main in zip(array.all_tiles(), main.all_tiles(), strict=True):
                tile.rewrite(*of_main.before_gain())
            array.forget()
