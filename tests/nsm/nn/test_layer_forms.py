"""The sampling layers: the short path for signs, eqs. 6 and 7, noisy sums, β by location."""

import math
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from nsm import NSMConv2d, NSMLinear, theory
from nsm.nn.stochastic import reseed
from nsm.nn.surrogate_gradients import SignOfNoisySum, signs
from tests.helpers.layers import FAN_IN, READS, inputs, layer_of, noises, probability, sites
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)


def general(layer, x):
    """The argument by the path for any inputs, which sums the squares in ‖w∘x‖."""
    with mock.patch("nsm.nn.neural_sampling.all_signs", return_value=False):
        product, norm, bias = layer.terms(x)
        return layer.quotient(product, norm, bias)


def any_layer(kind, seed, outputs, *, bias=True, silent=False):
    """A float64 layer with random weights, biases and β, and the shape of one of its inputs."""
    layer = {
        "linear": lambda: NSMLinear(5, outputs, bias=bias, p=0.3),
        "conv": lambda: NSMConv2d(2, outputs, 2, bias=bias, p=0.3),
        "strided": lambda: NSMConv2d(2, outputs, (2, 1), stride=(1, 2), bias=bias, p=0.3),
        "locations": lambda: NSMConv2d(2, outputs, 2, bias=bias, p=0.3, locations=(2, 3)),
        "padded": lambda: NSMConv2d(2, outputs, 2, bias=bias, p=0.3, padding=1),
    }[kind]().double()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_((0.1 + torch.rand_like(parameter)) * signs(torch.randn_like(parameter)))
        if silent:
            layer.weight[seed % outputs] = 0
    return layer, (5,) if kind == "linear" else (2, 3, 4)


def drawn_signs(*shape):
    return signs(torch.randn(shape, dtype=torch.float64))


kinds = pytest.mark.parametrize("kind", ["linear", "conv", "strided", "locations", "padded"])
layers = given(
    batch=st.integers(1, 30),
    outputs=st.integers(1, 4),
    bias=st.booleans(),
    silent=st.booleans(),
    seed=st.integers(0, 99),
)


@kinds
@layers
@settings(max_examples=40, deadline=None)
def test_signs_take_a_shorter_path_to_the_same_argument_and_gradients(
    kind, batch, outputs, bias, silent, seed
):
    layer, shape = any_layer(kind, seed, outputs, bias=bias, silent=silent)
    x = drawn_signs(batch, *shape)
    fast, slow = layer.argument(x), general(layer, x)
    assert torch.isinf(fast).any() == silent
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.quotient(*layer.terms(x)), slow, rtol=1e-12, atol=1e-12)
    # Through erf, whose slope is 0 where v is infinite: a silent row learns nothing on either path.
    outside, leaves = torch.randn_like(fast), list(layer.parameters())
    got = torch.autograd.grad((torch.erf(fast) * outside).sum(), leaves)
    wanted = torch.autograd.grad((torch.erf(slow) * outside).sum(), leaves)
    for one, other in zip(got, wanted, strict=True):
        assert (one - other).abs().max() <= 1e-12 * (1 + other.abs().max())


@kinds
@layers
@settings(max_examples=40, deadline=None)
def test_a_pass_of_signs_is_the_sign_of_the_argument_under_noise_with_its_gradients(
    kind, batch, outputs, bias, silent, seed
):
    layer, shape = any_layer(kind, seed, outputs, bias=bias, silent=silent)
    x = drawn_signs(batch, *shape).requires_grad_()
    reseed(layer, seed)
    fast = layer(x)
    reseed(layer, seed)
    v = layer.argument(x)
    slow = SignOfNoisySum.apply(v, v.detach() + math.sqrt(0.5) * layer.normal(v))
    torch.testing.assert_close(fast, slow, rtol=0, atol=0)
    outside, leaves = torch.randn_like(fast), [x, *layer.parameters()]
    got = torch.autograd.grad((fast * outside).sum(), leaves)
    wanted = torch.autograd.grad((slow * outside).sum(), leaves)
    for one, other in zip(got, wanted, strict=True):
        assert (one - other).abs().max() <= 1e-12 * (1 + other.abs().max())


