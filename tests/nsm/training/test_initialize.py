"""Data-dependent initialization (eq. 8): erf arguments of mean 0 and deviation 1."""

import numpy as np
import pytest
import torch
from torch import nn

from nsm import NSMConv2d, NSMLinear, initialize
from nsm.nn.stochastic import reseed
from tests.helpers.training import fresh


def test_initialize_needs_layers_and_images(digits):
    with pytest.raises(ValueError, match="the network has none"):
        initialize(fresh("relu"), digits.x_train[:50], rng=0)
    with pytest.raises(ValueError, match="x has 1"):
        initialize(fresh(), digits.x_train[:1], rng=0)


def arguments(layer, x):
    with torch.no_grad():
        return layer.argument(torch.tensor(x, dtype=torch.float32)).numpy()


def test_initialize_gives_the_erf_argument_mean_0_and_deviation_1(rng):
    layer, x = NSMLinear(50, 20), rng.choice([-1.0, 1.0], (500, 50))
    initialize(nn.Sequential(layer), x, rng=0)
    # Eq. 8 with the exact bias term; float32 sums of 500 values round to about 1e-6.
    v = arguments(layer, x)
    np.testing.assert_allclose(v.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(1 + v.mean(axis=0), 1, rtol=1e-5)


def test_initialize_on_real_inputs_normalizes_each_image_by_its_own_norm(rng):
    layer, x = NSMLinear(50, 20), rng.uniform(0, 1, (500, 50))
    initialize(nn.Sequential(layer), x, rng=0)
    # v = β t + b/(s ‖w∘x‖) with t = w·x/‖w∘x‖: β t has deviation 1, and b = −E[t] E‖w∘x‖ s β.
    w, beta, b = (p.detach().double().numpy() for p in (layer.weight, layer.beta, layer.bias))
    size = np.sqrt(x**2 @ (w**2).T)
    t = x @ w.T / size
    np.testing.assert_allclose((beta * t).std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(b, -t.mean(axis=0) * size.mean(axis=0) * layer.s * beta, rtol=1e-4)


def test_initialize_sets_every_layer_on_the_noisy_states_of_those_before(rng):
    model = nn.Sequential(NSMLinear(50, 40), NSMLinear(40, 10))
    x = rng.choice([-1.0, 1.0], (500, 50))
    initialize(model, x, rng=3)
    reseed(model, 3)
    with torch.no_grad():
        v = model[1].argument(model[0](torch.tensor(x, dtype=torch.float32)))
    np.testing.assert_allclose(v.std(dim=0, correction=0).numpy(), 1, rtol=1e-5)
    np.testing.assert_allclose(1 + v.mean(dim=0).numpy(), 1, rtol=1e-5)


def test_initialize_keeps_a_native_beta_and_centers_by_the_bias_alone(rng):
    layer = NSMLinear(50, 20, beta="native")
    before, x = layer.beta.clone(), rng.choice([-1.0, 1.0], (500, 50))
    initialize(nn.Sequential(layer), x, rng=0)
    assert torch.equal(layer.beta, before)
    np.testing.assert_allclose(1 + arguments(layer, x).mean(axis=0), 1, rtol=1e-5)


def test_initialize_without_bias_scales_only(rng):
    layer = NSMLinear(50, 20, bias=False)
    x = rng.choice([-1.0, 1.0], (500, 50))
    initialize(nn.Sequential(layer), x, rng=0)
    np.testing.assert_allclose(arguments(layer, x).std(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("locations", [None, (6, 6)])
def test_initialize_normalizes_convolutions_by_channel_or_by_location(locations):
    torch.manual_seed(0)
    conv, dense = NSMConv2d(1, 4, 3, locations=locations), NSMLinear(144, 5)
    model = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), conv, nn.Flatten(), dense)
    x = torch.sign(torch.rand(500, 64) - 0.3)
    initialize(model, x.numpy(), rng=0)
    v = conv.argument(model[0](x)).detach()
    np.testing.assert_allclose(v.mean(dim=(0, 2, 3)), 0, atol=1e-5)
    spread = v.std(dim=(0, 2, 3), correction=0) if locations is None else v.std(dim=0, correction=0)
    np.testing.assert_allclose(spread, 1, rtol=1e-4)


def share_of_images(layer):
    """Share of the variance of a layer's arguments that images make; the first layer is 1.

    For normal arguments, states of two passes whose arguments correlate by q correlate by
    E erf(x) erf(x') = (2/π) arcsin(2q/3), as the noise of the neurons is independent.
    """
    return 1.0 if layer == 1 else 2 / np.pi * np.arcsin(2 * share_of_images(layer - 1) / 3)


def test_initialize_leaves_deeper_layers_a_smaller_share_of_images(rng):
    x = np.sign(rng.standard_normal((800, 300)))
    torch.manual_seed(0)
    model = nn.Sequential(*(NSMLinear(300, 300) for _ in range(3))).double()
    initialize(model, x, rng=0)

    def arguments(seed):
        z, found = torch.as_tensor(x), []
        reseed(model, seed)
        with torch.no_grad():
            for layer in model:
                found.append(layer.argument(z))
                z = layer(z)
        return found

    for number, (one, other) in enumerate(zip(arguments(1), arguments(2), strict=True), start=1):
        expected = share_of_images(number)
        assert (one * other).mean().item() == pytest.approx(expected, abs=0.02), number
    assert [round(share_of_images(n), 2) for n in (1, 2, 3, 4)] == [1.0, 0.46, 0.20, 0.09]
