"""Fit of set/reset variability: spread between devices and cycles, and the memory of a cell."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.fitting.fit import Estimate, Fit
from devices.fitting.memory import MODELS, MemoryFit, fit_memory
from devices.fitting.screening import are_far_off, conductances
from devices.programming.set_reset import SetResetVariability
from devices.special import ndtri
from devices.validation import Floats, number

_FEWEST_CELLS = 5
_FEWEST_CYCLES = 5
# Below so many cells the spread between devices is known to 16 % at best.
_MANY_CELLS = 20
# A skewness beyond this, and beyond four standard errors, is told.
_SKEWED = 0.3


@dataclass(frozen=True)
class _State:
    """One state that was fitted: its name, what varies normally, the fit and the counts."""

    name: str
    values: Floats
    fit: MemoryFit
    counts: dict[str, int]


def fit_set_reset(set_: ArrayLike, reset: ArrayLike, *, clip: float = 0.9999) -> Fit:
    """Return the set/reset variability of cells that were switched many times.

    Each state is fitted by itself, in R for the set and in ln R for the reset state: the values of
    device d in cycle i are m + b_d + ε_i with b ~ N(0, d2d²) and ε ~ N(0, c2c²). The fraction
    `share` of the variance of ε is an AR(1) process, with correlation rho from cycle to cycle. The
    restricted likelihood of all cells is maximized, by a Kalman filter, for ε without memory, for
    an AR(1) process alone, and for the sum of both; the smallest Bayesian information criterion
    decides. Standard errors come from the curvature of the likelihood.

    Args:
        set_: Conductances after SET [S], (cells, cycles) in the order of the cycles; NaN where a
            cycle was not read.
        reset: Conductances after RESET [S], likewise; the cells and cycles may be others.
        clip: Field of the model, the quantile at which deviations end; default 0.9999.

    Returns:
        The fit, whose model is a `SetResetVariability` and whose estimates are its fields. Far-off
            values are counted for each state, and stay in the fit.

    Raises:
        ValueError: If a state has fewer than five cells or cycles, a conductance is not positive,
            all are the same, the states overlap, or the set state is so wide that its resistance
            is no normal variable.
    """
    number("clip", clip, above=0.5, below=1)
    lrs, hrs = _state("set_", set_, "lrs"), _state("reset", reset, "hrs")
    middle = hrs.fit.mean
    if np.exp(middle) <= lrs.fit.mean:
        raise ValueError(
            f"reset has a median resistance of {np.exp(middle):.4g} Ω, and set_ of "
            f"{lrs.fit.mean:.4g} Ω; the reset state is the one of high resistance: swap the two"
        )
    width = float(ndtri(clip)) * np.hypot(lrs.fit.c2c, lrs.fit.d2d)
    if width >= lrs.fit.mean:
        raise ValueError(
            f"set_ has resistances of {lrs.fit.mean:.4g} ± "
            f"{np.hypot(lrs.fit.c2c, lrs.fit.d2d):.4g} Ω, which a normal law makes negative at "
            f"clip = {clip}; give a smaller clip, or cells that are all set"
        )
    model = SetResetVariability(
        r_lrs_median=lrs.fit.mean,
        r_lrs_c2c=lrs.fit.c2c,
        r_lrs_d2d=lrs.fit.d2d,
        rho_lrs=lrs.fit.rho,
        share_lrs=lrs.fit.share,
        r_hrs_median=float(np.exp(middle)),
        sigma_ln_hrs_c2c=hrs.fit.c2c,
        sigma_ln_hrs_d2d=hrs.fit.d2d,
        rho_hrs=hrs.fit.rho,
        share_hrs=hrs.fit.share,
        clip=clip,
    )
    return Fit(
        model=model,
        estimates=_estimates(model, lrs.fit, hrs.fit),
        notes=tuple(note for state in (lrs, hrs) for note in _notes(state)),
        counts=lrs.counts | hrs.counts,
    )


def _state(name: str, g: ArrayLike, label: str) -> _State:
    """Return the fit of one state."""
    g = conductances(name, g, ndim=2)
    if np.nanmin(g) <= 0:
        raise ValueError(
            f"{name} holds {int((g <= 0).sum())} conductances at or below 0 S, which have no "
            "resistance; write NaN for cycles that were not read"
        )
    per_cell = np.isfinite(g).sum(axis=1)
    cells = int((per_cell >= 2).sum())
    if cells < _FEWEST_CELLS or per_cell.max() < _FEWEST_CYCLES:
        raise ValueError(
            f"{name} of shape {g.shape} holds {cells} cells with two cycles or more, the longest "
            f"of {per_cell.max()} cycles; give (cells, cycles) with at least {_FEWEST_CELLS} cells "
            f"and {_FEWEST_CYCLES} cycles, to tell devices from cycles"
        )
    if np.nanmin(g) == np.nanmax(g):
        raise ValueError(f"{name} is {np.nanmin(g):g} S everywhere; give measured conductances")
    values = 1 / g if label == "lrs" else -np.log(g)
    counts = {
        f"cells, {name.strip('_')}": len(g),
        f"values, {name.strip('_')}": g.size,
        f"missing, {name.strip('_')}": int(np.isnan(g).sum()),
        f"far off, {name.strip('_')}": int(are_far_off(values.ravel()).sum()),
    }
    return _State(name.strip("_"), values, fit_memory(values), counts)


def _estimates(model: SetResetVariability, lrs: MemoryFit, hrs: MemoryFit) -> dict[str, Estimate]:
    """Return the fields of the model with their standard errors."""
    found = {}
    rows = (
        ("r_lrs_median", "Ω", lrs.errors["mean"], True),
        ("r_lrs_c2c", "Ω", lrs.errors["c2c"], True),
        ("r_lrs_d2d", "Ω", lrs.errors["d2d"], True),
        ("rho_lrs", "", lrs.errors["rho"], False),
        ("share_lrs", "", lrs.errors["share"], False),
        ("r_hrs_median", "Ω", hrs.errors["mean"] * model.r_hrs_median, True),
        ("sigma_ln_hrs_c2c", "", hrs.errors["c2c"], True),
        ("sigma_ln_hrs_d2d", "", hrs.errors["d2d"], True),
        ("rho_hrs", "", hrs.errors["rho"], False),
        ("share_hrs", "", hrs.errors["share"], False),
    )
    for name, unit, error, positive in rows:
        value = getattr(model, name)
        found[name] = Estimate(value=value, error=error, unit=unit, positive=positive)
    return found


def _notes(state: _State) -> Iterator[str]:
    """Yield what the data of a state do not tell, or tell against the model."""
    cells, cycles = state.values.shape
    if cells < _MANY_CELLS:
        yield (
            f"{state.name}: {cells} cells tell the spread between devices to "
            f"{100 / np.sqrt(2 * (cells - 1)):.0f} % at best."
        )
    if state.fit.d2d == 0:
        yield f"{state.name}: no spread between devices is seen beyond that between cycles."
    if state.fit.memory == MODELS[0]:
        yield (
            f"{state.name}: no memory from cycle to cycle is seen, and rho and share are those of "
            "independent cycles."
        )
    elif state.fit.rho < 1 and -1 / np.log(state.fit.rho) > cycles / 4:
        yield (
            f"{state.name}: the memory lasts {-1 / np.log(state.fit.rho):.0f} cycles and the "
            f"series {cycles}; longer series tell it apart from the spread between devices."
        )
    centered = state.values - np.nanmean(state.values, axis=1, keepdims=True)
    z = centered[np.isfinite(centered)] / np.nanstd(centered)
    skewness, kurtosis = float(np.mean(z**3)), float(np.mean(z**4) - 3)
    if abs(skewness) > max(_SKEWED, 4 * np.sqrt(6 / len(z))):
        what = "R" if state.name == "set" else "ln R"
        yield (
            f"{state.name}: {what} has a skewness of {skewness:.2f} and an excess kurtosis of "
            f"{kurtosis:.2f}, and the model draws it from a normal law, with 0 and 0."
        )
