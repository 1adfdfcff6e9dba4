"""Neural sampling layers with random parameters, and their firing probability by numpy alone."""

import pytest
import torch

from nsm import NSMLinear, theory
from nsm.nn.stochastic import reseed

FAN_IN, READS = 300, 20_000

sites = pytest.mark.parametrize("site", ["synapse", "neuron"])

noises = pytest.mark.parametrize(
    "options", [{"noise": "bernoulli", "p": 0.4}, {"noise": "gaussian", "sigma": 0.7}]
)


def layer_of(rng, n=FAN_IN, m=3, **options):
    """Return a float64 layer with random weights, β and biases."""
    layer = NSMLinear(n, m, **options).double()
    reseed(layer, 0)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rng.standard_normal((m, n))))
        if layer.beta_mode == "learned":
            layer.beta.copy_(torch.tensor(rng.uniform(0.5, 1.5, m)))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(rng.normal(0, 5, m)))
    return layer


def inputs(kind, rng, shape):
    """Return random inputs: "signs", "bits" or "real"."""
    drawn = {
        "signs": lambda: rng.choice([-1.0, 1.0], shape),
        "bits": lambda: rng.choice([0.0, 1.0], shape),
        "real": lambda: rng.uniform(-1, 1, shape),
    }[kind]()
    return torch.tensor(drawn)


def probability(layer, x):
    """Return the firing probability of a layer by eq. 4 with bias, in numpy."""
    numbers = {
        k: v.detach().numpy()
        for k, v in {**dict(layer.named_parameters()), "beta": layer.beta}.items()
    }
    a = theory.a_from_beta(numbers["beta"], mean=layer.mean, variance=layer.variance)
    return theory.firing_probability(
        numbers["weight"],
        x.numpy(),
        mean=layer.mean,
        variance=layer.variance,
        a=a,
        b=numbers.get("bias", 0.0),
    )
