"""Spectra of traces: Welch's density, its slope, and white noise beside a power law."""

from typing import NamedTuple

import numpy as np

from devices.special import polygamma
from devices.validation import Floats

#: A spectrum averages over about this many segments: 2^k reads each, the largest power of two.
_SEGMENTS = 6
_SHORTEST_SEGMENT = 16
# Of a Hann window: Σ w⁴ n/(Σ w²)² = 35/18, by which neighboring frequencies are correlated, and
# the squared correlation of two segments that overlap by half, 1/36.
_HANN_WIDTH = 35 / 18
_HANN_OVERLAP = 1 / 36
_MOST_STEPS = 100
_LEAST_STEP = 1e-6
#: White noise below this share of the least density is none.
_NO_WHITE = 1e-4


class Density(NamedTuple):
    """One-sided spectral density by Welch's method (1967, doi:10.1109/TAU.1967.1161901).

    Segments of a power of two of reads overlap by half; each loses its mean and is weighed by a
    Hann window.

    Attributes:
        frequencies: Frequencies above 0 up to the Nyquist frequency [Hz].
        values: Density of each trace [S²/Hz], (traces, frequencies).
        averages: Number of independent segments that each value averages.
    """

    frequencies: Floats
    values: Floats
    averages: float


def segment_length(n: int) -> int:
    """Return the reads in a segment: the largest power of two that is at most a sixth of n."""
    return max(2 ** int(np.log2(max(n / _SEGMENTS, 1))), _SHORTEST_SEGMENT)


def frequencies_of(n: int, period: float) -> Floats:
    """Return the frequencies [Hz] of the density of traces of n reads, without 0 Hz."""
    return np.asarray(np.fft.rfftfreq(min(segment_length(n), n), period)[1:], dtype=np.float64)


