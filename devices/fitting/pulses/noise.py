"""Noise of pulse curves: a part that stays with every pulse, and a part of every read."""

from typing import NamedTuple

import numpy as np

from devices.fitting.pulses.curves import Curves, FittedShape, own_and_residuals
from devices.fitting.pulses.shapes import Range
from devices.pulses.base import DOWN, UP, PulseResponse
from devices.pulses.step_pulses import StepPulses
from devices.validation import Floats

# Over longer parts of a curve its fit follows the noise.
_MOST_LAG_SHARE = 0.125
_RELATIVE_VARIANCE = 2.7
# Correlation times of read noise that are tried [pulses], and the χ² that one must explain.
_CORRELATION_TIMES = (2.0, 4.0, 8.0, 16.0, 32.0)
_EVIDENCE = 9.0


class PulseNoise(NamedTuple):
    """Noise and spread around fitted curves.

    Attributes:
        walk: Variance of w that every pulse adds and that stays.
        read: Variance of w of every read.
        correlation: Number of pulses over which read noise is correlated; 0 if it is not.
        mean_square_step: Mean square of the steps of the fitted curves.
        spreads: Standard deviations between devices, by field.
        residuals: What is left of every curve, in w.
        spreads_by_noise: What noise alone made of the spreads, before it was subtracted.
    """

    walk: float
    read: float
    correlation: float
    mean_square_step: float
    spreads: dict[str, float]
    residuals: tuple[Floats, ...]
    spreads_by_noise: dict[str, float]

    def fields(self, fitted: FittedShape, range_: Range) -> dict[str, float]:
        """Return the fields of the response that describe noise, in the response's own units."""
        found = dict(self.spreads)
        if fitted.shape.name == "NonlinearPulses":
            found["c2c"] = float(np.sqrt(self.walk)) / 2
            return found
        bare = fitted.shape.build(fitted.theta, range_)
        assert isinstance(bare, StepPulses)
        width = (bare.g_max - bare.g_min) / (range_.high - range_.low)
        found["c2c"] = float(np.sqrt(self.walk / self.mean_square_step))
        found["write_noise"] = float(np.sqrt(self.read)) / width / bare.step
        return found


def noise_of(fitted: FittedShape, curves: Curves) -> PulseNoise:
    """Return the noise of curves around a fitted shape, and how devices differ from it.

    The mean square increment of the residuals over m pulses is walk (1 − e^(−k m))/k + 2 read, with
    k the rate per pulse at which a state returns to its curve. It is fitted to m = 1, 2, 4, … by
    least squares without negative numbers, up to 1/k and an eighth of the curve. Parts of the read
    noise that are correlated over t = 2, 4, … pulses, 2 slow (1 − e^(−m/t)), are added if they
    explain a χ² of 9.
    """
    own, residuals = own_and_residuals(fitted, curves)
    tables = fitted.shape.tables(fitted.theta)
    returns = max(1e-9, *(float(np.abs(np.diff(t)).sum()) / 2 for t in tables))
    longest = max(len(row) for row in residuals)
    most = max(2, int(min(_MOST_LAG_SHARE * longest, 1 / returns)))
    lags = [m for m in (2**k for k in range(12)) if m <= most]
    walk, read, correlation = _walk_and_read(residuals, lags, returns)
    lengths = curves.up.shape[-1], curves.down.shape[-1]
    steps = np.concatenate([np.diff(curve) for curve in fitted.curves(lengths)])
    spreads: dict[str, float] = {}
    if len(own) > 1:
        spreads = {k: float(np.sqrt(v)) for k, v in fitted.shape.spreads(own).items()}
    square = float(np.mean(steps**2))
    return PulseNoise(walk, read, correlation, square, spreads, tuple(residuals), {})


def _walk_and_read(
    residuals: list[Floats], lags: list[int], returns: float
) -> tuple[float, float, float]:
    """Return the variance that every pulse adds, that of every read, and its correlation time."""
    rows = []
    for m in lags:
        increments = np.concatenate([row[m:] - row[:-m] for row in residuals if len(row) > m])
        increments = increments[np.isfinite(increments)]
        if len(increments) >= 3:
            rows.append((m, float(np.mean(increments**2)), len(increments)))
    if len(rows) < 2:
        return 0.0, 0.0, 0.0
    m, square, count = np.array(rows).T
    # The relative variance of a mean square of increments over m pulses is about 2.7 m/count.
    weight = np.sqrt(count / (_RELATIVE_VARIANCE * m)) / np.maximum(square, 1e-30)
    added = -np.expm1(-returns * m) / returns
    columns = np.array([added, np.full(len(m), 2.0)]).T
    (walk, read), least = _nonnegative(columns, square, weight)
    times = np.array([t for t in _CORRELATION_TIMES if t <= m[-1] / 4])
    slow = -2 * np.expm1(-m[:, None] / times)
    found, distance = _nonnegative(np.concatenate([columns, slow], axis=1), square, weight)
    if not times.size or distance > least - _EVIDENCE:
        return float(walk), float(read), 0.0
    total = float(found[1:].sum())
    return float(found[0]), total, float(found[2:] @ times / max(found[2:].sum(), 1e-300))


def _nonnegative(columns: Floats, square: Floats, weight: Floats) -> tuple[Floats, float]:
    """Return the weights of columns that come nearest to mean squares, and the χ² left."""
    from scipy.optimize import nnls  # takes almost a second to import, and few need it

    found, distance = nnls(columns * weight[:, None], square * weight)
    return found, float(distance) ** 2


def simulated(
    response: PulseResponse,
    fitted: FittedShape,
    curves: Curves,
    read: float,
    times: int,
    random: np.random.Generator,
) -> list[Curves]:
    """Return curves of the response with the shape, the starts and the gaps of measured ones.

    Args:
        response: The response.
        fitted: Its noise-free curves.
        curves: The measured curves.
        read: Variance of a read, in w.
        times: How many measurements are simulated.
        random: The Generator to draw from.
    """
    range_ = curves.range_
    devices, repetitions, _ = curves.up.shape
    cells = np.repeat(response.init((times, devices, 1), rng=random), repetitions, axis=2)
    found = []
    for measured, start, direction in zip(
        (curves.up, curves.down), fitted.starts, (UP, DOWN), strict=True
    ):
        g = np.full(cells.shape, max(range_.conductance(float(np.clip(start, -1, 1))), 0.0))
        states = np.empty((*cells.shape, measured.shape[-1]))
        for k in range(measured.shape[-1]):
            states[..., k] = range_.weight(g)
            g = response.respond(g, direction, cells, rng=random)
        states += np.sqrt(read) * random.standard_normal(states.shape)
        found.append(np.where(np.isfinite(measured), states, np.nan))
    return [Curves(up, down, range_) for up, down in zip(*found, strict=True)]
