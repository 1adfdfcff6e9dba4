"""The weight that fills the device's range: of a layer, and of each of its rows or tiles.

A weight range r fixes the siemens per weight k = `signal_range` / r: weights of |w| = r just fill
the device's range, and larger ones are clipped to it. A small range clips the few largest weights
and resolves all others better. `Hardware.weight_range` names the rule by which r is found,
`Hardware.weight_scale` the weights that share one range.
"""

from dataclasses import replace

import numpy as np

from crossbar.bit_slices import BitSliced
from crossbar.hardware import Hardware
from devices.validation import Floats, array, instance, number

#: Bias word lines that the factor of a row may ask for. Trained networks need one to three; a row
#: that asks for more has a bias far above its weights and hardly listens to its inputs.
MOST_LINES_OF_A_ROW = 16
#: Largest factor of a row or tile. Weights that are smaller by this factor than the layer's largest
#: are rounding errors of float64.
LARGEST_FACTOR = 1 / float(np.finfo(np.float64).eps)

#: Ranges that are tried, as shares of the largest |w|: a coarse search over three decades, and a
#: fine one around its best.
_COARSE = np.geomspace(1e-3, 1, 81)
_FINE = np.linspace(_COARSE[-2], 1 / _COARSE[-2], 41)
#: Weights of a layer, and of one of its rows or tiles, that a search looks at; more are thinned to
#: as many quantiles. Rows and tiles are smaller and many.
_MOST_OF_A_LAYER = 1 << 16
_MOST_OF_A_ROW = 1 << 10
_MOST_OF_A_TILE = 1 << 12
#: Weights whose error is computed at once.
_AT_ONCE = 1 << 20
#: Conductances at which the programming error of a continuous cell is tabulated.
_TABULATED = 65


def largest_weight(w: Floats, hardware: Hardware) -> float:
    """Return the |w| that fills the device's range, if all weights of a layer share one scale.

    "max" takes the largest |w|; a number q takes the q-th percentile of all |w| that are not 0.
    "least_squares" minimizes the error that clipping, the device's levels and its programming error
    put on the weights,

        Σ (w − Q_r(w))² + (σ²(G⁺) + σ²(G⁻)) / k²,    k = signal_range / r,

    where Q_r(w) are the weights of the nearest levels of G± after clipping to ±r (for levels alone,
    the optimal uniform quantizer of Max 1960). The search tries ranges down to 1e-3 of the largest
    |w|, and looks at 65,536 quantiles of a larger layer, 1,024 of a longer row, 4,096 of a larger
    tile. A device without levels and error keeps the largest |w|.

    Args:
        w: Weights, (outputs, inputs), not all 0.
        hardware: Description of the chip.

    Returns:
        The range r, in (0, max |w|].

    Raises:
        ValueError: Weights are NaN or infinite, all of them are 0, or the hardware is none.
    """
    instance("hardware", hardware, Hardware)
    weights = array("w", w, ndim=2)
    if not weights.any():
        raise ValueError(
            f"all weights of shape {weights.shape} are 0: no w fills the range of the device"
        )
    return float(_ranges(weights.reshape(1, -1), hardware, _MOST_OF_A_LAYER)[0])


