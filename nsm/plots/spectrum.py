"""The noise spectrum of a device or a gate: in theory, of sampled reads, and as a panel."""

import numpy as np
from matplotlib.axes import Axes
from scipy.interpolate import PchipInterpolator

from devices import ReadNoise
from devices.validation import Floats
from nsm.plots.style import COLORS

#: Time between the reads whose spectrum is shown [s].
PERIOD = 1e-6

#: Cells over which the spectrum of sampled reads is averaged.
CELLS = 500

#: Reads of each cell.
READS = 2048


def expected_spectrum(noise: ReadNoise, g: float) -> tuple[Floats, Floats]:
    """Return the spectrum of ξ that READS reads, PERIOD apart, have on average.

    It is the transform of the autocovariance times 1 − k/READS at lag k, which is the average of a
    periodogram. The covariance is computed at the first 64 lags and at 100 later ones, and
    interpolated over the logarithm of the lag between these: good to 1 %.

    Args:
        noise: read noise or gate.
        g: conductance of the cells [S].

    Returns:
        Frequencies [Hz], and the one-sided power spectral density [1/Hz], without frequency 0.
    """
    cell = np.array(g)
    lags = np.arange(1, READS)
    covariance = np.zeros(READS)
    covariance[0] = float(noise.moments(cell)[1])
    if noise.has_memory:
        known = np.unique(np.concatenate([lags[:64], np.geomspace(64, lags[-1], 100).astype(int)]))
        at_known = [float(noise.covariance(cell, lag)) for lag in PERIOD * known]
        covariance[1:] = PchipInterpolator(np.log(known), at_known)(np.log(lags))
    covariance *= 1 - np.arange(READS) / READS
    # The transform of a real sequence needs negative lags too: they fold onto the positive ones.
    folded = covariance.copy()
    folded[1:] += covariance[:0:-1]
    frequency = np.asarray(np.fft.rfftfreq(READS, PERIOD)[1:])
    return frequency, 2 * PERIOD * np.fft.rfft(folded).real[1:]


def sampled_spectrum(noise: ReadNoise, g: float) -> Floats:
    """Return the spectrum of sampled reads at the frequencies of `expected_spectrum`.

    It is the mean periodogram of CELLS cells; each has its own traps or thresholds.

    Args:
        noise: read noise or gate.
        g: conductance of the cells [S].

    Returns:
        One-sided power spectral density [1/Hz].
    """
    rng = np.random.default_rng(0)
    cells = np.full(CELLS, g)
    xi, _ = noise.sample(cells, noise.init(cells, rng=rng), READS, rng=rng, period=PERIOD)
    power = np.abs(np.fft.rfft(xi - xi.mean(axis=0), axis=0)[1:]) ** 2
    return np.asarray(power.mean(axis=1) * 2 * PERIOD / READS)


def draw_spectrum(noise: ReadNoise, g: float, at: str, ax: Axes) -> None:
    """Draw the power spectral density of ξ over consecutive reads, sampled and expected.

    Args:
        noise: read noise or gate.
        g: conductance of the cells [S].
        at: end of the title that names this conductance.
        ax: Axes to draw into.
    """
    frequency, expected = expected_spectrum(noise, g)
    sampled = sampled_spectrum(noise, g)
    # Averages over 24 bins of equal width in the logarithm: single frequencies scatter too much.
    edges = np.geomspace(frequency[0], frequency[-1] * 1.01, 25)
    bin_of = np.digitize(frequency, edges)
    bins = [bin_of == b for b in np.unique(bin_of)]
    centers = [frequency[b].mean() for b in bins]
    means = [sampled[b].mean() for b in bins]
    ax.loglog(frequency, expected, color=COLORS[1], label="theory")
    ax.loglog(centers, means, ".", color=COLORS[0], label=f"reads {PERIOD * 1e6:g} µs apart")
    ax.set(xlabel="frequency [Hz]", ylabel="spectrum of ξ [1/Hz]", title=f"noise spectrum{at}")
    # A factor of 20 above the curve leaves room for the legend.
    bottom = 10 ** np.floor(np.log10(expected.min() / 1.5))
    top = 10 ** np.ceil(np.log10(expected.max() * 20))
    ax.set_ylim(bottom, top)
    ax.legend(loc="upper left")
