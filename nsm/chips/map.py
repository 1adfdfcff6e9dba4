"""From a trained network to a chip: one seeded programming of every tile."""

import math
from typing import Any

import numpy as np
from torch import Tensor, nn

from crossbar import Hardware, NeuronArray, TiledArray
from crossbar.reads.moments import gate_moments
from devices.seeding import RNG, child, seed_sequence, stream
from devices.validation import Floats, number
from nsm.chips.chip import MAP, ArrayStep, DigitalStep, MappedNetwork
from nsm.nn import registry
from nsm.nn.activations import Binarize, Sign
from nsm.nn.digital import per_channel, pool_max, pool_mean
from nsm.nn.folding import ChannelScale, ends_in_sign, folded
from nsm.nn.geometry import Patches
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.nsm_conv2d import NSMConv2d
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.sigmoid import SigmoidLinear

WEIGHTED = (NSMLinear, NSMConv2d, SigmoidLinear, nn.Linear, nn.Conv2d)
_DIGITAL = (
    Binarize,
    Sign,
    ChannelScale,
    nn.ReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.Flatten,
    nn.Unflatten,
    nn.Dropout,
)
MAPPABLE = (
    *(c.__name__ for c in WEIGHTED), "their kin in nsm.nn.rules", "BatchNorm1d", "BatchNorm2d",
    *(c.__name__ for c in _DIGITAL if c is not ChannelScale),
)  # fmt: skip
_PRECISE_COPY = 1.0  # static-to-noise ratio above which the copy's programming error outweighs the noise that computes


def _numpy(t: Tensor) -> Floats:
    return np.asarray(t.detach().cpu().double().numpy())


def _rms(x: Floats) -> float:
    return float(np.sqrt((x**2).mean()))


def noise_of_reads(
    w: Floats, hardware: Hardware, siemens_per_weight: float
) -> tuple[Floats, Floats]:
    """Return mean and variance of the factor ξ' by which each row of w (outputs, inputs) is read, (outputs,) each.

    The gate's factor times that of the cell that carries the weight; where the cells' noise depends on the conductance,
    the mean over |w| and the variance over w². The pedestal at g_min is no part of ξ'.
    """
    targets = hardware.mapping.conductances(w, hardware.device, siemens_per_weight)
    carrying = np.maximum(*targets).T
    cell_mean, cell_variance = hardware.device.read_noise.moments(carrying)
    gate_mean, gate_variance = gate_moments(hardware)
    mean = gate_mean * cell_mean
    variance = (gate_variance + gate_mean**2) * (cell_variance + cell_mean**2) - mean**2
    size = np.abs(w) + np.finfo(float).tiny  # a row of zeros: the plain average
    return np.average(mean, weights=size, axis=1), np.average(
        variance, weights=size**2 + np.finfo(float).tiny, axis=1
    )


def _nsm_parameters(
    layer: NeuralSampling, w: Floats, hardware: Hardware, k: float, name: str
) -> tuple[Floats, Floats, dict[str, Any]]:
    """Return a', b' that keep β and c = b/(√(2 Var ξ) ‖w‖) under the hardware's noise: a' = β s' − E ξ', b' = b s'/s."""
    mean, variance = noise_of_reads(w, hardware, k)
    if (variance <= 0).any():
        raise ValueError(
            f"{name}: the hardware's reads are free of noise, so no firing probability can be kept; give Hardware a gate, "
            "such as devices.BlankOut(p=0.5), or the device a read_noise"
        )
    native = layer.beta_mode == "native"  # kept in float32 by the layer, but known exactly
    beta = _numpy(layer.beta)
    if native:
        beta = np.full(beta.shape, layer.mean / layer.s)
    beta = np.moveaxis(beta.reshape(len(w), -1), 0, 1)  # (1, outputs), or a row for every location
    s_new = np.sqrt(2 * variance)
    a = beta * s_new - mean
    a[np.abs(a) <= 1e-12 * mean] = 0.0
    a = a[0] if len(a) == 1 else a
    b = np.zeros(len(w)) if layer.bias is None else _numpy(layer.bias) * s_new / layer.s
    if hardware.deterministic_path == "none":
        if not native:
            raise ValueError(
                f'{name}: deterministic_path = "none" needs a_i = 0, but this network learned a_i from {a.min():.4g} to {a.max():.4g}; '
                'train with beta="native", or choose deterministic_path = "programmed" or "ideal"'
            )
        a = np.zeros_like(a)
    rows = {"beta_min": beta.min(), "beta_max": beta.max(), "a_min": a.min(), "a_max": a.max()}
    return a, b, {**rows, "beta_of_device": float((mean / s_new).mean())}


