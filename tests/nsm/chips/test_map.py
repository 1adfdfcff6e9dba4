"""From a network to a chip: scales, levels, tiles, layers without devices, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import DifferentialPair
from devices import Device, NoNoise
from devices.iv import MILO2021
from nsm import map_to_crossbar
from tests.helpers.mapped_layers import IDEAL, REAL, one_layer


def distinct(chip):
    """Return the number of different conductances of the first layer's positive cells."""
    return len(np.unique(chip.layers[0].neurons.main.conductances()[0].round(15)))


def test_a_reprogrammed_scale_loses_levels_and_a_common_gain_does_not(rng):
    model = one_layer(rng)
    hardware = replace(IDEAL, device=Device(g_min=1e-6, g_max=1e-5, levels=32))
    full, scaled, gained = (
        map_to_crossbar(model, hardware, rng=0, reprogrammed_scale=s) for s in (1, 0.1, 1)
    )
    gained.scale_conductances(0.1)
    # At the same siemens per weight, 0.1 w reaches only the first 0.1 · 31 steps above g_min.
    assert distinct(full) == 32
    assert distinct(scaled) == 1 + round(0.1 * 31)
    assert distinct(gained) == 32
    wanted = model[0].weight.detach().double().numpy()
    np.testing.assert_allclose(
        gained.layers[0].neurons.main.weights, 0.1 * full.layers[0].neurons.main.weights, rtol=1e-9
    )
    for chip, target in ((full, wanted), (scaled, 0.1 * wanted)):
        # Every weight is within half a step of its target, with and without the factor.
        step = np.abs(wanted).max() / 31
        assert np.abs(chip.layers[0].neurons.main.weights - target).max() <= step / 2 * (1 + 1e-6)


def test_a_reprogrammed_scale_above_one_clips_and_reports_it(rng):
    model = one_layer(rng)
    w = model[0].weight.detach().double().numpy()
    chip = map_to_crossbar(model, IDEAL, rng=0, reprogrammed_scale=2.0)
    np.testing.assert_array_equal(chip.layers[0].wanted, 2 * w)
    assert chip.report().clipped[0] == (np.abs(2 * w) > np.abs(w).max()).mean() > 0.1
    assert map_to_crossbar(model, IDEAL, rng=0).report().clipped[0] == 0


def test_flatten_and_dropout_need_no_devices(rng):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(8, 5), nn.Dropout(0.9), nn.ReLU(), nn.Linear(5, 3)
    )
    chip = map_to_crossbar(model, replace(IDEAL, gate=NoNoise()), rng=0)
    assert [layer.name for layer in chip.layers] == ["layer 1 (Linear)", "layer 4 (Linear)"]
    x = rng.random((5, 8))
    exact = model.eval().double()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(chip.sample(x, 1, rng=0)[0], exact, rtol=1e-9)


def test_a_layer_is_divided_into_tiles_that_the_report_counts(rng):
    model = one_layer(rng)
    report = map_to_crossbar(model, replace(IDEAL, tile_shape=(128, 4)), rng=0).report()
    # 300 inputs over 3 blocks, 6 outputs over 2: 6 tiles, and as many for the deterministic path.
    # Bias lines have 2 column blocks.
    lines = math.ceil(
        float(model[0].bias.detach().abs().max() / model[0].weight.detach().abs().max())
    )
    assert report.tiles[0] == 6 + 6 + 2 * math.ceil(lines / 128)
    assert (report.inputs[0], report.outputs[0], report.readout.tolist()) == (
        300,
        6,
        ["comparators", "converter"],
    )


def with_bad(rng, index, value):
    """Return a network whose layer `index` has this value for every weight."""
    model = one_layer(rng)
    with torch.no_grad():
        model[index].weight[:] = value
    return model


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda rng: [nn.Linear(3, 3)], "cannot map a list: give a torch.nn.Module"),
        (
            lambda rng: nn.Sequential(nn.Linear(6, 3, device="meta")),
            r"layer 0 \(Linear\): its weight is on the meta device and has no values; build it on",
        ),
        (
            lambda rng: nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 0)),
            r"layer 1 \(Linear\): its weight has the shape \(0, 3\): .* no outputs; leave",
        ),
        (
            lambda rng: nn.Sequential(nn.Linear(0, 3)),
            r"layer 0 \(Linear\): its weight has the shape \(3, 0\): it has no inputs",
        ),
        (lambda rng: nn.Bilinear(3, 3, 2), "two inputs with each other"),
        (
            lambda rng: nn.Sequential(nn.ReLU()),
            "no layer with weights for tiles; there is nothing to map",
        ),
        (
            lambda rng: with_bad(rng, 1, torch.nan),
            r"layer 1 \(Linear\) holds NaN or infinite weights",
        ),
        (
            lambda rng: with_bad(rng, 0, 0.0),
            r"layer 0 \(NSMLinear\) has only zero weights; there is nothing to map",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning")
def test_networks_that_cannot_be_mapped_are_refused(build, message, rng):
    with pytest.raises(ValueError, match=message):
        map_to_crossbar(build(rng), IDEAL, rng=0)


def test_an_empty_vector_of_a_network_is_no_layer(rng):
    model = nn.Sequential(nn.Linear(6, 3))
    model.of_the_device = nn.Parameter(torch.empty(0))
    assert len(map_to_crossbar(model, IDEAL, rng=0).layers) == 1


@pytest.mark.parametrize("scale", [0, -1.0, float("nan")])
def test_a_bad_reprogrammed_scale_is_refused(scale, rng):
    with pytest.raises(ValueError, match="reprogrammed_scale = .* is not allowed"):
        map_to_crossbar(one_layer(rng), IDEAL, rng=0, reprogrammed_scale=scale)


def test_siemens_per_weight_is_fixed_by_the_largest_weight(rng):
    model = one_layer(rng)
    report = map_to_crossbar(model, REAL, rng=0).report()
    w_max = float(model[0].weight.detach().abs().max())
    np.testing.assert_allclose(
        report.siemens_per_weight[0],
        DifferentialPair().signal_range(REAL.device) / w_max,
        rtol=1e-12,
    )
    assert report.w_max[0] == w_max


def test_a_current_voltage_law_that_does_not_cover_the_cells_names_the_layer(rng):
    device = replace(REAL.device, g_min=1e-6, g_max=4e-5, iv=MILO2021)
    with pytest.raises(
        ValueError, match=r"layer 0.*from 1e-06 to 4e-05 S; .* from 6\.25e-05 to 0\.00011 S; give a"
    ):
        map_to_crossbar(one_layer(rng), replace(REAL, device=device), rng=0)
