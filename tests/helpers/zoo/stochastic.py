"""Networks that draw at inference: neural sampling layers among others, dropout kept on."""

import torch
from torch import Tensor, nn
from torch.nn import functional

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


class MonteCarloDropout(nn.Dropout):
    """Dropout that stays on in `eval()`, to draw samples (Gal and Ghahramani 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.p, training=True)


STOCHASTIC.layer(
    "monte_carlo_dropout",
    lambda: nn.Sequential(nn.Linear(6, 20), nn.ReLU(), MonteCarloDropout(), nn.Linear(20, 3)),
    6,
)
