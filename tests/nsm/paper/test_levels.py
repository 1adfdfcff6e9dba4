"""Trainings on few levels: what is measured, told and drawn."""

import copy
from functools import partial

import numpy as np
import pytest
import torch

from nsm.nn import architectures as networks
from nsm.nn.files.checkpoint import load
from nsm.nn.inference import error_rate
from nsm.paper import level_report
from nsm.paper.experiment import Experiment
from nsm.paper.figures import plot_levels
from nsm.paper.level_report import level_section
from nsm.paper.own_experiments import LEVEL_COUNTS, RANGED
from nsm.paper.ranges import on_levels
from nsm.paper.run import identity
from nsm.paper.table import EXPERIMENTS
from tests.helpers.tiny_paper import WIDTHS

ROWS = {e.name: e for e in EXPERIMENTS if e.measures == "levels"}


def experiment(name, build=networks.relu_mlp):
    of_table = ROWS[name]
    return Experiment(
        name=name, section="s", label=of_table.label, measures="levels",
        build=partial(build, WIDTHS), epochs=2, samples=2, recipe={**of_table.recipe, "lr": 3e-3},
    )  # fmt: skip


def test_the_error_is_that_of_the_rounded_network(data, tmp_path):
    found = on_levels(experiment("levels_ReLU_4"), 0, data, tmp_path)
    model = load(tmp_path / "levels_ReLU_4_0.safetensors")
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for layer in (m for m in rounded if isinstance(m, torch.nn.Linear)):
            largest = layer.weight.abs().max()  # levels at ±1 and ±1/3 of it
            odd = 2 * torch.clamp(torch.floor(1.5 * layer.weight / largest + 2), 0, 3) - 3
            layer.weight.copy_(odd * largest / 3)
    assert float(model[0].weight.detach().abs().max()) == pytest.approx(1 / 8)  # 64 inputs
    assert found["error"] == 100 * error_rate(rounded, data.x_test, data.y_test, 1, rng=0)
    assert found["error"] != 100 * error_rate(model, data.x_test, data.y_test, 1, rng=0)
    assert len(found["wrong"]) == round(found["error"] * 0.6)


def test_weights_that_are_not_rounded_are_tested_as_they_are(data, tmp_path):
    found = on_levels(experiment("levels_ReLU_free"), 0, data, tmp_path)
    model = load(tmp_path / "levels_ReLU_free_0.safetensors")
    assert found["error"] == 100 * error_rate(model, data.x_test, data.y_test, 1, rng=0)


def test_the_table_has_every_network_on_every_number_of_levels_from_three_seeds():
    assert len(ROWS) == len(RANGED) * len(LEVEL_COUNTS)
    assert {e.seeds for e in ROWS.values()} == {(0, 1, 2)}
    assert len({identity(e) for e in ROWS.values()}) == len(ROWS)
    recipes = [{k: v for k, v in e.recipe.items() if k != "hardware"} for e in ROWS.values()]
    assert all(recipe == recipes[0] for recipe in recipes)  # one recipe for all
    rows = [e.recipe["hardware"].weight_scale for n, e in ROWS.items() if "ReLU_gains_2" in n]
    assert rows == ["row"]
    assert ROWS["levels_NSM_3"].recipe["hardware"].weight_scale == "layer"


def results(error):
    common = {"images": [10, 10], "epochs": 2}
    return [common | {"error": error, "wrong": []}, common | {"error": error + 2, "wrong": []}]


def test_the_report_has_a_column_for_each_number_of_levels_and_a_figure(tmp_path):
    found = {
        "levels_NSM_free": results(3.0),
        "levels_NSM_2": results(9.0),
        "levels_ReLU_gains_2": results(7.0),
    }
    lines = level_section(found, tmp_path)
    assert "| | 2 levels | not rounded |".replace("| |", "|  |") in lines
    assert any(line.startswith("| NSM | 10.0 ± ") and "(2) | 4.0 ± " in line for line in lines)
    assert any(line.startswith("| ReLU, gain per neuron | 8.0 ±") for line in lines)
    assert (tmp_path / "levels.png").stat().st_size > 5_000
    assert level_section({}, tmp_path) == []
    assert level_report.level_section({"levels_NSM_free": results(3.0)}, tmp_path) == []


def test_weights_that_are_not_rounded_are_drawn_apart():
    ax = plot_levels({"NSM": {np.inf: results(3.0), 2.0: results(9.0), 16.0: results(4.0)}})
    lines = [container.lines[0] for container in ax.containers]
    assert [list(line.get_xdata()) for line in lines] == [[2.0, 16.0], [32.0]]
    assert [list(line.get_ydata()) for line in lines] == [[10.0, 5.0], [4.0]]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "16", "not\nrounded"]
    assert ax.get_legend().get_title().get_text() == "bar: least to largest of 2 trainings"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["3", "5", "7", "10"]
    assert "levels" in ax.get_xlabel()
