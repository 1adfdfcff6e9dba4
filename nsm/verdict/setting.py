"""A setting: the hardware of a chip, and what happens to the chip before it is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from crossbar import Hardware
from nsm.chips.hardware_table import HardwareTable


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What decides how a chip of a given seed reads, except the network.

    Attributes:
        hardware: One description for all layers, or a table by layer.
        gain: Common-mode gain of the programmed chip.
        seconds: Age of the chip when it is read [s].
        compensation: What has one factor that compensates gain and age, "layer" or "column"; None
            for no compensation.
    """

    hardware: Hardware | HardwareTable
    gain: float = 1.0
    seconds: float = 0.0
    compensation: str | None = None

    @property
    def changes_chip(self) -> bool:
        """Whether gain, age or compensation change the chip after it was programmed."""
        return (self.gain, self.seconds, self.compensation) != (1.0, 0.0, None)

    @property
    def parts(self) -> list[Hardware]:
        """The hardware of all layers on tiles."""
        if isinstance(self.hardware, Hardware):
            return [self.hardware]
        return [part for part in self.hardware.values() if part is not None]

    def each(self, change: Callable[[Hardware], Hardware]) -> "Setting":
        """Return the setting whose hardware is changed, in all layers on tiles."""
        if isinstance(self.hardware, Hardware):
            return replace(self, hardware=change(self.hardware))
        entries = self.hardware.items()
        changed = {key: None if part is None else change(part) for key, part in entries}
        return replace(self, hardware=HardwareTable(changed))