def row_factors(
    w: Floats, w_max: float, hardware: Hardware, *, bias: Floats | None = None
) -> Floats:
    """Return the factor (outputs,) of each row, by which its range becomes that of the layer.

    All factors are 1 unless `hardware.weight_scale` is "row". With "row" a factor is w_max / r_i,
    with r_i the range of row i by the rule of `largest_weight`, and at most

        max(1, 16 w_max / |b_i|)  and  1/ε = 4.5e15.

    By the first bound a row asks for no more than 16 bias word lines because of its factor; a dead
    neuron, whose weights are far below its bias, gets a smaller factor, and its weights become
    small, or 0, on the chip. Biases at the comparators (bias="reference") cost no lines and set no
    bound. The second bound is reached by weights that are rounding errors beside those of the
    layer. Rows whose weights are all 0 have a factor of 1.

    Args:
        w: Weights, (outputs, inputs).
        w_max: The layer's range, see `largest_weight`.
        hardware: Description of the chip.
        bias: Biases in weight units, (outputs,); None for none.

    Raises:
        ValueError: Weights or biases are NaN or infinite, or have a wrong shape; or w_max is not
            above 0.
    """
    weights, w_max = _checked(w, w_max, hardware)
    if bias is not None:
        bias = array("bias", bias, shape=(len(weights),))
    factors = np.ones(len(weights))
    if hardware.weight_scale != "row":
        return factors
    alive = weights.any(axis=1)
    ranges = _ranges(weights[alive], hardware, _MOST_OF_A_ROW)
    factors[alive] = w_max / np.maximum(ranges, w_max / LARGEST_FACTOR)
    if bias is None or hardware.bias == "reference":
        return factors
    sizes = np.abs(bias)
    most = MOST_LINES_OF_A_ROW * w_max / np.maximum(sizes, w_max / LARGEST_FACTOR)
    return np.minimum(factors, np.maximum(most, 1))


def tile_factors(w: Floats, w_max: float, hardware: Hardware) -> Floats:
    """Return the factor of each tile, by which its range becomes that of the layer.

    All factors are 1 unless `hardware.weight_scale` is "tile". Then a factor is w_max / r, with r
    the range of the weights of the tile by the rule of `largest_weight`, and at most 1/ε = 4.5e15.
    A tile that holds the layer alone, or whose weights are all 0, has a factor of 1.

    Args:
        w: Weights, (outputs, inputs).
        w_max: The layer's range, see `largest_weight`.
        hardware: Description of the chip.

    Returns:
        Factors, (rows of tiles, columns of tiles); rows of tiles divide the inputs.

    Raises:
        ValueError: Weights are NaN or infinite, or have a wrong shape; or w_max is not above 0.
    """
    weights, w_max = _checked(w, w_max, hardware)
    factors = np.ones(tile_grid(weights.shape, hardware))
    if hardware.weight_scale != "tile" or factors.size == 1:
        return factors
    lines, columns = hardware.tile_shape
    for i, j in np.ndindex(factors.shape):
        of_tile = weights[j * columns : (j + 1) * columns, i * lines : (i + 1) * lines]
        if of_tile.any():
            r = float(_ranges(of_tile.reshape(1, -1), hardware, _MOST_OF_A_TILE)[0])
            factors[i, j] = w_max / max(r, w_max / LARGEST_FACTOR)
    return factors


def _checked(w: Floats, w_max: float, hardware: Hardware) -> tuple[Floats, float]:
    """Return weights and the range of their layer, or raise ValueError."""
    instance("hardware", hardware, Hardware)
    return array("w", w, ndim=2), number("w_max", w_max, above=0)


