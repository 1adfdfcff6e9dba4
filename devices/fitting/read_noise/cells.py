"""The read noise of one cell taken apart: white noise, a power law, telegraph steps."""

from dataclasses import dataclass

import numpy as np

from devices.fitting.quantiles import own_quantiles
from devices.fitting.read_noise.spectrum import (
    Slope,
    WhiteAndPowerLaw,
    density,
    slope,
    white_and_power_law,
)
from devices.fitting.telegraph.order import TRAPS, TWINS, TWO
from devices.fitting.telegraph.trace import TelegraphFit, fit_telegraph
from devices.validation import Floats

#: Kinds of `TelegraphFit` that independent traps explain, by the number of traps.
TRAPS_OF = {TWO: 1, TWINS: 2, TRAPS: 2}
_FEWEST_READS_PER_WINDOW = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class CellNoise:
    """The noise of one cell.

    Attributes:
        conductance: Mean conductance [S].
        density: One-sided spectral density of the trace [S²/Hz], (frequencies,).
        model_density: Density of the model: white noise, power law and Lorentzians of telegraph
            noise [S²/Hz], (frequencies,).
        spectrum: White noise and power law of the trace less its telegraph steps.
        slope: Slope of the density of the trace over the band.
        white: Standard deviation of the white noise in one read [S].
        white_error: Its standard error [S].
        flicker: Size q of 1/f noise with the variance of the power law, relative to the mean.
        flicker_error: Its standard error.
        telegraph: Telegraph noise, or None if it was not sought or none of traps was found.
        correlation_time: Lag at which the autocorrelation of the noise less its white part falls
            to 1/e [s]; NaN if it does not.
        window_variances: Variance within each window [S²], (windows,).
        quantiles: Quantiles of the trace in its standard deviations, at `normal_quantiles`.
        excess_kurtosis: Fourth cumulant over the squared variance; 0 for normal noise.
    """

    conductance: float
    density: Floats
    model_density: Floats
    spectrum: WhiteAndPowerLaw
    slope: Slope
    white: float
    white_error: float
    flicker: float
    flicker_error: float
    telegraph: TelegraphFit | None
    correlation_time: float
    window_variances: Floats
    quantiles: Floats
    excess_kurtosis: float


def filled(g: Floats) -> Floats:
    """Return a trace whose missing reads are interpolated linearly, for its spectrum alone."""
    known = np.isfinite(g)
    if known.all():
        return g
    at = np.arange(len(g))
    return np.interp(at, at[known], g[known])


