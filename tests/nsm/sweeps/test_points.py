"""Points of a sweep: zips, several hardwares, the order of axes, and points that are the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Adc, Hardware, Wires
from devices import Device, preset
from nsm import Hardwares, Range, collect, grid
from nsm.sweeps.points import points

CELL = Device(g_min=1e-6, g_max=1e-5, levels=8)
BASE = Hardware(device=CELL, wires=Wires(1.0, 1.0))
WIRES = {"wires.r_row": [1.0, 2.0, 5.0], "wires.r_col": [1.0, 2.0, 2.0]}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def test_zipped_axes_move_together(network):
    tasks = grid(network, BASE, {"device.levels": [4, 8]}, zipped=[WIRES])
    rows = [tuple(task.parameters.values()) for task in tasks]
    assert rows == [(n, r, c) for n in (4, 8) for r, c in zip(*WIRES.values(), strict=True)]
    assert [*tasks[0].parameters] == ["device.levels", "wires.r_row", "wires.r_col"]
    wires = [(t.hardware.wires.r_row, t.hardware.wires.r_col) for t in tasks[:3]]
    assert wires == [(1.0, 1.0), (2.0, 2.0), (5.0, 2.0)]


def test_several_zips_are_combined_like_axes(network):
    other = {"device.levels": Range(start=2, stop=8, num=3), "gain": np.array([1.0, 0.5, 0.25])}
    tasks = grid(network, BASE, {}, zipped=[WIRES, other])
    assert len(tasks) == 9
    assert [(t.hardware.device.levels, t.gain) for t in tasks[:3]] == [
        (2, 1.0),
        (5, 0.5),
        (8, 0.25),
    ]
    (first, second) = tasks[0], tasks[3]
    assert (first.hardware.wires, second.hardware.wires) == (Wires(1.0, 1.0), Wires(2.0, 2.0))


def test_a_zip_is_the_diagonal_of_its_grid(network):
    axes = {"device.levels": [2, 4, 8], "gain": [1.0, 2.0, 3.0]}
    every = grid(network, BASE, axes)
    diagonal = grid(network, BASE, {}, zipped=[axes])
    assert [t.id for t in diagonal] == [every[i].id for i in (0, 4, 8)]


@pytest.mark.parametrize(
    ("axes", "zipped", "message"),
    [
        (
            {},
            [{"wires.r_row": [1, 2], "wires.r_col": [1, 2, 3]}],
            "zipped axes need as many values each, but 'wires.r_row' has 2, 'wires.r_col' has 3",
        ),
        ({}, [{"gain": [1, 2]}], "zip 1 has 'gain'; axes move together if there are two or more"),
        ({}, [WIRES, {}], "zip 2 has no axis; axes move together"),
        ({"gain": [1]}, [{"gain": [1], "seconds": [1]}], "axis 'gain' is given twice; leave one"),
        ({}, [WIRES, WIRES], "axis 'wires.r_row' is given twice"),
        (
            {},
            [{"gain": [1, 2, 1], "device.levels": [2, 4, 2]}],
            "zipped axes have the step gain = 1, device.levels = 2 twice",
        ),
        (
            {},
            [
                {
                    "gain": [1, 2],
                    "device.read_noise": [
                        {"name": "a", "kind": "blank_out", "p": p} for p in (0.1, 0.2)
                    ],
                }
            ],
            "axis 'device.read_noise' has two values called 'a'",
        ),
        ({}, [{"gian": [1, 2], "seconds": [1, 2]}], "unknown axis 'gian'; did you mean 'gain'"),
    ],
)
def test_wrong_zips_are_refused(axes, zipped, message):
    with pytest.raises(ValueError, match=message):
        points(BASE, axes, zipped)


def test_every_hardware_gets_all_points(network):
    several = Hardwares({"fine": BASE, "coarse": {"0": replace(BASE, read_voltage=0.2), "*": BASE}})
    tasks = grid({"A": network, "B": network}, several, {"device.levels": [4, 8]})
    assert [(t.network, *t.parameters.values()) for t in tasks] == [
        (net, name, levels) for net in "AB" for name in ("fine", "coarse") for levels in (4, 8)
    ]
    assert [*tasks[0].parameters] == ["hardware", "device.levels"]
    assert tasks[0].base == BASE
    assert tasks[3].hardware["0"].read_voltage == 0.2
    assert tasks[3].hardware["0"].device.levels == tasks[3].hardware["*"].device.levels == 8


def test_a_file_gets_further_hardwares(network, tmp_path):
    x, y = np.eye(4), np.array([0, 1, 0, 1])
    options = {"chips": 1, "samples": 1, "rng": 0, "save_to": tmp_path / "a.csv", "progress": False}
    one = Hardwares({"A": BASE})
    collect(grid(network, one, {"gain": [1.0, 0.5]}), x, y, **options)
    two = Hardwares({"A": BASE, "B": replace(BASE, adc=Adc(3))})
    rows = collect(grid(network, two, {"gain": [1.0, 0.5]}), x, y, **options)
    assert rows["hardware"].tolist() == ["A", "A", "B", "B"]
    # Rows of a named hardware are those of the hardware.
    plain = collect(
        grid(network, BASE, {"gain": [1.0, 0.5]}), x, y, chips=1, samples=1, rng=0, progress=False
    )
    assert rows["task"].tolist()[:2] == plain["task"].tolist()
    assert rows["errors"].tolist()[:2] == plain["errors"].tolist()


@pytest.mark.parametrize(
    ("hardwares", "message"),
    [
        ({}, r"Hardwares\({}\) has no hardware; give at least one by its name"),
        ({3: BASE}, "a hardware is called 3; give it a name as a text"),
        ({"A": 3}, "hardware 'A': hardware = 3 is not a crossbar.Hardware"),
        ({"A": {"0": 3}}, "hardware 'A': hardware of '0' = 3 is not a crossbar.Hardware"),
    ],
)
def test_wrong_hardwares_are_refused(hardwares, message):
    with pytest.raises(ValueError, match=message):
        Hardwares(hardwares)


def test_a_wrong_axis_names_the_hardware_that_lacks_it():
    several = Hardwares({"A": BASE, "B": Hardware(device=CELL)})
    with pytest.raises(
        ValueError, match="hardware 'B': axis 'wires.r_row': this hardware has wires"
    ):
        points(several, {"wires.r_row": [1, 2]})


@pytest.mark.parametrize("order", [1, -1])
def test_a_whole_part_is_set_before_its_fields(order):
    axes = {"device.levels": [4, 16], "device": ["rram_wu2018", "fefet_jerry2017"]}
    found = points(BASE, dict([*axes.items()][::order]))
    made = {(*sorted(map(str, p["parameters"].values())),): p["hardware"].device for p in found}
    assert len(made) == 4
    for (levels, name), device in made.items():
        assert device == preset(name, levels=int(levels))


def test_points_with_the_same_values_share_their_hardware():
    found = points(BASE, {"device.levels": [4, 8], "gain": [1.0, 0.5, 0.25]})
    assert len({id(point["hardware"]) for point in found}) == 2


@pytest.mark.parametrize(
    ("hardware", "axes", "message"),
    [
        (
            Hardwares({"A": BASE, "B": BASE}),
            {"gain": [1, 2]},
            "hardware = 'A' and hardware = 'B' are the same chip at gain = 1",
        ),
        (
            Hardwares({"A": BASE, "B": replace(BASE, device=replace(CELL, levels=4))}),
            {"device.levels": [4]},
            "hardware = 'A' and hardware = 'B' are the same chip at device.levels = 4",
        ),
        (
            BASE,
            {"device.on_off_ratio": [5, 10], "device.g_min": [1e-6, 2e-6]},
            "device.on_off_ratio = 5 and device.on_off_ratio = 10 are the same chip at "
            "device.g_min = 1e-06: something else decides what 'device.on_off_ratio' should",
        ),
    ],
)
def test_axes_that_others_replace_are_refused(hardware, axes, message):
    with pytest.raises(ValueError, match=message):
        points(hardware, axes)
