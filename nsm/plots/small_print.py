"""The conditions that decide a figure, in words: gates, read-outs, programming, currents, noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from crossbar import Hardware
from devices import GaussianNoise, IdealWrite, NoNoise, OpenLoopPulses, WriteVerify
from devices.special import ndtr
from devices.validation import instance
from nsm.chips.hardware_table import as_table
from nsm.chips.planning.plan import PlannedLayer, planned_layers
from nsm.chips.planning.plans import new_plan
from nsm.plots.annotated import checked
from nsm.sweeps.axes import check_axis

#: Share of negative conductances from which on figures name it.
NEGATIVE = 1e-3
#: Units of a current, largest first.
_AMPERES = ((1e-3, "mA"), (1e-6, "µA"), (1e-9, "nA"), (1e-12, "pA"))


def _amperes(current: float) -> str:
    """Return a current [A] in the unit that suits it."""
    for size, unit in _AMPERES:
        if current >= size:
            return f"{current / size:.3g} {unit}"
    return f"{current:.3g} A"


def _reads_signs(layer: PlannedLayer) -> bool:
    """Return whether comparators read a layer, as those of stochastic and of sign layers."""
    return layer.draws or layer.by_sign


def _converter(hardware: Hardware) -> str:
    """Return the converter of a chip in words."""
    return "ideal ADCs" if hardware.adc is None else f"{hardware.adc.bits}-bit ADCs"


def _readouts(layers: Mapping[str, list[PlannedLayer]], hardware: Hardware) -> str:
    """Return what reads the layers of each network; networks of one kind share their words."""
    words: dict[str, list[str]] = {}
    converter = _converter(hardware)
    for name, of_network in layers.items():
        signs = [_reads_signs(layer) for layer in of_network]
        if all(signs):
            text = "comparators"
        elif not any(signs):
            text = converter
        elif all(signs[:-1]):
            text = f"comparators, last layer {converter}"
        else:
            text = f"comparators in {sum(signs)} of {len(signs)} layers, else {converter}"
        words.setdefault(text, []).append(name)
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in words.items())


def _range(hardware: Hardware, axis: str | None) -> str:
    """Return which |w| fills the range of the cells; "" where that is what varies."""
    if axis == "weight_range":
        return ""
    rule = hardware.weight_range
    words = {"max": "largest |w|", "least_squares": "least-squares |w|"}
    found = words[rule] if isinstance(rule, str) else f"{rule:g}th percentile of |w|"
    if axis == "weight_scale":
        return f"range: {found}"
    return f"range: {found} of each {hardware.weight_scale}"


def _programming(hardware: Hardware, axis: str | None) -> str:
    """Return how cells are programmed, and the error in mid-range; "" where that is what varies."""
    device = hardware.device
    if (axis or "").startswith("device.write"):
        return ""
    if isinstance(device.write, IdealWrite):
        return "exact programming"
    middle = np.array([(device.g_min + device.g_max) / 2])
    share = 100 * float(device.programming_error(middle)[0]) / (device.g_max - device.g_min)
    modes = {WriteVerify: "written and verified", OpenLoopPulses: "written by open-loop pulses"}
    mode = modes.get(type(device.write), "written")
    return f"{mode} with an error of {share:.2g} % of the range"


def _full_scale(hardware: Hardware) -> str:
    """Return the full-scale currents beside which offsets in amperes must be seen."""
    device = hardware.device
    cell = hardware.read_voltage * (device.g_max - device.g_min)
    lines = hardware.tile_shape[0]
    return (
        f"full scale: {_amperes(cell)} of one cell, "
        f"{_amperes(lines * cell)} of {lines} cells of a bit line"
    )


def _negative(hardware: Hardware, axis: str | None, values: Sequence[Any]) -> str:
    """Return the share of negative conductances Φ(−1/σ) under Gaussian read noise, "" if none."""
    noise = hardware.device.read_noise
    if axis == "device.read_noise":
        found = [v for v in values if isinstance(v, GaussianNoise)]
        sigma = max((v.sigma for v in found), default=0.0)
    elif not isinstance(noise, GaussianNoise):
        return ""
    else:
        sigma = max(map(float, values)) if axis == "device.read_noise.sigma" else noise.sigma
    share = float(ndtr(-1 / sigma)) if sigma > 0 else 0.0
    if share < NEGATIVE:
        return ""
    return f"Gaussian noise: {100 * share:.2g} % of conductances are negative at σ = {sigma:g}"


@checked
def conditions(
    hardware: Hardware,
    networks: Mapping[str, nn.Module | Mapping[int, nn.Module]],
    *,
    axis: str | None = None,
    values: Sequence[Any] = (),
    recipe: str = "",
    test: str = "",
) -> str:
    """Return the conditions that decide the result of a figure, as small print for it.

    All of it is read off the hardware and the networks, so that it cannot say anything else than
    what was computed: which cells share a gate, which networks have comparators and which have
    converters, which weights fill the range, how cells are programmed; the full-scale current where
    offsets or noise of comparators are in amperes; the share Φ(−1/σ) of negative conductances where
    the read noise is Gaussian; and the number of trainings.

    Args:
        hardware: the chip before the axis changes it.
        networks: the networks of the figure by name, or their trainings by seed, as for `nsm.grid`.
        axis: what varies along the figure, as for `nsm.grid`; it is not a condition. None: nothing.
        values: the values of the axis.
        recipe: how the networks were trained, as `nsm.training.comparison.recipe_text` says it.
        test: what they were tested on, such as "360 images, 20 samples".

    Returns:
        Short sentences in one line.

    Raises:
        ValueError: there are no networks, an axis has no values, or a network cannot be mapped.
    """
    for name, given in networks.items():
        for model in given.values() if isinstance(given, Mapping) else [given]:
            instance(f"networks[{name!r}]", model, nn.Module)
    if axis is not None:
        check_axis(hardware, axis)
    if axis is not None and not len(values):
        raise ValueError(f"axis {axis!r} has no values; give those of the figure")
    trainings = {n: dict(m) if isinstance(m, Mapping) else {None: m} for n, m in networks.items()}
    layers = {}
    for name, of_seed in trainings.items():
        plan = new_plan(next(iter(of_seed.values())), as_table(hardware), None)
        layers[name] = planned_layers(plan.network)
    parts = [_readouts(layers, hardware)]
    gated = any(layer.samples for of_one in layers.values() for layer in of_one)
    if gated and not isinstance(hardware.gate, NoNoise) and axis != "gate_sharing":
        parts.append(f"one gate per {hardware.gate_sharing.replace('_', ' ')}")
    parts += [_range(hardware, axis), _programming(hardware, axis)]
    comparator = hardware.comparator
    if comparator.offset or comparator.noise or (axis or "").startswith("comparator."):
        parts.append(_full_scale(hardware))
    parts.append(_negative(hardware, axis, values))
    parts.append(test)
    seeds = max(map(len, trainings.values()))
    if recipe or seeds > 1:
        parts.append(f"{seeds} training{'s' if seeds > 1 else ''}{f': {recipe}' if recipe else ''}")
    # The names of networks keep their case; the words of the other parts begin sentences.
    first, *others = [part for part in parts if part]
    return ". ".join([first, *(part[0].upper() + part[1:] for part in others)]) + "."
