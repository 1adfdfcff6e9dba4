"""Chips whose noise differs from that of training keep the firing probabilities."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import erf

from crossbar import Hardware
from devices import BlankOut, Device, GaussianNoise, NoNoise, PowerLawNoise, StateDependentError
from nsm import map_to_crossbar, relu_mlp, theory
from nsm.chips.firing import firing
from tests.helpers.mapped_layers import CELL, IDEAL, assert_fires_with, equation_4, one_layer, signs

REMAPPED = {
    "another gate": {"gate": BlankOut(0.3)},
    "a normal gate": {"gate": GaussianNoise(0.5)},
    "noise of the cells": {
        "gate": NoNoise(),
        "device": replace(CELL, read_noise=GaussianNoise(0.3)),
    },
    "gate and noise of the cells": {
        "gate": BlankOut(0.6),
        "device": replace(CELL, read_noise=GaussianNoise(0.4)),
    },
    "cells of γ = ½": {
        "gate": NoNoise(),
        "device": replace(CELL, read_noise=PowerLawNoise(0.3, 0.5, 5e-6)),
    },
}


@pytest.mark.parametrize("noise", REMAPPED)
def test_firing_probabilities_are_kept_under_another_noise_than_in_training(noise, rng):
    model = one_layer(rng)
    x = signs(rng)
    # a' = β s' − E ξ', b' = b s'/s. An ideal deterministic path and an exact bias add no noise.
    hardware = replace(IDEAL, deterministic_path="ideal", bias="reference", **REMAPPED[noise])
    assert_fires_with(map_to_crossbar(model, hardware, rng=0), x, equation_4(model, x))


def test_another_gate_than_in_training_rescales_the_bias_lines(rng):
    model = one_layer(rng)
    x = signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, gate=BlankOut(0.3)), rng=0)
    lines = chip.layers[0].neurons.bias_lines.weights.sum(axis=1)
    # b' = b s'/s = b √(0.21/0.25)
    np.testing.assert_allclose(lines, model[0].bias.detach().numpy() * math.sqrt(0.84), rtol=1e-6)
    assert_fires_with(chip, x, equation_4(model, x))


def test_the_report_holds_the_factors_of_the_deterministic_path(rng):
    model = one_layer(rng)
    row = map_to_crossbar(model, replace(IDEAL, gate=BlankOut(0.3)), rng=0).report().iloc[0]
    beta = model[0].beta.detach().numpy()
    b = model[0].bias.detach().numpy()
    a, _ = theory.remapped(beta, b, variance=0.25, new_mean=0.3, new_variance=0.21)
    np.testing.assert_allclose((row.a_min, row.a_max), (a.min(), a.max()), rtol=1e-6)
    np.testing.assert_allclose((row.beta_min, row.beta_max), (beta.min(), beta.max()), rtol=1e-6)
    np.testing.assert_allclose(row.beta_of_device, 0.3 / math.sqrt(2 * 0.21), rtol=1e-12)


def test_read_noise_of_a_programmed_deterministic_path_lowers_beta(rng):
    model = one_layer(rng, noise="gaussian", sigma=0.3, bias=False)
    x = signs(rng)
    with torch.no_grad():
        model[0].beta.fill_(1.0)
    device = replace(CELL, read_noise=GaussianNoise(0.3))
    chip = map_to_crossbar(model, replace(IDEAL, gate=NoNoise(), device=device), rng=0)
    # The deterministic path adds a² v to v, so that Var u = v (1 + a²) ‖w‖². Here
    # a = √2 · 0.3 − 1.
    a = math.sqrt(2) * 0.3 - 1
    assert_fires_with(chip, x, equation_4(model, x, inflation=1 + a**2))


def test_a_pedestal_of_independent_cells_shrinks_beta_by_the_pair_ratio(rng):
    model = one_layer(rng, bias=False)
    x = signs(rng)
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


def test_native_networks_need_no_deterministic_path(rng):
    model = one_layer(rng, beta="native")
    x = signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, deterministic_path="none"), rng=0)
    assert chip.layers[0].neurons.deterministic_path is None
    assert_fires_with(chip, x, equation_4(model, x))
    # By default they get none, because a_i = 0 under the noise of training.
    default = map_to_crossbar(model, IDEAL, rng=0)
    assert default.layers[0].neurons.deterministic_path is None
    assert default.report().tiles[0] == chip.report().tiles[0]


def test_learned_networks_without_a_deterministic_path_are_refused(rng):
    with pytest.raises(
        ValueError,
        match=r'layer 0 \(NSMLinear\): deterministic_path = "none"',
    ):
        map_to_crossbar(one_layer(rng), replace(IDEAL, deterministic_path="none"), rng=0)


def test_noise_free_hardware_is_refused_for_an_nsm_and_allowed_for_a_relu_network(rng):
    noiseless = replace(IDEAL, gate=NoNoise())
    with pytest.raises(
        ValueError,
        match=r"layer 0 \(NSMLinear\): .* free of noise",
    ):
        map_to_crossbar(one_layer(rng), noiseless, rng=0)
    x = rng.random((5, 8))
    model = relu_mlp((8, 7, 6, 3)).double()
    logits = map_to_crossbar(model, noiseless, rng=0).sample(x, 2, rng=0)
    exact = model(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(logits, np.stack([exact, exact]), rtol=1e-9)


@pytest.mark.parametrize("gated", [True, False])
def test_a_deterministic_path_that_needs_more_precision_than_the_device_has_is_reported(gated, rng):
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
