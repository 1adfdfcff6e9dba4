"""Weights to conductances and back. The transpose happens here and nowhere else.

Weights are (outputs, inputs), as in the paper and torch. Conductance arrays are (word lines, bit
lines).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from devices import Device
from devices.validation import Floats, array, number


class WeightMapping(ABC):
    """How a signed weight becomes two positive conductances.

    w = (g_pos − g_neg) / siemens_per_weight.

    To add a mapping, subclass this as a frozen dataclass and define `signal_range` and `targets`;
    checks, the transpose and the way back to weights are inherited. Export it from `crossbar`, and
    give it a name in `crossbar.paths.MAPPINGS` so that sweep files can choose it.

    Attributes:
        shares_reference: Whether g_neg is one column (word lines, 1) for all outputs of a tile.
            Such a column is trimmed to its exact target instead of the nearest level. Default
            False.
    """

    shares_reference: ClassVar[bool] = False

    @abstractmethod
    def signal_range(self, device: Device) -> float:
        """Return the largest siemens_per_weight · |w| [S] that the device's range can represent."""

    @abstractmethod
    def targets(self, kw: Floats, device: Device) -> tuple[Floats, Floats]:
        """Return the target conductances g_pos, g_neg [S] of scaled weights.

        Args:
            kw: Siemens per weight times the weights, (word lines, bit lines) [S]. `conductances`
                has checked that no |kw| exceeds `signal_range(device)` by more than rounding.
            device: The cell; both targets must lie in its range [g_min, g_max].
        """

    def siemens_per_weight(self, w_max: float, device: Device) -> float:
        """Return the siemens per weight [S] at which |w| = w_max just fills the device's range."""
        return self.signal_range(device) / number("w_max", w_max, above=0)

    def conductances(
        self, w: Floats, device: Device, siemens_per_weight: float
    ) -> tuple[Floats, Floats]:
        """Return the target conductances g_pos, g_neg [S] of a weight matrix.

        Args:
            w: Weights, (outputs, inputs).
            device: The cell, whose range the conductances keep.
            siemens_per_weight: Conductance difference of a weight of one [S].

        Returns:
            g_pos, (inputs, outputs) = (word lines, bit lines); and g_neg of the same shape, or
            (inputs, 1) if the mapping shares a reference column.

        Raises:
            ValueError: `w` holds NaN, has a wrong shape, or holds weights outside the mapped range.
        """
        weights = array("w", w, ndim=2)
        k = number("siemens_per_weight", siemens_per_weight, above=0)  # of weights of any size
        w_max = self.signal_range(device) / k
        largest = np.abs(weights).max(initial=0.0)
        if largest > w_max * (1 + 1e-9):
            raise ValueError(
                f"weights up to |w| = {largest:.6g} do not fit: at {k:.4g} S per weight the "
                f"device's range holds |w| <= {w_max:.6g}; lower siemens_per_weight, or clip the "
                "weights"
            )
        return self.targets(k * weights.T, device)

    def weights(self, g_pos: Floats, g_neg: Floats, siemens_per_weight: float) -> Floats:
        """Return the weights (outputs, inputs) of conductances (word lines, bit lines) [S]."""
        difference = np.asarray(g_pos) - np.asarray(g_neg)
        return np.ascontiguousarray((difference / siemens_per_weight).T)


@dataclass(frozen=True)
class DifferentialPair(WeightMapping):
    """One-sided pair: one cell carries |w| above g_min, the other rests at g_min.

    G± = g_min + k max(±w, 0), with k the siemens per weight.
    """

    def signal_range(self, device: Device) -> float:
        return device.g_max - device.g_min

    def targets(self, kw: Floats, device: Device) -> tuple[Floats, Floats]:
        return _above_g_min(np.maximum(kw, 0), device), _above_g_min(np.maximum(-kw, 0), device)


def _above_g_min(part: Floats, device: Device) -> Floats:
    """Return g_min plus the part of a weight that a cell carries [S]."""
    g = np.asarray(part + device.g_min)
    return np.minimum(g, device.g_max, out=g)


@dataclass(frozen=True)
class BalancedPair(WeightMapping):
    """Pair around the middle of the range: G± = (g_min + g_max)/2 ± k w/2."""

    def signal_range(self, device: Device) -> float:
        return device.g_max - device.g_min

    def targets(self, kw: Floats, device: Device) -> tuple[Floats, Floats]:
        middle = (device.g_min + device.g_max) / 2
        half = np.clip(kw / 2, device.g_min - middle, device.g_max - middle)
        return middle + half, middle - half


@dataclass(frozen=True)
class ReferenceColumn(WeightMapping):
    """One cell per weight, G = (g_min + g_max)/2 + k w, and one reference column at the middle.

    The reference column is a dummy bit line beside the tile, not counted in `tile_shape`. All
    outputs of the tile share it, so its read noise is common to them. Its cells are trimmed to the
    middle of the range, which is a level of the device only if the number of levels is odd.
    """

    shares_reference: ClassVar[bool] = True

    def signal_range(self, device: Device) -> float:
        return (device.g_max - device.g_min) / 2

    def targets(self, kw: Floats, device: Device) -> tuple[Floats, Floats]:
        middle = (device.g_min + device.g_max) / 2
        g_pos = np.clip(middle + kw, device.g_min, device.g_max)
        return g_pos, np.full((len(kw), 1), middle)
