"""Hardware as options: what is written in TOML is read back as the same hardware."""

import tomllib
from dataclasses import dataclass

import numpy as np
import pytest
import tomli_w

from crossbar import (
    Adc,
    BalancedPair,
    BitSliced,
    Comparator,
    Dac,
    Hardware,
    ReferenceColumn,
    Wires,
)
from crossbar.hardware_options import hardware_options
from crossbar.paths import build_hardware, flattened
from devices import GATES, PRESETS, BlankOut, Device, FaultMap, GaussianNoise, StuckCells, WearOut
from nsm.sweeps.hashing.identity import canonical

DEVICE = Device(g_min=1e-6, g_max=1e-5)
FAULTS = np.full((4, 3), np.nan)
FAULTS[1, 2] = 3e-6
HARDWARES = {
    "default": Hardware(device=DEVICE),
    "converters": Hardware(
        device=DEVICE, adc=Adc(6, range=1e-5, noise=1e-9, per="tile"), dac=Dac(4), bandwidth=1e8
    ),
    "open converters": Hardware(device=DEVICE, adc=Adc(8), dac=Dac(4, serial=True)),
    "wires": Hardware(
        device=DEVICE,
        wires=Wires(r_row=1.0, r_col=2.0, r_source=100.0, drivers="both"),
        compensate_wires=True,
    ),
    "wires by segment": Hardware(
        device=DEVICE,
        tile_shape=(4, 3),
        wires=Wires(r_row=np.full((4, 3), 2.5), r_col=0.0),
    ),
    "comparator": Hardware(
        device=DEVICE, gate=BlankOut(0.25), comparator=Comparator(offset=1e-8, noise=1e-9)
    ),
    "reference column": Hardware(
        device=DEVICE, mapping=ReferenceColumn(), gate_sharing="word_line", bias="reference"
    ),
    "balanced pair": Hardware(device=DEVICE, mapping=BalancedPair(), deterministic_path="none"),
    "bit slices": Hardware(
        device=DEVICE,
        mapping=BitSliced(mapping=ReferenceColumn(), bits_per_cell=1, bits=4, offset_binary=True),
    ),
    "calibrated": Hardware(
        device=DEVICE,
        input_scale="calibrated",
        weight_range=99.5,
        weight_scale="row",
        tile_shape=(64, 32),
        temperature=350.0,
    ),
    "levels": Hardware(device=Device(g_min=1e-6, g_max=1e-5, levels=(1e-6, 4e-6, 1e-5))),
    "fault map": Hardware(
        device=Device(g_min=1e-6, g_max=1e-5, faults=FaultMap({(0, 0): FAULTS, (1, 0): FAULTS}))
    ),
}


def again(hardware):
    """Hardware that was written as TOML and read as the section [hardware] of a sweep file is."""
    text = tomli_w.dumps({"hardware": hardware_options(hardware)})
    return build_hardware(flattened(tomllib.loads(text)["hardware"]))


@pytest.mark.parametrize("name", HARDWARES)
def test_hardware_comes_back_equal(name):
    assert canonical(again(HARDWARES[name])) == canonical(HARDWARES[name])


@pytest.mark.parametrize("name", PRESETS)
def test_every_device_preset_comes_back_equal(name):
    hardware = Hardware(device=PRESETS[name].model)
    assert again(hardware) == hardware
    assert canonical(again(hardware)) == canonical(hardware)


@pytest.mark.parametrize("name", GATES)
def test_every_gate_preset_comes_back_equal(name):
    hardware = Hardware(device=DEVICE, gate=GATES[name].model)
    assert canonical(again(hardware)) == canonical(hardware)


def test_every_number_of_the_hardware_is_told():
    options = hardware_options(Hardware(device=DEVICE, adc=Adc(5)))
    assert options["read_voltage"] == 0.1
    assert options["tile_shape"] == [128, 128]
    assert options["gate"] == {"kind": "no_noise"}
    assert (options["adc.bits"], options["adc.per"]) == (5, "output")
    assert (options["device.g_min"], options["device.g_max"]) == (1e-6, 1e-5)
    assert "dac" not in options  # None by default


@pytest.mark.parametrize(
    "faults",
    [
        StuckCells(p_stuck_lrs=0.1),
        WearOut(cycles=1e5, characteristic_life=1e6, shape=1.5, p_lrs=0.3),
    ],
)
def test_faults_come_back_equal(faults):
    hardware = Hardware(device=Device(g_min=1e-6, g_max=1e-5, faults=faults))
    assert again(hardware) == hardware


@dataclass(frozen=True)
class OwnNoise(GaussianNoise):
    """A model that no table knows."""


def test_a_model_of_another_class_is_described_but_not_read_back():
    hardware = Hardware(device=Device(g_min=1e-6, g_max=1e-5, read_noise=OwnNoise(0.1)))
    assert hardware_options(hardware)["device.read_noise"] == {"kind": "own_noise", "sigma": 0.1}
    with pytest.raises(ValueError, match="own_noise"):
        again(hardware)
