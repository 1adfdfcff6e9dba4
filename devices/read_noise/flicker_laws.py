"""Sizes of 1/f noise that depend on the conductance, for `FlickerNoise`."""

from dataclasses import dataclass

import numpy as np

from devices.validation import LARGEST_ERROR, LARGEST_NUMBER, Floats, number


@dataclass(frozen=True, kw_only=True)
class LogConductanceFlicker:
    """Size Q of 1/f noise whose absolute size grows with the logarithm of the conductance.

    Q(g) = coefficient · log10(g/g_unit)/g, so that S_G(f) = (coefficient · log10(g/g_unit))²/f. An
    instance is called with conductances [S] and returns Q; give it to `FlickerNoise` as `q`.
    Published for CMO/HfOx RRAM of 9 to 88 µS with g_unit = 1 µS (Falcone et al. 2025,
    arXiv:2502.04524). Below e · g_unit, where Q is largest, Q keeps that value: this continuation
    is our choice, see `LogConductanceNoise`.

    Attributes:
        coefficient: Size of the noise [S].
        g_unit: Conductance in the logarithm [S]; default 1 µS.

    Raises:
        ValueError: If a number lies outside its range.
    """

    coefficient: float
    g_unit: float = 1e-6

    def __post_init__(self) -> None:
        number(
            "LogConductanceFlicker.coefficient",
            self.coefficient,
            at_least=0,
            plausible=LARGEST_ERROR,
            unit="S",
        )
        number(
            "LogConductanceFlicker.g_unit", self.g_unit, above=0, plausible=LARGEST_NUMBER, unit="S"
        )

    def __call__(self, g: Floats) -> Floats:
        ratio = np.maximum(np.asarray(g, dtype=np.float64) / self.g_unit, np.e)
        return np.asarray(self.coefficient * np.log10(ratio) / (ratio * self.g_unit))
