"""Weights clipped in software by the rules of hardware, and neural sampling under these rules."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import BlankOut, Device


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(27, 5))


@pytest.mark.parametrize("scale", ["layer", "row"])
@pytest.mark.parametrize("rule", [70, 99.0])
def test_percentiles_clip_their_share(rule, scale):
    model = network()
    folded = nsm.scale_weights(model, 1.0)
    clipped = nsm.clip_weights(model, rule, scale=scale)
    for before, after in ((folded[0], clipped[0]), (folded[-1], clipped[-1])):
        w = before.weight.detach().double().flatten(1).numpy()
        axis = 1 if scale == "row" else None
        r = np.percentile(np.abs(w), rule, axis=axis, keepdims=True)
        found = after.weight.detach().flatten(1).numpy()
        np.testing.assert_allclose(found, np.clip(w, -r, r), rtol=1e-5, atol=1e-7)
        assert torch.equal(before.bias, after.bias)


@pytest.mark.parametrize("scale", ["layer", "row"])
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_clipped_and_quantized_weights_are_those_of_an_ideal_chip(levels, scale):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(50, 6))
    hardware = Hardware(
        device=Device(g_min=0.0, g_max=1e-6, levels=levels),
        weight_range="least_squares",
        weight_scale=scale,
        bias="reference",
    )
    chip = nsm.map_to_crossbar(model, hardware, rng=0)
    clipped = nsm.clip_weights(model, "least_squares", levels=levels, scale=scale)
    assert not torch.equal(clipped[0].weight, model[0].weight)
    expected = nsm.quantize_weights(clipped, levels, scale=scale)[0].weight.detach()
    np.testing.assert_allclose(chip.weights(0), expected, atol=1e-6)


@pytest.mark.parametrize("scale", ["layer", "row"])
@pytest.mark.parametrize("build", [nn.Conv2d, nn.ConvTranspose2d])
def test_every_group_of_a_convolution_has_the_range_that_it_has_on_a_chip(build, scale):
    torch.manual_seed(0)
    layer = build(4, 6, 2, groups=2)
    with torch.no_grad():
        layer.weight[len(layer.weight) // 2 :] *= 10  # the second group
    hardware = Hardware(
        device=Device(g_min=0.0, g_max=1e-6, levels=3),
        weight_range="least_squares",
        weight_scale=scale,
        bias="reference",
    )
    x = torch.randn(2, 4, 3, 3)
    model = nn.Sequential(layer)
    chip = nsm.map_to_crossbar(model, hardware, rng=0, example=x.numpy())
    clipped = nsm.clip_weights(model, "least_squares", levels=3, scale=scale)
    ideal = nsm.quantize_weights(clipped, 3, scale=scale)
    found = chip.sample(x.double().numpy(), 1, rng=0)[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, ideal(x).numpy(), rtol=1e-5, atol=1e-5)
        assert not torch.allclose(ideal(x), model(x), atol=0.05)


def test_weights_that_no_tile_holds_stay_and_those_that_cannot_be_changed_are_named():
    model = nn.Sequential(nn.Embedding(5, 4), nn.LayerNorm((3, 4)), nn.Linear(4, 2))
    clipped = nsm.clip_weights(model, 50)
    assert torch.equal(clipped[0].weight, model[0].weight)
    assert torch.equal(clipped[1].weight, model[1].weight)
    assert not torch.equal(clipped[2].weight, model[2].weight)
    fixed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
    for layer, message in (
        (fixed, r"layer '0' \(ParametrizedLinear\) computes its weights"),
        (nn.LSTM(4, 2), r"layer '0' \(LSTM\) holds several matrices"),
    ):
        with pytest.raises(ValueError, match=message):
            nsm.clip_weights(nn.Sequential(layer), 50)


def test_the_network_stays_and_rows_of_zeros_do_too():
    model = nn.Sequential(nn.Linear(9, 4), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight[1] = 0
        model[1].weight.zero_()
    before = [p.clone() for p in model.parameters()]
    clipped = nsm.clip_weights(model, 50, scale="row")
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert (clipped[0].weight[1] == 0).all()
    assert (clipped[1].weight == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_range": "max"}, "weight_range = 'max' clips no weight"),
        ({"weight_range": 100}, "weight_range = 100 clips no weight"),
        ({"weight_range": "least_squares"}, "levels = None do not fit"),
        ({"weight_range": 99, "levels": 4}, "levels = 4 do not fit"),
        ({"weight_range": "mse"}, "unknown weight_range 'mse'"),
        ({"weight_range": 99, "scale": "tile"}, "unknown scale 'tile'"),
        ({"weight_range": "least_squares", "levels": 1}, "levels = 1"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=None) as problem:
        nsm.clip_weights(network(), **options)
    assert message in str(problem.value)


@pytest.mark.parametrize("scale", ["layer", "row"])
@pytest.mark.parametrize("rule", ["least_squares", 80.0])
def test_neural_sampling_layers_are_mapped_with_clipped_weights(rule, scale):
    torch.manual_seed(0)
    model = nn.Sequential(nsm.NSMLinear(40, 6), nn.Linear(6, 3))
    hardware = Hardware(
        device=Device(g_min=1e-12, g_max=1e-6, levels=3),
        gate=BlankOut(0.3),
        weight_range=rule,
        weight_scale=scale,
    )
    chip = nsm.map_to_crossbar(model, hardware, rng=0)
    report = chip.report().query("where == 'tiles'")
    assert (report.clipped > 0).all()
    # The noise is that of the gate alone, whatever the weights: a' = β s' − p.
    beta = model[0].beta.detach().double().numpy()
    expected = beta * np.sqrt(2 * 0.3 * 0.7) - 0.3
    np.testing.assert_allclose(chip.layers[0].neurons.a, expected, rtol=1e-6)
