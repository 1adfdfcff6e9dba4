"""A mapped network: what is drawn once per chip and what on every read, ageing, gain, calls."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from devices import (
    Device,
    GaussianNoise,
    LogTimeDrift,
)
from nsm import map_to_crossbar
from nsm.chips.firing import firing
from tests.helpers.mapped_layers import (
    IDEAL,
    REAL,
    assert_fires_with,
    equation_4,
    one_layer,
    signs,
)
from tests.helpers.statistics import assert_mean


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


@pytest.mark.parametrize("gain", [0.01, 100.0])
def test_a_common_gain_leaves_an_nsm_and_its_bias_lines_where_they_were(gain, rng):
    model, x = one_layer(rng), signs(rng)
    hardware = replace(REAL, device=replace(REAL.device, read_noise=GaussianNoise(0.1)))
    chip = map_to_crossbar(model, hardware, rng=0)
    before = firing(chip, x, 1)[1]
    chip.scale_conductances(gain)
    np.testing.assert_allclose(firing(chip, x, 1)[1], before, rtol=1e-9)


def test_a_common_gain_does_not_reach_a_reference_current(rng):
    model, x = one_layer(rng), signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, bias="reference"), rng=0)
    chip.scale_conductances(0.5)
    with torch.no_grad():
        model[0].bias *= 2  # b stays while w halves: as w with 2 b
    assert_fires_with(chip, x, equation_4(model, x))


def test_programming_is_static_across_reads_and_differs_from_chip_to_chip(rng):
    model, x = one_layer(rng), signs(rng)
    chip, same, other = (map_to_crossbar(model, REAL, rng=c) for c in (5, 5, 6))
    weights = [c.layers[0].neurons.main.weights for c in (chip, same, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).mean() > 0.99
    first, again = chip.sample(x, 5, rng=1), chip.sample(x, 5, rng=2)
    np.testing.assert_array_equal(same.sample(x, 5, rng=1), first)
    assert (first != again).any()
    np.testing.assert_array_equal(chip.layers[0].neurons.main.weights, weights[0])
    # σ = 0.1 µS at both cells of a pair, k = 9 µS/w_max; a cell of the pair at g_min = 10 σ is
    # never clipped.
    layer = chip.layers[0]
    error = (
        weights[0] - model[0].weight.detach().double().numpy()
    ) * layer.neurons.siemens_per_weight
    assert_mean(error.ravel(), 0.0)
    assert_mean(error.ravel() ** 2, 2 * (1e-7) ** 2)


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


def test_cost_is_positive_and_adds_array_and_read_out(rng):
    cost = map_to_crossbar(one_layer(rng), REAL, rng=0).cost()
    assert cost.layer.tolist() == ["layer 0 (NSMLinear)", "layer 1 (Linear)"]
    np.testing.assert_allclose(cost.energy, cost.array_energy + cost.readout_energy, rtol=1e-12)
    assert (cost[["array_energy", "readout_energy", "latency"]] > 0).all(axis=None)


def test_bad_input_to_a_chip_is_refused(rng):
    chip, x = map_to_crossbar(one_layer(rng), IDEAL, rng=0), signs(rng)
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
