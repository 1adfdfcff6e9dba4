"""Fit of a relaxation process to cells that were read at several times after programming."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from devices.fitting import screening
from devices.fitting.fit import Estimate, Fit
from devices.fitting.relaxation_moments import Measurement, process_of
from devices.retention.process import RelaxationProcess
from devices.rows import rising_row
from devices.seeding import RNG, generator
from devices.validation import Floats, array, integer, number

_FEWEST_CELLS = 100
_FEWEST_TIMES = 3
_MOST_KNOTS = 8
# A skewness beyond this, and beyond four standard errors, is told.
_SKEWED = 0.5
# So is a mean change that differs by this share of the spread, and by four standard errors.
_OFF_MEAN = 0.2


def fit_relaxation(
    start: ArrayLike,
    later: ArrayLike,
    times: Sequence[float],
    *,
    conductances: Sequence[float] | None = None,
    measured_at: float = 298.15,
    resamples: int = 50,
    rng: RNG = 0,
) -> Fit:
    """Return the relaxation process whose moments are those of measured cells.

    The mean change μ is that of all cells at each time. σ²(g) is the piecewise linear function of
    the conductance just after programming that fits the squared deviations at the last time best,
    in the least squares. In units of σ²(g), the clock h and the fluctuation ν have the variance of
    the deviations at each time, h + ν, and their covariance with those of the last time: h plus
    the part of the fluctuation that has not yet returned. The last time takes the ν of the time
    before. The persistence, which tells that part, fits the remaining covariances, and kappa the
    fourth cumulants of the deviations in units of σ, 3 kappa h, both in the least squares. Standard
    errors are those of cells drawn anew with replacement (bootstrap).

    Args:
        start: Conductances [S] just after programming, (cells,); cells with NaN are left out.
        later: Conductances [S] at the times, (times, cells); NaN where a cell was not measured.
        times: Times after programming [s], three or more, rising.
        conductances: Conductances [S] at which σ is fitted, rising; None (default) for quantiles of
            `start`, eight at most.
        measured_at: Temperature of the measurement [K]; default 298.15 K.
        resamples: How often cells are drawn anew for the standard errors; 0 for none; default 50.
        rng: A seed, a Generator, a SeedSequence or None, for these draws; default 0.

    Returns:
        The fit, whose model is a `RelaxationProcess` without dependence on temperature; see
            `fit_activation_energy`. Estimates are named after its fields, such as "mean at 0.01 s",
            "clock at 0.01 s", "scale at 5e-05 S", "kappa". Far-off deviations are counted, and stay
            in the fit, because they are the tails that kappa describes.

    Raises:
        ValueError: If there are fewer than three times or 100 cells, shapes do not fit, or no
            conductance changes.
    """
    integer("resamples", resamples, at_least=0)
    measured, counts = _measurement(start, later, times, conductances, measured_at)
    process, _ = process_of(measured)
    _, deviation = measured.deviations()
    sigma = np.interp(measured.start, measured.knots, process.scales)
    z = np.divide(deviation, sigma, out=np.full(deviation.shape, np.nan), where=sigma > 0)
    errors = _bootstrapped(measured, list(_numbers(process)), resamples, rng)
    return Fit(
        model=process,
        estimates=_estimates(process, errors),
        notes=tuple(_notes(measured, deviation)),
        counts=counts | {"far off": int(screening.are_far_off(z).sum())},
    )


def _measurement(
    start: ArrayLike,
    later: ArrayLike,
    times: Sequence[float],
    conductances: Sequence[float] | None,
    measured_at: float,
) -> tuple[Measurement, dict[str, int]]:
    """Return the measurement of the cells with a start, and the first counts."""
    number("measured_at", measured_at, above=0, unit="K")
    t = array("times", times, ndim=1)
    g0 = screening.conductances("start", start, ndim=1)
    g = screening.conductances("later", later, shape=(len(t), len(g0)))
    if len(t) and (t[0] <= 0 or (np.diff(t) <= 0).any()):
        raise ValueError(f"times = {t.tolist()} must rise from above 0 s; sort the table by time")
    known = np.isfinite(g0)
    if len(t) < _FEWEST_TIMES or known.sum() < _FEWEST_CELLS:
        raise ValueError(
            f"{len(t)} times of {int(known.sum())} cells are too few to fit a relaxation; give "
            f"{_FEWEST_TIMES} times and {_FEWEST_CELLS} cells or more"
        )
    counts = {
        "cells": len(g0),
        "values": g0.size + g.size,
        "missing": int((~known).sum() + np.isnan(g).sum()),
        "times": len(t),
    }
    g0, g = g0[known], g[:, known]
    read = np.isfinite(g).sum(axis=1)
    together = (np.isfinite(g[:-1]) & np.isfinite(g[-1])).sum(axis=1)
    if min(read.min(), together.min()) < _FEWEST_CELLS:
        poor = int(np.argmin(read)) if read.min() < _FEWEST_CELLS else int(np.argmin(together))
        raise ValueError(
            f"{int(min(read.min(), together.min()))} cells were read at {t[poor]:g} s and at the "
            f"last time; give {_FEWEST_CELLS} or leave this time out"
        )
    if not np.nanmax(np.abs(g - g0)):
        raise ValueError("later is the same as start at all times; nothing relaxes")
    if conductances is None:
        wanted = min(_MOST_KNOTS, len(g0) // _FEWEST_CELLS + 1)
        knots = np.unique(np.quantile(g0, (np.arange(wanted) + 0.5) / wanted))
        if len(knots) < 2:
            knots = np.array([knots[0], knots[0] * 1.01 + 1e-12])
    else:
        knots = np.array(rising_row("conductances", conductances, at_least=0, unit="S"))
    return Measurement(g0, g, t, knots, measured_at), counts


def _numbers(process: RelaxationProcess) -> dict[str, tuple[float, str, bool]]:
    """Return value, unit and positivity of every fitted number, by name."""
    found = {}
    for name, unit, positive in (
        ("mean", "S", False),
        ("clock", "", True),
        ("fluctuation", "", False),
    ):
        for t, value in zip(process.times, getattr(process, name), strict=True):
            found[f"{name} at {t:g} s"] = (value, unit, positive)
    for g, value in zip(process.conductances, process.scales, strict=True):
        found[f"scale at {g:.4g} S"] = (value, "S", True)
    found["kappa"] = (process.kappa, "", False)
    found["persistence"] = (process.persistence, "", False)
    return found


def _bootstrapped(
    measured: Measurement, names: list[str], resamples: int, rng: RNG
) -> dict[str, float]:
    """Return the standard deviation of every number over fits to cells drawn with replacement."""
    random = generator(rng)
    if resamples < 2:
        return dict.fromkeys(names, float("nan"))
    cells = len(measured.start)
    rows = []
    for _ in range(resamples):
        again, persistence = process_of(measured.of_cells(random.integers(0, cells, cells)))
        found = {name: value for name, (value, _, _) in _numbers(again).items()}
        rows.append(list((found | {"persistence": persistence}).values()))
    return dict(zip(names, np.std(rows, axis=0, ddof=1).tolist(), strict=True))


def _estimates(process: RelaxationProcess, errors: dict[str, float]) -> dict[str, Estimate]:
    """Return the numbers of the process with their standard errors."""
    return {
        name: Estimate(value=value, error=errors[name], unit=unit, positive=positive)
        for name, (value, unit, positive) in _numbers(process).items()
    }


def _notes(measured: Measurement, deviation: Floats) -> Iterator[str]:
    """Yield what the data do not tell, or tell against the process."""
    knots, last = measured.knots, deviation[-1]
    nearest = np.searchsorted((knots[1:] + knots[:-1]) / 2, measured.start)
    for k, g in enumerate(knots):
        own = last[(nearest == k) & np.isfinite(last)]
        if len(own) < _FEWEST_CELLS:
            yield (
                f"{len(own)} cells lie near {g:.3g} S, too few for their spread and tails; "
                f"give {_FEWEST_CELLS} or other conductances."
            )
            continue
        spread = own.std()
        skewness = float(np.mean((own - own.mean()) ** 3) / spread**3)
        if abs(skewness) > max(_SKEWED, 4 * np.sqrt(6 / len(own))):
            up = np.mean(own > own.mean() + 2 * spread), np.mean(own < own.mean() - 2 * spread)
            yield (
                f"Near {g:.3g} S the changes by {measured.times[-1]:g} s have a skewness of "
                f"{skewness:.1f}: {100 * up[0]:.1f} % of {len(own)} cells lie 2 "
                f"standard deviations above their mean and {100 * up[1]:.1f} % below it. "
                "The process is symmetric."
            )
        if abs(own.mean()) > max(_OFF_MEAN, 4 / np.sqrt(len(own))) * spread:
            yield (
                f"Near {g:.3g} S the mean change by {measured.times[-1]:g} s differs by "
                f"{own.mean():.2g} S from that of all cells, and the spread there is "
                f"{spread:.2g} S. The process has one mean change for all conductances."
            )
    for t, row in zip(measured.times, measured.later, strict=True):
        missing = float(np.isnan(row).mean())
        if missing > 0.2:
            yield f"{100 * missing:.0f} % of the cells were not read at {t:g} s."
    decades = np.diff(np.log10(measured.times))
    if decades.max() > 1.5:
        k = int(np.argmax(decades))
        yield (
            f"Nothing was read between {measured.times[k]:g} and {measured.times[k + 1]:g} s, "
            "where the process is interpolated."
        )
