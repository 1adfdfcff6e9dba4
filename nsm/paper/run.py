"""Run the table: every experiment that data and machine allow, one file per result, taken up where it was left."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import torch

from devices.validation import choice
from nsm.datasets import load_data
from nsm.disk import atomic_write
from nsm.nn.checkpoint import describe
from nsm.paper.measure import KINDS
from nsm.paper.table import EXPERIMENTS, Experiment
from nsm.progress import progress_bar
from nsm.sweeps import worker_pool

NO_GPU = "needs a GPU: weeks on two cores"
NO_DATA = "the data were not at hand"


def by_name(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments of those names. Raises ValueError for an unknown name."""
    known = {e.name: e for e in EXPERIMENTS}
    return [known[choice("experiment", name, known)] for name in dict.fromkeys(names)]


def affordable(data_dir: Path | None) -> tuple[list[Experiment], dict[str, str], list[str]]:
    """Return the experiments that machine and data allow, why not the others by name, and what loaders said of their data.

    Raises what the loader raised where no data are there at all, and ValueError where files are not what they should be.
    """
    chosen: list[Experiment] = []
    absent: dict[str, str] = {}
    problems: dict[str, OSError | None] = {}
    for e in EXPERIMENTS:
        if e.gpu and not torch.cuda.is_available():
            absent[e.name] = NO_GPU
            continue
        if e.data not in problems:
            try:
                load_data(e.data, data_dir)
                problems[e.data] = None
            except OSError as problem:
                problems[e.data] = problem
        if problems[e.data] is None:
            chosen.append(e)
        else:
            absent[e.name] = NO_DATA
    found = [problem for problem in problems.values() if problem is not None]
    if not chosen and found:
        raise found[0]
    return chosen, absent, [str(problem) for problem in found]


def result_file(folder: Path, experiment: Experiment, seed: int) -> Path:
    """Return where the result of one seed stands."""
    return folder / f"{experiment.name}_{seed}.json"


def absence_file(folder: Path) -> Path:
    """Return where it stands why experiments were not run."""
    return folder / "not_run.json"


def write_json(path: Path, value: Any) -> None:
    """Write a file in one step: whole or not at all."""
    with atomic_write(path) as temporary, open(temporary, "w") as f:
        json.dump(value, f, indent=1)


def run_one(name: str, seed: int, folder: Path, data_dir: Path | None) -> dict[str, Any]:
    """Run one seed of an experiment, on one thread or on the GPU that it needs, and write its result."""
    torch.set_num_threads(1)
    (experiment,) = by_name([name])
    data = load_data(experiment.data, data_dir)
    found = KINDS[experiment.kind](experiment, seed, data, folder)
    result = {
        "experiment": name,
        "seed": seed,
        "identity": identity(experiment),
        "epochs": experiment.epochs,
        "samples": experiment.samples,
        "images": [len(data.y_train), len(data.y_test)],
        **found,
    }
    write_json(result_file(folder, experiment, seed), result)
    return result


def run(
    folder: Path,
    names: Sequence[str] | None = None,
    *,
    data_dir: Path | None = None,
    workers: int = 2,
) -> list[dict[str, Any]]:
    """Run what has no result in `folder` yet, `workers` at once, and return all results. Resumes after a kill.

    names: of experiments; None: all that are affordable, and the reasons why others are not are kept in `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for result in results(folder):
        _check_same(result, folder)
    left_out: list[str] = []
    if names is None:
        chosen, absent, left_out = affordable(data_dir)
        write_json(absence_file(folder), absent)
    else:
        chosen = by_name(names)
    jobs = [(e.name, s) for e in chosen for s in e.seeds if not result_file(folder, e, s).exists()]
    with progress_bar() as bar, worker_pool(workers) as pool:
        for problem in left_out:
            bar.console.print(f"left out: {problem}", soft_wrap=True, markup=False)
        task = bar.add_task("experiments", total=len(jobs), note="")
        futures = {
            pool.submit(run_one, name, seed, folder, data_dir): (name, seed) for name, seed in jobs
        }
        try:
            for future in as_completed(futures):
                future.result()
                bar.update(task, advance=1, note="{} seed {}".format(*futures[future]))
        finally:
            for future in futures:
                future.cancel()
    return results(folder)


def identity(experiment: Experiment) -> str:
    """Return a short hash of what a result shares with its row of the table: kind, data, recipe and network."""
    recipe = sorted((name, repr(value)) for name, value in experiment.recipe.items())
    parts = (experiment.kind, experiment.data, recipe, describe(experiment.build()))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _check_same(result: dict[str, Any], folder: Path) -> None:
    (experiment,) = by_name([result["experiment"]])
    wanted = {
        "epochs": experiment.epochs,
        "samples": experiment.samples,
        "identity": identity(experiment),
    }
    for name, value in wanted.items():
        if result.get(name) != value:
            what = f"{result.get(name)} {name}, where the table says {value}"
            if name == "identity":
                what = "another recipe, network, kind or data than the table's"
            file = result_file(folder, experiment, result["seed"])
            raise ValueError(
                f"{file} is of {what}; name another folder, or delete it and the .training beside it"
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(path.read_text())
    except ValueError as problem:
        raise ValueError(
            f"{path} is truncated or no result ({problem}); delete it to run it again"
        ) from None
    return result


def results(folder: Path) -> list[dict[str, Any]]:
    """Return the results that stand in `folder`, in the table's order. Raises ValueError for a file that is none."""
    files = [result_file(folder, e, s) for e in EXPERIMENTS for s in e.seeds]
    return [_read(f) for f in files if f.exists()]
