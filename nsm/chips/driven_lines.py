"""What one image drives the word lines of every layer with, in one read of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats
from nsm.chips.chip import MappedNetwork
from nsm.chips.cost import rows_of_reads
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.streams import Stream


@dataclass(frozen=True, eq=False)
class DrivenLines:
    """The word lines of a layer in one read.

    Attributes:
        volts: Their voltages [V], (inputs,).
        bias_volts: Voltage of the lines of the bias [V].
        read: Which read of the image it is, such as "read 72 of 144".
    """

    volts: Floats
    bias_volts: float
    read: str


def driven_lines(
    chip: MappedNetwork, image: Any, layers: Sequence[TileLayer], *, rng: RNG
) -> dict[str, DrivenLines]:
    """Return what an image drives the word lines of some layers with, by the path of the layer.

    One noisy pass is made, which advances noise that has a memory. A layer that is read several
    times for an image, at many locations or in many steps, is taken in the middle read of its first
    call; of bit-serial inputs the most significant plane is taken.

    Args:
        chip: The chip.
        image: One image, in a batch of one, (1, ...), as `chip.sample` takes it.
        layers: Layers of the chip.
        rng: Seed, Generator or None: what the pass draws.

    Raises:
        ValueError: The image is wrong, or a layer is not read in the pass.
    """
    found: dict[str, DrivenLines] = {}

    def recorder(layer: TileLayer) -> Callable[..., None]:
        def take(_module: nn.Module, arguments: tuple[Any, ...]) -> None:
            if layer.path not in found:
                rows = [inputs.floats for inputs in rows_of_reads(layer, arguments[0])]
                found[layer.path] = _lines(layer, np.concatenate(rows))

        return take

    handles = [layer.register_forward_pre_hook(recorder(layer)) for layer in layers]
    try:
        seed = child(seed_sequence(rng), Stream.SAMPLE)
        for _ in chip.runs(chip.check_images(image), 1, seed):
            pass
    finally:
        for handle in handles:
            handle.remove()
    for layer in layers:
        if layer.path not in found:
            raise ValueError(f"{layer.name} is not read for this image; choose another layer")
    return found


def _lines(layer: TileLayer, rows: Floats) -> DrivenLines:
    """Return the word lines in the middle one of all reads of an image, (reads, inputs)."""
    drivers = layer.neurons.drivers
    number = len(rows) // 2
    driven, _ = drivers.drive(Inputs(rows[number : number + 1]), Span(0, 1))
    read = f"read {number + 1} of {len(rows)}"
    if drivers.planes > 1:
        read += f", the most significant of {drivers.planes} bit planes"
    return DrivenLines(driven.floats[-1] * drivers.unit_voltage, drivers.unit_voltage, read)
