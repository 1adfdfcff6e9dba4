"""How often converters clip: counted on every read, with one warning if it is too often."""

from devices.user_warnings import warn_user

#: Share of clipped conversions that is tolerated; the first read above it warns.
TOLERATED = 1e-3


class ClipCount:
    """Conversions of a layer since it was programmed or calibrated.

    Args:
        what: What is converted, for the warning, such as "the ADC of conv1 clips its currents".
        converter: Its class, "Adc" or "Dac".
        is_open: Whether a calibration sets its range.

    Attributes:
        conversions: Number of values that were converted.
        clipped: Number of values that were clipped.
        pauses: Whether reads are neither counted nor warn, as those that find ranges.
    """

    def __init__(self, what: str, converter: str, *, is_open: bool):
        self._what = what
        self._remedy = (
            f"set ranges from data with chip.calibrate(x), or give {converter}(range=...)"
        )
        if not is_open:  # a calibration leaves given ranges as they are
            self._remedy = (
                f"its range is given as a number: give a larger {converter}(range=...), or None, "
                "which chip.calibrate(x) sets from data"
            )
        self._has_warned = False
        self.conversions = 0
        self.clipped = 0
        self.pauses = False

    @property
    def share(self) -> float:
        """Share of conversions that were clipped; NaN before the first."""
        return self.clipped / self.conversions if self.conversions else float("nan")

    def add(self, clipped: int, conversions: int, *, expected: float = 0.0) -> None:
        """Count the conversions of a read; warn once if it clips more than is tolerated.

        Args:
            clipped: Number of values that were clipped.
            conversions: Number of values that were converted.
            expected: Share that the range is expected to clip, as the calibration saw it; twice as
                much is tolerated, and what a small read clips more by chance (three standard
                deviations): where a run is cut into reads decides nothing.
        """
        if self.pauses:
            return
        self.clipped += clipped
        self.conversions += conversions
        by_chance = 3 * (2 * expected * conversions) ** 0.5
        if self._has_warned or clipped <= (TOLERATED + 2 * expected) * conversions + by_chance:
            return
        self._has_warned = True
        share = clipped / conversions
        warn_user(f"{self._what}: {share:.2%} of this read; {self._remedy}")

    def reset(self) -> None:
        """Count from zero, and warn again: the range has changed."""
        self._has_warned = False
        self.conversions = 0
        self.clipped = 0
