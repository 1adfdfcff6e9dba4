"""Reads of cells whose current is not proportional to the voltage.

Conductances of an array are those at the read voltage (`ProgrammedTile.now`). Inputs of that size
need no more, where the current is odd in the voltage. Other inputs are either shaped, I = g f(V),
or see cells of another conductance in every row.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crossbar.hardware import Hardware
from crossbar.reads.conductances import CellArray, behind
from crossbar.reads.inputs import Inputs
from devices.validation import Floats


def chords(g: Floats, volts: Floats | float, hardware: Hardware) -> Floats:
    """Return I/V [S] of cells at the voltage that a series element leaves them.

    Args:
        g: Conductances at small voltages [S].
        volts: Voltages of word lines [V], which broadcast with g.
        hardware: Current-voltage law, gate and access transistor.
    """
    return hardware.device.iv.chord(g, volts, hardware.series_resistance)


def shaped(cells: CellArray, x: Inputs) -> Inputs:
    """Return inputs that act on the conductances at the read voltage as x acts on the cells.

    With I = g f(V), an input x at the voltage v x acts like f(v x)/f(V) · V/v, with V the read
    voltage and v the voltage of an input of one. Other laws leave x as it is, see `bends`.
    """
    hardware = cells.hardware
    if hardware.is_ohmic or hardware.series_resistance or not bends(cells, x).any():
        return x
    unit, full = cells.unit_voltage, hardware.read_voltage
    of_inputs, of_full = hardware.device.iv.shape(unit * x.floats), hardware.device.iv.shape(full)
    if of_inputs is None or of_full is None:
        return x
    return Inputs(of_inputs / of_full * (full / unit))


def bends(cells: CellArray, x: Inputs) -> NDArray[np.bool_]:
    """Return, for every row, whether its inputs see other conductances than at the read voltage."""
    hardware = cells.hardware
    if hardware.is_ohmic:
        return np.zeros(len(x), dtype=bool)
    if hardware.device.iv.is_odd and cells.unit_voltage == hardware.read_voltage:
        return ~x.is_ternary
    return np.ones(len(x), dtype=bool)


def needs_rows(cells: CellArray, x: Inputs) -> bool:
    """Return whether the conductances of cells differ from row to row of x."""
    hardware = cells.hardware
    if hardware.is_ohmic or not bends(cells, x).any():
        return False
    return hardware.device.iv.shape(0.0) is None or hardware.series_resistance > 0


def driven_rows(cells: CellArray, x: Inputs) -> Iterator[tuple[int, CellArray]]:
    """Yield each row of inputs that sees other conductances than at the read voltage, and the cells
    as it drives them.

    Equal rows that follow each other, such as the reads of one image, are solved once and share one
    object.

    Args:
        cells: The array.
        x: Inputs.
    """
    last = None
    for i in np.flatnonzero(bends(cells, x)):
        if last is None or not np.array_equal(x.floats[i], x.floats[last]):
            driven = driven_by(cells, x.floats[i])
        last = i
        yield int(i), driven


def driven_by(cells: CellArray, row: Floats) -> CellArray:
    """Return the cells with the effective conductances that they have under a row of inputs.

    IR drop attenuates them, and noise depends on their conductances, as at the read voltage, which
    is a first order.

    Args:
        cells: The array.
        row: Inputs, (word lines,).
    """
    c = cells.conductances
    volts = (cells.unit_voltage * row)[:, None]
    hardware = cells.hardware
    effective = []
    for small, at_full, of_full in (
        (c.small_pos, c.g_pos, c.effective_pos),
        (c.small_neg, c.g_neg, c.effective_neg),
    ):
        assert small is not None
        # The access transistor carries the current of its own cell; what remains is IR drop.
        branch = behind(at_full, hardware.access_resistance)
        passes = np.divide(of_full, branch, out=np.ones_like(branch), where=branch > 0)
        now = behind(chords(small, volts, hardware), hardware.series_resistance)
        effective.append(now * passes)
    driven = replace(c, effective_pos=effective[0], effective_neg=effective[1])
    return replace(cells, conductances=driven, level_spacing=0.0)
