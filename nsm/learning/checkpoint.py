"""Checkpoints of learning: all that a run needs to go on, bit for bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nsm.learning.run import Run
from nsm.nn.files.tensor_file import read_tensors, write_tensors

FORMAT = "nsm-crossbar learning 1"


def save_state(run: Run, path: Path, identity: dict[str, Any]) -> None:
    """Write a checkpoint in one step; the one before stays until this one is complete."""
    found = _arrays_of(run)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in found.items()}
    note = {"identity": identity, "done": run.done, "history": run.history}
    write_tensors(tensors, path, {"format": FORMAT, "learning": json.dumps(note)})


def _arrays_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, array in run.all_arrays().items():
        found |= {f"array.{name}.{key}": value for key, value in array.state().items()}
    for number, layer in enumerate(run.network.layers):
        found[f"layer.{number}.a"] = layer.a.copy()
        found[f"layer.{number}.threshold"] = layer.threshold.copy()
        for index, (update, _) in enumerate(run.updates[number]):
            found |= {f"rule.{number}.{index}.{k}": v for k, v in update.state().items()}
    return found


def load_state(run: Run, path: Path, identity: dict[str, Any]) -> None:
    """Let a run go on from a checkpoint.

    Raises:
        ValueError: The checkpoint is of another run, naming what differs.
    """
    tensors, metadata = read_tensors(path, (FORMAT,), writer="nsm.learn")
    note = json.loads(metadata["learning"])
    found = note["identity"]
    if found != identity:
        differ = sorted(
            k for k in identity.keys() | found.keys() if found.get(k) != identity.get(k)
        )
        raise ValueError(
            f"checkpoint {path} is of another run of learning (it differs in "
            f"{', '.join(differ)}); name another file, or delete this one to start anew"
        )
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}

    def below(prefix: str) -> dict[str, Any]:
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    for name, array in run.all_arrays().items():
        array.restore(below(f"array.{name}."))
    for number, layer in enumerate(run.network.layers):
        layer.a[:] = arrays[f"layer.{number}.a"]
        layer.threshold[:] = arrays[f"layer.{number}.threshold"]
        for index, (update, _) in enumerate(run.updates[number]):
            update.restore(below(f"rule.{number}.{index}."))
    run.done = note["done"]
    run.history = note["history"]
