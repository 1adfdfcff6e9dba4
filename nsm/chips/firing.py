"""Firing probabilities of a chip's neural sampling layers: measured, and in closed form."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import integer
from nsm.chips.chip import MappedNetwork
from nsm.chips.inside import chosen_layer
from nsm.chips.layers.dropout import KeptDropout
from nsm.chips.layers.read_context import Reads, reading
from nsm.chips.layers.readouts import Comparators
from nsm.chips.layers.states import States, unpacked, values_of
from nsm.chips.layers.tile_layer import ChipLayer, TileLayer
from nsm.chips.planning.chain import is_chain
from nsm.chips.runs import read_once
from nsm.chips.streams import Stream
from nsm.nn.inference import Floats


def firing(
    chip: MappedNetwork,
    x: Any,
    samples: int,
    *,
    layer: int | str = 0,
    rng: RNG = None,
    sampling: str = "exact",
) -> tuple[Floats, Floats]:
    """Return measured and closed-form firing probabilities of one neural sampling layer.

    Each has the shape (batch, neurons); all locations of a convolution are in one row.

    The layers before it are read once for each image; the layer itself is read `samples` times on
    those states. Of a layer that is called several times in a pass it is the first call.

    Args:
        chip: The chip.
        x: Images, (batch, ...), as for `chip.sample`.
        samples: Reads of the layer for each image.
        layer: Number of the layer among the chip's neural sampling layers, from 0, or its name,
            such as "blocks.0.fc1".
        rng: Seed, Generator or None.
        sampling: "exact" or "moments".

    Raises:
        ValueError: The chip has no such layer, or the pass does not reach it.
    """
    seed = child(seed_sequence(rng), Stream.FIRING)
    images = chip.check_images(x)
    target = _sampling_layer(chip, layer)
    repeats = integer("samples", samples, at_least=1)
    batch = chip.inputs.batch(images)
    z = _rows(target, _input_of(target, chip, images, Reads(Span(0, batch), sampling, seed)))
    span = Span(0, len(z) * repeats, repeats)
    positions = [
        m.position for m in chip.network.modules() if isinstance(m, (ChipLayer, KeptDropout))
    ]
    own = child(seed, 1 + max(positions))  # a stream that no layer of the pass draws from
    fired = unpacked(target.read(z, span, own, sampling=sampling))
    measured = fired.reshape(len(z), repeats, -1).mean(axis=1)
    return measured.reshape(batch, -1), firing_probability(target, z).reshape(batch, -1)


def _sampling_layer(chip: MappedNetwork, layer: int | str) -> TileLayer:
    """Return a neural sampling layer by number or name; raise ValueError if there is none."""
    found = [on_tiles for on_tiles in chip.layers if on_tiles.samples_noise]
    return chosen_layer(found, layer, "neural sampling layer")


class _Reached(BaseException):
    """Ends a pass at the layer that was asked for.

    It is no `Exception`, since the forward of a network may catch those.
    """


def _input_of(target: TileLayer, chip: MappedNetwork, images: Any, reads: Reads) -> States | Tensor:
    """Return what a layer is given in a pass of the network, which ends there."""
    given: list[States | Tensor] = []

    def keep(_layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        given.append(inputs[0])
        raise _Reached

    handle = target.register_forward_pre_hook(keep)
    try:
        if is_chain(chip.network):
            with reading(reads):
                chip.network(images)
        else:
            read_once(chip.network, reads, images)
    except _Reached:
        return given[0]
    finally:
        handle.remove()
    raise ValueError(f"the network did not call {target.name} for these images")


def _rows(layer: TileLayer, z: States | Tensor) -> States:
    """Return the inputs of a layer with one row for each of its reads."""
    if not isinstance(z, Tensor):
        return z
    if layer.patches is not None:
        return values_of(z if z.ndim == len(layer.patches.kernel) + 2 else z[None])
    return values_of(z.reshape(-1, z.shape[-1]))


def firing_probability(layer: TileLayer, z: States) -> Floats:
    """Return P(z = +1) of a layer that ends in comparators, of the output's shape.

    It is ½ (1 + erf(E[u + offset] / √(2 Var))) for a Gaussian sum u, where Var includes the noise
    of the comparator. Where Var is 0 it is 0 or 1.

    Args:
        layer: The layer.
        z: Its inputs, as states or values.

    Raises:
        ValueError: The layer ends in another read-out.
    """
    from scipy.special import erf

    if not isinstance(layer.readout, Comparators):
        raise ValueError(f"{layer.name} does not fire: its outputs end in a {layer.readout.name}")
    shape: tuple[int, ...] = (1, 1)
    if layer.patches is not None:
        z, shape = layer.patches.of(unpacked(z))
    mean, variance = layer.neurons.moments(Inputs(z).floats)
    scale = layer.amperes_per_weight
    comparators = layer.readout
    variance = variance + (comparators.comparator.noise / scale) ** 2
    center = mean + comparators.offsets / scale
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 0.5 * (1 + erf(center / np.sqrt(2 * variance)))
    p = np.where(variance > 0, p, center >= 0)
    return p if layer.patches is None else layer.patches.arrange(p, shape)
