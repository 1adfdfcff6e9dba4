"""A network whose layers are read several times in a pass, and how often by hand."""

import torch
from torch import nn


class Steps(nn.Module):
    """Layers that are read several times in a pass: in time, at locations, by two calls."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.shared = nn.Conv2d(2, 2, 3, stride=2, padding=1)
        self.gru = nn.GRU(2, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        z = torch.relu(self.conv(x))
        z = self.shared(torch.relu(self.shared(z)))
        _, last = self.gru(z.flatten(2).mT)
        return self.head(last[0])


def reads_of_steps(size):
    """Return reads per pass of the layers of `Steps` for square images, by hand."""
    half, quarter = -(-size // 2), -(-size // 4)
    return [size**2, half**2 + quarter**2, quarter**2, quarter**2, 1]
