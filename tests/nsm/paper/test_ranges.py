"""Trainings in a fixed range of weights: what is measured, told and drawn."""

from functools import partial

import numpy as np
import pytest

from nsm.nn import architectures as networks
from nsm.paper import range_report
from nsm.paper.experiment import Experiment
from nsm.paper.figures import plot_ranges
from nsm.paper.own_experiments import BOUNDS, RANGED
from nsm.paper.range_report import range_section
from nsm.paper.ranges import weight_range
from nsm.paper.table import EXPERIMENTS
from tests.helpers.tiny_paper import WIDTHS


def experiment(bound, build=networks.nsm_mlp):
    recipe = {"lr": 3e-3} if bound is None else {"lr": 3e-3, "weight_bound": bound}
    label = "NSM" if bound is None else f"NSM, c = {bound:g}"
    return Experiment(
        name=f"range_NSM_{bound or 'free'}", section="s", label=label, measures="range",
        build=partial(build, WIDTHS), epochs=2, samples=2, recipe=recipe,
    )  # fmt: skip


def test_a_narrow_range_saturates_and_a_free_one_grows(data, tmp_path):
    free = weight_range(experiment(None), 0, data, tmp_path)
    narrow = weight_range(experiment(0.1), 0, data, tmp_path)
    wide = weight_range(experiment(4.0), 0, data, tmp_path)
    assert free["saturated"] == wide["saturated"] == [0.0, 0.0]
    assert narrow["saturated"][-1] > 0.1
    assert free["growth"] == pytest.approx(wide["growth"])
    # All weights at the wall would have 0.1 √3 of the root mean square of a uniform start.
    assert narrow["growth"][-1] <= 0.1 * np.sqrt(3) * 1.05
    assert free["growth"][-1] > 1
    assert free["error"] == wide["error"]


def test_the_table_has_every_network_in_every_range_from_three_seeds():
    ranged = [e for e in EXPERIMENTS if e.measures == "range"]
    assert len(ranged) == len(RANGED) * len(BOUNDS)
    assert {e.seeds for e in ranged} == {(0, 1, 2)}
    recipes = [{k: v for k, v in e.recipe.items() if k != "weight_bound"} for e in ranged]
    assert all(recipe == recipes[0] for recipe in recipes)  # one recipe for all


def results(error, saturated):
    common = {"images": [10, 10], "epochs": 2, "saturated": [0.0, saturated], "growth": [1.0, 1.5]}
    return [common | {"error": error, "wrong": []}, common | {"error": error + 2, "wrong": []}]


def test_the_report_has_a_row_for_each_range_and_a_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(range_report, "EXPERIMENTS", (experiment(None), experiment(0.5)))
    found = {"range_NSM_free": results(3.0, 0.0), "range_NSM_0.5": results(5.0, 0.25)}
    lines = range_section(found, tmp_path)
    assert sum(line.startswith("| NSM") for line in lines) == 2
    row = next(line for line in lines if line.startswith("| NSM, c = 0.5"))
    assert "6.00" in row
    assert "25.0" in row
    assert (tmp_path / "ranges.png").stat().st_size > 5_000
    assert range_section({}, tmp_path) == []


def test_free_weights_are_drawn_apart():
    curves = {
        "NSM": {np.inf: results(3.0, 0), 0.5: results(5.0, 0), 1.0: results(4.0, 0)},
        "ReLU, gain per neuron": {0.5: results(7.0, 0)},
    }
    ax = plot_ranges(curves)
    lines = [container.lines[0] for container in ax.containers]
    assert [list(line.get_xdata()) for line in lines] == [[0.5, 1.0], [2.0], [0.5]]
    assert list(lines[0].get_ydata()) == [6.0, 5.0]
    assert lines[2].get_linestyle() == "--"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0.5", "1", "free"]
