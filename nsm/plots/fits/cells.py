"""Fits of many cells: programming, levels, relaxation, bakes and temperature."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from devices import Fit, LevelsFit, ProgrammingFit, TabulatedError
from devices.validation import Floats
from nsm.plots.fits.noise import MICRO
from nsm.plots.style import COLORS, MARKERS, figure, styled

#: Errors of neighboring levels at which levels are counted.
LEVEL_ERRORS = np.geomspace(1e-4, 0.3, 40)
#: Cells that are drawn as points, at most.
MOST_POINTS = 3000


@styled
def plot_programming_fit(fit: ProgrammingFit, *, ax: Axes | None = None) -> Axes:
    """Draw errors of programmed cells over their targets, with the fitted table.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    table = fit.model
    assert isinstance(table, TabulatedError)
    mean, std = table.law(fit.targets)
    some = slice(None, None, max(1, len(fit.targets) // MOST_POINTS))
    errors = mean + std * fit.residuals
    axes.plot(fit.targets[some] * MICRO, errors[some] * MICRO, ".", ms=1.5, alpha=0.3,
              color=COLORS[5], label="cells")  # fmt: skip
    g = np.linspace(table.conductances[0], table.conductances[-1], 200)
    mean, std = table.law(g)
    axes.plot(g * MICRO, mean * MICRO, color=COLORS[1], label="mean")
    axes.fill_between(g * MICRO, (mean - std) * MICRO, (mean + std) * MICRO, alpha=0.25,
                      color=COLORS[1], lw=0, label="± one s.d.")  # fmt: skip
    axes.set_xlabel("target [µS]")
    axes.set_ylabel("error of the cell [µS]")
    axes.legend(frameon=False)
    return axes


@styled
def plot_levels_fit(fit: LevelsFit, *, ax: Axes | None = None) -> Axes:
    """Draw the measured levels over their targets; bars are ± one standard deviation of cells.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    order = np.argsort(fit.targets) if len(set(fit.targets)) == len(fit.targets) else slice(None)
    at, levels, std = (np.asarray(a)[order] for a in (fit.targets, fit.levels, fit.std))
    axes.errorbar(at * MICRO, levels * MICRO, std * MICRO, fmt=MARKERS[0], ms=2, lw=0.8,
                  color=COLORS[0], label="mean ± one s.d. of the cells")  # fmt: skip
    ends = np.array([min(at.min(), levels.min()), max(at.max(), levels.max())])
    axes.plot(ends * MICRO, ends * MICRO, color="grey", lw=0.8, label="as wanted")
    axes.set_xlabel("target of the level [µS]")
    axes.set_ylabel("measured [µS]")
    axes.legend(frameon=False)
    return axes


@styled
def plot_distinguishable_levels(fit: LevelsFit, *, ax: Axes | None = None) -> Axes:
    """Draw how many levels can be told apart over the error that is allowed between neighbors.

    The band is what two standard errors of the measured errors allow.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax

    def counts(standard_errors: float) -> list[int]:
        return [
            len(fit.distinguishable(error=e, standard_errors=standard_errors)) for e in LEVEL_ERRORS
        ]

    percent = 100 * LEVEL_ERRORS
    axes.step(percent, counts(0.0), where="post", color=COLORS[0], label="levels")
    axes.fill_between(percent, counts(2.0), counts(-2.0), step="post", color=COLORS[0], alpha=0.2,
                      lw=0, label="± 2 standard errors")  # fmt: skip
    axes.axhline(len(fit.levels), color="grey", lw=0.8, ls=":", label="that were programmed")
    axes.set_xscale("log")
    axes.set_xlabel("largest error between neighbors [%]")
    axes.set_ylabel("levels that can be told apart")
    axes.set_ylim(0, None)
    axes.legend(frameon=False)
    return axes


@styled
def plot_relaxation_fit(
    fit: Fit, start: Floats, later: Floats, times: Sequence[float], *, ax: Axes | None = None
) -> Axes:
    """Draw mean and spread of the change of cells over time, measured and of the fit.

    Args:
        fit: The fit, whose model is a retention.
        start: Conductances just after programming [S], (cells,).
        later: Conductances at the times [S], (times, cells); NaN where one is missing.
        times: Times after programming [s].
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    change = (later - start) * MICRO
    known = start[np.isfinite(start)]
    t = np.geomspace(times[0], times[-1], 60)
    mean = [np.mean((fit.model.common(known, s) - 1) * known) * MICRO for s in t]
    drift = [(fit.model.common(known, s) - 1) * known for s in t]
    spread = [
        np.sqrt(np.mean(fit.model.spread(known, s) ** 2) + d.var()) * MICRO
        for s, d in zip(t, drift, strict=True)
    ]
    rows = (("mean", np.nanmean(change, axis=1), mean), ("s.d.", np.nanstd(change, axis=1), spread))
    for place, (name, measured, model) in enumerate(rows):
        axes.semilogx(times, measured, MARKERS[place], color=COLORS[place], label=name)
        axes.semilogx(t, model, color=COLORS[place])
    axes.set_xlabel("time after programming [s]")
    axes.set_ylabel("change of all cells [µS]")
    axes.legend(frameon=False, title="points: measured, lines: fit", title_fontsize=6)
    return axes


@styled
def plot_bakes_fit(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw the activation energy of each bake over its temperature, and that of all.

    Args:
        fit: What `fit_activation_energy` returns.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    name, *bakes = fit.estimates
    kelvins = [float(bake.removeprefix("energy at ").partition(" K")[0]) for bake in bakes]
    values = np.array([fit.estimates[bake].value for bake in bakes])
    ends = np.array([fit.estimates[bake].interval() for bake in bakes])
    low, high = fit.estimates[name].interval()
    axes.axhline(fit.estimates[name].value, color=COLORS[1], lw=0.8, label="all bakes")
    axes.axhspan(low, high, alpha=0.25, color=COLORS[1], lw=0)
    axes.errorbar(kelvins, values, np.abs(ends.T - values), fmt=MARKERS[0], ms=3, lw=0.8,
                  color=COLORS[0], label="one bake")  # fmt: skip
    axes.set_xlabel("temperature [K]")
    axes.set_ylabel("activation energy [eV]")
    axes.legend(frameon=False)
    return axes


@styled
def plot_temperature_fit(
    fit: Fit, g: Floats, temperatures: Floats, *, ax: Axes | None = None
) -> Axes:
    """Draw conductances over temperature, relative to the lowest one, with the fitted law.

    Args:
        fit: The fit, whose model is a temperature law.
        g: Conductances [S], (temperatures, cells).
        temperatures: Temperatures [K], (temperatures,).
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    table = np.atleast_2d(g.T).T
    kelvin = np.linspace(temperatures.min(), temperatures.max(), 100)
    coldest = int(np.argmin(temperatures))
    order = np.argsort(table[coldest])
    for place, k in enumerate(
        order[np.linspace(0, len(order) - 1, min(5, len(order))).astype(int)]
    ):
        cell, color = table[:, k], COLORS[place % len(COLORS)]
        at_ref = cell[coldest] / fit.model.factor(cell[coldest], temperatures[coldest])
        axes.plot(temperatures, cell / cell[coldest], MARKERS[place % len(MARKERS)], color=color,
                  ms=3, label=f"{cell[coldest] * MICRO:.3g} µS")  # fmt: skip
        curve = [float(fit.model.factor(np.asarray(at_ref), t)) for t in kelvin]
        axes.plot(kelvin, np.array(curve) * at_ref / cell[coldest], color=color)
    axes.set_xlabel("temperature [K]")
    axes.set_ylabel("conductance / that of the coldest")
    axes.legend(frameon=False, title="points: measured, lines: fit", title_fontsize=6)
    return axes
