"""A small residual network, as a user of torch writes it."""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions with batch normalization, added to their input."""

    def __init__(self, channels: int, stride: int = 1, inputs: int | None = None) -> None:
        super().__init__()
        inputs = channels if inputs is None else inputs
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        same = inputs == channels and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.skip(x))


class SmallResNet(nn.Module):
    """A stem, two blocks and a head, for images (1, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.blocks = nn.ModuleList([Block(4), Block(8, 2, inputs=4)])
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


def small_resnet(seed: int = 0) -> SmallResNet:
    """Return the network in `eval()` with statistics of batch normalization from random images."""
    torch.manual_seed(seed)
    model = SmallResNet().train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(16, 1, 8, 8))
    return model.eval()
