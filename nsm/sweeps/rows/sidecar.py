"""The sidecar of a sweep's rows: a TOML file that tells what the rows were computed with.

It lies beside the rows, `levels.toml` for `levels.csv`. Where that name belongs to another file,
such as the sweep file, it is `levels.csv.toml`. A sweep writes it before the first row, and extends
it when the same file gets more networks, values or chips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nsm.sweeps.axes import TRAINING_SEED
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.rows.provenance import command_line, machine, versions
from nsm.sweeps.rows.sidecar_file import Sidecar as Sidecar
from nsm.sweeps.rows.sidecar_file import joined_network, read_sidecar, save_sidecar
from nsm.sweeps.rows.sidecar_hardware import base_hardware, device_labels
from nsm.sweeps.rows.sidecar_hardware import read_hardware as read_hardware

if TYPE_CHECKING:
    from nsm.sweeps.calibration import Calibration
    from nsm.sweeps.data import Images
    from nsm.sweeps.tasks import Task
    from nsm.sweeps.workers.jobs import Experiment

#: What the caller of `collect` knows about the data and the networks.
_NOTES: ContextVar[Mapping[str, Any]] = ContextVar("notes", default=MappingProxyType({}))


@contextmanager
def describing(**notes: Any) -> Iterator[None]:
    """Tell the sidecars that are written in the `with` block what only their caller knows.

    Args:
        **notes: "data", the name of the data set or a table of its name and options; "errors", the
            error of every network in software, by name.
    """
    token = _NOTES.set({**_NOTES.get(), **notes})
    try:
        yield
    finally:
        _NOTES.reset(token)


def write_sidecar(
    rows: str | Path, tasks: Sequence[Task], experiment: Experiment, identity: str
) -> None:
    """Write or extend the sidecar of a file of rows.

    A chip of every network that the sidecar does not know yet is programmed for its costs, see
    `network_summary`.

    Args:
        rows: The file of rows.
        tasks: The points of this call.
        experiment: What the points share.
        identity: Its hashes. A sidecar of another experiment, whose rows were removed, is replaced.
    """
    old = read_sidecar(rows)
    if old is not None and old.experiment != identity:
        old = None
    new = replace(
        described(rows, tasks, experiment, identity), networks=_networks(tasks, old, experiment)
    )
    joined = new if old is None else replace(old, rows=new.rows).with_more(new)
    if joined != old:
        save_sidecar(rows, joined)


def described(
    rows: str | Path, tasks: Sequence[Task], experiment: Experiment, identity: str
) -> Sidecar:
    """Return the sidecar of a call without its networks; arguments as of `write_sidecar`."""
    # Tasks of one grid have one base, whose canonical bytes need not be made for each of them.
    base, notes = base_hardware(list({id(task.base): task.base for task in tasks}.values()))
    until = {} if experiment.until is None else vars(experiment.until)
    return Sidecar(
        rows=Path(rows).name,
        experiment=identity,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command_line(),
        versions=versions(),
        machine=machine(),
        data=_data(experiment.x, experiment.y),
        **_seed(experiment.seed),
        chips=experiment.chips,
        samples=experiment.samples,
        sampling=experiment.sampling,
        calibration=_calibration(experiment.calibration),
        until={name: value for name, value in until.items() if value is not None},
        networks={},
        hardware=base,
        devices=device_labels(tasks[0].base),
        axes=_axes(tasks),
        notes=notes,
    )


def _networks(
    tasks: Sequence[Task], old: Sidecar | None, experiment: Experiment
) -> dict[str, dict[str, Any]]:
    """Return the description of every network, those of an older sidecar as they are there."""
    from nsm.sweeps.rows.network_summary import network_summary

    networks = {} if old is None else dict(old.networks)
    found: dict[str, dict[str, Any]] = {}
    for task in tasks:
        if task.network not in networks:
            networks[task.network] = network_summary(task, experiment)
            error = _NOTES.get().get("errors", {}).get(task.network)
            if error is not None:
                networks[task.network]["error"] = float(error)
        known = found.get(task.network, networks[task.network])
        found[task.network] = joined_network(_model_of(task), known)
    return found


def _model_of(task: Task) -> dict[str, Any]:
    """Return the hash of a task's network, by the seed of its training if there are several."""
    seed = task.parameters.get(TRAINING_SEED)
    return {"model": task.model_id} if seed is None else {"models": {str(seed): task.model_id}}


def _data(x: Images, y: Any) -> dict[str, Any]:
    """Return name, number, shape and hashes of images and labels."""
    inputs = x if isinstance(x, tuple) else (x,)
    noted = _NOTES.get().get("data", {})
    shapes = [list(part.shape[1:]) for part in inputs]
    return {
        **({"name": noted} if isinstance(noted, str) else noted),
        "images": len(inputs[0]),
        "shape": shapes if len(shapes) > 1 else shapes[0],
        "images_sha256": _sha256(*inputs),
        "labels_sha256": _sha256(np.asarray(y)),
    }


def _sha256(*arrays: Any) -> str:
    """Return the SHA-256 of the bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _seed(seed: np.random.SeedSequence) -> dict[str, Any]:
    """Return the seed of a sweep as plain numbers."""
    entropy: Any = seed.entropy
    plain = [int(e) for e in entropy] if np.ndim(entropy) else int(entropy)
    return {"seed": plain, "spawn_key": [int(k) for k in seed.spawn_key]}


def _calibration(calibration: Calibration | None) -> dict[str, Any]:
    """Return the number of images and the options of a calibration."""
    if calibration is None:
        return {}
    images = calibration.images
    first = images[0] if isinstance(images, tuple) else images
    options = {k: v for k, v in calibration.options.items() if v is not None}
    return {"images": len(first), "images_sha256": _sha256(first), **options}


def _axes(tasks: Sequence[Task]) -> dict[str, list[Any]]:
    """Return the labels of every axis, in the order of the tasks, as TOML writes them."""
    axes: dict[str, dict[bytes, Any]] = {}
    seen: set[tuple[str, type, Any]] = set()
    for task in tasks:
        for name, label in task.parameters.items():
            key = (name, type(label), label)
            if key not in seen:  # canonical bytes take longer, and a sweep may have 100,000 points
                seen.add(key)
                axes.setdefault(name, {}).setdefault(canonical(label), _plain(label))
    return {name: list(labels.values()) for name, labels in axes.items()}


def _plain(label: Any) -> Any:
    """Return a label as TOML writes it; None as the text "none", as in a sweep file."""
    if label is None:
        return "none"
    return [_plain(part) for part in label] if isinstance(label, tuple) else label
