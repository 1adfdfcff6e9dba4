"""Training: one loop for every network, resumable after a kill, the same whether it was interrupted or not."""

import copy
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from devices.seeding import RNG, child, seed_sequence, stream
from devices.validation import array, choice, integer, number
from nsm.nn.checkpoint import FORMAT, describe, read_tensors, write_tensors
from nsm.nn.inference import check_labels, error_rate
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.stochastic import reseed
from nsm.progress import progress_bar

#: Adam's rate over its first value, by the part of the training that is done: 1 at 0.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "halving": lambda done: 0.5 ** int(4 * done),
    "constant": lambda done: 1.0,
}


#: Changes a batch of images (n, pixels) with what the generator draws.
Augmentation = Callable[[Tensor, np.random.Generator], Tensor]


def initialize(model: nn.Sequential, x: ArrayLike, *, rng: RNG = None) -> None:
    """Set β and b of every NSM layer so that its erf argument has mean 0 and standard deviation 1 over `x`.

    With t = w·z/‖w‖ and its mean μ and standard deviation σ over the batch: β = 1/σ, b = −μ ‖w‖ √(2 Var ξ)/σ
    (Detorakis et al. 2019, eq. 8, here exact with the bias; for real-valued inputs ‖w∘x‖ stands for ‖w‖ in t and its
    batch mean in b). In a convolution the batch of a channel is all its locations; with a β for every location, b keeps the
    channel's mean at 0. Layers are set in order, each on the noisy states of those before. A layer with `beta="native"`
    keeps its β; one without bias keeps its mean.
    """
    if not any(isinstance(layer, NeuralSampling) for layer in model):
        raise ValueError(
            "initialize sets β and b of neural sampling layers, and the network has none of its own"
        )
    if len(np.asarray(x)) < 2:
        raise ValueError(
            f"initialize takes means over images, and x has {len(np.asarray(x))}; give at least two"
        )
    reseed(model, rng)
    some = next(model.parameters())
    z = torch.as_tensor(array("x", x, ndim=2), dtype=some.dtype, device=some.device)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, NeuralSampling):
                product, norm, _ = layer.terms(z)
                t = product / norm.clamp_min(torch.finfo(norm.dtype).tiny)
                others = [d for d in range(t.ndim) if d != 1]
                over = [0] if layer.beta.ndim > 1 else others
                if layer.beta_mode == "learned":
                    layer.beta.copy_(1 / t.std(dim=over, correction=0).clamp_min(1e-6))
                if layer.bias is not None:  # of a channel, whatever its β belongs to
                    wanted = -(t * layer.broadcast_outputs(layer.beta)).mean(dim=others) * layer.s
                    layer.bias.copy_(wanted * norm.expand_as(t).mean(dim=others))
            z = layer(z)


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """The settings of `fit`, checked."""

    epochs: int
    lr: float
    lr_schedule: str
    batch_size: int
    weight_decay: float
    label_smoothing: float
    ema_decay: float
    augment: Augmentation | None

    def __post_init__(self) -> None:
        integer("epochs", self.epochs, at_least=1)
        integer("batch_size", self.batch_size, at_least=1)
        number("lr", self.lr, above=0)
        choice("lr_schedule", self.lr_schedule, SCHEDULES)
        number("weight_decay", self.weight_decay, at_least=0)
        number("label_smoothing", self.label_smoothing, at_least=0, below=1)
        number("ema_decay", self.ema_decay, at_least=0, below=1)

    def note(
        self, model: nn.Module, x: Tensor, y: Tensor, seed: np.random.SeedSequence
    ) -> dict[str, Any]:
        """Return what a checkpoint must share with the run that resumes it, as JSON gives it back."""
        data = hashlib.sha256(x.numpy().tobytes() + y.numpy().tobytes()).hexdigest()[:16]
        identity = {
            "architecture": describe(model),
            "data": data,
            "seed": seed.generate_state(4).tolist(),
        }
        augment = None if self.augment is None else repr(self.augment)
        note: dict[str, Any] = json.loads(
            json.dumps({**identity, **vars(self), "augment": augment})
        )
        return note


