"""The training of one experiment and seed, which resumes where it was interrupted."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nsm.datasets.files import Data
from nsm.nn.files.checkpoint import load, save
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.sigmoid import SigmoidLinear
from nsm.paper.experiment import Experiment
from nsm.training.fit import fit
from nsm.training.initialize import initialize
from nsm.training.state import epochs_done

#: Training images from which a network that starts from another one takes its β.
_IMAGES_OF_START = 500


def trained(
    experiment: Experiment,
    seed: int,
    data: Data,
    folder: Path,
    measure: Callable[[nn.Sequential], Mapping[str, float]] = lambda model: {},
) -> tuple[nn.Sequential, Any]:
    """Train the network of an experiment and save it in `folder`.

    Args:
        experiment: Row of the table.
        seed: Seed of the initial weights and of the training.
        data: Training and test images.
        folder: Where the network is saved and the unfinished training is kept, to be resumed.
        measure: Called after every epoch; what it returns is added to the history. Default:
            nothing.

    Returns:
        The trained network, on the device where it was trained, and its history with one row per
        epoch, "seconds" of processor time included.
    """
    last = [time.process_time()]
    checkpoint = folder / f"{experiment.name}_{seed}.training"
    epochs = [epochs_done(checkpoint) if checkpoint.exists() else 0]
    told = epoch_file(folder, experiment.name, seed)

    def timed(model: Any) -> Mapping[str, float]:
        now = time.process_time()
        before = last[0]
        last[0] = now
        epochs[0] += 1
        told.write_text(f"{experiment.name} seed {seed}: {epochs[0]} of {experiment.epochs} epochs")
        return {"seconds": now - before, **measure(model)}

    torch.manual_seed(seed)
    model = experiment.build()
    if experiment.start:
        before = load(folder / f"{experiment.start}_{seed}.safetensors")
        assert isinstance(before, nn.Sequential)
        start_from(model, before, data.x_train[:_IMAGES_OF_START], seed)
    if "hardware" not in experiment.recipe:  # chips are programmed on the CPU
        model.to(machine_device())
    history = fit(
        model,
        data.x_train,
        data.y_train,
        epochs=experiment.epochs,
        rng=seed,
        progress=False,
        checkpoint=checkpoint,
        **experiment.recipe,
        measure=timed,
    )
    told.unlink(missing_ok=True)
    save(
        model,
        checkpoint.with_suffix(".safetensors"),
        note=f"nsm.paper: {experiment.name}, seed {seed}",
    )
    return model, history


def epoch_file(folder: Path, name: str, seed: int) -> Path:
    """Return the file in which a running training tells how many epochs it has done."""
    return folder / f"{name}_{seed}.epochs"


def epochs_told(folder: Path, name: str, seed: int) -> list[str]:
    """Return what the running trainings of an experiment tell, those of an ensemble included."""
    files = folder.glob(f"{epoch_file(folder, name, seed).stem}*.epochs")
    texts = []
    for file in sorted(files):
        with suppress(FileNotFoundError):  # it has finished meanwhile
            texts.append(file.read_text())
    return texts


def machine_device() -> torch.device:
    """Return the device of trainings: the GPU, if torch finds one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def start_from(model: nn.Sequential, before: nn.Sequential, x: Any, seed: int) -> None:
    """Give a network the weights of a trained one, layer by layer, and then set its β by eq. 8.

    Args:
        model: The network, changed in place. Its layers with weights are those of `before`, in the
            same order; what `before` lacks, such as β, comes from the images.
        before: The trained network.
        x: Images for eq. 8, see `nsm.initialize`.
        seed: Seed of the noise of eq. 8.
    """
    layers, trained_layers = (
        [m for m in network if hasattr(m, "weight")] for network in (model, before)
    )
    for layer, source in zip(layers, trained_layers, strict=True):
        known = {k: v for k, v in source.state_dict().items() if k in layer.state_dict()}
        layer.load_state_dict({**layer.state_dict(), **known})
    model.eval()
    if any(isinstance(layer, NeuralSampling) for layer in model):
        initialize(model, x, rng=seed)


def last_hidden(model: nn.Sequential) -> nn.Module:
    """Return the last hidden layer of a network."""
    return [m for m in model if isinstance(m, (NeuralSampling, SigmoidLinear))][-1]


def weight_of(layer: nn.Module) -> Tensor:
    """Return the weights of a layer without their gradient."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()
