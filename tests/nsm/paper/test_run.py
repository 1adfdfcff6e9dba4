"""The paper's experiments: the table, runs that survive a kill, and what is measured against closed forms."""

import json
import math
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import nsm.paper.run as runner
import nsm.training.fit
from nsm.datasets.registry import LOADERS, class_count, image_shape
from nsm.nn.transforms import scale_weights
from nsm.paper import measure, report
from nsm.paper.figures import plot_percentiles, plot_stability, poster
from nsm.paper.measure import KINDS, at_neurons
from nsm.paper.run import (
    NO_DATA,
    NO_GPU,
    affordable,
    by_name,
    result_file,
    results,
    run,
    run_one,
    write_json,
)
from nsm.paper.table import EXPERIMENTS
from tests.helpers.tiny_paper import NSM, TINY, same

# The table


def test_every_experiment_has_a_name_of_its_own_a_known_kind_and_known_data():
    names = [e.name for e in EXPERIMENTS]
    assert len(names) == len(set(names))
    for e in EXPERIMENTS:
        assert e.kind in KINDS, e.name
        assert e.data in LOADERS, e.name
        assert e.seeds, e.name
        assert len(e.seeds) == len(set(e.seeds)), e.name
        assert e.samples >= 1
        assert (e.epochs >= 1) == (e.kind != "percentiles"), e.name


def test_the_papers_numbers_stand_in_the_table():
    # Detorakis et al. 2019, Tables 1 to 4; BinConcrete in the supplement, 4.11.
    published = {
        "mlp_nsm": 1.36,
        "mlp_stnn": 1.47,
        "conv_bNSM": 0.775,
        "conv_gNSM": 0.805,
        "conv_dCNN": 0.880,
        "conv_BN": 1.10,
        "conv_SN": 2.05,
        "conv_STE": 2.13,
        "conv_wBD": 2.72,
        "conv_BD": 3.11,
        "conv_BinConcrete": 0.78,
        "emnist_bNSM": 6.185,
        "emnist_gNSM": 6.256,
        "emnist_dCNN": 6.938,
        "cifar10_bNSM": 9.98,
        "cifar10_gNSM": 10.35,
        "cifar10_dCNN": 10.47,
        "cifar100_bNSM": 34.85,
        "cifar100_gNSM": 34.84,
        "cifar100_dCNN": 34.37,
        "dvs_bNSM": 8.56,
        "dvs_gNSM": 8.83,
        "dvs_dCNN": 9.16,
    }
    stated = {e.name: e.paper for e in EXPERIMENTS if e.paper is not None}
    assert stated.pop("conv_bNSM_longer") == published["conv_bNSM"]
    for name in [n for n in stated if n.startswith("coded_")]:
        assert stated.pop(name) == published[name.replace("coded", "conv").removesuffix("_longer")]
    assert stated == published


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_network_takes_its_images_and_gives_its_classes(experiment):
    torch.manual_seed(0)
    model = experiment.build().eval()
    with torch.no_grad():
        out = model(torch.full((1, math.prod(image_shape(experiment.data))), 0.5))
    assert out.shape == (1, class_count(experiment.data))
    noisy = any(
        isinstance(m, nsm.nn.stochastic.Stochastic) and not isinstance(m, nsm.Binarize)
        for m in model
    )
    one_pass = not noisy or experiment.name.endswith(
        "_SN"
    )  # the authors' SN is tested on one sample
    if experiment.kind == "error" and not experiment.name.endswith("_BN"):
        assert experiment.samples in ((1,) if one_pass else (20, 100))


def test_experiments_are_found_by_name():
    assert [e.name for e in by_name(["figure2", "mlp_nsm"])] == ["figure2", "mlp_nsm"]
    assert by_name(["dvs_bNSM"])[0].gpu  # named, it is run all the same
    assert len(by_name(["mlp_nsm", "mlp_nsm"])) == 1  # twice at once would write one file
    with pytest.raises(
        ValueError, match="unknown experiment 'conv_bNMS'; did you mean 'conv_bNSM'"
    ):
        by_name(["conv_bNMS"])


@pytest.mark.parametrize("gpu", [False, True])
def test_what_data_and_machine_allow_is_run_by_default(gpu, monkeypatch):
    def load(name, folder):
        assert folder == "here"
        if name in ("emnist", "cifar100"):
            raise FileNotFoundError(f"no {name} in {folder}; put it there")

    monkeypatch.setattr(runner, "load_data", load)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    chosen, absent, said = affordable("here")
    for e in EXPERIMENTS:
        reason = (
            NO_GPU if e.gpu and not gpu else NO_DATA if e.data in ("emnist", "cifar100") else None
        )
        assert absent.get(e.name) == reason
        assert (e in chosen) == (reason is None)
    assert said == [
        "no emnist in here; put it there",
        *(["no cifar100 in here; put it there"] if gpu else []),
    ]