class Reversed(NSMLinear):
    """A layer with a sum of its own."""

    def weighted_sum(self, x, weight, shift=None):
        return super().weighted_sum(x.flip(-1), weight, shift)


def test_a_sum_of_a_subclass_is_the_one_that_is_computed_and_learned():
    torch.manual_seed(0)
    own, plain = Reversed(40, 6).double(), NSMLinear(40, 6).double()
    plain.load_state_dict(own.state_dict())
    x = drawn_signs(3, 40)
    for layer, its in ((own, x), (plain, x.flip(-1))):
        reseed(layer, 1)
        layer(its).sum().backward()
    torch.testing.assert_close(own.weight.grad, plain.weight.grad, rtol=1e-12, atol=1e-14)
    assert own.weight.grad.abs().max() > 0


def test_frozen_parameters_get_no_gradient_and_the_others_theirs():
    layer = NSMLinear(40, 6).double()
    x = drawn_signs(3, 40)
    gradients = {}
    for frozen in ("", "weight", "beta", "bias"):
        layer.zero_grad()
        for name, parameter in layer.named_parameters():
            parameter.requires_grad_(name != frozen)
        reseed(layer, 1)
        layer(x).sum().backward()
        for name, parameter in layer.named_parameters():
            assert (parameter.grad is None) == (name == frozen)
            if parameter.grad is not None:
                assert torch.equal(parameter.grad, gradients.setdefault(name, parameter.grad))


@kinds
@pytest.mark.parametrize("batch", [1, 30])
def test_for_signs_the_norm_is_a_constant_of_the_inputs(kind, batch):
    # v = β (w·x + c): its gradient in an input is that of the sum alone, with and without padding,
    # for few inputs and for many.
    layer, shape = any_layer(kind, 3, 4)
    x = drawn_signs(batch, *shape).requires_grad_()
    product, norm, _ = layer.terms(x.detach())
    outside = torch.randn_like(product)
    (got,) = torch.autograd.grad((layer.argument(x) * outside).sum(), x)
    scale = layer.broadcast_outputs(layer.beta) / norm
    (wanted,) = torch.autograd.grad(
        (layer.weighted_sum(x, layer.weight) * scale.detach() * outside).sum(), x
    )
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["signs", "real"])
# Fewer and more inputs than weights: β/‖w‖ multiplies the sums or the weights.
@pytest.mark.parametrize("batch", [1, 50])
def test_gradient_of_the_argument_is_that_of_equations_6_and_7_with_the_bias(kind, batch, rng):
    layer = layer_of(rng, n=9, m=4, p=0.3)
    x = inputs(kind, rng, (batch, 9))
    for i in range(4):
        got = torch.autograd.grad(
            layer.argument(x)[:, i].sum(), [layer.weight, layer.beta, layer.bias]
        )
        w, beta, b = (p.detach().numpy()[i] for p in (layer.weight, layer.beta, layer.bias))
        each = [
            theory.argument_gradients(w, row, beta, b, variance=layer.variance) for row in x.numpy()
        ]
        for one, name in zip(got, ("w", "beta", "b"), strict=True):
            wanted = np.sum([g[name] for g in each], axis=0)
            np.testing.assert_allclose(one[i].numpy(), wanted, rtol=1e-12, atol=1e-12 * batch)
            assert torch.count_nonzero(one) == one[i].numel()  # no other neuron's


