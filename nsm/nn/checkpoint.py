"""Networks on disk: safetensors with the architecture in its metadata. No pickle; a write replaces or does nothing."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from devices.validation import choice
from nsm.disk import atomic_write, check_folder_of
from nsm.nn.layers import Binarize, NeuralSampling, NSMConv2d, NSMLinear
from nsm.nn.rules import (
    BinConcreteConv2d,
    BinConcreteLinear,
    NoiselessConv2d,
    NoiselessLinear,
    NoisyReLU,
    RowNormConv2d,
    RowNormLinear,
    Sign,
    StraightThroughConv2d,
    StraightThroughLinear,
)
from nsm.nn.sigmoid import SigmoidLinear
from nsm.shipped import locate

FORMAT = "nsm-crossbar 1"


_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding")


def _noise_options(m: NeuralSampling) -> dict[str, Any]:
    return {"noise": m.noise, "p": m.p, "sigma": m.sigma, "site": m.site, "beta": m.beta_mode}


def _options(m: Any, *names: str) -> dict[str, Any]:
    found = {name: getattr(m, name) for name in names}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}


def _weighted(m: Any, *names: str) -> dict[str, Any]:
    return {**_options(m, *names), "bias": m.bias is not None}


def _sampling_linear(m: NSMLinear) -> dict[str, Any]:
    return {**_weighted(m, "in_features", "out_features"), **_noise_options(m)}


def _sampling_conv(m: NSMConv2d) -> dict[str, Any]:
    own = {} if m.locations is None else {"locations": list(m.locations)}
    return {**_weighted(m, *_CONV), **_noise_options(m), **own}


#: What a file may hold: name -> (class, its constructor's arguments from an instance).
_MODULES: dict[str, tuple[type[nn.Module], Any]] = {
    "NSMLinear": (NSMLinear, _sampling_linear),
    "NSMConv2d": (NSMConv2d, _sampling_conv),
    "SigmoidLinear": (SigmoidLinear, lambda m: _options(m, "in_features", "out_features")),
    "Binarize": (Binarize, lambda m: _options(m, "threshold", "flip")),
    "Linear": (nn.Linear, lambda m: _weighted(m, "in_features", "out_features")),
    "Conv2d": (nn.Conv2d, lambda m: _weighted(m, *_CONV)),
    "RowNormLinear": (RowNormLinear, lambda m: _weighted(m, "in_features", "out_features")),
    "RowNormConv2d": (RowNormConv2d, lambda m: _weighted(m, *_CONV)),
    "BatchNorm1d": (
        nn.BatchNorm1d,
        lambda m: _options(m, "num_features", "eps", "momentum", "affine"),
    ),
    "BatchNorm2d": (
        nn.BatchNorm2d,
        lambda m: _options(m, "num_features", "eps", "momentum", "affine"),
    ),
    "AvgPool2d": (nn.AvgPool2d, lambda m: _options(m, "kernel_size")),
    **{
        c.__name__: (c, _sampling_linear)
        for c in (StraightThroughLinear, BinConcreteLinear, NoiselessLinear)
    },
    **{
        c.__name__: (c, _sampling_conv)
        for c in (StraightThroughConv2d, BinConcreteConv2d, NoiselessConv2d)
    },
    "Sign": (Sign, lambda m: {}),
    "NoisyReLU": (NoisyReLU, lambda m: _options(m, "std")),
    "MaxPool2d": (nn.MaxPool2d, lambda m: _options(m, "kernel_size")),
    "ReLU": (nn.ReLU, lambda m: {}),
    "Dropout": (nn.Dropout, lambda m: _options(m, "p")),
    "Flatten": (nn.Flatten, lambda m: _options(m, "start_dim", "end_dim")),
    "Unflatten": (
        nn.Unflatten,
        lambda m: {"dim": m.dim, "unflattened_size": list(m.unflattened_size)},
    ),
}


def is_plain(layer: nn.Module) -> bool:
    """Return whether a torch layer does only what this package knows: no dilation, groups, odd padding or overlap."""
    if isinstance(layer, nn.AvgPool2d):
        whole = not layer.ceil_mode and layer.divisor_override is None
        return whole and layer.stride == layer.kernel_size and layer.padding in (0, (0, 0))
    if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
        return layer.track_running_stats and (layer.bias is not None or not layer.affine)
    if not isinstance(layer, (nn.Conv2d, nn.MaxPool2d)):
        return True
    if isinstance(layer, nn.MaxPool2d):
        flags = (layer.padding, layer.dilation, layer.return_indices, layer.ceil_mode)
        return layer.stride == layer.kernel_size and flags in (
            (0, 1, False, False),
            ((0, 0), (1, 1), False, False),
        )
    known = layer.dilation == (1, 1) and layer.groups == 1 and layer.padding_mode == "zeros"
    return known and not isinstance(layer.padding, str)


def describe(model: nn.Module) -> list[dict[str, Any]]:
    """Return the architecture of an `nn.Sequential` as plain data. Raises ValueError naming a layer it cannot save."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            f"cannot save a {type(model).__name__}: give an nn.Sequential of {', '.join(_MODULES)}"
        )
    layers = []
    for index, module in enumerate(model):
        name = type(module).__name__
        if name not in _MODULES or type(module) is not _MODULES[name][0]:
            raise ValueError(
                f"cannot save layer {index}, a {name}; known layers: {', '.join(_MODULES)}"
            )
        if not is_plain(module):
            known = "plain convolutions, pooling side by side, and batch normalisation with running statistics"
            raise ValueError(f"cannot save layer {index}, {module}: only {known} can be saved")
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
    check_folder_of(path)
    try:
        with atomic_write(path) as temporary:
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
