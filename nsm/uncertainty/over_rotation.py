"""Uncertainty and errors over the angle by which images are turned."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from devices.arguments import listed
from devices.validation import array, shortened
from nsm.nn.inference import Floats, softmax
from nsm.uncertainty.calibration import expected_calibration_error
from nsm.uncertainty.checks import with_labels
from nsm.uncertainty.images import rotated
from nsm.uncertainty.scores import mutual_information, predictive_entropy

# pandas is imported in the function that uses it: `import nsm` stays fast.
if TYPE_CHECKING:
    import pandas as pd


def over_rotation(
    draw: Callable[[Floats], Floats], x: ArrayLike, y: ArrayLike, degrees: Iterable[float]
) -> "pd.DataFrame":
    """Return uncertainty and errors on images that are turned by several angles.

    Args:
        draw: Takes images and returns logits (samples, batch, classes), such as
            `lambda x: chip.sample(x, 50, rng=0)`.
        x: Flat square images (batch, side²), pixels in [0, 1].
        y: Class numbers, (batch,).
        degrees: Angles [degrees].

    Returns:
        A row for every angle. Columns: degrees; images; errors; means over images [nat] with their
        standard errors: entropy (the predictive one), entropy_se, mutual_information,
        mutual_information_se; ece, the expected calibration error.
    """
    import pandas as pd

    if not callable(draw):
        raise ValueError(
            f"draw = {shortened(draw)} cannot be called; give a function of images that returns "
            "logits (samples, batch, classes)"
        )
    angles = listed("degrees", degrees, "a list of angles")
    if not angles:
        raise ValueError("degrees is empty; give at least one angle")
    rows = []
    for angle in angles:
        samples = softmax(array("result of draw", draw(rotated(x, angle)), ndim=3))
        p, labels = with_labels(samples.mean(axis=0), y)
        n = len(labels)
        row = {
            "degrees": float(angle),
            "images": n,
            "errors": int((p.argmax(axis=1) != labels).sum()),
        }
        entropies = {
            "entropy": predictive_entropy(samples),
            "mutual_information": mutual_information(samples),
        }
        for name, values in entropies.items():
            error = float(values.std(ddof=1)) / n**0.5 if n > 1 else np.nan
            row |= {name: float(values.mean()), f"{name}_se": error}
        rows.append(row | {"ece": expected_calibration_error(p, labels)})
    return pd.DataFrame(rows)
