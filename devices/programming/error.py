"""Normal programming errors whose size depends on the target."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from devices.programming.base import NormalError
from devices.validation import LARGEST_ERROR, LARGEST_NUMBER, Floats, number, shortened


@dataclass(frozen=True, kw_only=True)
class StateDependentError(NormalError):
    """Normal error with σ(g) = error_factor · √(p(g)² + relaxed_std²), p(g) = Σ_k c_k (g/g_ref)^k.

    The polynomial p is floored at 0. The second term is for cells that relax before anybody reads
    them: their programming error is that of the algorithm and of the fast relaxation after it. This
    is the form of the published fits of Wan 2022, Milo 2021 and Falcone 2025.

    Attributes:
        coefficients: c_k [S] in ascending powers; with g_ref = 1 S, (0.0, 0.05) is 5 % of each
            conductance.
        g_ref: Reference conductance of the fit [S]; default 1 S.
        relaxed_std: Spread of the relaxation before the first read [S]; default 0. Give a
            `LogTimeDrift` the same `programmed_std`.
        error_factor: Factor on the published error, as an axis of sweeps; default 1.

    Raises:
        ValueError: If there are no coefficients, or a number lies outside its range.
    """

    coefficients: tuple[float, ...]
    g_ref: float = 1.0
    relaxed_std: float = 0.0
    error_factor: float = 1.0

    def __post_init__(self) -> None:
        if (
            not isinstance(self.coefficients, Iterable)
            or getattr(self.coefficients, "ndim", 1) == 0
        ):
            raise ValueError(
                f"StateDependentError.coefficients = {shortened(self.coefficients)} is not a "
                "list; give (c_0, c_1, ...) [S]: (0.0, 0.05) is 5 % of each conductance, (5e-7,) "
                "is 0.5 µS at every conductance"
            )
        object.__setattr__(self, "coefficients", tuple(self.coefficients))
        if not self.coefficients:
            raise ValueError(
                "StateDependentError.coefficients is empty; give at least the constant term [S]"
            )
        for k, c in enumerate(self.coefficients):  # those of powers are per (g/g_ref)^k
            largest = LARGEST_NUMBER if k else LARGEST_ERROR
            number("StateDependentError.coefficients", c, plausible=largest, unit="S")
        number("StateDependentError.g_ref", self.g_ref, above=0, plausible=LARGEST_NUMBER, unit="S")
        number(
            "StateDependentError.relaxed_std",
            self.relaxed_std,
            at_least=0,
            plausible=LARGEST_ERROR,
            unit="S",
        )
        number("StateDependentError.error_factor", self.error_factor, at_least=0)

    def sigma(self, target: Floats) -> Floats:
        ratio = np.asarray(target, float) / self.g_ref
        polynomial = np.polynomial.polynomial.polyval(ratio, self.coefficients)
        sigma = np.maximum(polynomial, 0)
        if self.relaxed_std:
            sigma = np.hypot(sigma, self.relaxed_std)
        return self.error_factor * sigma


@dataclass(frozen=True, kw_only=True)
class SaturatingError(NormalError):
    """Normal error that saturates: σ(g) = error_factor · largest · (1 − e^(−g/g_ref)) [S].

    This is the form published for SONOS cells (Agrawal et al. IEDM 2022).

    Attributes:
        largest: σ at large conductances [S].
        g_ref: Conductance over which the error saturates [S].
        error_factor: Factor on the published error, as an axis of sweeps; default 1.

    Raises:
        ValueError: If a number lies outside its range.
    """

    largest: float
    g_ref: float
    error_factor: float = 1.0

    def __post_init__(self) -> None:
        number(
            "SaturatingError.largest", self.largest, at_least=0, plausible=LARGEST_ERROR, unit="S"
        )
        number("SaturatingError.g_ref", self.g_ref, above=0, plausible=LARGEST_NUMBER, unit="S")
        number("SaturatingError.error_factor", self.error_factor, at_least=0)

    def sigma(self, target: Floats) -> Floats:
        ratio = np.asarray(target, float) / self.g_ref
        return np.asarray(-self.error_factor * self.largest * np.expm1(-ratio))
