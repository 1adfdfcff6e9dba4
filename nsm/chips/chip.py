"""A network on a chip: a torch module whose layers with weights read tiles."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from devices.validation import integer, number
from nsm.chips import mapping_report
from nsm.chips.layers import TileLayer
from nsm.chips.monte_carlo import MonteCarlo
from nsm.nn.inference import Floats

if TYPE_CHECKING:
    import pandas as pd


class MappedNetwork(MonteCarlo):
    """One chip: a network programmed once into tiles.

    Calling it makes one noisy pass, tensors in and tensors out.

    When a network is mapped, programming errors, stuck cells, comparator offsets, the path along
    which each cell drifts, and the first states of noise with memory are drawn once. On every read,
    gates, read noise and comparator noise are drawn. `age` and `scale_conductances` change the
    chip: ages add up, gains multiply.

    Attributes:
        network: The layers in order, on tiles or digital.
        in_shape: Shape of one image, with None for an axis of any length; None: any shape.
    """

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated, which `sampling="moments"` leaves out."""
        return any(layer.neurons.main.has_memory for layer in self.layers)

    def weights(self, layer: int) -> Floats:
        """Return the weights (outputs, inputs) that a layer's cells represent now, in the network's
        units and without IR drop.

        Args:
            layer: Number of the layer among those on tiles, from 0.
        """
        on_tiles = self._layer(layer)
        return on_tiles.neurons.main.weights / on_tiles.row_factors[:, None]

    def conductances(self, layer: int) -> tuple[Floats, Floats]:
        """Return the conductances g_pos and g_neg [S] of a layer now, (word lines, bit lines).

        Args:
            layer: Number of the layer among those on tiles, from 0.
        """
        return self._layer(layer).neurons.main.conductances()

    def _layer(self, number: int) -> TileLayer:
        """Return a layer on tiles by its number; raise ValueError if there is none."""
        layers = self.layers
        if integer("layer", number, at_least=0) >= len(layers):
            raise ValueError(
                f"layer = {number}: this chip has {len(layers)} layers on tiles, counted from 0"
            )
        return layers[number]

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of one noisy pass, (batch, classes), on the device of x.

        Every call draws fresh noise; `sample` takes a seed. The chip has no gradient.

        Args:
            x: Images, as a tensor. Logits have its precision, or torch's default precision if it
                holds integers or truth values, which count as 1 and 0.

        Raises:
            ValueError: x is not a tensor, has a wrong shape, or holds NaN.
        """
        if not isinstance(x, Tensor):
            raise ValueError(
                f"a chip was called with a {type(x).__name__}; give a torch.Tensor, or call "
                "chip.sample(x, samples), which takes arrays"
            )
        logits = self.sample(x.detach().double().cpu().numpy(), 1)[0]
        dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
        return torch.as_tensor(logits).to(device=x.device, dtype=dtype)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: cells drift, and states of noises advance. Ages add up."""
        number("seconds", seconds, at_least=0, unit="s")
        for layer in self.layers:
            layer.neurons.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance by one factor, pedestals, deterministic paths and bias word
        lines included.
        """
        number("factor", factor, above=0)
        for layer in self.layers:
            layer.neurons.scale_conductances(factor)

    def report(self) -> "pd.DataFrame":
        """Return one row per layer on tiles, as mapped; see `mapping_report.report`."""
        return mapping_report.report(self.layers)

    def effective_samples(self, samples: int) -> "pd.DataFrame":
        """Return how many independent reads `samples` consecutive ones are worth, a row per layer.

        See `mapping_report.effective_samples`.
        """
        return mapping_report.effective_samples(self.layers, samples)

    def cost(self) -> "pd.DataFrame":
        """Return energy [J] and latency [s] of one pass, a row per layer on tiles.

        See `mapping_report.cost`.
        """
        return mapping_report.cost(self.layers)
