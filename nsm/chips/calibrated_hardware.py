"""The hardware of a calibrated chip, with the ranges that the calibration found."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from crossbar import Hardware
from crossbar.operating import CALIBRATED
from devices.validation import instance
from nsm.chips.chip import MappedNetwork
from nsm.chips.hardware_table import ALL_OTHERS, as_table
from nsm.chips.layers.tile_layer import TileLayer


def calibrated_hardware(chip: MappedNetwork) -> dict[str, Hardware | None]:
    """Return the hardware of every layer of a chip, with the ranges of its converters as numbers.

    Ranges that the hardware leaves open are those of the chip as it is now: what the last
    `chip.calibrate(x)` found, or the range of an ADC as it was mapped. Chips that are mapped to
    the result, and networks that are trained for it, have them from the start. The groups of a
    convolution share the largest of their ranges. Reads warn of what given ranges clip, also where
    the calibration clips on purpose.

    Args:
        chip: The chip.

    Returns:
        A mapping from layers to their hardware, as `map_to_crossbar` and `hardware_aware` take it;
        None for the layers that are digital.

    Raises:
        ValueError: Naming a layer whose inputs have no range yet, or whose ADCs have ranges of
            their own for columns or tiles, which no single number describes.
    """
    instance("chip", chip, MappedNetwork, advice="give what nsm.map_to_crossbar returns")
    table = as_table(chip.origin.hardware)
    of_layers: dict[str, list[TileLayer]] = {}
    for layer in chip.layers:
        own, _, number = layer.path.rpartition(".group")
        of_layers.setdefault(own if own and number.isdigit() else layer.path, []).append(layer)
    found: dict[str, Hardware | None] = {}
    for path, layers in of_layers.items():
        hardware = table.of(layers[0].path)
        assert hardware is not None
        found[path] = replace(hardware, **_ranges(hardware, layers))
    return {**found, ALL_OTHERS: None}


def _ranges(hardware: Hardware, layers: Sequence[TileLayer]) -> dict[str, Any]:
    """Return the fields of the hardware of a layer that a calibration decides."""
    fields: dict[str, Any] = {}
    dac, adc = hardware.dac, hardware.adc
    for layer in layers:
        layer.neurons.drivers.check_range()
    inputs = [layer.neurons.drivers.limit for layer in layers]
    known = max((limit for limit in inputs if limit is not None), default=0.0)
    if dac is not None and dac.range is None:
        fields["dac"] = replace(dac, range=known)
    if hardware.input_scale == CALIBRATED and known:
        fields["input_scale"] = known
    converters = [layer.neurons.converters for layer in layers]
    limits = [one.limits for one in converters if one is not None]
    if adc is not None and adc.range is None and limits:
        for layer, own in zip(layers, limits, strict=True):
            if (own != own.flat[0]).any():
                raise ValueError(
                    f"{layer.name}: its ADCs have ranges from {own.min():.3g} to {own.max():.3g} "
                    'A, and Adc.range is one number; calibrate with per = "layer"'
                )
        fields["adc"] = replace(adc, range=float(np.max(limits)))
    return fields
