"""Small networks of the kinds that people train, with skips, branches and normalization."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from tests.helpers.zoo.common import BATCH, Example, Zoo, uniform

NETWORKS = Zoo()


def convolution(inputs: int, outputs: int, size: int = 3, **options: int) -> nn.Sequential:
    """Return a convolution that keeps the size of images, with batch norm and a rectifier."""
    conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False, **options)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions with batch norm around which a (projected) shortcut leads."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)  # in place, as many published models do
        return functional.relu(out)


NETWORKS.layer(
    "resnet",
    lambda: nn.Sequential(
        convolution(3, 4),
        Residual(4, 4),
        Residual(4, 8, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    ),
    3,
    8,
    8,
)


class Dense(nn.Module):
    """Convolutions that see the outputs of all before them (DenseNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, 2, 3, padding=1))
            for n in (3, 5, 7)
        )
        self.head = nn.Linear(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = torch.cat([x, block(x)], dim=1)
        return self.head(x.mean(dim=(2, 3)))


NETWORKS.layer("densenet", Dense, 3, 6, 6)


class UNet(nn.Module):
    """Down and up again, with a skip that is concatenated: classes for every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.down = convolution(3, 4)
        self.bottom = nn.Sequential(nn.MaxPool2d(2), convolution(4, 8))
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.join = convolution(8, 4)
        self.head = nn.Conv2d(4, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = self.down(x)
        up = self.up(self.bottom(high))
        return self.head(self.join(torch.cat([high, up], dim=1)))


NETWORKS.layer("unet", UNet, 3, 8, 8)
NETWORKS.layer(
    "segmentation",
    lambda: nn.Sequential(
        convolution(3, 6),
        nn.Conv2d(6, 4, 1),
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.LogSoftmax(dim=1),
    ),
    3,
    5,
    6,
)


class LstmClassifier(nn.Module):
    """Words to vectors, an LSTM over packed sequences, and a layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(13, 4, padding_idx=0)
        self.lstm = nn.LSTM(4, 6, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            self.words(x), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h, _) = self.lstm(packed)
        return self.head(torch.cat([h[0], h[1]], dim=1))


@NETWORKS.add
def lstm_classifier() -> Example:
    return LstmClassifier(), (torch.randint(13, (BATCH, 7)), torch.tensor([4, 7, 2]))


class Encoder(nn.Module):
    """A transformer encoder with learned positions and a layer on the mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(5, 8)
        self.positions = nn.Parameter(torch.randn(6, 8))
        block = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x) + self.positions).mean(dim=1))


NETWORKS.layer("transformer_encoder", Encoder, 6, 5)


@NETWORKS.add
def transformer() -> Example:
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    return model, (uniform(BATCH, 5, 8), uniform(BATCH, 4, 8))


class Mixer(nn.Module):
    """MLP-Mixer: one perceptron over patches, one over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 2, stride=2)
        self.norm1, self.norm2 = nn.LayerNorm(6), nn.LayerNorm(6)
        self.tokens = nn.Sequential(nn.Linear(9, 12), nn.GELU(), nn.Linear(12, 9))
        self.channels = nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6))
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(x.mean(1))


NETWORKS.layer("mlp_mixer", Mixer, 3, 6, 6)


class SqueezeExcite(nn.Module):
    """Channels weighed by what a small perceptron makes of their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, 2, 1),
            nn.SiLU(),
            nn.Conv2d(2, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(x)


NETWORKS.layer(
    "squeeze_excite",
    lambda: nn.Sequential(convolution(3, 4), SqueezeExcite(4), nn.Flatten(), nn.Linear(100, 3)),
    3,
    5,
    5,
)


class InvertedResidual(nn.Module):
    """MobileNet's block: expand, filter each channel, project; a skip around."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 3 * channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(inplace=True),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.Hardswish(inplace=True),
            nn.Conv2d(wide, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


NETWORKS.layer("mobilenet", lambda: nn.Sequential(InvertedResidual(3), nn.Conv2d(3, 2, 3)), 3, 6, 6)

NETWORKS.layer(
    "batch_norm_first",
    lambda: nn.Sequential(
        nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, padding=1), nn.Flatten(), nn.Linear(75, 4)
    ),
    2,
    5,
    5,
)
NETWORKS.layer(
    "batch_norm_last", lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, affine=False)), 6
)
NETWORKS.layer(
    "batch_norm_inside",
    lambda: nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.BatchNorm1d(8), nn.Linear(8, 4)
    ),
    6,
)
NETWORKS.layer(
    "batch_norm_3d",
    lambda: nn.Sequential(nn.ConvTranspose3d(2, 3, 2), nn.BatchNorm3d(3), nn.Conv3d(3, 2, 2)),
    2,
    3,
    3,
    3,
)


class TwoReaders(nn.Module):
    """A convolution whose outputs are read with and without its batch norm: it cannot fold."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.conv(x)
        return z - functional.relu(self.norm(z))


NETWORKS.layer("batch_norm_of_one_reader", TwoReaders, 2, 5, 5)
