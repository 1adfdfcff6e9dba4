"""A mapped network: random draws per chip and per read, ageing, common-mode gain, calls, copies."""

import copy
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import DifferentialPair, ReferenceColumn
from devices import Device, GaussianNoise, LogTimeDrift, TelegraphNoise
from nsm import Binarize, NSMConv2d, map_to_crossbar, relu_mlp, stnn_mlp
from nsm.chips.firing import firing
from tests.helpers.mapped_layers import IDEAL, REAL, assert_fires_with, equation_4, one_layer, signs
from tests.helpers.statistics import assert_mean


@pytest.mark.parametrize("gain", [0.01, 100.0])
def test_firing_probabilities_with_bias_lines_ignore_a_common_gain(gain, rng):
    model = one_layer(rng)
    x = signs(rng)
    hardware = replace(REAL, device=replace(REAL.device, read_noise=GaussianNoise(0.1)))
    chip = map_to_crossbar(model, hardware, rng=0)
    before = firing(chip, x, 1)[1]
    chip.scale_conductances(gain)
    np.testing.assert_allclose(firing(chip, x, 1)[1], before, rtol=1e-9)


def test_a_common_gain_does_not_reach_a_reference_current(rng):
    model = one_layer(rng)
    x = signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, bias="reference"), rng=0)
    chip.scale_conductances(0.5)
    with torch.no_grad():
        model[0].bias *= 2  # b stays while w is halved, which acts like w with 2 b
    assert_fires_with(chip, x, equation_4(model, x))


