"""Ready networks: the paper's architectures, under the NSM's rule or those it is compared with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from torch import nn

from devices.arguments import listed
from devices.validation import boolean, choice, integer, number, shortened
from nsm.nn import rules
from nsm.nn.activations import Binarize, NoisyReLU, Sign
from nsm.nn.nsm_conv2d import NSMConv2d
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.sigmoid import SigmoidLinear
from nsm.nn.weight_norm import RowNormConv2d, RowNormLinear

MLP = (784, 300, 300, 300, 10)  # permutation-invariant MNIST, Detorakis et al. 2019, Table 1


def _checked_widths(widths: Sequence[int]) -> list[int]:
    """Return the widths of a perceptron, or raise ValueError."""
    given = listed("widths", widths, "inputs, hidden layers and classes, such as (784, 100, 10)")
    if len(given) < 3:
        raise ValueError(
            f"widths = {shortened(given)}: give inputs, at least one hidden layer, and classes"
        )
    return [integer("width", w, at_least=1) for w in given]


def nsm_mlp(widths: Sequence[int] = MLP, *, flip: float = 0.0, **options: Any) -> nn.Sequential:
    """Return the NSM perceptron: inputs coded ±1, NSMLinear hidden layers, a plain Linear last.

    Args:
        widths: Inputs, hidden layers, classes. The default is the paper's network for
            permutation-invariant MNIST (Detorakis et al. 2019, Table 1).
        flip: Probability that an input changes its sign in training, see `Binarize`.
        options: Of the hidden layers, see `NSMLinear`.
    """
    *sizes, classes = _checked_widths(widths)
    hidden = [NSMLinear(n, m, **options) for n, m in pairwise(sizes)]
    return nn.Sequential(Binarize(flip=flip), *hidden, nn.Linear(sizes[-1], classes))


def relu_mlp(widths: Sequence[int] = MLP, *, dropout: float = 0.0) -> nn.Sequential:
    """Return the ReLU network of the same widths, on real-valued inputs in [0, 1].

    Args:
        widths: Inputs, hidden layers, classes.
        dropout: Probability of dropout after every hidden layer; 0 (the default) adds no such
            layer.
    """
    *sizes, classes = _checked_widths(widths)
    number("dropout", dropout, at_least=0, below=1)
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


def stnn_mlp(widths: Sequence[int] = MLP, *, flip: float = 0.0) -> nn.Sequential:
    """Return the network of stochastic sigmoid neurons without hidden biases (StNN), inputs ±1.

    Args:
        widths: Inputs, hidden layers, classes.
        flip: Probability that an input changes its sign in training, see `Binarize`.
    """
    *sizes, classes = _checked_widths(widths)
    hidden = [SigmoidLinear(n, m) for n, m in pairwise(sizes)]
    return nn.Sequential(Binarize(flip=flip), *hidden, nn.Linear(sizes[-1], classes))


def bd_mlp(widths: Sequence[int] = MLP, *, flip: float = 0.0) -> nn.Sequential:
    """Return the sign network (BD), trained with the straight-through estimator, inputs ±1.

    Args:
        widths: Inputs, hidden layers, classes.
        flip: Probability that an input changes its sign in training, see `Binarize`.
    """
    *sizes, classes = _checked_widths(widths)
    hidden = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m), Sign())]
    return nn.Sequential(Binarize(flip=flip), *hidden, nn.Linear(sizes[-1], classes))


@dataclass(frozen=True)
class Rule:
    """How the hidden layers of a network are made.

    Attributes:
        linear: Makes a fully connected layer.
        conv: Makes a convolution.
        activation: Makes what follows each layer; None for layers that sample their outputs.
        binary: Whether inputs are coded ±1.
        options: Options of `NSMConv2d` that have an effect under the rule.
    """

    linear: Callable[..., nn.Module]
    conv: Callable[..., nn.Module]
    activation: Callable[[], nn.Module] | None = None
    binary: bool = True
    options: tuple[str, ...] = ()

    @property
    def sampled(self) -> bool:
        """True if the layers are variants of the neural sampling layers."""
        return self.activation is None


#: Training rules by the paper's names. bNSM and gNSM are NSMs under blank-out and Gaussian noise.
RULES = {
    "bNSM": Rule(NSMLinear, NSMConv2d, options=("p", "site", "beta", "bias")),
    "gNSM": Rule(
        partial(NSMLinear, noise="gaussian"),
        partial(NSMConv2d, noise="gaussian"),
        options=("sigma", "site", "beta", "bias"),
    ),
    "STE": Rule(
        rules.StraightThroughLinear,
        rules.StraightThroughConv2d,
        options=("noise", "p", "sigma", "site", "beta", "bias"),
    ),
    "BinConcrete": Rule(
        rules.BinConcreteLinear,
        rules.BinConcreteConv2d,
        options=("noise", "p", "sigma", "beta", "bias"),
    ),
    "BN": Rule(
        rules.NoiselessLinear,
        rules.NoiselessConv2d,
        options=("noise", "p", "sigma", "beta", "bias"),
    ),
    "BD": Rule(nn.Linear, nn.Conv2d, Sign),
    "wBD": Rule(RowNormLinear, RowNormConv2d, Sign),
    "SN": Rule(RowNormLinear, RowNormConv2d, NoisyReLU, binary=False),
    "dCNN": Rule(nn.Linear, nn.Conv2d, nn.ReLU, binary=False),
}


class _Stack:
    """A network in the making: its layers under one rule, and the shape of its output so far."""

    def __init__(
        self, rule: str, shape: tuple[int, int, int], options: dict[str, Any], *, per_location: bool
    ):
        self.rule = RULES[choice("rule", rule, RULES)]
        boolean("per_location", per_location)
        _check_options(rule, options, per_location=per_location)
        self.options = options
        self.per_location = per_location
        sizes = listed("shape", shape, "(channels, height, width)")
        if len(sizes) != 3:
            raise ValueError(
                f"shape = {shortened(shape)} is not allowed; give (channels, height, width)"
            )
        self.channels, self.height, self.width = (integer("shape", n, at_least=1) for n in sizes)
        self.layers: list[nn.Module] = []

    def conv(self, outputs: int, kernel: int, padding: int = 0, **options: Any) -> None:
        """Add a convolution with stride 1 and its activation."""
        lost = kernel - 1 - 2 * padding  # rows and columns
        self._shrink(self.height - lost, self.width - lost, f"a {kernel} × {kernel} convolution")
        options = {**options, **self.options} if self.rule.sampled else {}
        if self.per_location:
            options["locations"] = (self.height, self.width)
        self._add(self.rule.conv(self.channels, outputs, kernel, padding=padding, **options))
        self.channels = outputs

    def pool(self, size: int) -> None:
        """Add a maximum over adjacent windows of size × size."""
        self.layers.append(nn.MaxPool2d(size))
        self._shrink(self.height // size, self.width // size, f"a maximum over {size} × {size}")

    def dense(self, outputs: int, **options: Any) -> None:
        """Add a fully connected layer over all outputs so far, and its activation."""
        self.layers.append(nn.Flatten())
        inputs = self.channels * self.height * self.width
        options = {**options, **self.options} if self.rule.sampled else {}
        self._add(self.rule.linear(inputs, outputs, **options))
        self.channels = outputs
        self.height = 1
        self.width = 1

    def all_convolutional(self, *widths: int, last: int) -> None:
        """Add three 3 × 3 convolutions and a pooling for each width, then three of the last width.

        Of the last three, the first is 3 × 3 and the others are 1 × 1.
        """
        for width in widths:
            for _ in range(3):
                self.conv(width, 3, padding=1)
            self.pool(2)
        self.conv(last, 3, padding=1)
        self.conv(last, 1)
        self.conv(last, 1)

    def _shrink(self, height: int, width: int, what: str) -> None:
        if height < 1 or width < 1:
            raise ValueError(
                f"inputs are too small: nothing is left for {what}; "
                "conv_net takes 16 × 16 pixels or more"
            )
        self.height = height
        self.width = width

    def _add(self, layer: nn.Module) -> None:
        self.layers.append(layer)
        if self.rule.activation is not None:
            self.layers.append(self.rule.activation())


def _check_options(name: str, options: dict[str, Any], *, per_location: bool) -> None:
    """Raise ValueError for options that have no effect under the rule of that name."""
    rule = RULES[name]
    if options and not rule.sampled:
        raise ValueError(
            f"options {sorted(options)} are of sampling layers, and {name} has none; leave them out"
        )
    if per_location and not rule.sampled:
        raise ValueError(
            f"per_location gives every neuron a separate β, and {name} has none; leave it out"
        )
    for option in options:
        if option not in rule.options:
            raise ValueError(
                f"option {option!r} is unknown or has no effect under {name}; "
                f"it takes {', '.join(rule.options)}"
            )


def _coded(shape: tuple[int, int, int], binary: bool, flip: float) -> list[nn.Module]:
    """Return the layers that turn flat images into signs (under a binary rule) of that shape."""
    if number("flip", flip, at_least=0, below=0.5) and not binary:
        raise ValueError(
            f"flip = {flip} changes signs of inputs, but this rule takes real-valued inputs; "
            "leave it out"
        )
    code = [Binarize(flip=flip)] if binary else []
    return [*code, nn.Unflatten(1, shape)]


def conv_net(
    rule: str = "bNSM",
    shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    *,
    hidden: int = 512,
    flip: float = 0.0,
    per_location: bool = False,
    **options: Any,
) -> nn.Sequential:
    """Return the paper's convolutional network 32c5-p2-64c5-p2-`hidden` on flat images.

    Under the NSM's rules, blank-out has p = ¼ in the convolutions and ½ in the dense layer. The
    default is the network for MNIST; EMNIST letters: hidden=150, classes=26; N-MNIST:
    shape=(10, 34, 34), hidden=150.

    Args:
        rule: A name in `RULES`.
        shape: (channels, rows, columns) of an image.
        classes: Number of classes.
        hidden: Width of the dense layer.
        flip: Probability that an input changes its sign in training, see `Binarize`.
        per_location: Whether every output location has a separate β, as in the authors' network
            (18,432 + 4,096 more parameters on MNIST).
        options: Of the sampling layers, see `NSMConv2d`.
    """
    stack = _Stack(rule, shape, options, per_location=per_location)
    for width in (32, 64):
        stack.conv(width, 5, p=0.25)
        stack.pool(2)
    stack.dense(integer("hidden", hidden, at_least=1))
    last = nn.Linear(hidden, integer("classes", classes, at_least=1))
    return nn.Sequential(*_coded(shape, stack.rule.binary, flip), *stack.layers, last)


def all_conv_net(
    rule: str = "bNSM",
    classes: int = 10,
    *,
    width: float = 1.0,
    per_location: bool = False,
    **options: Any,
) -> nn.Sequential:
    """Return the paper's all-convolutional network for CIFAR, on flat color images in [0, 1].

    The first convolution takes the real-valued image; signs follow under a binary rule. Batch
    normalization acts on the image, after the first convolution and before the classifier; a chip
    takes over all three exactly in `eval()`.

    Args:
        rule: A name in `RULES`.
        classes: 10 or 100.
        width: Channels in units of the paper's 96 and 192, rounded; default 1.
        per_location: Whether every output location has a separate β.
        options: Of the sampling layers, see `NSMConv2d`; they have no biases by default.
    """
    if RULES[choice("rule", rule, RULES)].sampled:
        options = {"bias": False, **options}
    stack = _Stack(rule, (3, 32, 32), options, per_location=per_location)
    scale = number("width", width, above=0)
    narrow, wide = (max(1, round(scale * channels)) for channels in (96, 192))
    stack.layers += [nn.BatchNorm2d(3), nn.Conv2d(3, narrow, 3, padding=1), nn.BatchNorm2d(narrow)]
    stack.layers.append(Sign() if stack.rule.binary else nn.ReLU())
    stack.channels = narrow
    stack.all_convolutional(narrow, wide, last=wide)
    head = [
        nn.AvgPool2d(8),
        nn.Flatten(),
        nn.BatchNorm1d(wide),
        nn.Linear(wide, integer("classes", classes, at_least=1)),
    ]
    return nn.Sequential(nn.Unflatten(1, (3, 32, 32)), *stack.layers, *head)


def gesture_net(rule: str = "bNSM", *, per_location: bool = False, **options: Any) -> nn.Sequential:
    """Return the paper's network for DVS128 Gesture, on flat stacks of 6 binary frames of 64 × 64.

    It has 11 classes.

    Args:
        rule: A name in `RULES`.
        per_location: Whether every output location has a separate β.
        options: Of the sampling layers, see `NSMConv2d`.
    """
    stack = _Stack(rule, (6, 64, 64), options, per_location=per_location)
    stack.all_convolutional(64, 96, 128, last=256)
    head = [nn.AvgPool2d(8), nn.Flatten(), nn.Linear(256, 11)]
    return nn.Sequential(*_coded((6, 64, 64), stack.rule.binary, 0.0), *stack.layers, *head)
