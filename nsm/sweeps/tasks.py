"""Tasks: the points of a sweep, made from every combination of the values of its axes.

This file imports torch only inside functions, so that a mistake in a sweep file is found at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crossbar.hardware import Hardware
from devices.arguments import table, text
from devices.validation import choice, instance, integer, number, shortened
from nsm.chips.compensated_per import COMPENSATED_PER
from nsm.chips.hardware_table import HardwareTable, as_table
from nsm.sweeps.axes import TRAINING_SEED
from nsm.sweeps.hardwares import Hardwares
from nsm.sweeps.hashing.identity import remembered, short_hash
from nsm.sweeps.labels import Label
from nsm.sweeps.points import Values, points

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One point of a sweep: a network on a hardware, and what happens to the chip before a read.

    Attributes:
        network: Name of the network in the rows.
        model: The network.
        hardware: The hardware with the values of this point, for all layers or by layer.
        base: The hardware before the axes changed it.
        gain: Common-mode gain of the programmed chip.
        reprogrammed_scale: Factor α on the weights, which are programmed over the same range.
        seconds: Age of the chip when it is read [s].
        compensation: What has one factor that compensates gain and age, "layer" or "column"; None
            for no compensation.
        parameters: The labels of the axes' values at this point, as rows hold them; with
            "training_seed" where the network was trained from several seeds.

    Raises:
        ValueError: A field has a value of another type, or outside its range.
    """

    network: str
    model: nn.Module
    hardware: Hardware | HardwareTable
    base: Hardware | HardwareTable
    gain: float = 1.0
    reprogrammed_scale: float = 1.0
    seconds: float = 0.0
    compensation: str | None = None
    parameters: Mapping[str, Label] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from torch import nn  # this module is imported without torch

        text("Task.network", self.network)
        instance("Task.model", self.model, nn.Module)
        for name in ("hardware", "base"):
            if not isinstance(getattr(self, name), (Hardware, HardwareTable)):
                value = shortened(getattr(self, name))
                raise ValueError(f"Task.{name} = {value} is no Hardware, nor a table of them")
        number("Task.gain", self.gain, above=0)
        number("Task.reprogrammed_scale", self.reprogrammed_scale, above=0)
        number("Task.seconds", self.seconds, at_least=0, unit="s")
        if self.compensation is not None:
            choice("Task.compensation", self.compensation, COMPENSATED_PER)
        table("Task.parameters", self.parameters, "labels of the values by the names of axes")

    @cached_property
    def model_id(self) -> str:
        """Short hash of the network, see `fingerprint`."""
        from nsm.sweeps.hashing.fingerprint import fingerprint

        return str(remembered("fingerprint", self.model, fingerprint))

    @property
    def training(self) -> tuple[str, Label]:
        """Name of the network and seed of its training; the seed is None where none is given."""
        return self.network, self.parameters.get(TRAINING_SEED)

    @cached_property
    def id(self) -> str:
        """Short hash of everything that decides the result, except data, samples and seed."""
        parts: tuple[Any, ...] = (
            self.network,
            self.model_id,
            self.hardware,
            self.gain,
            self.reprogrammed_scale,
            self.seconds,
        )
        # Points without one keep the hash that they had before there were compensations.
        return short_hash(parts if self.compensation is None else (*parts, self.compensation))


def _trainings(
    model: nn.Module | Mapping[str, nn.Module | Mapping[int, nn.Module]],
) -> list[tuple[str, dict[str, Label], nn.Module]]:
    """Return name, parameters of the training, and network, of all networks; checked.

    Raises:
        ValueError: A network is no torch module, a seed is no whole number, or only some of the
            networks have trainings by seed.
    """
    from torch import nn

    models = dict(model) if isinstance(model, Mapping) else {"network": model}
    if not models:
        raise ValueError("model = {} holds no network; give at least one by its name")
    found: list[tuple[str, dict[str, Label], nn.Module]] = []
    for name, given in models.items():
        text("name of a network in model", name)
        seeded = isinstance(given, Mapping)
        for seed, net in given.items() if isinstance(given, Mapping) else [(None, given)]:
            if not isinstance(net, nn.Module):
                raise ValueError(
                    f"network {name!r} is a {type(net).__name__}; give a "
                    "torch.nn.Module, such as nsm.load(path), or several trainings of it by their "
                    "seeds, {0: net, 1: net}"
                )
            if seeded:
                integer(f"training seed of network {name!r}", seed, at_least=0)
            found.append((name, {TRAINING_SEED: seed} if seeded else {}, net))
        if seeded and not given:
            raise ValueError(f"network {name!r} has no trainings ({given!r}); give at least one")
    single = [name for name, training, _ in found if not training]
    if single and len(single) < len(found):
        raise ValueError(
            f"networks {single} have one training without a seed, the others have several by "
            "their seeds; give all of them as {seed: network}"
        )
    return found


def grid(
    model: nn.Module | Mapping[str, nn.Module | Mapping[int, nn.Module]],
    hardware: Hardware | Mapping[str, Hardware | None] | Hardwares,
    axes: Mapping[str, Values],
    *,
    zipped: Iterable[Mapping[str, Values]] = (),
) -> list[Task]:
    """Return the tasks of every combination of the axes' values, all points of one network first.

    Args:
        model: One network, or several by name; each may be several trainings by their seeds, as
            `nsm.training.comparison.train_alike` returns them: {"NSM": {0: net, 1: net}}. The rows
            then have the column "training_seed".
        hardware: The hardware before the axes change it; one for all layers, or a table by layer
            (see `HardwareTable`), such as {"stem": a, "blocks.*": b, "head": None}; or several by
            name, `nsm.Hardwares({"FeFET": a, "RRAM": b})`, which is the column "hardware".
        axes: Name -> values. A name is a dotted path into `Hardware` ("device.levels", "gate.p",
            "gate_sharing", "device.on_off_ratio", ...), of all layers or of one entry of the table
            ("stem:device.levels", or "head:layer" with the values "tiles" and "digital"); or one of
            `ON_CHIP`: "gain" (common-mode gain of the programmed chip), "reprogrammed_scale" (α w
            programmed over the same range), "seconds" (age [s]), "compensation" (None, "layer" or
            "column", measured on the aged chip: see `MappedNetwork.compensate`). Values are a list,
            an array, a tensor, a `Range` or any iterable; a mapping gives each value the name that
            rows show. A whole part, such as "device", is set before its fields.
        zipped: Axes that move together: each mapping has two axes or more, all with as many values,
            and its steps are combined with those of `axes`. [{"wires.r_row": [1, 2], "wires.r_col":
            [1, 2]}] has two steps, not four.

    Raises:
        ValueError: A network is no torch module, an axis is unknown (the message suggests the
            nearest), has no values or two of the same name, or changes nothing at any point (the
            message says why), a field refuses its value, zipped axes have different numbers of
            values, or two points are the same chip.
    """
    trainings = _trainings(model)
    known = hardware if isinstance(hardware, (Hardware, Hardwares)) else as_table(hardware)
    of_axes = points(known, axes, zipped)
    return [
        Task(
            network=network,
            model=net,
            **{**point, "parameters": {**training, **point["parameters"]}},
        )
        for network, training, net in trainings
        for point in of_axes
    ]
