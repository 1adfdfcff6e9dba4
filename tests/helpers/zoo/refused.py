"""Models that no chip can hold, each with what its refusal must say."""

import torch
from torch import Tensor, nn

from tests.helpers.zoo.common import BATCH, Example, Zoo, uniform

REFUSED = Zoo()


class Pairs(nn.Module):
    """A bilinear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Bilinear(3, 4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pair(x[:, :3], x[:, 3:])
