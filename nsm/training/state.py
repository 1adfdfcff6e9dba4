"""What training changes (network, averaged weights, Adam's moments), and its checkpoints."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nsm.nn.files.tensor_file import FORMAT, check_values, read_tensors, write_tensors
from nsm.training.adam import Adam
from nsm.training.hardware_aware.network import HardwareAware
from nsm.training.recipe import Recipe
from nsm.training.weight_bound import WeightBounds


def epochs_done(path: Path) -> int:
    """Return how many epochs a checkpoint holds.

    Raises:
        ValueError: The file is damaged or no checkpoint.
    """
    _, metadata = read_tensors(path)
    try:
        return int(json.loads(metadata["training"])["epochs_done"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is no checkpoint of a training; name another file") from None


class TrainingState:
    """A network in training. It stays as it is until `start`, or until a checkpoint is loaded.

    Attributes:
        model: The network, with the weights of the last step.
        average: The same network with the weights averaged over steps.
        computing: What computes the network in training: itself, or what a chip would compute.
        computing_average: The same of the averaged weights.
        optimizer: Adam, with its moments.
        recipe: The settings of the run.
        bounds: The bounds of the weights; None if they are free.
        device: Where the network is.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, computing: HardwareAware | None = None
    ) -> None:
        self.model = model
        self.bounds = None
        if recipe.weight_bound is not None:
            self.bounds = WeightBounds(model, recipe.weight_bound)
        self.computing: nn.Module = computing or model
        self.computing_average = copy.deepcopy(self.computing)
        self.average = (
            self.computing_average.model
            if isinstance(self.computing_average, HardwareAware)
            else self.computing_average
        )
        self.device = next(model.parameters()).device
        # On a GPU the rates lie there, so that a recorded step reads them anew.
        on_gpu = self.device.type == "cuda"
        self._share: float | Tensor = torch.ones((), device=self.device) if on_gpu else 1.0
        self.optimizer = Adam(
            model.parameters(),
            lr=torch.tensor(recipe.lr, device=self.device) if on_gpu else recipe.lr,
            weight_decay=recipe.weight_decay,
            capturable=on_gpu,
        )
        self.recipe = recipe

    def start(self) -> None:
        """Bring the weights into their bounds, before the first step of a new training."""
        if self.bounds is not None:
            self.bounds.clip()

    def check_finite(self, epoch: int) -> None:
        """Raise FloatingPointError, naming a parameter, if one is no longer finite after an epoch.

        Args:
            epoch: Number of the epoch, from 0.
        """
        for name, values in self.model.named_parameters():
            if not bool(torch.isfinite(values).all()):
                raise FloatingPointError(
                    f"{name} of the {type(self.model).__name__} holds NaN or infinity after epoch "
                    f"{epoch + 1}; lower lr (it is {self.recipe.lr:g})"
                )

    def set_step(self, step: int, steps: int) -> None:
        """Set the rates of step number `step`, counted from 0, of `steps`."""
        rate, share = self.recipe.rate(step, steps), self.recipe.averaging_share(step)
        group = self.optimizer.param_groups[0]
        if isinstance(self._share, Tensor):
            group["lr"].fill_(rate)
            self._share.fill_(share)
        else:
            group["lr"], self._share = rate, share

    def compute_step(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Take a step at the rates that are set; return the mean loss before it."""
        loss = nn.functional.cross_entropy(
            self.computing(inputs), labels, label_smoothing=self.recipe.label_smoothing
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.bounds is not None:
            self.bounds.clip()
        with torch.no_grad():
            of_average: list[Tensor] = list(self.average.parameters())
            of_model: list[Tensor] = list(self.model.parameters())
            if isinstance(self._share, Tensor):
                for mean, last in zip(of_average, of_model, strict=True):
                    mean.lerp_(last, self._share)
            else:
                torch._foreach_lerp_(of_average, of_model, self._share)
        return loss.detach()

    def take_step(self, inputs: Tensor, labels: Tensor, step: int, steps: int) -> Tensor:
        """Take step number `step`, counted from 0, of `steps`; return the mean loss before it."""
        self.set_step(step, steps)
        return self.compute_step(inputs, labels)

    def keep_statistics(self) -> None:
        """Copy the statistics of batch normalization, which are running means already."""
        for mean, last in zip(self.average.buffers(), self.model.buffers(), strict=True):
            mean.copy_(last)

    def save(self, path: Path, epochs_done: int, identity: Mapping[str, Any], history: Any) -> None:
        """Write a checkpoint in one step; the one before stays until this one is complete."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
        note = {
            "recipe": identity,
            "epochs_done": epochs_done,
            "history": history,
            "tensors": sorted(tensors),
        }
        write_tensors(tensors, path, {"format": FORMAT, "training": json.dumps(note)})

    def load(self, path: Path, identity: Mapping[str, Any]) -> tuple[int, list[Any]]:
        """Take over a checkpoint; return the epochs done and their history.

        Raises:
            ValueError: If the checkpoint is of another training, naming what differs; or it lacks
                tensors, holds NaN, or counts epochs that this training does not have.
        """
        tensors, metadata = read_tensors(path)
        note = json.loads(metadata.get("training", "{}"))
        found = note.get("recipe") or {}
        if found != identity:
            differ = sorted(
                k for k in identity.keys() | found.keys() if found.get(k) != identity.get(k)
            )
            raise ValueError(
                f"checkpoint {path} is of another training (it differs in {', '.join(differ)}); "
                "name another file, or delete this one to start anew"
            )
        _check_whole(note, tensors, path, self.recipe.epochs)
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


def _check_whole(
    note: Mapping[str, Any], tensors: Mapping[str, Tensor], path: Path, epochs: int
) -> None:
    """Raise ValueError unless a checkpoint of this training is whole."""
    advice = "take another copy of it, or delete it to start anew"
    wanted = note.get("tensors", list(tensors))  # earlier versions listed none
    lacking = sorted(set(wanted) ^ tensors.keys())
    if lacking:
        raise ValueError(f"checkpoint {path} is not whole: see {', '.join(lacking[:3])}; {advice}")
    check_values(tensors, f"checkpoint {path}")
    done = note.get("epochs_done")
    if type(done) is not int or not 0 <= done <= epochs:
        raise ValueError(
            f"checkpoint {path} counts {done!r} epochs of a training of {epochs}; {advice}"
        )
