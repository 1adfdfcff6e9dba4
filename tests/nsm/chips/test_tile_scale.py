"""Networks on chips whose tiles have a weight scale of their own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, Dac, Hardware
from devices import BlankOut, Device, GaussianNoise
from nsm.chips.torch_reads.torch_chip import TorchChip
from nsm.nn.activations import Sign

IDEAL = Hardware(device=Device(g_min=1e-6, g_max=1e-5), tile_shape=(8, 4), weight_scale="tile")


def network(seed=0):
    """Return layers whose blocks of weights differ in size by a factor of 50, on 8 x 4 tiles."""
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 6), nn.Tanh(), nn.Linear(6, 3)
    )
    with torch.no_grad():
        layers[0].weight[:4] *= 0.02
        layers[3].weight[:4, :8] *= 0.02
        layers[3].weight[4:, 8:] *= 0.1
    return layers.double()


def images(count=6):
    return np.random.default_rng(3).uniform(-1, 1, (count, 1, 4, 4))


@pytest.mark.parametrize("rule", ["max", "least_squares"])
def test_ideal_tiles_compute_the_network(rule):
    model = network()
    chip = nsm.map_to_crossbar(model, replace(IDEAL, weight_range=rule), rng=0)
    wanted = model(torch.as_tensor(images())).detach().numpy()
    np.testing.assert_allclose(chip.sample(images(), 1, rng=0)[0], wanted, rtol=1e-9, atol=1e-12)
    for name in ("0", "3", "5"):
        w = model[int(name)].weight.detach().numpy()
        np.testing.assert_allclose(chip.weights(name), w.reshape(len(w), -1), rtol=1e-9)
    report = chip.report().query("where == 'tiles'")
    assert (report.weight_error_rms < 1e-12).all()
    assert (report.clipped == 0).all()


def test_few_levels_cost_less_than_with_one_scale_per_layer():
    hardware = replace(IDEAL, device=replace(IDEAL.device, levels=8))
    model = network()
    errors = {}
    for scale in ("layer", "tile"):
        chip = nsm.map_to_crossbar(model, replace(hardware, weight_scale=scale), rng=0)
        errors[scale] = chip.report().query("where == 'tiles'").weight_error_rms.to_numpy()
    assert (errors["tile"][:2] < 0.85 * errors["layer"][:2]).all()
    assert errors["tile"][2] == errors["layer"][2]  # the last layer is one tile


def test_shares_of_clipped_weights_are_those_beyond_the_ranges_of_tiles():
    model = network()
    chip = nsm.map_to_crossbar(model, replace(IDEAL, weight_range=75.0), rng=0)
    w = model[3].weight.detach().numpy()
    most = np.empty_like(w)
    for lines in (slice(0, 8), slice(8, 16), slice(16, 20)):
        for columns in (slice(0, 4), slice(4, 6)):
            most[columns, lines] = np.percentile(np.abs(w[columns, lines]), 75)
    np.testing.assert_allclose(chip.weights("3"), np.clip(w, -most, most), rtol=1e-9)
    row = chip.report().query("where == 'tiles'").iloc[1]
    assert row.clipped == pytest.approx((np.abs(w) > most).mean())


def test_calibrated_converters_of_tiles_read_what_the_network_computes():
    hardware = replace(IDEAL, adc=Adc(14, per="tile"), dac=Dac(14))
    model = network()
    chip = nsm.map_to_crossbar(model, hardware, rng=0)
    chip.calibrate(images(), rng=0)
    wanted = model(torch.as_tensor(images())).detach().numpy()
    np.testing.assert_allclose(chip.sample(images(), 1, rng=0)[0], wanted, atol=2e-3)


def test_a_chip_reads_the_same_after_loading(tmp_path):
    hardware = replace(
        IDEAL,
        device=replace(IDEAL.device, read_noise=GaussianNoise(0.1), levels=16),
        adc=Adc(8, per="tile", offset=1e-8),
        weight_range="least_squares",
    )
    chip = nsm.map_to_crossbar(network(), hardware, rng=1)
    chip.calibrate(images(), method="percentile", rng=0)
    chip.save(tmp_path / "chip.safetensors")
    loaded = nsm.load_chip(tmp_path / "chip.safetensors")
    x = images()
    np.testing.assert_array_equal(loaded.sample(x, 3, rng=2), chip.sample(x, 3, rng=2))
    np.testing.assert_array_equal(loaded.weights("3"), chip.weights("3"))


def test_layers_that_end_in_comparators_are_refused_by_name():
    signs = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 4), Sign(), nn.Linear(4, 2))
    message = r"layer 1 \(Linear\) ends in comparators, and with weight_scale = 'tile'"
    with pytest.raises(ValueError, match=message):
        nsm.map_to_crossbar(signs, IDEAL, rng=0)
    sampled = nsm.nsm_mlp((8, 4, 2))
    with pytest.raises(ValueError, match=r"layer 1 \(NSMLinear\) ends in comparators"):
        nsm.map_to_crossbar(sampled, replace(IDEAL, gate=BlankOut(0.5)), rng=0)
    table = {"1": replace(IDEAL, weight_scale="row"), "*": IDEAL}
    chip = nsm.map_to_crossbar(signs, table, rng=0)
    assert [layer.readout.name for layer in chip.layers] == [
        "converter",
        "comparators",
        "converter",
    ]


def test_torch_reads_are_refused_by_name():
    chip = nsm.map_to_crossbar(network(), IDEAL, rng=0)
    with pytest.raises(ValueError, match=r"layer 0 \(Conv2d\): .* a weight scale per tile"):
        TorchChip(chip)
