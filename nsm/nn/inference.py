"""Monte-Carlo inference in software: mean softmax over samples, then the most probable class."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from devices.seeding import RNG
from devices.validation import array, integer
from nsm.nn.stochastic import reseed

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
IMAGES_PER_PASS = 1000  # bounds the memory of a pass
CONV_IMAGES_PER_PASS = 100  # of convolutional networks: more states would not fit into the cache


def check_labels(y: ArrayLike, n: int, classes: int | None = None) -> Labels:
    """Return labels as int64, or raise ValueError.

    Args:
        y: Class numbers, integers of shape (n,).
        n: Number of images.
        classes: Number of classes, which labels must stay below; None if it is not known.
    """
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise ValueError(f"labels have shape {labels.shape}; {n} images need ({n},)")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels have dtype {labels.dtype}; give class numbers as integers")
    if classes is not None and n and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; "
            f"the network has {classes} classes, 0 to {classes - 1}"
        )
    return labels.astype(np.int64)


def softmax(logits: Floats, axis: int = -1) -> Floats:
    """Return exp(l)/Σ exp(l) over one axis, the last by default."""
    e = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def passes(model: nn.Module, images: torch.Tensor, samples: int) -> Floats:
    """Return logits (samples, batch, classes) of noisy passes, in the mode the model is in.

    Args:
        model: The network; its streams go on from where they are.
        images: (batch, inputs).
        samples: Passes of every image.
    """
    convolves = any(parameter.ndim == 4 for parameter in model.parameters())
    device = next(model.parameters()).device
    with torch.no_grad():
        parts = images.split(CONV_IMAGES_PER_PASS if convolves else IMAGES_PER_PASS)
        blocks = [torch.stack([model(b.to(device)) for _ in range(samples)]).cpu() for b in parts]
    return torch.cat(blocks, dim=1).double().numpy()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into `eval()`, and on leaving every layer back into the mode it was in."""
    modes = {m: m.training for m in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def sample(model: nn.Module, x: ArrayLike, samples: int, *, rng: RNG = None) -> Floats:
    """Return the logits of independent noisy passes of a network in software.

    Args:
        model: The network. Every pass draws fresh noise in every stochastic layer.
        x: (batch, inputs), finite.
        samples: Number of passes.
        rng: A seed, a Generator or None; the same seed gives the same draws.

    Returns:
        (samples, batch, classes).
    """
    integer("samples", samples, at_least=1)
    if next(model.parameters(), None) is None:
        raise ValueError(
            f"a {type(model).__name__} has no parameters to read in software; a chip reads itself, "
            "as chip.sample(x, samples)"
        )
    images = torch.as_tensor(array("x", x), dtype=next(model.parameters()).dtype)
    reseed(model, rng)
    with evaluating(model):
        return passes(model, images, samples)


def predict_proba(model: nn.Module, x: ArrayLike, samples: int, *, rng: RNG = None) -> Floats:
    """Return class probabilities (batch, classes): the mean softmax over noisy passes.

    Arguments as of `sample`.
    """
    return np.asarray(softmax(sample(model, x, samples, rng=rng)).mean(axis=0))


def error_rate(
    model: nn.Module, x: ArrayLike, y: ArrayLike, samples: int, *, rng: RNG = None
) -> float:
    """Return the fraction of images whose most probable class is wrong, in software.

    Args:
        model: The network.
        x: (batch, inputs), finite, at least one image.
        y: Class numbers, (batch,).
        samples: Number of noisy passes.
        rng: A seed, a Generator or None; the same seed gives the same draws.
    """
    p = predict_proba(model, x, samples, rng=rng)
    if not len(p):
        raise ValueError("there are no images to err on; give at least one")
    return float((p.argmax(axis=1) != check_labels(y, *p.shape)).mean())
