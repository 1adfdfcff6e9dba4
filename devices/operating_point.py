"""The conditions of a read: voltage, temperature, period and bandwidth."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from devices.validation import number


class Follows(Protocol):
    """A model that may depend on the conditions of a read."""

    def at(self, point: "OperatingPoint") -> Any:
        """Return the model at an operating point."""
        ...


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """The conditions under which cells are read.

    A chip has one: that of its `crossbar.Hardware`. Models that depend on it (read noise, gate,
    retention) are taken there with `model.at(point)`. A model that carries one itself, as
    `measured_at`, states the conditions under which its numbers hold; it describes the model alone,
    and a chip replaces it.

    Attributes:
        voltage: Voltage of a cell that is driven with the read voltage [V]; default 0.1 V.
        temperature: Temperature of the cells [K]; default 300 K.
        read_period: Time from one read to the next [s]; default 1 µs.
        bandwidth: Noise bandwidth B of the read-out [Hz]; None (default) for a read that integrates
            over the whole period, B = 1/(2 · read_period).

    Raises:
        ValueError: If a number is not positive.
    """

    voltage: float = 0.1
    temperature: float = 300.0
    read_period: float = 1e-6
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        number("OperatingPoint.voltage", self.voltage, above=0, unit="V")
        number("OperatingPoint.temperature", self.temperature, above=0, unit="K")
        number("OperatingPoint.read_period", self.read_period, above=0, unit="s")
        if self.bandwidth is not None:
            number("OperatingPoint.bandwidth", self.bandwidth, above=0, unit="Hz")

    @property
    def noise_bandwidth(self) -> float:
        """Noise bandwidth B [Hz]: `bandwidth`, or that of integration over a period."""
        return 1 / (2 * self.read_period) if self.bandwidth is None else self.bandwidth

    def changes(self, model: Follows, **conditions: float) -> bool:
        """Return whether a model changes when these conditions change.

        Args:
            model: A read noise, gate or retention.
            conditions: Other values of fields, such as voltage=0.2.
        """
        return bool(model.at(self) != model.at(replace(self, **conditions)))
