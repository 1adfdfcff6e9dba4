"""One layer of one chip, as the matrices by which its sums are computed in torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossbar.arrays.layer_arrays import Part
from crossbar.reads.pair_moments import gate_moments
from crossbar.weight_range import of_each_weight
from crossbar.wires.description import Wires
from devices.validation import Floats
from nsm.chips.layers.readouts import Comparators, LogisticThreshold
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.programming import Targets
from nsm.nn.on_chip import OnTiles, SampledNeurons
from nsm.training.hardware_aware.array_laws import ArrayLaw, Attenuations, law_of
from nsm.training.hardware_aware.drawn_converters import DrawnAdc, DrawnDac

#: Weights beyond the range by less than this share of it count as inside: rounding puts it there.
_ROUNDING = 1e-9


class ProgrammedPart(NamedTuple):
    """One group of a layer on one chip.

    Attributes:
        layer: Its arrays and their read-out.
        targets: What they were programmed to.
        wanted: What the network asks of them.
        wires: The wires of the attenuations; None if the arrays have their wires, or none.
        attenuations: Factors of the wires; {} if the arrays have their wires.
    """

    layer: TileLayer
    targets: Targets
    wanted: OnTiles
    wires: Wires | None = None
    attenuations: Attenuations = {}


@dataclass(frozen=True, eq=False)
class SharedTerm:
    """`SharedNoise` in torch: noise of reference columns, which outputs have in common.

    Attributes:
        variance, constant, reference_of: As in `SharedNoise`.
        factor: Factor by which each output sees this noise, in network units, (outputs,).
        of_path: Whether it is noise of the deterministic path, which the factor a multiplies.
    """

    variance: Tensor
    constant: Tensor
    reference_of: Tensor
    factor: Tensor
    of_path: bool


@dataclass(frozen=True, eq=False)
class DrawnLayer:
    """Sums of a layer of one chip, u = (main + a path) x + constant + noise, in network units.

    Inputs x are what its DAC drives, and u is what its ADC converts.

    Normalization that is folded into the weights is taken out again, so that the module behind the
    layer applies it. Outputs of all groups of a convolution stand below each other.

    Attributes:
        main: Mean of a read of the main array, (outputs, inputs).
        path: Mean of a read of the deterministic path, (outputs, inputs).
        a: Factors of the path, (outputs,) or (locations, outputs); 0 without a path.
        constant: What is added to the mean: bias lines, exact biases and offsets of comparators,
            (outputs,).
        own: Coefficients of the squared inputs in the variance that outputs do not share, (outputs,
            inputs).
        own_constant: Variance that inputs do not change, comparators included, (outputs,).
        own_of_path: The same of the deterministic path, before the factor a², (outputs, inputs).
        constant_of_path: Variance of the path that inputs do not change, before a², (outputs,).
        in_range: 1 where a weight lies inside the device's range, 0 where it is clipped, (outputs,
            inputs).
        noise_mean: E ξ' of the reads of a neural sampling layer, (outputs,); else 1.
        noise_scale: s' = √(2 Var ξ') of these, (outputs,); else 0.
        bias_factor: Size on the chip of a bias of one in the network, (outputs,).
        gate_mean: Mean factor of gates of word lines, (outputs,); 1 without.
        gate_variance: Variance of the factor of gates of word lines, (outputs,); 0 without.
        shared: Noise of reference columns.
        dac: Converters of the inputs, or None.
        adc: Converters of the sums, or None.
    """

    main: Tensor
    path: Tensor
    a: Tensor
    constant: Tensor
    own: Tensor
    own_constant: Tensor
    own_of_path: Tensor
    constant_of_path: Tensor
    in_range: Tensor
    noise_mean: Tensor
    noise_scale: Tensor
    bias_factor: Tensor
    gate_mean: Tensor
    gate_variance: Tensor
    shared: list[SharedTerm] = field(default_factory=list)
    dac: DrawnDac | None = None
    adc: DrawnAdc | None = None


def drawn_layer(
    parts: Sequence[ProgrammedPart], folding: tuple[Floats, Floats], like: Tensor
) -> DrawnLayer:
    """Return a layer of a chip in torch.

    Args:
        parts: Its arrays, one for each group of a convolution.
        folding: Factor and shift of folded normalization, (outputs,) each.
        like: A tensor of the precision and device of the result.
    """

    def tensor(values: Floats | NDArray[np.intp]) -> Tensor:
        dtype = torch.int64 if values.dtype.kind == "i" else like.dtype
        return torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=like.device)

    edges = np.cumsum([len(part.wanted.weight) for part in parts])[:-1]
    pairs = zip(*(np.split(values, edges) for values in folding), strict=True)
    made = [_part(part, *pair) for part, pair in zip(parts, pairs, strict=True)]
    numbers = {
        name: tensor(np.concatenate([values[name] for values, _ in made], axis=-1 if a else 0))
        for name in made[0][0]
        for a in [name == "a"]
    }
    shared = []
    for terms in zip(*(of_part for _, of_part in made), strict=True):
        columns = np.cumsum([0] + [len(t["variance"]) for t in terms])
        for t, first in zip(terms, columns, strict=False):
            t["reference_of"] = t["reference_of"] + first
        joined = {k: tensor(np.concatenate([t[k] for t in terms])) for k in _SHARED}
        shared.append(SharedTerm(**joined, of_path=bool(terms[0]["of_path"])))
    layers = [part.layer for part in parts]
    dac, adc = DrawnDac.of(layers), DrawnAdc.of(layers, folding, like)
    return DrawnLayer(**numbers, shared=shared, dac=dac, adc=adc)


_SHARED = ("variance", "constant", "reference_of", "factor")


def _part(
    part: ProgrammedPart, factor: Floats, shift: Floats
) -> tuple[dict[str, Floats], list[dict[str, np.ndarray]]]:
    """Return the fields of `DrawnLayer` of one group, and its noises of reference columns."""
    layer, targets, wanted, wires, attenuations = part
    neurons = layer.neurons
    unit = layer.compensation.factors / (layer.row_factors * factor)
    of_weight = unit[:, None]
    laws = {p.part: law_of(p.array, p.part, attenuations, wires) for p in neurons.parts()}
    main = laws[Part.MAIN]
    path = laws.get(Part.DETERMINISTIC_PATH)
    bias = laws.get(Part.BIAS)
    constant, variance = neurons.threshold.copy(), main.constant.copy()
    if bias is not None:
        constant = constant + bias.mean.sum(axis=1)
        variance = variance + bias.own.sum(axis=1) + bias.constant
    offset, noise = _of_comparators(layer)
    nothing = np.zeros_like(main.mean)
    fields = {
        "main": main.mean * of_weight,
        "path": nothing if path is None else path.mean * of_weight,
        "a": neurons.a,
        "constant": (constant + offset) * unit - shift / factor,
        "own": main.own * of_weight**2,
        "own_constant": (variance + noise**2) * unit**2,
        "own_of_path": nothing if path is None else path.own * of_weight**2,
        "constant_of_path": 0 * unit if path is None else path.constant * unit**2,
        "in_range": _in_range(targets, layer),
        **_of_noise(targets, wanted, layer),
    }
    terms = _shared_terms(main, unit, of_path=False)
    if bias is not None:
        # Bias lines are driven with ones: their noise does not depend on the inputs.
        for term in _shared_terms(bias, unit, of_path=False):
            term["constant"] = term["constant"] + term["variance"].sum(axis=1)
            term["variance"] = np.zeros((len(term["constant"]), main.mean.shape[1]))
            terms.append(term)
    if path is not None:
        terms += _shared_terms(path, unit, of_path=True)
    return fields, terms


def _shared_terms(law: ArrayLaw, unit: Floats, *, of_path: bool) -> list[dict[str, np.ndarray]]:
    """Return the noises of the reference columns of an array, with factors in network units."""
    return [
        {
            "variance": s.variance,
            "constant": s.constant,
            "reference_of": s.reference_of,
            "factor": s.factor * unit,
            "of_path": np.array(of_path),
        }
        for s in law.shared
    ]


def _of_comparators(layer: TileLayer) -> tuple[Floats, float | Floats]:
    """Return offsets and noise of the comparators of a layer in the units of its arrays."""
    readout = layer.readout
    unit: Floats | float = 1 / layer.amperes_per_weight
    if isinstance(readout, LogisticThreshold):  # it compares in network units
        readout, unit = readout.comparators, unit * layer.row_factors
    if not isinstance(readout, Comparators):
        return np.zeros(layer.neurons.outputs), 0.0
    return readout.offsets * unit, readout.comparator.noise * unit


def _in_range(targets: Targets, layer: TileLayer) -> Floats:
    """Return 1 where a weight lies inside the device's range, else 0, (outputs, inputs)."""
    size = np.abs(targets.w)
    if (targets.of_tiles != 1).any():
        hardware = layer.neurons.hardware
        size = size * of_each_weight(targets.of_tiles, size.shape, hardware)
    return (size <= targets.w_max * (1 + _ROUNDING)).astype(np.float64)


def _of_noise(targets: Targets, wanted: OnTiles, layer: TileLayer) -> dict[str, Floats]:
    """Return what gradients and reads need of the noise of a neural sampling layer."""
    one = np.ones(len(wanted.weight))
    hardware = layer.neurons.hardware
    gate = gate_moments(hardware) if hardware.gates_word_lines else (1.0, 0.0)
    of_gate = {"gate_mean": gate[0] * one, "gate_variance": gate[1] * one}
    matched = targets.matched
    if matched is None or not isinstance(wanted.neurons, SampledNeurons):
        return {"noise_mean": one, "noise_scale": 0 * one, "bias_factor": one, **of_gate}
    factor = matched.scale / wanted.neurons.noise_scale
    return {
        "noise_mean": matched.mean,
        "noise_scale": matched.scale,
        "bias_factor": factor,
        **of_gate,
    }
