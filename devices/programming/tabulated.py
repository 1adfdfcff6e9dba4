"""A normal programming error that is known by a table over the target conductance."""

from dataclasses import dataclass

import numpy as np

from devices.interpolation import MonotoneCubic
from devices.programming.base import NormalError
from devices.rows import check_lengths, rising_row, row
from devices.validation import LARGEST_ERROR, Floats, number


@dataclass(frozen=True, kw_only=True)
class TabulatedError(NormalError):
    """Programmed cells lie at target + error_factor · (mean(g) + std(g) Z), with Z ~ N(0, 1).

    `mean` and `std` are given at a few target conductances g. Between these they are interpolated
    by a monotone cubic (`devices.interpolation`), which never overshoots the table. Beyond the ends
    of the table they are constant, which extrapolates the measurement. `bias` returns the mean
    error, `sigma` the root mean square error, √(mean² + std²) times the factor. Z is drawn once per
    chip, when cells are programmed. A conductance that is drawn below zero is set to 0 S.

    Attributes:
        conductances: Target conductances [S] of the table, two or more, rising.
        std: Standard deviation of the programmed conductance over cells [S], one for each of
            `conductances`.
        mean: Mean error [S], one for each of `conductances`; default () for no mean error.
        error_factor: Factor on the error, mean and spread, as an axis of sweeps; default 1.

    Raises:
        ValueError: If the conductances do not rise, a row has another length than they, or a number
            lies outside its range.
    """

    conductances: tuple[float, ...]
    std: tuple[float, ...]
    mean: tuple[float, ...] = ()
    error_factor: float = 1.0

    def __post_init__(self) -> None:
        rows = {
            "conductances": rising_row(
                "TabulatedError.conductances", self.conductances, at_least=0, unit="S"
            ),
            "std": row(
                "TabulatedError.std", self.std, at_least=0, plausible=LARGEST_ERROR, unit="S"
            ),
            "mean": row("TabulatedError.mean", self.mean, plausible=LARGEST_ERROR, unit="S"),
        }
        for name, numbers in rows.items():
            object.__setattr__(self, name, numbers)
            if name != "mean" or numbers:
                check_lengths(
                    f"TabulatedError.{name}", numbers, "conductances", rows["conductances"]
                )
        number("TabulatedError.error_factor", self.error_factor, at_least=0)

    def law(self, target: Floats) -> tuple[Floats, Floats]:
        return self.bias(target), self._factored(self.std, target)

    def bias(self, target: Floats) -> Floats:
        return self._factored(self.mean, target) if self.mean else np.zeros(np.shape(target))

    def sigma(self, target: Floats) -> Floats:
        return np.hypot(*self.law(target))

    def _factored(self, values: tuple[float, ...], target: Floats) -> Floats:
        """Return a row of the table at the targets, times the factor."""
        return np.asarray(self.error_factor * MonotoneCubic(self.conductances, values)(target))
