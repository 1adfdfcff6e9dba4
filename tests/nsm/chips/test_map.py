"""A network on a chip: what mapping keeps (P, β, c), what it draws once, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import erf
from torch import nn

from crossbar import Adc, Comparator, DifferentialPair, Hardware
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LogTimeDrift,
    NoNoise,
    PowerLawNoise,
    StateDependentError,
)
from nsm import NSMLinear, map_to_crossbar, relu_mlp, theory
from nsm.chips.firing import firing
from tests.helpers.statistics import assert_frequency, assert_mean

FAN_IN, NEURONS, READS = 300, 6, 4000
CELL = Device(g_min=0.0, g_max=1e-5)  # an endless on/off ratio: no pedestal
IDEAL = Hardware(device=CELL, gate=BlankOut(0.5))
REAL = Hardware(
    device=Device(g_min=1e-6, g_max=1e-5, write=StateDependentError(coefficients=(1e-7,))),
    gate=BlankOut(),
)


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


def one_layer(rng, **options):
    """An NSM layer of random weights, gains and biases, read out by a linear layer."""
    layer = NSMLinear(FAN_IN, NEURONS, **options)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.clip(rng.standard_normal((NEURONS, FAN_IN)), -3, 3)))
        if layer.beta_mode == "learned":
            layer.beta.copy_(torch.tensor(rng.uniform(0.5, 1.5, NEURONS)))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(rng.normal(0, 4, NEURONS)))
    return nn.Sequential(layer, nn.Linear(NEURONS, 3))


def signs(rng, n=4):
    return rng.choice([-1.0, 1.0], (n, FAN_IN))


def equation_4(model, x, *, inflation=1.0, **options):
    """The layer's own firing probability, β divided by √inflation."""
    layer = model[0]
    w, beta = layer.weight.detach().double().numpy(), layer.beta.detach().double().numpy()
    b = 0.0 if layer.bias is None else layer.bias.detach().double().numpy()
    a = theory.a_from_beta(beta, mean=layer.mean, variance=layer.variance)
    v = {"mean": layer.mean, "variance": layer.variance * inflation}
    return theory.firing_probability(w, x, **v, a=a, b=b, **options)


def assert_fires_with(chip, x, expected, *, sampling="exact"):
    measured, closed = firing(chip, x, READS, rng=1, sampling=sampling)
    np.testing.assert_allclose(closed, expected, rtol=1e-5)  # float32 weights
    for frequency, p in zip(measured.ravel(), expected.ravel(), strict=True):
        if 1e-3 < p < 1 - 1e-3:
            assert_frequency(round(frequency * READS), READS, p)


@pytest.mark.parametrize("sampling", ["exact", "moments"])
@pytest.mark.parametrize(
    "options", [{}, {"p": 0.3, "bias": False}, {"noise": "gaussian", "sigma": 0.6}]
)
def test_an_ideal_chip_fires_with_the_layers_probability(options, sampling, rng):
    model, x = one_layer(rng, **options), signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, gate=model[0].read_noise), rng=0)
    assert_fires_with(chip, x, equation_4(model, x), sampling=sampling)


REMAPPED = {
    "another gate": {"gate": BlankOut(0.3)},
    "a normal gate": {"gate": GaussianNoise(0.5)},
    "cells alone": {"gate": NoNoise(), "device": replace(CELL, read_noise=GaussianNoise(0.3))},
    "gate and cells": {
        "gate": BlankOut(0.6),
        "device": replace(CELL, read_noise=GaussianNoise(0.4)),
    },
    "cells of γ = ½": {
        "gate": NoNoise(),
        "device": replace(CELL, read_noise=PowerLawNoise(0.3, 0.5, 5e-6)),
    },
}


@pytest.mark.parametrize("kind", REMAPPED)
def test_another_noise_than_trained_with_keeps_every_firing_probability(kind, rng):
    model, x = one_layer(rng), signs(rng)
    # a' = β s' − E ξ', b' = b s'/s. The ideal copy and an exact bias add no noise of their own.
    hardware = replace(IDEAL, deterministic_path="ideal", bias="reference", **REMAPPED[kind])
    assert_fires_with(map_to_crossbar(model, hardware, rng=0), x, equation_4(model, x))


def test_another_gate_than_trained_with_rescales_the_bias_lines(rng):
    model, x = one_layer(rng), signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, gate=BlankOut(0.3)), rng=0)
    lines = chip.layers[0].neurons.bias_lines.weights.sum(axis=1)
    # b' = b s'/s = b √(0.21/0.25)
    np.testing.assert_allclose(lines, model[0].bias.detach().numpy() * math.sqrt(0.84), rtol=1e-6)
    assert_fires_with(chip, x, equation_4(model, x))


