"""The search along one axis of one network, and what is measured of the given hardware."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from devices.validation import number
from nsm.verdict.axes import AXES
from nsm.verdict.axis import Axis, Context, DoesNotAct
from nsm.verdict.bench import Bench
from nsm.verdict.bisection import bisect
from nsm.verdict.decision import Decision, decide

#: Cell reads of one value above which an axis whose noise has a memory is left out unless it is
#: named: a million cells take 1 to 10 ms for each read of an image.
MOST_CELL_READS = 1e9

#: Whether something works, by what was decided on its loss.
WORKS = {Decision.TOLERATED: "yes", Decision.BROKEN: "no", Decision.UNRESOLVED: "not resolved"}


class End(StrEnum):
    """How a search along an axis ended: what is known of the first value that is not tolerated."""

    #: There was no search; the reason tells why.
    NOT_SEARCHED = ""
    #: There is none: the worst value that was tried is tolerated.
    WORST = "worst"
    #: A model, or the network, refuses it.
    REFUSED = "refused"
    #: It loses more, and all values before it were decided.
    BROKEN = "broken"
    #: Values before it are not resolved with these images.
    UNRESOLVED = "not resolved"


#: Returns how many images of a block are wrong.
Errors = Callable[[int], int]


class Comparison(NamedTuple):
    """What is known of a loss.

    Attributes:
        decision: Whether it is below the limit.
        loss: Its mean over the blocks that were read, as a share of the images.
    """

    decision: Decision
    loss: float


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a loss counts.

    Attributes:
        loss: Largest tolerated loss, as a share of the images.
        confidence: Confidence of every decision.
        step: Ratio of neighboring values on logarithmic axes.
    """

    loss: float
    confidence: float
    step: float

    @classmethod
    def checked(cls, loss: float, confidence: float, step: float) -> "Rule":
        """Return the rule, or raise ValueError for a number that is not allowed."""
        number("loss", loss, above=0, below=1)
        number("confidence", confidence, above=0.5, below=1)
        number("step", step, above=1)
        return cls(loss=loss, confidence=confidence, step=step)


