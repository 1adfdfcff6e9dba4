"""Noisy signs and gradients in compiled passes: their law, and torch as their twin."""

from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import crossbar.threads
from nsm import NSMConv2d, NSMLinear
from nsm.nn import compiled
from nsm.nn.sign_checks import all_signs
from nsm.nn.stochastic import reseed
from nsm.nn.surrogate_gradients import signs, slope
from tests.helpers.statistics import assert_frequency

LAYERS = {
    "linear": (lambda **o: NSMLinear(5, 4, **o), (5,)),
    "conv": (lambda **o: NSMConv2d(2, 4, 2, **o), (2, 4, 5)),
    "locations": (lambda **o: NSMConv2d(2, 4, 2, locations=(3, 4), **o), (2, 4, 5)),
}
kinds = pytest.mark.parametrize("kind", LAYERS)


def layer_of(kind, seed=0, **options):
    build, shape = LAYERS[kind]
    torch.manual_seed(seed)
    layer = build(**options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return layer, shape


def by_torch():
    """Let torch compute what compiled passes do."""
    return mock.patch.object(compiled, "fits", return_value=False)


def fixed(signs_now):
    """Take these signs instead of drawn ones."""
    draw = mock.Mock(return_value=signs_now)
    return mock.patch("nsm.nn.stochastic.Stochastic.noisy_signs", draw)


def gradients(layer, x, weights, z):
    """The gradients of one loss with respect to inputs and parameters, whatever was drawn."""
    x = x.clone().requires_grad_()
    with fixed(z.clone()):
        loss = (layer(x) * weights).sum()
    return torch.autograd.grad(loss, [x, *layer.parameters()])


@settings(max_examples=15, deadline=None)
@given(batch=st.integers(1, 20), seed=st.integers(0, 99), bias=st.booleans(), silent=st.booleans())
@kinds
def test_gradients_are_those_of_torch(kind, batch, seed, bias, silent):
    layer, shape = layer_of(kind, seed, bias=bias)
    if silent:
        with torch.no_grad():
            layer.weight[1] = 0
    x = signs(torch.randn(batch, *shape))
    with torch.no_grad():
        z = layer(x)
    weights = torch.randn_like(z)
    # The matrix is rescaled where it is smaller than the batch: another path, without these loops.
    with mock.patch.object(type(layer), "_rescales_weights", return_value=False):
        ours = gradients(layer, x, weights, z)
        with by_torch():
            torchs = gradients(layer, x, weights, z)
    for one, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-4, atol=2e-5)


def test_the_slope_holds_for_every_size_of_argument():
    v = torch.cat([torch.linspace(-12, 12, 4001), torch.tensor([np.inf, -np.inf, 1e30, 0.0])])
    one, zero = torch.ones(len(v)), torch.zeros(len(v))
    found, *_ = compiled.gradients_of_signs(one[None], zero[None], one, v)
    torch.testing.assert_close(found[0], slope(v), rtol=1e-5, atol=1e-30)
    v = torch.full((3,), np.nan)
    found, *_ = compiled.gradients_of_signs(one[None, :3], zero[None, :3], one[:3], v)
    assert found.isnan().all()


@pytest.mark.parametrize("columns", [1, 300, 512, 513, 2000])
@pytest.mark.parametrize("threads", [1, 2])
def test_sums_over_rows_are_those_of_torch(columns, threads):
    torch.manual_seed(0)
    grad, sums = torch.randn(2, 90, columns)
    factor, shift = torch.randn(2, columns)
    of_v = slope(torch.addcmul(shift, factor, sums)) * grad
    expected = of_v * factor, (of_v * sums).sum(0), of_v.sum(0)
    with crossbar.threads.threads(threads):
        found = compiled.gradients_of_signs(grad, sums, factor, shift)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=2e-5)


@kinds
def test_signs_have_the_probability_of_the_layer(kind):
    layer, shape = layer_of(kind)
    reseed(layer, 1)
    x = signs(torch.randn(1, *shape))
    reads = 4000
    with torch.no_grad():
        probability = (1 + torch.erf(layer.argument(x)[0].double())) / 2
        ups = (layer(x.expand(reads, *shape)) > 0).sum(0)
    for p, n in zip(probability.flatten().tolist(), ups.flatten().tolist(), strict=True):
        assert_frequency(n, reads, p)


def test_neighbors_passes_and_layers_are_independent():
    a, b = NSMLinear(2, 200), NSMLinear(2, 200)
    reseed(torch.nn.Sequential(a, b), 3)
    zeros = torch.zeros(500, 200)
    first, second, other = a.noisy_signs(zeros), a.noisy_signs(zeros), b.noisy_signs(zeros)
    pairs = [
        (first, second),
        (first, other),
        (first[:, 1:], first[:, :-1]),
        (first[1:], first[:-1]),
    ]
    for one, two in pairs:
        z = (one * two).double().sum() / one.numel() ** 0.5
        assert abs(z) < norm.isf(1e-5)


