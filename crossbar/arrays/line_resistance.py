"""Effective conductances of a tile with line resistance, solved for the mean state of its cells."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from crossbar.hardware import Hardware
from crossbar.reads.conductances import behind
from crossbar.reads.pair_moments import gate_moments
from crossbar.threads import run_each
from crossbar.wires.description import Wires
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


def branch_conductances(g: ArrayLike, wires: Wires) -> Floats:
    """Return the conductances [S] of cells of g [S] in series with their access transistors.

    A transistor carries the current of its own cell, so it is part of the branch that noise and
    gates switch, and not of the wires that all cells share.
    """
    return behind(g, wires.r_access)


def of_branches(wires: Wires, shape: tuple[int, int]) -> Wires:
    """Return the wires of a part of a tile around branches that include their transistors."""
    return replace(part_of(wires, shape), r_access=0.0)


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
    arrays = physical_arrays(g_pos, g_neg, hardware)

    def solve(k: int) -> None:
        g = arrays[k]
        factor = mean_factor(g, hardware)
        branches = factor * branch_conductances(g, wires)
        effective = of_branches(wires, g.shape).effective_conductance(branches)
        arrays[k] = np.divide(effective, factor, out=effective, where=factor > 0)

    run_each(solve, len(arrays))
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
        ends = (factor * branch_conductances(end, wires) for end in (device.g_min, device.g_max))
        branches = of_branches(wires, g.shape).compensated(factor * g, *ends) / factor
        programmed = branches / (1 - branches * wires.r_access)
        arrays.append(np.clip(programmed, device.g_min, device.g_max))
    return _positive_and_negative(arrays, hardware)
