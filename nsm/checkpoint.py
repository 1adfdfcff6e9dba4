"""Networks on disk: safetensors with the architecture in its metadata. No pickle; a write replaces or does nothing."""

import json
import os
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from devices._checks import choice
from nsm.baselines import SigmoidLinear
from nsm.layers import Binarize, NSMLinear

FORMAT = "nsm-crossbar 1"


def _nsm_options(m: NSMLinear) -> dict[str, Any]:
    return {
        "in_features": m.in_features,
        "out_features": m.out_features,
        "bias": m.bias is not None,
        "noise": m.noise,
        "p": m.p,
        "sigma": m.sigma,
        "site": m.site,
        "beta": m.beta_mode,
    }


def _linear_options(m: nn.Linear) -> dict[str, Any]:
    return {"in_features": m.in_features, "out_features": m.out_features, "bias": m.bias is not None}


#: What a file may hold: name -> (class, its constructor's arguments from an instance).
_MODULES: dict[str, tuple[type[nn.Module], Any]] = {
    "NSMLinear": (NSMLinear, _nsm_options),
    "SigmoidLinear": (SigmoidLinear, lambda m: {"in_features": m.in_features, "out_features": m.out_features}),
    "Binarize": (Binarize, lambda m: {"threshold": m.threshold, "flip": m.flip}),
    "Linear": (nn.Linear, _linear_options),
    "ReLU": (nn.ReLU, lambda m: {}),
    "Dropout": (nn.Dropout, lambda m: {"p": m.p}),
    "Flatten": (nn.Flatten, lambda m: {"start_dim": m.start_dim, "end_dim": m.end_dim}),
}


def describe(model: nn.Module) -> list[dict[str, Any]]:
    """Return the architecture of an `nn.Sequential` as plain data. Raises ValueError naming a layer it cannot save."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"cannot save a {type(model).__name__}: give an nn.Sequential of {', '.join(_MODULES)}")
    layers = []
    for index, module in enumerate(model):
        name = type(module).__name__
        if name not in _MODULES or type(module) is not _MODULES[name][0]:
            raise ValueError(f"cannot save layer {index}, a {name}; known layers: {', '.join(_MODULES)}")
        layers.append({"layer": name, **_MODULES[name][1](module)})
    return layers


def build(layers: list[dict[str, Any]]) -> nn.Sequential:
    """Return the untrained network that `describe` described."""
    modules = []
    for layer in layers:
        options = dict(layer)
        name = choice("layer in the file", options.pop("layer"), _MODULES)
        modules.append(_MODULES[name][0](**options))
    return nn.Sequential(*modules)


def write_tensors(tensors: dict[str, Tensor], path: str | Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file in one step: the old file stays whole until the new one is complete on disk."""
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary, metadata)
        with open(temporary, "rb") as f:
            os.fsync(f.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as problem:
        raise OSError(f"could not write {path} ({problem}); what stood there before is untouched") from problem
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


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


def save(model: nn.Module, path: str | Path, *, dtype: torch.dtype | None = None, note: str = "") -> None:
    """Write `model` (an `nn.Sequential`) to a safetensors file, its weights as `dtype` (None: as they are).

    `note` is kept in the metadata: how the network was made. Raises ValueError for a layer it cannot save.
    """
    metadata = {"format": FORMAT, "architecture": json.dumps(describe(model)), "note": note}
    tensors = {k: v if dtype is None else v.to(dtype) for k, v in model.state_dict().items()}
    write_tensors(tensors, path, metadata)


def shipped() -> list[str]:
    """Return the names of the trained networks that come with the package."""
    folder = resources.files("nsm") / "models"
    if not folder.is_dir():
        return []
    return sorted(f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors"))


def locate(path: str | Path) -> Path:
    """Return the file that `path` names: itself, or a shipped network of that name."""
    if Path(path).is_file():
        return Path(path)
    name = str(path).removesuffix(".safetensors")
    if name in shipped():
        return Path(str(resources.files("nsm") / "models" / f"{name}.safetensors"))
    raise FileNotFoundError(f"no network {str(path)!r}: no such file, and the shipped ones are {', '.join(shipped())}")


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
        raise ValueError(f"{found} does not hold the tensors its architecture needs: see {', '.join(wrong)}")
    if any(not torch.isfinite(v).all() for v in tensors.values()):
        raise ValueError(f"{found} holds NaN or infinite weights; train again")
    model.load_state_dict({k: v.float() for k, v in tensors.items()})
    return model.eval()
