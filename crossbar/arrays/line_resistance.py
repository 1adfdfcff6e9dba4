"""Effective conductances of a tile with line resistance, solved for the mean state of its cells."""

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.moments import gate_moments
from crossbar.wires.segments import part_of
from devices.validation import Floats


def mean_factor(g: Floats, hardware: Hardware) -> Floats:
    """Return the mean factor of cells of g [S] and their gates; IR drop is that of mean currents.

    A gate of a word line sits at the line's driver. The cells behind it always conduct; the gate
    changes only their input.
    """
    gate_mean, _ = gate_moments(hardware)
    of_gate = 1.0 if hardware.gate_sharing == "word_line" else gate_mean
    return of_gate * hardware.cell_noise.moments(g)[0]


def physical_arrays(g_pos: Floats, g_neg: Floats, hardware: Hardware) -> list[Floats]:
    """Return the physical arrays: those of the positive and of the negative cells, or a single one
    whose last bit line is the reference column.
    """
    if hardware.mapping.shares_reference:
        return [np.hstack([g_pos, g_neg])]
    return [g_pos, g_neg]


def _positive_and_negative(arrays: list[Floats], hardware: Hardware) -> tuple[Floats, Floats]:
    """Return the cells of physical arrays as positive and negative cells."""
    if hardware.mapping.shares_reference:
        return arrays[0][:, :-1], arrays[0][:, -1:]
    return arrays[0], arrays[1]


def behind_wires(g_pos: Floats, g_neg: Floats, hardware: Hardware) -> tuple[Floats, Floats]:
    """Return the effective conductances [S] of a tile's cells after IR drop.

    Here IR drop enters: reads, moments and effective weights use the result. The array is solved
    with every cell at its mean conductance, and the result is divided by the mean factor again, so
    that a read multiplies the effective conductance by its random factor. This is a first order: it
    leaves out how the noise of one cell changes the voltages of others (`Wires.noise_variance`
    includes it).

    Args:
        g_pos: Conductances of the positive cells [S], (word lines, bit lines).
        g_neg: Conductances of the negative cells [S], of the same shape, or (word lines, 1).
        hardware: Wires (None leaves the conductances as they are), mapping, gate and read noise.
    """
    wires = hardware.wires
    if wires is None:
        return g_pos, g_neg
    arrays = []
    for g in physical_arrays(g_pos, g_neg, hardware):
        factor = mean_factor(g, hardware)
        effective = part_of(wires, g.shape).effective_conductance(factor * g)
        arrays.append(np.divide(effective, factor, out=effective, where=factor > 0))
    return _positive_and_negative(arrays, hardware)


def compensated(targets: tuple[Floats, Floats], hardware: Hardware) -> tuple[Floats, Floats]:
    """Return conductances [S] whose effective values, after IR drop, are wanted ones.

    Where the range of the device does not reach far enough, they come as near as it allows.

    Args:
        targets: Wanted effective conductances of the positive and the negative cells [S].
        hardware: Wires, device, mapping, gate and read noise.
    """
    wires = hardware.wires
    if wires is None:
        return targets
    device = hardware.device
    arrays = []
    for g in physical_arrays(*targets, hardware):
        factor = mean_factor(g, hardware)
        ends = factor * device.g_min, factor * device.g_max
        programmed = part_of(wires, g.shape).compensated(factor * g, *ends)
        arrays.append(np.clip(programmed / factor, device.g_min, device.g_max))
    return _positive_and_negative(arrays, hardware)
