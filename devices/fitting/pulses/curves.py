"""Pulse curves: their fit by least squares, what the fit leaves, and how devices differ."""

from typing import NamedTuple

import numpy as np

from devices.fitting.least_squares import minimized
from devices.fitting.pulses.shapes import Range, Shape
from devices.validation import Floats

# Devices are alike, so that a search from the typical device soon ends.
_OWN_STEPS = 8


class Curves(NamedTuple):
    """Measured curves as states w.

    Attributes:
        up: After 0, 1, 2, … potentiating pulses, (devices, repetitions, pulses + 1); NaN where
            missing.
        down: Likewise for depressing pulses.
        range_: The conductances that w stands for.
    """

    up: Floats
    down: Floats
    range_: Range

    def means(self) -> tuple[Floats, Floats]:
        """Return the curves averaged over repetitions and devices; NaN where nothing is known."""
        return _mean(self.up, (0, 1)), _mean(self.down, (0, 1))


class FittedShape(NamedTuple):
    """A shape that was fitted: its parameters and the states at which the curves start."""

    shape: Shape
    theta: Floats
    starts: Floats

    def curves(self, lengths: tuple[int, int]) -> tuple[Floats, Floats]:
        """Return the noise-free curves up and down."""
        tables = self.shape.tables(self.theta)
        return walked(tables, self.starts, self.shape.bounds(self.theta), lengths)


def walked(
    tables: tuple[Floats, Floats],
    starts: Floats,
    bounds: tuple[float, float],
    lengths: tuple[int, int],
) -> tuple[Floats, Floats]:
    """Return the states after 0, 1, 2, … pulses up from starts[0] and down from starts[1]."""
    from devices.fitting.pulses._kernels import walk  # numba is imported when it is needed

    up, down = np.empty(lengths[0]), np.empty(lengths[1])
    walk(starts[0], np.ascontiguousarray(tables[0]), *bounds, up)
    walk(starts[1], np.ascontiguousarray(-tables[1]), *bounds, down)
    return up, down


def fit_shape(
    shape: Shape, up: Floats, down: Floats, range_: Range, near: FittedShape | None = None
) -> FittedShape:
    """Return the shape whose noise-free curves come nearest to two curves, in the least squares.

    The starts of both curves are fitted too. NaN is left out.

    Args:
        shape: The shape.
        up: Curve of potentiation, in w.
        down: Curve of depression, in w.
        range_: What w stands for.
        near: A fit to similar curves, from which the search starts; None for a start of its own.
    """
    starts = np.array([_first(up), _first(down)])
    first, low, high = shape.start(_mean_step(up, 1), _mean_step(down, -1), range_)
    if near is not None:
        first, starts = near.theta, near.starts
    theta, starts = _minimized(shape, np.concatenate([first, starts]), (low, high), up, down)
    whole = shape.settled(theta)
    if whole is not None:
        fixed = np.isfinite(whole)
        low, high = np.where(fixed, whole - 1e-9, low), np.where(fixed, whole + 1e-9, high)
        again = np.concatenate([np.where(fixed, whole, theta), starts])
        theta, starts = _minimized(shape, again, (low, high), up, down)
    return FittedShape(shape, theta, starts)


def _minimized(
    shape: Shape, start: Floats, limits: tuple[Floats, Floats], up: Floats, down: Floats
) -> tuple[Floats, Floats]:
    """Return the parameters and starts that minimize the squared distance from two curves."""
    known = np.isfinite(up), np.isfinite(down)

    def residuals(x: Floats) -> Floats:
        theta = x[:-2]
        curves = walked(shape.tables(theta), x[-2:], shape.bounds(theta), (len(up), len(down)))
        return np.concatenate([(curves[0] - up)[known[0]], (curves[1] - down)[known[1]]])

    low, high = np.append(limits[0], [-3.0, -3.0]), np.append(limits[1], [3.0, 3.0])
    x, _ = minimized(residuals, start, low, high)
    return x[:-2], x[-2:]


def fit_own(fitted: FittedShape, up: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return the own parameters of one device and the starts of its curves."""
    shape, theta = fitted.shape, fitted.theta
    first, low, high = shape.own_start(theta)
    known = np.isfinite(up), np.isfinite(down)

    def residuals(x: Floats) -> Floats:
        tables = shape.own_tables(theta, x[:2])
        curves = walked(tables, x[2:], shape.bounds(theta), (len(up), len(down)))
        return np.concatenate([(curves[0] - up)[known[0]], (curves[1] - down)[known[1]]])

    start = np.concatenate([first, [_first(up), _first(down)]])
    bounds = np.append(low, [-3.0, -3.0]), np.append(high, [3.0, 3.0])
    x, _ = minimized(residuals, start, *bounds, most_steps=_OWN_STEPS)
    return x[:2], x[2:]


def own_and_residuals(fitted: FittedShape, curves: Curves) -> tuple[Floats, list[Floats]]:
    """Return the own parameters of the devices (devices, 2), and what is left of every curve.

    A device whose repetitions are averaged has one pair of parameters; what is left is each
    repetition minus the device's curve from the start of the device's mean curve.
    """
    own, left = [], []
    alone = len(curves.up) == 1
    for up, down in zip(curves.up, curves.down, strict=True):
        if alone:
            parameters, starts = fitted.shape.own_start(fitted.theta)[0], fitted.starts
        else:
            parameters, starts = fit_own(fitted, _mean(up, 0), _mean(down, 0))
        own.append(parameters)
        tables = fitted.shape.own_tables(fitted.theta, parameters)
        bounds = fitted.shape.bounds(fitted.theta)
        lengths = up.shape[-1], down.shape[-1]
        curve_up, curve_down = walked(tables, starts, bounds, lengths)
        left += [row - curve_up for row in up] + [row - curve_down for row in down]
    return np.array(own), left


def _mean(rows: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Return the mean over what is known; NaN where nothing is."""
    known = np.isfinite(rows)
    count = known.sum(axis=axis)
    total = np.where(known, rows, 0).sum(axis=axis)
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))


def _first(curve: Floats) -> float:
    """Return where a curve starts: the mean of its first known values."""
    known = curve[np.isfinite(curve)]
    return float(np.mean(known[: max(len(known) // 50, 1)]))


def _mean_step(curve: Floats, direction: int) -> float:
    """Return the mean step in a direction, at least a small one."""
    places = np.flatnonzero(np.isfinite(curve))
    rise = direction * (curve[places[-1]] - curve[places[0]])
    return max(float(rise) / (places[-1] - places[0]), 1e-5)
