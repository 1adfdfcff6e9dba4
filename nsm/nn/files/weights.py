"""Weights without an architecture: this package's files, safetensors of others, torch's `.pt`."""

import difflib
import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from devices.arguments import text
from nsm.nn.files.stored import Stored, compute_weights
from nsm.nn.files.tensor_file import (
    FORMAT_WEIGHTS,
    check_shaped,
    check_values,
    check_writing,
    existing_file,
    from_metadata,
    is_pickled,
    read_safetensors,
    rounded,
    write_tensors,
)
from nsm.nn.inference import check_model

#: Keys under which checkpoints of others hold the state of a network.
STATE_KEYS = ("state_dict", "model_state_dict", "model", "weights")
#: Names that a message lists at most.
_LISTED = 4


def save_weights(
    model: nn.Module, path: str | Path, *, dtype: torch.dtype | None = None, note: str = ""
) -> None:
    """Write the weights of a network of any class to a safetensors file, without its architecture.

    Args:
        model: Any `nn.Module`; its state (parameters and buffers) is written.
        path: The file; an old one is replaced in one step.
        dtype: Precision of the stored weights; None (the default) keeps theirs.
        note: Kept in the metadata: how the weights were made.

    Raises:
        ValueError: If the state holds something else than tensors, NaN or infinity, or the folder
            does not exist.
    """
    check_model(model)
    check_writing(path, note)
    network = Stored.of(model, dtype, weights_alone=True)
    extras = {"extras": json.dumps(network.extras)} if network.extras else {}
    write_tensors(network.tensors, path, {"format": FORMAT_WEIGHTS, "note": note, **extras})


def load_weights(model: nn.Module, path: str | Path, *, prefix: str = "") -> None:
    """Put the weights of a file into a network; the network is untouched if they do not fit.

    The file may be one of `save_weights` or `save`, a safetensors file of another program, or one
    of `torch.save`: a state dictionary, or a dictionary that holds one under "state_dict",
    "model_state_dict", "model" or "weights". Nothing is unpickled beside tensors
    (`torch.load(weights_only=True)`). Parameters keep their precision and their device.

    Args:
        model: The network. Its state must have the file's names and shapes.
        path: The file.
        prefix: What the file's names begin with and the network's do not, such as "module.".

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated or holds other things or several states, names or
            shapes differ (the first few are listed), or weights are NaN or infinite.
    """
    check_model(model)
    text("prefix", prefix)
    found = read_weights(path)
    if prefix and not any(name.startswith(prefix) for name in found):
        raise ValueError(
            f"prefix = {prefix!r}: no name in {path} begins so; they are {_some(list(found))}"
        )
    stored = {name.removeprefix(prefix): value for name, value in found.items()}
    put_weights(model, stored, str(path))


