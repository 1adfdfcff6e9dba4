"""A trained network as its chip has it: normalisation folded into weights, deterministic layers as plain ones."""

from typing import NamedTuple

from torch import Tensor, nn

from nsm.nn.rules import (
    NoiselessConv2d,
    NoiselessLinear,
    NoisyReLU,
    RowNormConv2d,
    RowNormLinear,
    Sign,
)

Plain = nn.Linear | nn.Conv2d
Norm = nn.BatchNorm1d | nn.BatchNorm2d
_RESHAPING = (nn.Flatten, nn.Dropout)


class Named(NamedTuple):
    """A layer and what messages and reports call it."""

    name: str
    layer: nn.Module


class ChannelScale(nn.Module):
    """y = factor x + shift per channel of the input, done digitally: batch normalisation of what comes in."""

    factor: Tensor
    shift: Tensor

    def __init__(self, factor: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("shift", shift)


def affine(norm: Norm) -> tuple[Tensor, Tensor]:
    """Return factor and shift per channel of batch normalisation in `eval()`: γ/√(σ² + ε) and β − μ γ/√(σ² + ε)."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.affine:
        factor = factor * norm.weight.detach().double()
    shift = -norm.running_mean.double() * factor
    return factor, shift + norm.bias.detach().double() if norm.affine else shift


def _made_of(layer: Plain, weight: Tensor, bias: Tensor | None) -> Plain:
    """Return a layer as this one, with other weights and biases, in float64."""
    shape = (layer.in_features, layer.out_features) if isinstance(layer, nn.Linear) else None
    if shape is not None:
        out: nn.Module = nn.Linear(*shape, bias=bias is not None)
    else:
        assert isinstance(layer, nn.Conv2d)
        out = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            layer.dilation,  # type: ignore[arg-type]
            layer.groups,
            bias is not None,
            layer.padding_mode,
        )
    assert isinstance(out, (nn.Linear, nn.Conv2d))
    out.weight = nn.Parameter(weight.detach().double())
    if bias is not None:
        out.bias = nn.Parameter(bias.detach().double())
    return out


def _plain(layer: nn.Module) -> list[nn.Module]:
    """Return what a layer is made of on a chip: itself, or plain layers that do the same."""
    if isinstance(layer, (RowNormLinear, RowNormConv2d)):
        return [_made_of(layer, layer.normalized(), layer.bias)]
    if isinstance(layer, NoiselessLinear):
        plain: Plain = nn.Linear(layer.in_features, layer.out_features)
    elif isinstance(layer, NoiselessConv2d):
        plain = nn.Conv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding
        )
    else:
        return [layer]
    return [_made_of(plain, 2 * layer.weight, layer.bias), Sign()]


def _after(layer: Plain, norm: Norm) -> Plain:
    """Return the layer followed by the normalisation."""
    factor, shift = affine(norm)
    w = layer.weight.detach().double()
    bias = shift if layer.bias is None else shift + factor * layer.bias.detach().double()
    return _made_of(layer, w * factor.view(-1, *(1,) * (w.ndim - 1)), bias)


def _before(norm: Norm, layer: nn.Linear) -> Plain:
    """Return the layer preceded by the normalisation; a channel may be several neighbouring inputs (`Flatten`)."""
    factor, shift = (
        v.repeat_interleave(layer.in_features // norm.num_features) for v in affine(norm)
    )
    w = layer.weight.detach().double()
    bias = w @ shift if layer.bias is None else w @ shift + layer.bias.detach().double()
    return _made_of(layer, w * factor, bias)


def folded(model: nn.Sequential) -> list[Named]:
    """Return the layers of the same network in `eval()` without batch or weight normalisation.

    Batch normalisation is folded into the plain layer right before it, or into the fully connected one after it
    (flattening between them or not); where it comes before every layer with weights it is a digital step of its own.
    Raises ValueError naming one that is none of these, or keeps no running statistics, and for noise that is no device's.
    """
    layers = [
        Named(f"layer {i} ({type(layer).__name__})", part)
        for i, layer in enumerate(model)
        for part in _plain(layer)
    ]
    out: list[Named] = []
    waiting: tuple[str, Norm] | None = None
    for name, layer in layers:
        if isinstance(layer, NoisyReLU):
            raise ValueError(
                f"cannot map {name}: its noise is added by software and comes from no device; put nn.ReLU() in its place"
            )
        if waiting is not None and not isinstance(layer, _RESHAPING):
            if not isinstance(layer, nn.Linear):
                raise _cannot_fold(waiting[0], f"{name} comes next")
            out.append(Named(name, _before(waiting[1], layer)))
            waiting = None
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            if layer.running_mean is None:
                raise _cannot_fold(name, "it keeps no running statistics")
            if out and isinstance(out[-1].layer, (nn.Linear, nn.Conv2d)):
                out[-1] = Named(out[-1].name, _after(out[-1].layer, layer))
            elif not any(hasattr(done.layer, "weight") for done in out):
                out.append(Named(name, ChannelScale(*affine(layer))))
            else:
                waiting = name, layer
        else:
            out.append(Named(name, layer))
    if waiting is not None:
        raise _cannot_fold(waiting[0], "nothing comes after it")
    return out


def _cannot_fold(name: str, why: str) -> ValueError:
    return ValueError(
        f"cannot map {name}: {why}; a chip takes batch normalisation with running statistics right after a Linear or "
        "Conv2d, right before a Linear, or before all layers with weights"
    )


def ends_in_sign(layers: list[Named], index: int) -> bool:
    """Return whether the plain layer at `index` hands its sums to a `Sign`, and so to comparators."""
    follows = index + 1 < len(layers) and isinstance(layers[index + 1].layer, Sign)
    return follows and isinstance(layers[index].layer, (nn.Linear, nn.Conv2d))
