"""Firing probabilities of a chip's neural sampling layers: measured, and in closed form."""

import numpy as np
from numpy.typing import ArrayLike

from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import integer
from nsm.chips.chip import MappedNetwork
from nsm.chips.layers import TileLayer
from nsm.chips.read_context import Reads, reading
from nsm.chips.readouts import Comparators
from nsm.chips.states import States, unpacked
from nsm.chips.streams import Stream
from nsm.nn.inference import Floats


def firing(
    chip: MappedNetwork,
    x: ArrayLike,
    samples: int,
    *,
    layer: int = 0,
    rng: RNG = None,
    sampling: str = "exact",
) -> tuple[Floats, Floats]:
    """Return measured and closed-form firing probabilities of one neural sampling layer, (batch,
    neurons) each.

    The layers before it are read once for each image; the layer itself is read `samples` times on
    those states.

    Args:
        chip: The chip.
        x: Images, (batch, ...).
        samples: Reads of the layer for each image.
        layer: Number of the layer among the chip's neural sampling layers, from 0.
        rng: Seed, Generator or None.
        sampling: "exact" or "moments".

    Raises:
        ValueError: The chip has no such layer.
    """
    seed = child(seed_sequence(rng), Stream.FIRING)
    z: States = chip.check_images(x)
    sampling_layers = [on_tiles for on_tiles in chip.layers if on_tiles.samples_noise]
    if not 0 <= layer < len(sampling_layers):
        raise ValueError(
            f"layer = {layer}: this chip has {len(sampling_layers)} neural sampling layers, "
            "counted from 0"
        )
    target = sampling_layers[layer]
    repeats = integer("samples", samples, at_least=1)
    with reading(Reads(Span(0, len(z)), sampling, seed)):
        z = chip.network[: target.position](z)
    span = Span(0, len(z) * repeats, repeats)
    own = child(seed, len(chip.network))
    fired = unpacked(target.read(z, span, own, sampling=sampling))
    measured = fired.reshape(len(z), samples, -1).mean(axis=1)
    return measured, firing_probability(target, z).reshape(len(z), -1)


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