def put_weights(model: nn.Module, stored: Mapping[str, Tensor], what: str) -> None:
    """Put weights into a network; the network is untouched if they do not fit.

    Args:
        model: The network.
        stored: Its state by name.
        what: What messages call the source of the weights.

    Raises:
        ValueError: Names or shapes differ, or weights are NaN or infinite.
    """
    check_shaped(model)
    # Without copies: the state's tensors are those of the network.
    state = model.state_dict(keep_vars=True)
    wanted = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    stored = _with_ties(stored, wanted)
    problem = _mismatch(wanted, stored)
    if problem:
        raise ValueError(f"{what} does not fit the network: {problem}")
    check_values(stored, what)
    advice = "give a network of higher precision, such as model.double()"
    ready = {name: rounded(name, stored[name], wanted[name].dtype, advice) for name in wanted}
    model.load_state_dict(ready)
    compute_weights(model)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name; arguments and errors as of `load_weights`."""
    path = existing_file(path)
    if is_pickled(path):
        return _read_pickled(path)
    tensors, metadata = read_safetensors(path)
    if "training" in metadata:
        raise ValueError(f"{path} is a checkpoint of a training; nsm.fit resumes it")
    return Stored(None, tensors, from_metadata(metadata, "extras", path)).state()


def _read_pickled(path: str | Path) -> dict[str, Tensor]:
    """Return the state dictionary in a file of `torch.save`."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        found = re.search(r"GLOBAL (\S+)", str(problem))
        other = found.group(1) if found else "something that is no tensor"
        raise ValueError(
            f"{path} is damaged, or holds {other}, which is not unpickled; store the weights "
            "alone, as torch.save(model.state_dict(), path)"
        ) from None
    except (RuntimeError, EOFError, OSError) as problem:
        raise ValueError(f"{path} is truncated or not a file of torch.save ({problem})") from None
    content = _state_in(content, path)
    if not isinstance(content, Mapping) or not content:
        raise ValueError(
            f"{path} holds a {type(content).__name__}; give a state dictionary, as "
            "torch.save(model.state_dict(), path) writes it"
        )
    others = [name for name, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise ValueError(
            f"{path} holds {others[0]!r} beside tensors; give a state dictionary, or a dictionary "
            f"with one under {', '.join(map(repr, STATE_KEYS))}"
        )
    return {str(name): value for name, value in content.items()}


def _state_in(content: Any, path: str | Path) -> Any:
    """Return the state dictionary under one of `STATE_KEYS`; other content as it is.

    Raises:
        ValueError: There are several.
    """
    if not isinstance(content, Mapping):
        return content
    keys = [key for key in STATE_KEYS if isinstance(content.get(key), Mapping)]
    if len(keys) > 1:
        raise ValueError(
            f"{path} holds several state dictionaries, under {' and '.join(map(repr, keys))}; "
            "store the one that you mean alone, as torch.save(model.state_dict(), path)"
        )
    return content[keys[0]] if keys else content


def _with_ties(stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return stored tensors under all names that the network has for them.

    Programs that store a shared tensor once leave out its other names.
    """
    by_identity: dict[int, list[str]] = {}
    for name, value in wanted.items():
        by_identity.setdefault(id(value), []).append(name)
    out = dict(stored)
    for names in by_identity.values():
        held = [name for name in names if name in stored]
        if held:
            out |= {name: stored[held[0]] for name in names if name not in stored}
    return out


def _mismatch(wanted: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> str:
    """Return how the names, shapes or kinds of stored tensors differ; "" if they fit."""
    missing = [name for name in wanted if name not in stored]
    extra = [name for name in stored if name not in wanted]
    parts = []
    if missing:
        parts.append(f"it lacks {_some([_with_nearest(name, extra) for name in missing])}")
    if extra:
        parts.append(f"it also holds {_some(extra)}")
    both = [name for name in wanted if name in stored]
    shapes = [name for name in both if wanted[name].shape != stored[name].shape]
    if shapes:
        found = [
            f"{n} {tuple(stored[n].shape)} instead of {tuple(wanted[n].shape)}" for n in shapes
        ]
        parts.append(f"shapes differ: {_some(found)}")
    kinds = [name for name in both if _kind(wanted[name]) != _kind(stored[name])]
    if kinds:
        found = [f"{n} {stored[n].dtype} instead of {wanted[n].dtype}" for n in kinds]
        parts.append(f"kinds of numbers differ: {_some(found)}")
    hint = _prefix_hint(missing, extra)
    return "; ".join([*parts, hint] if hint else parts)


def _kind(tensor: Tensor) -> tuple[bool, bool]:
    return tensor.is_floating_point(), tensor.is_complex()


def _some(found: list[str]) -> str:
    """Return the first few of a list as text, and how many there are beyond."""
    more = len(found) - _LISTED
    return ", ".join(found[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _with_nearest(name: str, others: list[str]) -> str:
    near = difflib.get_close_matches(name, others, n=1, cutoff=0.6)
    return f"{name} (nearest: {near[0]})" if near else name


def _prefix_hint(missing: list[str], extra: list[str]) -> str:
    """Return how a prefix would make the names agree; "" if none would."""
    for name in extra[:1]:
        ends = [m for m in missing if name.endswith(f".{m}")]
        for end in ends:
            prefix = name.removesuffix(end)
            if {f"{prefix}{m}" for m in missing} <= set(extra):
                return f"its names begin with {prefix!r}: give prefix={prefix!r}"
    for name in missing[:1]:
        ends = [e for e in extra if name.endswith(f".{e}")]
        if ends:
            prefix = name.removesuffix(ends[0])
            return (
                f"the network's names begin with {prefix!r}: give the layer {prefix[:-1]!r} of it"
            )
    return ""
