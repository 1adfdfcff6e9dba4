"""A setting: the hardware of a chip, and what happens to the chip before it is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from crossbar import Hardware
from nsm.chips.hardware_table import HardwareTable
from nsm.sweeps.treatment import Treatment


@dataclass(frozen=True, kw_only=True)
class Setting(Treatment):
    """What decides how a chip of a given seed reads, except the network.

    Attributes:
        hardware: One description for all layers, or a table by layer.
    """

    hardware: Hardware | HardwareTable

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