def test_without_any_data_the_loader_is_heard_and_a_wrong_file_stops_everything(
    monkeypatch, tmp_path
):
    def broken(kind):
        def load(name, folder):
            raise kind(f"{name} is not there")

        return load

    monkeypatch.setattr(runner, "load_data", broken(FileNotFoundError))
    with pytest.raises(FileNotFoundError, match="mnist is not there"):
        run(tmp_path)
    monkeypatch.setattr(runner, "load_data", broken(ValueError))
    with pytest.raises(ValueError, match="mnist is not there"):
        run(tmp_path)
    assert not list(tmp_path.iterdir())


def test_data_that_are_not_there_are_named_and_the_rest_is_run(
    tiny, data, tmp_path, monkeypatch, capsys
):
    table = (TINY[2], replace(TINY[2], name="letters", data="emnist"))
    for module in (runner, report):
        monkeypatch.setattr(module, "EXPERIMENTS", table)

    def load(name, folder):
        if name == "emnist":
            raise FileNotFoundError("no letters; put them there")
        return data

    monkeypatch.setattr(runner, "load_data", load)
    assert [r["experiment"] for r in run(tmp_path, workers=1)] == ["relu"]
    assert "left out: no letters; put them there" in capsys.readouterr().out
    text = report.write_report(tmp_path, tmp_path / "report").read_text()
    assert "| ReLU |  | not run: the data were not at hand |" in text
    assert "no letters" not in text  # what a loader says holds the folders of this machine
    monkeypatch.setattr(runner, "load_data", lambda name, folder: data)
    assert [r["experiment"] for r in run(tmp_path, workers=1)] == ["relu", "letters"]
    assert "not run" not in report.write_report(tmp_path, tmp_path / "report").read_text()


# Running it


def test_one_file_per_seed_and_nothing_for_what_is_not_afforded(tiny, tmp_path):
    folder = tmp_path / "deep" / "results"
    found = run(folder, workers=1)
    names = [(e.name, s) for e in TINY if not e.gpu for s in e.seeds]
    assert [(r["experiment"], r["seed"]) for r in found] == names
    assert sorted(p.name for p in folder.glob("*_[01].json")) == sorted(
        f"{name}_{seed}.json" for name, seed in names
    )
    assert json.loads((folder / "not_run.json").read_text()) == {"large": NO_GPU}
    assert not list(folder.glob(".*"))
    assert found == results(folder)
    for result, experiment in zip(found, [TINY[0], *TINY[:-1]], strict=True):
        assert (result["epochs"], result["samples"]) == (experiment.epochs, experiment.samples)
        assert result["images"] == [250, 60]
    assert found[0]["loss"] != found[1]["loss"]  # seeds 0 and 1
    for result in found[:4]:
        assert 0 < result["error"] < 100
        assert len(result["loss"]) == len(result["seconds"]) == result["epochs"]
        assert all(t >= 0 for t in result["seconds"])


def test_a_perceptrons_variants_are_errors_of_its_own_network(tiny, data, tmp_path):
    found = run_one("nsm", 1, tmp_path, None)
    model = nsm.load(tmp_path / "nsm_1.safetensors")
    rng = nsm.paper.measure.child(nsm.paper.measure.seed_sequence(1), 1)

    def error(network, samples):
        return 100 * nsm.error_rate(network, data.x_test, data.y_test, samples, rng=rng)

    assert found["error"] == error(model, 3)
    assert found["error_one_sample"] == error(model, 1)
    assert found["error_weights_scaled"] == error(scale_weights(model, 0.1, biases=False), 3)
    assert found["error_all_scaled"] == error(scale_weights(model, 0.1, biases=True), 3)
    assert found["error_by_line"] == error(at_neurons(model), 3)
    assert found["error_by_line_one_sample"] == error(at_neurons(model), 1)
    # The recipe averages the weights; drift is of the last ones, whose variance starts at that of U(±1/√14), 1/42.
    assert len(found["variance_gained"]) == len(found["mean_shift"]) == 3
    torch.manual_seed(1)
    start, kept = NSM()[3].weight.detach(), []
    nsm.fit(
        (torch.manual_seed(1), NSM())[1],
        data.x_train,
        data.y_train,
        epochs=3,
        rng=1,
        progress=False,
        measure=lambda m: kept.append(m[3].weight.detach().clone()) or {},
        **TINY[0].recipe,
    )
    assert found["variance_gained"] == [float(w.var() - start.var()) for w in kept]
    assert found["mean_shift"] == [float(w.mean() - start.mean()) for w in kept]
    assert "error_by_line" not in run_one("stnn", 0, tmp_path, None)


class Killed(BaseException):
    """What a signal does to a run."""


def die(*_, **__):
    raise Killed


def after(function, calls):
    """The function, with a kill after it has been called so often."""
    done = []

    def call(*arguments, **options):
        out = function(*arguments, **options)
        done.append(1)
        if len(done) == calls:
            raise Killed
        return out

    return call


