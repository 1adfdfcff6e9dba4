"""The training rules of Table 2: what each sends forward in law, and the gradient it sends back."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr
from scipy.stats import norm
from torch import nn

from nsm.nn.activations import NoisyReLU, Sign
from nsm.nn.rules import (
    BinConcreteConv2d,
    BinConcreteLinear,
    NoiselessConv2d,
    NoiselessLinear,
    StraightThroughConv2d,
    StraightThroughLinear,
)
from nsm.nn.stochastic import reseed
from nsm.nn.weight_norm import RowNormConv2d, RowNormLinear
from tests.helpers.statistics import assert_frequency, assert_mean

READS = 20_000
sites = pytest.mark.parametrize("site", ["synapse", "neuron"])


def layer_of(kind, rng, **options):
    """A float64 layer with random parameters, and the shape of one of its inputs."""
    conv = issubclass(kind, nn.Conv2d) or kind.__name__.endswith("Conv2d")
    layer = (kind(2, 3, 3, padding=1, **options) if conv else kind(7, 3, **options)).double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            drawn = (
                rng.uniform(0.4, 1.6, parameter.shape)
                if name in ("beta", "magnitude")
                else rng.normal(size=parameter.shape)
            )
            parameter.copy_(torch.tensor(drawn))
    reseed(layer, 0)
    return layer, (2, 4, 4) if conv else (7,)


def reals(rng, *shape):
    return torch.tensor(rng.standard_normal(shape))


def gradients(out, outside, leaves):
    return torch.autograd.grad((out * outside).sum(), leaves, allow_unused=True)


def assert_close(got, wanted):
    for one, other in zip(got, wanted, strict=True):
        assert (one - other).abs().max() <= 1e-12 * (1 + other.abs().max())


def test_sign_passes_its_gradient_straight_through(rng):
    u = torch.tensor([-2.0, -1e-30, -0.0, 0.0, 1e-30, 7.0], requires_grad=True)
    z = Sign()(u)
    assert z.tolist() == [-1, -1, 1, 1, 1, 1]  # sgn(0) = +1
    outside = torch.tensor(rng.standard_normal(6), dtype=torch.float32)
    assert torch.equal(gradients(z, outside, u)[0], outside)


@pytest.mark.parametrize("std", [0.1, 2.0])
def test_noisy_rectifier_has_the_moments_of_a_cut_normal(std, rng):
    layer, u = NoisyReLU(std), np.array([-1.5, -0.1, 0.0, 0.3, 2.0]) * std
    reseed(layer, 0)
    z = layer(torch.tensor(u).expand(READS, 5)).numpy()
    # E max(0, N(u, σ²)) = u Φ(u/σ) + σ φ(u/σ); its square: (u² + σ²) Φ(u/σ) + u σ φ(u/σ).
    below, density = norm.cdf(u / std), norm.pdf(u / std)
    assert_mean(z, u * below + std * density)
    assert_mean(z**2, (u**2 + std**2) * below + u * std * density)
    assert (z >= 0).all()


def test_noisy_rectifier_passes_its_gradient_below_zero_too(rng):
    layer, u, outside = NoisyReLU(0.5), reals(rng, 50).requires_grad_(), reals(rng, 50)
    reseed(layer, 0)
    z = layer(u)
    assert (z == 0).any()
    assert (z > 0).any()
    assert torch.equal(gradients(z, outside, u)[0], outside)


def test_noisy_rectifier_draws_from_its_own_stream_in_eval_too():
    layer, u = NoisyReLU().eval(), torch.ones(30)
    reseed(layer, 1)
    first = layer(u)
    assert not torch.equal(layer(u), first)
    reseed(layer, 1)
    assert torch.equal(layer(u), first)
    assert torch.equal(NoisyReLU(0.0)(u - 2), torch.zeros(30))


def test_a_bad_strength_of_noise_is_refused():
    with pytest.raises(ValueError, match=r"NoisyReLU.std = -1 is not allowed.*\[0, inf\)"):
        NoisyReLU(-1)
    assert repr(NoisyReLU(0.3)) == "NoisyReLU(std=0.3)"


row_norms = pytest.mark.parametrize("kind", [RowNormLinear, RowNormConv2d])


@row_norms
def test_every_row_has_the_norm_of_its_magnitude_and_the_direction_of_its_weights(kind, rng):
    layer, shape = layer_of(kind, rng)
    rows, w = (t.detach().flatten(1) for t in (layer.effective_weight(), layer.weight))
    torch.testing.assert_close(rows.norm(dim=1), layer.magnitude.detach(), rtol=1e-12, atol=0)
    cosine = (rows * w).sum(1) / rows.norm(dim=1) / w.norm(dim=1)
    torch.testing.assert_close(cosine, torch.ones(3).double(), rtol=1e-12, atol=0)
    x = reals(rng, 5, *shape)
    plain = (
        nn.functional.linear
        if kind is RowNormLinear
        else lambda *a: nn.functional.conv2d(*a, padding=1)
    )
    torch.testing.assert_close(
        layer(x), plain(x, layer.effective_weight(), layer.bias), rtol=1e-12, atol=1e-12
    )


@row_norms
def test_it_starts_as_the_plain_layer_of_the_same_weights(kind, rng):
    layer = kind(4, 3) if kind is RowNormLinear else kind(4, 3, 2)
    torch.testing.assert_close(layer.effective_weight(), layer.weight, rtol=1e-6, atol=0)  # float32
    assert set(dict(layer.named_parameters())) == {"weight", "bias", "magnitude"}


@row_norms
@pytest.mark.parametrize("factor", [1e-3, 50.0])
def test_output_does_not_know_the_scale_of_the_weights_nor_its_gradient_their_direction(
    kind, factor, rng
):
    layer, shape = layer_of(kind, rng)
    x = reals(rng, 5, *shape)
    before = layer(x)
    (before * reals(rng, *before.shape)).sum().backward()
    along = (layer.weight.grad * layer.weight).flatten(1).sum(1)
    size = layer.weight.grad.flatten(1).norm(dim=1) * layer.weight.flatten(1).norm(dim=1)
    assert (size > 0.1).all()
    assert (along.abs() <= 1e-12 * size).all()
    with torch.no_grad():
        layer.weight *= factor
    torch.testing.assert_close(layer(x), before, rtol=1e-12, atol=1e-12)


@row_norms
def test_gradients_are_those_of_torchs_weight_normalization(kind, rng):
    layer, shape = layer_of(kind, rng)
    x = reals(rng, 5, *shape).requires_grad_()
    twin = nn.Linear(7, 3) if kind is RowNormLinear else nn.Conv2d(2, 3, 3, padding=1)
    twin = nn.utils.parametrizations.weight_norm(twin.double())
    direction, magnitude = (
        twin.parametrizations.weight.original1,
        twin.parametrizations.weight.original0,
    )
    with torch.no_grad():
        direction.copy_(layer.weight)
        magnitude.copy_(layer.magnitude.view_as(magnitude))
        twin.bias.copy_(layer.bias)
    outside = reals(rng, *layer(x).shape)
    got = gradients(layer(x), outside, [x, layer.weight, layer.bias, layer.magnitude])
    wanted = gradients(twin(x), outside, [x, direction, twin.bias, magnitude])
    assert_close(got, [*wanted[:3], wanted[3].flatten()])


@row_norms
def test_a_row_of_zeros_stays_one_and_spoils_no_other(kind, rng):
    layer, shape = layer_of(kind, rng)
    with torch.no_grad():
        layer.weight[1] = 0
    out = layer(reals(rng, 5, *shape))
    assert torch.equal(out[:, 1], layer.bias[1].expand_as(out[:, 1]))
    out.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())
    assert layer.weight.grad[0].abs().min() > 0


straight = pytest.mark.parametrize("kind", [StraightThroughLinear, StraightThroughConv2d])


@straight
@sites
@pytest.mark.parametrize("signed", [True, False])
def test_straight_through_is_the_sign_and_the_gradient_of_the_same_noisy_sum(
    kind, site, signed, rng
):
    layer, shape = layer_of(kind, rng, site=site, p=0.3)
    x = reals(rng, 4, *shape)
    x = (x.sign() if signed else x).requires_grad_()
    reseed(layer, 3)
    z = layer(x)
    outside, leaves = reals(rng, *z.shape), [x, *layer.parameters()]
    got = gradients(z, outside, leaves)
    reseed(layer, 3)
    u = layer.noisy_sum(x)
    assert torch.equal(z, torch.where(u >= 0, 1.0, -1.0).double())
    for one, other in zip(got, gradients(u, outside, leaves), strict=True):
        assert torch.equal(one, other)


@straight
@sites
def test_straight_through_reaches_beta_and_bias_as_the_sum_is_linear_in_them(kind, site, rng):
    layer, shape = layer_of(kind, rng, site=site)
    x = reals(rng, 4, *shape)
    z = layer(x)
    outside = reals(rng, *z.shape)
    # u = s β w·x + b + noise in which neither is: ∂u/∂β = s w·x, ∂u/∂b = 1.
    product = layer.weighted_sum(x, layer.weight)
    axes = [0, *range(2, z.ndim)]
    wanted = [(layer.s * product * outside).sum(axes), outside.sum(axes)]
    assert_close(gradients(z, outside, [layer.beta, layer.bias]), wanted)


concrete = pytest.mark.parametrize("kind", [BinConcreteLinear, BinConcreteConv2d])


def log_odds(v):
    """ln(P/(1 − P)) of P = ½ (1 + erf v) = Φ(√2 v), exact in both tails."""
    return log_ndtr(math.sqrt(2) * v) - log_ndtr(-math.sqrt(2) * v)


@concrete
def test_relaxed_states_are_the_sigmoid_of_log_odds_and_logistic_noise(kind, rng):
    layer, shape = layer_of(kind, rng)
    with torch.no_grad():
        layer.beta *= 4  # |v| from 0 to more than 8
    x = reals(rng, 40, *shape)
    v = layer.argument(torch.where(x >= 0, 1.0, -1.0).double()).detach()
    assert v.abs().max() > 8
    assert v.abs().min() < 0.1
    reseed(layer, 4)
    uniform = torch.rand(v.shape, generator=layer.generator(v.device), dtype=v.dtype).numpy()
    reseed(layer, 4)
    logistic = np.log(uniform) - np.log1p(-uniform)
    wanted = 2 / (1 + np.exp(-(log_odds(v.numpy()) + logistic))) - 1
    np.testing.assert_allclose(layer(x).detach().numpy(), wanted, rtol=1e-12, atol=1e-12)


@concrete
def test_relaxed_states_are_positive_with_the_firing_probability(kind, rng):
    layer, shape = layer_of(kind, rng)
    x = reals(rng, *shape).sign()
    with torch.no_grad():
        hits = (layer(x.expand(READS, *shape)) > 0).sum(dim=0).numpy()
        p = (1 + torch.erf(layer.argument(x[None]))[0]).numpy() / 2
    chosen = (p > 1e-3) & (p < 1 - 1e-3)  # where the count is near normal
    assert chosen.sum() >= 2
    for count, probability in zip(hits[chosen], p[chosen], strict=True):
        assert_frequency(count, READS, probability)


@concrete
def test_relaxed_states_have_the_gradient_of_the_relaxation_and_inputs_that_of_the_identity(
    kind, rng
):
    layer, shape = layer_of(kind, rng)
    x = reals(rng, 6, *shape).requires_grad_()
    leaves = list(layer.parameters())
    z = layer(x)
    outside = reals(rng, *z.shape)
    got = gradients(z, outside, [x, *leaves])
    # dz/dv = ½ (1 − z²) d ln(P/(1 − P))/dv, with dP/dv = exp(−v²)/√π.
    signed = x.detach().sign().requires_grad_()
    v = layer.argument(signed)
    p, slope = (1 + torch.erf(v)) / 2, torch.exp(-(v**2)) / math.sqrt(math.pi)
    through = ((1 - z**2) / 2 * slope / (p * (1 - p))).detach()
    wanted = gradients(v, outside * through, [signed, *leaves])
    for one, other in zip(got, wanted, strict=True):
        # p(1 − p) loses 1/p digits in the tails
        assert (one - other).abs().max() <= 1e-9 * other.abs().max()


@given(v=st.floats(-20, 20), seed=st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_relaxed_states_and_gradients_are_finite_far_out(dtype, v, seed):
    layer = BinConcreteLinear(1, 1, bias=True).to(dtype)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.beta.fill_(v)
        layer.bias.fill_(0.0)
    reseed(layer, seed)
    z = layer(torch.ones(1, 1, dtype=dtype))
    z.sum().backward()
    uniform = torch.rand(1, 1, generator=layer_stream(seed), dtype=dtype).double()
    wanted = math.tanh((log_odds(v) + float(torch.logit(uniform))) / 2)
    assert abs(z.item() - wanted) <= (1e-12 if dtype == torch.float64 else 1e-5)
    # d odds/dv grows as 2|v|: z has the slope of (1 − z²)/2 times that, 0 where z is ±1.
    slope = math.sqrt(2) * math.exp(
        norm.logpdf(math.sqrt(2) * v) - log_ndtr(math.sqrt(2) * -abs(v))
    )
    slope *= 1 / math.exp(log_ndtr(math.sqrt(2) * abs(v)))
    tolerance = 1e-9 if dtype == torch.float64 else 2e-4
    assert abs(layer.beta.grad.item() - slope * (1 - wanted**2) / 2) <= tolerance * (1 + slope)


def layer_stream(seed):
    """The generator that `reseed(layer, seed)` gives a single layer."""
    layer = BinConcreteLinear(1, 1)
    reseed(layer, seed)
    return layer.generator(torch.device("cpu"))


def test_certain_neurons_are_relaxed_to_signs_and_learn_nothing():
    layer = BinConcreteLinear(2, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([1.0, -1.0]))
    z = layer(torch.ones(3, 2))
    assert torch.equal(z, torch.tensor([1.0, -1.0]).expand(3, 2))
    z.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in layer.parameters())


noiseless = pytest.mark.parametrize("kind", [NoiselessLinear, NoiselessConv2d])


@noiseless
@pytest.mark.parametrize("bias", [True, False])
def test_without_noise_it_is_the_sign_of_twice_the_sum_and_bias(kind, bias, rng):
    layer, shape = layer_of(kind, rng, bias=bias)
    x = reals(rng, 20, *shape)
    z = layer(x)
    assert torch.equal(z, layer(x))  # no draw
    with torch.no_grad():
        plain = (
            nn.functional.linear
            if kind is NoiselessLinear
            else lambda *a: nn.functional.conv2d(*a, padding=1)
        )
        u = 2 * plain(x, layer.weight)
        if bias:
            shifted = u + (layer.bias if kind is NoiselessLinear else layer.bias[:, None, None])
            assert ((shifted >= 0) != (u >= 0)).any()
            u = shifted
        layer.beta *= -3  # not in the forward pass
    assert set(z.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(z, torch.where(u >= 0, 1.0, -1.0).double())
    assert torch.equal(layer(x), z)


@noiseless
@pytest.mark.parametrize("signed", [True, False])
def test_without_noise_it_keeps_the_gradient_of_the_probability(kind, signed, rng):
    layer, shape = layer_of(kind, rng)
    x = reals(rng, 6, *shape)
    x = (x.sign() if signed else x).requires_grad_()
    leaves = [x, *layer.parameters()]
    z = layer(x)
    outside = reals(rng, *z.shape)
    wanted = gradients(torch.erf(layer.argument(x)), outside, leaves)
    assert_close(gradients(z, outside, leaves), wanted)
    assert all(g.abs().max() > 1e-3 for g in wanted)
