"""Run the table of experiments: one result file per seed, resumed after a kill."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from pathlib import Path
from typing import Any

import torch

from crossbar import Hardware
from devices.validation import choice
from nsm.chips.hardware_table import as_table
from nsm.datasets import load_data
from nsm.disk import write_file
from nsm.nn.files.blueprint import describe
from nsm.paper.experiment import Experiment
from nsm.paper.measure import MEASUREMENTS
from nsm.paper.table import EXPERIMENTS, GROUPS
from nsm.paper.training import epochs_told
from nsm.progress import progress_bar
from nsm.sweeps import worker_pool
from nsm.training.hardware_aware.identity import hardware_identity

#: Time between two looks at the epochs of running trainings [s].
_TELL_EVERY = 2.0
#: Reasons why experiments are not run, as the report tells them.
NO_GPU = "needs a GPU: days to weeks on two cores"
NO_DATA = "the data were not at hand"


def find_experiments(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments with these names, or of these groups, each once.

    Raises:
        ValueError: A name is neither that of an experiment nor of a group.
    """
    known = {e.name: e for e in EXPERIMENTS}
    wanted: list[str] = []
    for name in names:
        choice("experiment or group", name, {**known, **GROUPS})
        of_group = [e.name for e in EXPERIMENTS if GROUPS.get(name, "") in (e.section, e.also)]
        wanted += [name] if name in known else of_group
    return [known[name] for name in dict.fromkeys(wanted)]


def affordable(data_dir: Path | None) -> tuple[list[Experiment], dict[str, str], list[str]]:
    """Return which experiments this machine and its data allow.

    Args:
        data_dir: Folder of the data; None for the default of `load_data`.

    Returns:
        The experiments; the reason why each of the others is not run, by name; and the loaders'
        messages about missing data.

    Raises:
        OSError: no data are there at all; it is what the first loader raised.
        ValueError: a file of the data is not what it should be.
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
    """Return the file of the result of one seed."""
    return folder / f"{experiment.name}_{seed}.json"


def absence_file(folder: Path) -> Path:
    """Return the file that lists skipped experiments and why."""
    return folder / "not_run.json"


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one step: a kill leaves the old file or the new one."""

    def write(place: Path) -> None:
        with open(place, "w") as f:
            json.dump(value, f, indent=1)

    write_file(path, write)


def run_one(name: str, seed: int, folder: Path, data_dir: Path | None) -> dict[str, Any]:
    """Run one seed of an experiment, on one thread or on a GPU, and write its result."""
    torch.set_num_threads(1)
    (experiment,) = find_experiments([name])
    data = experiment.part_of(load_data(experiment.data, data_dir))
    found = MEASUREMENTS[experiment.measures](experiment, seed, data, folder)
    result = {
        "experiment": name,
        "seed": seed,
        "identity": identity(experiment),
        "epochs": experiment.epochs,
        "samples": experiment.samples,
        "trained_on": processor(),
        "images": [len(data.y_train), len(data.y_test)],
        **found,
    }
    write_json(result_file(folder, experiment, seed), result)
    return result


