"""Cross-validation of pulse shapes: errors on devices or pulses that were left out."""

import numpy as np

from devices.fitting.pulses.curves import Curves, fit_shape
from devices.fitting.pulses.shapes import Shape
from devices.validation import Floats

_BLOCKS_PER_FOLD = 2


def left_out_squares(shape: Shape, curves: Curves, folds: int) -> Floats:
    """Return mean square errors in w² on parts that were left out, one for each part.

    Parts are devices, or repetitions, if there are as many as folds; otherwise blocks of pulses.

    Args:
        shape: The shape that is fitted to the rest.
        curves: Measured curves.
        folds: In how many fits the parts are left out.
    """
    for axis in (0, 1):
        if curves.up.shape[axis] >= folds:
            return _by_curves(shape, curves, folds, axis)
    return _by_blocks(shape, curves, folds)


def simplest(squares: list[Floats]) -> int:
    """Return the first candidate whose errors exceed the least by at most a standard error.

    Args:
        squares: Mean square errors of each candidate on the same parts, the simplest first.
    """
    best = min(squares, key=lambda square: float(square.mean()))
    for k, square in enumerate(squares):
        excess = square - best
        if excess.mean() <= excess.std(ddof=1) / np.sqrt(len(excess)):
            return k
    raise AssertionError  # the best one exceeds itself by 0


def _by_curves(shape: Shape, curves: Curves, folds: int, axis: int) -> Floats:
    """Return the errors on each device (axis 0) or repetition (axis 1)."""
    up, down = np.moveaxis(curves.up, axis, 0), np.moveaxis(curves.down, axis, 0)
    squares = np.full(len(up), np.nan)
    whole = fit_shape(shape, *curves.means(), curves.range_)
    for fold in range(folds):
        out = np.arange(len(up)) % folds == fold
        rest = Curves(up[~out], down[~out], curves.range_)
        fitted = fit_shape(shape, *rest.means(), curves.range_, whole)
        model = fitted.curves((up.shape[-1], down.shape[-1]))
        for k in np.flatnonzero(out):
            errors = np.concatenate([(up[k] - model[0]).ravel(), (down[k] - model[1]).ravel()])
            errors = errors[np.isfinite(errors)]
            if errors.size:
                squares[k] = np.mean(errors**2)
    return squares[np.isfinite(squares)]


def _by_blocks(shape: Shape, curves: Curves, folds: int) -> Floats:
    """Return the errors on each block of pulses of the averaged curves."""
    up, down = curves.means()
    count = _BLOCKS_PER_FOLD * folds
    blocks = [np.arange(len(curve)) * count // len(curve) for curve in (up, down)]
    squares = np.full((2, count), np.nan)
    whole = fit_shape(shape, up, down, curves.range_)
    for fold in range(folds):
        kept = [
            np.where(block % folds == fold, np.nan, curve)
            for curve, block in zip((up, down), blocks, strict=True)
        ]
        fitted = fit_shape(shape, kept[0], kept[1], curves.range_, whole)
        found = fitted.curves((len(up), len(down)))
        for side, (curve, model, block) in enumerate(zip((up, down), found, blocks, strict=True)):
            for k in range(fold, count, folds):
                error = (curve - model)[(block == k) & np.isfinite(curve)]
                if error.size:
                    squares[side, k] = np.mean(error**2)
    return squares[np.isfinite(squares)]
