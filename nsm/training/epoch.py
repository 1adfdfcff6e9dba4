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
from nsm.training.graphed_steps import GraphedSteps, can_be_recorded, copies, restore
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

    On a GPU steps are recorded and replayed where that is possible. If a replay took inputs for ±1
    that were not, the epoch starts again from where it was, one step after the other.

    Args:
        state: The network in training, changed in place.
        images: (n, inputs), on the CPU or on the network's device.
        labels: (n,), beside the images.
        seed: The seed of the run. The streams of an epoch depend on it and on `epoch` alone, so
            that a resumed run draws what it would have drawn.
        epoch: Number of the epoch, from 0.
        after_step: Called after every step, for the progress bar.

    Returns:
        The mean loss over the images, each before its step.

    Raises:
        FloatingPointError: The loss, or a parameter, is no longer finite.
    """
    if can_be_recorded(state):
        before = copies(state)
        recorded = GraphedSteps(state)
        loss = _steps(state, images, labels, seed, epoch, recorded.take, after_step)
        if recorded.were_right():
            return _finished(state, loss, epoch)
        restore(state, before)
    loss = _steps(state, images, labels, seed, epoch, state.take_step, after_step)
    return _finished(state, loss, epoch)


def _finished(state: TrainingState, loss: float, epoch: int) -> float:
    """Return the mean loss of an epoch, whose statistics are kept and whose weights are checked."""
    if not math.isfinite(loss):
        raise FloatingPointError(_diverged(state, loss, f"epoch {epoch + 1}"))
    state.keep_statistics()
    state.check_finite(epoch)
    return loss


def _diverged(state: TrainingState, loss: float, when: str) -> str:
    return (
        f"the loss of the {type(state.model).__name__} became {loss} in {when}; lower lr (it is "
        f"{state.recipe.lr:g})"
    )


def _steps(
    state: TrainingState,
    images: Tensor,
    labels: Tensor,
    seed: np.random.SeedSequence,
    epoch: int,
    take: Callable[[Tensor, Tensor, int, int], Tensor],
    after_step: Callable[[], None],
) -> float:
    """Take the steps of an epoch by `take`; return the mean loss over the images."""
    recipe = state.recipe
    reseed(state.computing, child(seed, epoch, Stream.NOISE))
    if isinstance(state.computing, HardwareAware):
        state.computing.restart(child(seed, epoch, Stream.CHIPS))
    order = stream(seed, epoch, Stream.ORDER).permutation(len(images))
    batches = torch.from_numpy(order).split(recipe.batch_size)
    changes = stream(seed, epoch, Stream.AUGMENTATION)
    dropout_seed = int(child(seed, epoch, Stream.DROPOUT).generate_state(1)[0])
    waits = state.device.type == "cpu"  # a GPU that is asked for each loss has to be waited for
    steps = recipe.epochs * len(batches)
    state.computing.train()
    total: float | Tensor = 0.0
    with torch.random.fork_rng():
        seed_torch(dropout_seed)  # nn.Dropout draws from torch's own stream only
        for index, rows in enumerate(batches):
            chosen = rows.to(images.device)
            inputs = images[chosen]
            if recipe.augment is not None:
                inputs = _augmented(recipe.augment, inputs, changes)
            step = epoch * len(batches) + index
            of_batch = labels[chosen].to(state.device)
            loss = take(inputs.to(state.device), of_batch, step, steps)
            if waits and not math.isfinite(loss):
                when = f"epoch {epoch + 1}, step {index + 1} of {len(batches)}"
                raise FloatingPointError(_diverged(state, float(loss), when))
            total = total + len(rows) * (float(loss) if waits else loss)
            after_step()
    return float(total) / len(images)