def test_a_seed_gives_the_signs_again_whether_it_is_a_layers_or_that_of_torch():
    layer, zeros = NSMLinear(2, 200), torch.zeros(50, 200)

    def drawn(seed):
        torch.manual_seed(seed)
        return layer.noisy_signs(zeros)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    reseed(layer, 5)
    first = drawn(1)
    reseed(layer, 5)
    assert torch.equal(first, drawn(2))
    assert not torch.equal(first, drawn(2))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_have_the_same_law(dtype):
    layer = NSMLinear(2, 300).to(dtype)
    reseed(layer, 0)
    v = torch.full((400, 300), 0.3, dtype=dtype)
    probability = (1 + torch.erf(v[0, 0].double()).item()) / 2
    drawn = layer.noisy_signs(v)
    assert drawn.dtype == dtype
    assert_frequency(int((drawn > 0).sum()), drawn.numel(), probability)


@pytest.mark.parametrize("place", [0, 511, 512, 2999])
@pytest.mark.parametrize("value", [0.0, 1.0000001, -0.9999999, np.nan, np.inf])
def test_one_value_beside_signs_is_found_wherever_it_stands(value, place):
    x = torch.ones(10, 300)
    x[::2] = -1
    assert all_signs(x)
    assert all_signs(x.T)
    x.view(-1)[place] = value
    assert not all_signs(x)
    assert not all_signs(x.T)


def test_sums_in_another_order_of_memory_are_taken():
    layer, _ = layer_of("conv")
    x = signs(torch.randn(60, 2, 4, 5))
    with torch.no_grad():
        z = layer(x)
    weights = torch.randn_like(z)
    expected = gradients(layer, x, weights, z)
    layer.to(memory_format=torch.channels_last)
    assert not layer.weight.is_contiguous()
    with mock.patch.object(compiled, "gradients_of_signs") as never:
        found = gradients(layer, x.contiguous(memory_format=torch.channels_last), weights, z)
    never.assert_not_called()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-4, atol=2e-5)


@kinds
def test_an_empty_batch_stays_empty(kind):
    layer, shape = layer_of(kind)
    z = layer(torch.empty(0, *shape))
    assert len(z) == 0
    z.sum().backward()
    assert not layer.weight.grad.any()


@kinds
@pytest.mark.parametrize("wide", ["beta", "bias"])
def test_parameters_in_another_precision_take_the_way_of_torch(kind, wide):
    layer, shape = layer_of(kind)
    exact = layer_of(kind)[0].double()
    getattr(layer, wide).data = getattr(layer, wide).data.double()
    x = signs(torch.randn(9, *shape))
    z = exact(x.double()).detach()
    weights = torch.randn_like(z)
    with mock.patch.object(type(layer), "_rescales_weights", return_value=False):
        found = slopes(layer, x, weights, z)
        expected = slopes(exact, x.double(), weights, z)
    torch.testing.assert_close(found.double(), expected, rtol=2e-4, atol=2e-5)


def slopes(layer, x, weights, z):
    """The gradient of one loss with respect to β."""
    with fixed(z.clone()):
        return torch.autograd.grad((layer(x) * weights).sum(), layer.beta)[0]


def test_one_row_draws_like_a_batch_of_one():
    layer, x = NSMLinear(5, 300), signs(torch.randn(5))
    reseed(layer, 1)
    alone = layer(x)
    reseed(layer, 1)
    assert torch.equal(layer(x[None])[0], alone)
    (gradient,) = torch.autograd.grad(alone.sum(), layer.beta)
    reseed(layer, 1)
    torch.testing.assert_close(torch.autograd.grad(layer(x[None]).sum(), layer.beta)[0], gradient)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_factor_or_a_shift_alone_counts(dtype):
    layer, sums = NSMLinear(2, 20), torch.full((50, 20), 1.0, dtype=dtype)
    up = torch.full((20,), 50.0, dtype=dtype)
    assert (layer.noisy_signs(sums, None, up) == 1).all()
    assert (layer.noisy_signs(sums, -up, None) == -1).all()


def test_frozen_weights_have_no_gradient_and_the_rest_keeps_theirs():
    layer, shape = layer_of("linear")
    x, weights = signs(torch.randn(3, *shape)), torch.randn(3, 4)
    with torch.no_grad():
        z = layer(x)
    every = gradients(layer, x, weights, z)
    layer.weight.requires_grad_(False)
    with fixed(z.clone()):
        (layer(x) * weights).sum().backward()
    assert layer.weight.grad is None
    # The inputs, weight, bias and β, in the order of the parameters.
    names = ["x", *(name for name, _ in layer.named_parameters())]
    for name in ("bias", "beta"):
        torch.testing.assert_close(getattr(layer, name).grad, every[names.index(name)])


def test_long_sums_keep_their_digits():
    rows = 200_000
    grad, sums = torch.rand(rows, 1), torch.rand(rows, 1)
    one = torch.ones(1)
    *_, of_shift = compiled.gradients_of_signs(grad, sums, one, one)
    exact = (slope(1 + sums.double()) * grad).sum()
    assert abs(of_shift.double() / exact - 1).item() < 2e-5


def test_passes_use_no_more_threads_than_torch():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with crossbar.threads.threads(2), mock.patch("crossbar.threads._pool") as pool:
            x = torch.zeros(400, 1000)
            NSMLinear(2, 1000).noisy_signs(x)
            compiled.gradients_of_signs(x, x, torch.ones(1000), torch.ones(1000))
    finally:
        torch.set_num_threads(before)
    pool.assert_not_called()


def test_a_default_device_of_torch_moves_no_key():
    layer, x = NSMLinear(3, 4), torch.ones(2, 3)
    with torch.device("meta"):
        z = layer(x)
    assert z.device.type == "cpu"
