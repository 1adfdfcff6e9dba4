"""Errors of test errors: of a mean over trainings, and of differences on the same test images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from nsm.sweeps.rows.variance import satterthwaite

Floats = NDArray[np.float64]

#: Confidence of two-sided verdicts.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error, and what a threshold says about it.

    Attributes:
        value: The number.
        error: Its standard error.
        freedom: Degrees of freedom of the standard error (Welch and Satterthwaite).
        notes: What the standard error lacks, in words.
    """

    value: float
    error: float
    freedom: float
    notes: tuple[str, ...] = ()

    @property
    def margin(self) -> float:
        """Half the width of the two-sided confidence interval (Student's t)."""
        if self.error == 0:
            return 0.0
        return float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2)) * self.error

    def below(self, threshold: float) -> str:
        """Return whether the number is below a threshold: "yes", "no" or "not resolved"."""
        if self.value + self.margin <= threshold:
            return "yes"
        return "no" if self.value - self.margin > threshold else "not resolved"

    def within(self, threshold: float) -> str:
        """Return whether the size of the number is below a threshold: the same three answers."""
        size = abs(self.value)
        if size + self.margin <= threshold:
            return "yes"
        return "no" if size - self.margin > threshold else "not resolved"

    @property
    def text(self) -> str:
        """The number ± its standard error with two decimals, and the notes."""
        return self.told(2)

    def told(self, decimals: int) -> str:
        """Return the number ± its standard error with so many decimals, and the notes."""
        return "; ".join([f"{self.value:z.{decimals}f} ± {self.error:.{decimals}f}", *self.notes])


@dataclass(frozen=True)
class Runs:
    """The test errors of all trainings of one network.

    Attributes:
        errors: Error of each training [%].
        images: Number of test images.
        wrong: Whether each training errs on each image, (trainings, images), as 0 and 1; None if
            this was not kept.
    """

    errors: Sequence[float]
    images: int
    wrong: Floats | None = None

    @property
    def mean(self) -> float:
        """Mean error over trainings [%]."""
        return float(np.mean(self.errors))

    @property
    def variance_of_images(self) -> float:
        """Variance of the mean error from the choice of test images, p (1 − p)/n at most."""
        if self.wrong is not None:
            return _variance_of_mean(self.wrong.mean(axis=0))
        p = float(np.clip(self.mean / 100, 1 / self.images, 1))  # without an error, count one
        return p * (1 - p) / self.images

    @property
    def variance_of_trainings(self) -> float:
        """Variance of the mean error from the trainings; 0 for one training, which has none.

        With the outcomes of every image, what the images contribute by their interaction with the
        training is subtracted, since `variance_of_images` contains it: (s² − r²/n)/a with r² the
        residual variance after subtracting the means of images and of trainings.
        """
        a = len(self.errors)
        if a < 2:
            return 0.0
        between = float(np.var(np.array(self.errors) / 100, ddof=1))
        residual = 0.0
        if self.wrong is not None:
            w = self.wrong
            left = w - w.mean(axis=0) - w.mean(axis=1, keepdims=True) + w.mean()
            residual = float((left**2).sum()) / ((a - 1) * (self.images - 1))
        return max(0.0, between - residual / self.images) / a


def _variance_of_mean(values: Floats) -> float:
    """Return the variance of a mean over images, of at least one image that differs."""
    n = len(values)
    return max(float(values.var(ddof=1)) / n, 1 / n**2)


def _estimate(
    value: float, images: float, n: int, runs: Sequence[Runs], notes: Sequence[str]
) -> Estimate:
    """Return an estimate from the variance of images and those of the trainings of each network."""
    parts = [(images, n - 1.0)]
    parts += [(r.variance_of_trainings, len(r.errors) - 1.0) for r in runs if len(r.errors) > 1]
    lacking = [*notes]
    if any(len(r.errors) < 2 for r in runs):
        lacking.append("one training" if len(runs) == 1 else "one training of one or both")
    error = 100 * float(np.sqrt(sum(v for v, _ in parts)))
    return Estimate(value, error, satterthwaite(parts), tuple(lacking))


def error_of(runs: Runs) -> Estimate:
    """Return the mean test error [%], with the variances of images and of trainings added."""
    return _estimate(runs.mean, runs.variance_of_images, runs.images, [runs], [])


def difference(a: Runs, b: Runs) -> Estimate:
    """Return the mean error of `a` minus that of `b` [percentage points].

    Both are tested on the same images, so that the variance of images is that of the differences
    image by image: d_k = e_a(k) − e_b(k), s²(d)/n, with e the mean over trainings. For one training
    each it is that of McNemar's test, (b + c − (b − c)²/n)/n², with b and c the images on which
    only one of the two errs. Variances of trainings are added. Without the outcomes of every image
    the variances of the two are added, which is too large for networks that err on the same images.

    Raises:
        ValueError: The two were tested on different numbers of images.
    """
    if a.images != b.images:
        raise ValueError(
            f"the networks were tested on {a.images} and {b.images} images; a difference needs the "
            "same images"
        )
    value = a.mean - b.mean
    if a.wrong is None or b.wrong is None:
        images = a.variance_of_images + b.variance_of_images
        return _estimate(value, images, a.images, [a, b], ["unpaired"])
    images = _variance_of_mean(a.wrong.mean(axis=0) - b.wrong.mean(axis=0))
    return _estimate(value, images, a.images, [a, b], [])


def change(a: Runs, b: Runs) -> Estimate:
    """Return the mean error of `a` minus that of `b` [percentage points], of the same trainings.

    The two are tests of the same trainings under two conditions, in the same order, on the same
    images. What trainings have in common cancels: with the outcomes of every image the difference
    is taken image by image, and the variance of trainings is that of their differences. Without
    them the variances of images are added, as for two test sets.

    Raises:
        ValueError: The two have different numbers of trainings or of images.
    """
    if len(a.errors) != len(b.errors) or a.images != b.images:
        raise ValueError(
            f"the two conditions have {len(a.errors)} and {len(b.errors)} trainings, tested on "
            f"{a.images} and {b.images} images; a change needs the same of both"
        )
    if a.wrong is None or b.wrong is None:
        images = a.variance_of_images + b.variance_of_images
        return Estimate(
            a.mean - b.mean, 100 * float(np.sqrt(images)), a.images - 1.0, ("unpaired",)
        )
    errors = [x - y for x, y in zip(a.errors, b.errors, strict=True)]
    return error_of(Runs(errors, a.images, a.wrong - b.wrong))


def mean_of(values: Sequence[float]) -> Estimate | None:
    """Return the mean of a number over runs with its standard error; None for a single run."""
    if len(values) < 2:
        return None
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return Estimate(float(np.mean(values)), error, len(values) - 1.0)


def difference_of_means(a: Sequence[float], b: Sequence[float]) -> Estimate | None:
    """Return the mean of `a` minus that of `b`, numbers of independent runs (Welch's t).

    Returns:
        The difference; None if one of them has a single run.
    """
    if min(len(a), len(b)) < 2:
        return None
    parts = [(float(np.var(v, ddof=1)) / len(v), len(v) - 1.0) for v in (a, b)]
    error = float(np.sqrt(sum(variance for variance, _ in parts)))
    return Estimate(float(np.mean(a) - np.mean(b)), error, satterthwaite(parts))
