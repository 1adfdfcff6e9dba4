"""Voltage and width of the programming pulses of published devices.

A `PulseResponse` says what a pulse does to a conductance, not which pulse it was. The energy of
programming needs both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from devices.device import Device
from devices.presets import PRESETS
from devices.validation import choice, instance, number

#: Where a pulse is applied: across the cell, whose conductance draws a current, or to the gate of a
#: transistor, which draws charge.
TERMINALS = ("cell", "gate")


@dataclass(frozen=True, kw_only=True)
class WritePulses:
    """Programming pulses of one amplitude and width in each direction.

    Attributes:
        voltage_up: Amplitude of a potentiating pulse [V].
        width_up: Its width [s].
        voltage_down: Amplitude of a depressing pulse [V].
        width_down: Its width [s].
        terminal: "cell" (default) or "gate", see `TERMINALS`.

    Raises:
        ValueError: A voltage is 0 or no number, a width is not above 0, or the terminal is unknown.
    """

    voltage_up: float
    width_up: float
    voltage_down: float
    width_down: float
    terminal: str = "cell"

    def __post_init__(self) -> None:
        for name in ("voltage_up", "voltage_down"):
            value = getattr(self, name)
            number(f"WritePulses.{name}", value, unit="V")
            if value == 0:
                raise ValueError(f"WritePulses.{name} = 0 V writes nothing; give its amplitude")
        for name in ("width_up", "width_down"):
            number(f"WritePulses.{name}", getattr(self, name), above=0, unit="s")
        choice("WritePulses.terminal", self.terminal, TERMINALS)


def _pulses(up: float, width_up: float, down: float, width_down: float) -> WritePulses:
    return WritePulses(voltage_up=up, width_up=width_up, voltage_down=down, width_down=width_down)


#: Pulses of presets by name, from Table II of the manual of NeuroSim V3.0; "avg" there is the mean
#: amplitude of pulses that grow from one to the next.
WRITE_PULSES: Mapping[str, WritePulses] = MappingProxyType(
    {
        "fefet_jerry2017": WritePulses(
            voltage_up=3.65,
            width_up=75e-9,
            voltage_down=-2.95,
            width_down=75e-9,
            terminal="gate",
        ),
        "rram_wu2018": _pulses(1.6, 50e-9, 1.6, 50e-9),
        "rram_jo2010": _pulses(3.2, 300e-6, -2.8, 300e-6),
        "rram_park2013": _pulses(-2.0, 1e-3, 2.0, 1e-3),
        "rram_woo2016": _pulses(0.9, 100e-6, -1.0, 100e-6),
        "pcm_kuzum2011": _pulses(0.7, 6e-6, 3.0, 125e-9),
        "epiram_choi2018": _pulses(5.0, 5e-6, -3.0, 5e-6),
    }
)


def write_pulses_of(device: Device) -> WritePulses | None:
    """Return the pulses of the preset whose pulse response a device has; None if there is none.

    Args:
        device: A preset, or a device that was made from one by changing other slots.
    """
    instance("device", device, Device)
    if device.pulses is None:
        return None
    for name, pulses in WRITE_PULSES.items():
        model = PRESETS[name].model
        if isinstance(model, Device) and model.pulses == device.pulses:
            return pulses
    return None