def _effective_beta(neurons: NeuronArray, w: Floats) -> float:
    """Return the median β that the chip's neurons show, with wires, errors and pedestals: E u along w over √(2 Var u).

    Of neurons that are noisy: a row whose cells all rest may have lost its noise.
    """
    direction = w / (np.linalg.norm(w, axis=1, keepdims=True) + np.finfo(float).tiny)

    def along(part: TiledArray) -> Floats:
        return np.asarray((part.cells.matrices().mean.T * direction).sum(axis=1))

    signal = along(neurons.main) + (
        0.0 if neurons.deterministic is None else neurons.a * along(neurons.deterministic)
    )
    _, variance = neurons.moments(np.ones((1, neurons.inputs)))
    noisy = variance[0] > 0
    if not noisy.any():
        return math.inf
    return float(np.median(signal[..., noisy] / np.sqrt(2 * variance[0, noisy])))


def _warning(static: float, spread: float, a: Floats | None) -> str:
    """Return what makes the copy a poor one: how it is programmed, or gates that differ from each other."""
    found = []
    if static > _PRECISE_COPY:
        found.append(
            f"the copy must be more precise than the device can be programmed: its static error has {static:.2g} times the "
            "variance of the noise; use a stronger gate, or a device that is programmed better"
        )
    if spread > _PRECISE_COPY and a is not None and a.any():
        found.append(
            "the copy keeps β as if all gates were the average one, but they differ: their fixed pattern has "
            f'{spread:.2g} times the variance of the noise; use gates of less spread, or a network of beta="native" with '
            'deterministic_path = "none"'
        )
    return "; ".join(found)


def _full_scale(neurons: NeuronArray, k: float) -> float:
    adc = neurons.hardware.adc
    if adc is not None and adc.full_scale is not None:
        return adc.full_scale
    largest = np.abs(neurons.main.weights).sum(axis=1)
    if neurons.bias_lines is not None:
        largest = largest + np.abs(neurons.bias_lines.weights.sum(axis=1))
    return float((largest + np.abs(neurons.threshold)).max()) * k * neurons.hardware.read_voltage


def _array_step(
    name: str,
    layer: nn.Module,
    hardware: Hardware,
    scale: float,
    seed: np.random.SeedSequence,
    *,
    signs: bool,
) -> ArrayStep:
    w = _numpy(layer.weight.flatten(1))  # type: ignore[operator]
    if not np.isfinite(w).all():
        raise ValueError(f"{name} holds NaN or infinite weights; train it again before mapping")
    w_max = float(np.abs(w).max())
    if w_max == 0:
        raise ValueError(f"{name} has only zero weights; there is nothing to map")
    k = hardware.mapping.siemens_per_weight(w_max, hardware.device)  # fixed by the unscaled network
    gain = np.ones(len(w))
    if hardware.weight_scale == "row":
        largest = np.abs(w).max(axis=1)
        gain = np.where(largest > 0, w_max / np.where(largest > 0, largest, 1), 1)
    w = w * gain[:, None]
    extra: dict[str, Any] = {}
    kind, cells, a = "sign" if signs else "linear", hardware.ungated(), None
    b = _numpy(layer.bias) if isinstance(getattr(layer, "bias", None), Tensor) else None  # type: ignore[arg-type]
    if isinstance(layer, NeuralSampling):
        kind, cells = "nsm", hardware
        a, b, extra = _nsm_parameters(
            layer, w, hardware, k, name
        )  # keeps P whatever the scale of a row
    elif isinstance(layer, SigmoidLinear):
        kind = "sigmoid"
    wanted, clipped = scale * w, np.clip(scale * w, -w_max, w_max)
    b = None if b is None else scale * b * gain
    neurons = NeuronArray.program(
        clipped, cells, siemens_per_weight=k, a=a, b=b, rng=child(seed, 0)
    )
    offsets = hardware.comparator.draw_offsets(len(w), rng=stream(seed, 1))
    ratio = float(np.median(neurons.static_to_noise_ratio())) if kind == "nsm" else math.nan
    spread = float(np.median(neurons.spread_to_noise_ratio())) if kind == "nsm" else math.nan
    report = {
        "layer": name,
        "kind": kind,
        "inputs": w.shape[1],
        "outputs": w.shape[0],
        "tiles": sum(len(part.tiles) * len(part.tiles[0]) for part in neurons._parts()),
        "siemens_per_weight": k,
        "w_max": w_max,
        "read_path": neurons.main.cells.path(),
        "clipped": float((wanted != clipped).mean()),
        "weight_error_rms": _rms(neurons.main.weights - wanted) / w_max,
        "effective_error_rms": _rms(neurons.main.effective_weights - wanted) / w_max,
        **extra,
        "static_to_noise_ratio": ratio,
        "spread_to_noise_ratio": spread,
        "beta_effective": _effective_beta(neurons, w) if kind == "nsm" else math.nan,
        "warning": _warning(ratio, spread, a),
    }
    return ArrayStep(
        name,
        kind,
        neurons,
        offsets,
        _full_scale(neurons, k),
        wanted,
        _patches(name, layer),
        gain,
        report,
    )


