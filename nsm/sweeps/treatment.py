"""What happens to a programmed chip before it is read: age, gain, compensation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsm.chips.calibration import has_open_converters

if TYPE_CHECKING:
    from nsm.chips.chip import MappedNetwork
    from nsm.sweeps.calibration import Calibration


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What happens to a programmed and calibrated chip before it is read.

    Attributes:
        gain: Common-mode gain of the programmed chip.
        seconds: Age of the chip when it is read [s].
        compensation: What has one factor that compensates gain and age, "layer" or "column"; None
            for no compensation.
    """

    gain: float = 1.0
    seconds: float = 0.0
    compensation: str | None = None

    @property
    def changes_chip(self) -> bool:
        """Whether gain, age or compensation change the chip after it was programmed."""
        return (self.gain, self.seconds, self.compensation) != (1.0, 0.0, None)

    def act_on(self, chip: MappedNetwork, calibration: Calibration | None, seed: int) -> None:
        """Age a chip, change its gain, and compensate both.

        Args:
            chip: The programmed chip, calibrated if it has converters of open range.
            calibration: How it was calibrated; a chip that is compensated is calibrated again.
            seed: Seed of the chip.
        """
        chip.age(self.seconds)
        chip.scale_conductances(self.gain)
        per = self.compensation
        if per is None:
            return
        if calibration is not None and has_open_converters(chip.layers):
            chip.calibrate(calibration.images, **calibration.options, compensation=per, rng=seed)
        else:
            chip.compensate(per, rng=seed)
