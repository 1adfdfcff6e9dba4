"""Runs of the table: what is run by default, and runs that survive a kill at any moment."""

import json
import os
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import nsm.disk
import nsm.paper.__main__ as command
import nsm.paper.run as runner
import nsm.training.state
from nsm.paper import errors, report, training
from nsm.paper.measure import MEASUREMENTS
from nsm.paper.run import NO_DATA, NO_GPU, affordable, result_file, results, run, write_json
from nsm.paper.table import EXPERIMENTS
from tests.helpers.tiny_paper import TINY, same

# What is run


@pytest.mark.parametrize("gpu", [False, True])
def test_all_that_data_and_machine_allow_is_run_by_default(gpu, monkeypatch):
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


def test_errors_of_loaders_are_raised_if_there_are_no_data_or_a_file_is_wrong(
    monkeypatch, tmp_path
):
    def broken(error):
        def load(name, folder):
            raise error(f"{name} is not there")

        return load

    monkeypatch.setattr(runner, "load_data", broken(FileNotFoundError))
    with pytest.raises(FileNotFoundError, match="mnist is not there"):
        run(tmp_path)
    monkeypatch.setattr(runner, "load_data", broken(ValueError))
    with pytest.raises(ValueError, match="mnist is not there"):
        run(tmp_path)
    assert not list(tmp_path.iterdir())


