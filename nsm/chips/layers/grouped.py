"""Grouped convolutions: every group of channels is an array of its own."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nsm.chips.layers.states import States, tensor_of
from nsm.nn.geometry import Patches


class Grouped(nn.Module):
    """A grouped convolution, depthwise ones included.

    Args:
        layers: The layers of the groups, planned or on tiles.
        patches: How the convolution cuts its inputs, all groups together.
    """

    def __init__(self, layers: Sequence[nn.Module], patches: Patches):
        super().__init__()
        self.groups = nn.ModuleList(layers)
        self.patches = patches

    def forward(self, z: States | Tensor) -> Tensor:
        """Return the outputs of all groups, one after another along the channels."""
        x = tensor_of(z)
        axis = -(len(self.patches.kernel) + 1)
        parts: Any = zip(self.groups, x.chunk(len(self.groups), dim=axis), strict=True)
        return torch.cat([tensor_of(layer(part)) for layer, part in parts], dim=axis)
