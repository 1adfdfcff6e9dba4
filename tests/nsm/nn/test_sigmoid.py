"""The stochastic layer without weight normalization that an NSM is compared with."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware
from devices import Device
from nsm import SigmoidLinear, map_to_crossbar
from nsm.nn.stochastic import reseed
from tests.helpers.statistics import assert_frequency

READS = 20_000


def layer_of(rng, n=30, m=4):
    layer = SigmoidLinear(n, m).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rng.normal(0, 0.3, (m, n))))
    reseed(layer, 0)
    return layer


@pytest.mark.parametrize("alpha", [1.0, 0.1])
def test_firing_frequency_is_the_sigmoid_of_the_sum_and_follows_the_scale(alpha, rng):
    layer = layer_of(rng)
    x = torch.tensor(rng.uniform(-1, 1, 30))
    with torch.no_grad():
        layer.weight *= alpha
        z = layer(x.expand(READS, 30))
    assert set(z.unique().tolist()) == {-1.0, 1.0}
    u = layer.weight.detach().numpy() @ x.numpy()
    for hits, p in zip((z > 0).sum(dim=0), 1 / (1 + np.exp(-u)), strict=True):
        assert_frequency(int(hits), READS, p)


def test_outputs_are_drawn_independently(rng):
    layer = layer_of(rng, m=2)
    with torch.no_grad():
        layer.weight[1] = layer.weight[0]
        z = layer(torch.ones(READS, 30).double())
    p = 1 / (1 + np.exp(-layer.weight[0].sum().item()))
    assert_frequency(int((z > 0).all(dim=1).sum()), READS, p**2)


def test_gradient_is_that_of_twice_the_sigmoid(rng):
    layer = layer_of(rng)
    x = torch.tensor(rng.uniform(-1, 1, (6, 30)), requires_grad=True)
    weight_of_outputs = torch.tensor(rng.standard_normal((6, 4)))
    leaves = [x, layer.weight]
    got = torch.autograd.grad((layer(x) * weight_of_outputs).sum(), leaves)
    closed = 2 * torch.sigmoid(x @ layer.weight.T) - 1
    expected = torch.autograd.grad((closed * weight_of_outputs).sum(), leaves)
    for one, other in zip(got, expected, strict=True):
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


def test_layer_has_no_bias_and_is_noisy_in_train_and_eval(rng):
    layer = layer_of(rng)
    assert list(dict(layer.named_parameters())) == ["weight"]
    x = torch.zeros(100, 30).double()
    for mode in (True, False):
        layer.train(mode)
        assert not torch.equal(layer(x), layer(x))


def test_reseed_repeats_the_draws(rng):
    layer = layer_of(rng)
    x = torch.zeros(100, 30).double()
    reseed(layer, 5)
    first = layer(x)
    assert not torch.equal(layer(x), first)
    reseed(layer, 5)
    assert torch.equal(layer(x), first)


def test_on_a_chip_without_gate_it_fires_with_the_sigmoid_of_its_sum(rng):
    model = nn.Sequential(SigmoidLinear(40, 3), nn.Linear(3, 3))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(rng.normal(0, 0.2, (3, 40))))
        model[1].weight.copy_(torch.eye(3))
        model[1].bias.zero_()
    x = rng.choice([-1.0, 1.0], (1, 40))
    z = map_to_crossbar(model, Hardware(device=Device(g_min=0.0, g_max=1e-5)), rng=0).sample(
        x, 20_000, rng=0
    )[:, 0]
    p = 1 / (1 + np.exp(-model[0].weight.detach().double().numpy() @ x[0]))
    for hits, expected in zip((z > 0).sum(axis=0), p, strict=True):
        assert_frequency(hits, 20_000, expected)


def test_bad_widths_are_refused():
    with pytest.raises(
        ValueError, match=r"SigmoidLinear got inputs of shape \(5, 4\); the last axis must be 3"
    ):
        SigmoidLinear(3, 2)(torch.ones(5, 4))
    with pytest.raises(ValueError, match="SigmoidLinear.out_features = 0 is not allowed"):
        SigmoidLinear(3, 0)
    assert repr(SigmoidLinear(3, 2)) == "SigmoidLinear(3, 2)"
