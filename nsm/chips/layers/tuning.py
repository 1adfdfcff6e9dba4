"""What a chip's periphery was tuned to: digital gains and shifts, factors a, thresholds."""

from dataclasses import dataclass

import numpy as np

from devices.validation import Floats


@dataclass(frozen=True, eq=False)
class Tuning:
    """Parameters of the periphery of a layer, one for each output, that no cell holds.

    Attributes:
        of: What was tuned: "gain, shift", "a, threshold" or "threshold"; empty if nothing was.
        gain: Digital factors of converted outputs, (outputs,).
        shift: What is added digitally to them, in the network's units, (outputs,).
        a: Factors of the deterministic path, (outputs,) or (locations, outputs).
        threshold: Reference currents at the comparators that are added to those that the layer was
            mapped with, in the weight units of the array, (outputs,).
        mapped_a: Factors of the deterministic path as mapped.
    """

    of: str
    gain: Floats
    shift: Floats
    a: Floats
    threshold: Floats
    mapped_a: Floats

    @classmethod
    def none(cls, a: Floats) -> "Tuning":
        """Return the parameters of a layer that is not tuned, whose path has the factors a."""
        outputs = a.shape[-1]
        return cls("", np.ones(outputs), np.zeros(outputs), a, np.zeros(outputs), a)
