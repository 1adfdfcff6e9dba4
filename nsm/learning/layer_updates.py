"""Which updates the layers of a network get."""

from dataclasses import replace

import numpy as np

from devices.seeding import child
from nsm.learning.draws import Stream
from nsm.learning.layer import LearningLayer
from nsm.learning.network import LearningNetwork
from nsm.learning.rules import MixedPrecision, TikiTaka
from nsm.learning.settings import Settings
from nsm.learning.updates import Update, update_of


def updates_of(
    network: LearningNetwork, settings: Settings, seed: np.random.SeedSequence
) -> list[list[tuple[Update, bool]]]:
    """Return the updates of every layer, each with whether its inputs are constant ones."""
    return [
        _of_layer(layer, settings, child(seed, Stream.RULE, number))
        for number, layer in enumerate(network.layers)
    ]


def _of_layer(
    layer: LearningLayer, s: Settings, seed: np.random.SeedSequence
) -> list[tuple[Update, bool]]:
    """Return the updates of a layer, each with whether its inputs are constant ones."""
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
    made = [(update_of(s.rule, targets, s.batch, child(seed, 0)), False)]
    if arrays.bias is not None:
        # The input of a bias line is always 1: centering would leave nothing.
        rule = replace(s.rule, center=False) if isinstance(s.rule, MixedPrecision) else s.rule
        made.append((update_of(rule, [arrays.bias], s.batch, child(seed, 1)), True))
    return made
