"""Images, labels and settings of a sweep, checked before any work by planning its networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from crossbar.reads.sampling import check_sampling
from devices.validation import finite, integer, real_array
from nsm.chips.class_scores import class_scores
from nsm.chips.hardware_table import as_table
from nsm.chips.planning.checked_plan import checked_plan
from nsm.chips.planning.examples import given_example
from nsm.nn.inference import Labels, check_labels
from nsm.sweeps.identity import canonical
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


def checked_data(tasks: Sequence[Task], x: Any, y: ArrayLike) -> tuple[Images, Labels]:
    """Return images and labels that the chips of all tasks take.

    Every network is planned for its hardware, and the plan is compared with the network on the
    first images, as `map_to_crossbar` does it.

    Args:
        tasks: Points of a sweep.
        x: Images (n, ...); a tuple of arrays for networks of several inputs.
        y: Labels (n,); (n, ...) for outputs of more axes than classes, such as pixels.

    Raises:
        ValueError: The images or labels are wrong, or a network cannot be mapped or does not take
            them; the message names it.
    """
    images = tuple(map(_images, x)) if isinstance(x, tuple) else _images(x)
    inputs = images if isinstance(images, tuple) else (images,)
    n = len(inputs[0])
    if not n:
        raise ValueError("x holds no images; give at least one")
    check_labels(y, n, places=np.shape(y)[1:])
    forms = [_as_floats(images)]
    if all(part.dtype.kind in "iu" for part in inputs):
        forms.append(images)  # numbers of words, which an embedding looks up
    problems = []
    for form in forms:
        try:
            return form, _labels(tasks, form, y, n)
        except ValueError as problem:
            problems.append(problem)
    raise problems[0]


def _labels(tasks: Sequence[Task], images: Images, y: ArrayLike, n: int) -> Labels:
    """Return the labels, if the networks of all tasks take them and the images."""
    labels: Any = None
    example = given_example(few_of(images))
    for task in _plans(tasks):
        try:
            plan = checked_plan(task.model, as_table(task.hardware), example)
            plan.form.checked(images)
            scores = class_scores(plan.checked.output)
            labels = check_labels(y, n, scores.shape[1], scores.shape[2:])
        except ValueError as problem:
            reason = str(problem).partition("; give example=")[0]
            raise ValueError(f"network {task.network!r}: {reason}") from None
    return np.asarray(labels)


def _as_floats(images: Images) -> Images:
    """Return images as float64."""
    if isinstance(images, tuple):
        return tuple(part.astype(np.float64, copy=False) for part in images)
    return images.astype(np.float64, copy=False)


def few_of(images: Images) -> Images:
    """Return two of the images; the one image twice, if there are no others.

    Two tell whether a network computes each image by itself.
    """
    if isinstance(images, tuple):
        return tuple(np.asarray(few_of(part)) for part in images)
    return images[:2] if len(images) > 1 else np.repeat(images, 2, axis=0)


def _images(x: Any) -> NDArray[Any]:
    """Return images as float64, or as the whole numbers that they are."""
    values = x.detach().cpu() if isinstance(x, Tensor) else x
    if isinstance(values, Tensor):
        values = (values.double() if values.is_floating_point() else values).numpy()
    images = real_array("x", values)
    if images.ndim < 2:
        raise ValueError(f"x has shape {images.shape}; give (batch, …), one image or more")
    return images if images.dtype.kind in "iu" else finite("x", images.astype(np.float64))


def _plans(tasks: Sequence[Task]) -> Iterator[Task]:
    """Yield one task for each network and choice of the layers that are on tiles."""
    seen: set[bytes] = set()
    for task in tasks:
        table = as_table(task.hardware)
        places = canonical((task.network, [(key, table[key] is None) for key in table]))
        if places not in seen:
            seen.add(places)
            yield task
