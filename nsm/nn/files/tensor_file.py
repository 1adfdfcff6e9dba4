"""Named tensors with metadata on disk: safetensors files, written in one step, without pickle."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from devices.arguments import file_path, path_text, text
from nsm.disk import write_file
from nsm.nn.files.checksum import CHECKSUM, checksum_of, is_as_written
from nsm.places import check_folder_of, check_name

#: Networks of this package's layers, and checkpoints of training.
FORMAT = "nsm-crossbar 1"
#: Networks of any modules, tied weights, and layers that stay in train().
FORMAT_ANY = "nsm-crossbar 2"
#: Weights without an architecture.
FORMAT_WEIGHTS = "nsm-crossbar weights 1"
#: Beginning of the formats of this package.
_OURS = "nsm-crossbar "
#: What a message says of each kind of file, by the start of its format.
_KINDS = {
    "nsm-crossbar weights": "holds weights alone; build the network and call "
    "nsm.load_weights(model, path)",
    "nsm-crossbar chip": "holds a chip; nsm.load_chip(path) reads it",
    "nsm-crossbar": "holds a network; nsm.load(path) reads it",
}


def check_writing(path: str | Path, note: str) -> Path:
    """Return the path of a file that may be written, or raise ValueError; nothing is written.

    Args:
        path: The file.
        note: What its metadata are to tell.
    """
    found = file_path("path", path)
    text("note", note)
    check_name(found)
    check_folder_of(found)
    return found


def write_tensors(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: dict[str, str]
) -> None:
    """Write a safetensors file with a checksum in one step.

    The old file stays until the new one is complete on disk.

    Args:
        tensors: By name.
        path: The file.
        metadata: Text by name.

    Raises:
        ValueError: If the folder does not exist, or a tensor is of a kind that files cannot hold.
        OSError: If writing fails; the old file is then untouched, and the message names a file that
            keeps the new content.
    """
    path = check_writing(path, metadata.get("note", ""))
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided:
            raise ValueError(f"cannot save {name}: it is {tensor.layout}; call .to_dense() first")
    separate = _separate(tensors)
    told = {**metadata, CHECKSUM: checksum_of(separate, metadata)}

    def write(place: Path) -> None:
        try:
            save_file(separate, place, told)
        except SafetensorError as problem:
            raise OSError(str(problem)) from problem

    write_file(path, write)


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous tensors of which no two share memory, as files need them."""
    out: dict[str, Tensor] = {}
    seen = set()
    for name, tensor in tensors.items():
        alone = tensor.detach().contiguous()
        if alone.untyped_storage().data_ptr() in seen:
            alone = alone.clone()
        seen.add(alone.untyped_storage().data_ptr())
        out[name] = alone
    return out


def read_safetensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and metadata of any safetensors file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, of another kind, or a file of this package that was changed
            after it was written.
    """
    path = existing_file(path)
    if is_pickled(path):
        raise ValueError(
            f"{path} is a file of torch.save, which holds no architecture and is not unpickled; "
            "build the network and call nsm.load_weights(model, path), which reads its weights"
        )
    try:
        with safe_open(path, framework="pt") as f:
            metadata = f.metadata() or {}
            tensors = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as problem:
        raise ValueError(f"{path} is truncated or not a safetensors file ({problem})") from None
    is_ours = CHECKSUM in metadata or metadata.get("format", "").startswith(_OURS)
    if is_ours and not is_as_written(tensors, metadata):
        raise ValueError(
            f"{path} was changed after it was written: its checksum is that of other content; "
            "take another copy of it, or make it again"
        )
    return tensors, metadata


def existing_file(path: str | Path) -> Path:
    """Return the path of a file that is there.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: It is no path.
    """
    found = file_path("path", path)
    if not os.path.isfile(found):  # Path.is_file fails for names that are too long
        raise FileNotFoundError(f"no file {path_text(found)}")
    return found


def is_pickled(path: str | Path) -> bool:
    """Return whether a file begins as those of `torch.save` do: a zip archive or a pickle."""
    with open(path, "rb") as f:
        start = f.read(9)
    # A safetensors file starts with the length of its header, which may look like either; its ninth
    # byte is the brace that opens the header.
    return start.startswith((b"PK\x03\x04", b"\x80\x02")) and start[8:] != b"{"


def read_tensors(
    path: str | Path, formats: tuple[str, ...] = (FORMAT,), *, writer: str = "nsm.save"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and metadata of a file written by `write_tensors`.

    Args:
        path: The file.
        formats: The formats that the caller reads; a file says its own in the metadata.
        writer: What writes such files, for the message.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, was written by another program, version or function, or was
            changed since.
    """
    tensors, metadata = read_safetensors(path)
    found = metadata.get("format")
    if found in formats:
        return tensors, metadata
    wanted = " or ".join(map(repr, formats))
    raise ValueError(
        f"{path} was not written by {writer} (its format is {found!r}, not {wanted}); "
        f"{_advice(found, formats)}"
    )


