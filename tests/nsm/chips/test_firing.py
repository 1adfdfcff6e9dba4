"""Firing probabilities of a chip's neural sampling layers, measured and in closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware
from devices import GaussianNoise
from nsm import NSMConv2d, NSMLinear, map_to_crossbar
from nsm.chips.firing import firing
from tests.helpers.mapped_layers import (
    FAN_IN,
    IDEAL,
    READS,
    assert_fires_with,
    equation_4,
    one_layer,
    signs,
)
from tests.helpers.statistics import assert_frequency


@pytest.mark.parametrize("sampling", ["exact", "moments"])
@pytest.mark.parametrize(
    "options", [{}, {"p": 0.3, "bias": False}, {"noise": "gaussian", "sigma": 0.6}]
)
def test_an_ideal_chip_fires_with_the_layers_probability(options, sampling, rng):
    model = one_layer(rng, **options)
    x = signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, gate=model[0].read_noise), rng=0)
    assert_fires_with(chip, x, equation_4(model, x), sampling=sampling)


def test_real_valued_inputs_keep_their_probability(rng):
    model = one_layer(rng)
    x = rng.uniform(0, 1, (4, FAN_IN))
    assert_fires_with(map_to_crossbar(model, IDEAL, rng=0), x, equation_4(model, x))


def test_firing_of_a_deeper_layer_is_read_on_the_states_before_it(rng):
    model = nn.Sequential(NSMLinear(FAN_IN, 300, bias=False), NSMLinear(300, 4), nn.Linear(4, 3))
    measured, closed = firing(
        map_to_crossbar(model, IDEAL, rng=0), signs(rng, 2), READS, layer=1, rng=3
    )
    assert measured.shape == closed.shape == (2, 4)
    for frequency, p in zip(measured.ravel(), closed.ravel(), strict=True):
        assert_frequency(round(frequency * READS), READS, p)


class Branches(nn.Module):
    """Neural sampling layers in a graph: behind a skip, on tokens, called twice, convolutional.

    Their noise is Gaussian, so that sums of few inputs fire with the closed form, too.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(12, 12)
        self.tokens = NSMLinear(12, 6, noise="gaussian", sigma=0.6)
        self.conv = NSMConv2d(1, 3, 3, padding=1, noise="gaussian", sigma=0.6)
        self.head = nn.Linear(3 * 18, 2)

    def forward(self, x):
        z = x + torch.tanh(self.stem(x))
        z = self.tokens(z) * self.tokens(-z)
        return self.head(self.conv(z[:, None]).flatten(1))


@pytest.mark.parametrize(("layer", "neurons"), [("tokens", 18), ("conv", 54), (1, 54)])
def test_layers_inside_any_network_fire_with_their_closed_form(layer, neurons):
    hardware = replace(IDEAL, gate=GaussianNoise(0.6))
    chip = map_to_crossbar(Branches(), hardware, rng=0, example=torch.randn(2, 3, 12))
    x = np.random.default_rng(0).standard_normal((2, 3, 12))
    measured, closed = firing(chip, x, READS, layer=layer, rng=3)
    assert measured.shape == closed.shape == (2, neurons)
    for frequency, p in zip(measured.ravel(), closed.ravel(), strict=True):
        assert_frequency(round(frequency * READS), READS, p)


def test_the_input_of_a_layer_is_that_of_the_network_before_it():
    """The first layer fires on x + tanh(stem(x)), by equation 4."""
    network = Branches().double()
    hardware = Hardware(device=IDEAL.device, gate=GaussianNoise(0.6), bias="reference")
    x = torch.randn(2, 3, 12, dtype=torch.float64)
    chip = map_to_crossbar(network, hardware, rng=0, example=x)
    z = x + torch.tanh(network.stem(x))
    p = 0.5 * (1 + torch.erf(network.tokens.argument(z))).detach().numpy().reshape(2, -1)
    np.testing.assert_allclose(firing(chip, x, 1, layer="tokens")[1], p, rtol=1e-5)


def test_layers_are_found_by_name_and_no_hook_stays(rng):
    model = nn.Sequential(NSMLinear(FAN_IN, 30, bias=False), NSMLinear(30, 4), nn.Linear(4, 3))
    chip = map_to_crossbar(model, IDEAL, rng=0)
    by_name, by_number = (firing(chip, signs(rng, 2), 5, layer=i, rng=3) for i in ("1", 1))
    assert by_name[0].shape == by_number[0].shape
    assert not any(layer._forward_pre_hooks for layer in chip.network.modules())
    with pytest.raises(ValueError, match="unknown neural sampling layer '2'. Known: 0, 1"):
        firing(chip, signs(rng, 2), 5, layer="2")
    with pytest.raises(ValueError, match="layer = 2: this chip has 2 neural sampling layers"):
        firing(chip, signs(rng, 2), 5, layer=2)


class Chooses(nn.Module):
    """A network that calls its sampling layer for images of one size only."""

    def __init__(self):
        super().__init__()
        self.fires = NSMLinear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.fires(x) if x.shape[1] == 4 else x.mean(1))


def test_a_layer_that_is_not_reached_is_named():
    chip = map_to_crossbar(Chooses(), IDEAL, rng=0, example=torch.randn(2, 4))
    with pytest.raises(ValueError, match=r"did not call layer fires \(NSMLinear\)"):
        firing(chip, np.zeros((2, 3, 4)), 1, layer="fires")
