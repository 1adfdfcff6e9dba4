"""A network as a chip would compute it, differentiable, with the parameters of the network."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from crossbar import Hardware
from devices.seeding import RNG, child, seed_sequence
from nsm.chips.hardware_table import as_table
from nsm.chips.map import check_model
from nsm.chips.planning.examples import given_example
from nsm.chips.planning.plans import new_plan
from nsm.chips.planning.tracing import move_hooks
from nsm.chips.streams import Stream
from nsm.chips.structures import tensors_of
from nsm.training.hardware_aware.aware_layers import AwareLayer, aware_layer
from nsm.training.hardware_aware.checks import check_slot, checked_steps
from nsm.training.hardware_aware.drawn_layer import DrawnLayer
from nsm.training.hardware_aware.draws import Draws
from nsm.training.hardware_aware.slots import check_weights, slots_of


class HardwareAware(nn.Module):
    """A network as a chip would compute it; `hardware_aware` makes it.

    In `train()` every call draws a fresh chip from the seed and the number of the call. In `eval()`
    all calls read one chip, the one that `map_to_crossbar(model, hardware, rng=rng)` programs with
    the weights of now. Gates and read noise are drawn in every call of either mode.

    Attributes:
        network: A copy of the network that shares its parameters and buffers, whose layers on tiles
            are replaced.
        step: Number of the next call in `train()`.
        weights_are_in: What messages name where this module is given in place of a network.
    """

    weights_are_in = "the network that it was made from, its attribute model"

    def __init__(
        self, model: nn.Module, network: nn.Module, draws: Draws, seed: np.random.SeedSequence
    ) -> None:
        super().__init__()
        self.network = network
        self.step = 0
        self._model = (model,)  # in a tuple: its parameters are those of `network`
        self._draws = draws
        self._chip_seed = seed
        self._seed = seed
        self._held: tuple[list[np.ndarray], list[DrawnLayer]] | None = None
        self.training = model.training

    @property
    def model(self) -> nn.Module:
        """The network that is trained."""
        return self._model[0]

    def restart(self, rng: RNG) -> None:
        """Let the chips of training depend on another seed, from step 0 on.

        What holds for several steps, such as the factors of wires, is found anew. The chip of
        `eval()` stays.

        Args:
            rng: Seed, Generator, SeedSequence or None.
        """
        self._seed = seed_sequence(rng)
        self.step = 0
        self._draws.forget()

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return the network's outputs of one noisy pass through a chip.

        Args:
            inputs: The network's arguments, tensors.
            options: Further arguments, as the network takes them.

        Raises:
            ValueError: An input is an array that is no tensor, or there is no tensor.
        """
        advice = f"give a torch.Tensor, such as torch.as_tensor(x, dtype={self._like().dtype})"
        tensors_of((inputs, options), "a network of nsm.hardware_aware", advice)
        for layer, drawn in zip(self.aware_layers(), self._chip(), strict=True):
            layer.drawn = drawn
        return self.network(*inputs, **options)

    def aware_layers(self) -> list[AwareLayer]:
        """Return the layers on tiles, in the order of the plan."""
        found = {m.slot.path: m for m in self.network.modules() if isinstance(m, AwareLayer)}
        return [found[slot.path] for slot in self._draws.slots]

    def effective_weights(self) -> dict[str, Tensor]:
        """Return the mean weights that a read of the last chip saw, (outputs, inputs), by layer.

        They are those of the main arrays, behind wires, times the mean factor of gates and cells.
        """
        return {layer.slot.path: layer.drawn.main for layer in self.aware_layers()}

    def _like(self) -> Tensor:
        """Return a tensor of the precision and device of the network."""
        return next(self.network.parameters())

    def _chip(self) -> list[DrawnLayer]:
        like = self._like()
        if self.training:
            seed = child(self._seed, Stream.TRAINING, self.step)
            drawn = self._draws.of_step(seed, self.step, like)
            self.step += 1
            return drawn
        weights = [
            values
            for slot in self._draws.slots
            for wanted in slot.wanted()
            for values in (wanted.weight, wanted.bias, getattr(wanted.neurons, "beta", None))
            if values is not None
        ]
        if self._held is None or not _same(weights, self._held[0], like, self._held[1]):
            drawn = self._draws.of_chip(self._chip_seed, like)
            # Arrays of a float64 network lie in the memory of its parameters, which change.
            self._held = [values.copy() for values in weights], drawn
        return self._held[1]


