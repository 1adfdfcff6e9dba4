"""Ready networks: the paper's perceptron and the two it is compared with, layer for layer alike."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from devices._checks import integer
from nsm.baselines import SigmoidLinear
from nsm.layers import Binarize, NSMLinear


def _widths(widths: Sequence[int]) -> list[int]:
    if len(widths) < 3:
        raise ValueError(f"widths = {list(widths)!r}: give inputs, at least one hidden layer, and classes")
    return [integer("width", w, at_least=1) for w in widths]


def nsm_mlp(widths: Sequence[int] = (784, 300, 300, 300, 10), *, flip: float = 0.0, **options: Any) -> nn.Sequential:
    """Return the NSM perceptron: inputs coded ±1, NSMLinear hidden layers (`options` as theirs), a plain Linear last.

    The default is the paper's network for permutation-invariant MNIST (Detorakis et al. 2019, Table 1). flip: see
    `Binarize`.
    """
    *sizes, classes = _widths(widths)
    hidden = [NSMLinear(n, m, **options) for n, m in pairwise(sizes)]
    return nn.Sequential(Binarize(flip=flip), *hidden, nn.Linear(sizes[-1], classes))


def relu_mlp(widths: Sequence[int] = (784, 300, 300, 300, 10), *, dropout: float = 0.0) -> nn.Sequential:
    """Return the deterministic rectifier network of the same widths, on real-valued inputs in [0, 1]."""
    *sizes, classes = _widths(widths)
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


def stnn_mlp(widths: Sequence[int] = (784, 300, 300, 300, 10)) -> nn.Sequential:
    """Return the stochastic network with sigmoid neurons and no hidden biases (StNN), inputs coded ±1."""
    *sizes, classes = _widths(widths)
    return nn.Sequential(Binarize(), *[SigmoidLinear(n, m) for n, m in pairwise(sizes)], nn.Linear(sizes[-1], classes))