def is_plain(layer: nn.Module) -> bool:
    try:
        registry.config_of(layer)
    except ValueError:
        return False
    return True


def _patches(name: str, layer: nn.Module) -> Patches | None:
    if not isinstance(layer, (NSMConv2d, nn.Conv2d)):
        return None
    if isinstance(layer, nn.Conv2d) and not is_plain(layer):
        raise ValueError(
            f"cannot map {name}: only dilation 1, one group and zero padding are known"
        )
    assert not isinstance(layer.padding, str)
    pairs = [(int(a), int(b)) for a, b in (layer.kernel_size, layer.stride, layer.padding)]
    return Patches(layer.in_channels, *pairs)


def _digital_step(name: str, layer: nn.Module) -> DigitalStep | None:
    if isinstance(layer, Binarize):
        return DigitalStep(name, lambda x: x if x.dtype == bool else x >= layer.threshold)
    if isinstance(layer, Sign):
        return DigitalStep(name, lambda x: x if x.dtype == bool else x >= 0)
    if isinstance(layer, ChannelScale):
        factor, shift = _numpy(layer.factor), _numpy(layer.shift)
        return DigitalStep(name, lambda x: per_channel(x, factor, shift))
    if isinstance(layer, nn.ReLU):
        return DigitalStep(
            name, lambda x: np.maximum(x, 0)
        )  # +1 and −1 become True and False: 1 and 0
    if isinstance(layer, nn.Flatten):
        return DigitalStep(name, lambda x: x.reshape(len(x), -1))
    if isinstance(layer, nn.Unflatten):
        return DigitalStep(name, lambda x: x.reshape(len(x), *layer.unflattened_size))
    if isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
        if not is_plain(layer):
            raise ValueError(
                f"cannot map {name}: only windows side by side, without padding, are known"
            )
        size = layer.kernel_size if isinstance(layer.kernel_size, int) else tuple(layer.kernel_size)
        kernel = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        pool = pool_max if isinstance(layer, nn.MaxPool2d) else pool_mean
        return DigitalStep(name, lambda x: pool(x, kernel))
    return None  # dropout: nothing at inference


def _in_shape(model: nn.Sequential, first: ArrayStep) -> tuple[int | None, ...] | None:
    """Return the shape of one image as far as the network tells it; None where the first layer takes any."""
    for layer in model:
        if isinstance(layer, nn.Unflatten):
            return (math.prod(layer.unflattened_size),)
        if isinstance(layer, (nn.Flatten, nn.MaxPool2d)):
            return None
        if isinstance(layer, WEIGHTED):
            break
    return (
        (first.neurons.inputs,) if first.patches is None else (first.patches.channels, None, None)
    )


def map_to_crossbar(
    model: nn.Module, hardware: Hardware, *, rng: RNG, reprogrammed_scale: float = 1.0
) -> MappedNetwork:
    """Program `model` (an `nn.Sequential`) into the tiles of one chip; same `rng`, same chip.

    Each layer's siemens per weight is fixed by its largest |w|. Stochastic layers get the hardware's gate and end in
    comparators; NSM layers keep β and c = b/(√(2 Var ξ) ‖w‖) under the hardware's noise (a' = β s' − E ξ', b' = b s'/s,
    s = √(2 Var ξ)). Other layers are ungated and read through `adc`, or by comparators where a `Sign` follows. Batch and
    weight normalisation are folded into the weights (see `nsm.nn.folding.folded`). `reprogrammed_scale` α writes α w and α b
    over the same fixed range: it loses levels, meets g_min, and clips what no longer fits (see `MappedNetwork.report`).
    Raises ValueError naming a layer it cannot map, NaN weights, noise-free hardware for an NSM, or a copy that is missing.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            f"cannot map a {type(model).__name__}: give an nn.Sequential of {', '.join(MAPPABLE)}"
        )
    if not isinstance(hardware, Hardware):
        raise ValueError(f"hardware = {hardware!r} is not a crossbar.Hardware")
    number("reprogrammed_scale", reprogrammed_scale, above=0)
    seed = seed_sequence(rng)
    steps: list[DigitalStep | ArrayStep] = []
    layers = folded(model)
    for index, (name, layer) in enumerate(layers):
        if isinstance(layer, WEIGHTED):
            own, signs = child(seed, MAP, index), ends_in_sign(layers, index)
            steps.append(_array_step(name, layer, hardware, reprogrammed_scale, own, signs=signs))
        elif isinstance(layer, _DIGITAL):
            step = _digital_step(name, layer)
            steps += [] if step is None else [step]
        else:
            raise ValueError(f"cannot map {name}; known layers: {', '.join(MAPPABLE)}")
    arrays = [s for s in steps if isinstance(s, ArrayStep)]
    if not arrays:
        raise ValueError("the network has no layer with weights; there is nothing to map")
    return MappedNetwork(steps, _in_shape(model, arrays[0]))
