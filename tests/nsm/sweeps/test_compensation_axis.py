"""The axis "compensation" of sweeps: rows, identity, and what is refused before any work."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal
from torch import nn

import nsm.sweeps.run
from crossbar import Adc, Hardware
from devices import BlankOut, Device, GaussianNoise, PowerLawDrift
from nsm import collect, grid, map_to_crossbar
from nsm.nn.activations import Sign
from nsm.sweeps import read_rows
from nsm.sweeps.spec.sweep_file import parse

DEVICE = Device(
    g_min=1e-6,
    g_max=1e-5,
    read_noise=GaussianNoise(0.05),
    retention=PowerLawDrift(g_ref=1e-5),
)
HARDWARE = Hardware(device=DEVICE, gate=BlankOut(0.5), tile_shape=(16, 16))
SETTINGS = {"chips": 2, "samples": 2, "rng": 5, "progress": False}
AXES = {"gain": [0.02, 1.0], "compensation": ["none", "layer", "column"]}


def network(build=nsm.relu_mlp):
    """Return a network that gives its images different classes."""
    torch.manual_seed(0)
    model = build((8, 12, 10, 3))
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.weight.data *= 4
            layer.bias.data -= layer.bias.data.mean()
    return model


def signs():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 12), Sign(), nn.Linear(12, 3), Sign())


X = np.random.default_rng(1).uniform(-3, 3, (40, 8))
Y = network()(torch.as_tensor(X).float()).argmax(dim=1).numpy()


def test_rows_show_the_compensation_and_are_those_of_the_chip_by_hand():
    rows = collect(grid(network(), HARDWARE, {**AXES, "seconds": [1e5]}), X, Y, **SETTINGS)
    assert rows.compensation.drop_duplicates().tolist() == ["none", "layer", "column"]
    for row in rows.itertuples():
        chip = map_to_crossbar(network(), HARDWARE, rng=row.seed)
        chip.age(1e5)
        chip.scale_conductances(row.gain)
        if row.compensation != "none":
            chip.compensate(row.compensation, rng=row.seed)
        assert chip.errors(X, Y, 2, rng=row.seed) == row.errors
    errors = rows.groupby(["gain", "compensation"]).errors.sum()
    assert errors[0.02, "layer"] < 0.5 * errors[0.02, "none"]


def test_rows_do_not_depend_on_workers_and_resume_from_a_file(tmp_path):
    def sweep(**options):
        return collect(grid(network(), HARDWARE, AXES), X, Y, **SETTINGS, **options)

    rows = sweep(save_to=tmp_path / "rows.csv")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parallel = sweep(executor=pool)
    assert_frame_equal(rows.drop(columns="elapsed"), parallel.drop(columns="elapsed"))
    assert_frame_equal(sweep(save_to=tmp_path / "rows.csv"), rows)
    assert read_rows(tmp_path / "rows.csv").compensation.tolist() == rows.compensation.tolist()


def test_points_without_compensation_are_those_of_sweeps_without_the_axis():
    plain = grid(network(), HARDWARE, {"gain": [0.02, 1.0]})
    with_axis = grid(network(), HARDWARE, {"gain": [0.02, 1.0], "compensation": [None, "layer"]})
    ids = [task.id for task in with_axis]
    assert ids[::2] == [task.id for task in plain]
    assert len(set(ids)) == 4
    assert [task.parameters["compensation"] for task in with_axis[:2]] == ["none", "layer"]
    rows = collect(plain, X, Y, **SETTINGS)
    assert "compensation" not in rows


def test_compensated_points_are_calibrated_again_with_their_factors():
    hardware = replace(HARDWARE, adc=Adc(6))
    tasks = grid(network(), hardware, {"gain": [0.02], "compensation": ["none", "layer"]})
    rows = collect(tasks, X, Y, calibrate={"x": X[:20], "method": "max"}, **SETTINGS)
    for row in rows.itertuples():
        chip = map_to_crossbar(network(), hardware, rng=row.seed)
        chip.calibrate(X[:20], rng=row.seed)
        chip.scale_conductances(0.02)
        if row.compensation == "layer":
            chip.calibrate(X[:20], compensation="layer", rng=row.seed)
        assert chip.errors(X, Y, 2, rng=row.seed) == row.errors


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"compensation": ["row"]}, "unknown value of axis 'compensation' 'row'"),
        ({"compensation": [None, "none"]}, "axis 'compensation' has two values called 'none'"),
        ({"compensaton": ["layer"]}, "'compensaton'; did you mean 'compensation'"),
    ],
)
def test_wrong_values_are_refused(axes, message):
    with pytest.raises(ValueError, match=message):
        grid(network(), HARDWARE, axes)


def test_networks_of_comparators_alone_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(nsm.sweeps.run, "run_job", None)
    tasks = grid({"mine": signs()}, HARDWARE, {"compensation": ["none", "column"]})
    with pytest.raises(
        ValueError, match="'mine', compensation = 'column': compensation = 'column' has no effect"
    ):
        collect(tasks, X, Y, **SETTINGS)


@pytest.mark.parametrize("bias", ["reference", "word_line"])
@pytest.mark.parametrize("build", [signs, network, lambda: network(nsm.nsm_mlp)])
def test_the_check_refuses_what_the_chip_refuses(build, bias):
    hardware = replace(HARDWARE, bias=bias)
    (task,) = grid(build(), hardware, {"compensation": ["layer"]})
    chip = map_to_crossbar(build(), hardware, rng=0)
    refuses = build is signs and bias == "word_line"
    try:
        chip.compensate()
        assert not refuses
    except ValueError:
        assert refuses
    if refuses:
        with pytest.raises(ValueError, match="has no effect"):
            collect([task], X, Y, **SETTINGS)
    else:
        collect([task], X, Y, **SETTINGS)


def test_sweep_files_have_the_axis(tmp_path):
    nsm.save(network(), tmp_path / "net.safetensors")
    text = 'network = "net.safetensors"\n[hardware]\ndevice = "rram_wu2018"\n[axes]\n'
    sweep = parse(text + 'compensation = ["none", "layer"]', folder=tmp_path)
    assert [task.compensation for task in sweep.tasks()] == [None, "layer"]
    with pytest.raises(ValueError, match="unknown value of axis 'compensation' 'rows'"):
        parse(text + 'compensation = ["rows"]', folder=tmp_path)