def test_the_report_holds_the_remapped_gains(rng):
    model = one_layer(rng)
    row = map_to_crossbar(model, replace(IDEAL, gate=BlankOut(0.3)), rng=0).report().iloc[0]
    beta, b = model[0].beta.detach().numpy(), model[0].bias.detach().numpy()
    a, _ = theory.remapped(beta, b, variance=0.25, new_mean=0.3, new_variance=0.21)
    np.testing.assert_allclose((row.a_min, row.a_max), (a.min(), a.max()), rtol=1e-6)
    np.testing.assert_allclose((row.beta_min, row.beta_max), (beta.min(), beta.max()), rtol=1e-6)
    np.testing.assert_allclose(row.beta_of_device, 0.3 / math.sqrt(2 * 0.21), rtol=1e-12)


def test_a_programmed_copys_read_noise_makes_neurons_less_sure(rng):
    model, x = one_layer(rng, noise="gaussian", sigma=0.3, bias=False), signs(rng)
    with torch.no_grad():
        model[0].beta.fill_(1.0)
    device = replace(CELL, read_noise=GaussianNoise(0.3))
    chip = map_to_crossbar(model, replace(IDEAL, gate=NoNoise(), device=device), rng=0)
    # The copy adds a² v to v, so that Var u = v (1 + a²) ‖w‖², here with a = √2 · 0.3 − 1.
    a = math.sqrt(2) * 0.3 - 1
    assert_fires_with(chip, x, equation_4(model, x, inflation=1 + a**2))


def test_a_pedestal_of_independent_cells_shrinks_beta_by_the_pair_ratio(rng):
    model, x = one_layer(rng, bias=False), signs(rng)
    hardware = Hardware(
        device=Device(g_min=1e-6, g_max=1e-5),
        gate=BlankOut(0.5),
        gate_sharing="cell",
        deterministic_path="ideal",
    )
    p = firing(map_to_crossbar(model, hardware, rng=0), x, 1)[1]
    w = model[0].weight.detach().double().numpy()
    beta = model[0].beta.detach().double().numpy()
    ratio = theory.pair_ratio(w, 10)  # β_eff = β/√R
    v = beta / np.sqrt(ratio) * (x @ w.T) / np.linalg.norm(w, axis=1)
    np.testing.assert_allclose(p, 0.5 * (1 + erf(v)), rtol=1e-5)


def test_comparator_noise_adds_its_variance(rng):
    model, x = one_layer(rng), signs(rng)
    quiet = map_to_crossbar(model, IDEAL, rng=0)
    sigma = 3.0 * quiet.layers[0].amperes_per_weight  # in the units of w: 3
    chip = map_to_crossbar(model, replace(IDEAL, comparator=Comparator(noise=sigma)), rng=0)
    # NSM 2.3: P = ½ (1 + erf(E u/√(2 (Var ξ ‖w‖² + σ_n²)))).
    assert_fires_with(chip, x, equation_4(model, x, floor=9.0))


def test_comparator_offsets_are_static_and_differ_from_chip_to_chip(rng):
    model, x = one_layer(rng), signs(rng)
    scale = map_to_crossbar(model, IDEAL, rng=0).layers[0].amperes_per_weight
    chips = [
        map_to_crossbar(model, replace(IDEAL, comparator=Comparator(offset=4 * scale)), rng=c)
        for c in (0, 1, 0)
    ]
    offsets = [chip.layers[0].readout.offsets / scale for chip in chips]
    np.testing.assert_array_equal(offsets[0], offsets[2])
    assert (offsets[0] != offsets[1]).all()
    w, b = model[0].weight.detach().double().numpy(), model[0].bias.detach().double().numpy()
    a = model[0].a.detach().double().numpy()
    shifted = theory.firing_probability(w, x, mean=0.5, variance=0.25, a=a, b=b + offsets[0])
    assert_fires_with(chips[0], x, shifted)


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


def test_native_networks_need_no_copy(rng):
    model, x = one_layer(rng, beta="native"), signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, deterministic_path="none"), rng=0)
    assert chip.layers[0].neurons.deterministic_path is None
    assert_fires_with(chip, x, equation_4(model, x))
    default = map_to_crossbar(
        model, IDEAL, rng=0
    )  # nor do they get one: a_i = 0 under the noise trained with
    assert default.layers[0].neurons.deterministic_path is None
    assert default.report().tiles[0] == chip.report().tiles[0]


