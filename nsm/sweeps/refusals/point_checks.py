"""What is refused at the points of a sweep before any of them is computed.

Every network is planned once for each choice of its layers on tiles, and every distinct hardware of
such a plan is checked without programming a cell. Of many, `MOST` are checked, with every value of
every axis among them: a check takes some ten milliseconds, which would hold up large sweeps. What
the others have wrong is refused when the first chip of such a point is programmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from nsm.chips.hardware_table import HardwareTable, as_table
from nsm.chips.planning.checked_plan import CheckedPlan
from nsm.chips.planning.plan import planned_layers
from nsm.chips.programming import check_programming
from nsm.sweeps.axes import ON_CHIP
from nsm.sweeps.calibration import Calibration, has_open_adc
from nsm.sweeps.hashing.identity import short_hash
from nsm.sweeps.labels import Label
from nsm.sweeps.refusals.inert_in_networks import refuse_unseen
from nsm.sweeps.tasks import Task

#: Makes the plan of a task's network, compared with the network.
MakePlan = Callable[[Task, HardwareTable], CheckedPlan]
#: A point, and the plan of its network.
_Point = tuple[Task, CheckedPlan]
#: Points that are checked, beside the first one with each value of an axis.
MOST = 200


def check_points(tasks: Sequence[Task], plan_of: MakePlan, calibration: Calibration | None) -> None:
    """Raise ValueError if a point of a sweep would be refused when its chips are programmed.

    Args:
        tasks: Points of a sweep.
        plan_of: Makes the plan of a network.
        calibration: How the chips are calibrated; None if they are not.

    Raises:
        ValueError: Naming network and layer, and the point if its hardware is the reason; or no
            point has a converter for the calibration.
    """
    plans: dict[str, CheckedPlan] = {}
    points: dict[str, tuple[Task, CheckedPlan]] = {}
    for task in tasks:
        table = as_table(task.hardware)
        places = short_hash((task.training, [(key, table[key] is None) for key in table]))
        with _named(f"network {task.network!r}"):
            if places not in plans:
                plans[places] = plan_of(task, table)
        described = (places, task.hardware, task.reprogrammed_scale, task.compensation)
        points.setdefault(short_hash(described), (task, plans[places]))
    refuse_unseen(points.values())
    chosen, others = _chosen([*points.values()])
    is_calibrated = False
    for task, plan in chosen:
        with _named(_name_of(task)):
            is_calibrated |= _check_point(plan, as_table(task.hardware), task, calibration)
    if calibration is not None and not is_calibrated:
        for task, plan in others:
            with _named(_name_of(task)):
                is_calibrated |= _check_point(plan, as_table(task.hardware), task, calibration)
    if calibration is not None and not is_calibrated:
        raise ValueError(
            "calibrate has no effect: no point of this sweep has a converter of open range; leave "
            "it out, or give hardware with one, such as Hardware(adc=crossbar.Adc(bits=8))"
        )


def _chosen(points: list[_Point]) -> tuple[list[_Point], list[_Point]]:
    """Return the points that are checked, in their order, and the others."""
    if len(points) <= MOST:
        return points, []
    chosen = set(range(0, len(points), -(-len(points) // MOST)))
    seen: set[tuple[str, Label]] = set()
    for number, (task, _) in enumerate(points):
        values = {*task.parameters.items(), ("network", task.network)}
        if values - seen:
            chosen.add(number)
            seen |= values
    others = [point for number, point in enumerate(points) if number not in chosen]
    return [points[number] for number in sorted(chosen)], others


def _check_point(
    plan: CheckedPlan, table: HardwareTable, task: Task, calibration: Calibration | None
) -> bool:
    """Check the hardware of a point; return whether a calibration sets a range there."""
    open_dac = open_adc = sees_scale = False
    for layer in planned_layers(plan.network):
        hardware = table.of(layer.path)
        assert hardware is not None
        check_programming(layer, hardware, task.reprogrammed_scale)
        if hardware.has_open_inputs and calibration is None:
            what, instead = f"the DAC of {layer.name} has no range", "Dac(range=...)"
            if hardware.dac is None:
                what, instead = f"the inputs of {layer.name} have no scale", "input_scale=..."
            raise ValueError(
                f"{what}, so that reads would be refused: give "
                "collect calibrate=images (a sweep file: [calibrate] images = 200), or "
                f"{instead}, the largest input"
            )
        open_dac |= hardware.has_open_inputs
        open_adc |= has_open_adc(layer, hardware)
        sees_scale |= layer.sees_scale(hardware)
    if task.compensation is not None and not sees_scale:
        raise ValueError(
            f"compensation = {task.compensation!r} has no effect: all layers on tiles end in "
            "comparators, whose signs do not change when all conductances have one factor; leave "
            "it out"
        )
    by_column = calibration is not None and calibration.options["per"] == "column"
    if by_column and open_dac and not open_adc:
        raise ValueError(
            'calibrate: per = "column" has no effect where no ADC has an open range, and the DACs '
            'of a layer share one; choose per = "layer"'
        )
    return open_dac or open_adc


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Say in the message of a ValueError what it is about."""
    try:
        yield
    except ValueError as problem:
        reason = str(problem).partition("; give example=")[0]
        raise ValueError(f"{what}: {reason}") from None


def _name_of(task: Task) -> str:
    """Return what messages call a point: its network and the values that change its hardware."""
    decides = ("reprogrammed_scale", "compensation")
    values = {k: v for k, v in task.parameters.items() if k in decides}
    values |= {k: v for k, v in task.parameters.items() if k not in ON_CHIP}
    return ", ".join([f"network {task.network!r}", *(f"{k} = {v!r}" for k, v in values.items())])
