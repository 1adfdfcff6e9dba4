"""What the wires of a tile make of its cells: solved once for each state of the tile, for the array in its mean state."""

import numpy as np

from crossbar.hardware import Hardware
from crossbar.sampling import gate_moments
from devices._checks import Floats


def _mean_factor(g: Floats, hardware: Hardware) -> Floats:
    """Mean factor of a cell with its gate: currents, and with them the wires' losses, are those of the average read."""
    gate_mean, _ = gate_moments(hardware)
    return gate_mean * hardware.device.read_noise.moments(g)[0]


def _arrays(g_pos: Floats, g_neg: Floats, hardware: Hardware) -> list[Floats]:
    """The physical arrays: twins, or one whose last bit line is the reference."""
    return [np.hstack([g_pos, g_neg])] if hardware.mapping.shares_reference else [g_pos, g_neg]


def _pair(arrays: list[Floats], hardware: Hardware) -> tuple[Floats, Floats]:
    return (arrays[0][:, :-1], arrays[0][:, -1:]) if hardware.mapping.shares_reference else (arrays[0], arrays[1])


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
    gate_mean, _ = gate_moments(hardware)
    arrays = [
        wires.compensated(gate_mean * g, gate_mean * device.g_min, gate_mean * device.g_max) / gate_mean
        for g in _arrays(*targets, hardware)
    ]
    g_pos, g_neg = _pair([np.clip(g, device.g_min, device.g_max) for g in arrays], hardware)
    return g_pos, g_neg