def test_learned_networks_without_a_copy_are_refused(rng):
    with pytest.raises(
        ValueError,
        match=r'layer 0 \(NSMLinear\): deterministic_path = "none" needs a_i = 0, but',
    ):
        map_to_crossbar(one_layer(rng), replace(IDEAL, deterministic_path="none"), rng=0)


def test_noise_free_hardware_is_refused_for_an_nsm_and_fine_for_a_rectifier(rng):
    silent = replace(IDEAL, gate=NoNoise())
    with pytest.raises(
        ValueError,
        match=r"layer 0 \(NSMLinear\): the hardware's reads are free of noise.*give Hardware a",
    ):
        map_to_crossbar(one_layer(rng), silent, rng=0)
    x = rng.random((5, 8))
    model = relu_mlp((8, 7, 6, 3)).double()
    logits = map_to_crossbar(model, silent, rng=0).sample(x, 2, rng=0)
    exact = model(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(logits, np.stack([exact, exact]), rtol=1e-9)


@pytest.mark.parametrize("gated", [True, False])
def test_a_copy_more_precise_than_the_device_is_warned_of_where_noise_is_small(gated, rng):
    cell = replace(
        CELL, write=StateDependentError(coefficients=(5e-7,)), read_noise=GaussianNoise(0.01)
    )
    hardware = replace(IDEAL, device=cell, gate=BlankOut(0.5) if gated else NoNoise())
    row = map_to_crossbar(one_layer(rng), hardware, rng=0).report().iloc[0]
    if gated:
        assert row.static_to_noise_ratio < 0.1
        assert row.warning == ""
    else:
        # The 1 % noise is far below a 5 % programming error.
        assert row.static_to_noise_ratio > 10
        assert row.warning.startswith(
            "the deterministic path must be more precise than the device can be programmed"
        )
        assert "use a stronger gate, or a device that is programmed better" in row.warning


def test_real_valued_inputs_keep_their_probability(rng):
    model, x = one_layer(rng), rng.uniform(0, 1, (4, FAN_IN))
    assert_fires_with(map_to_crossbar(model, IDEAL, rng=0), x, equation_4(model, x))


def distinct(chip):
    return len(np.unique(chip.layers[0].neurons.main.conductances()[0].round(15)))


def test_reprogrammed_scale_loses_levels_and_gain_does_not(rng):
    model = one_layer(rng)
    hardware = replace(IDEAL, device=Device(g_min=1e-6, g_max=1e-5, levels=32))
    full, scaled, gained = (
        map_to_crossbar(model, hardware, rng=0, reprogrammed_scale=s) for s in (1, 0.1, 1)
    )
    gained.scale_conductances(0.1)
    # α w over the same range of 32 levels reaches only the first 0.1 · 31 steps above g_min.
    assert distinct(full) == 32
    assert distinct(scaled) == 1 + round(0.1 * 31)
    assert distinct(gained) == 32
    wanted = model[0].weight.detach().double().numpy()
    np.testing.assert_allclose(
        gained.layers[0].neurons.main.weights, 0.1 * full.layers[0].neurons.main.weights, rtol=1e-9
    )
    for chip, target in ((full, wanted), (scaled, 0.1 * wanted)):
        # Every weight is within half a step of what was asked, whatever the scale.
        step = np.abs(wanted).max() / 31
        assert np.abs(chip.layers[0].neurons.main.weights - target).max() <= step / 2 * (1 + 1e-6)


def test_reprogrammed_scale_above_one_clips_and_says_so(rng):
    model = one_layer(rng)
    w = model[0].weight.detach().double().numpy()
    chip = map_to_crossbar(model, IDEAL, rng=0, reprogrammed_scale=2.0)
    np.testing.assert_array_equal(chip.layers[0].wanted, 2 * w)
    assert chip.report().clipped[0] == (np.abs(2 * w) > np.abs(w).max()).mean() > 0.1
    assert map_to_crossbar(model, IDEAL, rng=0).report().clipped[0] == 0


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


def test_flatten_and_dropout_need_no_devices(rng):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(8, 5), nn.Dropout(0.9), nn.ReLU(), nn.Linear(5, 3)
    )
    chip = map_to_crossbar(model, replace(IDEAL, gate=NoNoise()), rng=0)
    assert [layer.name for layer in chip.layers] == ["layer 1 (Linear)", "layer 4 (Linear)"]
    x = rng.random((5, 8))
    exact = model.eval().double()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(chip.sample(x, 1, rng=0)[0], exact, rtol=1e-9)


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_an_adc_rounds_the_logits_to_its_steps(bits, rng):
    model, x = relu_mlp((8, 7, 6, 3)), rng.random((20, 8))
    plain, converted = (
        map_to_crossbar(model[-1:], replace(IDEAL, adc=adc), rng=0)
        for adc in (None, Adc(bits=bits))
    )
    z = rng.choice([-1.0, 1.0], (20, 6))
    exact, rounded = plain.sample(z, 1, rng=0)[0], converted.sample(z, 1, rng=0)[0]
    layer = converted.layers[0]
    largest = layer.readout.full_scale / layer.amperes_per_weight
    w, b = (p.detach().double().numpy() for p in (model[-1].weight, model[-1].bias))
    np.testing.assert_allclose(largest, (np.abs(w).sum(axis=1) + np.abs(b)).max(), rtol=1e-9)
    assert np.abs(rounded - exact).max() <= largest / (2**bits - 1) * (1 + 1e-9)
    assert len(np.unique(rounded.round(12))) <= 2**bits
    assert map_to_crossbar(model, replace(IDEAL, adc=Adc(bits=bits)), rng=0).sample(
        x, 1, rng=0
    ).shape == (1, 20, 3)


