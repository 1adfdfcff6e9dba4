"""What happens between two samples: ends of batches, refreshes of full pairs, rewritten paths."""

import numpy as np

from nsm.learning.layer_updates import LayerUpdate
from nsm.learning.network import LearningNetwork
from nsm.learning.settings import Settings


def between_samples(
    network: LearningNetwork,
    updates: list[list[LayerUpdate]],
    s: Settings,
    done: int,
    samples: int,
) -> None:
    """End the batch, refresh full pairs and rewrite deterministic paths where it is time to.

    Args:
        network: The layers.
        updates: What the rule does in each layer.
        s: How the chip learns.
        done: Samples that were learned.
        samples: Samples that are to be learned.
    """
    if s.batch > 1 and (done % s.batch == 0 or done == samples):
        for of_layer in updates:
            for one in of_layer:
                one.update.finish()
    if s.refresh_every and done % s.refresh_every == 0:
        for array in network.arrays().values():
            array.refresh(s.refresh_above)
    if s.path == "rewritten" and done % s.rewrite_every == 0:
        for layer in network.layers:
            if layer.arrays.path is not None:
                layer.arrays.path.rewrite(layer.arrays.main.weights.astype(np.float64))
