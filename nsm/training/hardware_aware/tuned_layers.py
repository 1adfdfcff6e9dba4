"""Layers of a finished chip whose periphery is trained."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.programming import Programming
from nsm.nn.described import as_float64
from nsm.training.hardware_aware.aware_layers import AwareLayer, AwareSums, aware_layer
from nsm.training.hardware_aware.drawn_layer import ProgrammedPart, drawn_layer
from nsm.training.hardware_aware.slots import Slot


class TunedSums(AwareSums):
    """Sums behind a converter, with a digital gain and shift of every output.

    Normalization behind the layer is applied by its module; on the chip it is folded into the
    weights, and gain and shift come after it.

    Attributes:
        gain: Digital factors, (outputs,).
        shift: What is added to them, (outputs,).
    """

    factor: Tensor
    constant: Tensor

    def __init__(self, slot: Slot, gain: np.ndarray, shift: np.ndarray) -> None:
        super().__init__(slot)
        like = next(slot.layer.parameters())
        factor, constant = slot.folding()
        self.register_buffer("factor", torch.as_tensor(factor).to(like), persistent=False)
        self.register_buffer("constant", torch.as_tensor(constant).to(like), persistent=False)
        self.gain = nn.Parameter(torch.as_tensor(gain).to(like))
        self.shift = nn.Parameter(torch.as_tensor(shift).to(like))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of one read, in the units in front of the normalization."""
        u = super().forward(x)
        constant = (self.gain * self.constant + self.shift - self.constant) / self.factor
        return self.over_outputs(self.gain, u) * u + self.over_outputs(constant, u)


class TunedLayer:
    """A layer of a chip, and the parameters of its periphery in training.

    Args:
        slot: The layer of the network.
        parts: The layers of the chip: one, or one for each group of a convolution.
        scale: Factor of the weights with which the chip was programmed.

    Attributes:
        slot: The layer of the network.
        module: What computes the layer in torch.
    """

    def __init__(self, slot: Slot, parts: Sequence[TileLayer], scale: float) -> None:
        self.slot = slot
        self._parts = list(parts)
        like = next(slot.layer.parameters())
        programmed = []
        for part, planned in zip(parts, slot.parts, strict=True):
            targets = Programming(planned, slot.hardware, scale).targets()
            programmed.append(ProgrammedPart(part, targets, planned.wanted))
        folding = slot.folding()
        self._drawn = drawn_layer(programmed, folding, like)
        self.is_converted = slot.parts[0].has_linear_outputs
        self.module: AwareLayer
        if self.is_converted:
            gain, shift = (
                np.concatenate([getattr(part.tuning, name) for part in parts])
                for name in ("gain", "shift")
            )
            self.module = TunedSums(slot, gain, shift)
        else:
            self.module = aware_layer(slot)
        rows = np.concatenate([part.row_factors for part in parts])
        #: Size of a sum of one, in the units of the array.
        self._rows = rows * folding[0]
        outputs = len(rows)
        self._unit = self._noise_of_neurons()
        self._threshold = torch.zeros(outputs).to(like).requires_grad_()
        self._a = torch.zeros(outputs).to(like).requires_grad_()
        self._has_path = bool(self._drawn.a.any())

    def _noise_of_neurons(self) -> Tensor:
        """Return √2 times the deviation of the sums for inputs ±1, or of the weights' sum."""
        d = self._drawn
        a = d.a if d.a.ndim == 1 else d.a.square().mean(0).sqrt()
        variance = d.own.sum(1) + d.own_constant
        variance = variance + a**2 * (d.own_of_path.sum(1) + d.constant_of_path)
        size = torch.where(variance > 0, variance, d.main.square().sum(1))
        return (2 * size).sqrt()

    def parameters(self) -> list[Tensor]:
        """Return what is trained."""
        if isinstance(self.module, TunedSums):
            return [self.module.gain, self.module.shift]
        return [self._threshold, self._a] if self._has_path else [self._threshold]

    def draw(self) -> None:
        """Let the module read the chip with the parameters of now."""
        if self.is_converted:
            self.module.drawn = self._drawn
            return
        d = self._drawn
        a = d.a + d.noise_scale * self._a if self._has_path else d.a
        self.module.drawn = replace(d, a=a, constant=d.constant + self._unit * self._threshold)

    def put_into_chip(self) -> None:
        """Give the chip the trained parameters."""
        edges = np.cumsum([len(part.row_factors) for part in self._parts])[:-1]

        def split(values: Tensor | np.ndarray) -> list[np.ndarray]:
            numbers = as_float64(values) if isinstance(values, Tensor) else values
            return np.split(numbers, edges)

        if isinstance(self.module, TunedSums):
            pairs = zip(split(self.module.gain), split(self.module.shift), strict=True)
            for part, (gain, shift) in zip(self._parts, pairs, strict=True):
                part.tune(replace(part.tuning, of="gain, shift", gain=gain, shift=shift))
            return
        factors = np.concatenate([part.compensation.factors for part in self._parts])
        moved = as_float64(self._unit * self._threshold) * self._rows / factors
        of_parts = zip(split(moved), split(self._drawn.noise_scale * self._a), strict=True)
        for part, (threshold, a) in zip(self._parts, of_parts, strict=True):
            before = part.tuning
            part.tune(
                replace(
                    before,
                    of="a, threshold" if self._has_path else "threshold",
                    # Learning on the chip moves a_i, too.
                    a=part.neurons.a + a if self._has_path else part.neurons.a,
                    threshold=before.threshold + threshold,
                )
            )
