"""Monte-Carlo dropout."""

from enum import IntEnum

import torch
from numpy.typing import ArrayLike
from torch import nn

from devices.seeding import RNG, child, seed_number, seed_sequence
from devices.validation import integer
from nsm.nn.inference import (
    Floats,
    check_model,
    check_parameters,
    evaluating,
    output_shape,
    passes,
    some_images,
)
from nsm.nn.stochastic import reseed, seed_torch

_DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


class Stream(IntEnum):
    """The random streams of Monte-Carlo dropout."""

    NOISE = 0
    DROPOUT = 1


def mc_dropout(model: nn.Module, x: ArrayLike, samples: int, *, rng: RNG = None) -> Floats:
    """Return logits of passes with dropout on and every other layer in `eval()`.

    The mean softmax over such passes is the prediction of an approximately Bayesian network (Gal
    and Ghahramani 2016, arXiv 1506.02142, eq. 6). Every pass draws a fresh mask for every image.
    Torch's own stream and the mode of every layer are left as they were.

    Args:
        model: A network with dropout. (A chip draws dropout itself, where the network that was
            mapped had it in `train()`.)
        x: (batch, inputs), finite.
        samples: Number of passes.
        rng: A seed, a Generator or None; the same seed gives the same draws.

    Returns:
        (samples, batch, classes).

    Raises:
        ValueError: If no layer has dropout with p > 0, or the model has no parameters.
    """
    integer("samples", samples, at_least=1)
    check_model(model)
    check_parameters(model)
    checked = some_images("x", x, "to read")
    images = torch.as_tensor(checked, dtype=next(model.parameters()).dtype)
    dropouts = [m for m in model.modules() if isinstance(m, _DROPOUTS) and m.p > 0]
    if not dropouts:
        raise ValueError(
            "the model has no dropout layer with p > 0, so that every pass would be the same; give "
            "one, such as nsm.relu_mlp(dropout=0.5), or sample a stochastic network by "
            "nsm.nn.inference.sample"
        )
    seed = seed_sequence(rng)
    reseed(model, child(seed, Stream.NOISE))
    with evaluating(model), torch.random.fork_rng():
        for layer in dropouts:
            layer.train()
        # nn.Dropout draws from torch's own stream only.
        seed_torch(seed_number(child(seed, Stream.DROPOUT)))
        try:
            return passes(model, images, samples)
        except (RuntimeError, IndexError):
            output_shape(model, checked)  # which says that the network does not take these images
            raise
