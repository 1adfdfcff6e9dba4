"""One pass over all images, drawn from the run's seed and the number of the epoch alone."""

import math
from collections.abc import Callable
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from devices.seeding import child, stream
from devices.validation import shortened
from nsm.nn.stochastic import reseed, seed_torch
from nsm.training.hardware_aware.network import HardwareAware
from nsm.training.recipe import Augmentation
from nsm.training.state import TrainingState


class Stream(IntEnum):
    """The random streams of an epoch."""

    NOISE = 0
    ORDER = 1
    DROPOUT = 2
    VALIDATION = 3
    AUGMENTATION = 4
    CHIPS = 5


def _augmented(augment: Augmentation, images: Tensor, changes: np.random.Generator) -> Tensor:
    """Return a changed batch, or raise ValueError if `augment` returns something else."""
    found = augment(images, changes)
    if not isinstance(found, Tensor) or len(found) != len(images):
        what = f"{tuple(found.shape)}" if isinstance(found, Tensor) else shortened(found)
        raise ValueError(
            f"augment returned {what} for {len(images)} images; it must return as many, a tensor"
        )
    return found


def train_epoch(
    state: TrainingState,
    images: Tensor,
    labels: Tensor,
    seed: np.random.SeedSequence,
    epoch: int,
    after_step: Callable[[], None],
) -> float:
    """Train on all images once.

    Args:
        state: The network in training, changed in place.
        images: (n, inputs), on the CPU.
        labels: (n,).
        seed: The seed of the run. The streams of an epoch depend on it and on `epoch` alone, so
            that a resumed run draws what it would have drawn.
        epoch: Number of the epoch, from 0.
        after_step: Called after every step, for the progress bar.

    Returns:
        The mean loss over the images, each before its step.

    Raises:
        FloatingPointError: The loss, or a parameter, is no longer finite.
    """
    recipe = state.recipe
    reseed(state.computing, child(seed, epoch, Stream.NOISE))
    if isinstance(state.computing, HardwareAware):
        state.computing.restart(child(seed, epoch, Stream.CHIPS))
    order = stream(seed, epoch, Stream.ORDER).permutation(len(images))
    batches = torch.from_numpy(order).split(recipe.batch_size)
    changes = stream(seed, epoch, Stream.AUGMENTATION)
    dropout_seed = int(child(seed, epoch, Stream.DROPOUT).generate_state(1)[0])
    device = next(state.model.parameters()).device
    steps = recipe.epochs * len(batches)
    state.computing.train()
    total = 0.0
    with torch.random.fork_rng():
        seed_torch(dropout_seed)  # nn.Dropout draws from torch's own stream only
        for index, rows in enumerate(batches):
            inputs = images[rows]
            if recipe.augment is not None:
                inputs = _augmented(recipe.augment, inputs, changes)
            step = epoch * len(batches) + index
            loss = state.take_step(inputs.to(device), labels[rows].to(device), step, steps)
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss of the {type(state.model).__name__} became {loss} in epoch "
                    f"{epoch + 1}, step {index + 1} of {len(batches)}; lower lr (it is "
                    f"{recipe.lr:g})"
                )
            total += len(rows) * loss
            after_step()
    state.keep_statistics()
    state.check_finite(epoch)
    return total / len(images)