@dataclass
class _State:
    """What training changes: the network, the running mean of its weights, and Adam's moments."""

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Adam

    def step(self, inputs: Tensor, labels: Tensor, recipe: _Recipe, made: int, total: int) -> float:
        """Take the step number `made`, counted from 0, of `total`; return the mean loss before it."""
        self.optimizer.param_groups[0]["lr"] = recipe.lr * SCHEDULES[recipe.lr_schedule](
            made / total
        )
        loss = nn.functional.cross_entropy(
            self.model(inputs), labels, label_smoothing=recipe.label_smoothing
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        share = (1 - recipe.ema_decay) / (1 - recipe.ema_decay ** (made + 1))  # 1 in the first step
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.model.parameters()), share
            )
        return float(loss.detach())

    def save(self, path: Path, done: int, recipe: Mapping[str, Any], history: Any) -> None:
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
        note = {"recipe": recipe, "epochs_done": done, "history": history}
        write_tensors(tensors, path, {"format": FORMAT, "training": json.dumps(note)})

    def load(self, path: Path, recipe: Mapping[str, Any]) -> tuple[int, list[Any]]:
        tensors, metadata = read_tensors(path)
        note = json.loads(metadata.get("training", "{}"))
        found = note.get("recipe") or {}
        if found != recipe:
            differ = sorted(
                k for k in recipe.keys() | found.keys() if found.get(k) != recipe.get(k)
            )
            raise ValueError(
                f"checkpoint {path} is of another training (it differs in {', '.join(differ)}); "
                "name another file, or delete this one to start anew"
            )
        for prefix, target in (("model.", self.model), ("average.", self.average)):
            target.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, index, name = key.split(".")
                moments.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        return note["epochs_done"], note["history"]


def _epoch(
    state: _State,
    images: Tensor,
    labels: Tensor,
    recipe: _Recipe,
    seed: np.random.SeedSequence,
    epoch: int,
    after_step: Callable[[], None],
) -> float:
    """Train on all images once and return the mean loss; what is random is drawn from `seed` and `epoch` alone."""
    reseed(state.model, child(seed, epoch, 0))
    batches = torch.from_numpy(stream(seed, epoch, 1).permutation(len(images))).split(
        recipe.batch_size
    )
    changes = stream(seed, epoch, 4)
    device = next(state.model.parameters()).device
    state.model.train()
    total = 0.0
    with torch.random.fork_rng():
        torch.manual_seed(
            int(child(seed, epoch, 2).generate_state(1)[0])
        )  # nn.Dropout knows only this stream
        for step, rows in enumerate(batches):
            inputs = (
                images[rows] if recipe.augment is None else recipe.augment(images[rows], changes)
            )
            made, whole = epoch * len(batches) + step, recipe.epochs * len(batches)
            total += len(rows) * state.step(
                inputs.to(device), labels[rows].to(device), recipe, made, whole
            )
            after_step()
    for mean, last in zip(state.average.buffers(), state.model.buffers(), strict=True):
        mean.copy_(last)  # statistics of batch normalisation, which are running means already
    return total / len(images)


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
) -> pd.DataFrame:
    """Train `model` in place, on the device where it is, with Adam on the cross-entropy; return the history.

    x: (n, inputs) finite; y: (n,) class numbers. One row per epoch: epoch, loss, and the error on `validation`
    (images, labels) where given, and what `measure` finds in the network. schedule: the rate falls to 0 along a cosine,
    or is halved after every quarter ("halving"), or is "constant". Order of images, changes to them and noise of epoch e are
    drawn from `rng` and e alone, so that a run that was killed and resumes from `checkpoint` (written after every epoch)
    ends bit for bit where it would have.
    augment: changes each batch (images, generator) before it is seen, as `nsm.training.augment.ShiftAndMirror` does.
    averaging: the trained weights are a running mean over steps, in which those of k steps before the last weigh
    averagingᵏ (0: the last weights alone); the weights at the start are no part of it.
    Raises ValueError for bad data or settings, or a checkpoint of another training.
    """
    recipe = _Recipe(
        epochs=epochs,
        lr=lr,
        lr_schedule=lr_schedule,
        batch_size=batch_size,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        ema_decay=ema_decay,
        augment=augment,
    )
    images = torch.as_tensor(array("x", x), dtype=torch.float32)
    last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1:]
    labels = torch.as_tensor(check_labels(y, len(images), last[0].out_features if last else None))
    if not len(images):
        raise ValueError("there are no images to train on; give at least one")
    seed = seed_sequence(rng)
    note = recipe.note(model, images, labels, seed) if checkpoint else {}
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    state = _State(model, copy.deepcopy(model), optimizer)
    done = 0
    history: list[dict[str, float]] = []
    if checkpoint and Path(checkpoint).exists():
        done, history = state.load(Path(checkpoint), note)
    steps = math.ceil(len(images) / batch_size)
    with progress_bar(enabled=progress) as bar:
        task = bar.add_task("training", total=epochs * steps, completed=done * steps, note="")
        for epoch in range(done, epochs):
            loss = _epoch(state, images, labels, recipe, seed, epoch, lambda: bar.advance(task))
            if not np.isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} in epoch {epoch + 1}; lower lr (it is {lr:g})"
                )
            row = {"epoch": epoch + 1, "loss": loss}
            if validation is not None:
                row["error"] = error_rate(
                    state.average, *validation, validation_samples, rng=child(seed, epoch, 3)
                )
            if measure is not None:
                row |= measure(model)
            history.append(row)
            if checkpoint:
                state.save(Path(checkpoint), epoch + 1, note, history)
            bar.update(task, note=" ".join(f"{k} {v:.4g}" for k, v in row.items()))
    model.load_state_dict(state.average.state_dict())
    model.eval()
    return pd.DataFrame(history)
