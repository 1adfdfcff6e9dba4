"""Which updates the layers of a network get."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from devices.seeding import child
from nsm.learning.draws import Stream
from nsm.learning.layer import LearningLayer
from nsm.learning.network import LearningNetwork
from nsm.learning.rules import MixedPrecision, TikiTaka
from nsm.learning.settings import Settings
from nsm.learning.updates import Update, update_of


class LayerUpdate(NamedTuple):
    """What the rule does in one array of a layer.

    Attributes:
        update: The rule at work.
        of_bias: Whether the array is the bias lines, whose inputs are always 1.
    """

    update: Update
    of_bias: bool


def updates_of(
    network: LearningNetwork, settings: Settings, seed: np.random.SeedSequence
) -> list[list[LayerUpdate]]:
    """Return the updates of every layer."""
    return [
        _of_layer(layer, settings, child(seed, Stream.RULE, number))
        for number, layer in enumerate(network.layers)
    ]


def _of_layer(layer: LearningLayer, s: Settings, seed: np.random.SeedSequence) -> list[LayerUpdate]:
    """Return the updates of a layer, that of its weights first."""
    arrays = layer.arrays
    if isinstance(s.rule, TikiTaka) and layer.is_noisy:
        noise = layer.tiles.neurons.hardware.device.read_noise
        raise ValueError(
            f"{layer.tiles.name} has device.read_noise = {noise!r}, and TikiTaka reads its fast "
            "array without noise; choose another rule, or cells without read noise"
        )
    targets = [arrays.main]
    if arrays.path is not None and s.path == "pulsed":
        targets.append(arrays.path)
    made = [LayerUpdate(update_of(s.rule, targets, s.batch, child(seed, 0)), of_bias=False)]
    if arrays.bias is not None:
        # The input of a bias line is always 1: centering would leave nothing.
        rule = replace(s.rule, center=False) if isinstance(s.rule, MixedPrecision) else s.rule
        of_bias = update_of(rule, [arrays.bias], s.batch, child(seed, 1))
        made.append(LayerUpdate(of_bias, of_bias=True))
    return made
