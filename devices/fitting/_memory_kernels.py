"""Kernel of the likelihood of cells with a memory from cycle to cycle."""

# mypy: ignore-errors

import numpy as np

from devices.compiled_loops import compiled_loop
from devices.validation import Floats


@compiled_loop()
def innovations(y: Floats, ratio: float, rho: float, share: float) -> Floats:
    """Return Σ ln F, Σ v²/F, Σ v w/F, Σ w²/F and the count of a Kalman filter over the cycles.

    The state of a cell is its own mean b and the AR(1) part a, with the variances ratio² and share;
    the independent part of a value has the variance 1 − share. v and w are the innovations of the
    values and of a constant 1, and F is their variance. NaN is passed over.

    Args:
        y: Values, (cells, cycles).
        ratio: Standard deviation of b, relative to that of a cycle.
        rho: Correlation of a per cycle.
        share: Variance of a, relative to that of a cycle.
    """
    sums = np.zeros(5)
    for i in range(y.shape[0]):
        b, a, b_one, a_one = 0.0, 0.0, 0.0, 0.0
        var_b, var_a, cov = ratio**2, share, 0.0
        for k in range(y.shape[1]):
            if not np.isnan(y[i, k]):
                f = var_b + 2 * cov + var_a + (1 - share)
                v = y[i, k] - b - a
                w = 1.0 - b_one - a_one
                sums[0] += np.log(f)
                sums[1] += v * v / f
                sums[2] += v * w / f
                sums[3] += w * w / f
                sums[4] += 1
                to_b, to_a = var_b + cov, var_a + cov
                b += to_b * v / f
                a += to_a * v / f
                b_one += to_b * w / f
                a_one += to_a * w / f
                var_b -= to_b * to_b / f
                var_a -= to_a * to_a / f
                cov -= to_b * to_a / f
            a *= rho
            a_one *= rho
            cov *= rho
            var_a = rho**2 * var_a + (1 - rho**2) * share
    return sums