def _same(
    weights: list[np.ndarray], before: list[np.ndarray], like: Tensor, drawn: list[DrawnLayer]
) -> bool:
    """Return whether a chip was programmed with these weights, in this precision and place."""
    first = drawn[0].main
    fits = first.dtype == like.dtype and first.device == like.device
    return fits and all(np.array_equal(a, b) for a, b in zip(weights, before, strict=True))


def hardware_aware(
    model: nn.Module,
    hardware: Hardware | Mapping[str, Hardware | None],
    *,
    rng: RNG,
    wires_every: int | None = None,
    range_every: int | None = None,
    example: Any = None,
) -> HardwareAware:
    """Return a network as a chip would compute it, which trains the network it was made from.

    The result shares all parameters with `model`, so that any torch optimizer and loss train it.
    Layers go on tiles by the rules of `map_to_crossbar`, and the cells are programmed by the same
    code: weight range and clipping, levels, programming error, stuck cells, read noise, gates,
    pedestals, reference columns, bias lines, deterministic paths and wires are those of a chip.

    In `train()` every call draws a fresh chip: programming errors, stuck cells, offsets of
    comparators, and the first states of noise with memory. In `eval()` all calls read the chip that
    `map_to_crossbar(model, hardware, rng=rng)` programs. Gates and read noise are drawn in every
    call. A neural sampling layer has the noise of the chip in place of its own, matched as
    `map_to_crossbar` matches it, so that no noise counts twice. Chips are new: they have not aged.
    Converters clip and round in the ranges of the hardware, an open ADC in that of mapping.

    Sums are drawn as one normal per output, with the mean and variance of a read. Gradients are
    straight-through: a weight acts as if it were programmed exactly, and converters as if they did
    not round; what is clipped has no gradient.
    The variance of read noise is a constant for the weights, except for the factor of a neural
    sampling layer, whose gradient is that of its firing probability (Bengio et al. 2013,
    arXiv:1308.3432; Joshi et al. 2020, doi:10.1038/s41467-020-16108-9).

    Args:
        model: Any `torch.nn.Module` whose weights on tiles belong to linear layers, convolutions
            and neural sampling layers. Batch normalization behind them is folded as on a chip.
        hardware: Description of the chip, or a mapping from layers to one, as for
            `map_to_crossbar`.
        rng: Seed, Generator or None.
        wires_every: Calls for which the attenuations by the wires hold, default 50. Between, the
            conductances of each fresh chip are multiplied by the last attenuations.
        range_every: Calls for which ranges hold that `weight_range="least_squares"` finds, default
            50; the other rules are cheap and applied in every call.
        example: Inputs with which the plan is checked, as for `map_to_crossbar`.

    Raises:
        ValueError: Naming the layer or option: what `map_to_crossbar` refuses; DACs of open range,
            converters of parts of a sum, currents that are not linear in the inputs, layers inside
            recurrent layers or attention; or an option that has no effect.
    """
    check_model(model)
    check_weights(model)
    table = as_table(hardware)
    seed = seed_sequence(rng)
    plan = new_plan(model, table, None if example is None else given_example(example))
    shared = {id(t): t for t in (*model.parameters(), *model.buffers())}
    network = copy.deepcopy(model, shared)
    slots = slots_of(plan, network, table)
    for slot in slots:
        check_slot(slot)
    steps = checked_steps(slots, wires_every, range_every)
    network = replaced(network, {id(slot.layer): aware_layer(slot) for slot in slots})
    return HardwareAware(model, network, Draws(slots, *steps), seed)


def replaced(network: nn.Module, layers: dict[int, AwareLayer]) -> nn.Module:
    """Return a network with layers replaced, which keep the hooks of the replaced ones."""
    for parent in list(network.modules()):
        if isinstance(parent, AwareLayer):
            continue
        for name, child_module in list(parent.named_children()):
            if id(child_module) in layers:
                setattr(parent, name, move_hooks(child_module, layers[id(child_module)]))
    own = layers.get(id(network))
    return network if own is None else move_hooks(network, own)
