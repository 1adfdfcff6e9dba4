"""Estimates as texts: a value with its interval."""

import math
from collections.abc import Mapping

from devices import Estimate


def estimate_text(name: str, estimate: Estimate) -> str:
    """Return an estimate as a line: "tau = 0.3 s ± 0.01 (95 %: 0.28 to 0.32)".

    Args:
        name: What it is.
        estimate: The estimate; its standard error stands behind ±.
    """
    unit = f" {estimate.unit}" if estimate.unit else ""
    value = f"{name} = {value_text(estimate)}{unit}"
    if not math.isfinite(estimate.error):
        return f"{value} (the data do not tell its standard error)"
    interval = interval_text(estimate)
    if not interval:
        return f"{value} (the data hardly tell it)"
    return f"{value} ± {estimate.error:.2g} (95 %: {interval})"


def value_text(estimate: Estimate) -> str:
    """Return the value of an estimate, with two digits of its error but four digits or more."""
    if not math.isfinite(estimate.error):
        return f"{estimate.value:.4g}"
    return _short(estimate.value, estimate.error, 4)


def interval_text(estimate: Estimate) -> str:
    """Return the 95 % interval of an estimate: "0.281 to 0.32"; "" if the data tell none."""
    if not estimate.is_told:
        return ""
    low, high = estimate.interval()
    return f"{_short(low, high - low)} to {_short(high, high - low)}"


def _short(value: float, width: float, least: int = 3) -> str:
    """Return a number with `least` digits, or as many as show two digits of a width."""
    digits = least
    if width > 0 and value and math.isfinite(value):
        digits = min(max(least, 2 + math.floor(math.log10(abs(value) / width))), 12)
    return f"{value:.{digits}g}"


def counts_text(counts: Mapping[str, int]) -> str:
    """Return counts as a text.

    >>> counts_text({"cells": 1, "values": 4000, "far off": 0})
    '1 cell, 4000 values, 0 far off'
    """
    return ", ".join(
        f"{n} {what.removesuffix('s') if n == 1 else what}" for what, n in counts.items()
    )
