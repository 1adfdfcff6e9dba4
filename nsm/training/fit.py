"""Training: one loop for every network; a killed run that resumes ends bit for bit the same."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from devices.seeding import RNG, child, seed_sequence
from devices.validation import array
from nsm.nn.inference import check_labels, error_rate
from nsm.progress import progress_bar
from nsm.training.epoch import Stream, train_epoch
from nsm.training.recipe import Augmentation, Recipe
from nsm.training.state import TrainingState

if TYPE_CHECKING:
    import pandas as pd


def fit(
    model: nn.Module,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int,
    rng: RNG,
    lr: float = 1e-3,
    lr_schedule: str = "cosine",
    batch_size: int = 100,
    weight_decay: float = 0.0,
    label_smoothing: float = 0.0,
    ema_decay: float = 0.0,
    augment: Augmentation | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    validation_samples: int = 10,
    measure: Callable[[nn.Module], Mapping[str, float]] | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> "pd.DataFrame":
    """Train a network in place, on the device where it is, with Adam on the cross-entropy.

    The order of the images, their augmentation and the noise of epoch e are drawn from `rng` and e
    alone. A run that was killed and resumes from its checkpoint therefore ends bit for bit where it
    would have ended.

    Args:
        model: The network; it ends in `eval()` with the trained weights.
        x: (n, inputs), finite.
        y: (n,) class numbers.
        epochs: Passes over the images.
        rng: A seed, a Generator or None.
        lr: Adam's first rate.
        lr_schedule: "cosine" (the rate falls to 0 along a cosine), "halving" (it is halved after
            every quarter of the steps) or "constant".
        batch_size: Images per step.
        weight_decay: Adam's L2 penalty.
        label_smoothing: In [0, 1).
        ema_decay: Weight averaging: the trained weights are a running mean over steps, in which
            those of k steps before the last weigh ema_decayᵏ. 0 gives the last weights. The weights
            at the start have no part in the mean.
        augment: Changes each batch (images, generator) before it is used, as
            `nsm.training.augment.ShiftAndMirror` does.
        validation: Images and labels on which the error is measured after every epoch.
        validation_samples: Noisy passes for this error.
        measure: Called with the network after every epoch; its numbers become columns.
        checkpoint: File that is written after every epoch, and from which a killed run resumes.
        progress: Whether to show a progress bar.

    Returns:
        A row for every epoch: epoch, loss, error (with `validation`), and the columns of `measure`.

    Raises:
        ValueError: For bad data or settings, or a checkpoint of another training.
        FloatingPointError: If the loss is no longer finite.
    """
    recipe = Recipe(
        epochs=epochs,
        lr=lr,
        lr_schedule=lr_schedule,
        batch_size=batch_size,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        ema_decay=ema_decay,
        augment=augment,
    )
    images, labels = _checked(model, x, y)
    seed = seed_sequence(rng)

    def after_epoch(state: TrainingState, epoch: int) -> dict[str, float]:
        found: dict[str, float] = {}
        if validation is not None:
            of_epoch = child(seed, epoch, Stream.VALIDATION)
            found["error"] = error_rate(
                state.average, *validation, validation_samples, rng=of_epoch
            )
        return found | dict(measure(state.model) if measure is not None else {})

    state = TrainingState(model, recipe)
    path = None if checkpoint is None or checkpoint == "" else Path(checkpoint)
    history = _train(state, images, labels, seed, after_epoch, path, progress=progress)
    model.load_state_dict(state.average.state_dict())
    model.eval()
    return _table(history)


def _table(history: list[dict[str, float]]) -> "pd.DataFrame":
    import pandas as pd  # imported here because it takes half a second

    return pd.DataFrame(history)


def _checked(model: nn.Module, x: ArrayLike, y: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return images and labels as tensors, or raise ValueError."""
    images = torch.as_tensor(array("x", x), dtype=torch.float32)
    last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1:]
    labels = torch.as_tensor(check_labels(y, len(images), last[0].out_features if last else None))
    if not len(images):
        raise ValueError("there are no images to train on; give at least one")
    return images, labels


def _train(
    state: TrainingState,
    images: Tensor,
    labels: Tensor,
    seed: np.random.SeedSequence,
    after_epoch: Callable[[TrainingState, int], dict[str, float]],
    checkpoint: Path | None,
    *,
    progress: bool,
) -> list[dict[str, float]]:
    """Train the epochs that a checkpoint does not hold yet; return the history of all epochs."""
    recipe = state.recipe
    done = 0
    history: list[dict[str, float]] = []
    identity = recipe.identity(state.model, images, labels, seed) if checkpoint else {}
    if checkpoint and checkpoint.exists():
        done, history = state.load(checkpoint, identity)
    steps = math.ceil(len(images) / recipe.batch_size)
    with progress_bar(enabled=progress) as bar:
        task = bar.add_task(
            "training", total=recipe.epochs * steps, completed=done * steps, note=""
        )
        for epoch in range(done, recipe.epochs):
            loss = train_epoch(state, images, labels, seed, epoch, lambda: bar.advance(task))
            if not np.isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} in epoch {epoch + 1}; lower lr (it is {recipe.lr:g})"
                )
            row = {"epoch": epoch + 1, "loss": loss} | after_epoch(state, epoch)
            history.append(row)
            if checkpoint:
                state.save(checkpoint, epoch + 1, identity, history)
            bar.update(task, note=" ".join(f"{k} {v:.4g}" for k, v in row.items()))
    return history
