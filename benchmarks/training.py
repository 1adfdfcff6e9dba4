"""Training steps of the MNIST perceptron, compared with plain layers and sign activations.

And of the MNIST convolutional network, compared with its dCNN (rectifiers).
"""

import itertools
import math

import torch
from torch import Tensor, nn

import nsm
from benchmarks.timing import medians, threads
from nsm.nn.architectures import bd_mlp
from nsm.nn.surrogate_gradients import SignOfNoisySum, signs

WIDTHS = (784, 300, 300, 300, 10)
BATCH = 100


class ThreeProducts(nn.Module):
    """A neural sampling layer written literally: masks, and a product each for noise, a and P.

    u = Σ_j (ξ_j + a_i) w_ij x_j + b_i with neuron noise ξ; P is the firing probability of eq. 4,
    whose gradient is used.
    """

    def __init__(self, inputs: int, outputs: int, p: float = 0.5):
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))
        self.beta = nn.Parameter(torch.ones(outputs))
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        x = signs(x.detach()) - x.detach() + x
        s = math.sqrt(2 * self.p * (1 - self.p))
        norm = self.weight.norm(dim=1, keepdim=True)
        v = nn.functional.linear(x, self.weight / norm) * self.beta + self.bias / (
            s * norm.squeeze(1)
        )
        mask = torch.bernoulli(torch.full_like(x, self.p))
        noisy = nn.functional.linear(mask * x, self.weight)
        u = noisy + (self.beta * s - self.p) * nn.functional.linear(x, self.weight) + self.bias
        z: Tensor = SignOfNoisySum.apply(v, u.detach())
        return z


def _three_products() -> nn.Sequential:
    """Return the perceptron of `ThreeProducts` layers."""
    layers = [ThreeProducts(a, b) for a, b in itertools.pairwise(WIDTHS[:-1])]
    return nn.Sequential(nsm.Binarize(), *layers, nn.Linear(*WIDTHS[-2:]))


def _step(model: nn.Module) -> object:
    """Return a function that trains the model for one step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = torch.rand(BATCH, WIDTHS[0])
    y = torch.randint(0, WIDTHS[-1], (BATCH,))

    def step() -> None:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def table() -> list[str]:
    """Return the rows of the table of training steps, batch 100."""
    torch.manual_seed(0)
    nets = {
        "Linear and sign, straight-through estimator": bd_mlp(WIDTHS),
        "NSM, synaptic noise": nsm.nsm_mlp(WIDTHS),
        "NSM, neuron noise": nsm.nsm_mlp(WIDTHS, site="neuron"),
        "three products, neuron noise": _three_products(),
    }
    rows = [
        "| MNIST perceptron, training | threads | epoch of 600 steps [s] | of Linear and sign |",
        "|---|---|---|---|",
    ]
    for n in (1, 2):
        with threads(n):
            # More rounds than elsewhere: other programs slow some rounds of some networks.
            times = medians(
                {name: _step(net) for name, net in nets.items()},  # type: ignore[misc]
                runs=15,
            )
        plain = times["Linear and sign, straight-through estimator"]
        rows += [f"| {name} | {n} | {600 * t:.2f} | {t / plain:.2f} |" for name, t in times.items()]
    return [*rows, "", *conv_rows()]


def conv_rows() -> list[str]:
    """Return the rows of the table of training steps of the convolutional network, batch 100."""
    torch.manual_seed(0)
    nets = {"dCNN": nsm.conv_net("dCNN"), "NSM, synaptic noise": nsm.conv_net("bNSM")}
    rows = [
        "| MNIST convolutional net, training | threads | epoch of 600 steps [s] | of the dCNN |",
        "|---|---|---|---|",
    ]
    for n in (1, 2):
        with threads(n):
            times = medians(
                {name: _step(net) for name, net in nets.items()},  # type: ignore[misc]
                runs=5,
            )
        rows += [
            f"| {name} | {n} | {600 * t:.1f} | {t / times['dCNN']:.2f} |"
            for name, t in times.items()
        ]
    return rows
