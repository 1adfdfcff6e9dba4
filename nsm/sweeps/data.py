"""Images, labels and settings of a sweep, checked before any work by planning its networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from crossbar.reads.sampling import check_sampling
from devices.arguments import file_path
from devices.seeding import RNG
from devices.validation import any_array, boolean, finite, integer, real_array
from nsm.chips.class_scores import class_scores
from nsm.chips.hardware_table import HardwareTable
from nsm.chips.planning.checked_plan import CheckedPlan
from nsm.chips.planning.examples import given_example
from nsm.chips.planning.plans import Plans
from nsm.nn.inference import Labels, check_labels, output_shape
from nsm.sweeps.calibration import Calibration
from nsm.sweeps.refusals.point_checks import check_points
from nsm.sweeps.tasks import Task

#: The images of a network of one input, or the inputs of a network of several.
Images = NDArray[Any] | tuple[NDArray[Any], ...]


def check_settings(*, chips: Any, samples: Any, sampling: Any) -> None:
    """Raise ValueError unless the settings of a sweep are allowed.

    Args:
        chips: chips per point, at least 1.
        samples: Noisy passes per image, at least 1.
        sampling: "exact" or "moments".
    """
    integer("chips", chips, at_least=1)
    integer("samples", samples, at_least=1)
    check_sampling(sampling)


def check_saving(
    save_to: str | Path | None, *, rng: RNG, keep_wrong: bool, until: object | None
) -> Path | None:
    """Return the file of the rows of a sweep; raise ValueError unless they can hold what is asked.

    Args:
        save_to: The file; None for none.
        rng: A seed, a Generator, or None.
        keep_wrong: Whether rows say which images were wrong.
        until: The rule of an adaptive sweep, or None.
    """
    if boolean("keep_wrong", keep_wrong) and until is not None:
        raise ValueError(
            f"keep_wrong=True with until={until!r}: the chips of an adaptive sweep read different "
            "images, which cannot be compared one by one; leave one of the two out"
        )
    if save_to is None:
        return None
    path = file_path("save_to", save_to)
    if rng is None:
        raise ValueError(
            "rows saved to a file need a seed to be resumed by; give rng a whole number"
        )
    if keep_wrong:
        raise ValueError(
            f"keep_wrong=True with save_to={str(save_to)!r}: a file holds the number of errors, "
            "not which images were wrong; leave one of the two out"
        )
    return path


class CheckedData(NamedTuple):
    """What the chips of a sweep read.

    Attributes:
        images: Images (n, ...), or a tuple of arrays.
        labels: Labels (n, ...).
        calibration: How chips are calibrated; None if they are not.
        plans: The plans of the networks.
    """

    images: Images
    labels: Labels
    calibration: Calibration | None
    plans: Plans


def checked_data(tasks: Sequence[Task], x: Any, y: ArrayLike, calibrate: Any = None) -> CheckedData:
    """Return images, labels and calibration that the chips of all tasks take.

    Every network is planned for its hardware, and the plan is compared with the network on the
    first images, as `map_to_crossbar` does it. The hardware of the points, of more than 200 of a
    selection, is checked without programming it, see `point_checks`.

    Args:
        tasks: Points of a sweep.
        x: Images (n, ...); a tuple of arrays for networks of several inputs.
        y: Labels (n,); (n, ...) for outputs of more axes than classes, such as pixels.
        calibrate: As for `collect`.

    Raises:
        ValueError: The images or labels are wrong, a network cannot be mapped or does not take
            them, or a point would be refused; the message names it.
    """
    calibration = Calibration.given(calibrate)
    images = all_images("x", x)
    inputs = images if isinstance(images, tuple) else (images,)
    n = len(inputs[0])
    if not n:
        raise ValueError("x holds no images; give at least one")
    check_labels(y, n, places=any_array("labels", y).shape[1:])
    if calibration is not None:
        calibration = replace(calibration, images=all_images("calibrate", calibration.images))
    forms = [_as_floats]
    if all(part.dtype.kind in "iu" for part in inputs):
        forms.append(_as_they_are)  # numbers of words, which an embedding looks up
    problems = []
    for form in forms:
        try:
            formed, plans = calibration, Plans()
            if calibration is not None:
                formed = replace(calibration, images=form(calibration.images))
            labels = _labels(tasks, form(images), y, n, formed, plans)
            return CheckedData(form(images), labels, formed, plans)
        except ValueError as problem:
            problems.append(problem)
    raise problems[0]


def _labels(
    tasks: Sequence[Task],
    images: Images,
    y: ArrayLike,
    n: int,
    calibration: Calibration | None,
    plans: Plans,
) -> Labels:
    """Return the labels, if the networks of all tasks take them and the images."""
    labels: Any = None
    example = given_example(few_of(images))

    def plan_of(task: Task, table: HardwareTable) -> CheckedPlan:
        nonlocal labels
        plan = plans.of(task.model, table, example)
        plan.form.checked(images)
        if calibration is not None:
            _check_calibration(task, plan, calibration.images)
        scores = class_scores(plan.checked.output)
        labels = check_labels(y, n, scores.shape[1], scores.shape[2:])
        return plan

    check_points(tasks, plan_of, calibration)
    return np.asarray(labels)


def _check_calibration(task: Task, plan: CheckedPlan, images: Images) -> None:
    """Raise ValueError unless a network takes the images of the calibration."""
    try:
        plan.form.checked(images)
        if not isinstance(images, tuple) and images.dtype.kind == "f":
            output_shape(task.model, images)
    except ValueError as problem:
        raise ValueError(f"calibrate: {problem}") from None


def all_images(name: str, x: Any) -> Images:
    """Return images as arrays: one, or a tuple for several inputs."""
    return tuple(_images(name, part) for part in x) if isinstance(x, tuple) else _images(name, x)


def _as_they_are(images: Images) -> Images:
    """Return images as they are."""
    return images


def _as_floats(images: Images) -> Images:
    """Return images as float64."""
    if isinstance(images, tuple):
        return tuple(part.astype(np.float64, copy=False) for part in images)
    return images.astype(np.float64, copy=False)


def some_of(images: Images, which: slice | NDArray[np.intp]) -> Images:
    """Return some of the images, of each of several inputs, by their places."""
    if isinstance(images, tuple):
        return tuple(part[which] for part in images)
    return images[which]


def few_of(images: Images) -> Images:
    """Return two of the images; the one image twice, if there are no others.

    Two tell whether a network computes each image by itself.
    """
    if isinstance(images, tuple):
        return tuple(np.asarray(few_of(part)) for part in images)
    return images[:2] if len(images) > 1 else np.repeat(images, 2, axis=0)


def _images(name: str, x: Any) -> NDArray[Any]:
    """Return images as float64, or as the whole numbers that they are."""
    values = x.detach().cpu() if isinstance(x, Tensor) else x
    if isinstance(values, Tensor):
        values = (values.double() if values.is_floating_point() else values).numpy()
    images = real_array(name, values, truth_values=True)
    if images.ndim < 2:
        raise ValueError(f"{name} has shape {images.shape}; give (batch, …), one image or more")
    return images if images.dtype.kind in "iu" else finite(name, images.astype(np.float64))