@kinds
@given(exponent=st.floats(-6, 6), seed=st.integers(0, 99), real=st.booleans())
@settings(max_examples=20, deadline=None)
def test_weights_scaled_with_their_biases_leave_the_argument(kind, exponent, seed, real):
    layer, shape = any_layer(kind, seed, 3)
    x = torch.randn(4, *shape, dtype=torch.float64) if real else drawn_signs(4, *shape)
    before = layer.argument(x)
    with torch.no_grad():
        layer.weight *= 10**exponent
        layer.bias *= 10**exponent
    torch.testing.assert_close(layer.argument(x), before, rtol=1e-12, atol=1e-12)


@sites
@noises
@pytest.mark.parametrize("kind", ["signs", "real"])
def test_noisy_sum_has_the_moments_of_its_noise(site, options, kind, rng):
    layer = layer_of(rng, n=20, m=2, site=site, **options)
    x = inputs(kind, rng, 20)
    with torch.no_grad():
        layer.weight[1] += layer.weight[0]  # rows that share much: else both sites would pass
        u = layer.noisy_sum(x.expand(READS, 20)).numpy()
        w, product = layer.weight.numpy(), (layer.weight @ x).numpy()
        mean = (layer.mean + layer.a.numpy()) * product + layer.bias.numpy()
    covariance = layer.variance * (w * x.numpy() ** 2) @ w.T
    assert_mean(u, mean)
    assert_variance(u, np.diag(covariance), mean=mean)
    assert_covariance(u[:, 0], u[:, 1], covariance[0, 1] if site == "neuron" else 0.0)


@sites
@noises
def test_the_sign_of_the_noisy_sum_has_the_law_of_the_output(site, options, rng):
    layer = layer_of(rng, site=site, **options)
    x = inputs("signs", rng, FAN_IN)
    with torch.no_grad():
        hits = (layer.noisy_sum(x.expand(READS, FAN_IN)) >= 0).sum(dim=0)
    for count, p in zip(hits, probability(layer, x), strict=True):
        assert_frequency(int(count), READS, p)


@sites
@kinds
@pytest.mark.parametrize("signed", [True, False])
@given(silent=st.booleans(), bias=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_an_output_is_the_sign_of_its_noisy_sum(kind, signed, site, silent, bias, seed):
    layer, shape = any_layer(kind, seed, 3, bias=bias, silent=silent)
    layer.site = site
    x = drawn_signs(40, *shape)
    x = x if signed else x * torch.rand_like(x).round(decimals=1)
    with torch.no_grad():
        reseed(layer, 7)
        z = layer(x)
        reseed(layer, 7)
        u = layer.noisy_sum(x)
    # Sums that are 0 up to rounding may have either sign.
    assert torch.equal(z, signs(torch.where(u.abs() < 1e-12, z, u)))


def test_noisy_sum_carries_the_gradient_of_weights_noise_and_beta(rng):
    layer = layer_of(rng, n=6, m=3, site="neuron", p=0.4)
    x = inputs("real", rng, (4, 6)).requires_grad_()
    reseed(layer, 5)
    u = layer.noisy_sum(x)
    layer.zero_grad()
    reseed(layer, 5)
    xi = layer._factors(x)
    # u_i = Σ_j (ξ_j + a_i) w_ij x_j + b_i, a_i = β_i s − E ξ, written out for the same factors.
    written = torch.stack(
        [
            ((xi + layer.beta[i] * layer.s - 0.4) * layer.weight[i] * x).sum(1) + layer.bias[i]
            for i in range(3)
        ],
        dim=1,
    )
    torch.testing.assert_close(u, written, rtol=1e-12, atol=1e-12)
    outside, leaves = torch.tensor(rng.standard_normal((4, 3))), [x, *layer.parameters()]
    for one, other in zip(
        torch.autograd.grad((u * outside).sum(), leaves),
        torch.autograd.grad((written * outside).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def windows(layer, x):
    """The inputs of every location, (locations, fan-in), by loops; zeros outside the image."""
    channels, height, width = x.shape
    (p, q), (r, c), (rows, columns) = layer.padding, layer.stride, layer.out_size(height, width)
    big = np.zeros((channels, height + 2 * p, width + 2 * q))
    big[:, p : p + height, q : q + width] = x
    k, m = layer.kernel_size
    seen = [
        big[:, i * r : i * r + k, j * c : j * c + m].ravel()
        for i in range(rows)
        for j in range(columns)
    ]
    return np.stack(seen)


def convolution(rng, padding, stride=1, size=4, channels=2, **options):
    """A layer with a β for each location of a size × size image, and that image."""
    outside = NSMConv2d(channels, 2, 3, padding=padding, stride=stride).out_size(size, size)
    layer = NSMConv2d(
        channels, 2, 3, padding=padding, stride=stride, locations=outside, **options
    ).double()
    reseed(layer, 0)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rng.standard_normal(layer.weight.shape)))
        layer.bias.copy_(torch.tensor(rng.normal(0, 2, 2)))
        if layer.beta_mode == "learned":
            layer.beta.copy_(torch.tensor(rng.uniform(0.2, 2, layer.beta.shape)))
    return layer, torch.tensor(rng.choice([-1.0, 1.0], (channels, size, size)))


@pytest.mark.parametrize("beta", ["learned", "native"])
def test_every_location_may_have_a_separate_beta(beta):
    layer = NSMConv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0), beta=beta, locations=(3, 5))
    assert layer.beta.shape == layer.a.shape == (4, 3, 5)
    assert layer.bias.shape == (4,)
    assert ("beta" in dict(layer.named_parameters())) == (beta == "learned")
    assert layer(torch.ones(2, 3, 5, 6)).shape == (2, 4, 3, 5)
    assert NSMConv2d(3, 4, 3).beta.shape == (4,)
    assert "locations=(3, 5)" in repr(layer)
    assert "locations" not in repr(NSMConv2d(3, 4, 3))


