"""Estimates as texts: a value with its interval."""

import math

from devices import Estimate


def estimate_text(name: str, estimate: Estimate) -> str:
    """Return an estimate as a line: "tau = 0.3 s ± 0.01 (95 %: 0.281 to 0.32)".

    Args:
        name: What it is.
        estimate: The estimate; its standard error stands behind ±.
    """
    unit = f" {estimate.unit}" if estimate.unit else ""
    value = f"{name} = {estimate.value:.4g}{unit}"
    if not math.isfinite(estimate.error):
        return f"{value} (the data do not tell its standard error)"
    return f"{value} ± {estimate.error:.2g} (95 %: {interval_text(estimate)})"


def interval_text(estimate: Estimate) -> str:
    """Return the 95 % interval of an estimate: "0.281 to 0.32"; "" if it has no error."""
    if not math.isfinite(estimate.error):
        return ""
    low, high = estimate.interval()
    return f"{low:.3g} to {high:.3g}"
