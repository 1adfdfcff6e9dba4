"""Tuning of one chip: what lives in its periphery is trained, and no cell is written."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from devices.seeding import RNG, child, seed_sequence, stream
from devices.validation import integer, number
from nsm.chips.chip import MappedNetwork
from nsm.chips.hardware_table import as_table
from nsm.chips.planning.plans import new_plan
from nsm.chips.streams import Stream
from nsm.nn.inference import output_shape
from nsm.nn.stochastic import reseed
from nsm.training.adam import LARGEST_RATE, Adam
from nsm.training.hardware_aware.checks import check_slot
from nsm.training.hardware_aware.network import replaced
from nsm.training.hardware_aware.slots import slots_of
from nsm.training.hardware_aware.tuned_layers import TunedLayer


def tune(
    chip: MappedNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    steps: int = 200,
    batch_size: int = 100,
    lr: float = 0.02,
    rng: RNG = None,
) -> NDArray[np.float64]:
    """Train what lives in the periphery of a chip, on the chip as it is now; return the losses.

    No cell is written. An output that is read as a number gets a digital gain and a shift. A neural
    sampling neuron gets a factor a_i of its deterministic path, if it has one, and a threshold b_i;
    any other comparator gets a threshold. The chip keeps them: they are saved with it, its report
    names them (`tuning`), and its cost counts the multiplications.

    Each step is one of Adam, whose rate falls along a cosine, on the cross-entropy of one noisy
    pass of a batch. The pass is computed with mean and variance of the chip's reads, as measured
    conductances would give them, drifted, behind wires and between converters as they are;
    gradients are those of `nsm.hardware_aware`. Another call goes on from where this one ended.

    Args:
        chip: The chip, changed in place.
        x: Images (n, ...), as the network takes them.
        y: Class numbers, (n,).
        steps: Steps of training, default 200.
        batch_size: Images of a step, default 100; all of them if there are fewer.
        lr: First rate of Adam, default 0.02. Thresholds and factors a are in units of the noise of
            their neuron, shifts in those of the outputs.
        rng: Seed, Generator or None: which images a step takes, and the noise of its pass.

    Returns:
        The loss before every step, (steps,).

    Raises:
        ValueError: Images or labels do not fit, the network has several inputs or gives something
            else than scores (batch, classes), or naming a part of the hardware through which there
            is no gradient. The chip is then as before.
        FloatingPointError: The loss is no longer finite; the chip is as before.
    """
    integer("steps", steps, at_least=1)
    integer("batch_size", batch_size, at_least=1)
    number("lr", lr, above=0, at_most=LARGEST_RATE)
    images, labels = _checked(chip, x, y)
    network, layers = _tunable(chip)
    seed = child(seed_sequence(rng), Stream.TUNING)
    losses = np.empty(steps)
    for step, loss in enumerate(
        _steps(network, layers, images, labels, seed, steps=steps, size=batch_size, lr=lr)
    ):
        losses[step] = loss
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss} in step {step + 1}; lower lr (it is {lr:g})"
            )
    for layer in layers:
        layer.put_into_chip()
    return losses


def _checked(chip: MappedNetwork, x: ArrayLike, y: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return images and labels as tensors, or raise ValueError."""
    if not isinstance(chip, MappedNetwork):
        raise ValueError(
            f"nsm.tune got a {type(chip).__name__}; give a chip, as nsm.map_to_crossbar returns it"
        )
    checked: Any = chip.check_images(x)
    if isinstance(checked, (tuple, list, dict)):
        checked = checked[0] if isinstance(checked, (tuple, list)) and len(checked) == 1 else None
    if checked is None:
        raise ValueError(
            "nsm.tune trains networks of one input, and this one takes several; wrap it in a "
            "module that takes one"
        )
    dtype = next((p.dtype for p in chip.model.parameters()), torch.float32)
    images = torch.as_tensor(np.asarray(checked), dtype=dtype)
    if not len(images):
        raise ValueError("there are no images to tune on; give at least one")
    classes = chip.inputs.classes_of(checked)
    if classes is None:  # images of another size than was tried when the chip was mapped
        classes = output_shape(chip.model, images)[0]
    labels = chip.check_labels(y, len(images), classes)
    if labels.ndim != 1:
        raise ValueError(
            f"nsm.tune trains scores of images, (batch, classes), and these have labels of shape "
            f"{labels.shape}; segmentation is not known"
        )
    return images, torch.as_tensor(labels)


def _tunable(chip: MappedNetwork) -> tuple[nn.Module, list[TunedLayer]]:
    """Return the network of a chip in torch, reading the chip's cells, and its layers on tiles."""
    origin = chip.origin
    table = as_table(origin.hardware)
    network = copy.deepcopy(origin.model).requires_grad_(False)
    plan = new_plan(network, table, origin.example)
    slots = slots_of(plan, network, table)
    of_chip = {layer.path: layer for layer in chip.layers}
    layers = []
    for slot in slots:
        try:
            check_slot(slot, finished=True)
        except ValueError as problem:
            raise ValueError(f"nsm.tune knows what training for chips knows: {problem}") from None
        parts = [of_chip[part.path] for part in slot.parts]
        for part in parts:
            part.neurons.drivers.check_range()
        layers.append(TunedLayer(slot, parts, origin.reprogrammed_scale))
    by_layer = {id(layer.slot.layer): layer.module for layer in layers}
    return replaced(network, by_layer), layers


def _steps(
    network: nn.Module,
    layers: list[TunedLayer],
    images: Tensor,
    labels: Tensor,
    seed: np.random.SeedSequence,
    *,
    steps: int,
    size: int,
    lr: float,
) -> Iterator[float]:
    """Take the steps, and yield the loss before each."""
    parameters = [p for layer in layers for p in layer.parameters()]
    optimizer = Adam(parameters, lr=lr)
    order = stream(seed, 0)
    reseed(network, child(seed, 1))
    dropout_seed = int(child(seed, 2).generate_state(1)[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(dropout_seed)
        for step in range(steps):
            rows = torch.from_numpy(order.permutation(len(images))[:size])
            optimizer.param_groups[0]["lr"] = lr * 0.5 * (1 + np.cos(np.pi * step / steps))
            for layer in layers:
                layer.draw()
            loss = nn.functional.cross_entropy(network(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield float(loss.detach())
