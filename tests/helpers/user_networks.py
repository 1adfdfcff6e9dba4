"""Networks as users write them: classes of their own, in the ways that constructors keep things."""

import enum
import itertools
from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    """A block around another module."""

    def __init__(self, body, scale=1.0):
        super().__init__()
        self.body = body
        self.scale = scale

    def forward(self, x):
        return x + self.scale * self.body(x)


class Net(nn.Module):
    """A network that keeps its arguments, a function and a class among them."""

    def __init__(self, width, depth=2, act=F.relu, norm=nn.BatchNorm1d):
        super().__init__()
        self.width = width
        self.depth = depth
        self.act = act
        self.norm = norm
        self.blocks = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.norms = nn.ModuleList([norm(width) for _ in range(depth)])
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x = self.act(norm(block(x)))
        return self.head(x)


class Skip(nn.Sequential):
    """A Sequential that adds its input."""

    def forward(self, x):
        return x + super().forward(x)


class StandardizedConv2d(nn.Conv2d):
    """A convolution without the mean of its kernels."""

    def forward(self, x):
        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


class Kind(enum.Enum):
    """An option of `Config`."""

    PLAIN = "plain"
    TIED = "tied"


@dataclass
class Config:
    """Arguments of `LanguageModel`."""

    words: int = 7
    width: int = 4
    kind: Kind = Kind.TIED


class LanguageModel(nn.Module):
    """Tied weights, a mask, positions outside the state, and a closure."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.words, config.width)
        self.head = nn.Linear(config.width, config.words, bias=False)
        if config.kind is Kind.TIED:
            self.head.weight = self.embedding.weight
        self.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))
        self.register_buffer("positions", torch.arange(3.0), persistent=False)
        width = config.width
        self.scaled = lambda x: x / width**0.5

    def forward(self, x):
        z = self.embedding(x) + self.positions[:, None]
        attention = torch.softmax(z @ z.mT + self.mask, -1)
        return self.head(self.scaled(attention @ z))


class Normalized(nn.Module):
    """Layers whose constructor installs weight normalization."""

    def __init__(self):
        super().__init__()
        self.new = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
        self.spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))

    def forward(self, x):
        return self.spectral(self.new(x))


class Widths(nn.Module):
    """Arguments by position."""

    def __init__(self, *widths, bias=True):
        super().__init__()
        self.widths = widths
        self.bias = bias
        pairs = itertools.pairwise(widths)
        self.layers = nn.Sequential(*[nn.Linear(a, b, bias=bias) for a, b in pairs])

    def forward(self, x):
        return self.layers(x)


class Forgetful(nn.Module):
    """A network that keeps none of its constructor's arguments."""

    def __init__(self, layers, width):
        super().__init__()
        self.stem = nn.Linear(3, width)
        self.layer1 = nn.Sequential(*[Residual(nn.Linear(width, width)) for _ in range(layers)])
        self.factor = nn.Parameter(torch.ones(width))
        self.register_buffer("steps", torch.tensor(5))
        self.register_buffer("scales", 1 / torch.arange(1.0, width + 1), persistent=False)
        self.kind = "plain"

    def forward(self, x):
        return self.layer1(self.stem(x)) * self.factor * self.steps * self.scales


class Drawn(nn.Module):
    """A tensor that is drawn by the constructor and is not part of the state."""

    def __init__(self):
        super().__init__()
        self.mask = torch.rand(3)

    def forward(self, x):
        return x * self.mask


CLASSES = [
    Residual,
    Net,
    Skip,
    StandardizedConv2d,
    Kind,
    Config,
    LanguageModel,
    Normalized,
    Widths,
    Forgetful,
]


def with_new_head():
    """Return a network whose head was replaced after it was built, and an attribute changed."""
    net = Net(3)
    net.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(3, 2))
    net.note = "fine-tuned"
    return net


def with_tied_weights():
    """Return a Sequential of two layers with one weight matrix."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    net[2].weight = net[0].weight
    return net


def with_a_shared_layer():
    """Return a Sequential in which one layer stands twice."""
    layer, sign = nn.Linear(3, 3), nn.ReLU()
    return nn.Sequential(layer, sign, layer, sign)


def inputs(shape):
    """Return inputs of a network: words if no shape is given."""
    return torch.randint(0, 5, (2, 3)) if shape is None else torch.randn(shape)


#: Networks by name: how each is built, and its input.
NETWORKS = {
    "residual": (lambda: nn.Sequential(Residual(nn.Linear(3, 3), 2.0), nn.Tanh()), (2, 3)),
    "arguments": (lambda: Net(3, 3, F.gelu, nn.LayerNorm), (2, 3)),
    "skip": (lambda: Skip(nn.Linear(3, 3), nn.Tanh()), (2, 3)),
    "standardized": (lambda: nn.Sequential(StandardizedConv2d(2, 3, 3, padding=1)), (1, 2, 5, 5)),
    "tied in class": (lambda: LanguageModel(Config()), None),
    "untied in class": (lambda: LanguageModel(Config(5, 3, Kind.PLAIN)), None),
    "normalized": (lambda: Normalized(), (2, 3)),
    "positional": (lambda: Widths(3, 4, 5, bias=False), (2, 3)),
    "without arguments": (lambda: Forgetful(2, 4), (2, 3)),
    "new head": (with_new_head, (2, 3)),
    "tied": (with_tied_weights, (2, 3)),
    "shared layer": (with_a_shared_layer, (2, 3)),
    "nested": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.GELU()), nn.Softmax(1)),
        (2, 3),
    ),
    "names": (
        lambda: nn.Sequential(OrderedDict(stem=nn.Linear(3, 4), end=nn.Identity())),
        (2, 3),
    ),
    "lstm": (lambda: nn.LSTM(3, 4, 2, bidirectional=True), (5, 3)),
}
