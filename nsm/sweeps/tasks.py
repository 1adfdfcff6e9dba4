"""Tasks: the points of a sweep, made from every combination of the values of its axes.

This file imports torch only inside functions, so that a mistake in a sweep file is found at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crossbar.hardware import Hardware
from crossbar.paths import check_path, with_value
from devices.validation import number
from nsm.sweeps.identity import short_hash

if TYPE_CHECKING:
    from torch import nn

#: Axes that are not fields of `Hardware`, and their defaults. gain: common-mode gain of the
#: programmed chip; reprogrammed_scale: factor on the weights before programming; seconds: age [s].
CHIP_AXES = {"gain": 1.0, "reprogrammed_scale": 1.0, "seconds": 0.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One point of a sweep: a network on a hardware, and what happens to the chip before a read.

    Attributes:
        network: name of the network in the rows.
        model: the network.
        hardware: the hardware with the values of this point.
        base: the hardware before the axes changed it.
        gain: common-mode gain of the programmed chip.
        reprogrammed_scale: factor α on the weights, which are programmed over the same range.
        seconds: age of the chip when it is read [s].
        parameters: the axes' values of this point as they are written to the rows.
    """

    network: str
    model: nn.Module
    hardware: Hardware
    base: Hardware
    gain: float = 1.0
    reprogrammed_scale: float = 1.0
    seconds: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def model_id(self) -> str:
        """Short hash of the network, see `fingerprint`."""
        from nsm.sweeps.fingerprint import fingerprint

        return fingerprint(self.model)

    @cached_property
    def id(self) -> str:
        """Short hash of everything that decides the result, except data, samples and seed."""
        parts = (
            self.network,
            self.model_id,
            self.hardware,
            self.gain,
            self.reprogrammed_scale,
            self.seconds,
        )
        return short_hash(parts)


def _label(value: Any) -> Any:
    """Return an axis value as rows hold it: numbers and texts unchanged, others as text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _point(hardware: Hardware, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Task` that one value per axis decides, checked."""
    changed = hardware
    for name, value in values.items():
        if name not in CHIP_AXES:
            changed = with_value(changed, name, value)
    on_chip = {name: values.get(name, default) for name, default in CHIP_AXES.items()}
    for name in ("gain", "reprogrammed_scale"):
        number(name, on_chip[name], above=0)
    number("seconds", on_chip["seconds"], at_least=0, unit="s")
    labels = {name: _label(value) for name, value in values.items()}
    return {"hardware": changed, "parameters": labels, **on_chip}


def points(hardware: Hardware, axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the arguments of `Task` for every combination of values; the last axis varies fastest.

    Args:
        hardware: the hardware before the axes change it.
        axes: as for `grid`.

    Raises:
        ValueError: unknown axis, axis without values, or a value that its field refuses.
    """
    for name, values in axes.items():
        check_path("axis", name, hardware, tuple(CHIP_AXES))
        if isinstance(values, str) or not isinstance(values, Iterable) or not list(values):
            raise ValueError(
                f"axis {name!r} has no values ({values!r}); give a list of at least one"
            )
    combinations = itertools.product(*axes.values())
    return [_point(hardware, dict(zip(axes, values, strict=True))) for values in combinations]


def grid(
    model: nn.Module | Mapping[str, nn.Module],
    hardware: Hardware,
    axes: Mapping[str, Sequence[Any]],
) -> list[Task]:
    """Return the tasks of every combination of the axes' values, all points of one network first.

    Args:
        model: one network, or several by name.
        hardware: the hardware before the axes change it.
        axes: name -> values. A name is a dotted path into `Hardware` ("device.levels", "gate.p",
            "gate_sharing", "device.on_off_ratio", ...) or one of `CHIP_AXES`: "gain" (common-mode
            gain of the programmed chip), "reprogrammed_scale" (α w programmed over the same
            range), "seconds" (age [s]).

    Raises:
        ValueError: a network that cannot be saved, an unknown axis (the message suggests the
            nearest), an axis without values, or a value that its field refuses.
    """
    from nsm.nn.checkpoint import describe

    models = dict(model) if isinstance(model, Mapping) else {"network": model}
    for net in models.values():
        describe(net)
    return [
        Task(network=network, model=net, base=hardware, **point)
        for network, net in models.items()
        for point in points(hardware, axes)
    ]
