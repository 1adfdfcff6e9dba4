"""All axes by name, in the order of tables and charts."""

from collections.abc import Callable, Mapping, Sequence

from devices.arguments import listed
from devices.validation import choice, shortened
from nsm.verdict import chip_axes, device_axes
from nsm.verdict.axis import Axis, Context

#: Builders of the axes. A builder raises DoesNotAct where its axis changes nothing.
AXES: Mapping[str, Callable[[Context], Axis]] = {
    "levels": device_axes.levels,
    "programming error": device_axes.programming_error,
    "read noise": device_axes.read_noise,
    "telegraph amplitude": device_axes.telegraph_amplitude,
    "telegraph time": device_axes.telegraph_time,
    "stuck cells": device_axes.stuck_cells,
    "on/off ratio": device_axes.on_off_ratio,
    "drift time": chip_axes.drift_time,
    "gain, falling": chip_axes.gain_falls,
    "gain, rising": chip_axes.gain_rises,
    "gain, falling, compensated": chip_axes.gain_falls_compensated,
    "gain, rising, compensated": chip_axes.gain_rises_compensated,
    "wires": chip_axes.wires,
    "comparator offset": chip_axes.comparator_offset,
    "comparator noise": chip_axes.comparator_noise,
    "ADC bits": chip_axes.adc_bits,
    "DAC bits": chip_axes.dac_bits,
    "temperature": chip_axes.temperature,
}

#: The axis of large networks that takes longest: the circuit of every tile is solved once per chip.
SLOWEST = "wires"


def chosen_axes(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of axes, checked; all of them for None.

    Raises:
        ValueError: A name is unknown (the message suggests the nearest), is given twice, or there
            are none.
    """
    if names is None:
        return tuple(AXES)
    advice = f"at least one of {', '.join(AXES)}"
    given = listed("axes", names, f"a list of {advice}")
    if not given:
        raise ValueError(f"axes = {shortened(names)}; give a list of {advice}")
    found = tuple(choice("axis of the tolerances", name, AXES) for name in given)
    twice = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if twice:
        raise ValueError(f"axis {twice[0]!r} of the tolerances is given twice; leave one out")
    return found
