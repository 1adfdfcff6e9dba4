"""Every known layer says how it is stored, how it maps, and whether it draws in `eval()`."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from nsm import Binarize, BinarizePerPixel, NSMConv2d, NSMLinear, SigmoidLinear, Thermometer
from nsm.nn import registry
from nsm.nn.activations import NoisyReLU, Sign
from nsm.nn.described import Described
from nsm.nn.folding import ChannelScale
from nsm.nn.on_chip import Digital, LinearOutputs, LogisticNeurons, OnTiles, SampledNeurons
from nsm.nn.rules import (
    BinConcreteConv2d,
    BinConcreteLinear,
    NoiselessConv2d,
    NoiselessLinear,
    StraightThroughConv2d,
    StraightThroughLinear,
)
from nsm.nn.weight_norm import RowNormConv2d, RowNormLinear

ONE_OF_EACH = [
    *(c(6, 4) for c in (NSMLinear, StraightThroughLinear, BinConcreteLinear, NoiselessLinear)),
    *(c(2, 3, 3) for c in (NSMConv2d, StraightThroughConv2d, BinConcreteConv2d, NoiselessConv2d)),
    *(SigmoidLinear(6, 4), Binarize(), Sign(), NoisyReLU(), RowNormLinear(6, 4)),
    *(RowNormConv2d(2, 3, 3), nn.Linear(6, 4), nn.Conv2d(2, 3, 3), nn.BatchNorm1d(6)),
    *(nn.BatchNorm2d(2), nn.AvgPool2d(2), nn.MaxPool2d(2), nn.ReLU(), nn.Dropout(0.5)),
    *(nn.Flatten(), nn.Unflatten(1, (2, 3)), BinarizePerPixel(6), Thermometer(2, low=-1)),
]
each = pytest.mark.parametrize("layer", ONE_OF_EACH, ids=lambda layer: type(layer).__name__)


def images_for(layer):
    """Random inputs of a shape that the layer takes."""
    torch.manual_seed(1)
    convolves = isinstance(layer, (nn.BatchNorm2d, nn.AvgPool2d, nn.MaxPool2d, nn.Flatten))
    weight = getattr(layer, "weight", None)
    return (
        torch.randn(5, 2, 5, 4)
        if convolves or getattr(weight, "ndim", 0) == 4
        else torch.randn(5, 6)
    )


def test_the_examples_here_are_all_layers_of_the_table():
    assert sorted(type(layer).__name__ for layer in ONE_OF_EACH) == sorted(registry.names())


@each
def test_a_layer_is_built_again_from_its_configuration(layer):
    again = registry.class_of(type(layer).__name__)(**registry.config_of(layer))
    assert registry.config_of(again) == registry.config_of(layer)


@each
def test_a_layer_draws_in_eval_if_it_says_so(layer):
    layer.eval()
    x = images_for(layer)
    with torch.no_grad():
        outputs = [layer(x) for _ in range(8)]
    assert any(not torch.equal(outputs[0], z) for z in outputs[1:]) == registry.draws_in_eval(layer)
    layer.train()


@each
def test_what_a_chip_holds_computes_what_the_layer_does(layer):
    layer.eval()
    x = images_for(layer)
    try:
        found = registry.on_chip(layer, "layer 0")
    except ValueError:
        assert isinstance(
            layer, (nn.BatchNorm1d, nn.BatchNorm2d, NoisyReLU, NoiselessLinear, NoiselessConv2d)
        )
        return
    assert pickle.loads(pickle.dumps(found)) is not found or found is None
    with torch.no_grad():
        if isinstance(found, Digital):
            expected, got = layer(x).numpy(), found.function(x.numpy())
            states = np.where(got, 1.0, -1.0) if got.dtype == bool else got
            np.testing.assert_allclose(states, expected, rtol=1e-6)
        elif isinstance(found, OnTiles) and isinstance(found.neurons, LinearOutputs):
            z, shape = (x.numpy(), None) if found.patches is None else found.patches.of(x.numpy())
            u = z @ found.weight.T + found.bias
            u = u if shape is None else found.patches.arrange(u, shape)
            np.testing.assert_allclose(u, layer(x).numpy(), rtol=1e-4, atol=1e-6)
        elif found is None:
            assert torch.equal(layer(x), x)
        else:
            assert isinstance(found.neurons, (SampledNeurons, LogisticNeurons))
            np.testing.assert_array_equal(found.weight, layer.weight.flatten(1).double().numpy())
    layer.train()


@pytest.mark.parametrize("mode", ["learned", "native"])
def test_sampled_neurons_have_the_beta_of_every_location(mode):
    layer = NSMConv2d(1, 2, 3, locations=(2, 3), beta=mode, p=0.3)
    if mode == "learned":
        with torch.no_grad():
            layer.beta.uniform_(0.5, 2)
    found = registry.on_chip(layer, "layer 0")
    assert found.neurons.native == (mode == "native")
    assert found.neurons.noise_scale == (2 * 0.3 * 0.7) ** 0.5
    expected = layer.beta.detach().double().reshape(2, 6).T.numpy()
    np.testing.assert_allclose(found.neurons.beta, expected, rtol=1e-7 if mode == "native" else 0)
    if mode == "native":
        assert (found.neurons.beta == 0.3 / found.neurons.noise_scale).all()


def test_states_stay_states_under_a_threshold():
    states = np.array([[True, False]])
    for layer in (Binarize(0.2), Sign()):
        assert registry.on_chip(layer, "layer 0").function(states) is states


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Tanh(), "cannot map layer 3: Tanh is not among"),
        (NoisyReLU(), r"cannot map layer 3: its noise is added by software .* nn.ReLU\(\)"),
        (nn.MaxPool2d(2, stride=1), "cannot map layer 3: only windows side by side"),
        (nn.AvgPool2d(2, padding=1), "cannot map layer 3: only windows side by side"),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_layer_and_reason(layer, message):
    with pytest.raises(ValueError, match=message):
        registry.on_chip(layer, "layer 3")


def test_a_subclass_maps_as_its_base():
    class Plain(nn.Linear):
        """It may compute anything: mapping compares it with what it computes."""

    found = registry.on_chip(Plain(3, 2), "layer 0")
    assert found.weight.shape == (2, 3)


def test_a_layer_outside_the_table_maps_by_its_own_word():
    class Doubled(Described, nn.Module):
        def on_chip(self):
            return Digital(np.negative)

    assert registry.on_chip(Doubled(), "layer 0").function(np.ones(1)) == -1
    assert not registry.draws_in_eval(Doubled())


def test_a_channel_scale_is_the_same_in_numpy():
    scale = ChannelScale(torch.tensor([2.0, 3.0]).double(), torch.tensor([0.5, -1.0]).double())
    function = registry.on_chip(scale, "layer 0").function
    np.testing.assert_array_equal(function(np.ones((1, 2, 1, 2))), [[[[2.5, 2.5]], [[2.0, 2.0]]]])
    np.testing.assert_array_equal(function(np.array([[True, False]])), [[2.5, -4.0]])
