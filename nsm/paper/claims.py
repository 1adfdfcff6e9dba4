"""What the paper claims, and whether our results confirm it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

#: Results of every experiment that was run, one per seed.
ByName = Mapping[str, list[dict[str, Any]]]


def claims(by_name: ByName) -> list[tuple[str, str]]:
    """Return each claim of the paper with "yes", "no" or "not resolved" and our numbers.

    Claims about experiments that were not run are left out.
    """
    found = _Verdicts(by_name)
    _claim_perceptrons(found)
    _claim_convolutional(found)
    _claim_figure_2(found)
    return found.rows


def standard_error(errors: Sequence[float], images: int) -> float:
    """Return the standard error [%] of a mean error.

    It is that of counting on the test images, or that between seeds if it is larger.

    All seeds are tested on the same images, so more seeds do not reduce the error of counting.

    Args:
        errors: Error of each seed [%].
        images: Number of test images.
    """
    # With no error at all, count one: the error of counting must not be zero.
    p = np.clip(np.mean(errors) / 100, 1 / images, 1)
    counting = 100 * math.sqrt(p * (1 - p) / images)
    between = float(np.std(errors, ddof=1)) / math.sqrt(len(errors)) if len(errors) > 1 else 0.0
    return max(counting, between)


def mean_error(by_name: ByName, name: str, key: str = "error") -> float | None:
    """Return the mean error [%] of an experiment over seeds, or None if it has not been run."""
    found = [r[key] for r in by_name.get(name, []) if key in r]
    return float(np.mean(found)) if found else None


def spread_growth(curve: Sequence[Sequence[float]]) -> float:
    """Return by which factor the outer percentiles moved apart, from first to last update."""
    first = curve[0]
    last = curve[-1]
    return (last[2] - last[0]) / (first[2] - first[0])


class _Verdicts:
    """Claims and verdicts, collected row by row.

    Attributes:
        by_name: The results.
        errors: Mean error [%] of every experiment that has one.
        rows: The claims and their verdicts so far.
    """

    def __init__(self, by_name: ByName):
        self.by_name = by_name
        means = {name: mean_error(by_name, name) for name in by_name}
        self.errors = {name: value for name, value in means.items() if value is not None}
        self.rows: list[tuple[str, str]] = []

    def images(self, name: str) -> int:
        """Return the number of test images of an experiment."""
        number: int = self.by_name[name][0]["images"][1]
        return number

    def add(self, text: str, values: Sequence[float | None], holds: Callable[..., bool]) -> None:
        """Add a claim unless one of its values is None; `holds` decides it from the values."""
        known = [v for v in values if v is not None]
        if len(known) == len(values):
            numbers = ", ".join(f"{v:.2f}" for v in known)
            self.rows.append((text, f"{'yes' if holds(*known) else 'no'} ({numbers})"))

    def add_below(self, text: str, low: str, high: str) -> None:
        """Add the claim that experiment `low` has a smaller error than experiment `high`.

        It is resolved if the difference is more than twice its standard error.
        """
        if low not in self.errors or high not in self.errors:
            return
        difference = self.errors[high] - self.errors[low]
        parts = [
            standard_error([r["error"] for r in self.by_name[name]], self.images(name))
            for name in (low, high)
        ]
        spread = math.hypot(*parts)
        verdict = "yes" if difference > 0 else "no"
        if abs(difference) <= 2 * spread:
            verdict = "not resolved"
        numbers = f"{self.errors[low]:.2f}, {self.errors[high]:.2f}"
        self.rows.append(
            (text, f"{verdict} ({numbers}; difference {difference:.2f} ± {spread:.2f})")
        )


def _claim_perceptrons(found: _Verdicts) -> None:
    """Add the claims about Table 1 and SI Figure 4."""
    nsm = found.errors.get("mlp_nsm")
    found.add("NSM perceptron at most 1.45 %", [nsm], lambda a: a <= 1.45)
    found.add_below("StNN perceptron above NSM", "mlp_nsm", "mlp_stnn")
    scaled = mean_error(found.by_name, "mlp_nsm", "error_all_scaled")
    found.add(
        "weights and biases × 0.1 within 2 s.e. of unscaled",
        [nsm, scaled],
        lambda a, b: abs(a - b) <= 2 * standard_error([a], found.images("mlp_nsm")),
    )
    ratio = None
    if "mlp_stnn" in found.errors and "mlp_nsm" in found.errors:
        stnn_gain, nsm_gain = (
            found.by_name[name][0]["variance_gained"][0] for name in ("mlp_stnn", "mlp_nsm")
        )
        ratio = stnn_gain / nsm_gain
    found.add(
        "the StNN's weights gain over 10 times the variance of the NSM's in epoch 1 (poster: 17)",
        [ratio],
        lambda a: a > 10,
    )


def _claim_convolutional(found: _Verdicts) -> None:
    """Add the claims about Table 2, with our recipe and with that of the authors' code."""
    e = found.errors
    found.add("convolutional bNSM at most 0.85 %", [e.get("conv_bNSM")], lambda a: a <= 0.85)
    for prefix, where in (("conv", ""), ("coded", ", with the authors' recipe")):
        text = f"convolutional bNSM below dCNN{where}"
        found.add_below(text, f"{prefix}_bNSM", f"{prefix}_dCNN")
        if prefix == "coded":
            found.add_below(f"{text}, longer", "coded_bNSM_longer", "coded_dCNN_longer")
        found.add(
            f"order bNSM < BN < {{SN, STE}} < wBD < BD{where}",
            [e.get(f"{prefix}_{rule}") for rule in ("bNSM", "BN", "SN", "STE", "wBD", "BD")],
            lambda bnsm, bn, sn, ste, wbd, bd: bnsm < bn < min(sn, ste) and max(sn, ste) < wbd < bd,
        )


def _claim_figure_2(found: _Verdicts) -> None:
    """Add the claims about the spread of pre-activations over 200 updates."""
    results = found.by_name.get("figure2", [])
    for name, text, holds in (
        ("NSM", "NSM: spread of sums grows less than 2 times in 200 updates", lambda a: a < 2),
        ("StNN, small", "StNN: more than 10 times, from small weights", lambda a: a > 10),
        ("StNN", "StNN: more than 10 times, from torch's default weights", lambda a: a > 10),
    ):
        growth = None
        if results:
            growth = float(np.mean([spread_growth(r[name]) for r in results]))
        found.add(text, [growth], holds)
