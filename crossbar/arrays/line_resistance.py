"""What the wires of a tile make of its cells: solved once for each state of the tile, for the array in its mean state."""

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.moments import gate_moments
from devices.validation import Floats


def _mean_factor(g: Floats, hardware: Hardware) -> Floats:
    """Mean factor of a cell with its gate: currents, and with them the wires' losses, are those of the average read.

    A word line's gate sits at its driver: behind it cells conduct all the time, and only their input changes.
    """
    gate_mean, _ = gate_moments(hardware)
    return (
        1.0 if hardware.gate_sharing == "word_line" else gate_mean
    ) * hardware.device.read_noise.moments(g)[0]


def _arrays(g_pos: Floats, g_neg: Floats, hardware: Hardware) -> list[Floats]:
    """The physical arrays: twins, or one whose last bit line is the reference."""
    return [np.hstack([g_pos, g_neg])] if hardware.mapping.shares_reference else [g_pos, g_neg]


def _pair(arrays: list[Floats], hardware: Hardware) -> tuple[Floats, Floats]:
    return (
        (arrays[0][:, :-1], arrays[0][:, -1:])
        if hardware.mapping.shares_reference
        else (arrays[0], arrays[1])
    )


def behind_wires(g_pos: Floats, g_neg: Floats, hardware: Hardware) -> tuple[Floats, Floats]:
    """Return the conductances [S] with which the cells g_pos, g_neg multiply: the effective ones, as noisy as the cells.

    W of the cells in their mean state, divided by their mean factor: a read's factors then multiply W. First order: what a
    cell's noise does to the voltages of others is left out (`Wires.noise_variance` has it).
    """
    wires = hardware.wires
    if wires is None:
        return g_pos, g_neg
    seen = []
    for g in _arrays(g_pos, g_neg, hardware):
        factor = _mean_factor(g, hardware)
        effective = wires.effective_conductance(factor * g)
        seen.append(np.divide(effective, factor, out=effective, where=factor > 0))
    return _pair(seen, hardware)


def compensated(targets: tuple[Floats, Floats], hardware: Hardware) -> tuple[Floats, Floats]:
    """Return the conductances [S] to program so that the wires leave the targets of them, as far as the range goes."""
    wires, device = hardware.wires, hardware.device
    if wires is None:
        return targets
    arrays = []
    for g in _arrays(*targets, hardware):
        factor = _mean_factor(g, hardware)
        programmed = wires.compensated(factor * g, factor * device.g_min, factor * device.g_max)
        arrays.append(np.clip(programmed / factor, device.g_min, device.g_max))
    return _pair(arrays, hardware)
