"""Monte-Carlo inference in software: mean softmax over samples, then the most probable class."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from devices.seeding import RNG
from devices.validation import any_array, array, instance, integer
from nsm.nn.files.tensor_file import check_values
from nsm.nn.given_images import check_axes, warn_of_scale
from nsm.nn.stochastic import Stochastic, reseed

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
IMAGES_PER_PASS = 1000  # bounds the memory of a pass
CONV_IMAGES_PER_PASS = 100  # of convolutions on a CPU: more states would not fit into the cache


def check_labels(
    y: ArrayLike, n: int, classes: int | None = None, places: tuple[int, ...] = ()
) -> Labels:
    """Return labels as int64, or raise ValueError.

    Training, error rates in software and on chips, and sweeps check labels here.

    Args:
        y: Class numbers 0, ..., classes − 1, integers of shape (n, *places).
        n: Number of images.
        classes: Number of classes, which labels must stay below; None if it is not known.
        places: Shape of the places of an image that have a label each, such as (height, width) in
            segmentation; () for one label per image.
    """
    labels = any_array("labels", y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    if labels.shape != (n, *places):
        raise ValueError(
            f"labels have shape {labels.shape}; {n} images need {(n, *places)}"
            f"{f', one for each of the {places} places of an image' if places else ''}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels have dtype {labels.dtype}; give class numbers as integers")
    if labels.size and (labels.min() < 0 or (classes is not None and labels.max() >= classes)):
        allowed = "class numbers start at 0"
        if classes is not None:
            allowed = f"the network has {classes} classes, 0 to {classes - 1}"
        raise ValueError(f"labels go from {labels.min()} to {labels.max()}; {allowed}")
    return labels.astype(np.int64)


@contextmanager
def _streams_kept(model: nn.Module) -> Iterator[None]:
    """Let a network draw, and on leaving put all random streams back to where they stood."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    layers = [m for m in model.modules() if isinstance(m, Stochastic)]
    streams = [(layer._seed, layer._generator) for layer in layers]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            reseed(model, 0)
            yield
        finally:
            for layer, (seed, generator) in zip(layers, streams, strict=True):
                layer._seed = seed
                layer._generator = generator


def check_model(model: Any) -> None:
    """Raise ValueError if something is no network of torch."""
    instance("model", model, nn.Module, advice="give a network, such as nsm.load(name)")


def check_parameters(model: nn.Module) -> None:
    """Raise ValueError if a network has no parameters, as chips have none."""
    if next(model.parameters(), None) is None:
        raise ValueError(
            f"a {type(model).__name__} has no parameters to read in software; a chip reads itself, "
            "as chip.sample(x, samples)"
        )


def check_holds_weights(model: Any) -> None:
    """Raise ValueError if something is no network, or computes with the weights of another one.

    Such a module says by its attribute `weights_are_in` what to give in its place.
    """
    check_model(model)
    where = getattr(model, "weights_are_in", "")
    if where:
        raise ValueError(f"a {type(model).__name__} has no weights of its own; give {where}")


def output_shape(model: nn.Module, x: ArrayLike) -> tuple[int, ...]:
    """Return the shape of the logits of one image, (classes, ...), from a pass of a few images.

    The pass leaves random streams and the mode of the network as they were.

    Args:
        model: The network.
        x: Images (n, ...), of which at most two are read.

    Raises:
        ValueError: The network cannot take the images, or returns something else than logits.
    """
    check_model(model)
    parameter = next(model.parameters(), torch.empty(0))
    images = torch.as_tensor(np.asarray(x)[:2], dtype=parameter.dtype, device=parameter.device)
    with torch.no_grad(), evaluating(model), _streams_kept(model):
        try:
            logits = model(images)
        except (RuntimeError, ValueError, IndexError) as problem:
            reason = str(problem).strip().splitlines()[0]
            raise ValueError(
                f"a {type(model).__name__} cannot take images of shape {tuple(images.shape[1:])}: "
                f"{reason}"
            ) from None
    if not isinstance(logits, torch.Tensor) or logits.ndim < 2 or len(logits) != len(images):
        shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(
            f"a {type(model).__name__} returns {shape} for {len(images)} images; error rates need "
            "logits of shape (batch, classes, …)"
        )
    return tuple(logits.shape[1:])


def some_images(name: str, x: Any, purpose: str) -> Floats:
    """Return images as an array of finite numbers, one or more; raise ValueError if they are none.

    Args:
        name: What messages call them.
        x: Images (n, ...).
        purpose: What they are for, such as "to train on".
    """
    images = array(name, x, truth_values=True)
    if not images.ndim or not len(images):
        raise ValueError(f"there are no images {purpose}; give at least one")
    return images


def softmax(logits: Floats, axis: int = -1) -> Floats:
    """Return exp(l)/Σ exp(l) over the axis of the classes, by default the last."""
    e = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def passes(model: nn.Module, images: torch.Tensor, samples: int) -> Floats:
    """Return logits (samples, batch, classes, ...) of noisy passes, in the mode the model is in.

    Args:
        model: The network; its streams go on from where they are.
        images: (batch, ...).
        samples: Passes of every image.
    """
    convolves = any(parameter.ndim == 4 for parameter in model.parameters())
    device = next(model.parameters()).device
    few = convolves and device.type == "cpu"
    with torch.no_grad():
        parts = images.split(CONV_IMAGES_PER_PASS if few else IMAGES_PER_PASS)
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
        x: (batch, ...), finite.
        samples: Number of passes.
        rng: A seed, a Generator or None; the same seed gives the same draws.

    Returns:
        (samples, batch, classes, ...).

    Raises:
        ValueError: The network holds NaN or infinity, or x does, or it does not take images of this
            shape.
    """
    integer("samples", samples, at_least=1)
    check_model(model)
    check_parameters(model)
    values = x.detach().cpu().double().numpy() if isinstance(x, torch.Tensor) else x
    given = array("x", values, truth_values=True)
    check_axes(model, given.shape)
    warn_of_scale(model, given)
    images = torch.as_tensor(np.ascontiguousarray(given)).to(next(model.parameters()).dtype)
    if not torch.isfinite(images).all():
        raise ValueError(f"x holds values up to {np.abs(given).max():g}, beyond {images.dtype}")
    check_values(model.state_dict(), "the network")
    reseed(model, rng)
    with evaluating(model):
        try:
            return passes(model, images, samples)
        except (RuntimeError, IndexError):
            output_shape(model, given)  # which says that the network does not take these images
            raise


def predict_proba(model: nn.Module, x: ArrayLike, samples: int, *, rng: RNG = None) -> Floats:
    """Return class probabilities (batch, classes, ...): the mean softmax over noisy passes.

    The classes are the axis after the batch, also of segmentation. Arguments as of `sample`.
    """
    return np.asarray(softmax(sample(model, x, samples, rng=rng), axis=2).mean(axis=0))


def error_rate(
    model: nn.Module, x: ArrayLike, y: ArrayLike, samples: int, *, rng: RNG = None
) -> float:
    """Return the fraction of labels that are not the most probable class, in software.

    Args:
        model: The network.
        x: (batch, ...), finite, at least one image.
        y: Class numbers, (batch,); (batch, ...) if the logits have further axes.
        samples: Number of noisy passes.
        rng: A seed, a Generator or None; the same seed gives the same draws.
    """
    images = some_images("x", x, "to err on")
    check_axes(model, images.shape)
    classes, *places = output_shape(model, images)
    labels = check_labels(y, len(images), classes, tuple(places))
    p = predict_proba(model, images, samples, rng=rng)
    return float((p.argmax(axis=1) != labels).mean())
