"""Which published device a device is like, in labels of rows and on pages."""

from dataclasses import replace

import pytest

from crossbar import Hardware
from devices import (
    PRESETS,
    Device,
    GaussianNoise,
    IdealWrite,
    StuckCells,
    preset,
)
from nsm.report.parameters import difference_tables
from nsm.sweeps.labels import device_text
from nsm.sweeps.nearest_preset import nearest_preset

PUBLISHED = preset("fefet_jerry2017")
NAME = "fefet_jerry2017"
THREE = replace(
    PUBLISHED, levels=4, read_noise=GaussianNoise(0.3), faults=StuckCells(p_stuck_hrs=0.01)
)
OTHER_RANGE = replace(PUBLISHED, g_max=2 * PUBLISHED.g_max)


@pytest.mark.parametrize("name", [n for n, e in PRESETS.items() if isinstance(e.model, Device)])
def test_every_preset_is_like_itself(name):
    assert nearest_preset(preset(name)) == (name, [])
    assert nearest_preset(replace(preset(name), reference="mine")) == (name, [])


@pytest.mark.parametrize(
    ("device", "changed"),
    [
        (replace(PUBLISHED, levels=4), ["levels"]),
        (THREE, ["levels", "read_noise", "faults"]),
        (OTHER_RANGE, ["g_max"]),
    ],
)
def test_rows_and_pages_name_the_same_preset(device, changed):
    name, fields = nearest_preset(device)
    assert (name, sorted(fields)) == (NAME, sorted(changed))
    assert device_text(device).startswith(f"{NAME}(")
    (table, *_), _ = difference_tables(Hardware(device=device))
    assert table.columns == [NAME, "here"]


@pytest.mark.parametrize(
    "device",
    [
        Device(g_min=1e-7, g_max=2e-6, levels=5),
        Device(g_min=1e-6, g_max=1e-5),  # the range of a preset, and ideal in everything else
        Device(g_min=PUBLISHED.g_min, g_max=PUBLISHED.g_max, levels=4),
        replace(THREE, g_max=2 * PUBLISHED.g_max),
        replace(THREE, write=IdealWrite(), g_min=PUBLISHED.g_min / 2),
    ],
)
def test_what_is_like_no_preset(device):
    assert nearest_preset(device) is None
    assert device_text(device).startswith("Device(")
