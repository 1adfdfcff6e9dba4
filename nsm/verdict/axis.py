"""One axis of the search: its values from harmless to worst, and how a value acts on a chip."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from crossbar import Hardware
from nsm.verdict.setting import Setting

Value = TypeVar("Value")


@dataclass(frozen=True)
class Facts:
    """What decides whether an axis acts on a network.

    Attributes:
        has_comparators: Whether a layer on tiles ends in comparators.
        has_linear_outputs: Whether a layer on tiles is read by converters.
        sees_scale: Whether the outputs of a layer change with a gain of all conductances.
        cells: Number of cells that one pass reads, all its reads counted.
    """

    has_comparators: bool
    has_linear_outputs: bool
    sees_scale: bool
    cells: int


@dataclass(frozen=True, kw_only=True)
class Context:
    """For what the values of an axis are chosen.

    Attributes:
        given: The setting of the given hardware.
        facts: What is known of the network.
        step: Ratio of neighboring values on a logarithmic axis.
    """

    given: Setting
    facts: Facts
    step: float

    def common(self, read: Callable[[Hardware], Value]) -> Value:
        """Return what all layers on tiles have in common.

        Raises:
            DoesNotAct: The layers differ.
        """
        found = [read(part) for part in self.given.parts]
        if any(value != found[0] for value in found[1:]):
            listed = ", ".join(str(value) for value in dict.fromkeys(map(repr, found)))
            raise DoesNotAct(f"the layers of the hardware table differ ({listed})")
        return found[0]


class DoesNotAct(Exception):
    """An axis that changes nothing on this hardware, or cannot be measured; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The values of one non-ideality for one network on one hardware.

    Attributes:
        unit: Unit of the values, "" for plain numbers.
        given: The value of the given hardware; infinite for cells without levels and
            converters without rounding, NaN if the hardware has no such model.
        outward: Values from the given one, which is the first, to the worst that is tried.
        inward: Values from the ideal one to that next to the given one; empty where the
            given value is ideal.
        reference: Value in whose units a tolerated value is told.
        reference_text: What the reference is: "given", or what stands in for an ideal one.
        falling: Whether smaller values are worse.
        apply: Returns the setting with a value.
        reads_cells: Whether every read draws every cell, since the noise has a memory.
    """

    unit: str
    given: float
    outward: tuple[float, ...]
    reference: float
    apply: Callable[[Setting, float], Setting]
    reference_text: str = "given"
    inward: tuple[float, ...] = ()
    falling: bool = False
    reads_cells: bool = False

    def ratio(self, value: float) -> float:
        """Return a value in units of the reference, above 1 where it is worse than that."""
        if self.falling:
            return self.reference / value if value > 0 else math.inf
        return value / self.reference


def geometric(start: float, end: float, step: float) -> tuple[float, ...]:
    """Return values from start to end in even steps of a logarithmic axis, both ends included.

    Args:
        start: First value, above 0.
        end: Last value, above 0; below the start for a falling axis.
        step: Largest ratio of neighbors, above 1.
    """
    if start == end:
        return (start,)
    count = max(1, math.ceil(abs(math.log(end / start)) / math.log(step) - 1e-9))
    inner = (start * (end / start) ** (i / count) for i in range(1, count))
    return (start, *inner, end)


def whole(start: int, end: int, step: float) -> tuple[float, ...]:
    """Return whole numbers from start to end, as `geometric` does, without repetitions."""
    return tuple(dict.fromkeys(float(round(v)) for v in geometric(start, end, step)))