def correlation_time(x: Floats, white: float, period: float) -> float:
    """Return the lag [s] at which the autocovariance of x, less white noise, is 1/e of that at 0.

    Args:
        x: Trace without gaps [S].
        white: Variance of its white part [S²].
        period: Time from one read to the next [s].
    """
    x = x - x.mean()
    n = len(x)
    power = np.abs(np.fft.rfft(x, 2 * n)) ** 2
    covariance = np.fft.irfft(power)[: n // 2] / (n - np.arange(n // 2))
    start = covariance[0] - white
    below = np.flatnonzero(covariance[1:] < start / np.e)
    if not start > 0 or not below.size:
        return float("nan")
    k = int(below[0])
    high = start if k == 0 else covariance[k]
    share = (high - start / np.e) / (high - covariance[k + 1])
    return float((k + share) * period)


def window_variances(g: Floats, period: float, seconds: float) -> Floats:
    """Return the variance of known reads within consecutive windows [S²]; NaN where below 8."""
    length = round(seconds / period)
    windows = len(g) // length if length >= _FEWEST_READS_PER_WINDOW else 0
    parts = g[: windows * length].reshape(windows, max(length, 1))
    known = np.isfinite(parts)
    count = known.sum(axis=1)
    mean = np.where(known, parts, 0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(known, (parts - mean[:, None]) ** 2, 0).sum(axis=1)
    enough = count >= _FEWEST_READS_PER_WINDOW
    return np.where(enough, squares / np.maximum(count - 1, 1), np.nan)


def telegraph_density(fit: TelegraphFit, frequencies: Floats) -> Floats:
    """Return the density of fitted traps [S²/Hz], by their covariance at the mean conductance.

    A trap of amplitude δ and occupancy π₁ has the Lorentzian 4 δ² π₁ π₀ τ/(1 + (2π f τ)²)
    (Machlup 1954, doi:10.1063/1.1721637). Products of two traps' fluctuations are neglected: they
    are smaller by δ².
    """
    total = np.zeros(len(frequencies))
    mean = float(np.prod([one.moments(np.array(1.0))[0] for one in fit.traps]))
    for one in fit.traps:
        tau, p1 = 1 / one.rate, one.occupancy
        relative = one.amplitude / (1 - one.amplitude * p1)
        lorentzian = 4 * tau / (1 + (2 * np.pi * frequencies * tau) ** 2)
        total += one.traps * relative**2 * p1 * (1 - p1) * lorentzian
    g = fit.estimates["g"].value * mean
    return np.asarray(g**2 * total)


def analyzed(
    g: Floats,
    period: float,
    *,
    band: tuple[float, float],
    window: float,
    telegraph: bool,
) -> CellNoise:
    """Return the noise of one cell.

    Args:
        g: Its trace [S]; NaN where a read is missing.
        period: Time from one read to the next [s].
        band: Frequencies between which the slope is fitted [Hz].
        window: Length of the windows whose variances are told [s].
        telegraph: Whether to look for telegraph noise.
    """
    steps = fit_telegraph(g, period) if telegraph else None
    if steps is not None and steps.kind not in TRAPS_OF:
        steps = None
    whole = filled(g)
    mean = float(np.nanmean(g))
    rest = whole if steps is None else whole - steps.levels[steps.states] + mean
    spectrum = density(np.stack([whole, rest]), period)
    f, nyquist = spectrum.frequencies, 0.5 / period
    parts = white_and_power_law(f, spectrum.values[1], spectrum.averages)
    inside = (f >= band[0]) & (f <= band[1])
    variance = parts.power_law_variance(1 / (len(g) * period), nyquist)
    decades = np.log(nyquist * len(g) * period)
    errors = np.sqrt(np.diag(parts.covariance))
    model = parts.density(f)
    if steps is not None:
        model = model + telegraph_density(steps, f)
    white = float(np.sqrt(parts.white * nyquist))
    known = g[np.isfinite(g)]
    z = (known - known.mean()) / known.std()
    return CellNoise(
        conductance=mean,
        density=spectrum.values[0],
        model_density=model,
        spectrum=parts,
        slope=slope(f[inside], spectrum.values[0][inside], spectrum.averages),
        white=white,
        white_error=0.5 * white * float(errors[0]) if white else float("nan"),
        flicker=float(np.sqrt(variance / decades)) / abs(mean),
        flicker_error=_flicker_error(parts, variance, decades, period, len(g)) / abs(mean),
        telegraph=steps,
        correlation_time=correlation_time(whole, white**2, period),
        window_variances=window_variances(g, period, window),
        quantiles=own_quantiles(g),
        excess_kurtosis=float((z**4).mean() - 3),
    )


def _flicker_error(
    parts: WhiteAndPowerLaw, variance: float, decades: float, period: float, n: int
) -> float:
    """Return the standard error of √(variance/decades) [S], by linear propagation."""
    if not variance:
        return float("nan")
    low, high, step = 1 / (n * period), 0.5 / period, 1e-4
    moved = WhiteAndPowerLaw(
        white=parts.white,
        size=parts.size,
        exponent=parts.exponent + step,
        f_0=parts.f_0,
        covariance=parts.covariance,
    )
    by_exponent = (moved.power_law_variance(low, high) / variance - 1) / step
    slopes = np.array([1.0, by_exponent])
    relative = np.sqrt(slopes @ parts.covariance[1:, 1:] @ slopes) / 2
    return float(np.sqrt(variance / decades) * relative)
