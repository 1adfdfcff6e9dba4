"""Neural sampling layers with random parameters, for the tests of chips."""

import numpy as np
import torch
from torch import nn

from crossbar import Hardware
from devices import BlankOut, Device, StateDependentError
from nsm import NSMLinear, theory
from nsm.chips.firing import firing
from tests.helpers.statistics import assert_frequency

FAN_IN = 300
NEURONS = 6
READS = 4000
CELL = Device(g_min=0.0, g_max=1e-5)  # infinite on/off ratio, so no pedestal
IDEAL = Hardware(device=CELL, gate=BlankOut(0.5))
REAL = Hardware(
    device=Device(g_min=1e-6, g_max=1e-5, write=StateDependentError(coefficients=(1e-7,))),
    gate=BlankOut(),
)


def one_layer(rng, **options):
    """Return an NSM layer with random weights, β and biases, followed by a linear layer."""
    layer = NSMLinear(FAN_IN, NEURONS, **options)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.clip(rng.standard_normal((NEURONS, FAN_IN)), -3, 3)))
        if layer.beta_mode == "learned":
            layer.beta.copy_(torch.tensor(rng.uniform(0.5, 1.5, NEURONS)))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(rng.normal(0, 4, NEURONS)))
    return nn.Sequential(layer, nn.Linear(NEURONS, 3))


def signs(rng, n=4):
    """Return n rows of inputs ±1."""
    return rng.choice([-1.0, 1.0], (n, FAN_IN))


def equation_4(model, x, *, inflation=1.0, **options):
    """Return the firing probability of the layer with its noise variance times `inflation`."""
    layer = model[0]
    w = layer.weight.detach().double().numpy()
    beta = layer.beta.detach().double().numpy()
    b = 0.0 if layer.bias is None else layer.bias.detach().double().numpy()
    a = theory.a_from_beta(beta, mean=layer.mean, variance=layer.variance)
    v = {"mean": layer.mean, "variance": layer.variance * inflation}
    return theory.firing_probability(w, x, **v, a=a, b=b, **options)


def assert_fires_with(chip, x, expected, *, sampling="exact"):
    """Compare measured and closed-form firing probabilities of a chip with the expected ones."""
    measured, closed = firing(chip, x, READS, rng=1, sampling=sampling)
    np.testing.assert_allclose(closed, expected, rtol=1e-5)  # float32 weights
    for frequency, p in zip(measured.ravel(), expected.ravel(), strict=True):
        if 1e-3 < p < 1 - 1e-3:
            assert_frequency(round(frequency * READS), READS, p)
