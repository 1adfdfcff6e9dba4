"""Networks on disk: safetensors with the architecture in its metadata. No pickle; a write replaces or does nothing."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nsm.disk import check_folder_of, whole
from nsm.nn import registry

FORMAT = "nsm-crossbar 1"


def describe(model: nn.Module) -> list[dict[str, Any]]:
    """Return the architecture of an `nn.Sequential` as plain data: a name and arguments for every layer.

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
    """Write a safetensors file in one step: the old file stays whole until the new one is complete on disk."""
    path = Path(path)
    check_folder_of(path)
    try:
        with whole(path) as temporary:
            save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary, metadata)
    except (OSError, SafetensorError) as problem:
        raise OSError(
            f"could not write {path} ({problem}); what stood there before is untouched"
        ) from problem


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file of ours whole. Raises FileNotFoundError, or ValueError for a truncated or foreign file."""
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
            f"{path} was not written by nsm.save (its format is {metadata.get('format')!r}, not {FORMAT!r})"
        )
    return tensors, metadata


def save(
    model: nn.Module, path: str | Path, *, dtype: torch.dtype | None = None, note: str = ""
) -> None:
    """Write `model` (an `nn.Sequential`) to a safetensors file, its weights as `dtype` (None: as they are).

    `note` is kept in the metadata: how the network was made. Raises ValueError for a layer it cannot save.
    """
    metadata = {"format": FORMAT, "architecture": json.dumps(describe(model)), "note": note}
    tensors = {
        k: v if dtype is None or not v.is_floating_point() else v.to(dtype)
        for k, v in model.state_dict().items()
    }
    write_tensors(tensors, path, metadata)


def shipped() -> list[str]:
    """Return the names of the trained networks that come with the package."""
    folder = resources.files("nsm")
    return sorted(
        f.name.removesuffix(".safetensors")
        for f in folder.iterdir()
        if f.name.endswith(".safetensors")
    )


def locate(path: str | Path) -> Path:
    """Return the file that `path` names: itself, or a shipped network of that name."""
    if Path(path).is_file():
        return Path(path)
    name = str(path).removesuffix(".safetensors")
    if name in shipped():
        return Path(str(resources.files("nsm") / f"{name}.safetensors"))
    raise FileNotFoundError(
        f"no network {str(path)!r}: no such file, and the shipped ones are {', '.join(shipped())}"
    )


def load(path: str | Path) -> nn.Sequential:
    """Return the network in a safetensors file written by `save`, or the shipped one of that name, in float32.

    Raises FileNotFoundError naming the shipped networks, ValueError for a truncated or foreign file.
    """
    found = locate(path)
    tensors, metadata = read_tensors(found)
    if "architecture" not in metadata:
        raise ValueError(
            f"{found} is a checkpoint of a training, not a network; `fit` resumes it, `save` writes networks"
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