def processor() -> str:
    """Return what trains networks here: the name of the GPU, or "CPU"."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def run(
    folder: Path,
    names: Sequence[str] | None = None,
    *,
    data_dir: Path | None = None,
    workers: int = 2,
    earlier: Path | None = None,
    elsewhere: Path | None = None,
) -> list[dict[str, Any]]:
    """Run all experiments that have no result yet, and return all results.

    A run that was killed resumes where it was: finished results and epochs are not computed again.

    Args:
        folder: Folder of results and unfinished trainings; it is created if it is missing.
        names: Names of experiments or groups. None (default): all that machine and data allow; the
            reasons why the others are skipped are kept in `folder`.
        data_dir: Folder of the data; None (default) for that of `load_data`.
        workers: Experiments at the same time, one thread each; default 2.
        earlier: Folder of results that count as done, such as examples/paper/runs; default None.
        elsewhere: Folder of results of other machines, which are taken over for experiments that
            machine and data do not allow here; default None.

    Raises:
        ValueError: An unknown name, no such folder, a result that comes from another table, or
            `elsewhere` beside `names`, which say themselves what is run.
    """
    if elsewhere is not None and names is not None:
        raise ValueError(
            f"elsewhere = {str(elsewhere)!r} has no effect on experiments that are named; leave it "
            "out, or name none"
        )
    # Names and earlier results are checked before anything is written.
    chosen = None if names is None else find_experiments(names)
    found = [] if earlier is None else _results_to_take(earlier)
    folder.mkdir(parents=True, exist_ok=True)
    _take_over(found, folder)
    for result in results(folder):
        _check_same(result, folder)
    left_out: list[str] = []
    if chosen is None:
        chosen, absent, left_out = affordable(data_dir)
        if elsewhere is not None:
            _take_over(_results_to_take(elsewhere, absent), folder)
        write_json(absence_file(folder), absent)
    rounds = _rounds(chosen, folder)
    with progress_bar() as bar, worker_pool(workers) as pool:
        for problem in left_out:
            bar.console.print(f"left out: {problem}", soft_wrap=True, markup=False)
        jobs = sum(map(len, rounds))
        task = bar.add_task("experiments", total=jobs, note="", unit="runs")
        for some in rounds:
            futures = {
                pool.submit(run_one, name, seed, folder, data_dir): (name, seed)
                for name, seed in some
            }
            _wait_for(futures, folder, partial(bar.update, task))
    return results(folder)


def _rounds(chosen: Sequence[Experiment], folder: Path) -> list[list[tuple[str, int]]]:
    """Return names and seeds of what is not done yet; a network from which another starts first."""
    known = {e.name: e for e in EXPERIMENTS}
    chosen = find_experiments([e.start for e in chosen if e.start] + [e.name for e in chosen])
    jobs = [(e.name, s) for e in chosen for s in e.seeds if not result_file(folder, e, s).exists()]
    # First seeds come first, so that a report of an unfinished run has as many rows as possible.
    jobs.sort(key=lambda job: job[1])
    return [[job for job in jobs if bool(known[job[0]].start) == late] for late in (False, True)]


def _wait_for(
    futures: Mapping[Future[Any], tuple[str, int]], folder: Path, tell: Callable[..., None]
) -> None:
    """Wait for runs, and tell which one has finished; without them none is begun any more."""
    try:
        for future in _finished(futures, folder, tell):
            future.result()
            tell(advance=1, note="{} seed {}".format(*futures[future]))
    finally:
        for future in futures:
            future.cancel()


def _finished(
    futures: Mapping[Future[Any], tuple[str, int]], folder: Path, tell: Callable[..., None]
) -> Iterator[Future[Any]]:
    """Yield futures as they finish, and tell the epochs of those that run."""
    pending: Collection[Future[Any]] = list(futures)
    while pending:
        done, pending = wait(pending, timeout=_TELL_EVERY, return_when=FIRST_COMPLETED)
        yield from done
        running = [futures[future] for future in pending if future.running()]
        texts = [text for job in running for text in epochs_told(folder, *job)]
        if texts:
            tell(note=", ".join(texts))


def _results_to_take(earlier: Path, names: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Return the results in a folder, once all of them are known to be of this table.

    Args:
        earlier: Folder of results.
        names: Experiments whose results are returned; None (default): all.

    Raises:
        ValueError: There is no such folder, or a result is of another table.
    """
    if not earlier.is_dir():
        raise ValueError(
            f"{str(earlier)!r} is no folder; name one that holds results, such as "
            "examples/paper/runs"
        )
    found = [r for r in results(earlier) if names is None or r["experiment"] in names]
    if not found and names is None:
        raise ValueError(f"{earlier} has no results; name a folder that has some, or none")
    for result in found:
        _check_same(result, earlier)
    return found


def _take_over(found: Sequence[dict[str, Any]], folder: Path) -> None:
    """Copy the results that `folder` lacks."""
    for result in found:
        file = folder / f"{result['experiment']}_{result['seed']}.json"
        if not file.exists():
            write_json(file, result)


def identity(experiment: Experiment) -> str:
    """Return a short hash of an experiment's measurement, data, recipe and network.

    A result keeps it, so that one from another version of the table is not taken for done.
    """
    recipe = sorted((name, _known_as(value)) for name, value in experiment.recipe.items())
    parts: tuple[Any, ...] = (
        experiment.measures,
        experiment.data,
        recipe,
        describe(experiment.build()),
    )
    more = experiment.start, experiment.images, experiment.protocol and repr(experiment.protocol)
    parts += tuple(part for part in more if part)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _known_as(value: Any) -> str:
    """Return the text by which an option of a recipe is known; that of hardware is a hash."""
    return hardware_identity(as_table(value)) if isinstance(value, Hardware) else repr(value)


def _check_same(result: dict[str, Any], folder: Path) -> None:
    """Raise ValueError if a result does not belong to its row of the table."""
    (experiment,) = find_experiments([result["experiment"]])
    wanted = {
        "epochs": experiment.epochs,
        "samples": experiment.samples,
        "identity": identity(experiment),
    }
    for name, value in wanted.items():
        if result.get(name) != value:
            what = f"{result.get(name)} {name}, where the table says {value}"
            if name == "identity":
                what = "another recipe, network, measurement or data than the table's"
            file = result_file(folder, experiment, result["seed"])
            raise ValueError(
                f"{file} is of {what}; name another folder, or delete this file and the .training "
                f"files whose names begin with {file.stem}"
            )


def _read(path: Path) -> dict[str, Any]:
    """Return a result, or raise ValueError if the file is not one."""
    try:
        result: dict[str, Any] = json.loads(path.read_text())
    except ValueError as problem:
        raise ValueError(
            f"{path} is truncated or no result ({problem}); delete it to run it again"
        ) from None
    if not isinstance(result, dict) or not {"experiment", "seed", "images"} <= result.keys():
        raise ValueError(f"{path} is no result of nsm.paper; delete it to run it again")
    return result


def results(folder: Path) -> list[dict[str, Any]]:
    """Return all results in `folder`, in the table's order.

    Raises:
        ValueError: a file is truncated or not a result.
    """
    files = [result_file(folder, e, s) for e in EXPERIMENTS for s in e.seeds]
    return [_read(f) for f in files if f.exists()]
