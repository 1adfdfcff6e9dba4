"""What a chip's report says of its weights, its β and its copy: against the reads themselves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware, ReferenceColumn, Wires
from devices import BlankOut, Device, StateDependentError, StochasticSelector
from nsm import NSMLinear, map_to_crossbar

FAN_IN, NEURONS, INPUTS = 64, 6, 20_000
CELL = Device(g_min=9e-6, g_max=88e-6)
HARDWARE = Hardware(device=CELL, gate=BlankOut(0.5), tile_shape=(64, 64))


def network(rng, neurons=NEURONS, **options):
    """An NSM layer of random weights without biases, read out by a linear layer."""
    torch.manual_seed(0)
    layer = NSMLinear(FAN_IN, neurons, bias=False, **options)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.clip(rng.standard_normal((neurons, FAN_IN)), -3, 3)))
    return nn.Sequential(layer, nn.Linear(neurons, 3))


def reported(model, hardware, **options):
    chip = map_to_crossbar(model, hardware, rng=0, **options)
    return chip, chip.report().iloc[0]


CHIPS = {
    "ideal": (HARDWARE, {}),
    "wires of 30 Ω": (replace(HARDWARE, wires=Wires(30.0, 30.0)), {}),
    "wires, a gate per cell": (replace(HARDWARE, wires=Wires(30.0, 30.0), gate_sharing="cell"), {}),
    "compensated": (replace(HARDWARE, wires=Wires(3.0, 3.0), compensate_wires=True), {}),
    "programming error": (
        replace(
            HARDWARE,
            device=replace(CELL, levels=16, write=StateDependentError(coefficients=(4e-6,))),
        ),
        {},
    ),
    "half scale": (HARDWARE, {"reprogrammed_scale": 0.5}),
}


@pytest.mark.parametrize("beta", ["native", "learned"])
@pytest.mark.parametrize("kind", CHIPS)
def test_beta_effective_is_that_of_reads(kind, beta, rng):
    hardware, options = CHIPS[kind]
    model = network(rng, neurons=40, beta=beta)
    chip, row = reported(model, hardware, **options)
    w = model[0].weight.detach().double().numpy()
    z = rng.choice([-1.0, 1.0], (INPUTS, FAN_IN))
    u = chip.layers[0].neurons.read(z, rng=1, reads_per_input=2).reshape(INPUTS, 2, -1)
    # E u = m·z, β = m·w/(‖w‖ √(2 Var u)); the variance of reads is that between two of one input.
    found = np.linalg.lstsq(z, u.mean(axis=1), rcond=None)[0].T
    gain = (found * w).sum(axis=1) / np.linalg.norm(w, axis=1)
    measured = np.median(gain / np.sqrt(((u[:, 0] - u[:, 1]) ** 2).mean(axis=0)))
    # The standard error of one neuron is 0.5/√20,000 in the mean, 0.7 % of β, and 0.5 % in the
    # deviation.
    np.testing.assert_allclose(row.beta_effective, measured, rtol=0.025)
    if kind == "ideal":
        np.testing.assert_allclose(row.beta_effective, np.median(model[0].beta.detach()), rtol=1e-6)


def test_wires_take_from_the_mean_and_from_the_noise_alike(rng):
    model = network(rng, neurons=40, beta="native")
    betas = [
        reported(model, replace(HARDWARE, wires=w))[1].beta_effective
        for w in (None, Wires(30.0, 30.0))
    ]
    assert betas[0] == pytest.approx(0.5**0.5, rel=1e-6)
    assert 0.85 * betas[0] < betas[1] < betas[0]


def test_errors_are_those_of_the_cells_and_of_what_they_multiply_with(rng):
    model = network(rng)
    plain = reported(model, HARDWARE)[1]
    assert plain.weight_error_rms == plain.effective_error_rms < 1e-12
    for mapping in (HARDWARE.mapping, ReferenceColumn()):
        hardware = replace(HARDWARE, mapping=mapping, wires=Wires(3.0, 3.0))
        chip, row = reported(model, hardware)
        seen = (
            2 * chip.layers[0].neurons.main.moments(np.eye(FAN_IN))[0].T
        )  # half of the gates are open
        w = model[0].weight.detach().double().numpy()
        expected = np.sqrt(((seen - w) ** 2).mean()) / np.abs(w).max()
        np.testing.assert_allclose(row.effective_error_rms, expected, rtol=1e-9)
        assert row.weight_error_rms < 1e-12 < 0.005 < row.effective_error_rms
        aimed = reported(model, replace(hardware, compensate_wires=True))[1]
        assert aimed.effective_error_rms < 0.8 * row.effective_error_rms
        assert aimed.effective_error_rms < aimed.weight_error_rms


@pytest.mark.parametrize(
    ("spread", "copied"), [(0.0, True), (1.0, True), (4.0, True), (4.0, False)]
)
def test_gates_that_differ_are_a_fixed_pattern_which_no_copy_undoes(spread, copied, rng):
    hardware = replace(
        HARDWARE,
        gate=StochasticSelector(spread=spread),
        deterministic_path="programmed" if copied else "none",
    )
    chip, row = reported(network(rng, neurons=40, beta="native"), hardware)
    if spread == 0:
        assert row.spread_to_noise_ratio == 0
    if spread == 1:
        # p_ij is uniform on (0, 1): Var p / E[p (1 − p)] = (1/12)/(1/6). The bound is 5 SE of a
        # median of 40 over 64 devices.
        assert row.spread_to_noise_ratio == pytest.approx(0.5, rel=0.15)
    if spread == 4 and copied:
        assert row.spread_to_noise_ratio > 3
        assert row.warning.startswith(
            "the deterministic path keeps β as if all gates were the average one, but they differ"
        )
        assert 'a network of beta="native" with deterministic_path = "none"' in row.warning
    else:
        assert row.warning == ""
    neurons = chip.layers[0].neurons
    z = rng.choice([-1.0, 1.0], (2000, FAN_IN))
    average = (0.5 + neurons.a) * (z @ neurons.main.weights.T)
    pattern = ((neurons.moments(z)[0] - average) ** 2).mean(axis=0)
    expected = np.median(pattern / neurons.moments(z[:1])[1][0])
    np.testing.assert_allclose(row.spread_to_noise_ratio, expected, rtol=0.05, atol=1e-12)


def test_beta_is_that_of_the_neurons_that_are_left_with_noise():
    torch.manual_seed(0)
    model = nn.Sequential(NSMLinear(20, 3, bias=False))
    with torch.no_grad():
        model[0].weight[0] *= 0.1  # below the first of two levels: this row's cells all rest
    hardware = Hardware(
        device=Device(g_min=1e-8, g_max=1e-6, levels=2),
        gate=BlankOut(0.5),
        deterministic_path="ideal",
    )
    beta = map_to_crossbar(model, hardware, rng=0).report()["beta_effective"][0]
    assert 0 < beta < 10
    with torch.no_grad():
        model[0].weight[1:] *= 1e-3
        model[0].weight[0, 0] = 10
    assert np.isfinite(map_to_crossbar(model, hardware, rng=0).report()["beta_effective"][0])
