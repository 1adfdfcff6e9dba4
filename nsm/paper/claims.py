"""Claims of the paper, and of experiments beyond it, with verdicts of our results."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from nsm.paper.outcomes import runs_of
from nsm.statistics import (
    Runs,
    change,
    difference,
    difference_of_means,
    error_of,
    mean_of,
)

#: Results of every experiment that was run, one per seed.
ByName = Mapping[str, list[dict[str, Any]]]


def claims(by_name: ByName) -> list[tuple[str, str]]:
    """Return each claim with "yes", "no" or "not resolved" and our numbers.

    Thresholds and differences are decided at two-sided 95 %, see `nsm.statistics`. Claims
    about experiments that were not run are left out.

    Args:
        by_name: Results of every experiment that was run, one per seed.
    """
    found = _Verdicts(by_name)
    _claim_perceptrons(found)
    _claim_convolutional(found)
    _claim_cifar(found)
    _claim_figure_2(found)
    _claim_ranges(found)
    _claim_levels(found)
    _claim_residual(found)
    _claim_uncertainty(found)
    return found.rows


def spread_growth(curve: Sequence[Sequence[float]]) -> float:
    """Return by which factor the outer percentiles moved apart, from first to last update."""
    first = curve[0]
    last = curve[-1]
    return (last[2] - last[0]) / (first[2] - first[0])


class _Verdicts:
    """Claims and verdicts, collected row by row.

    Attributes:
        by_name: The results.
        rows: The claims and their verdicts so far.
    """

    def __init__(self, by_name: ByName):
        self.by_name = by_name
        self.rows: list[tuple[str, str]] = []

    def runs(self, name: str, key: str = "error") -> Runs | None:
        """Return the trainings of an experiment; None if it has not been run."""
        found = [r for r in self.by_name.get(name, []) if key in r]
        return runs_of(found, key) if found else None

    def add_at_most(self, text: str, name: str, threshold: float) -> None:
        """Add the claim that an error is at most `threshold` [%], decided with its error."""
        runs = self.runs(name)
        if runs is not None:
            found = error_of(runs)
            self.rows.append((text, f"{found.below(threshold)} ({found.text})"))

    def add_below(self, text: str, low: str, high: str, by: float = 0.0) -> None:
        """Add the claim that the error of `low` is below that of `high` plus `by` points."""
        a, b = self.runs(low), self.runs(high)
        if a is not None and b is not None:
            found = difference(a, b)
            numbers = f"{a.mean:.2f}, {b.mean:.2f}; difference {found.text}"
            self.rows.append((text, f"{found.below(by)} ({numbers})"))

    def add_unchanged(
        self, text: str, name: str, key: str, threshold: float, before: str = "error"
    ) -> None:
        """Add the claim that a variant changes the error by less than `threshold` points.

        Args:
            text: The claim.
            name: Experiment.
            key: Error of the variant in its results.
            threshold: Largest change [percentage points].
            before: Error with which it is compared; default "error".
        """
        a, b = self.runs(name, key), self.runs(name, before)
        if a is not None and b is not None:
            # Trainings are the same on both sides, so that their variance is that of differences.
            found = change(a, b)
            numbers = f"{b.mean:.2f}, {a.mean:.2f}; difference {found.text}"
            self.rows.append((text, f"{found.within(threshold)} ({numbers})"))

    def add_order(self, text: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Add the claim that in every pair the first experiment has the smaller error.

        It holds if every pair is resolved, and fails if one is resolved the other way round.
        """
        names = list(dict.fromkeys(name for pair in pairs for name in pair))
        runs = {name: self.runs(name) for name in names}
        known = {name: r for name, r in runs.items() if r is not None}
        if len(known) < len(names):
            return
        told = [(a, b, difference(known[a], known[b])) for a, b in pairs]
        answers = [found.below(0.0) for _, _, found in told]
        verdict = "yes" if all(v == "yes" for v in answers) else "not resolved"
        wrong = [f"{b} < {a}" for (a, b, _), v in zip(told, answers, strict=True) if v == "no"]
        if wrong:
            verdict = "no"
        numbers = [", ".join(f"{r.mean:.2f}" for r in known.values())]
        numbers += [f"resolved: {', '.join(wrong)}"] if wrong else []
        numbers += sorted({note for _, _, found in told for note in found.notes})
        self.rows.append((text, f"{verdict} ({'; '.join(numbers)})"))

    def add_number(
        self, text: str, values: Sequence[float], threshold: float, *, above: bool
    ) -> None:
        """Add the claim that a number is below (or above) a threshold, decided over its runs."""
        if not values:
            return
        found = mean_of(values)
        if found is None:
            self.rows.append((text, f"not resolved ({values[0]:.2f}; one run)"))
            return
        answer = _flipped(found.below(threshold)) if above else found.below(threshold)
        self.rows.append((text, f"{answer} ({found.text})"))


