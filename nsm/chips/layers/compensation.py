"""The factors that compensate a common change of a layer's conductances."""

from dataclasses import dataclass

import numpy as np

from devices.validation import Floats


@dataclass(frozen=True, eq=False)
class Compensation:
    """Factors I_0/I of total currents by which the outputs of a layer are multiplied.

    Attributes:
        per: What has one factor: "layer" or "column". Empty while the layer is not compensated.
        factors: Factors of the outputs, (outputs,).
        error: Relative standard error with which a factor was measured (root mean square over
            outputs).
        threshold: Exact biases (reference currents) as mapped, (outputs,), in weight units. They
            are divided by the factors.
    """

    per: str
    factors: Floats
    error: float
    threshold: Floats

    @classmethod
    def none(cls, threshold: Floats) -> "Compensation":
        """Return the factors 1 of a layer that is not compensated."""
        return cls("", np.ones(len(threshold)), 0.0, threshold)
