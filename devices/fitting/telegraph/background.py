"""Background of a trace: the likelihood of normal noise with a smooth spectrum of any shape.

A slow wander, such as 1/f noise or drift, looks like levels to a model whose only memory is its
levels. Whether levels explain a trace better than a background with memory is decided here.
"""

import numpy as np

from devices.validation import Floats

#: The past that predicts a read is at most the trace over this.
_LEAST_BLOCKS = 4
#: A background counts as so many parameters beside mean and width: size, corner and exponent of a
#: smooth spectrum. Its coefficients are more, but describe these; to count them all would favor
#: levels where the background is weak.
BACKGROUND_SIZE = 3
_LOG_2PI = float(np.log(2 * np.pi))


def blocks_of(n: int) -> int:
    """Return the number of blocks of the past that predict a read of a trace of n reads."""
    return max(int(np.log2(max(n / _LEAST_BLOCKS, 1))), 1)


def _means_of_past(x: Floats, known: np.ndarray, blocks: int) -> Floats:
    """Return means of x over the lags 1, 2, 3-4, 5-8, … and a row of ones, (blocks + 1, reads).

    A mean is 0 where no read of the block is known.
    """
    n = len(x)
    sums = np.concatenate([[0.0], np.cumsum(x)])
    counts = np.concatenate([[0], np.cumsum(known)])
    # The last row is the constant of the regression.
    means = np.zeros((blocks + 1, n))
    means[-1] = 1.0
    newest, oldest = 1, 1
    for j in range(blocks):
        # Reads from `oldest` on have the whole block behind them, earlier ones a part of it.
        whole, part = means[j, oldest:], means[j, newest:oldest]
        stop = n - newest + 1
        np.subtract(sums[oldest - newest + 1 : stop], sums[: n - oldest], out=whole)
        part[:] = sums[1 : oldest - newest + 1]
        whole /= np.maximum(counts[oldest - newest + 1 : stop] - counts[: n - oldest], 1)
        part /= np.maximum(counts[1 : oldest - newest + 1], 1)
        newest, oldest = oldest + 1, 2 * oldest
    return means


def background_log_likelihood(y: Floats) -> float:
    """Return the largest ln p of a trace under normal noise that remembers its past.

    Every read is predicted by its mean and the means of the reads at the lags 1, 2, 3-4, 5-8, …,
    which is an autoregression of an order of thousands with few coefficients (after Corsi 2009,
    doi:10.1093/jjfinec/nbp001). They are fitted in the least squares, and
    ln p = −(n/2)(1 + ln 2π s²) with the mean square error s² of the predictions. It holds drift,
    1/f noise, Lorentzians and white noise, all of them without jumps.

    Args:
        y: Reads; NaN where one is missing.
    """
    known = np.isfinite(y)
    n = int(known.sum())
    x = np.where(known, y - y[known].mean(), 0.0)
    design = _means_of_past(x, known, blocks_of(n))
    if n < len(x):
        design, x = np.ascontiguousarray(design[:, known]), x[known]
    gram = design @ design.T
    # A little ridge keeps blocks apart that a drift makes equal.
    gram += 1e-12 * np.trace(gram) * np.eye(len(gram))
    error = x - np.linalg.solve(gram, design @ x) @ design
    square = max(float(error @ error) / n, 1e-300)
    return -0.5 * n * (1 + _LOG_2PI + float(np.log(square)))
