"""What pulses cannot follow, and what they are given: checks before any work is done."""

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.arrays.tile_grid import TileGrid
from crossbar.hardware import Hardware
from devices import NoTemperature
from devices.pulses.flat import Singles
from devices.validation import any_array, array, choice

if TYPE_CHECKING:
    from crossbar.arrays.tile import ProgrammedTile

#: How the two cells of a pair share a change of their weight: one goes up while the other goes
#: down, or only potentiation is used, on the cell of the wanted sign.
PAIR_PULSES = ("both", "up")
#: Relative difference of two conductances that are meant to be the same.
_SAME = 1e-9
#: Most pulses on one weight at once: more than cells endure, and far below what a counter holds.
MOST_PULSES = 1_000_000


def check_can_pulse(tiles: TileGrid) -> None:
    """Raise ValueError if the cells of an array cannot be pulsed."""
    hardware = tiles.hardware
    response = hardware.device.pulses
    first: ProgrammedTile = tiles.all_tiles()[0]
    cells = first.pulse_cells(0)
    assert response is not None
    if response.flat(cells[:1, :1]) is None:
        raise ValueError(
            f"device.pulses = {response!r} has no compiled form; define `flat` of your class, see "
            "devices.pulses.base.PulseResponse"
        )
    device = hardware.device
    if device.g_min < response.g_min * (1 - _SAME) or device.g_max > response.g_max * (1 + _SAME):
        raise ValueError(
            f"device.g_min = {device.g_min:g} and g_max = {device.g_max:g} S are not within the "
            f"range of device.pulses, {response.g_min:g} to {response.g_max:g} S: pulses do not "
            "lead to the weights that are programmed; give both the same range"
        )
    reasons = {
        "wires": hardware.wires is not None,
        "device.iv": not hardware.is_ohmic,
        "gate.series_resistance": bool(hardware.gate.series_resistance),
        "device.temperature_law": not isinstance(hardware.device.temperature_law, NoTemperature),
    }
    for name, stands in reasons.items():
        if stands:
            raise ValueError(
                f"{name} = {attrgetter(name)(hardware)!r} makes weights a curved function of the "
                "cells, which pulses do not follow yet; learn on hardware without it"
            )
    if len({tile.gain for tile in tiles.all_tiles()}) > 1:
        raise ValueError("tiles of one array have different gains; scale all of them alike")


def checked_pair(pair: str, hardware: Hardware) -> str:
    """Return how pairs share a change, one of `PAIR_PULSES`.

    Raises:
        ValueError: It is unknown, or asks for pairs where weights have one cell.
    """
    choice("pair", pair, PAIR_PULSES)
    if hardware.mapping.shares_reference and pair == "up":
        raise ValueError(
            f'pair = "up" needs two cells for each weight, and {hardware.mapping!r} has one '
            'and a reference column; choose pair = "both", or mapping = DifferentialPair()'
        )
    return pair


def checked_counts(n: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return signed counts of pulses.

    Args:
        n: Whole numbers.
        shape: Shape that they must have, (outputs, inputs).

    Raises:
        ValueError: n has another shape, holds other numbers, or too many pulses.
    """
    counts = any_array("n", n)
    if counts.dtype.kind not in "iu" or counts.shape != shape:
        raise ValueError(
            f"n has the shape {counts.shape} and the type {counts.dtype}; give whole numbers "
            f"of pulses, {shape} (outputs, inputs), negative to lower a weight"
        )
    most = max(int(counts.max(initial=0)), -int(counts.min(initial=0)))
    if most > MOST_PULSES:
        raise ValueError(
            f"n asks for {most} pulses on one weight; give at most {MOST_PULSES} at once"
        )
    return counts


def checked_vector(name: str, values: ArrayLike, size: int) -> Singles:
    """Return a vector of `size` numbers in single precision; raise ValueError if it is none."""
    return array(name, values, shape=(size,)).astype(np.float32)
