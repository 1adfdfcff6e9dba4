"""The largest voltage and current of a layer's cells, beside what the device stands."""

import numpy as np

from crossbar.arrays.neurons import NeuronArray
from crossbar.reads.conductances import behind
from crossbar.reads.nonlinear import chords
from devices.read_noise.thermal import split_current_noise

#: How far rounding may lift a voltage above its limit.
_ROUNDING = 1e-9


def largest_current(neurons: NeuronArray, volts: float) -> float:
    """Return the current [A] of the cell that conducts best, at a voltage of its branch [V].

    IR drop is left out, which would lower it.
    """
    hardware = neurons.hardware
    largest = 0.0
    for part in neurons.parts():
        for tile in part.array.all_tiles():
            c = tile.conductances
            for now, small in ((c.g_pos, c.small_pos), (c.g_neg, c.small_neg)):
                branch = behind(now, hardware.access_resistance)
                if small is not None:
                    cell = chords(np.array(small.max()), volts, hardware)
                    branch = behind(cell, hardware.series_resistance)
                largest = max(largest, volts * float(branch.max(initial=0.0)))
    return largest


def limit_warnings(neurons: NeuronArray) -> list[str]:
    """Return what a layer's cells were read with beyond the read voltage, or the device's limits.

    It looks at the largest voltage that inputs have caused so far.
    """
    hardware, device = neurons.hardware, neurons.hardware.device
    volts = neurons.drivers.largest_voltage
    if not np.isfinite(volts):
        return []
    found = []
    if volts > hardware.read_voltage * (1 + _ROUNDING):
        found.append(
            f"inputs reach {neurons.drivers.largest:.4g} and drive cells with {volts:.3g} V, above "
            f"the read voltage of {hardware.read_voltage:g} V; give Hardware(input_scale=...), or "
            '"calibrated" and chip.calibrate(x)'
        )
    factors, _ = split_current_noise(device.read_noise)
    point, twice = hardware.operating_point, 2 * hardware.read_voltage
    follow = any(point.changes(noise, voltage=twice) for noise in (hardware.gate, factors))
    if neurons.drivers.sees_parts and follow:
        found.append(
            "inputs drive cells with other voltages than the read voltage, and gate or read noise "
            "are those of the read voltage; code the inputs as -1 and +1, or give Dac(serial=True)"
        )
    if device.read_disturb_voltage is not None and volts > device.read_disturb_voltage:
        found.append(
            f"cells are read with {volts:.3g} V, which disturbs them: the device stands "
            f"{device.read_disturb_voltage:g} V (read_disturb_voltage)"
        )
    if device.compliance is not None:
        current = largest_current(neurons, volts)
        if current > device.compliance * (1 + _ROUNDING):
            found.append(
                f"a cell carries {current:.3g} A at {volts:.3g} V, above the device's compliance "
                f"of {device.compliance:g} A"
            )
    return found