def test_missing_data_are_named_and_all_other_experiments_are_run(
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
    assert "no letters" not in text  # a loader's message names folders of this machine
    monkeypatch.setattr(runner, "load_data", lambda name, folder: data)
    assert [r["experiment"] for r in run(tmp_path, workers=1)] == ["relu", "letters"]
    assert "not run" not in report.write_report(tmp_path, tmp_path / "report").read_text()


# Running it


def test_there_is_one_file_per_seed_and_none_for_skipped_experiments(tiny, tmp_path):
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


class Killed(BaseException):
    """Stands for a signal that ends the run."""


def die(*_, **__):
    raise Killed


def after(function, calls):
    """Return a function that raises `Killed` after the given number of calls."""
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


# For each moment of a kill: what to patch, and how many epochs are left to train.
MOMENTS = {
    "before the first epoch is kept": ((nsm.training.state, "write_tensors", die), 3),
    "after the first epoch": (
        (nsm.training.state, "write_tensors", after(nsm.training.state.write_tensors, 1)),
        2,
    ),
    "after the last epoch": (
        (nsm.training.state, "write_tensors", after(nsm.training.state.write_tensors, 3)),
        0,
    ),
    "while the network is saved": ((training, "save", die), 0),
    "while it is tested": ((errors, "predict_proba", die), 0),
    "in the middle of the result": (
        (runner, "json", SimpleNamespace(**{**vars(json), "dump": half_a_dump})),
        0,
    ),
    "before the result is in place": (
        # Files are put in place for three epochs, for the network and then for the result.
        (nsm.disk, "os", SimpleNamespace(**{**vars(os), "replace": after(os.replace, 4)})),
        0,
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_killed_at_any_moment_gives_the_same_results(moment, tiny, tmp_path, monkeypatch):
    complete = run(tmp_path / "complete", ["relu", "nsm"], workers=1)
    folder = tmp_path / "killed"
    run(folder, ["relu"], workers=1)
    (target, name, replacement), left = MOMENTS[moment]
    with monkeypatch.context() as patch:
        patch.setattr(target, name, replacement)
        with pytest.raises(Killed):
            run(folder, ["relu", "nsm"], workers=1)
    assert [p.name for p in folder.glob("*.json")] == ["relu_0.json"]
    assert same(results(folder)) == same(complete)[2:]
    epochs = []
    write = nsm.training.state.write_tensors
    monkeypatch.setattr(
        nsm.training.state, "write_tensors", lambda *a: (epochs.append(a[1].name), write(*a))
    )
    assert same(run(folder, ["relu", "nsm"], workers=1)) == same(complete)
    assert epochs.count("nsm_0.training") == left
    assert epochs.count("nsm_1.training") == 3
    assert "relu_0.training" not in epochs


def test_finished_experiments_are_not_run_again(tiny, tmp_path, monkeypatch):
    first = run(tmp_path, ["relu", "curve"], workers=1)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    monkeypatch.setattr(runner, "MEASUREMENTS", dict.fromkeys(MEASUREMENTS, die))
    assert run(tmp_path, ["relu", "curve"], workers=1) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before
    with pytest.raises(Killed):
        run(tmp_path, ["relu", "stnn"], workers=1)


def test_a_failure_is_raised_and_finished_results_are_kept(tiny, tmp_path, monkeypatch):
    def fail(*_):
        raise FileNotFoundError("no mnist in /nowhere; put it there")

    monkeypatch.setattr(runner, "MEASUREMENTS", {**MEASUREMENTS, "percentiles": fail})
    with pytest.raises(FileNotFoundError, match="no mnist in /nowhere"):
        run(tmp_path, ["relu", "curve"], workers=1)
    assert [r["experiment"] for r in results(tmp_path)] == ["relu"]


def test_a_result_is_written_completely_or_not_at_all(tmp_path):
    path = tmp_path / "r.json"
    write_json(path, {"error": 1.25, "loss": [0.1, 1 / 3]})
    assert json.loads(path.read_text()) == {"error": 1.25, "loss": [0.1, 1 / 3]}
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(path, {"error": 1.0, "folder": tmp_path})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]  # no temporary file is left
    assert result_file(tmp_path, TINY[0], 7).name == "nsm_7.json"


# Results of earlier runs


def test_results_of_an_earlier_run_count_as_done(tiny, tmp_path, monkeypatch):
    earlier, folder = tmp_path / "earlier", tmp_path / "now"
    wanted = run(earlier, ["relu"], workers=1)
    monkeypatch.setattr(runner, "run_one", lambda *a: pytest.fail("it was run again"))
    assert run(folder, ["relu"], workers=1, earlier=earlier) == wanted
    with pytest.raises(ValueError, match="unknown experiment or group 'rleu'"):
        run(tmp_path / "later", ["rleu"], workers=1, earlier=earlier)
    assert not (tmp_path / "later").exists()  # a wrong name is told before results are copied
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty has no results; name a folder that has some"):
        run(folder, ["relu"], workers=1, earlier=tmp_path / "empty")


def test_results_of_another_table_are_not_taken_over(tiny, tmp_path):
    earlier = tmp_path / "earlier"
    (result,) = run(earlier, ["relu"], workers=1)
    write_json(result_file(earlier, TINY[2], 0), result | {"identity": "another"})
    with pytest.raises(ValueError, match=r"earlier/relu_0\.json is of another recipe, network"):
        run(tmp_path / "now", ["relu"], workers=1, earlier=earlier)
    assert not (tmp_path / "now").exists()


def test_the_results_that_come_with_the_project_are_of_its_table():
    folder = Path(__file__).parents[3] / "examples" / "paper" / "runs"
    found = results(folder)
    assert len(found) == len(list(folder.glob("*.json"))) > 100
    for result in found:
        (experiment,) = runner.find_experiments([result["experiment"]])
        assert result["identity"] == runner.identity(experiment)
        assert result["epochs"] == experiment.epochs


# Names and progress


def test_groups_name_their_experiments_and_others_are_refused():
    assert [e.name for e in runner.find_experiments(["table1"])] == ["mlp_nsm", "mlp_stnn"]
    rules = [e.name for e in runner.find_experiments(["conv_BN", "rules"])]
    assert rules[:2] == ["conv_BN", "conv_bNSM"]
    assert len(rules) == len(set(rules)) == 8
    assert {e.section for e in EXPERIMENTS} == set(runner.GROUPS.values())
    with pytest.raises(ValueError, match="unknown experiment or group 'tabel1'; did you mean 't"):
        runner.find_experiments(["tabel1"])


def test_the_table_is_printed(capsys):
    command.main(only=["table1"], list_only=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| experiment | group | network | data | epochs | seeds")
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| mlp_nsm", "table1"],
        ["| mlp_stnn", "table1"],
    ]


def test_a_running_experiment_tells_its_epochs(tiny, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        training, "save", lambda *a, **k: seen.append(len(list(tmp_path.glob("*.epochs"))))
    )
    told = []
    write = Path.write_text
    monkeypatch.setattr(
        Path, "write_text", lambda self, text: (told.append(text), write(self, text))[1]
    )
    run(tmp_path, ["relu"], workers=1)
    assert [t for t in told if "epochs" in t and "seed" in t][:2] == [
        "relu seed 0: 1 of 2 epochs",
        "relu seed 0: 2 of 2 epochs",
    ]
    assert seen == [0]  # it is removed at the end


def test_a_resumed_experiment_counts_the_epochs_before_the_kill(tiny, tmp_path, monkeypatch):
    save = nsm.training.state.write_tensors
    with monkeypatch.context() as patch:
        patch.setattr(nsm.training.state, "write_tensors", after(save, 1))
        with pytest.raises(Killed):
            run(tmp_path, ["relu"], workers=1)
    assert nsm.training.state.epochs_done(tmp_path / "relu_0.training") == 1
    told = []
    monkeypatch.setattr(
        nsm.training.state,
        "write_tensors",
        lambda *a: (told.append((tmp_path / "relu_0.epochs").read_text()), save(*a)),
    )
    run(tmp_path, ["relu"], workers=1)
    assert told == ["relu seed 0: 2 of 2 epochs"]


def test_what_is_no_checkpoint_has_no_epochs(tmp_path):
    nsm.save(nsm.relu_mlp((4, 3, 2)), tmp_path / "network.safetensors")
    with pytest.raises(ValueError, match=r"network.safetensors is no checkpoint of a training"):
        nsm.training.state.epochs_done(tmp_path / "network.safetensors")


def test_epochs_of_running_experiments_are_told_while_they_run(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_TELL_EVERY", 0.01)
    training.epoch_file(tmp_path, "a", 0).write_text("a seed 0: 1 of 9 epochs")
    training.epoch_file(tmp_path, "b", 0).write_text("left by a run that was killed")
    slow, waiting, notes = Future(), Future(), []
    slow.set_running_or_notify_cancel()

    def tell(note):
        notes.append(note)
        slow.set_result(None)
        waiting.set_result(None)

    jobs = {slow: ("a", 0), waiting: ("b", 0)}
    assert set(runner._finished(jobs, tmp_path, tell)) == set(jobs)
    assert notes == ["a seed 0: 1 of 9 epochs"]


@pytest.mark.parametrize("text", ["{}", "[]", '{"experiment": "relu", "seed": 0}', "3"])
def test_a_file_that_is_no_result_is_refused(text, tiny, tmp_path):
    (tmp_path / "relu_0.json").write_text(text)
    with pytest.raises(ValueError, match=r"relu_0.json is no result of nsm.paper; delete it"):
        results(tmp_path)


@pytest.mark.parametrize("option", ["earlier", "elsewhere"])
def test_a_folder_of_results_that_is_not_there_is_refused(option, tiny, tmp_path):
    with pytest.raises(ValueError, match="nowhere' is no folder; name one that holds results"):
        run(tmp_path, workers=1, **{option: tmp_path / "nowhere"})


def test_results_of_elsewhere_stand_for_what_cannot_be_run_here(tiny, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (result,) = run(there, ["relu"], workers=1)
    for name in ("relu", "large"):
        experiment = next(e for e in TINY if e.name == name)
        wanted = {"epochs": experiment.epochs, "samples": experiment.samples}
        wanted |= {"experiment": name, "identity": runner.identity(experiment)}
        write_json(there / f"{name}_0.json", result | wanted | {"trained_on": "a GPU"})
    found = run(here, workers=1, elsewhere=there)
    places = {r["experiment"]: r["trained_on"] for r in found}
    assert places["large"] == "a GPU"
    assert places["relu"] == "CPU"
    with pytest.raises(ValueError, match="elsewhere = .*there' has no effect on experiments that"):
        run(here, ["relu"], workers=1, elsewhere=there)
