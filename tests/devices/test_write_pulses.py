"""Pulses of presets: those that their notes state, and found by the pulse response."""

import re
from dataclasses import replace

import pytest

import devices
from devices import WRITE_PULSES, Device, WritePulses, write_pulses_of

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3}
STATED = r"Pulses: (\S+) V(?: avg)? / (\S+) (\w+) up, (\S+) V(?: avg)? / (\S+) (\w+) down"


def test_every_entry_is_a_preset_with_a_pulse_response():
    for name in WRITE_PULSES:
        assert devices.preset(name).pulses is not None


@pytest.mark.parametrize("name", WRITE_PULSES)
def test_pulses_do_not_contradict_the_notes_of_their_preset(name):
    found = re.search(STATED, devices.PRESETS[name].notes)
    if found is None:
        return
    up, width_up, unit_up, down, width_down, unit_down = found.groups()
    p = WRITE_PULSES[name]
    assert (p.voltage_up, p.voltage_down) == (float(up), float(down))
    assert p.width_up == pytest.approx(float(width_up) * SECONDS[unit_up], rel=1e-12)
    assert p.width_down == pytest.approx(float(width_down) * SECONDS[unit_down], rel=1e-12)


@pytest.mark.parametrize("name", WRITE_PULSES)
def test_a_preset_and_its_relatives_have_their_pulses(name):
    device = devices.preset(name)
    assert write_pulses_of(device) is WRITE_PULSES[name]
    assert write_pulses_of(replace(device, levels=4)) is WRITE_PULSES[name]


def test_other_devices_have_none():
    assert write_pulses_of(Device(g_min=1e-6, g_max=1e-5)) is None
    faster = replace(devices.preset("rram_wu2018").pulses, pulses=7)
    assert write_pulses_of(replace(devices.preset("rram_wu2018"), pulses=faster)) is None
    assert write_pulses_of(devices.preset("rpu_gokmen2016")) is None


GIVEN = {"voltage_up": 1.0, "width_up": 1e-6, "voltage_down": -1.0, "width_down": 1e-6}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("voltage_up", 0.0, "WritePulses.voltage_up = 0 V writes nothing"),
        ("voltage_down", float("nan"), "WritePulses.voltage_down = nan"),
        ("width_down", 0.0, "WritePulses.width_down = 0"),
        ("terminal", "drain", "unknown WritePulses.terminal 'drain'. Known: cell, gate"),
    ],
)
def test_what_writes_nothing_is_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        WritePulses(**(GIVEN | {field: value}))
