"""Axes: values of any make, named values, and hardware by layer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Adc, Hardware
from devices import BlankOut, Device, GaussianNoise, NoNoise, preset
from nsm import grid
from nsm.chips.hardware_table import HardwareTable
from nsm.sweeps.axes import read_axis, with_axis

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
OTHER = replace(HARDWARE, adc=Adc(), read_voltage=0.2)
TABLE = HardwareTable({"stem": HARDWARE, "blocks.*": OTHER, "head": None})


def labels(name, values, hardware=HARDWARE):
    return [label for label, _ in read_axis(hardware, name, values)]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("device.levels", np.array([2, 4]), [2, 4]),
        ("device.levels", np.arange(2, 4), [2, 3]),
        ("device.levels", torch.arange(2, 4), [2, 3]),
        ("device.levels", range(2, 4), [2, 3]),
        ("device.levels", [np.int64(2), np.array(3), torch.tensor(4)], [2, 3, 4]),
        ("gain", np.linspace(0.5, 1, 3), [0.5, 0.75, 1.0]),
        ("gain", torch.linspace(0.5, 1, 3), [0.5, 0.75, 1.0]),
        ("gain", torch.tensor([0.5, 1.0], dtype=torch.bfloat16), [0.5, 1.0]),
        ("gain", (v for v in (0.5, 1.0)), [0.5, 1.0]),
        ("gain", {"low": 0.5, "high": 1}.values(), [0.5, 1]),
        ("compensate_wires", np.array([False, True]), [False, True]),
        ("compensate_wires", [np.bool_(True)], [True]),
        ("tile_shape", np.array([[64, 32], [8, 8]]), [(64, 32), (8, 8)]),
        ("tile_shape", [[64, 32], (8, 8)], [(64, 32), (8, 8)]),
        ("tile_shape", [np.array([64, 32]), torch.tensor([8, 8])], [(64, 32), (8, 8)]),
        ("device.levels", np.linspace(2, 8, 4), [2, 4, 6, 8]),
        ("device.levels", ["none", "16"], [None, 16]),
    ],
)
def test_axes_of_any_make_have_the_labels_of_a_list(name, values, expected):
    found = labels(name, values)
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


def test_float32_values_stay_exactly_what_they_are():
    values = np.linspace(0.3, 0.7, 3, dtype=np.float32)
    (task, *_) = tasks = grid(nn.Linear(8, 3), HARDWARE, {"gate.p": values})
    assert [t.parameters["gate.p"] for t in tasks] == [float(v) for v in values]
    assert type(task.hardware.gate.p) is float


def test_a_generator_is_read_once():
    tasks = grid({"a": nn.Linear(8, 3), "b": nn.Linear(8, 3)}, HARDWARE, {"gain": iter([1, 2])})
    assert [(t.network, t.gain) for t in tasks] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_a_mapping_names_its_values():
    quiet, loud = GaussianNoise(0.01), GaussianNoise(0.5)
    axes = {
        "device.read_noise": {"quiet": quiet, "loud": loud, "none": "none"},
        "device": {"small": preset("rram_wu2018"), "large": {"preset": "fefet_jerry2017"}},
    }
    tasks = grid(nn.Linear(8, 3), HARDWARE, axes)
    assert [t.parameters["device.read_noise"] for t in tasks[::2]] == ["quiet", "loud", "none"]
    assert [t.parameters["device"] for t in tasks[:2]] == ["small", "large"]
    assert read_axis(HARDWARE, "device.read_noise", axes["device.read_noise"])[2] == (
        "none",
        NoNoise(),
    )


def test_a_table_among_the_values_may_have_a_name():
    values = [{"name": "quiet", "kind": "gaussian", "sigma": 0.01}, {"kind": "gaussian"}, "none"]
    found = read_axis(HARDWARE, "device.read_noise", values)
    assert found == [
        ("quiet", GaussianNoise(0.01)),
        ("GaussianNoise(sigma=1.0)", GaussianNoise()),
        ("none", NoNoise()),
    ]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"gain": [0.5, 1, 0.5]}, "axis 'gain' has two values called 0.5; leave one out, or give"),
        ({"gain": [1, 1.0]}, "axis 'gain' has two values called 1.0"),
        (
            {"device.levels": ["none", None]},
            "axis 'device.levels' has two values called None; leave one out",
        ),
        ({"gain": np.array(0.5)}, r"axis 'gain' has no values \(array\(0.5\)\)"),
        ({"gain": torch.tensor(0.5)}, r"axis 'gain' has no values \(tensor\(0.5000\)\)"),
        ({"gain": iter([])}, "axis 'gain' has no values .*give a list of at least one"),
        ({"gain": {}}, r"axis 'gain' has no values \({}\)"),
        ({"gain": {1: 0.5}}, "axis 'gain' calls a value 1, which is not a text; give names"),
        ({"gain": [True]}, "gain = True is not a number"),
        (
            {"device.read_noise": [{"kind": "gausian"}]},
            "unknown kind of device.read_noise 'gausian'; did you mean 'gaussian_noise'",
        ),
        ({"compensate_wires": ["flase"]}, "compensate_wires = 'flase' is not allowed; give true"),
        (
            {"stem:device.levels": [2]},
            "axis 'stem:device.levels' is of the layers 'stem', but one hardware serves all",
        ),
    ],
)
def test_bad_axes_are_refused_by_name_and_value(axes, message):
    with pytest.raises(ValueError, match=message):
        grid(nn.Linear(8, 3), HARDWARE, axes)


def test_an_axis_changes_all_hardware_of_a_table():
    changed = with_axis(TABLE, "device.levels", 4)
    expected = {
        key: None if h is None else replace(h, device=replace(h.device, levels=4))
        for key, h in TABLE.items()
    }
    assert changed == HardwareTable(expected)


def test_an_axis_of_an_entry_changes_that_entry_alone():
    changed = with_axis(TABLE, "blocks.*:adc.bits", 4)
    assert changed == HardwareTable({**TABLE, "blocks.*": replace(OTHER, adc=Adc(bits=4))})


def test_an_entry_may_be_on_tiles_or_digital():
    tasks = grid(nn.Linear(8, 3), TABLE, {"stem:layer": ["tiles", "digital"], "gain": [1, 2]})
    assert [t.hardware["stem"] for t in tasks] == [HARDWARE, HARDWARE, None, None]
    assert [t.hardware["blocks.*"] for t in tasks] == [OTHER] * 4
    assert [t.parameters["stem:layer"] for t in tasks[1:3]] == ["tiles", "digital"]
    assert {t.base for t in tasks} == {TABLE}
    assert len({t.id for t in tasks}) == 4


def test_a_mapping_is_a_table():
    (task,) = grid(nn.Linear(8, 3), {"1": HARDWARE, "*": None}, {})
    assert task.hardware == HardwareTable({"1": HARDWARE, "*": None})


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (
            {"adc.bits": [4]},
            r"axis 'adc.bits': this hardware has adc = None.*\(hardware of 'stem'\)",
        ),
        (
            {"steam:device.levels": [4]},
            "unknown entry of the hardware table in axis .* 'steam'; did you mean 'stem'",
        ),
        (
            {"head:device.levels": [4]},
            "axis 'head:device.levels': the layers 'head' are digital and have no hardware",
        ),
        (
            {"stem:device.level": [4]},
            r"unknown axis 'device.level'; did you mean 'device.levels'.*\(hardware of 'stem'\)",
        ),
        ({"stem:layer": ["tile"]}, "unknown value of axis 'stem:layer' 'tile'; did you mean 'til"),
        ({"stem:device.levels": [1]}, "Device.levels = 1 is not allowed"),
    ],
)
def test_bad_axes_of_a_table_are_refused_by_entry(axes, message):
    with pytest.raises(ValueError, match=message):
        grid(nn.Linear(8, 3), TABLE, axes)


def test_a_table_without_tiles_has_no_axes():
    with pytest.raises(ValueError, match="axis 'gate.p': all layers are digital"):
        read_axis(HardwareTable({"*": None}), "gate.p", [0.5])