def _flipped(answer: str) -> str:
    """Return the answer to the opposite claim."""
    return {"yes": "no", "no": "yes"}.get(answer, answer)


def _claim_perceptrons(found: _Verdicts) -> None:
    """Add the claims about Table 1 and SI Figure 4."""
    found.add_at_most("NSM perceptron at most 1.45 %", "mlp_nsm", 1.45)
    found.add_below("NSM perceptron below StNN", "mlp_nsm", "mlp_stnn")
    for what, key, before in (
        ("weights and biases × 0.1 change", "error_all_scaled", "error"),
        ("weights × 0.1 alone change", "error_weights_scaled", "error"),
        ("neuron noise for synaptic noise changes", "error_neuron_noise", "error"),
        ("neuron noise for synaptic noise, one sample each, changes",
         "error_neuron_noise_one_sample", "error_one_sample"),
    ):  # fmt: skip
        found.add_unchanged(
            f"{what} the error by less than 0.2 points", "mlp_nsm", key, 0.2, before
        )
    gained = [
        [r["variance_gained"][0] for r in found.by_name.get(name, []) if "variance_gained" in r]
        for name in ("mlp_stnn", "mlp_nsm")
    ]
    ratios = [a / b for a, b in zip(*gained, strict=False)]
    found.add_number(
        "the StNN's weights gain over 10 times the variance of the NSM's in epoch 1 (poster: 16)",
        ratios,
        10,
        above=True,
    )


def _claim_convolutional(found: _Verdicts) -> None:
    """Add the claims about Table 2, with our recipe and with that of the authors' code."""
    below = "convolutional bNSM below dCNN"
    found.add_at_most("convolutional bNSM at most 0.85 %", "conv_bNSM", 0.85)
    found.add_below(below, "conv_bNSM", "conv_dCNN")
    found.add_below(f"{below} on inputs coded ±1", "conv_bNSM", "conv_dCNN_signs")
    found.add_below(f"{below} with 150 hidden units", "conv_bNSM", "conv_dCNN_narrow")
    _claim_rules(found, "conv", "")
    where = ", with the authors' recipe"
    found.add_below(f"{below}{where}", "coded_bNSM", "coded_dCNN")
    found.add_below(f"{below}{where}, longer", "coded_bNSM_longer", "coded_dCNN_longer")
    _claim_rules(found, "coded", where)


#: Neighbors in the paper's order of training rules, bNSM < BN < {SN, STE} < wBD < BD.
_ORDER = (
    ("bNSM", "BN"),
    ("BN", "SN"),
    ("BN", "STE"),
    ("SN", "wBD"),
    ("STE", "wBD"),
    ("wBD", "BD"),
)
#: Other pairs of rules of which docs/paper.md tells the difference.
_MORE_PAIRS = (
    ("bNSM", "BinConcrete"),
    ("BinConcrete", "BN"),
    ("bNSM", "SN"),
    ("bNSM", "STE"),
    ("STE", "BD"),
)


def _claim_rules(found: _Verdicts, recipe: str, where: str) -> None:
    """Add the paper's order of training rules, and the pairs of it.

    Args:
        found: The claims.
        recipe: What the names of the experiments begin with: "conv" or "coded".
        where: The recipe in words.
    """
    order = [(f"{recipe}_{a}", f"{recipe}_{b}") for a, b in _ORDER]
    found.add_order(f"order bNSM < BN < {{SN, STE}} < wBD < BD{where}", order)
    for a, b in (*_ORDER, *_MORE_PAIRS):
        found.add_below(f"rule {a} below {b}{where}", f"{recipe}_{a}", f"{recipe}_{b}")


