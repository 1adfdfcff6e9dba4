"""The outputs of a network as scores of classes."""

from typing import Any

from torch import Tensor

from nsm.nn.inference import Floats, softmax


def class_scores(outputs: Any) -> Floats:
    """Return the outputs of a network as float64, (reads, classes, ...).

    Raises:
        ValueError: The network returns several tensors, or one without an axis of classes.
    """
    if not isinstance(outputs, Tensor):
        raise ValueError(
            f"the network returns a {type(outputs).__name__}, which names no class; use "
            "chip.sample(x, samples), or wrap the network so that it returns the scores of the "
            "classes"
        )
    if outputs.ndim < 2:
        raise ValueError(
            f"the network returns outputs of shape {tuple(outputs.shape)}; classes need an axis "
            "after the batch; use chip.sample(x, samples)"
        )
    scores: Floats = outputs.double().cpu().numpy()
    return scores


def class_probabilities(outputs: Any, temperature: float) -> Floats:
    """Return softmax(outputs / temperature) over the classes, float64 (reads, classes, ...).

    Raises:
        ValueError: As `class_scores`.
    """
    return softmax(class_scores(outputs) / temperature, axis=1)