def test_programming_is_static_across_reads_and_differs_from_chip_to_chip(rng):
    model = one_layer(rng)
    x = signs(rng)
    chip, same, other = (map_to_crossbar(model, REAL, rng=c) for c in (5, 5, 6))
    weights = [c.layers[0].neurons.main.weights for c in (chip, same, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).mean() > 0.99
    first, again = chip.sample(x, 5, rng=1), chip.sample(x, 5, rng=2)
    np.testing.assert_array_equal(same.sample(x, 5, rng=1), first)
    assert (first != again).any()
    np.testing.assert_array_equal(chip.layers[0].neurons.main.weights, weights[0])
    # σ = 0.1 µS at both cells of a pair, k = 9 µS/w_max. The cell that carries the weight has a
    # normal error; the other one is at g_min, where half of its error is clipped.
    k = chip.layers[0].neurons.siemens_per_weight
    wanted = model[0].weight.detach().double().numpy()
    inside = (np.abs(wanted) * k > 5e-7) & (np.abs(wanted) < np.abs(wanted).max() - 5e-7 / k)
    error = ((weights[0] - wanted) * np.sign(wanted) * k)[inside]
    assert_mean(error, -1e-7 / np.sqrt(2 * np.pi))
    assert_mean(error**2, 1.5 * (1e-7) ** 2)


def test_ageing_drifts_every_cell_and_adds_up(rng):
    drift = LogTimeDrift(mean=-1e-8, std=0.0, std_rate=0.0)
    model = one_layer(rng)
    hardware = replace(IDEAL, device=Device(g_min=1e-6, g_max=1e-5, retention=drift))
    chip, twice = map_to_crossbar(model, hardware, rng=0), map_to_crossbar(model, hardware, rng=0)
    fresh = chip.layers[0].neurons.main.conductances()[0]
    chip.age(1000.0)
    twice.age(400.0)
    twice.age(600.0)
    aged = chip.layers[0].neurons.main.conductances()[0]
    np.testing.assert_allclose(aged, fresh - 1e-8 * math.log(1000), rtol=1e-12)
    np.testing.assert_array_equal(twice.layers[0].neurons.main.conductances()[0], aged)


DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_chip_takes_and_returns_tensors_of_one_precision_on_one_device(dtype, device, rng):
    chip = map_to_crossbar(one_layer(rng), REAL, rng=0)
    x = torch.tensor(signs(rng)).to(device, dtype)
    logits = chip(x)
    assert logits.dtype == dtype
    assert logits.device == x.device
    assert logits.shape == (4, 3)
    assert not logits.requires_grad


def test_every_call_of_a_chip_draws_fresh_noise(rng):
    chip = map_to_crossbar(one_layer(rng), REAL, rng=0)
    x = torch.tensor(signs(rng, 50))
    assert not torch.equal(chip(x), chip(x))


def test_calls_of_a_chip_have_the_mean_of_its_samples(rng):
    chip = map_to_crossbar(one_layer(rng), REAL, rng=0)
    x = signs(rng, 1)
    many = torch.tensor(np.repeat(x, 4000, axis=0))
    calls, samples = chip(many).numpy(), chip.sample(x, 4000, rng=1)[:, 0]
    error = np.sqrt((calls.var(axis=0) + samples.var(axis=0)) / 4000)
    assert (np.abs(calls.mean(axis=0) - samples.mean(axis=0)) <= 5 * error).all()


def test_a_chip_can_be_called_without_and_with_gradients_of_its_input(rng):
    chip = map_to_crossbar(one_layer(rng), REAL, rng=0)
    x = torch.tensor(signs(rng), requires_grad=True)
    with torch.no_grad():
        assert chip(x).shape == (4, 3)
    assert not chip(x).requires_grad


def pickled(chip):
    """Return a chip that was pickled and loaded again."""
    return pickle.loads(pickle.dumps(chip))


def networks(rng):
    """Return networks with every sort of layer that maps to a chip, and images for them."""
    convolution = nn.Sequential(
        Binarize(),
        nn.Unflatten(1, (1, 6, 6)),
        NSMConv2d(1, 4, 3),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    return [
        (one_layer(rng), signs(rng)),
        (convolution, rng.random((4, 36))),
        (stnn_mlp((8, 7, 6, 3)), rng.random((4, 8))),
        (relu_mlp((8, 7, 6, 3), dropout=0.5), rng.random((4, 8))),
    ]


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_a_copied_chip_reads_the_same_with_the_same_seed(copied, rng):
    for model, x in networks(rng):
        chip = map_to_crossbar(model, REAL, rng=0)
        twin = copied(chip)
        np.testing.assert_array_equal(twin.sample(x, 5, rng=1), chip.sample(x, 5, rng=1))
        np.testing.assert_array_equal(twin.weights(0), chip.weights(0))


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_a_copied_chip_shares_neither_noise_states_nor_age_with_the_chip(copied, rng):
    device = replace(
        REAL.device,
        read_noise=TelegraphNoise(0.4, 4e-6, 6e-6),
        retention=LogTimeDrift(mean=-1e-8, std=0.0, std_rate=0.0),
    )
    x = signs(rng)
    chip = map_to_crossbar(one_layer(rng), replace(REAL, device=device), rng=0)
    chip.sample(x, 5, rng=1)
    twin, untouched = copied(chip), copied(chip)
    chip.sample(x, 5, rng=2)
    chip.age(100.0)
    np.testing.assert_array_equal(twin.sample(x, 5, rng=3), untouched.sample(x, 5, rng=3))
    assert not np.array_equal(twin.weights(0), chip.weights(0))


@pytest.mark.parametrize("weight_scale", ["layer", "row"])
def test_weights_are_in_the_units_of_the_network_whatever_the_weight_scale(weight_scale, rng):
    model = one_layer(rng)
    with torch.no_grad():
        model[0].weight[1] *= 0.1
    chip = map_to_crossbar(model, replace(IDEAL, weight_scale=weight_scale), rng=0)
    for index, layer in enumerate(model):
        w = layer.weight.detach().double().numpy()
        np.testing.assert_allclose(chip.weights(index), w, rtol=1e-9, atol=1e-12)
    # On the tiles, a weight scale per row stretches every row to the largest weight.
    largest = np.abs(chip.layers[0].neurons.main.weights).max(axis=1)
    assert (np.ptp(largest) < 1e-9 * largest.max()) == (weight_scale == "row")


@pytest.mark.parametrize("mapping", [DifferentialPair(), ReferenceColumn()])
def test_conductances_are_those_of_a_layers_word_lines_and_bit_lines(mapping, rng):
    model = one_layer(rng)
    hardware = replace(REAL, mapping=mapping, tile_shape=(128, 4))
    chip = map_to_crossbar(model, hardware, rng=0)
    for index, layer in enumerate(model):
        g_pos, g_neg = chip.conductances(index)
        assert g_pos.shape == g_neg.shape == tuple(layer.weight.T.shape)
        w = mapping.weights(g_pos, g_neg, chip.layers[index].neurons.siemens_per_weight)
        np.testing.assert_array_equal(w, chip.weights(index))
    chip.scale_conductances(0.5)
    np.testing.assert_allclose(chip.conductances(1)[0], 0.5 * g_pos, rtol=1e-12)


def test_bad_input_to_a_chip_is_refused(rng):
    chip = map_to_crossbar(one_layer(rng), IDEAL, rng=0)
    x = signs(rng)
    bad = x.copy()
    bad[1, 2] = np.nan
    cases = [
        (lambda: chip.sample(bad, 1), "x holds 1 values that are NaN or infinite"),
        (lambda: chip.sample(x[:, :-1], 1), r"x has shape \(4, 299\); give \(any, 300\)"),
        (lambda: chip.sample(x, 0), "samples = 0 is not allowed"),
        (
            lambda: chip.sample(x, 1, sampling="fast"),
            "unknown sampling 'fast'. Known: exact, moments",
        ),
        (lambda: chip.errors(x, [0, 1], 1), r"labels have shape \(2,\); 4 images need \(4,\)"),
        (
            lambda: firing(chip, x, 1, layer=1),
            "layer = 1: this chip has 1 neural sampling layers, counted from 0",
        ),
        (lambda: firing(chip, bad, 1), "NaN or infinite"),
        (lambda: chip.age(-1), "seconds = -1 is not allowed"),
        (lambda: chip.scale_conductances(0), "factor = 0 is not allowed"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_a_chip_called_with_whole_numbers_returns_floats(dtype, rng):
    chip = map_to_crossbar(one_layer(rng), IDEAL, rng=0)
    x = torch.as_tensor(rng.integers(0, 2, (4, chip.in_shape[0]))).to(dtype)
    logits = chip(x)
    assert logits.dtype == torch.get_default_dtype()
    assert (logits != logits.round()).any()


def test_no_images_give_no_logits(rng):
    chip = map_to_crossbar(one_layer(rng), IDEAL, rng=0)
    x = torch.empty(0, chip.in_shape[0])
    assert chip(x).shape == (0, chip.classes)
    assert chip.sample(x, 3, rng=0).shape == (3, 0, chip.classes)


def test_what_a_chip_cannot_be_asked_is_refused_by_name(rng):
    chip = map_to_crossbar(one_layer(rng), IDEAL, rng=0)
    with pytest.raises(ValueError, match="called with a ndarray"):
        chip(signs(rng))
    for ask in (chip.weights, chip.conductances):
        with pytest.raises(ValueError, match="layer = 5: this chip has"):
            ask(5)
        with pytest.raises(ValueError, match="layer = -1 is not allowed"):
            ask(-1)
    with pytest.raises(ValueError, match="MappedNetwork has no parameters"):
        nsm.predict_proba(chip, signs(rng), 3)
