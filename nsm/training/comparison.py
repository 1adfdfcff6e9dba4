"""Networks that are compared: one recipe for all of them, and several trainings of each."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import nn

from devices.validation import integer
from nsm.nn.coding import Coding
from nsm.nn.files.checkpoint import load, save
from nsm.nn.files.tensor_file import FORMAT, FORMAT_ANY, read_tensors
from nsm.nn.stochastic import seed_torch
from nsm.training.augment import FlipInputs
from nsm.training.fit import fit

#: Networks by name, and each one's trainings by their seed, as `nsm.grid` takes them.
Trainings = dict[str, dict[int, nn.Module]]


def recipe_text(*, epochs: int, **recipe: Any) -> str:
    """Return a recipe of `nsm.fit` in words, as figures show it beside the networks it trained.

    Args:
        epochs: Passes over the images.
        recipe: Options of `nsm.fit`. Those that are left out have no part in the text, except that
            a missing regularizer is named: a comparison depends on it.
    """
    smoothing = recipe.get("label_smoothing", 0.0)
    averaging = recipe.get("ema_decay", 0.0)
    augment = recipe.get("augment")
    if isinstance(augment, FlipInputs):
        flips = f"input flips {100 * augment.p:g} %" if augment.p else "no input flips"
    else:
        flips = "no input flips" if augment is None else repr(augment)
    return ", ".join(
        [
            f"{epochs} epochs",
            f"label smoothing {smoothing:g}" if smoothing else "no label smoothing",
            flips,
            f"weight averaging {averaging:g}" if averaging else "no weight averaging",
        ]
    )


def _regularizers(model: nn.Module) -> list[str]:
    """Return what a network draws in training besides the noise that belongs to its neurons."""
    found = [f"flip={m.flip:g}" for m in model.modules() if isinstance(m, Coding) and m.flip]
    found += [f"dropout={m.p:g}" for m in model.modules() if isinstance(m, nn.Dropout) and m.p]
    return sorted(found)


def _check_alike(builders: Mapping[str, Callable[[], nn.Module]], seeds: Sequence[int]) -> None:
    """Raise ValueError for bad seeds, or networks whose own regularizers differ."""
    if not builders or not seeds:
        raise ValueError(
            f"there is nothing to train (networks {list(builders)}, seeds {list(seeds)}); give at "
            "least one of each"
        )
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds = {list(seeds)} repeats one; give each training its own seed")
    for seed in seeds:
        integer("seed", seed, at_least=0)
    with torch.random.fork_rng(devices=[]):
        own = {name: _regularizers(build()) for name, build in builders.items()}
    if len({tuple(found) for found in own.values()}) > 1:
        differ = "; ".join(f"{name}: {', '.join(f) or 'none'}" for name, f in own.items())
        raise ValueError(
            f"the networks have different regularizers of their own ({differ}), so that this "
            "would not be one recipe; build them without, and give all of them "
            "augment=FlipInputs(p)"
        )


def train_alike(
    builders: Mapping[str, Callable[[], nn.Module]],
    x: ArrayLike,
    y: ArrayLike,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    folder: str | Path | None = None,
    progress: bool = True,
    **recipe: Any,
) -> Trainings:
    """Train several networks with one recipe, each from several seeds.

    The seed of a training decides the first weights (torch's own stream, as it was before, goes on
    afterwards), the order of the images, and the noise. All networks have the same seeds.

    Args:
        builders: Makes an untrained network, by the network's name.
        x: Images (n, inputs).
        y: Labels (n,).
        seeds: Seeds of the trainings.
        folder: Keeps every training as NAME_SEED.safetensors, and loads what is there already, so
            that the same call resumes; None (default) keeps nothing.
        progress: Whether to show progress bars.
        recipe: Options of `nsm.fit`, the same for all: epochs, lr, label_smoothing, ...

    Returns:
        {name: {seed: network}}, as `nsm.grid` takes it. The rows of a sweep then have the column
        "training_seed".

    Raises:
        ValueError: There are no networks or no seeds, networks have different regularizers of
            their own, or a file in `folder` was trained with another recipe.
        FloatingPointError: The loss or a weight of a network is no longer finite; with its name.
    """
    _check_alike(builders, seeds)
    note = f"train_alike({', '.join(f'{k}={recipe[k]!r}' for k in sorted(recipe))})"
    trained: Trainings = {name: {} for name in builders}
    for seed in seeds:
        for name, build in builders.items():
            path = None if folder is None else Path(folder) / f"{name}_{seed}.safetensors"
            if path is not None and path.exists():
                _check_note(path, note)
                trained[name][seed] = load(path)
                continue
            with torch.random.fork_rng(devices=[]):
                seed_torch(seed)
                model = build()
            try:
                fit(model, x, y, rng=seed, progress=progress, **recipe)
            except FloatingPointError as problem:
                raise FloatingPointError(f"{name}, seed {seed}: {problem}") from None
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                save(model, path, note=note)
            trained[name][seed] = model
    return trained


def _check_note(path: Path, note: str) -> None:
    """Raise ValueError if a file was written by another recipe."""
    _, metadata = read_tensors(path, (FORMAT, FORMAT_ANY))
    found = metadata.get("note", "")
    if found != note:
        raise ValueError(
            f"{path} was trained with another recipe ({found or 'unknown'}; asked for: {note}); "
            "name another folder, or delete the file"
        )
