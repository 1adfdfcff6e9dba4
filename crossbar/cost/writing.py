"""Pulses, energy and time of programming the cells of a layer from one end of their range."""

import math
from dataclasses import dataclass

import numpy as np

from crossbar.arrays.line_resistance import physical_arrays
from crossbar.arrays.neurons import NeuronArray
from crossbar.cost.array_energy import placed_tiles
from crossbar.cost.constants import CostConstants
from devices import Device
from devices.pulses.base import PulseResponse, pulses_to
from devices.validation import Floats, choice
from devices.write_pulses import WritePulses, write_pulses_of

#: States from which cells are programmed: all of them are at this end of their range.
STARTS = ("g_min", "g_max")
#: Pulses of the longest curve that is looked at; asymptotic responses come no nearer.
MOST_PULSES = 4096


@dataclass(frozen=True, kw_only=True)
class WriteCost:
    """Cost of programming all cells of a layer once.

    Numbers are NaN where the pulses are not known or draw no current; `reason` says why.

    Attributes:
        cells: Number of cells.
        pulses: Pulses on all of them.
        cell_energy: Energy in the cells, Σ G V² t over all pulses [J].
        line_energy: Energy of charging a word line for every pulse, C V² [J].
        time: Duration if cells are programmed one after the other [s].
        reason: Why there are no numbers, or "".
    """

    cells: int
    pulses: float
    cell_energy: float
    line_energy: float
    time: float
    reason: str


@dataclass(frozen=True)
class _Curve:
    """Conductances [S] after 0, 1, … pulses from the start, and the pulse."""

    g: Floats
    voltage: float
    width: float

    def pulses_to(self, target: Floats) -> Floats:
        """Return after how many pulses cells are nearest to their targets [S]."""
        return np.asarray(pulses_to(self.g, target))

    def energies(self) -> Floats:
        """Return the energy in a cell [J] until 0, 1, … pulses are over."""
        each = self.g[:-1] * self.voltage**2 * self.width
        return np.concatenate([[0.0], np.cumsum(each)])


def write_cost(
    neurons: NeuronArray,
    *,
    pulses: WritePulses | None = None,
    start: str = "g_min",
    constants: CostConstants | None = None,
) -> WriteCost:
    """Return the cost of programming a layer once, with pulses that are not verified.

    Each cell gets as many equal pulses as bring the typical device nearest to the conductance that
    it was programmed to. A pulse dissipates G V² t, with the conductance before the pulse as it is
    read: at programming voltages cells conduct more, so that this is a lower bound. Half-selected
    cells, verifying reads, and bringing all cells to the start are not counted.

    Args:
        neurons: The layer.
        pulses: Voltages and widths; None for those of the device, see
            `devices.write_pulses.WRITE_PULSES`.
        start: End of the range at which all cells begin: "g_min" (default, potentiating pulses) or
            "g_max" (depressing pulses).
        constants: Capacitance of lines; None for `CostConstants()`.

    Raises:
        ValueError: The start is unknown, or `pulses` are given for a device without a pulse
            response.
    """
    choice("start", start, STARTS)
    c = CostConstants() if constants is None else constants
    device = neurons.hardware.device
    known = write_pulses_of(device) if pulses is None else pulses
    cells = sum(t.tile.g_pos.size + t.tile.g_neg.size for t in placed_tiles(neurons))
    reason = _why_unknown(device, known)
    if device.pulses is None and pulses is not None:
        raise ValueError(
            f"pulses = {pulses!r} say nothing about energy without a pulse response, and the "
            "device has pulses = None; give Device(pulses=...), such as NonlinearPulses"
        )
    if reason or known is None or device.pulses is None:
        unknown = math.nan
        return WriteCost(
            cells=cells,
            pulses=unknown,
            cell_energy=unknown,
            line_energy=unknown,
            time=unknown,
            reason=reason,
        )
    return _summed(neurons, _curve(device.pulses, known, start), cells, c)


def _why_unknown(device: Device, pulses: WritePulses | None) -> str:
    """Return why the energy of programming is not known, or ""."""
    if device.pulses is None:
        return "the device has no pulse response"
    return why_energy_is_unknown(pulses)


def why_energy_is_unknown(pulses: WritePulses | None) -> str:
    """Return why the energy of pulses is not known, or "".

    Args:
        pulses: Their voltages and widths; None if these are not known.
    """
    if pulses is None:
        return (
            "voltage and width of the device's pulses are not known; give the argument "
            "pulses=devices.WritePulses(...), in Python"
        )
    if pulses.terminal == "gate":
        return (
            "pulses on a gate draw charge instead of current, and the capacitance of the "
            "ferroelectric is not known"
        )
    return ""


def _curve(response: PulseResponse, pulses: WritePulses, start: str) -> _Curve:
    """Return the pulse curve of the typical device from one end of its range."""
    n = getattr(response, "pulses", MOST_PULSES)  # a response that ends has its number of pulses
    up, down = response.curve(min(int(n), MOST_PULSES))
    if start == "g_min":
        return _Curve(up, pulses.voltage_up, pulses.width_up)
    return _Curve(down, pulses.voltage_down, pulses.width_down)


def _summed(neurons: NeuronArray, curve: _Curve, cells: int, c: CostConstants) -> WriteCost:
    """Return the cost of all cells along a curve."""
    of_cell = curve.energies()
    total = 0.0
    joules = 0.0
    crossings = 0.0
    for placed in placed_tiles(neurons):
        for g in physical_arrays(*placed.tile.programmed, placed.tile.hardware):
            n = curve.pulses_to(g)
            total += float(n.sum())
            joules += float(of_cell[n].sum())
            crossings += float(n.sum()) * g.shape[1]
    return WriteCost(
        cells=cells,
        pulses=total,
        cell_energy=joules,
        line_energy=c.line_capacitance * curve.voltage**2 * crossings,
        time=total * curve.width,
        reason="",
    )
