"""From a trained network to a chip: one seeded programming of every tile."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from crossbar import Hardware
from devices.seeding import RNG, child, seed_sequence
from devices.validation import number
from nsm.chips.chip import MappedNetwork, Origin
from nsm.chips.hardware_table import as_table
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.planning.checked_plan import CheckedPlan
from nsm.chips.planning.examples import given_example
from nsm.chips.planning.plan import name_of, planned_layers
from nsm.chips.planning.planner import evaluating_copy
from nsm.chips.planning.plans import Plans, new_plan
from nsm.chips.planning.tracing import move_hooks
from nsm.chips.programming import check_weight_scale, programmed
from nsm.chips.streams import Stream


def map_to_crossbar(
    model: nn.Module,
    hardware: Hardware | Mapping[str, Hardware | None],
    *,
    rng: RNG,
    reprogrammed_scale: float = 1.0,
    example: Any = None,
) -> MappedNetwork:
    """Program a network into the tiles of one chip; same `rng`, same chip.

    Every layer with weights goes on tiles: linear layers, convolutions and their transposes, the
    matrices of recurrent layers and of attention, and products with constant weights in forwards
    that can be traced. Everything else stays digital, as torch computes it. Batch normalization
    right behind an array, and weight normalization, are folded into the weights.

    The siemens per weight of each layer are fixed by its largest |w|. Stochastic layers get the
    hardware's gate and end in comparators. NSM layers keep β and c = b/(√(2 Var ξ) ‖w‖) under the
    hardware's noise (a' = β s' − E ξ', b' = b s'/s, s = √(2 Var ξ)). Other layers are ungated and
    read by a converter, or by comparators if a `Sign` follows.

    Before anything is programmed, the network with ideal tiles is compared with the network itself
    on a few inputs: what is mapped is what was trained, or the mapping is refused.

    Args:
        model: The network, any `torch.nn.Module`. It is copied, and mapped as it computes in
            `eval()`; modules that were put back into `train()` after `eval()`, such as dropout,
            stay on.
        hardware: Description of the chip; or a mapping from names of layers or patterns to one, or
            to None for digital layers: `{"stem": a, "blocks.*": b, "head": None}`.
        rng: Seed, Generator or None.
        reprogrammed_scale: Factor α: α w and α b are programmed over the range that is fixed for w.
            A small α uses few levels, and a large one clips the weights that do not fit (see
            `MappedNetwork.report`).
        example: Inputs for the comparison, (batch, ...), a tuple for several inputs; None draws
            them from the shapes of the first layers.

    Raises:
        ValueError: A layer cannot be mapped or would be another one (it is named), weights are NaN,
            the hardware is free of noise and the network needs it, the deterministic path is
            missing, or no inputs for the comparison could be drawn.
    """
    return map_again(
        None, model, hardware, rng=rng, reprogrammed_scale=reprogrammed_scale, example=example
    )


def map_again(
    plans: Plans | None,
    model: nn.Module,
    hardware: Hardware | Mapping[str, Hardware | None],
    *,
    rng: RNG,
    reprogrammed_scale: float = 1.0,
    example: Any = None,
) -> MappedNetwork:
    """Return a chip as `map_to_crossbar` does; a network is planned and compared only once.

    Args:
        plans: The plans of earlier chips, to which new ones are added; None: there are no others.
        model: The network, which has not changed since its plan was made.
        hardware: As for `map_to_crossbar`, and so are all others.
        rng: Seed, Generator or None.
        reprogrammed_scale: Factor of weights and biases.
        example: Inputs for the comparison, the same for all chips.

    Raises:
        ValueError: As `map_to_crossbar`.
    """
    check_model(model)
    table = as_table(hardware)
    number("reprogrammed_scale", reprogrammed_scale, above=0)
    seed = seed_sequence(rng)
    given = None if example is None else given_example(example)
    plan = new_plan(model, table, given) if plans is None else plans.own(model, table, given)
    return program_plan(plan, model, hardware, seed=seed, reprogrammed_scale=reprogrammed_scale)


def program_plan(
    plan: CheckedPlan,
    model: nn.Module,
    hardware: Hardware | Mapping[str, Hardware | None],
    *,
    seed: np.random.SeedSequence,
    reprogrammed_scale: float = 1.0,
) -> MappedNetwork:
    """Return a plan programmed into the tiles of one chip, the second half of `map_to_crossbar`.

    A plan holds for every hardware that leaves the same layers digital.

    Args:
        plan: The plan, whose network becomes that of the chip: give each chip a deep copy of it.
        model: The network.
        hardware: As for `map_to_crossbar`.
        seed: Seed of all that is drawn.
        reprogrammed_scale: Factor of weights and biases.

    Raises:
        ValueError: Naming the layer, if its weights or the hardware do not allow it.
    """
    table = as_table(hardware)
    planned = [(layer, table.of(layer.path)) for layer in planned_layers(plan.network)]
    for layer, its in planned:
        assert its is not None
        check_weight_scale(layer, its)
    tiles: dict[int, TileLayer] = {}
    for layer, its in planned:
        assert its is not None
        own_seed = child(seed, Stream.MAP, layer.number)
        tiles[id(layer)] = programmed(layer, its, reprogrammed_scale, own_seed)
        tiles[id(layer)].dtype = plan.dtype
    origin = Origin(evaluating_copy(model), hardware, seed, reprogrammed_scale, plan.example)
    return MappedNetwork(_with_tiles(plan.network, tiles), plan, origin)


def check_model(model: nn.Module) -> None:
    """Raise ValueError unless a model is a network of real weights that torch can copy.

    Layers need weights with values, and at least one input and one output.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"cannot map a {type(model).__name__}: give a torch.nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(
            "cannot map a TorchScript module, whose layers cannot be replaced: give the network "
            "that it was made of"
        )
    for path, module in model.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            problem = _problem(own, parameter)
            if problem:
                raise ValueError(f"cannot map {name_of(path, type(module).__name__)}: {problem}")


def _problem(name: str, parameter: nn.Parameter) -> str | None:
    """Return why no chip holds the parameter `name` of a layer, and what to do; None if one may."""
    if isinstance(parameter, UninitializedParameter):
        return "it has no weights before its first pass; call the network once"
    if parameter.is_meta:
        return (
            f"its {name} is on the meta device and has no values; build it on the cpu and load its "
            "weights (nsm.load_weights)"
        )
    if parameter.is_complex():
        return (
            "its weights are complex, and a crossbar multiplies real numbers; split it into real "
            "and imaginary parts"
        )
    # Networks may hold empty vectors, which tell them their device.
    if parameter.ndim > 1 and not parameter.numel():
        return (
            f"its {name} has the shape {tuple(parameter.shape)}: it has no inputs or no outputs; "
            "leave the layer out"
        )
    return None


def _with_tiles(network: nn.Module, tiles: dict[int, TileLayer]) -> nn.Module:
    """Return a plan with its layers on tiles, which keep the hooks of the planned ones."""
    for parent in network.modules():
        for name, layer in parent.named_children():
            if id(layer) in tiles:
                setattr(parent, name, move_hooks(layer, tiles[id(layer)]))
    return tiles.get(id(network), network)
