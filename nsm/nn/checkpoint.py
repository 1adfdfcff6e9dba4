"""Networks on disk: safetensors files with the architecture in the metadata, without pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nsm.disk import atomic_write, check_folder_of
from nsm.nn import registry
from nsm.shipped import locate

FORMAT = "nsm-crossbar 1"


def describe(model: nn.Module) -> list[dict[str, Any]]:
    """Return the architecture of an `nn.Sequential`: a name and arguments for every layer.

    Raises:
        ValueError: Naming the layer that a file cannot hold, and why.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            f"cannot save a {type(model).__name__}: give an nn.Sequential of layers that "
            "nsm.nn.registry.names() lists"
        )
    layers = []
    for index, layer in enumerate(model):
        registry.check_storable(layer, f"layer {index}")
        layers.append({"layer": type(layer).__name__, **registry.config_of(layer)})
    return layers


def build(layers: list[dict[str, Any]]) -> nn.Sequential:
    """Return the untrained network that `describe` described."""
    modules = []
    for layer in layers:
        options = dict(layer)
        modules.append(registry.class_of(options.pop("layer"))(**options))
    return nn.Sequential(*modules)


def write_tensors(tensors: dict[str, Tensor], path: str | Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file in one step.

    The old file stays until the new one is complete on disk.

    Args:
        tensors: By name.
        path: The file.
        metadata: Text by name.

    Raises:
        ValueError: If the folder does not exist.
        OSError: If writing fails; the old file is then untouched.
    """
    path = Path(path)
    check_folder_of(path)
    try:
        with atomic_write(path) as temporary:
            save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary, metadata)
    except (OSError, SafetensorError) as problem:
        raise OSError(
            f"could not write {path} ({problem}); what stood there before is untouched"
        ) from problem


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and metadata of a file written by `write_tensors`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated or was written by another program.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with safe_open(path, framework="pt") as f:
            metadata = f.metadata() or {}
            tensors = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as problem:
        raise ValueError(f"{path} is truncated or not a safetensors file ({problem})") from None
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} was not written by nsm.save "
            f"(its format is {metadata.get('format')!r}, not {FORMAT!r})"
        )
    return tensors, metadata


def save(
    model: nn.Module, path: str | Path, *, dtype: torch.dtype | None = None, note: str = ""
) -> None:
    """Write a network to a safetensors file.

    Args:
        model: An `nn.Sequential` of the layers in `nsm.nn.registry.names()`.
        path: The file; an old one is replaced in one step.
        dtype: Precision of the stored weights; None (the default) keeps theirs.
        note: Kept in the metadata: how the network was made.

    Raises:
        ValueError: Naming a layer that cannot be saved, or the missing folder.
    """
    metadata = {"format": FORMAT, "architecture": json.dumps(describe(model)), "note": note}
    tensors = {
        k: v if dtype is None or not v.is_floating_point() else v.to(dtype)
        for k, v in model.state_dict().items()
    }
    write_tensors(tensors, path, metadata)


def load(path: str | Path) -> nn.Sequential:
    """Return the network in a file written by `save`, in float32 and in `eval()`.

    Args:
        path: The file, or the name of a shipped network.

    Raises:
        FileNotFoundError: Naming the shipped networks, if there is no such file.
        ValueError: If the file is truncated, was written by another program, or holds other tensors
            than its architecture needs, or NaN.
    """
    found = locate(path)
    tensors, metadata = read_tensors(found)
    if "architecture" not in metadata:
        raise ValueError(
            f"{found} is a checkpoint of a training, not a network; "
            "`fit` resumes it, `save` writes networks"
        )
    model = build(json.loads(metadata["architecture"]))
    wanted = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    got = {k: tuple(v.shape) for k, v in tensors.items()}
    if wanted != got:
        wrong = sorted(k for k in wanted.keys() | got.keys() if wanted.get(k) != got.get(k))
        raise ValueError(
            f"{found} does not hold the tensors its architecture needs: see {', '.join(wrong)}"
        )
    if any(not torch.isfinite(v).all() for v in tensors.values()):
        raise ValueError(f"{found} holds NaN or infinite weights; train again")
    model.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    )
    return model.eval()
