"""The neural sampling layer: draws against eq. 4, gradients against those of the closed form."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from devices import BlankOut, GaussianNoise
from nsm import Binarize, NSMLinear, theory
from nsm.nn.stochastic import reseed
from tests.helpers.layers import FAN_IN, READS, inputs, layer_of, noises, probability, sites
from tests.helpers.statistics import assert_frequency


@sites
@noises
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["signs", "bits", "real"])
def test_firing_frequency_is_equation_4(site, options, bias, kind, rng):
    layer = layer_of(rng, site=site, bias=bias, **options)
    x = inputs(kind, rng, FAN_IN)
    with torch.no_grad():
        z = layer(x.expand(READS, FAN_IN))
    assert set(z.unique().tolist()) == {-1.0, 1.0}
    for hits, p in zip((z > 0).sum(dim=0), probability(layer, x), strict=True):
        assert_frequency(int(hits), READS, p)


@pytest.mark.parametrize("kind", ["signs", "real"])
@noises
def test_argument_is_the_inverse_of_the_firing_probability(kind, options, rng):
    layer = layer_of(rng, **options)
    x = inputs(kind, rng, (5, FAN_IN))
    p = 0.5 * (1 + torch.erf(layer.argument(x)))
    np.testing.assert_allclose(p.detach().numpy(), probability(layer, x), rtol=1e-12)


@sites
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["signs", "real"])
def test_gradient_is_that_of_the_closed_form(site, bias, kind, rng):
    layer = layer_of(rng, n=20, m=4, bias=bias, p=0.3, site=site)
    x = inputs(kind, rng, (6, 20)).requires_grad_()
    weight_of_outputs = torch.tensor(rng.standard_normal((6, 4)))
    leaves = [x, *layer.parameters()]
    got = torch.autograd.grad((layer(x) * weight_of_outputs).sum(), leaves)
    # 2P − 1 = erf((β w·x + b/s)/n) with n = ‖w∘x‖ for real x; for states ±1, n = ‖w‖ does not
    # depend on x (eq. 4).
    w, b = layer.weight, layer.bias if bias else 0.0
    size = w.norm(dim=1) if kind == "signs" else ((x**2) @ (w**2).T).sqrt()
    closed = torch.erf((layer.beta * (x @ w.T) + b / math.sqrt(2 * 0.3 * 0.7)) / size)
    expected = torch.autograd.grad((closed * weight_of_outputs).sum(), leaves)
    for one, other in zip(got, expected, strict=True):
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


@noises
def test_synapse_noise_is_independent_between_outputs(options, rng):
    layer = layer_of(rng, m=2, bias=False, site="synapse", **options)
    with torch.no_grad():
        layer.weight[1] = layer.weight[0]  # with shared noise, the two would fire together
        z = layer(inputs("signs", rng, FAN_IN).expand(READS, FAN_IN))
    p = (z > 0).double().mean(dim=0)
    both = (z > 0).all(dim=1).sum()
    assert_frequency(int(both), READS, float(p[0] * p[1]))


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.9])
@noises
def test_neuron_noise_correlates_outputs_by_their_weights(overlap, options, rng):
    layer = layer_of(rng, m=2, bias=False, site="neuron", **options)
    x = inputs("signs", rng, FAN_IN)
    basis, _ = np.linalg.qr(np.stack([x.numpy(), *rng.standard_normal((2, FAN_IN))], axis=1))
    w = np.stack([basis[:, 1], overlap * basis[:, 1] + math.sqrt(1 - overlap**2) * basis[:, 2]])
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(w))
        z = layer(x.expand(READS, FAN_IN))
    # Cov(u_i, u_k) = Var ξ Σ w_ij w_kj and E u = 0 here, so that the orthant law gives
    # P(both +1) = ¼ + arcsin(r)/(2π) with r = w_1·w_2/(‖w_1‖ ‖w_2‖).
    assert_frequency(
        int((z > 0).all(dim=1).sum()), READS, 0.25 + math.asin(overlap) / (2 * math.pi)
    )


@noises
def test_native_beta_needs_no_deterministic_path(options, rng):
    layer = NSMLinear(FAN_IN, 3, beta="native", **options)
    # a = β s − E ξ; float32 rounds β to 6e-8 of itself.
    assert (layer.a.abs() <= 1e-7 * layer.mean).all()
    assert "beta" not in dict(layer.named_parameters())
    assert "beta" in layer.state_dict()
    np.testing.assert_allclose(
        layer.beta.numpy(), layer.mean / math.sqrt(2 * layer.variance), rtol=1e-6
    )


def test_a_is_derived_from_beta_by_equation_5(rng):
    for options in ({"p": 0.25}, {"noise": "gaussian", "sigma": 0.5}):
        layer = layer_of(rng, **options)
        expected = theory.a_from_beta(
            layer.beta.detach().numpy(), mean=layer.mean, variance=layer.variance
        )
        np.testing.assert_allclose(layer.a.detach().numpy(), expected, rtol=1e-12)


def test_read_noise_is_the_device_model_of_the_layers_noise():
    assert NSMLinear(2, 2, p=0.3).read_noise == BlankOut(0.3)
    assert NSMLinear(2, 2, noise="gaussian", sigma=0.3).read_noise == GaussianNoise(0.3)


@sites
def test_layer_is_noisy_in_train_and_eval(site, rng):
    layer = layer_of(rng, bias=False, site=site)
    x = inputs("signs", rng, (50, FAN_IN))
    for mode in (True, False):
        layer.train(mode)
        assert not torch.equal(layer(x), layer(x))


@sites
def test_reseed_repeats_draws_and_gives_every_layer_its_own(site, rng):
    model = nn.Sequential(*[layer_of(rng, m=FAN_IN, bias=False, site=site) for _ in range(2)])
    model[1].load_state_dict(model[0].state_dict())
    x = inputs("signs", rng, (20, FAN_IN))
    reseed(model, 7)
    first, again = model(x), model(x)
    reseed(model, 7)
    assert torch.equal(model(x), first)
    assert not torch.equal(again, first)
    reseed(model, 8)
    assert not torch.equal(model(x), first)
    reseed(model, 7)
    assert not torch.equal(model[0](x), model[1](x))  # equal weights, different streams


def test_reseeded_draws_do_not_touch_or_follow_torchs_generator(rng):
    layer = layer_of(rng)
    x = inputs("signs", rng, (20, FAN_IN))
    reseed(layer, 3)
    torch.manual_seed(0)
    first, state = layer(x), torch.get_rng_state()
    reseed(layer, 3)
    torch.manual_seed(0)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(99)
    assert torch.equal(layer(x), first)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_seeded_layer_that_has_drawn_can_be_copied(clone, rng):
    layer = layer_of(rng)
    x = inputs("signs", rng, (20, FAN_IN))
    first = layer(x)
    assert torch.equal(clone(layer)(x), first)  # a copy starts its stream anew


@sites
def test_a_row_without_input_fires_the_sign_of_its_bias_and_learns_nothing(site, rng):
    layer = layer_of(rng, m=3, site=site)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([2.0, -2.0, 0.0]))
    x = torch.zeros((4, FAN_IN), dtype=torch.float64, requires_grad=True)
    z = layer(x)
    assert torch.equal(z, torch.tensor([1.0, -1.0, 1.0]).double().expand(4, 3))  # sgn(0) = +1
    z.sum().backward()
    for leaf in (x, *layer.parameters()):
        assert torch.equal(leaf.grad, torch.zeros_like(leaf))


@sites
def test_a_silent_image_leaves_the_gradient_of_the_others_alone(site, rng):
    layer = layer_of(rng, site=site)
    x = inputs("real", rng, (3, FAN_IN))
    x[1] = 0
    layer(x).sum().backward()
    together = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    layer(x[[0, 2]]).sum().backward()
    for one, other in zip(together, layer.parameters(), strict=True):
        assert (one - other.grad).abs().max() <= 1e-12 * other.grad.abs().max()


@sites
@pytest.mark.parametrize("alpha", [2.0**-10, 2.0**10])
def test_scaled_weights_and_bias_fire_bit_for_bit_alike(site, alpha, rng):
    layer = layer_of(rng, site=site)
    x = inputs("signs", rng, (200, FAN_IN))
    before, argument = layer(x), layer.argument(x)
    with torch.no_grad():
        layer.weight *= alpha  # a power of two: rounding does not enter
        layer.bias *= alpha
    reseed(layer, 0)
    assert torch.equal(layer(x), before)
    torch.testing.assert_close(layer.argument(x), argument, rtol=1e-12, atol=0)


def test_scaled_weights_alone_are_not_invariant(rng):
    layer = layer_of(rng)
    x = inputs("signs", rng, (20, FAN_IN))
    before = layer.argument(x)
    with torch.no_grad():
        layer.weight *= 0.1
    # c = b/(s ‖w‖) grows tenfold when only w is scaled.
    shift = 9 * layer.bias / (layer.s * 10 * layer.weight.norm(dim=1))
    torch.testing.assert_close(layer.argument(x) - before, shift.expand(20, 3), rtol=1e-10, atol=0)


def test_weights_start_uniform_within_one_over_root_fan_in():
    torch.manual_seed(0)
    layer = NSMLinear(400, 500)
    for values in (layer.weight, layer.bias):
        assert 0.04 < values.abs().max() <= 0.05
    # A uniform law on ±h has variance h²/3, and its square a standard deviation of 2h²/(3√5).
    square = layer.weight.detach() ** 2
    assert abs(square.mean() - 0.05**2 / 3) < 5 * 2 * 0.05**2 / (
        3 * math.sqrt(5) * math.sqrt(400 * 500)
    )


def test_binarize_codes_signs_and_passes_no_gradient():
    x = torch.tensor([[0.0, 0.49, 0.5, 1.0]], requires_grad=True)
    z = Binarize()(x)
    assert z.tolist() == [[-1.0, -1.0, 1.0, 1.0]]
    assert not z.requires_grad
    assert Binarize(0.2)(torch.tensor([0.3])).tolist() == [1.0]


def test_binarize_flips_its_share_of_signs_in_training_alone():
    coding, x = Binarize(flip=0.1), torch.zeros(1, READS)
    reseed(coding, 0)
    assert_frequency(int((coding(x) > 0).sum()), READS, 0.1)
    assert_frequency(int((coding(1 - x) < 0).sum()), READS, 0.1)
    reseed(coding, 0)
    first = coding(x)
    assert not torch.equal(coding(x), first)
    reseed(coding, 0)
    assert torch.equal(coding(x), first)
    assert (coding.eval()(x) == -1).all()


def test_repr_says_what_the_layer_is():
    assert repr(NSMLinear(4, 2, p=0.3)) == (
        "NSMLinear(4, 2, bias=True, noise='bernoulli', p=0.3, site='synapse', beta='learned')"
    )
    assert "sigma=0.5" in repr(NSMLinear(4, 2, noise="gaussian", sigma=0.5))
    assert repr(Binarize(0.3, flip=0.1)) == "Binarize(threshold=0.3, flip=0.1)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "bernouli"}, "unknown noise 'bernouli'; did you mean 'bernoulli'"),
        ({"site": "layer"}, "unknown site 'layer'. Known: synapse, neuron"),
        ({"beta": "fixed"}, "unknown beta 'fixed'.*learned, native"),
        ({"p": 1.0}, r"NSMLinear.p = 1.0 is not allowed.*\(0, 1\)"),
        ({"sigma": 0}, "NSMLinear.sigma = 0 is not allowed"),
        (
            {"in_features": 0},
            "NSMLinear.in_features = 0 is not allowed",
        ),
        ({"out_features": 2.5}, "NSMLinear.out_features = 2.5 is not allowed"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        NSMLinear(**({"in_features": 3, "out_features": 2} | options))


def test_bad_codings_are_refused():
    with pytest.raises(ValueError, match="Binarize.threshold = 'half' is not a number"):
        Binarize("half")
    with pytest.raises(ValueError, match=r"Binarize.flip = 0.5 is not allowed.*\[0, 0.5\)"):
        Binarize(flip=0.5)


def test_inputs_of_a_wrong_width_are_refused():
    with pytest.raises(
        ValueError, match=r"NSMLinear got inputs of shape \(5, 4\); the last axis must be 3"
    ):
        NSMLinear(3, 2)(torch.ones(5, 4))


@sites
@pytest.mark.parametrize("batch", [2, 50])  # few inputs leave the weights as they are
def test_second_derivatives_are_refused(site, batch, rng):
    layer = layer_of(rng, site=site)
    loss = layer(inputs("signs", rng, (batch, FAN_IN))).sum()
    with pytest.raises(RuntimeError, match="no second derivatives.*create_graph=True"):
        torch.autograd.grad(loss, layer.weight, create_graph=True)
