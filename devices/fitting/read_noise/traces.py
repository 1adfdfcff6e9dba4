"""Fit of read noise to traces of cells: white noise, 1/f noise and telegraph steps.

Telegraph steps are found by `fit_telegraph`, and taken off where independent traps explain them.
What is left has the density white + size · f^−exponent, by Whittle's likelihood of Welch's spectrum
(`spectrum.py`). The slope is that of the whole spectrum within a band, with white noise and steps,
by least squares in both logarithms.

White noise is that of the instrument unless the caller says otherwise: with `instrument=None` all
of it is, and the model has none; `instrument=σ` leaves √(white² − σ²) to the cells, and
`instrument=0` leaves them all of it. Noise beyond the Nyquist frequency is folded into the white
part by instantaneous reads, and cannot be told from it.

The model is the product of these: `FlickerNoise` between 1/duration and the Nyquist frequency, with
the variance of the fitted power law there, whose q is a table over conductance if the cells differ
by more than 10 % (`TabulatedFlicker`, root mean squares of cells of nearly one conductance);
`TelegraphNoise` of a single cell, and `TrapEnsemble` of several with traps; `GaussianNoise` or
`TabulatedNoise` for the white noise of the cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from devices.fitting.fit import Estimate, Fit
from devices.fitting.quantiles import normal_quantiles
from devices.fitting.read_noise.cells import CellNoise, analyzed
from devices.fitting.read_noise.models import (
    flicker_model,
    telegraph_model,
    trap_estimates,
    traps_of,
    white_model,
)
from devices.fitting.read_noise.notes import notes_on
from devices.fitting.read_noise.spectrum import frequencies_of
from devices.fitting.screening import are_far_off, checked_names, conductances
from devices.read_noise.base import ReadNoise
from devices.read_noise.product import product_of
from devices.validation import Floats, boolean, number

#: Fewer reads have no spectrum to speak of.
FEWEST_READS = 256
_FEWEST_CELLS_FOR_GAMMA = 3
_LEAST_RANGE_FOR_GAMMA = 1.5
#: Segments of the spectrum lose their mean, so that their first frequencies are low.
_FIRST = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadNoiseFit(Fit):
    """Read noise that was fitted to traces.

    Attributes:
        cells: The noise of each cell, taken apart.
        frequencies: Frequencies of the spectra [Hz].
        density: Density of each cell [S²/Hz], (cells, frequencies).
        model_density: Density of the fit [S²/Hz], (cells, frequencies).
        residuals: density/model_density − 1, (cells, frequencies).
        normal_quantiles: Standard normal quantiles, against which `quantiles` are drawn (Q–Q).
        quantiles: Quantiles of each trace in its standard deviations, (cells, quantiles).
        burst_factors: Largest over least variance of the windows, (cells,); NaN if a trace has
            fewer than two windows.
        band: Frequencies between which the slopes were fitted [Hz].
        window: Length of the windows [s].
        reads_per_window: Reads in a window.
        names: Names of the cells.
    """

    cells: tuple[CellNoise, ...]
    frequencies: Floats
    density: Floats
    model_density: Floats
    residuals: Floats
    normal_quantiles: Floats
    quantiles: Floats
    burst_factors: Floats
    band: tuple[float, float]
    window: float
    reads_per_window: int
    names: tuple[str, ...]


def fit_read_noise(
    g: ArrayLike,
    period: float,
    *,
    instrument: float | None = None,
    band: tuple[float, float] | None = None,
    window: float = 1.0,
    telegraph: bool = True,
    names: Sequence[str] | None = None,
) -> ReadNoiseFit:
    """Fit read noise to traces of cells: white noise, 1/f noise and telegraph steps.

    How the parts are told apart, and which model they make, is told in
    `devices.fitting.read_noise.traces`.

    Args:
        g: Conductances of consecutive reads [S], (cells, reads) or (reads,); NaN where one is
            missing. Spectra interpolate linearly there.
        period: Time from one read to the next [s].
        instrument: Standard deviation of the instrument in one read [S]; default None, which takes
            all white noise for it.
        band: Frequencies between which the slope is fitted [Hz]; default None: from the second
            frequency of the spectrum to a tenth of the Nyquist frequency.
        window: Length of the windows whose variances show bursts [s]; default 1 s.
        telegraph: Whether to look for telegraph noise; default True.
        names: Names of the cells, for notes and messages; default None for "0", "1", ….

    Returns:
        A `ReadNoiseFit` with the estimates gamma (the exponent of the standard deviation of the
        1/f noise over the conductance), slope, exponent, q, white [S] and correlation_time [s].
        Those of several cells are means, with the standard error of the scatter between cells.
        Where traps were found, amplitude, tau_capture and tau_emission [s] are those of a single
        cell, or the medians of all traps of several cells, with traps_per_cell.

    Raises:
        ValueError: If the traces are no conductances, one of them is constant or has fewer than 256
            known reads, or an option lies outside its range.
    """
    traces = np.atleast_2d(conductances("g", g))
    if traces.ndim != 2:
        raise ValueError(f"g has shape {traces.shape}; give (cells, reads) or (reads,)")
    period = number("period", period, above=0, unit="s")
    window = number("window", window, above=0, unit="s")
    boolean("telegraph", telegraph)
    if instrument is not None:
        instrument = number("instrument", instrument, at_least=0, unit="S")
    names = checked_names(names, len(traces))
    _check_traces(traces, names)
    f = frequencies_of(traces.shape[1], period)
    band = _checked_band(band, f)
    cells = tuple(
        analyzed(one, period, band=band, window=window, telegraph=telegraph) for one in traces
    )
    flicker = flicker_model(cells, period, traces.shape[1])
    model = product_of(flicker, telegraph_model(cells), white_model(cells, instrument))
    fit = _collected(traces, cells, model, f, band, window, period, names)
    return replace(fit, notes=notes_on(fit, instrument=instrument, telegraph=telegraph))


def _collected(
    traces: Floats,
    cells: tuple[CellNoise, ...],
    model: ReadNoise,
    f: Floats,
    band: tuple[float, float],
    window: float,
    period: float,
    names: tuple[str, ...],
) -> ReadNoiseFit:
    """Return the fit of these cells, still without notes."""
    measured, modeled, quantiles = (
        np.stack([getattr(c, name) for c in cells])
        for name in ("density", "model_density", "quantiles")
    )
    return ReadNoiseFit(
        model=model,
        estimates=_estimates(cells) | trap_estimates(cells),
        counts={
            "cells": len(cells),
            "values": traces.size,
            "missing": int(np.isnan(traces).sum()),
            "far off": int(are_far_off(traces).sum()),
            "traps": len(traps_of(cells)),
        },
        cells=cells,
        frequencies=f,
        density=measured,
        model_density=modeled,
        residuals=measured / modeled - 1,
        normal_quantiles=normal_quantiles(),
        quantiles=quantiles,
        burst_factors=np.array([_factor(c.window_variances) for c in cells]),
        band=band,
        window=window,
        reads_per_window=max(round(window / period), 1),
        names=names,
    )


def _check_traces(traces: Floats, names: Sequence[str]) -> None:
    """Refuse traces that are too short or constant."""
    for name, trace in zip(names, traces, strict=True):
        known = trace[np.isfinite(trace)]
        if len(known) < FEWEST_READS:
            raise ValueError(
                f"trace {name} of g has {len(known)} known reads, too few for a spectrum; give at "
                f"least {FEWEST_READS}, or leave the cell out"
            )
        if not np.median(known) > 0:
            raise ValueError(
                f"trace {name} of g has a median of {np.median(known):.3g} S, and a conductance is "
                "positive; was the polarity reversed? Give absolute values, or leave the cell out"
            )
        if not known.std() > 1e-12 * np.abs(known).max():
            raise ValueError(
                f"trace {name} of g is constant at {known[0]:g} S, so that it holds no noise to "
                "fit; leave the cell out"
            )


def _checked_band(band: tuple[float, float] | None, f: Floats) -> tuple[float, float]:
    """Return the band of the slope [Hz], which must hold three frequencies of the spectrum."""
    if band is None:
        return float(f[_FIRST - 1]), float(max(f[-1] / 10, f[_FIRST + 2]))
    try:
        low, high = band
    except (TypeError, ValueError):
        raise ValueError(f"band = {band!r} is not allowed; give two frequencies [Hz]") from None
    low = number("band[0]", low, above=0, unit="Hz")
    high = number("band[1]", high, above=low, unit="Hz")
    inside = int(((f >= low) & (f <= high)).sum())
    if inside < 3:
        raise ValueError(
            f"band = ({low:g}, {high:g}) Hz holds {inside} frequencies of the spectrum, which "
            f"reaches from {f[0]:.3g} to {f[-1]:.3g} Hz in steps of {f[0]:.3g} Hz; give a wider "
            "band, or longer traces"
        )
    return low, high


def _factor(variances: Floats) -> float:
    known = variances[np.isfinite(variances)]
    if len(known) < 2 or not known.min() > 0:
        return float("nan")
    return float(known.max() / known.min())


def _mean(
    values: ArrayLike, errors: ArrayLike, unit: str = "", *, positive: bool = False
) -> Estimate:
    """Return the value of one cell, or the mean of several with the error of their scatter."""
    values, errors = np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    known = np.isfinite(values)
    n = int(known.sum())
    if n == 0:
        return Estimate(value=float("nan"), unit=unit, positive=positive)
    if n == 1:
        value, error = float(values[known][0]), float(errors[known][0])
        return Estimate(value=value, error=error, unit=unit, positive=positive)
    scatter = float(values[known].std(ddof=1)) / n**0.5
    if not values[known].any():  # none of the cells has such noise: that tells no error
        scatter = float("nan")
    return Estimate(value=float(values[known].mean()), error=scatter, unit=unit, positive=positive)


def _estimates(cells: Sequence[CellNoise]) -> dict[str, Estimate]:
    """Return the numbers of all cells together."""
    nothing = np.full(len(cells), np.nan)
    exponents = np.array([c.spectrum.exponent if c.flicker else np.nan for c in cells])
    errors = np.array([np.sqrt(c.spectrum.covariance[2, 2]) for c in cells])
    return {
        "gamma": _gamma(cells),
        "slope": _mean([c.slope.value for c in cells], [c.slope.error for c in cells]),
        "exponent": _mean(exponents, errors),
        "q": _mean([c.flicker for c in cells], [c.flicker_error for c in cells], positive=True),
        "white": _mean(
            [c.white for c in cells], [c.white_error for c in cells], "S", positive=True
        ),
        "correlation_time": _mean([c.correlation_time for c in cells], nothing, "s", positive=True),
    }


def _gamma(cells: Sequence[CellNoise]) -> Estimate:
    """Return γ = d ln σ/d ln g of the 1/f noise, by least squares over cells; NaN if not told."""
    some = [c for c in cells if c.flicker > 0 and c.conductance > 0]
    x = np.log([c.conductance for c in some])
    if len(some) < _FEWEST_CELLS_FOR_GAMMA or np.ptp(x) < np.log(_LEAST_RANGE_FOR_GAMMA):
        return Estimate(value=float("nan"))
    y = np.log([c.flicker * c.conductance for c in some])
    x, y = x - x.mean(), y - y.mean()
    gamma = float(x @ y / (x @ x))
    scatter = float(((y - gamma * x) ** 2).sum()) / (len(x) - 2)
    return Estimate(value=gamma, error=float(np.sqrt(scatter / (x @ x))))
