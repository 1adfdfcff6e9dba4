"""Networks with neural sampling layers among ordinary ones."""

import torch
from torch import Tensor, nn

import nsm
from tests.helpers.zoo.common import BATCH, Zoo, uniform

STOCHASTIC = Zoo()


class ResidualSampling(nn.Module):
    """Neural sampling layers with a skip around one of them, between real-valued layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 20)
        self.sign = nsm.Binarize()
        self.sampled = nsm.NSMLinear(20, 20)
        self.head = nn.Linear(20, 3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.sign(self.first(x))
        return self.head(z + self.sampled(z))


STOCHASTIC.layer("nsm_residual", ResidualSampling, 6)
STOCHASTIC.put(
    "nsm_sequential",
    lambda: (
        nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nsm.Binarize(),
            nsm.NSMConv2d(8, 4, 3),
            nn.Flatten(),
            nn.Linear(16, 3),
        ),
        (torch.sign(uniform(BATCH, 1, 6, 6)),),
    ),
)
