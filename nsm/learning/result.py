"""What learning on a chip has given and what it has cost."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crossbar.arrays.pulsed import PulsedArray
from devices import WritePulses
from devices.pulses.base import PulseResponse
from nsm.quantities import quantity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Learned:
    """Result of `nsm.learn`.

    Attributes:
        rows: One row for every measurement: samples, epoch, loss, online_error (of the samples
            before each was learned), error (with `validation`), pulses, saturated (share of the
            cells at their bounds), writes (cells that were written anew), path_error (root mean
            square of deterministic path minus main array, relative to the weights; NaN without a
            path of its own).
        arrays: One row for every array of every layer: cells, pulses up and down, mean and largest
            pulses per cell, writes, stuck and saturated cells, energy of the pulses [J], and `why
            energy unknown`, "" where it is known.
        left_out: How many input lines were left out.
        time: Duration of all pulses if cells are pulsed one after another [s]; NaN where the
            pulses' width is not known.
        time_in_parallel: Duration with `Coincidences`, all cells at once, one slot after another,
            potentiation and depression in turn [s]; NaN for other rules.
    """

    rows: "pd.DataFrame"
    arrays: "pd.DataFrame"
    left_out: int
    time: float
    time_in_parallel: float

    @property
    def pulses(self) -> int:
        """Number of pulses on all cells."""
        return int(self.arrays["pulses_up"].sum() + self.arrays["pulses_down"].sum())

    @property
    def energy(self) -> float:
        """Energy in the cells, Σ G V² t over all pulses [J]; NaN if it is not known."""
        return float(self.arrays["energy [J]"].sum(skipna=False))

    @property
    def error(self) -> float:
        """Error on the validation images after the last sample; NaN without them."""
        return float(self.rows["error"].iloc[-1]) if "error" in self.rows else float("nan")

    def __str__(self) -> str:
        last = self.rows.iloc[-1]
        worn = int(self.arrays["most_pulses"].max())
        error, cost = "", ""
        if not math.isnan(self.error):
            error = f"error {self.error:.2%}, "
        if not math.isnan(self.time):
            cost = f" ({quantity(self.time, 's')} one after another)"
        if not math.isnan(self.energy):
            cost = f"{cost[:-1]}, {quantity(self.energy, 'J')} in the cells)"
        return (
            f"{int(last['samples'])} samples: {error}{self.pulses} pulses{cost}, "
            f"at most {worn} on one cell, {last['saturated']:.1%} of the cells saturated"
        )


def array_row(
    name: str, array: PulsedArray, pulses: WritePulses | None, why_unknown: str
) -> dict[str, object]:
    """Return the row of one array in `Learned.arrays`.

    Args:
        name: Number of the layer and name of the array.
        array: The array.
        pulses: Voltages and widths; None if they are not known.
        why_unknown: Why the energy is not known, or "".
    """
    response = array.tiles.hardware.device.pulses
    assert response is not None
    number = np.concatenate([side.number for side in array.sides])
    layer, _, part = name.partition(".")
    return {
        "layer": int(layer),
        "array": part,
        "cells": len(number),
        "pulses_up": sum(side.counts.up for side in array.sides),
        "pulses_down": sum(side.counts.down for side in array.sides),
        "mean_pulses": float(number.mean()),
        "most_pulses": int(number.max()),
        "writes": sum(side.counts.writes for side in array.sides),
        "stuck": sum(int(side.stuck.sum()) for side in array.sides),
        "saturated": array.saturated(),
        "energy [J]": energy(array, response, pulses) if not why_unknown else float("nan"),
        "why energy unknown": why_unknown,
    }


def energy(array: PulsedArray, response: PulseResponse, pulses: WritePulses | None) -> float:
    """Return Σ G V² t of the pulses of an array [J], with G before each pulse as it is read.

    Args:
        array: The array.
        response: Its pulse response, for the range of the states.
        pulses: Voltages and widths.
    """
    if pulses is None:
        return float("nan")
    joules = 0.0
    for side in array.sides:
        up, down = side.counts.siemens(response.g_min, response.g_max)
        joules += up * pulses.voltage_up**2 * pulses.width_up
        joules += down * pulses.voltage_down**2 * pulses.width_down
    return joules
