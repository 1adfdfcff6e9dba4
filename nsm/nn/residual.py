"""Residual networks: blocks whose outputs are added to their inputs."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from devices.arguments import listed
from devices.validation import choice, integer
from nsm.nn.activations import Binarize
from nsm.nn.nsm_conv2d import NSMConv2d

Block = Callable[[int, int], list[nn.Module]]


class Skip(nn.Module):
    """x + body(x).

    Args:
        body: What is added to its inputs; its outputs have their shape.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def _sampling(inputs: int, outputs: int) -> list[nn.Module]:
    return [NSMConv2d(inputs, outputs, 3, padding=1)]


def _rectified(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]


def _normalized(inputs: int, outputs: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


#: What a convolution of a residual network is followed by, by the name of its rule.
RESIDUAL_RULES: dict[str, Block] = {
    "NSM": _sampling,
    "ReLU": _rectified,
    "ReLU, batch norm": _normalized,
}


def residual_net(
    rule: str = "NSM",
    shape: Sequence[int] = (1, 8, 8),
    classes: int = 10,
    *,
    width: int = 16,
    blocks: int = 3,
) -> nn.Sequential:
    """Return a residual network on flat images: a convolution, blocks of two, and a classifier.

    Inputs are coded ±1. Under "NSM" every convolution is an `NSMConv2d`, and skips add states: what
    enters block k, counted from 1, is a whole number from −k to k. Nothing normalizes this network
    but its noise. The others have the same convolutions with rectifiers, with and without batch
    normalization.

    Args:
        rule: A name in `RESIDUAL_RULES`.
        shape: (channels, height, width) of an image, even sizes; default digits of 8 × 8 pixels.
        classes: Number of classes; default 10.
        width: Channels of all convolutions; default 16.
        blocks: Blocks of two convolutions; default 3.

    Raises:
        ValueError: An unknown rule, or a size below 1 (2 for height and width).
    """
    convolution = RESIDUAL_RULES[choice("rule", rule, RESIDUAL_RULES)]
    shape = listed("shape", shape, "(channels, height, width)")
    if len(shape) != 3:
        raise ValueError(f"shape = {shape!r} is not allowed; give (channels, height, width)")
    channels = integer("shape", shape[0], at_least=1)
    height, breadth = (integer("shape", n, at_least=2) for n in shape[1:])
    width, blocks = integer("width", width, at_least=1), integer("blocks", blocks, at_least=1)
    bodies = [
        nn.Sequential(*convolution(width, width), *convolution(width, width)) for _ in range(blocks)
    ]
    return nn.Sequential(
        Binarize(),
        nn.Unflatten(1, (channels, height, breadth)),
        *convolution(channels, width),
        *(Skip(body) for body in bodies),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(width * (height // 2) * (breadth // 2), integer("classes", classes, at_least=1)),
    )
