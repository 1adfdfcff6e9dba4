"""Cost of a pass: locations, steps, samples, recorded inputs; sums over layers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, CostConstants, Dac, Hardware, Wires
from crossbar.cost.circuits import ReadOut
from crossbar.cost.read_cost import read_cost
from devices import BlankOut, Device, TelegraphNoise, WritePulses, preset
from nsm import map_to_crossbar
from nsm.chips.cost import ENERGIES, NOT_COUNTED, TOTAL
from tests.helpers.many_reads import Steps, reads_of_steps

CELL = Device(g_min=1e-6, g_max=1e-4)
HARDWARE = Hardware(device=CELL, read_period=1e-6)
NUMBERS = ["reads", *ENERGIES, "total [J]", "latency [s]", "area [m²]"]


def convolution():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 24 * 24, 10))


def of_layers(frame):
    """Return a table without its last row."""
    assert frame.layer.iloc[-1] == TOTAL
    return frame.iloc[:-1]


def test_every_read_of_a_pass_is_counted():
    x = torch.randn(2, 1, 8, 8)
    chip = map_to_crossbar(Steps(), HARDWARE, rng=0, example=x)
    one = of_layers(chip.cost())
    assert one.reads.tolist() == reads_of_steps(8)
    np.testing.assert_allclose(one["latency [s]"], np.array(reads_of_steps(8)) * 1e-6, rtol=1e-12)
    alone = [read_cost(layer.neurons, ReadOut.ADC) for layer in chip.layers]
    each = np.array([c.energy.array for c in alone])
    np.testing.assert_allclose(one["array [J]"], np.array(reads_of_steps(8)) * each, rtol=1e-12)
    for _ in range(2):  # it is that of one pass of one image, however often the chip is read
        chip.sample(x, 3, rng=0)
        assert of_layers(chip.cost()).reads.tolist() == reads_of_steps(8)
        assert of_layers(chip.cost(x, rng=0)).reads.tolist() == reads_of_steps(8)
    larger = torch.randn(1, 1, 12, 12)
    assert of_layers(chip.cost(larger, rng=0)).reads.tolist() == reads_of_steps(12)
    assert of_layers(chip.cost()).reads.tolist() == reads_of_steps(12)


def test_a_convolution_costs_what_a_linear_layer_costs_that_is_read_as_often():
    chip = map_to_crossbar(convolution(), HARDWARE, rng=0)
    row = chip.cost().iloc[0]
    assert row.reads == 24 * 24
    # Cells and ADCs alone, at ISAAC's 1.56 pJ, make 6.97e-8 J; the linear layer of the same cells
    # that is read once has the same energy per read.
    cells_and_adcs = row["array [J]"] + 576 * 8 * 1.56e-12
    np.testing.assert_allclose([cells_and_adcs, row["latency [s]"]], [6.97e-8, 576e-6], rtol=1e-3)
    linear = nn.Sequential(nn.Linear(25, 8))
    with torch.no_grad():
        linear[0].weight.copy_(chip.model[0].weight.reshape(8, 25))
        linear[0].bias.copy_(chip.model[0].bias)
    once = map_to_crossbar(linear, HARDWARE, rng=0).cost().iloc[0]
    for name in ("array [J]", "total [J]", "latency [s]", "amplifiers [J]"):
        np.testing.assert_allclose(row[name], 576 * once[name], rtol=1e-9)
    np.testing.assert_allclose(row["area [m²]"], once["area [m²]"], rtol=1e-9)


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("samples", [1, 7, 2.5])
def test_columns_and_rows_add_up(samples, images):
    model = nsm.nsm_mlp((6, 5, 4))
    chip = map_to_crossbar(model, replace(HARDWARE, gate=BlankOut(0.5)), rng=0)
    x = np.random.default_rng(0).normal(size=(3, 6)) if images else None
    frame = chip.cost(x, samples=samples, rng=0)
    assert frame.columns.tolist() == ["layer", "inputs", "mean square input", *NUMBERS]
    np.testing.assert_allclose(frame["total [J]"], frame[[*ENERGIES]].sum(axis=1), rtol=1e-12)
    sums = of_layers(frame)[NUMBERS].sum()
    np.testing.assert_allclose(frame.iloc[-1][NUMBERS].astype(float), sums, rtol=1e-12)
    one = chip.cost(x, rng=0)
    for name in NUMBERS[:-1]:
        np.testing.assert_allclose(frame[name].astype(float), samples * one[name], rtol=1e-9)
    np.testing.assert_allclose(frame["area [m²]"], one["area [m²]"], rtol=1e-12)
    assert frame.attrs == {"samples": samples, "not_counted": NOT_COUNTED}


def test_real_inputs_are_those_of_every_layer():
    # Hidden units of one layer are the inputs of the next: x² from the outputs in between.
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 4))
    chip = map_to_crossbar(net, HARDWARE, rng=0)
    x = np.random.default_rng(0).normal(size=(20, 6))
    frame = chip.cost(x, rng=0)
    hidden = chip.outputs(x, rng=0)["1"]
    np.testing.assert_allclose(
        frame["mean square input"][:2], [np.mean(x**2), np.mean(hidden**2)], rtol=1e-6
    )
    assert frame.inputs.tolist() == ["recorded", "recorded", ""]
    assert chip.cost().inputs.tolist() == ["assumed ±1", "assumed ±1", ""]
    twice = chip.cost(2 * x, rng=0)
    np.testing.assert_allclose(twice["array [J]"][0], 4 * frame["array [J]"][0], rtol=1e-9)


def test_the_padding_of_windows_drives_no_line():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(4, 2))
    chip = map_to_crossbar(net, HARDWARE, rng=0)
    row = chip.cost(np.ones((1, 1, 2, 2)), rng=0).iloc[0]
    assert row["mean square input"] == pytest.approx(4 / 9)  # 4 of 9 pixels of each window


@pytest.mark.parametrize("path", ["torch", "numpy"])
def test_both_ways_of_reading_are_recorded_alike(path):
    net = convolution()
    hardware = HARDWARE if path == "torch" else replace(HARDWARE, dac=Dac(12, 4.0))
    chip = map_to_crossbar(net, hardware, rng=0)
    x = np.random.default_rng(0).random((2, 1, 28, 28))
    row = chip.cost(x, rng=0).iloc[0]
    windows = nn.functional.unfold(torch.tensor(x), 5)
    assert row["mean square input"] == pytest.approx(float((windows**2).mean()), rel=1e-2)


def test_states_between_layers_have_size_one():
    model = nsm.nsm_mlp((6, 5, 5, 4))
    chip = map_to_crossbar(model, replace(HARDWARE, gate=BlankOut(0.5)), rng=0)
    x = np.random.default_rng(0).normal(size=(3, 6))
    assert chip.cost(x, rng=0)["mean square input"].tolist()[1:3] == [1.0, 1.0]


def test_wires_count_products_of_inputs():
    # Two lines with opposite inputs feed each other's drivers less than lines with equal ones.
    net = nn.Sequential(nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 1.0]]))
    wires = Wires(0.0, 5e3)
    chip = map_to_crossbar(net, replace(HARDWARE, wires=wires), rng=0)
    equal, opposite = (chip.cost([[1.0, s]], rng=0)["array [J]"][0] for s in (1, -1))
    expected = []
    for v in ([0.1, 0.1], [0.1, -0.1]):
        power = 0.0
        for g in (CELL.g_max, CELL.g_min):
            nodes = wires.node_voltages([[g], [g]], v)
            power += float((np.array(v) * (nodes.word - nodes.bit)[:, 0] * g).sum())
        expected.append(power * 1e-6)
    np.testing.assert_allclose([equal, opposite], expected, rtol=1e-9)
    assert opposite > 1.5 * equal


def test_the_pass_that_records_counts_no_clipping():
    net = nn.Sequential(nn.Linear(3, 2))
    hardware = replace(HARDWARE, dac=Dac(4, 1.0), adc=Adc(8))
    chip = map_to_crossbar(net, hardware, rng=0)
    chip.cost(9 * np.ones((2, 3)), rng=0)  # would warn
    assert np.isnan(chip.report().clipped_inputs[0])


def test_the_same_seed_records_the_same_inputs():
    noise = TelegraphNoise(amplitude=0.2, tau_capture=4e-6, tau_emission=4e-6)
    hardware = replace(HARDWARE, device=replace(CELL, read_noise=noise))
    x = np.random.default_rng(0).normal(size=(3, 6))
    net = nsm.relu_mlp((6, 5, 4))
    frames = [map_to_crossbar(net, hardware, rng=0).cost(x, rng=1) for _ in range(2)]
    pd.testing.assert_frame_equal(*frames)


def test_a_layer_that_no_image_reaches_costs_nothing():
    class Skipping(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            y = self.first(x)
            return self.second(y[y[:, 0] > 1e9]).sum() + y

    chip = map_to_crossbar(Skipping(), HARDWARE, rng=0, example=torch.randn(2, 3))
    frame = chip.cost(torch.randn(4, 3), rng=0)
    assert frame.reads.tolist() == [1, 0, 1]
    assert frame["total [J]"][1] == 0


def test_constants_can_be_replaced():
    net = nn.Sequential(nn.Linear(3, 2))
    chip = map_to_crossbar(net, HARDWARE, rng=0)
    free = replace(CostConstants(), amplifier_power=0.0)
    assert chip.cost(constants=free)["amplifiers [J]"][0] == 0
    assert chip.cost()["amplifiers [J]"][0] > 0


def test_what_has_no_cost_is_refused():
    chip = map_to_crossbar(nn.Sequential(nn.Linear(3, 2)), HARDWARE, rng=0)
    with pytest.raises(ValueError, match="samples = 0"):
        chip.cost(samples=0)
    with pytest.raises(ValueError, match="images holds no images"):
        chip.cost(np.empty((0, 3)))
    chip.layers[0].readout = object()
    with pytest.raises(ValueError, match="read-out object, whose circuit is None"):
        chip.cost()


def test_programming_is_counted_layer_by_layer():
    device = preset("rram_jo2010")
    chip = map_to_crossbar(nsm.relu_mlp((6, 5, 4)), replace(HARDWARE, device=device), rng=0)
    frame = chip.write_cost()
    assert frame.layer.iloc[-1] == "total"
    numbers = ["cells", "pulses", "cells [J]", "lines [J]", "total [J]", "time [s]"]
    np.testing.assert_allclose(
        frame.iloc[-1][numbers].astype(float), frame.iloc[:-1][numbers].sum(), rtol=1e-12
    )
    assert (frame["total [J]"] > 0).all()
    # Ten times the width, ten times the energy in the cells.
    pulses = WritePulses(voltage_up=3.2, width_up=3e-3, voltage_down=-2.8, width_down=3e-3)
    longer = chip.write_cost(pulses=pulses)
    np.testing.assert_allclose(longer["cells [J]"], 10 * frame["cells [J]"], rtol=1e-9)


def test_programming_that_is_not_known_is_nan_in_the_total_too():
    frame = map_to_crossbar(nsm.relu_mlp((6, 5, 4)), HARDWARE, rng=0).write_cost()
    assert frame["total [J]"].isna().all()
    assert frame["why unknown"][0] == "the device has no pulse response"
