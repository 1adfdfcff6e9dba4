"""Networks on disk: safetensors files with the architecture in the metadata, without pickle."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nsm.nn.files.blueprint import describe as describe
from nsm.nn.files.stored import Stored
from nsm.nn.files.tensor_file import (
    FORMAT,
    FORMAT_ANY,
    check_precision,
    check_writing,
    from_metadata,
    write_tensors,
)
from nsm.nn.files.tensor_file import read_tensors as read_tensors
from nsm.shipped import locate


def save(
    model: nn.Module, path: str | Path, *, dtype: torch.dtype | None = None, note: str = ""
) -> None:
    """Write a network to a safetensors file: its architecture and its weights.

    The architecture is stored as the import path and the constructor's arguments of each layer.
    Arguments are read from the attributes of the same names; an object of a class that keeps none
    is stored by its attributes. The network is built anew from that before anything is written,
    and refused, naming the layer, if it would become another one.

    Args:
        model: Any `nn.Module` of classes that can be imported. Those of torch.nn and of this
            package are read by `load` as they are; others are given to it as `classes`.
        path: The file; an old one is replaced in one step.
        dtype: Precision of the stored weights; None (the default) keeps theirs.
        note: Kept in the metadata: how the network was made.

    Raises:
        ValueError: Naming a layer that cannot be saved, the missing folder, or weights that are NaN
            or infinite.
    """
    check_writing(path, note)
    network = Stored.of(model, dtype)
    plain = isinstance(network.architecture, list) and not network.extras
    metadata = {
        "format": FORMAT if plain else FORMAT_ANY,
        "architecture": json.dumps(network.architecture),
        "note": note,
    }
    if network.extras:
        metadata["extras"] = json.dumps(network.extras)
    write_tensors(network.tensors, path, metadata)


def load(
    path: str | Path,
    *,
    classes: Iterable[Any] = (),
    dtype: torch.dtype | None = torch.float32,
) -> nn.Module:
    """Return the network in a file written by `save`, in `eval()`.

    Nothing is unpickled, and no class is built but those of torch.nn, of this package, and
    `classes`.

    Args:
        path: The file, or the name of a shipped network.
        classes: Your classes (and functions) that the network is made of, such as `[Net, Block]`.
        dtype: Precision of its floating-point numbers; float32 by default. None keeps the stored
            one.

    Raises:
        FileNotFoundError: Naming the shipped networks, if there is no such file.
        ValueError: If the file is truncated, was written by another program, names other classes,
            or holds other tensors than its architecture needs, NaN, or numbers that dtype cannot
            hold; or dtype is no precision.
    """
    check_precision(dtype)
    found = locate(path)
    tensors, metadata = read_tensors(found, (FORMAT, FORMAT_ANY))
    if "architecture" not in metadata:
        raise ValueError(
            f"{found} is a checkpoint of a training, not a network; "
            "`fit` resumes it, `save` writes networks"
        )
    extras = from_metadata(metadata, "extras", found)
    architecture = from_metadata(metadata, "architecture", found)
    if not isinstance(architecture, (list, dict)):
        raise ValueError(f"{found} holds an architecture that cannot be built ({architecture!r})")
    network = Stored(architecture, tensors, extras)
    return network.built(classes, dtype=dtype, call=f"nsm.load({str(path)!r}", what=str(found))
