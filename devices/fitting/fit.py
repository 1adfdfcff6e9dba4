"""What a fit returns: a model, its numbers with their standard errors, and what stayed open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, isfinite, nan
from typing import Any

from devices.special import ndtri
from devices.validation import number

_LARGEST_LOG = 700.0
#: Ratio of the ends of a 95 % interval of a positive number beyond which nothing is known of it.
_WIDEST = 1e6


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its standard error.

    Attributes:
        value: The number, in SI units.
        error: Its standard error in the same unit; NaN if the data do not tell it.
        unit: The unit, such as "S"; default "" for a pure number.
        positive: Whether the number is positive by its nature, such as a time. Its interval is then
            symmetric in the logarithm, and never reaches 0; default False.
    """

    value: float
    error: float = nan
    unit: str = ""
    positive: bool = False

    @property
    def is_told(self) -> bool:
        """Whether the data tell the number.

        It then has a standard error, and the 95 % interval of a positive number spans less than a
        factor of 10⁶.
        """
        if not isfinite(self.error):
            return False
        low, high = self.interval()
        return not (self.positive and low > 0) or high < _WIDEST * low

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the ends of the confidence interval, from the normal law of the estimate.

        With z = Φ⁻¹((1 + confidence)/2) they are value ± z · error, and for a positive number
        value · exp(± z · error/value).

        Args:
            confidence: Share of such intervals that hold the true number; default 0.95.

        Raises:
            ValueError: If the confidence does not lie within (0, 1).
        """
        z = float(ndtri((1 + number("confidence", confidence, above=0, below=1)) / 2))
        if self.positive and self.value > 0:
            # e^700 is still a number; an error so large tells nothing about the value.
            factor = exp(min(z * self.error / self.value, _LARGEST_LOG))
            return self.value / factor, self.value * factor
        return self.value - z * self.error, self.value + z * self.error


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A model that was fitted to a measurement.

    Attributes:
        model: The model, for one slot of a `Device`.
        estimates: Its numbers by name, with their standard errors.
        notes: Sentences on what the data do not tell, or tell against the model.
        counts: How many values were read, missing, doubled or far off, by these words.
    """

    model: Any
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