@sites
@pytest.mark.parametrize("kind", ["signs", "real"])
@pytest.mark.parametrize(("padding", "stride"), [(0, 1), (1, 1), (1, 2)])
def test_a_location_fires_with_equation_4_at_its_own_beta(site, kind, padding, stride, rng):
    # Gaussian noise: the sums of both sites are normal at any fan-in.
    layer, x = convolution(rng, padding, stride, noise="gaussian", sigma=0.8, site=site)
    x = x * torch.tensor(rng.uniform(0.2, 1, x.shape)) if kind == "real" else x
    reads = 4000
    with torch.no_grad():
        hits = (layer(x.expand(reads, *x.shape)) > 0).sum(dim=0).numpy()
    seen = windows(layer, x.numpy())
    for channel in range(2):
        betas = layer.beta[channel].detach().flatten()
        for place, (beta, count) in enumerate(zip(betas, hits[channel].ravel(), strict=True)):
            p = theory.firing_probability(
                layer.weight[channel].detach().numpy().reshape(1, -1),
                seen[place],
                mean=1.0,
                variance=0.64,
                a=theory.a_from_beta(float(beta), mean=1.0, variance=0.64),
                b=float(layer.bias[channel].detach()),
            )
            assert_frequency(count, reads, float(p[0]))