@dataclass(frozen=True, kw_only=True)
class Base:
    """Errors of one network on every block, of the given hardware and around it.

    Attributes:
        network: Its name.
        software: Wrong images of each block in software.
        given: Those on the given hardware.
        without_gate: Those without the gate; None if there is none, or if it cannot be mapped.
        refused: Why it cannot be mapped without its gate; "" otherwise.
    """

    network: str
    software: tuple[int, ...]
    given: tuple[int, ...]
    without_gate: tuple[int, ...] | None
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search along one axis found; fields are the columns of `Tolerances.table`.

    Attributes:
        network: Name of the network.
        axis: Name of the axis.
        given: Given value, infinite for no rounding; NaN where the axis does not act.
        tolerated: Largest value that was decided to be tolerated.
        low: The same.
        high: Smallest value that was decided to lose more; infinite (0 if the axis falls) if none
            of the values was.
        ratio: `tolerated` in units of the reference, above 1 where it is worse than that.
        ratio_high: `high` in the same units.
        unit: Unit of the values.
        decided: Whether all values between were resolved.
        reason: Why the axis does not act, was refused, or ends where it does; else "".
        reference: What the ratio is in units of.
        repairs: Error that the ideal value takes away, as a share of the images, where the
            given value was decided to cost more than the loss; else 0.
        repaired: Whether the network then works: "yes", "no", "not resolved", or "" where the
            given value does not cost more than the loss.
        values: Number of values that were measured.
        falls: Whether smaller values are worse; False where the axis does not act.
        ended: How the search ended.
    """

    network: str
    axis: str
    given: float = math.nan
    tolerated: float = math.nan
    low: float = math.nan
    high: float = math.nan
    ratio: float = math.nan
    ratio_high: float = math.nan
    unit: str = ""
    decided: bool = False
    reason: str = ""
    reference: str = ""
    repairs: float = 0.0
    repaired: str = ""
    values: int = 0
    falls: bool = False
    ended: End = End.NOT_SEARCHED


def decision_of(errors: Errors, reference: Errors, bench: Bench, rule: Rule) -> Comparison:
    """Return the decision on a loss against a reference.

    Blocks are read in their order until the loss is decided or they are exhausted.

    Args:
        errors: Wrong images of a block with what is compared.
        reference: Wrong images of a block with what it is compared with.
        bench: Networks and images.
        rule: When a loss counts.
    """
    losses: list[float] = []
    labels = bench.y[: bench.size].size
    for block in range(bench.blocks):
        losses.append((errors(block) - reference(block)) / labels)
        found = decide(
            losses, labels, loss=rule.loss, confidence=rule.confidence, blocks=bench.blocks
        )
        if found is not None:
            return Comparison(found, sum(losses) / len(losses))
    raise AssertionError("the last block decides")


class AxisSearch:
    """The search along one axis.

    Args:
        bench: Networks and images.
        rule: When a loss counts.
        base: Errors of the network on the given hardware.
        axis: The axis.
    """

    def __init__(self, bench: Bench, rule: Rule, base: Base, axis: Axis):
        self.bench = bench
        self.rule = rule
        self.base = base
        self.axis = axis

    def compared(self, errors: Errors, reference: Errors) -> Comparison:
        """Return the decision on a loss against a reference; see `decision_of`."""
        return decision_of(errors, reference, self.bench, self.rule)

    def given(self, block: int) -> int:
        """Return the wrong images of a block on the given hardware."""
        return self.base.given[block]

    def of_value(self, value: float) -> Errors:
        """Return a function that measures a value, each block once."""
        setting = self.axis.apply(self.bench.given, value)
        known: dict[int, int] = {}

        def errors(block: int) -> int:
            if block not in known:
                known[block] = self.bench.errors(self.base.network, setting, block)
            return known[block]

        return errors

    @cached_property
    def ideal(self) -> Errors | None:
        """Errors with the ideal value; None if there is none, or the network refuses it."""
        if not self.axis.inward:
            return None
        errors = self.of_value(self.axis.inward[0])
        try:
            errors(0)
        except ValueError:  # such as a network that needs the noise of its cells
            return None
        return errors

    def found(self, name: str) -> Found:
        """Return the result for the axis of this name."""
        ladder, repairs, repaired = self.axis.outward, 0.0, ""
        reference: Errors = self.given
        if self.ideal is not None:
            decision, cost = self.compared(self.given, self.ideal)
            if decision is Decision.BROKEN:
                ladder = (*self.axis.inward, self.axis.outward[0])
                reference, repairs = self.ideal, cost
                in_software = self.base.software.__getitem__
                repaired = WORKS[self.compared(self.ideal, in_software).decision]

        refused: dict[int, str] = {}

        def decision_on(rung: int) -> Decision:
            try:
                return self.compared(self.of_value(ladder[rung]), reference).decision
            except ValueError as problem:  # a value that the models do not allow ends the ladder
                refused[rung] = str(problem)
                return Decision.BROKEN

        bracket = bisect(len(ladder), decision_on, breaks=repairs > 0)
        low = ladder[bracket.low]
        beyond = 0.0 if self.axis.falling else math.inf
        high = beyond if bracket.high is None else ladder[bracket.high]
        reason, ended = "", End.BROKEN
        if bracket.high in refused:
            ended = End.REFUSED
            reason = f"{high:.3g} is refused: {refused[bracket.high]}"
        elif bracket.low == len(ladder) - 1:
            ended = End.WORST
            reason = f"tolerated up to {low:.3g}, the worst value that was tried"
        elif not bracket.decided:
            ended = End.UNRESOLVED
            reason = "not resolved with these images"
        return Found(
            network=self.base.network,
            axis=name,
            given=self.axis.given,
            tolerated=low,
            low=low,
            high=high,
            ratio=self.axis.ratio(low),
            ratio_high=self.axis.ratio(high),
            unit=self.axis.unit,
            decided=bracket.decided,
            reason=reason,
            reference=self.axis.reference_text,
            repairs=repairs,
            repaired=repaired,
            values=bracket.asked,
            falls=self.axis.falling,
            ended=ended,
        )


def measure_base(bench: Bench, network: str, block: int) -> tuple[int, int, int | str | None]:
    """Return the wrong images of a block in software, on the given hardware, without gate.

    The last is None where no layer has a gate, and a text where the network is refused without.
    """
    software = bench.software_errors(network, block)
    given = bench.errors(network, bench.given, block)
    setting = bench.without_gate(network)
    if setting is None:
        return software, given, None
    try:
        return software, given, bench.errors(network, setting, block)
    except ValueError as problem:
        return software, given, str(problem)


def search_axis(bench: Bench, rule: Rule, base: Base, name: str, named: bool) -> Found:
    """Return the result of the search along an axis, or why it does not act.

    Args:
        bench: Networks and images.
        rule: When a loss counts.
        base: Errors of the network on the given hardware.
        name: Name of the axis.
        named: Whether the user asked for this axis, however long it takes.
    """
    network = base.network
    context = Context(given=bench.given, facts=bench.facts(network), step=rule.step)
    try:
        axis = AXES[name](context)
    except DoesNotAct as why:
        return Found(network=network, axis=name, reason=f"does not act: {why}")
    reads = context.facts.cells * float(bench.size * bench.blocks * bench.samples)
    exact = bench.sampling == "exact"
    if axis.reads_cells and exact and reads > MOST_CELL_READS and not named:
        return Found(
            network=network,
            axis=name,
            unit=axis.unit,
            falls=axis.falling,
            reason=(
                f"not measured: a noise with memory draws every cell in every read, {reads:.1g} "
                "cells for one value; name this axis to measure it, or give fewer images"
            ),
        )
    try:
        return AxisSearch(bench, rule, base, axis).found(name)
    except ValueError as problem:
        return Found(network=network, axis=name, falls=axis.falling, reason=f"refused: {problem}")
