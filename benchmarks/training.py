"""Training steps of the MNIST perceptron: beside plain layers with signs, and beside layers that take three products."""

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
    """A neural sampling layer written as the equations stand: products for the noisy path, for a and for P, and masks."""

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
    layers = [ThreeProducts(a, b) for a, b in itertools.pairwise(WIDTHS[:-1])]
    return nn.Sequential(nsm.Binarize(), *layers, nn.Linear(*WIDTHS[-2:]))


def _step(model: nn.Module) -> object:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.rand(BATCH, WIDTHS[0]), torch.randint(0, WIDTHS[-1], (BATCH,))

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
        "Linear and sign, straight through": bd_mlp(WIDTHS),
        "NSM, noise by synapse": nsm.nsm_mlp(WIDTHS),
        "NSM, noise by input line": nsm.nsm_mlp(WIDTHS, site="neuron"),
        "three products, noise by input line": _three_products(),
    }
    rows = [
        "| MNIST perceptron, training | threads | epoch of 600 steps [s] | of Linear and sign |",
        "|---|---|---|---|",
    ]
    for n in (1, 2):
        with threads(n):
            times = medians({name: _step(net) for name, net in nets.items()})  # type: ignore[misc]
        plain = times["Linear and sign, straight through"]
        rows += [f"| {name} | {n} | {600 * t:.2f} | {t / plain:.2f} |" for name, t in times.items()]
    return rows
