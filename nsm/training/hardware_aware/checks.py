"""What hardware-aware training refuses by name: what has no gradient, and what has no effect."""

from dataclasses import replace

from crossbar import BitSliced
from crossbar.operating import CALIBRATED
from crossbar.reads.pair_moments import adds_alike
from devices.validation import integer, shortened
from nsm.chips.programming import check_programming
from nsm.training.hardware_aware.slots import Slot

#: Steps for which wires, and ranges of least squares, hold unless the caller says otherwise.
HELD_STEPS = 50


def check_slot(slot: Slot, *, finished: bool = False) -> None:
    """Raise ValueError, naming the layer, if a part of its hardware cannot be trained for.

    Args:
        slot: The layer.
        finished: Whether there is a chip, which knows the ranges of its inputs.
    """
    hardware = slot.hardware
    _check_converters(slot)
    if not finished:
        _check_ranges(slot)
    if not hardware.is_ohmic:
        raise ValueError(
            f"{slot.name}: iv = {shortened(hardware.device.iv)} bends the currents with the size "
            "of the inputs, and hardware-aware training computes sums linear in them; train with "
            "devices.Ohmic(), and map with the law"
        )
    if not adds_alike(hardware):
        raise ValueError(
            f"{slot.name}: read_noise = {shortened(hardware.device.read_noise)} has shot noise, "
            "which depends on the size of the inputs; train without it (shot = 0), and map with it"
        )
    if hardware.gates_word_lines and hardware.gate_noise.has_memory:
        raise ValueError(
            f"{slot.name}: gate = {shortened(hardware.gate)} remembers earlier reads, and gates of "
            "word lines are drawn afresh for every input in training; choose a gate without memory"
        )
    for part in slot.parts:
        check_programming(part, hardware, 1.0)


def _check_converters(slot: Slot) -> None:
    """Raise ValueError if converters see parts of a sum, whose law is that of whole sums."""
    hardware, dac = slot.hardware, slot.hardware.dac
    if dac is not None and dac.serial:
        raise ValueError(
            f"{slot.name}: dac = {shortened(dac)} reads the array bit by bit, and hardware-aware "
            "training computes one read of an input; train with serial = False, and map with it"
        )
    # Layers that end in comparators have no ADC.
    adc = hardware.adc if slot.parts[0].has_linear_outputs else None
    if adc is None:
        return
    if adc.per == "tile":
        raise ValueError(
            f"{slot.name}: adc = {shortened(adc)} converts the current of each tile, and "
            'hardware-aware training computes the sum of an output; train with per = "output", and '
            "map with it"
        )
    if isinstance(hardware.mapping, BitSliced):
        raise ValueError(
            f"{slot.name}: adc = {shortened(adc)} converts each slice of {hardware.mapping!r}, and "
            "hardware-aware training computes the sum of an output; train with adc = None "
            "(dataclasses.replace(hardware, adc=None)), and map with the converter"
        )


def _check_ranges(slot: Slot) -> None:
    """Raise ValueError if a calibration of a finished chip finds the range of the inputs."""
    hardware, dac = slot.hardware, slot.hardware.dac
    if dac is not None and dac.range is None:
        raise ValueError(
            f"{slot.name}: dac = {shortened(dac)} gets its range from a calibration of a finished "
            "chip; give the largest input, such as "
            f"{shortened(replace(dac, range=1.0))}, or hardware with the ranges of a calibrated "
            "chip, nsm.calibrated_hardware(chip)"
        )
    if hardware.input_scale == CALIBRATED:
        raise ValueError(
            f'{slot.name}: input_scale = "{CALIBRATED}" is found by a calibration of a finished '
            "chip; give the largest input as a number"
        )


def checked_steps(slots: list[Slot], wires_every: int | None, range_every: int | None) -> list[int]:
    """Return for how many steps wires and ranges hold; refuse a number that has no effect."""
    hardwares = [slot.hardware for slot in slots]
    acts = {
        "wires_every": (wires_every, any(h.wires is not None for h in hardwares), "no wires"),
        "range_every": (
            range_every,
            any(h.weight_range == "least_squares" for h in hardwares),
            'no weight_range = "least_squares"',
        ),
    }
    found = []
    for name, (given, has_effect, why) in acts.items():
        if given is not None and not has_effect:
            raise ValueError(
                f"{name} = {given!r} has no effect: the hardware has {why}; leave it out"
            )
        found.append(HELD_STEPS if given is None else integer(name, given, at_least=1))
    compensated = [s for s in slots if s.hardware.compensate_wires and s.hardware.wires is not None]
    if compensated and found[0] > 1:
        raise ValueError(
            f"{compensated[0].name}: compensate_wires = True solves the wires for every chip that "
            f"is programmed, and wires_every is {found[0]}; give wires_every=1"
        )
    return found
