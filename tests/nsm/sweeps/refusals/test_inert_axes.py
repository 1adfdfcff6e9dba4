"""Axes that change nothing in a chip are refused with the reason; all others are taken."""

from dataclasses import replace

import pytest
from torch import nn

import devices
from crossbar import Adc, Comparator, Hardware, Wires
from devices import BlankOut, Device, MetallicTemperature, SinhCurve, TelegraphNoise
from nsm import grid
from nsm.sweeps.refusals.inert_axes import inert_reason

PLAIN = Hardware(device=Device(g_min=1e-6, g_max=1e-4))
MODEL = nn.Linear(4, 2)


def test_the_reason_alone_is_told_for_other_messages():
    point = {"hardware": PLAIN, "seconds": 0.0}
    assert inert_reason("seconds", [point]) == (
        "the device has no retention, and no noise has a memory"
    )
    assert inert_reason("device.retention", [point]) == "every chip is read at 0 s"
    assert inert_reason("device.retention", [point | {"seconds": 1.0}]) == ""
    assert inert_reason("gate_sharing", [point]) == "there is no gate to share"
    assert inert_reason("gate_sharing", [{"hardware": replace(PLAIN, gate=BlankOut(0.5))}]) == ""
    assert inert_reason("device.levels", [point]) == ""


def with_device(**options):
    return replace(PLAIN, device=replace(PLAIN.device, **options))


INERT = {
    "temperature": ([200.0, 400.0], "the device has no temperature_law, and no noise or ret"),
    "read_voltage": ([0.1, 0.2], "cells are ohmic, no noise or gate depends on the voltage"),
    "input_scale": ([1.0, 4.0], "cells are ohmic and have no thermal noise"),
    "bandwidth": ([1e6, 1e8], "no noise depends on the bandwidth"),
    "read_period": ([1e-6, 1e-3], "no noise has a memory, and none depends on the bandwidth"),
    "gate_sharing": (["pair", "cell"], "there is no gate to share"),
    "compensate_wires": ([False, True], "there are no wires to compensate"),
    "seconds": ([1.0, 1e5], "the device has no retention, and no noise has a memory"),
}


@pytest.mark.parametrize("name", INERT)
def test_an_axis_without_effect_is_refused_with_the_reason(name):
    values, reason = INERT[name]
    with pytest.raises(ValueError, match=f"axis '{name}' changes nothing: {reason}"):
        grid(MODEL, PLAIN, {name: values})
    with pytest.raises(ValueError, match=f"axis '{name}' changes nothing: {reason}"):
        grid(MODEL, PLAIN, {"device.levels": [2, 4], name: values[:1]})


THERMAL = with_device(read_noise=devices.ThermalShotNoise())
LAW = with_device(temperature_law=MetallicTemperature(alpha=4e-3))
SELECTOR = replace(PLAIN, gate=devices.StochasticSelector.with_threshold(0.1, 0.02))
TRAPS = with_device(read_noise=TelegraphNoise(0.1, 1e-3, 1e-3))
DRIFT = with_device(retention=devices.PowerLawDrift())
OFFSETS = replace(PLAIN, comparator=Comparator(offset=1e-7))
ACTIVE = [
    ("temperature", THERMAL),
    ("temperature", LAW),
    ("read_voltage", THERMAL),
    ("read_voltage", with_device(read_noise=devices.SonosReadNoise())),
    ("read_voltage", with_device(iv=SinhCurve(v_0=0.2))),
    ("read_voltage", SELECTOR),
    ("read_voltage", OFFSETS),
    ("read_voltage", replace(PLAIN, adc=Adc(bits=4, range=1e-5))),
    ("input_scale", THERMAL),
    ("input_scale", with_device(iv=SinhCurve(v_0=0.2))),
    ("input_scale", OFFSETS),
    ("bandwidth", THERMAL),
    ("read_period", THERMAL),
    ("read_period", TRAPS),
    ("gate_sharing", replace(PLAIN, gate=BlankOut(0.5))),
    ("compensate_wires", replace(PLAIN, wires=Wires(r_row=1.0, r_col=1.0))),
    ("seconds", DRIFT),
    ("seconds", TRAPS),
]


@pytest.mark.parametrize(("name", "hardware"), ACTIVE)
def test_an_axis_with_an_effect_is_taken(name, hardware):
    values = INERT[name][0]
    assert [t.parameters[name] for t in grid(MODEL, hardware, {name: values})] == values


@pytest.mark.parametrize("name", ["temperature", "bandwidth", "read_period"])
@pytest.mark.parametrize("hardware", [SELECTOR, with_device(read_noise=devices.SonosReadNoise())])
def test_noise_that_follows_the_voltage_alone_leaves_other_axes_without_effect(hardware, name):
    with pytest.raises(ValueError, match=f"axis '{name}' changes nothing"):
        grid(MODEL, hardware, {name: INERT[name][0]})


def test_an_axis_may_act_at_some_points_only():
    noises = {"none": devices.NoNoise(), "thermal": devices.ThermalShotNoise()}
    axes = {"device.read_noise": noises, "temperature": [4.0, 300.0]}
    assert len(grid(MODEL, PLAIN, axes)) == 4
    # A period that the noise does not follow, because the bandwidth is given.
    given = replace(THERMAL, bandwidth=1e6)
    with pytest.raises(ValueError, match="axis 'read_period' changes nothing"):
        grid(MODEL, given, {"read_period": [1e-6, 1e-5]})


def test_retention_of_chips_that_are_never_aged_is_refused():
    axis = {"device.retention.common_factor": [0.0, 1.0]}
    with pytest.raises(ValueError, match=r"axis 'device\.retention\.common_factor' changes noth"):
        grid(MODEL, DRIFT, axis)
    assert len(grid(MODEL, DRIFT, axis | {"seconds": [1e5]})) == 2


def test_an_axis_of_one_layer_looks_at_that_layer():
    table = {"0": THERMAL, "*": PLAIN}
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    assert len(grid(model, table, {"0:temperature": [4.0, 300.0]})) == 2
    with pytest.raises(ValueError, match=r"axis '\*:temperature' changes nothing"):
        grid(model, table, {"*:temperature": [4.0, 300.0]})
    assert len(grid(model, table, {"temperature": [4.0, 300.0]})) == 2
