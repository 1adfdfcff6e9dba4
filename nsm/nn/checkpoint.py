"""Networks on disk: safetensors files with the architecture in the metadata, without pickle."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nsm.nn.blueprint import describe as describe
from nsm.nn.build import Blueprint, build, catalog
from nsm.nn.tensor_file import FORMAT, FORMAT_ANY, check_values, state_of, write_tensors
from nsm.nn.tensor_file import read_tensors as read_tensors
from nsm.shipped import locate


def save(
    model: nn.Module, path: str | Path, *, dtype: torch.dtype | None = None, note: str = ""
) -> None:
    """Write a network to a safetensors file: its architecture and its weights.

    The architecture is stored as the import path and the constructor's arguments of each layer.
    Arguments are read from the attributes of the same names. The network is built anew from that
    before anything is written, and refused, naming the layer, if it would become another one.

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
    architecture = describe(model)
    tensors, tied = state_of(model, dtype)
    extras = _extras(model, tied)
    plain = isinstance(architecture, list) and not extras
    metadata = {
        "format": FORMAT if plain else FORMAT_ANY,
        "architecture": json.dumps(architecture),
        "note": note,
        **{key: json.dumps(value) for key, value in extras.items()},
    }
    write_tensors(tensors, path, metadata)


def _extras(model: nn.Module, tied: dict[str, str]) -> dict[str, Any]:
    """Return what a file keeps beside architecture and tensors, where there is any.

    tied: Names of tensors that are others under a second name. frozen: Parameters that are not
    trained. in_training: Layers that stay in train() while the network is in eval(), as Dropout
    does in Monte-Carlo dropout.
    """
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    stay = [] if model.training else [name for name, m in model.named_modules() if m.training]
    extras = {"tied": tied, "frozen": frozen, "in_training": stay}
    return {key: value for key, value in extras.items() if value}


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
            or holds other tensors than its architecture needs, or NaN.
    """
    found = locate(path)
    tensors, metadata = read_tensors(found, (FORMAT, FORMAT_ANY))
    if "architecture" not in metadata:
        raise ValueError(
            f"{found} is a checkpoint of a training, not a network; "
            "`fit` resumes it, `save` writes networks"
        )
    architecture = json.loads(metadata["architecture"])
    check_classes(architecture, classes, f"nsm.load({str(path)!r}", found)
    extras = {key: json.loads(metadata.get(key, "[]")) for key in ("frozen", "in_training")}
    tied = json.loads(metadata.get("tied", "{}"))
    model = built_with(architecture, tensors, tied, classes=classes, dtype=dtype, what=str(found))
    for name in extras["frozen"]:
        model.get_parameter(name).requires_grad_(False)
    for name in extras["in_training"]:
        model.get_submodule(name).training = True
    return model


def check_classes(plain: Any, classes: Iterable[Any], call: str, file: Path) -> None:
    """Raise ValueError if a file names classes that are neither known nor given.

    Args:
        plain: Plain data of the file.
        classes: Given classes.
        call: Beginning of the call that the message completes, such as "nsm.load('net'".
        file: The file, for the message.
    """
    missing = catalog(classes).missing(plain)
    if missing:
        names = ", ".join(path.rpartition(".")[2] for path in missing)
        raise ValueError(
            f"{file} holds a network of {', '.join(missing)}, and code is imported only from "
            f"torch.nn and this package; import what you trust and call {call}, classes=[{names}])"
        )


def built_with(
    architecture: Blueprint,
    tensors: Mapping[str, Tensor],
    tied: Mapping[str, str],
    *,
    classes: Iterable[Any] = (),
    dtype: torch.dtype | None,
    what: str,
) -> nn.Module:
    """Return the network of a blueprint with a stored state, in `eval()`.

    Args:
        architecture: The blueprint.
        tensors: The state, as `state_of` returned it.
        tied: Names of shared tensors, as `state_of` returned them.
        classes: Classes of the user in the blueprint.
        dtype: Precision of floating-point numbers; None keeps that of the tensors.
        what: What messages call the source.

    Raises:
        ValueError: If the tensors are not those that the architecture needs, or hold NaN.
    """
    model = build(architecture, classes)
    state = {**tensors, **{name: tensors[first] for name, first in tied.items()}}
    wanted = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    got = {k: tuple(v.shape) for k, v in state.items()}
    if wanted != got:
        wrong = sorted(k for k in wanted.keys() | got.keys() if wanted.get(k) != got.get(k))
        raise ValueError(
            f"{what} does not hold the tensors its architecture needs: see {', '.join(wrong)}"
        )
    check_values(tensors, what)
    for name, first in tied.items():
        _tie(model, name, first)
    _set_precision(model, {k: v.dtype if dtype is None else dtype for k, v in state.items()})
    model.load_state_dict(state)
    _compute_weights(model)
    return model.eval()


def _tie(model: nn.Module, name: str, first: str) -> None:
    """Make the parameter or buffer `name` the same tensor as `first`."""
    owners = [n.rpartition(".") for n in (name, first)]
    (target, _, own), (source, _, others) = owners
    value = getattr(model.get_submodule(source), others)
    setattr(model.get_submodule(target), own, value)


def _set_precision(model: nn.Module, dtypes: Mapping[str, torch.dtype]) -> None:
    """Give floating-point parameters and buffers a precision.

    Buffers that the state does not hold get that of all others, if those agree.
    """
    of_all = set(dtypes.values())
    common = of_all.pop() if len(of_all) == 1 else None
    for prefix, module in model.named_modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                dtype = dtypes.get(f"{prefix}.{name}" if prefix else name, common)
                if tensor is not None and tensor.is_floating_point() and dtype is not None:
                    tensor.data = tensor.data.to(dtype)


def _compute_weights(model: nn.Module) -> None:
    """Let hooks that make weights of others (`weight_norm`) do so, as before a first pass."""
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if hasattr(hook, "compute_weight"):
                hook(module, ())