def _advice(found: str | None, formats: tuple[str, ...]) -> str:
    """Return what to do with a file of another format."""
    kind, _, number = (found or "").rpartition(" ")
    if any(kind == known.rpartition(" ")[0] for known in formats):
        return f"version {number} of the format needs a newer version of this package"
    if kind in _KINDS:
        return f"it {_KINDS[kind]}"
    return (
        "if it holds the weights of a network, build the network and call "
        "nsm.load_weights(model, path)"
    )


def state_of(
    model: nn.Module, dtype: torch.dtype | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a network's state with every shared tensor once, and the names that share one.

    Args:
        model: The network.
        dtype: Precision of the result; None keeps that of the network.

    Returns:
        Tensors by name, and for each name that is left out the one that holds the same tensor.

    Raises:
        ValueError: Naming a part of the state that is no tensor, or is NaN or infinite, or has no
            shape or no values yet; or dtype is no precision of floating-point numbers.
    """
    check_precision(dtype)
    check_shaped(model)
    tensors: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    first: dict[tuple[object, ...], str] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"cannot save {name}: the state of a layer holds a {type(value).__name__} there, "
                "and files hold tensors only"
            )
        if value.is_meta:
            raise ValueError(f"cannot save {name}: it is on the meta device, and has no values")
        where = _memory(value)
        if value.numel() and where in first:
            tied[name] = first[where]
            continue
        first[where] = name
        tensors[name] = rounded(name, value.detach(), dtype)
    check_values(tensors, "the network")
    return tensors, tied


def check_shaped(model: nn.Module) -> None:
    """Raise ValueError if a layer of a network has no shapes yet, as `nn.LazyLinear` has none."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if nn.parameter.is_lazy(tensor):
            raise ValueError(f"cannot save {name}: it has no shape yet; run one forward pass first")


def _memory(tensor: Tensor) -> tuple[object, ...]:
    """Return a key that two tensors have in common if and only if they are one tensor."""
    if tensor.layout != torch.strided:
        return (id(tensor),)
    place = (tensor.device, tensor.data_ptr(), tensor.dtype)
    return (*place, tuple(tensor.shape), tuple(tensor.stride()))


def check_precision(dtype: torch.dtype | None) -> None:
    """Raise ValueError unless dtype is a floating-point precision or None."""
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(
            f"dtype = {dtype!r} is no precision of weights; give a floating-point one, such as "
            "torch.float16, or None"
        )


def rounded(
    name: str, value: Tensor, dtype: torch.dtype | None, advice: str = "choose another dtype"
) -> Tensor:
    """Return floating-point numbers in another precision; other tensors as they are.

    Args:
        name: What messages call the tensor.
        value: The tensor.
        dtype: Precision of the result; None keeps that of the tensor.
        advice: What the message tells to do.

    Raises:
        ValueError: If they exceed its range.
    """
    if dtype is None or not value.is_floating_point() or value.dtype == dtype:
        return value
    out = value.to(dtype)
    if not torch.equal(torch.isinf(out), torch.isinf(value)):
        largest = float(value.double().abs().nan_to_num(posinf=0).max())
        raise ValueError(
            f"{name} holds numbers up to {largest:.4g}, which {dtype} cannot; {advice}"
        )
    return out


def from_metadata(metadata: Mapping[str, str], key: str, path: str | Path) -> Any:
    """Return what a key of the metadata of a file holds as JSON; an empty table if it is missing.

    Raises:
        ValueError: It is no JSON, or nested too deep.
    """
    try:
        return json.loads(metadata.get(key, "{}"))
    except (json.JSONDecodeError, RecursionError) as problem:
        raise ValueError(
            f"{path} has damaged metadata, in {key} ({problem}); take another copy of it, or make "
            "it again"
        ) from None


def check_values(tensors: Mapping[str, Tensor], what: str) -> None:
    """Raise ValueError if tensors hold NaN or infinity, or variances below 0.

    Minus infinity is allowed where a tensor holds nothing but it and zeros: masks of attention.
    """
    for name, value in tensors.items():
        if not (value.is_floating_point() or value.is_complex()):
            continue
        if name.rpartition(".")[2] == "running_var" and (value < 0).any():
            raise ValueError(f"{what} holds variances below 0, in {name}; train again")
        if torch.isfinite(value).all():
            continue
        is_mask = value.is_floating_point() and bool(((value == -math.inf) | (value == 0)).all())
        if not is_mask:
            raise ValueError(f"{what} holds NaN or infinite weights, in {name}; train again")