def density(traces: Floats, period: float) -> Density:
    """Return Welch's density of traces without gaps.

    Args:
        traces: (traces, reads) [S].
        period: Time from one read to the next [s].
    """
    n = traces.shape[1]
    length = min(segment_length(n), n)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    starts = range(0, n - length + 1, length // 2)
    total = np.zeros((len(traces), length // 2 + 1))
    for start in starts:
        part = traces[:, start : start + length]
        part = (part - part.mean(axis=1, keepdims=True)) * window
        total += np.abs(np.fft.rfft(part, axis=1)) ** 2
    total *= 2 * period / (len(starts) * (window @ window))
    total[:, -1] /= 2  # the Nyquist frequency has no negative twin
    count = len(starts)
    averages = count / (1 + 2 * _HANN_OVERLAP * (count - 1) / count)
    return Density(frequencies=frequencies_of(n, period), values=total[:, 1:], averages=averages)


class Slope(NamedTuple):
    """Slope of ln density over ln frequency.

    Attributes:
        value: The slope; −1 for 1/f noise.
        error: Its standard error.
    """

    value: float
    error: float


def slope(frequencies: Floats, values: Floats, averages: float) -> Slope:
    """Return the slope of a density by least squares in both logarithms.

    The logarithm of an average of k exponential variables has the variance ψ′(k). The scatter
    about the line takes its place where it is larger, as it is where the spectrum is no power law
    or the noise comes in bursts.

    Args:
        frequencies: Frequencies [Hz].
        values: Density at these [S²/Hz].
        averages: Number of independent segments.
    """
    x = np.log(frequencies) - np.log(frequencies).mean()
    y = np.log(values)
    found = float(x @ y / (x @ x))
    scatter = ((y - y.mean() - found * x) ** 2).sum() / max(len(x) - 2, 1)
    variance = max(float(polygamma(1, averages)), float(scatter))
    return Slope(found, float(np.sqrt(_HANN_WIDTH * variance / (x @ x))))


class WhiteAndPowerLaw(NamedTuple):
    """S(f) = white + size (f/f_0)^−exponent.

    Attributes:
        white: Density of the white noise [S²/Hz]; 0 if there is none.
        size: Density of the power law at f_0 [S²/Hz]; 0 if there is none.
        exponent: Exponent of the power law.
        f_0: Reference frequency [Hz].
        covariance: Covariance of ln white, ln size and exponent, (3, 3); NaN where one is not told.
    """

    white: float
    size: float
    exponent: float
    f_0: float
    covariance: Floats

    def density(self, frequencies: Floats) -> Floats:
        """Return S(f) [S²/Hz]."""
        return self.white + self.power_law(frequencies)

    def power_law(self, frequencies: Floats) -> Floats:
        """Return the part of the power law [S²/Hz]."""
        if not self.size:
            return np.zeros(np.shape(frequencies))
        return np.asarray(self.size * (np.asarray(frequencies) / self.f_0) ** -self.exponent)

    def power_law_variance(self, low: float, high: float) -> float:
        """Return the variance of the power law between two frequencies [S²]."""
        if not self.size:
            return 0.0
        rest = 1 - self.exponent
        a, b = np.log(low / self.f_0), np.log(high / self.f_0)
        integral = b - a if abs(rest) < 1e-9 else (np.exp(rest * b) - np.exp(rest * a)) / rest
        return float(self.size * self.f_0 * integral)


def _terms(theta: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return S and d ln S/dθ for θ = (ln white, ln size, exponent) at x = ln(f/f_0)."""
    white, power = np.exp(theta[0]), np.exp(theta[1] - theta[2] * x)
    total = white + power
    return total, np.stack([white / total, power / total, -x * power / total])


def white_and_power_law(frequencies: Floats, values: Floats, averages: float) -> WhiteAndPowerLaw:
    """Fit white noise and a power law to a density, by Whittle's likelihood.

    An averaged density is S(f) times a gamma variable of mean 1, so that the likelihood is largest
    where Σ (ln S + density/S) is least (Whittle 1953, doi:10.1007/BF02590998). Fisher's scoring
    finds it. The covariance is the inverse information, times the 35/18 of Hann's window, and by
    the mean of (density/S − 1)² · averages where that exceeds 1: bursts scatter more than
    normal noise. White noise alone is taken unless the Bayesian information criterion prefers both.

    Args:
        frequencies: Frequencies [Hz].
        values: Density at these [S²/Hz].
        averages: Number of independent segments.
    """
    f_0 = float(np.exp(np.log(frequencies).mean()))
    x = np.log(frequencies / f_0)
    unit = float(np.median(values))
    measured = values / unit
    few = max(len(x) // 20, 1)
    floor = float(np.sort(measured)[:few].mean())
    theta = np.array([np.log(floor), np.log(max(np.interp(0, x, measured) - floor, floor / 10)), 1])
    theta, information = _scored(theta, x, measured)
    total, _ = _terms(theta, x)
    misfit = max(float((((measured / total) - 1) ** 2).mean() * averages), 1.0)
    is_white = np.exp(theta[0]) > _NO_WHITE * measured.min()
    gain = len(x) * (np.log(measured.mean()) + 1) - (np.log(total) + measured / total).sum()
    is_power = gain * averages / _HANN_WIDTH > np.log(len(x))
    if not is_power:
        theta, is_white = np.array([np.log(measured.mean()), -np.inf, 1.0]), True
        information = np.diag([float(len(x)), 0.0, 0.0])
    free = np.array([is_white, is_power, is_power])
    covariance = np.full((3, 3), np.nan)
    if free.any():
        part = np.linalg.pinv(information[np.ix_(free, free)])
        covariance[np.ix_(free, free)] = part * misfit * _HANN_WIDTH / averages
    return WhiteAndPowerLaw(
        white=float(np.exp(theta[0])) * unit if is_white else 0.0,
        size=float(np.exp(theta[1])) * unit if is_power else 0.0,
        exponent=float(theta[2]),
        f_0=f_0,
        covariance=covariance,
    )


def _scored(theta: Floats, x: Floats, measured: Floats) -> tuple[Floats, Floats]:
    """Return the maximum of Whittle's likelihood by Fisher's scoring, and the information."""

    def cost(theta: Floats) -> float:
        total, _ = _terms(theta, x)
        return float((np.log(total) + measured / total).sum())

    value = cost(theta)
    for _ in range(_MOST_STEPS):
        total, slopes = _terms(theta, x)
        information = slopes @ slopes.T
        ridge = 1e-9 * np.trace(information) * np.eye(3)
        step = np.linalg.solve(information + ridge, slopes @ (measured / total - 1))
        step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-300))
        while (new := cost(theta + step)) > value and np.abs(step).max() > _LEAST_STEP:
            step = step / 2
        if new >= value:
            break
        gained, theta, value = value - new, theta + step, new
        if gained < _LEAST_STEP:
            break
    _, slopes = _terms(theta, x)
    return theta, slopes @ slopes.T
