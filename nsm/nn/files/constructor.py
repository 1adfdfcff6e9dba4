"""Which arguments build a layer like a given one: read from its attributes of the same names."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nsm.nn.described import Described

#: Arguments that a layer does not keep, because its tensors tell them.
_OF_TENSORS = ("device", "dtype")
_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")


def _recurrent(layer: Any, *more: str) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in (*_RECURRENT, "bidirectional", *more)}


def _attention(layer: Any) -> dict[str, Any]:
    names = ("embed_dim", "num_heads", "dropout", "add_zero_attn", "kdim", "vdim", "batch_first")
    return {
        **{name: getattr(layer, name) for name in names},
        "bias": layer.in_proj_bias is not None,
        "add_bias_kv": layer.bias_k is not None,
    }


def _transformer_layer(layer: Any) -> dict[str, Any]:
    activation = getattr(layer, "activation", nn.functional.relu)
    return {
        "d_model": layer.self_attn.embed_dim,
        "nhead": layer.self_attn.num_heads,
        "dim_feedforward": layer.linear1.out_features,
        "dropout": layer.dropout.p,
        "activation": activation,
        "layer_norm_eps": layer.norm1.eps,
        "batch_first": layer.self_attn.batch_first,
        "norm_first": layer.norm_first,
        "bias": layer.linear1.bias is not None,
    }


def _transformer_encoder(layer: Any) -> dict[str, Any]:
    names = ("num_layers", "norm", "enable_nested_tensor", "mask_check")
    return {"encoder_layer": layer.layers[0], **{name: getattr(layer, name) for name in names}}


def _transformer_decoder(layer: Any) -> dict[str, Any]:
    return {
        "decoder_layer": layer.layers[0],
        "num_layers": layer.num_layers,
        "norm": layer.norm,
    }


def _transformer(layer: Any) -> dict[str, Any]:
    # Its own layers are given ready made, so that no argument of theirs is lost.
    return {
        "d_model": layer.d_model,
        "nhead": layer.nhead,
        "batch_first": layer.batch_first,
        "custom_encoder": layer.encoder,
        "custom_decoder": layer.decoder,
    }


def _adaptive_softmax(layer: Any) -> dict[str, Any]:
    return {
        "in_features": layer.in_features,
        "n_classes": layer.n_classes,
        "cutoffs": list(layer.cutoffs[:-1]),
        "div_value": layer.div_value,
        "head_bias": layer.head_bias,
    }


#: Layers of torch that keep arguments under other names, and the function that finds them.
_SPECIAL: dict[type[nn.Module], Callable[[Any], dict[str, Any]]] = {
    nn.RNN: lambda layer: _recurrent(layer, "nonlinearity"),
    nn.GRU: _recurrent,
    nn.LSTM: lambda layer: _recurrent(layer, "proj_size"),
    nn.MultiheadAttention: _attention,
    nn.TransformerEncoderLayer: _transformer_layer,
    nn.TransformerDecoderLayer: _transformer_layer,
    nn.TransformerEncoder: _transformer_encoder,
    nn.TransformerDecoder: _transformer_decoder,
    nn.Transformer: _transformer,
    nn.AdaptiveLogSoftmaxWithLoss: _adaptive_softmax,
}

#: Arguments that layers of torch have got since the oldest torch that the project supports. They
#: are left out where they have their default, so that every supported torch reads the description.
_LATER: dict[type[nn.Module], tuple[str, ...]] = {
    nn.modules.batchnorm._NormBase: ("bias",),
    nn.GroupNorm: ("bias",),
}


def _may_be_left_out(layer: nn.Module, parameter: inspect.Parameter, value: Any) -> bool:
    """Return whether an argument is newer than the oldest torch, and changes nothing here."""
    names = (n for owner, later in _LATER.items() if isinstance(layer, owner) for n in later)
    changes = value != parameter.default and getattr(layer, "affine", True)
    return parameter.name in names and not changes


class Arguments:
    """Arguments of a layer's constructor, as far as the layer tells them.

    Attributes:
        named: Arguments by name.
        more: Arguments that come by position, `*args`, and all that stand before them.
        unknown: Parameters without a default that the layer keeps under no attribute.
        left: Parameters with a default that the layer keeps under no attribute.
    """

    def __init__(self, layer: nn.Module, cls: type[nn.Module]):
        self.named: dict[str, Any] = {}
        self.more: list[Any] = []
        self.unknown: list[str] = []
        self.left: list[str] = []
        if cls in _SPECIAL:
            self.named = _SPECIAL[cls](layer)
            return
        if isinstance(layer, Described):
            try:
                self.named = layer.config()
                return
            except ValueError:  # it has no complete answer: look at its attributes
                pass
        for parameter in constructor_parameters(cls):
            self._take(layer, parameter)

    def _take(self, layer: nn.Module, parameter: inspect.Parameter) -> None:
        found, value = _attribute(layer, parameter)
        if found and _may_be_left_out(layer, parameter, value):
            return
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            if found and isinstance(value, (list, tuple, nn.ModuleList)):
                self.more = [*self.named.values(), *value]
                self.named = {}
        elif found:
            self.named[parameter.name] = value
        elif parameter.default is inspect.Parameter.empty:
            self.unknown.append(parameter.name)
        elif parameter.name not in _OF_TENSORS:
            self.left.append(parameter.name)


def constructor_parameters(cls: type[nn.Module]) -> list[inspect.Parameter]:
    """Return the parameters of a constructor without `self`.

    Where it passes `**kwargs` on, the parameters of the next class that has a constructor follow.
    """
    found: dict[str, inspect.Parameter] = {}
    for owner in cls.__mro__:
        if owner is nn.Module or "__init__" not in vars(owner):
            continue
        parameters = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
        for p in parameters:
            passes_on = p.kind is inspect.Parameter.VAR_POSITIONAL and open_ended
            if p.kind is not inspect.Parameter.VAR_KEYWORD and not passes_on:
                found.setdefault(p.name, p)
        if not open_ended:
            break
    return list(found.values())


def _attribute(layer: nn.Module, parameter: inspect.Parameter) -> tuple[bool, Any]:
    """Return whether the layer keeps a constructor's argument, and the argument."""
    if parameter.name in _OF_TENSORS and parameter.default is not inspect.Parameter.empty:
        return False, None
    for name in (parameter.name, f"_{parameter.name}"):
        if not hasattr(layer, name):
            continue
        value = getattr(layer, name)
        if inspect.ismethod(value) and value.__self__ is layer:  # such as Module.type
            continue
        is_switch = isinstance(parameter.default, bool) or parameter.annotation in (bool, "bool")
        if is_switch and (value is None or isinstance(value, Tensor)):
            return True, value is not None  # bias=True makes a parameter `bias`
        return True, value
    return False, None


def empty_like(value: Tensor) -> dict[str, Any]:
    """Return the plain form of a tensor as an argument: zeros, which the stored state replaces."""
    return {"zeros": list(value.shape), "dtype": str(value.dtype)}


def zeros(plain: dict[str, Any]) -> Tensor:
    """Return the zeros that `empty_like` describes."""
    dtype = getattr(torch, plain["dtype"].removeprefix("torch."))
    return torch.zeros(plain["zeros"], dtype=dtype)