def half_a_dump(value, file, **options):
    file.write(json.dumps(value)[:40])
    file.flush()
    raise Killed


MOMENTS = {  # where a kill strikes -> what does it, and the epochs that are left to train
    "before the first epoch is kept": ((nsm.training.fit, "write_tensors", die), 3),
    "after the first epoch": (
        (nsm.training.fit, "write_tensors", after(nsm.training.fit.write_tensors, 1)),
        2,
    ),
    "after the last epoch": (
        (nsm.training.fit, "write_tensors", after(nsm.training.fit.write_tensors, 3)),
        0,
    ),
    "while the network is saved": ((measure, "save", die), 0),
    "while it is tested": ((measure, "error_rate", die), 0),
    "in the middle of the result": (
        (runner, "json", SimpleNamespace(**{**vars(json), "dump": half_a_dump})),
        0,
    ),
    "before the result is in place": (
        (
            nsm.datasets.files,
            "os",
            SimpleNamespace(**{**vars(os), "replace": after(os.replace, 4)}),
        ),  # 3 epochs and the network
        0,
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_killed_at_any_moment_ends_where_it_would_have(moment, tiny, tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", ["relu", "nsm"], workers=1)
    folder = tmp_path / "killed"
    run(folder, ["relu"], workers=1)
    (target, name, replacement), left = MOMENTS[moment]
    with monkeypatch.context() as patch:
        patch.setattr(target, name, replacement)
        with pytest.raises(Killed):
            run(folder, ["relu", "nsm"], workers=1)
    assert [p.name for p in folder.glob("*.json")] == ["relu_0.json"]
    assert same(results(folder)) == same(whole)[2:]
    epochs = []
    write = nsm.training.fit.write_tensors
    monkeypatch.setattr(
        nsm.training.fit, "write_tensors", lambda *a: (epochs.append(a[1].name), write(*a))
    )
    assert same(run(folder, ["relu", "nsm"], workers=1)) == same(whole)
    assert epochs.count("nsm_0.training") == left
    assert epochs.count("nsm_1.training") == 3
    assert "relu_0.training" not in epochs


def test_what_is_done_is_not_run_again(tiny, tmp_path, monkeypatch):
    first = run(tmp_path, ["relu", "curve"], workers=1)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    monkeypatch.setattr(runner, "KINDS", dict.fromkeys(KINDS, die))
    assert run(tmp_path, ["relu", "curve"], workers=1) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before
    with pytest.raises(Killed):
        run(tmp_path, ["relu", "stnn"], workers=1)


def test_a_failure_is_told_and_keeps_what_was_done(tiny, tmp_path, monkeypatch):
    def fail(*_):
        raise FileNotFoundError("no mnist in /nowhere; put it there")

    monkeypatch.setattr(runner, "KINDS", {**KINDS, "percentiles": fail})
    with pytest.raises(FileNotFoundError, match="no mnist in /nowhere"):
        run(tmp_path, ["relu", "curve"], workers=1)
    assert [r["experiment"] for r in results(tmp_path)] == ["relu"]


def test_a_result_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "r.json"
    write_json(path, {"error": 1.25, "loss": [0.1, 1 / 3]})
    assert json.loads(path.read_text()) == {"error": 1.25, "loss": [0.1, 1 / 3]}
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(path, {"error": 1.0, "folder": tmp_path})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]  # and no litter
    assert result_file(tmp_path, TINY[0], 7).name == "nsm_7.json"


# The figures


def test_percentiles_are_drawn_beside_the_posters_of_the_same_network():
    curves = {
        name: [[-k - n, n, k + n] for k in range(4)]
        for n, name in enumerate(("NSM", "StNN", "StNN, small"), 1)
    }
    ax = plot_percentiles([curves, curves])
    for band, name, theirs, line in zip(
        ax.collections, ("NSM", "StNN, small"), ("NSM", "StNN"), (0, 3), strict=True
    ):
        corners = {(round(x), round(y)) for x, y in band.get_paths()[0].vertices}
        assert {(k, row[q]) for k, row in enumerate(curves[name]) for q in (0, 2)} <= corners
        assert list(ax.lines[line].get_ydata()) == [row[1] for row in curves[name]]
        for dots, q in zip(ax.lines[line + 1 : line + 3], ("Q15", "Q85"), strict=True):
            assert list(dots.get_ydata()) == poster()[theirs][q]
            assert dots.get_color() == ax.lines[line].get_color()


def test_variances_are_drawn_beside_the_posters_of_the_same_network():
    ours = {"NSM": [1e-3, 2e-3], "StNN": [3e-3, 4e-3]}
    ax = plot_stability(*([{"variance_gained": v}] for v in ours.values()))
    for index, name in enumerate(ours):
        line, dots = ax.lines[2 * index : 2 * index + 2]
        assert list(line.get_ydata()) == ours[name]
        assert line.get_label() == name
        assert list(dots.get_ydata()) == poster()[name]["variance_gained"][1:]
