"""The ranges of a calibrated chip as hardware: all of them, by layer, or refused by name."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, Dac, Hardware
from devices import Device

HARDWARE = Hardware(device=Device(g_min=1e-7, g_max=1e-6), dac=Dac(4), adc=Adc(5))


def mapped(**fields):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(4, 6, 2, groups=2), nn.Tanh(), nn.Flatten(), nn.Linear(24, 3), nn.Sigmoid()
    )
    x = np.random.default_rng(0).random((20, 4, 3, 3)) * [[[[1]], [[1]], [[2]], [[2]]]]
    chip = nsm.map_to_crossbar(model.double(), replace(HARDWARE, **fields), rng=0, example=x)
    return chip, x


def test_ranges_are_those_of_the_calibration_by_layer():
    chip, x = mapped(input_scale="calibrated")
    chip.calibrate(x, rng=0)
    found = nsm.calibrated_hardware(chip)
    assert list(found) == ["0", "3", "*"]
    assert found["*"] is None
    inputs = [layer.neurons.drivers.limit for layer in chip.layers]
    currents = [layer.neurons.converters.limits[0, 0] for layer in chip.layers]
    assert inputs[0] < inputs[1]  # the groups of the convolution
    for path, limit, current in (
        ("0", inputs[1], max(currents[:2])),
        ("3", inputs[2], currents[2]),
    ):
        own = Dac(4, range=limit), Adc(5, range=current)
        assert found[path] == replace(HARDWARE, dac=own[0], adc=own[1], input_scale=limit)


def test_given_ranges_stay():
    given = {"dac": Dac(4, range=3.0), "adc": Adc(5, range=1e-6)}
    chip, _ = mapped(**given)
    hardware = replace(HARDWARE, **given)
    assert nsm.calibrated_hardware(chip) == {"0": hardware, "3": hardware, "*": None}


def test_ranges_that_no_number_describes_are_refused():
    chip, x = mapped(dac=None)
    chip.calibrate(x, per="column", rng=0)
    with pytest.raises(
        ValueError, match=r'layer 0.group0 \(Conv2d\): its ADCs have .* per = "layer"'
    ):
        nsm.calibrated_hardware(chip)
    chip, _ = mapped()
    with pytest.raises(ValueError, match=r"the DAC of layer 0.group0 \(Conv2d\) has no range"):
        nsm.calibrated_hardware(chip)
    with pytest.raises(ValueError, match="chip = Sequential"):
        nsm.calibrated_hardware(chip.model)
