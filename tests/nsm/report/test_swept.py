"""The rows of a page: axes, point of comparison, cuts, and which axes were swept together."""

from dataclasses import replace

import pandas as pd
import pytest

from crossbar.hardware_options import hardware_options
from devices import GaussianNoise, IdealWrite, NonlinearPulses, preset
from tests.nsm.report.made_rows import (
    BASE,
    levels_and_gain,
    made_rows,
    made_sidecar,
    made_swept,
)


def test_axes_are_the_columns_in_which_rows_differ():
    rows = levels_and_gain().assign(seconds=0.0, training_seed=[0, 1] * 12)
    swept = made_swept(rows)
    assert swept.axes == ["device.levels", "gain"]
    assert swept.networks == ["NSM", "ReLU"]


def test_the_hardware_of_the_sidecar_is_the_point_of_comparison():
    swept = made_swept(levels_and_gain(), made_sidecar())
    assert swept.hardware == BASE
    assert swept.reference == {"device.levels": "32", "gain": "1"}
    assert swept.unchanged == swept.reference


@pytest.mark.parametrize(
    ("axis", "values", "hardware", "expected"),
    [
        ("device.on_off_ratio", [10.0, 45.0], BASE, "45"),  # 45.0000... of the preset
        ("tile_shape", [(32, 32), (64, 64)], BASE, "(64, 64)"),
        ("device.read_noise", ["none", "loud"], BASE, "none"),
        ("device.read_noise.sigma", [0.1, 0.5],
         replace(BASE, device=preset("fefet_jerry2017", read_noise=GaussianNoise(0.5))), "0.5"),
        ("adc", ["Adc(bits=4)", None], BASE, "ideal"),
        ("seconds", [1.0, 0.0], None, "0"),
        ("compensation", ["layer", "none"], None, "none"),
    ],
)  # fmt: skip
def test_values_of_the_chip_without_an_axis_are_found(axis, values, hardware, expected):
    rows = made_rows({axis: values}, lambda n, c, v: 10, ("NSM",))
    sidecar = None if hardware is None else made_sidecar(hardware)
    assert made_swept(rows, sidecar).unchanged == {axis: expected}


class NormalWrite(IdealWrite):
    """A write model whose name begins with "No", and which "none" does not mean."""


@pytest.mark.parametrize(
    ("axis", "value", "expected"),
    [
        ("device.write", IdealWrite(), {"device.write": "none"}),
        ("device.write", NormalWrite(), {}),
        ("device.pulses", NonlinearPulses(pulses=32, g_min=1e-6, g_max=1e-5), {}),
        ("device.pulses", None, {"device.pulses": "none"}),
    ],
)
def test_none_is_the_model_without_effect_whatever_its_name(axis, value, expected, monkeypatch):
    rows = made_rows({axis: ["none", "loud"]}, lambda n, c, v: 10, ("NSM",))
    swept = made_swept(rows, made_sidecar())
    changed = replace(BASE, device=replace(BASE.device, **{axis.rpartition(".")[2]: value}))
    monkeypatch.setitem(swept.__dict__, "hardware", changed)
    assert swept.unchanged == expected


def test_hardware_by_layer_tells_the_value_of_its_entry():
    coarse = replace(BASE, device=preset("fefet_jerry2017", levels=4))
    layers = {"head": hardware_options(coarse), "*": hardware_options(BASE)}
    sidecar = replace(made_sidecar(), hardware={"layers": layers})
    rows = made_rows({"head:device.levels": [4, 32]}, lambda n, c, v: v, ("NSM",))
    assert made_swept(rows, sidecar).unchanged == {"head:device.levels": "4"}
    placed = made_rows({"head:layer": ["tiles", "digital"]}, lambda n, c, v: 1, ("NSM",))
    assert made_swept(placed, sidecar).unchanged == {"head:layer": "tiles"}


def test_without_hardware_the_least_error_decides():
    swept = made_swept(levels_and_gain())
    assert swept.unchanged == {"gain": "1"}
    assert swept.reference == {"device.levels": "32", "gain": "1"}
    worse = levels_and_gain()
    worse["errors"] = 500 - worse["errors"]  # now 2 levels are best, at the gain of 1
    assert made_swept(worse).reference == {"device.levels": "2", "gain": "1"}


def test_cuts_hold_the_other_axes():
    swept = made_swept(levels_and_gain(), made_sidecar())
    assert swept.cut("gain")["device.levels"].unique().tolist() == [32]
    assert len(swept.cut("device.levels", "gain")) == len(swept.rows)
    assert len(swept.cut()) == 2 * 2  # networks and chips at one point


def test_axes_swept_one_after_the_other_are_no_pair():
    both = levels_and_gain()
    assert made_swept(both, made_sidecar()).pairs() == [("device.levels", "gain")]
    cross = both[(both["gain"] == 1.0) | (both["device.levels"] == 32)]
    swept = made_swept(cross, made_sidecar())
    assert swept.axes == ["device.levels", "gain"]
    assert swept.pairs() == []


def test_none_is_a_value_of_its_own():
    rows = pd.concat(
        made_rows({"device.levels": [v]}, lambda n, c, v: 10, ("NSM",)) for v in (2, None)
    )
    rows["device.levels"] = rows["device.levels"].astype(float)
    swept = made_swept(rows, made_sidecar(replace(BASE, device=replace(BASE.device, levels=None))))
    assert swept.reference == {"device.levels": "continuous"}
    assert len(swept.cut()) == 2