@pytest.mark.parametrize("noise", ["bernoulli", "gaussian"])
def test_at_the_border_only_the_inputs_that_are_there_are_noisy(noise, rng):
    # Explicit factors, one for each synapse of each neuron. With 24 channels, corners see 96 of
    # 216 inputs.
    layer, x = convolution(rng, padding=1, channels=24, size=3, noise=noise, sigma=1.0, p=0.5)
    with torch.no_grad():
        v = layer.argument(x[None])[0].flatten(1).numpy()
        full = np.sqrt((layer.weight.numpy() ** 2).sum(axis=(1, 2, 3)))
        w = layer.weight.numpy().reshape(2, -1)
        a = layer.a.flatten(1).numpy()
        b = layer.bias.numpy()
    reads = 20_000
    told_apart = 0
    for place, seen in enumerate(windows(layer, x.numpy())):
        there = seen != 0
        shape = (reads, int(there.sum()))
        xi = rng.random(shape) < 0.5 if noise == "bernoulli" else rng.normal(1, 1, shape)
        for i in range(2):
            terms = (w[i] * seen)[there]
            fired = (xi @ terms + a[i, place] * terms.sum() + b[i] >= 0).mean()
            p = (1 + erf(v[i, place])) / 2
            error = 0.003 * (noise == "bernoulli")  # of the normal law in eq. 4, at a fan-in of 96
            bound = 5 * np.sqrt(p * (1 - p) / reads) + error
            assert abs(fired - p) <= bound
            # What it would be if padded inputs were noisy too:
            wrong = (1 + erf(v[i, place] * np.linalg.norm(terms) / full[i])) / 2
            told_apart += abs(fired - wrong) > bound
    assert told_apart >= 8  # of 16 neurons at the border


@sites
@pytest.mark.parametrize("padding", [0, 1])
def test_equal_betas_of_a_channel_are_a_beta_per_channel(site, padding, rng):
    own, x = convolution(rng, padding, site=site)
    shared = NSMConv2d(2, 2, 3, padding=padding, site=site).double()
    x = torch.stack([x, -x.flip(0)])
    with torch.no_grad():
        own.beta.copy_(torch.tensor([0.7, 1.6])[:, None, None].expand_as(own.beta))
        for name, value in (
            ("weight", own.weight),
            ("bias", own.bias),
            ("beta", own.beta[:, 0, 0]),
        ):
            getattr(shared, name).copy_(value)
    torch.testing.assert_close(own.argument(x), shared.argument(x), rtol=1e-12, atol=1e-12)
    outputs = {}
    for layer in (own, shared):
        reseed(layer, 2)
        z = layer(x)
        (z * torch.arange(z.numel()).view_as(z)).sum().backward()
        reseed(layer, 2)
        outputs[layer] = z, layer.noisy_sum(x)
    assert torch.equal(outputs[own][0], outputs[shared][0])
    torch.testing.assert_close(outputs[own][1], outputs[shared][1], rtol=1e-12, atol=1e-12)
    for name in ("weight", "bias"):
        torch.testing.assert_close(
            getattr(own, name).grad, getattr(shared, name).grad, rtol=1e-12, atol=1e-12
        )
    torch.testing.assert_close(
        own.beta.grad.sum(dim=(1, 2)), shared.beta.grad, rtol=1e-12, atol=1e-12
    )


def test_a_layer_with_betas_by_location_takes_one_size_of_image():
    layer = NSMConv2d(1, 2, 3, padding=1, locations=(4, 5))
    with pytest.raises(
        ValueError,
        match=r"a β for each of \(4, 5\) locations, but .* shape \(2, 1, 5, 4\) give \(5, 4\)",
    ):
        layer(torch.ones(2, 1, 5, 4))
    with pytest.raises(ValueError, match="NSMConv2d has a β for each"):
        layer.noisy_sum(torch.ones(2, 1, 5, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"locations": (0, 3)},
            "NSMConv2d.locations = 0 is not allowed",
        ),
        (
            {"locations": (1, 2, 3)},
            r"NSMConv2d.locations = \(1, 2, 3\) is not allowed",
        ),
        ({"stride": 0}, "NSMConv2d.stride = 0 is not allowed"),
        (
            {"padding": -1},
            "NSMConv2d.padding = -1 is not allowed",
        ),
        ({"in_channels": 0}, "NSMConv2d.in_channels = 0 is not allowed"),
        ({"out_channels": 1.5}, "NSMConv2d.out_channels = 1.5 is not allowed"),
    ],
)
def test_bad_options_of_a_convolution_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        NSMConv2d(**({"in_channels": 2, "out_channels": 3, "kernel_size": 3} | options))