def test_an_adc_of_its_own_full_scale_clips(rng):
    model, z = nn.Sequential(nn.Linear(6, 3, bias=False)), rng.choice([-1.0, 1.0], (20, 6))
    scale = map_to_crossbar(model, IDEAL, rng=0).layers[0].amperes_per_weight
    chip = map_to_crossbar(model, replace(IDEAL, adc=Adc(bits=16, full_scale=0.1 * scale)), rng=0)
    exact = z @ model[0].weight.detach().double().numpy().T
    # Half a step of 0.2/65535.
    assert np.abs(chip.sample(z, 1, rng=0)[0] - np.clip(exact, -0.1, 0.1)).max() <= 0.1 / 65535 * (
        1 + 1e-6
    )


def test_tiles_share_a_layer_and_are_counted(rng):
    model = one_layer(rng)
    report = map_to_crossbar(model, replace(IDEAL, tile_shape=(128, 4)), rng=0).report()
    # 300 inputs over 3 blocks, 6 outputs over 2: 6 tiles, as many again for the copy; bias lines of
    # 2 column blocks.
    lines = math.ceil(
        float(model[0].bias.detach().abs().max() / model[0].weight.detach().abs().max())
    )
    assert report.tiles[0] == 6 + 6 + 2 * math.ceil(lines / 128)
    assert (report.inputs[0], report.outputs[0], report.readout.tolist()) == (
        300,
        6,
        ["comparators", "converter"],
    )


def test_cost_is_positive_and_adds_array_and_read_out(rng):
    cost = map_to_crossbar(one_layer(rng), REAL, rng=0).cost()
    assert cost.layer.tolist() == ["layer 0 (NSMLinear)", "layer 1 (Linear)"]
    np.testing.assert_allclose(cost.energy, cost.array_energy + cost.readout_energy, rtol=1e-12)
    assert (cost[["array_energy", "readout_energy", "latency"]] > 0).all(axis=None)


def with_bad(rng, index, value):
    model = one_layer(rng)
    with torch.no_grad():
        model[index].weight[:] = value
    return model


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda rng: nn.Sequential(nn.Linear(3, 3), nn.Tanh()),
            r"cannot map layer 1 \(Tanh\)",
        ),
        (lambda rng: nn.Linear(3, 3), "cannot map a Linear: give an nn.Sequential"),
        (
            lambda rng: nn.Sequential(nn.ReLU()),
            "the network has no layer with weights; there is nothing to map",
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
def test_networks_that_cannot_be_mapped_are_refused(build, message, rng):
    with pytest.raises(ValueError, match=message):
        map_to_crossbar(build(rng), IDEAL, rng=0)


@pytest.mark.parametrize("scale", [0, -1.0, float("nan")])
def test_a_bad_scale_is_refused(scale, rng):
    with pytest.raises(ValueError, match="reprogrammed_scale = .* is not allowed"):
        map_to_crossbar(one_layer(rng), IDEAL, rng=0, reprogrammed_scale=scale)


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


def test_firing_of_a_deeper_layer_is_read_on_the_states_before_it(rng):
    model = nn.Sequential(NSMLinear(FAN_IN, 300, bias=False), NSMLinear(300, 4), nn.Linear(4, 3))
    measured, closed = firing(
        map_to_crossbar(model, IDEAL, rng=0), signs(rng, 2), READS, layer=1, rng=3
    )
    assert measured.shape == closed.shape == (2, 4)
    for frequency, p in zip(measured.ravel(), closed.ravel(), strict=True):
        assert_frequency(round(frequency * READS), READS, p)


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