def tile_grid(shape: tuple[int, ...], hardware: Hardware) -> tuple[int, int]:
    """Return (rows of tiles, columns of tiles) of a weight matrix of shape (outputs, inputs)."""
    outputs, inputs = shape
    lines, columns = hardware.tile_shape
    return -(-inputs // lines), -(-outputs // columns)


def of_each_weight(factors: Floats, shape: tuple[int, ...], hardware: Hardware) -> Floats:
    """Return the factor of each weight, (outputs, inputs), from those of the tiles.

    Args:
        factors: Factors, (rows of tiles, columns of tiles).
        shape: That of the weights, (outputs, inputs).
        hardware: Description of the chip.
    """
    outputs, inputs = shape
    lines, columns = hardware.tile_shape
    of_outputs = np.repeat(factors.T, columns, axis=0)[:outputs]
    return np.repeat(of_outputs, lines, axis=1)[:, :inputs]


def _ranges(rows: Floats, hardware: Hardware, most: int) -> Floats:
    """Return the range of each row of weights (rows, weights); every row has a weight that is not
    0. Least squares look at most at `most` of them.
    """
    sizes = np.abs(rows)
    largest = sizes.max(axis=1)
    rule = hardware.weight_range
    if rule == "max":
        return np.asarray(largest)
    if rule == "least_squares":
        return _least_squares(_quantiles(rows, most), largest, hardware)
    sizes[sizes == 0] = np.nan  # pruned weights need no range
    return np.asarray(np.nanpercentile(sizes, float(rule), axis=1))


def _quantiles(rows: Floats, most: int) -> Floats:
    """Return `most` quantiles of each row, or the row itself if it is not longer."""
    n = rows.shape[1]
    if n <= most:
        return rows
    middles = ((np.arange(most) + 0.5) * n / most).astype(np.intp)
    return np.sort(rows, axis=1)[:, middles]


def _least_squares(rows: Floats, largest: Floats, hardware: Hardware) -> Floats:
    """Return the range of each row that minimizes its squared error; see `largest_weight`."""
    cells = _Cells(hardware)
    ranges = np.empty(len(rows))
    together = max(_AT_ONCE // rows.shape[1], 1)
    for first in range(0, len(rows), together):
        part = slice(first, first + together)
        relative = rows[part] / largest[part, None]
        coarse = cells.best(relative, np.repeat(_COARSE[:, None], len(relative), axis=1))
        fine = np.minimum(_FINE[:, None] * coarse, 1.0)
        ranges[part] = cells.best(relative, fine) * largest[part]
    return ranges


class _Cells:
    """What levels and programming of a chip's cells do to weights of a given range."""

    def __init__(self, hardware: Hardware):
        device = hardware.device
        self.device = device
        self.mapping = hardware.mapping
        # A reference column is trimmed to its target; it does not stop at the nearest level.
        shared = hardware.mapping.shares_reference
        self.negative = replace(device, levels=None) if shared else device
        # Slices of a weight count by their significance.
        sliced = hardware.mapping if isinstance(hardware.mapping, BitSliced) else None
        self.significances = np.ones(1) if sliced is None else sliced.significances
        self.table = np.linspace(device.g_min, device.g_max, _TABULATED)
        self.bias, self.variance = device.programming_moments(self.table)

    def best(self, rows: Floats, candidates: Floats) -> Floats:
        """Return for each row the candidate with the least error; of equal ones the last.

        Args:
            rows: Weights, (rows, weights).
            candidates: Ranges, (tries, rows).
        """
        best = np.empty(len(rows))
        least = np.full(len(rows), np.inf)
        for ranges in candidates:
            error = self.squared_error(rows, ranges)
            better = error <= least
            best[better] = ranges[better]
            least[better] = error[better]
        return best

    def squared_error(self, rows: Floats, ranges: Floats) -> Floats:
        """Return the squared error, summed over each row of weights, (rows,)."""
        k = self.mapping.signal_range(self.device) / ranges
        clipped = np.clip(rows, -ranges[:, None], ranges[:, None])
        positive, negative = self.mapping.targets((k[:, None] * clipped).T, self.device)
        g_pos = self.device.quantize(positive)
        g_neg = self.negative.quantize(negative)
        pos, neg = (g + np.interp(g, self.table, self.bias) for g in (g_pos, g_neg))
        error = self.mapping.weights(pos, neg, 1.0) / k[:, None] - rows
        total = (error**2).sum(axis=1)
        if self.variance.any():
            total += (self._variance(g_pos) + self._variance(g_neg)) / k**2
        return np.asarray(total)

    def _variance(self, g: Floats) -> Floats:
        """Return the variance [S²] that programming puts on the sum of each column of cells.

        Args:
            g: Conductances, (weights, slices · columns) [S].
        """
        of_cells = np.interp(g, self.table, self.variance).sum(axis=0)
        by_slice = of_cells.reshape(len(self.significances), -1)
        return np.asarray(self.significances**2 @ by_slice)