def _claim_cifar(found: _Verdicts) -> None:
    """Add the claims about the short trainings on CIFAR-10 as JPEG."""
    for size in ("half", "full"):
        for start in ("", "_from_dCNN"):
            where = f"CIFAR-10 as JPEG, {size} width" + (", starts from dCNN" if start else "")
            dcnn = f"jpeg_{size}_dCNN"
            found.add_below(
                f"{where}: bNSM within 2 points of dCNN", f"jpeg_{size}_bNSM{start}", dcnn, 2.0
            )


def _claim_figure_2(found: _Verdicts) -> None:
    """Add the claims about the spread of pre-activations over 200 updates."""
    results = found.by_name.get("figure2", [])
    spread = "spread of pre-activations grows"
    for name, text, threshold, above in (
        ("NSM", f"NSM: {spread} less than 2 times in 200 updates", 2, False),
        ("StNN, small", f"StNN from small weights: {spread} more than 10 times", 10, True),
        ("StNN", f"StNN from torch's default weights: {spread} more than 10 times", 10, True),
    ):
        growth = [spread_growth(r[name]) for r in results]
        found.add_number(text, growth, threshold, above=above)


#: Names in texts and in experiments of the networks that share a fixed range with the NSM.
_RIVALS = (("the StNN", "StNN"), ("ReLU", "ReLU"), ("ReLU with a gain per neuron", "ReLU_gains"))


def _claim_ranges(found: _Verdicts) -> None:
    """Add what the range of the weights does to the NSM and to the others."""
    for c in (1.0, 0.5, 0.25):
        _claim_rivals(found, f"weights within {c:g}/√(fan-in)", "range", c)


def _claim_levels(found: _Verdicts) -> None:
    """Add what few levels do to the NSM and to the others."""
    for levels in (2, 3, 4, 8, 16):
        _claim_rivals(found, f"trained on {levels} levels", "levels", levels)


def _claim_residual(found: _Verdicts) -> None:
    """Add whether its noise replaces the batch normalization of a residual network."""
    others = (("ReLU", "ReLU"), ("ReLU with batch normalization", "ReLU_batch_norm"))
    for data, part in (("digits", ""), ("CIFAR-10 as JPEG", "cifar_")):
        for batch, (text, other) in product((100, 1), others):
            found.add_below(
                f"residual network, {data}, batches of {batch}: NSM below {text}",
                f"residual_{part}NSM_{batch}",
                f"residual_{part}{other}_{batch}",
            )


#: Methods beside the NSM's: words, experiment, and name of the method in it.
_METHODS = (
    ("MC dropout", "uncertainty_dropout", "MC dropout"),
    ("MC dropout, ±1 inputs", "uncertainty_dropout_signs", "MC dropout"),
    ("one ReLU network", "uncertainty_ReLU", "ReLU"),
    ("an ensemble of 5", "uncertainty_ReLU", "ensemble of 5"),
)


def _claim_uncertainty(found: _Verdicts) -> None:
    """Add whether the NSM knows its errors better than other methods do, on MNIST."""

    def scores(experiment: str, method: str, key: str) -> list[float]:
        of_method = [r["methods"][method] for r in found.by_name.get(experiment, [])]
        return [m["ood"][key] if key == "auroc" else m["sets"]["test"][key] for m in of_method]

    for what, key, larger in (
        ("MNIST: calibration error of the NSM below that of", "ece", False),
        ("MNIST, each with its temperature: calibration error of the NSM below that of",
         "ece_scaled", False),
        ("MNIST: entropy of the NSM tells letters from digits better than that of", "auroc", True),
    ):  # fmt: skip
        own = scores("uncertainty_NSM", "NSM", key)
        for words, experiment, method in _METHODS:
            other = scores(experiment, method, key)
            apart = difference_of_means(own, other)
            if apart is not None:
                answer = _flipped(apart.below(0.0)) if larger else apart.below(0.0)
                numbers = f"{np.mean(own):.4f}, {np.mean(other):.4f}; difference {apart.told(4)}"
                found.rows.append((f"{what} {words}", f"{answer} ({numbers})"))


def _claim_rivals(found: _Verdicts, text: str, kind: str, at: float) -> None:
    """Add that the NSM has a smaller error than each of the others at one range or number."""
    for other, name in _RIVALS:
        found.add_below(f"{text}: NSM below {other}", f"{kind}_NSM_{at}", f"{kind}_{name}_{at}")
