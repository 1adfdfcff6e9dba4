"""Training: one loop for every network; a killed run that resumes ends bit for bit the same."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from crossbar import Hardware
from devices.seeding import RNG, child, seed_sequence
from nsm.chips.hardware_table import as_table
from nsm.nn.files.tensor_file import check_values
from nsm.nn.inference import check_holds_weights, check_labels, output_shape, some_images
from nsm.progress import progress_bar
from nsm.training.augment import FlipInputs, ShiftAndMirror
from nsm.training.epoch import Stream, train_epoch
from nsm.training.hardware_aware.network import HardwareAware, hardware_aware
from nsm.training.mark import checkpoint_file
from nsm.training.measures import Measures
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
    weight_bound: float | None = None,
    hardware: Hardware | Mapping[str, Hardware | None] | None = None,
    wires_every: int | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    validation_samples: int = 10,
    measure: Callable[[nn.Module], Mapping[str, float]] | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> "pd.DataFrame":
    """Train a network in place with Adam on the cross-entropy; a killed run resumes bit for bit.

    Args:
        model: The network, on any device; it ends in `eval()` with the trained weights.
        x, y: Images (n, inputs), finite, and class numbers (n,).
        epochs, lr, ..., weight_bound: The recipe, see `nsm.training.recipe.Recipe`.
        rng: Seed, Generator or None; with a checkpoint a seed. Epoch e draws from it and e alone.
        hardware, wires_every: Chips to train for, see `nsm.hardware_aware`.
        validation: Images and labels of the error after every epoch (with hardware, the chip's).
        validation_samples: Noisy passes for this error.
        measure: Called with the network after every epoch; its numbers become columns.
        checkpoint: File that is written after every epoch, and from which a killed run resumes.
        progress: Whether to show a progress bar.

    Returns:
        A row for every epoch: epoch, loss, error (with `validation`), and those of `measure`.

    Raises:
        ValueError: For bad data or settings, or another training's checkpoint; nothing is changed.
        FloatingPointError: The loss, or a weight, is no longer finite.
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
        weight_bound=weight_bound,
        hardware=None if hardware is None else as_table(hardware),
        wires_every=wires_every,
    )
    measures = Measures(validation, validation_samples, measure)
    data = _checked(model, x, y, measures)
    return _table(_train(model, *data, recipe, rng, measures, checkpoint, progress))


def _table(history: list[dict[str, float]]) -> "pd.DataFrame":
    import pandas as pd  # imported here because it takes half a second

    return pd.DataFrame(history)


def _checked(
    model: nn.Module, x: ArrayLike, y: ArrayLike, measures: Measures
) -> tuple[Tensor, Tensor]:
    """Return images and labels as tensors; raise ValueError if they, or the measures, are wrong."""
    check_holds_weights(model)
    check_values(model.state_dict(), "the network")
    images = torch.as_tensor(some_images("x", x, "to train on"), dtype=torch.float32)
    last = list(model)[-1] if isinstance(model, nn.Sequential) and len(model) else None
    if isinstance(last, nn.Linear):  # no pass is needed, which hooks of the user would see
        classes, places = last.out_features, []
    else:
        classes, *places = output_shape(model, images)
    labels = check_labels(y, len(images), classes, tuple(places))
    measures.check(model, images.shape[1:], (classes, *places))
    return images, torch.as_tensor(labels)


def _on_chips(
    model: nn.Module, recipe: Recipe, images: Tensor, seed: np.random.SeedSequence
) -> HardwareAware | None:
    """Return the network as the chips of a recipe compute it; None without hardware."""
    if recipe.hardware is None:
        return None
    parameter = next(model.parameters())
    example = images[:2].to(device=parameter.device, dtype=parameter.dtype)
    return hardware_aware(
        model, recipe.hardware, rng=seed, wires_every=recipe.wires_every, example=example
    )


def _beside(
    device: torch.device, recipe: Recipe, images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return images and labels on a GPU, if they take at most a quarter of its free memory.

    A user's augmentation gets images on the CPU.
    """
    ours = recipe.augment is None or isinstance(recipe.augment, (ShiftAndMirror, FlipInputs))
    if device.type != "cuda" or not ours:
        return images, labels
    free, _ = torch.cuda.mem_get_info(device)
    if 4 * images.numel() * images.element_size() > free:
        return images, labels
    return images.to(device), labels.to(device)


def _train(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    rng: RNG,
    measures: Measures,
    checkpoint: str | Path | None,
    progress: bool,
) -> list[dict[str, float]]:
    """Train the epochs that a checkpoint does not hold yet; return the history of all epochs."""
    file = checkpoint_file(checkpoint, rng, "training.safetensors")
    seed = seed_sequence(rng)
    state = TrainingState(model, recipe, _on_chips(model, recipe, images, seed))
    done = 0
    history: list[dict[str, float]] = []
    identity: dict[str, Any] = {}
    if file:
        identity = recipe.identity(model, images, labels, seed) | measures.identity()
    if file and file.exists():
        done, history = state.load(file, identity)
    else:
        state.start()
    steps = math.ceil(len(images) / recipe.batch_size)
    images, labels = _beside(state.device, recipe, images, labels)
    with progress_bar(enabled=progress) as bar:
        task = bar.add_task(
            "training", total=recipe.epochs * steps, completed=done * steps, note=""
        )
        for epoch in range(done, recipe.epochs):
            loss = train_epoch(state, images, labels, seed, epoch, lambda: bar.advance(task))
            found = measures.of(state, child(seed, epoch, Stream.VALIDATION))
            row = {"epoch": epoch + 1, "loss": loss, **found}
            history.append(row)
            if file:
                state.save(file, epoch + 1, identity, history)
            bar.update(task, note=" ".join(f"{k} {v:.4g}" for k, v in row.items()))
    model.load_state_dict(state.average.state_dict())
    model.eval()
    return history
