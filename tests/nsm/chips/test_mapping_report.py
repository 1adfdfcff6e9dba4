"""The report of a chip, compared with its reads: weight errors, β, deterministic path."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware, ReferenceColumn, Wires
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    NoNoise,
    StateDependentError,
    StochasticSelector,
    TelegraphNoise,
)
from nsm import NSMLinear, map_to_crossbar, theory
from nsm.nn.activations import Binarize
from nsm.nn.rules import BinConcreteLinear
from tests.helpers.many_reads import Steps, reads_of_steps

FAN_IN = 64
NEURONS = 6
INPUTS = 20_000
CELL = Device(g_min=9e-6, g_max=88e-6)
HARDWARE = Hardware(device=CELL, gate=BlankOut(0.5), tile_shape=(64, 64))


def network(rng, neurons=NEURONS, **options):
    """Return an NSM layer with random weights and no biases, followed by a linear layer."""
    torch.manual_seed(0)
    layer = NSMLinear(FAN_IN, neurons, bias=False, **options)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.clip(rng.standard_normal((neurons, FAN_IN)), -3, 3)))
    return nn.Sequential(layer, nn.Linear(neurons, 3))


def reported(model, hardware, **options):
    """Return a chip, and the row of its report for the first layer."""
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
@pytest.mark.parametrize("case", CHIPS)
def test_beta_effective_is_that_of_reads(case, beta, rng):
    hardware, options = CHIPS[case]
    model = network(rng, neurons=40, beta=beta)
    chip, row = reported(model, hardware, **options)
    w = model[0].weight.detach().double().numpy()
    z = rng.choice([-1.0, 1.0], (INPUTS, FAN_IN))
    u = chip.layers[0].neurons.read(z, rng=1, reads_per_input=2).reshape(INPUTS, 2, -1)
    # E u = m·z, β = m·w/(‖w‖ √(2 Var u)). Var u is measured as half the mean square difference
    # of two reads of one input.
    found = np.linalg.lstsq(z, u.mean(axis=1), rcond=None)[0].T
    projected = (found * w).sum(axis=1) / np.linalg.norm(w, axis=1)
    measured = np.median(projected / np.sqrt(((u[:, 0] - u[:, 1]) ** 2).mean(axis=0)))
    # The standard error of one neuron is 0.5/√20,000 in the mean, 0.7 % of β, and 0.5 % in the
    # deviation.
    np.testing.assert_allclose(row.beta_effective, measured, rtol=0.025)
    if case == "ideal":
        np.testing.assert_allclose(row.beta_effective, np.median(model[0].beta.detach()), rtol=1e-6)


def test_ir_drop_lowers_beta_only_a_little(rng):
    # It attenuates the mean and the noise of a sum alike.
    model = network(rng, neurons=40, beta="native")
    betas = [
        reported(model, replace(HARDWARE, wires=w))[1].beta_effective
        for w in (None, Wires(30.0, 30.0))
    ]
    assert betas[0] == pytest.approx(0.5**0.5, rel=1e-6)
    assert 0.85 * betas[0] < betas[1] < betas[0]


def test_errors_are_those_of_programmed_and_of_effective_weights(rng):
    model = network(rng)
    plain = reported(model, HARDWARE)[1]
    assert plain.weight_error_rms == plain.effective_error_rms < 1e-12
    for mapping in (HARDWARE.mapping, ReferenceColumn()):
        hardware = replace(HARDWARE, mapping=mapping, wires=Wires(3.0, 3.0))
        chip, row = reported(model, hardware)
        # Times 2, because half of the gates conduct on average.
        seen = 2 * chip.layers[0].neurons.main.moments(np.eye(FAN_IN))[0].T
        w = model[0].weight.detach().double().numpy()
        expected = np.sqrt(((seen - w) ** 2).mean()) / np.abs(w).max()
        np.testing.assert_allclose(row.effective_error_rms, expected, rtol=1e-9)
        assert row.weight_error_rms < 1e-12 < 0.005 < row.effective_error_rms
        compensated = reported(model, replace(hardware, compensate_wires=True))[1]
        assert compensated.effective_error_rms < 0.8 * row.effective_error_rms
        assert compensated.effective_error_rms < compensated.weight_error_rms


@pytest.mark.parametrize(
    ("spread", "has_path"), [(0.0, True), (1.0, True), (4.0, True), (4.0, False)]
)
def test_spread_of_gates_is_a_fixed_pattern_that_no_deterministic_path_cancels(
    spread, has_path, rng
):
    hardware = replace(
        HARDWARE,
        gate=StochasticSelector(spread=spread),
        deterministic_path="programmed" if has_path else "none",
    )
    chip, row = reported(network(rng, neurons=40, beta="native"), hardware)
    if spread == 0:
        assert row.spread_to_noise_ratio == 0
    if spread == 1:
        # p_ij is uniform on (0, 1): Var p / E[p (1 − p)] = (1/12)/(1/6). The bound is 5 SE of a
        # median of 40 over 64 devices.
        assert row.spread_to_noise_ratio == pytest.approx(0.5, rel=0.15)
    if spread == 4 and has_path:
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


def test_beta_is_the_median_over_neurons_that_have_noise():
    torch.manual_seed(0)
    model = nn.Sequential(NSMLinear(20, 3, bias=False))
    with torch.no_grad():
        model[0].weight[0] *= (
            0.1  # below half of the only level step: all cells of this row are at g_min
        )
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


DIGITAL = Hardware(device=CELL)


def test_samples_of_recurrent_layers_are_as_many_reads_apart_as_a_pass_has_steps():
    noise = TelegraphNoise(amplitude=0.2, tau_capture=4e-6, tau_emission=4e-6)
    hardware = Hardware(device=replace(CELL, read_noise=noise))
    chip = map_to_crossbar(Steps(), hardware, rng=0, example=torch.randn(2, 1, 8, 8))
    s = chip.effective_samples(10)["median"].to_numpy()
    for layer, median, n in zip(chip.layers, s, reads_of_steps(8), strict=True):
        rho = np.exp(-n * 1e-6 * (2 / 4e-6))
        expected = theory.effective_samples(10, rho)
        np.testing.assert_allclose(median, expected, rtol=1e-9, err_msg=layer.name)


def test_the_report_says_that_a_network_was_trained_on_relaxed_states():
    torch.manual_seed(0)
    hardware = Hardware(device=Device(g_min=1e-8, g_max=1e-6), gate=BlankOut(0.5))
    for kind, told in ((BinConcreteLinear, True), (NSMLinear, False)):
        model = nn.Sequential(Binarize(), kind(6, 5), nn.Linear(5, 2))
        warning = map_to_crossbar(model, hardware, rng=0).report()["warning"]
        assert ("trained on relaxed states between -1 and +1" in warning[0]) == told
        assert not warning[1]


TRAPS = TelegraphNoise(amplitude=0.3, tau_capture=1e-3, tau_emission=1e-3)


@pytest.mark.parametrize(
    ("options", "path", "fields"),
    [
        ({"gate": BlankOut(0.5)}, "packed bits", "gate"),
        ({"noise": GaussianNoise(0.1)}, "one normal per output", "device.read_noise"),
        (
            {"noise": LognormalNoise(0.1), "gate": BlankOut(0.5)},
            "a normal for every cell",
            "device.read_noise",
        ),
        ({"noise": TRAPS}, "weights that change with traps", "device.read_noise"),
        ({"noise": replace(TRAPS, window=1e-5)}, "cell by cell", "device.read_noise"),
    ],
)  # fmt: skip
def test_the_report_names_the_fields_that_choose_how_reads_are_drawn(options, path, fields):
    torch.manual_seed(0)
    gate = {"gate": options["gate"]} if "gate" in options else {}
    device = Device(g_min=1e-8, g_max=1e-6, read_noise=options.get("noise", NoNoise()))
    model = nn.Sequential(Binarize(), NSMLinear(6, 5, beta="learned"), nn.Linear(5, 2))
    report = map_to_crossbar(model, Hardware(device=device, **gate), rng=0).report()
    assert report["read_path"][0].startswith(path)
    assert report["path_chosen_by"][0] == fields
