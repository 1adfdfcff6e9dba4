"""Compensated chips of recurrent layers and attention, and their reads in torch."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import BlankOut, Device
from nsm.chips.torch_reads.torch_chip import TorchChip
from nsm.nn.activations import Binarize
from nsm.nn.sigmoid import SigmoidLinear

CELL = Device(g_min=1e-6, g_max=1e-4)


class Recurrent(nn.Module):
    """An LSTM whose last state is read by a linear layer."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Attention(nn.Module):
    """Self-attention, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.attention(x, x, x)[0].mean(dim=1))


@pytest.mark.parametrize("per", ["layer", "column"])
@pytest.mark.parametrize(("build", "width"), [(Recurrent, 5), (Attention, 6)])
def test_every_matrix_of_composite_layers_has_its_factor(build, width, per):
    model = build().double()
    x = np.random.default_rng(0).uniform(-1, 1, (4, 3, width))
    example = torch.as_tensor(x)
    chip = nsm.map_to_crossbar(model, Hardware(device=CELL), rng=0, example=example)
    wanted = chip.sample(x, 1, rng=0)
    chip.scale_conductances(0.05)
    assert np.abs(chip.sample(x, 1, rng=0) - wanted).max() > 0.05
    chip.compensate(per)
    assert all(layer.compensation.per == per for layer in chip.layers)
    np.testing.assert_allclose(chip.sample(x, 1, rng=0), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bias", ["word_line", "reference"])
def test_reads_on_a_device_of_torch_have_the_factors(bias):
    model = nsm.relu_mlp((12, 20, 5))
    x = np.random.default_rng(0).uniform(-1, 1, (6, 12))
    chip = nsm.map_to_crossbar(model, Hardware(device=CELL, bias=bias), rng=0)
    wanted = chip.sample(x, 1, rng=0)
    chip.scale_conductances(0.05)
    chip.compensate("column")
    found = TorchChip(chip, dtype=torch.float64).sample(x, 1, rng=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_logistic_thresholds_on_a_device_of_torch_follow_the_gain():
    model = nn.Sequential(Binarize(), SigmoidLinear(12, 8), nn.Linear(8, 3))
    x = np.random.default_rng(0).uniform(0, 1, (6, 12))
    hardware = Hardware(device=CELL, gate=BlankOut(0.5))
    chip = nsm.map_to_crossbar(model, hardware, rng=0)
    wanted = TorchChip(chip, dtype=torch.float64).sample(x, 20, rng=0)
    chip.scale_conductances(0.05)
    assert (TorchChip(chip, dtype=torch.float64).sample(x, 20, rng=0) != wanted).any()
    chip.compensate()
    found = TorchChip(chip, dtype=torch.float64).sample(x, 20, rng=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
