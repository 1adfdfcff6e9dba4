"""Ready networks: the paper's architectures, under the NSM's rule or any of those it is compared with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from torch import nn

from devices.validation import choice, integer
from nsm.nn import rules
from nsm.nn.activations import Binarize, NoisyReLU, Sign
from nsm.nn.nsm_conv2d import NSMConv2d
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.sigmoid import SigmoidLinear
from nsm.nn.weight_norm import RowNormConv2d, RowNormLinear

MLP = (784, 300, 300, 300, 10)


def _widths(widths: Sequence[int]) -> list[int]:
    if len(widths) < 3:
        raise ValueError(
            f"widths = {list(widths)!r}: give inputs, at least one hidden layer, and classes"
        )
    return [integer("width", w, at_least=1) for w in widths]


def nsm_mlp(widths: Sequence[int] = MLP, *, flip: float = 0.0, **options: Any) -> nn.Sequential:
    """Return the NSM perceptron: inputs coded ±1, NSMLinear hidden layers (`options` as theirs), a plain Linear last.

    The default is the paper's network for permutation-invariant MNIST (Detorakis et al. 2019, Table 1). flip: see
    `Binarize`.
    """
    *sizes, classes = _widths(widths)
    hidden = [NSMLinear(n, m, **options) for n, m in pairwise(sizes)]
    return nn.Sequential(Binarize(flip=flip), *hidden, nn.Linear(sizes[-1], classes))


def relu_mlp(widths: Sequence[int] = MLP, *, dropout: float = 0.0) -> nn.Sequential:
    """Return the deterministic rectifier network of the same widths, on real-valued inputs in [0, 1]."""
    *sizes, classes = _widths(widths)
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


def stnn_mlp(widths: Sequence[int] = MLP, *, flip: float = 0.0) -> nn.Sequential:
    """Return the stochastic network with sigmoid neurons and no hidden biases (StNN), inputs coded ±1."""
    *sizes, classes = _widths(widths)
    hidden = [SigmoidLinear(n, m) for n, m in pairwise(sizes)]
    return nn.Sequential(Binarize(flip=flip), *hidden, nn.Linear(sizes[-1], classes))


def bd_mlp(widths: Sequence[int] = MLP, *, flip: float = 0.0) -> nn.Sequential:
    """Return the deterministic binary network of the same widths (BD): signs, gradient straight through, inputs ±1."""
    *sizes, classes = _widths(widths)
    hidden = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m), Sign())]
    return nn.Sequential(Binarize(flip=flip), *hidden, nn.Linear(sizes[-1], classes))


@dataclass(frozen=True)
class Rule:
    """How the hidden layers of a network are made: two layers, and what follows each of them.

    binary: inputs are coded ±1. options: those of `NSMConv2d` that mean something under the rule.
    """

    linear: Callable[..., nn.Module]
    conv: Callable[..., nn.Module]
    activation: Callable[[], nn.Module] | None = None
    binary: bool = True
    options: tuple[str, ...] = ()

    @property
    def sampled(self) -> bool:
        """Whether the layers are neural sampling layers or their kin."""
        return self.activation is None


#: Training rules by the paper's names; bNSM and gNSM are the NSM under blank-out and under Gaussian noise.
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
    """A network in the making: layers under one rule, and the shape of what has come out so far."""

    def __init__(
        self, rule: str, shape: tuple[int, int, int], options: dict[str, Any], *, per_location: bool
    ):
        self.rule = RULES[choice("rule", rule, RULES)]
        if options and not self.rule.sampled:
            raise ValueError(
                f"options {sorted(options)} are of sampling layers, and {rule} has none; leave them out"
            )
        if per_location and not self.rule.sampled:
            raise ValueError(
                f"per_location gives every neuron a β of its own, and {rule} has none; leave it out"
            )
        for name in options:
            if name not in self.rule.options:
                known = ", ".join(self.rule.options)
                raise ValueError(
                    f"option {name!r} changes nothing under {rule}, or is no option; it takes {known}"
                )
        self.options, self.per_location = options, per_location
        if len(shape) != 3:
            raise ValueError(f"shape = {shape!r} is not allowed; give (channels, height, width)")
        self.channels, self.height, self.width = (integer("shape", n, at_least=1) for n in shape)
        self.layers: list[nn.Module] = []

    def conv(self, outputs: int, kernel: int, padding: int = 0, **options: Any) -> None:
        """Add a convolution with stride 1 and its activation."""
        less = kernel - 1 - 2 * padding
        self._shrink(self.height - less, self.width - less, f"a {kernel} × {kernel} convolution")
        options = {**options, **self.options} if self.rule.sampled else {}
        if self.per_location:
            options["locations"] = (self.height, self.width)
        self._add(self.rule.conv(self.channels, outputs, kernel, padding=padding, **options))
        self.channels = outputs

    def pool(self, size: int) -> None:
        """Add a maximum over windows side by side."""
        self.layers.append(nn.MaxPool2d(size))
        self._shrink(self.height // size, self.width // size, f"a maximum over {size} × {size}")

    def dense(self, outputs: int, **options: Any) -> None:
        """Add a fully connected layer over all that is left."""
        self.layers.append(nn.Flatten())
        inputs = self.channels * self.height * self.width
        self._add(
            self.rule.linear(
                inputs, outputs, **({**options, **self.options} if self.rule.sampled else {})
            )
        )
        self.channels, self.height, self.width = outputs, 1, 1

    def all_convolutional(self, *widths: int, last: int) -> None:
        """Add three 3 × 3 convolutions of each width and a pooling, then a 3 × 3 and two 1 × 1 of the last width."""
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
                f"inputs are too small: nothing is left for {what}; conv_net takes 16 × 16 pixels or more"
            )
        self.height, self.width = height, width

    def _add(self, layer: nn.Module) -> None:
        self.layers += [layer, *([] if self.rule.activation is None else [self.rule.activation()])]


def _coded(shape: tuple[int, int, int], binary: bool, flip: float) -> list[nn.Module]:
    if flip and not binary:
        raise ValueError(
            f"flip = {flip} changes signs of inputs, which this rule takes as they are; leave it out"
        )
    return [*([Binarize(flip=flip)] if binary else []), nn.Unflatten(1, shape)]


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
    """Return the paper's convolutional network 32c5-p2-64c5-p2-`hidden` under a rule of `RULES`, on flat images.

    MNIST: as it stands; EMNIST letters: hidden=150, classes=26; N-MNIST: shape=(10, 34, 34), hidden=150. Blank-out with
    p = ¼ in the convolutions and ½ in the dense layer. per_location: β for every output location (18,432 + 4,096
    parameters more on MNIST), as in the authors' network. `options`: of the sampling layers.
    """
    stack = _Stack(rule, shape, options, per_location=per_location)
    for width in (32, 64):
        stack.conv(width, 5, p=0.25)
        stack.pool(2)
    stack.dense(integer("hidden", hidden, at_least=1))
    last = nn.Linear(hidden, integer("classes", classes, at_least=1))
    return nn.Sequential(*_coded(shape, stack.rule.binary, flip), *stack.layers, last)


def all_conv_net(
    rule: str = "bNSM", classes: int = 10, *, per_location: bool = False, **options: Any
) -> nn.Sequential:
    """Return the paper's all-convolutional network for CIFAR-10 and CIFAR-100, on flat colour images in [0, 1].

    The first convolution takes the real-valued image; signs follow under a binary rule. Batch normalisation on the image,
    after the first convolution and before the classifier, all of which a chip takes over exactly in `eval()`.
    """
    stack = _Stack(
        rule,
        (3, 32, 32),
        {"bias": False, **options} if RULES.get(rule, RULES["dCNN"]).sampled else options,
        per_location=per_location,
    )
    stack.layers += [nn.BatchNorm2d(3), nn.Conv2d(3, 96, 3, padding=1), nn.BatchNorm2d(96)]
    stack.layers.append(Sign() if stack.rule.binary else nn.ReLU())
    stack.channels = 96
    stack.all_convolutional(96, 192, last=192)
    head = [
        nn.AvgPool2d(8),
        nn.Flatten(),
        nn.BatchNorm1d(192),
        nn.Linear(192, integer("classes", classes, at_least=1)),
    ]
    return nn.Sequential(nn.Unflatten(1, (3, 32, 32)), *stack.layers, *head)


def gesture_net(rule: str = "bNSM", *, per_location: bool = False, **options: Any) -> nn.Sequential:
    """Return the paper's network for DVS128 Gesture, 11 classes, on flat stacks of 6 binary frames of 64 × 64."""
    stack = _Stack(rule, (6, 64, 64), options, per_location=per_location)
    stack.all_convolutional(64, 96, 128, last=256)
    head = [nn.AvgPool2d(8), nn.Flatten(), nn.Linear(256, 11)]
    return nn.Sequential(*_coded((6, 64, 64), stack.rule.binary, 0.0), *stack.layers, *head)
