"""How often converters clip: counted on every read, and told once."""

import warnings

#: Share of clipped conversions above which the first read that exceeds it warns.
TOLERATED = 1e-3


class ClipCount:
    """Conversions of a layer since it was programmed or calibrated.

    Args:
        what: What is converted, for the warning, such as "the ADC of conv1 clips its currents".
        remedy: What to do about it.

    Attributes:
        conversions: Number of values that were converted.
        clipped: Number of values that were clipped.
    """

    def __init__(self, what: str, remedy: str):
        self._what = what
        self._remedy = remedy
        self._tolerated = TOLERATED
        self._has_warned = False
        self.conversions = 0
        self.clipped = 0

    @property
    def share(self) -> float:
        """Share of conversions that were clipped; NaN before the first."""
        return self.clipped / self.conversions if self.conversions else float("nan")

    def add(self, clipped: int, conversions: int) -> None:
        """Count the conversions of a read; warn once if it clips more than is tolerated."""
        self.clipped += clipped
        self.conversions += conversions
        if self._has_warned or clipped <= self._tolerated * conversions:
            return
        self._has_warned = True
        share = clipped / conversions
        warnings.warn(f"{self._what}: {share:.2%} of this read; {self._remedy}", stacklevel=2)

    def reset(self, expected: float = 0.0) -> None:
        """Count from zero, and warn again: the range has changed.

        Args:
            expected: Share that the range clips on purpose, as the calibration saw it. Twice as
                much is tolerated.
        """
        self._tolerated = TOLERATED + 2 * expected
        self._has_warned = False
        self.conversions = 0
        self.clipped = 0
