"""Axes that no layer of the networks of a sweep sees: gates without neural sampling, and so on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from nsm.chips.hardware_table import as_table
from nsm.chips.planning.checked_plan import CheckedPlan
from nsm.chips.planning.plan import PlannedLayer, planned_layers
from nsm.sweeps.tasks import Task

#: Whether a layer sees a part of the hardware.
Sees = Callable[[PlannedLayer], bool]


def _samples(layer: PlannedLayer) -> bool:
    return layer.samples


def _is_compared(layer: PlannedLayer) -> bool:
    return not layer.has_linear_outputs


def _is_converted(layer: PlannedLayer) -> bool:
    return layer.has_linear_outputs


_NO_SAMPLING = "no layer on tiles is a neural sampling layer, and all others are read without gates"
#: For every field of `Hardware` that only some layers see: which, and the reason if there is none.
_FIELDS: Mapping[str, tuple[Sees, str]] = {
    "gate": (_samples, _NO_SAMPLING),
    "gate_sharing": (_samples, _NO_SAMPLING),
    "deterministic_path": (
        _samples,
        "no layer on tiles is a neural sampling layer, and only these have a deterministic path",
    ),
    "comparator": (_is_compared, "no layer on tiles ends in comparators"),
    "adc": (_is_converted, "all layers on tiles end in comparators, which need no converter"),
}


def refuse_unseen(points: Iterable[tuple[Task, CheckedPlan]]) -> None:
    """Raise ValueError if no layer of any network sees what an axis changes.

    An axis that acts on at least one of several networks is allowed: the others serve for
    comparison.

    Args:
        points: Points of a sweep, and the plans of their networks.
    """
    unseen: dict[str, str] = {}
    seen: set[str] = set()
    known: dict[tuple[int, str], bool] = {}
    for task, plan in points:
        for axis in task.parameters:
            key, _, path = axis.rpartition(":")
            head = path.partition(".")[0]
            if axis in seen or head not in _FIELDS:
                continue
            sees, reason = _FIELDS[head]
            if (id(plan), axis) not in known:
                known[id(plan), axis] = any(sees(layer) for layer in _layers(task, plan, key))
            if known[id(plan), axis]:
                seen.add(axis)
            else:
                unseen[axis] = reason
    for axis, reason in unseen.items():
        if axis not in seen:
            raise ValueError(f"axis {axis!r} changes nothing: {reason}; leave it out")


def _layers(task: Task, plan: CheckedPlan, key: str) -> list[PlannedLayer]:
    """Return the layers of a plan that one entry of the hardware decides, or all for no entry."""
    layers = list(planned_layers(plan.network))
    if not key:
        return layers
    table = as_table(task.hardware)
    return [layer for layer in layers if table.key_of(layer.path) == key]
