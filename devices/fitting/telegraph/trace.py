"""Fit of random telegraph noise to the trace of one cell, by a hidden Markov model.

The reads are g_t = μ_s(t) + σ Z: a hidden Markov chain s with white normal noise of one width
(Rabiner 1989, doi:10.1109/5.18626). EM and Newton's steps maximize the likelihood, and the standard
errors are those of the observed information. A missing read (NaN) emits nothing, and the chain goes
on through it exactly. A read is taken to be instantaneous. The first read is in each state with the
same probability.

The transition matrix over one period becomes rates of the continuous chain: a trap with the
probabilities a of a capture and b of an emission has λ = −ln(1 − a − b)/period,
τ_c = (a + b)/(λ a) and τ_e = (a + b)/(λ b), so that dwells shorter than a period are counted.

The number of levels has the least Bayesian information criterion −2 ln p + (parameters) ln n
(Schwarz 1978, doi:10.1214/aos/1176344136). Slow wander, such as drift and 1/f noise, looks like
levels to a chain with white noise. Therefore one level competes as normal noise with a smooth
spectrum of any shape, and more levels as the most probable path on such a background
(`devices.fitting.telegraph.background`). Where a background is found, levels are also sought in the
trace less its moving average (`devices.fitting.telegraph.wander`). Levels that are entered only
once are a step, and are not accepted either. White noise that is proportional to the conductance
looks like levels, too: two levels with such noise compete (`devices.fitting.telegraph.scale`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.fitting.fit import Estimate, Fit
from devices.fitting.screening import are_far_off, conductances
from devices.fitting.telegraph.chains import IndependentTraps
from devices.fitting.telegraph.dwells import DwellTest, dwell_reads, dwell_test, shortest_visible
from devices.fitting.telegraph.em import Polished, Reads, at, polished
from devices.fitting.telegraph.lone_reads import are_lone
from devices.fitting.telegraph.models import model_of
from devices.fitting.telegraph.notes import (
    notes_on_chain,
    notes_on_lone_reads,
    notes_on_order,
    notes_on_proportional_noise,
    notes_on_values,
)
from devices.fitting.telegraph.order import (
    ONE,
    Candidate,
    Choice,
    choose,
    forced,
)
from devices.fitting.telegraph.quantities import (
    falling,
    rate_matrix,
    times_of,
    trap_probabilities,
    values,
    with_errors,
)
from devices.fitting.telegraph.scale import Scale, scaled
from devices.read_noise.base import NoNoise
from devices.read_noise.product import factors_of
from devices.read_noise.telegraph import TelegraphNoise
from devices.validation import Floats, integer, number

#: A shorter trace holds no telegraph noise that could be told from its white noise.
FEWEST_READS = 50
_MOST_LEVELS = 4
#: 1 − a − b must exceed 0 by so many standard errors, or the times are not known.
_LEAST_MEMORY = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TelegraphFit(Fit):
    """Telegraph noise that was fitted to a trace.

    Attributes:
        kind: What was chosen, such as "2 levels" or "4 levels, two traps".
        levels: Levels [S], falling: level 0 is that of the empty traps.
        states: Level of every read, (reads,), of the most probable path (Viterbi 1967), also where
            a read is missing.
        rates: Rates between the levels [1/s], (levels, levels): the generator Q of the chain.
        sigma: Standard deviation of the white noise around the levels [S]; around the highest one
            if the noise is proportional to the conductance, which a note tells.
        dwells: Dwell times in each level [s], without the first and the last of the trace, which
            are cut off.
        dwell_tests: For each level, whether its dwell times are those of a Markov chain.
        bic: The Bayesian information criterion of what was tried, by kind; smaller is better, and
            10 are a clear difference.
        period: Time from one read to the next [s].
        wander: Slow background [S], (reads,), of mean 0, that was taken off before levels were
            fitted; zeros if there is none.
        residuals: Reads less background and levels of their states [S]; NaN where one is missing.
    """

    kind: str
    levels: Floats
    states: NDArray[np.int8]
    rates: Floats
    sigma: float
    dwells: tuple[Floats, ...]
    dwell_tests: tuple[DwellTest, ...]
    bic: Mapping[str, float] = field(default_factory=dict)
    period: float
    wander: Floats
    residuals: Floats

    @property
    def traps(self) -> tuple[TelegraphNoise, ...]:
        """Independent traps of the model; equal ones are one with a number, `traps`."""
        return tuple(f for f in factors_of(self.model) if isinstance(f, TelegraphNoise))

    @property
    def transitions(self) -> int:
        """Number of transitions of the most probable path."""
        return int(np.count_nonzero(np.diff(self.states)))


def fit_telegraph(trace: ArrayLike, period: float, *, levels: int | None = None) -> TelegraphFit:
    """Fit random telegraph noise to a trace, with one to four levels.

    How the chain is fitted and the number of levels chosen is told in this module's text.

    The model is `NoNoise` for one level; `TelegraphNoise` with amplitude ΔG/G of the higher level
    for two, where the trap is empty; `TelegraphNoise` with `traps=2` for three levels of two equal
    traps; `ProductNoise` of two `TelegraphNoise` for four levels of two independent traps, also if
    two of these levels coincide. Three or four levels whose switching is not that of independent
    traps have no model of their own: it is then the nearest two traps, and a note says so.

    A read that stands alone far away from all others is no level. It is counted as far off, named
    in a note, and emits nothing, as a missing one; its residual stays.

    Args:
        trace: Conductances of consecutive reads [S], (reads,); NaN where one is missing.
        period: Time from one read to the next [s].
        levels: Number of levels, 1 to 4; default None, which chooses it.

    Returns:
        A `TelegraphFit` with the estimates g (the highest level), amplitude, tau_capture,
        tau_emission and sigma. Two different traps have amplitude_1, amplitude_2 and so on, the
        larger first; levels that are no independent traps have level_0, … and mean dwell_0, ….

    Raises:
        ValueError: If the trace is no row of conductances, is constant or has fewer than 50 known
            reads; if the period is not positive; if the wanted levels cannot be told: they are
            never entered, or switch faster than the reads.
    """
    g = _checked_trace(trace)
    period = number("period", period, above=0, unit="s")
    if levels is not None and integer("levels", levels, at_least=1) > _MOST_LEVELS:
        raise ValueError(f"levels = {levels} is not allowed; give 1, 2, 3 or 4, or None")
    alone = are_lone(g)
    fitted = np.where(alone, np.nan, g)
    unit = float(np.nanstd(fitted))
    reads = Reads(fitted / unit)
    if levels is None:
        choice, scale = scaled(choose(reads), fitted, unit)
    else:
        choice, scale = forced(reads, levels), Scale(unit)
    notes = (
        *notes_on_values(g),
        *notes_on_lone_reads(g[alone], float(np.nanmedian(g))),
        *notes_on_order(choice, levels),
    )
    if choice.best is None:
        if levels not in (None, 1):
            raise ValueError(f"levels = {levels}: the trace does not hold that many; give fewer")
        return _one_level(g, fitted, period, choice, notes)
    best, cannot = _settled(choice.best, period)
    if cannot and levels is not None:
        raise ValueError(f"levels = {levels}: {cannot}")
    if cannot:
        notes = (*notes, f"{choice.best.name} were found, but {cannot}.")
        return _one_level(g, fitted, period, choice, notes)
    return _result(g, scale, period, best, choice, notes)


def _checked_trace(trace: ArrayLike) -> Floats:
    """Return a trace [S] that varies and is long enough."""
    g = conductances("trace", trace, ndim=1)
    known = g[np.isfinite(g)]
    if len(known) < FEWEST_READS:
        raise ValueError(
            f"trace has {len(known)} known reads, too few for telegraph noise; give at least "
            f"{FEWEST_READS}"
        )
    if not known.std() > 1e-12 * np.abs(known).max():
        raise ValueError(
            f"trace is constant at {known[0]:g} S, so that it holds no noise to fit; was it read "
            "with too coarse a converter?"
        )
    return g


def _settled(best: Candidate, period: float) -> tuple[Polished, str]:
    """Return the maximum with its covariance, and why it is no telegraph noise, or ""."""
    structure, reads = best.maximum.structure, best.reads
    start = at(reads, structure, falling(structure, best.maximum.theta))
    found = polished(reads, start)
    if not best.entries:
        return found, "one of the levels is never entered; give fewer levels, or a longer trace"
    if structure.unpack(found.maximum.theta)[0][0] <= 0:
        return found, "the highest level is not positive; subtract no offset from the trace"

    def memories(theta: Floats) -> dict[str, float]:
        traps = trap_probabilities(structure, theta)
        return {str(k): times_of(a, b, period).memory for k, (a, b) in enumerate(traps)}

    for one in with_errors(found, memories).values():
        if one.value <= 0 or one.value < _LEAST_MEMORY * one.error:
            return found, (
                "the reads follow each other as if their levels were drawn anew: the trap switches "
                f"faster than the period of {period:g} s; read faster"
            )
    return found, ""


def _one_level(
    g: Floats, fitted: Floats, period: float, choice: Choice, notes: tuple[str, ...]
) -> TelegraphFit:
    """Return the fit of a trace [S] without telegraph noise, from the reads that are fitted [S]."""
    n = int(np.isfinite(fitted).sum())
    mean, sigma = float(np.nanmean(fitted)), float(np.nanstd(fitted, ddof=1))
    return TelegraphFit(
        model=NoNoise(),
        estimates={
            "g": Estimate(value=mean, error=sigma / n**0.5, unit="S"),
            "sigma": Estimate(value=sigma, error=sigma / (2 * n) ** 0.5, unit="S", positive=True),
        },
        notes=notes,
        counts=_counts(g, g - mean),
        kind=ONE,
        levels=np.array([mean]),
        states=np.zeros(len(g), dtype=np.int8),
        rates=np.zeros((1, 1)),
        sigma=sigma,
        dwells=(np.empty(0),),
        dwell_tests=(DwellTest(dwells=0, shortest=1),),
        bic=choice.bic,
        period=period,
        wander=np.zeros(len(g)),
        residuals=g - mean,
    )


def _counts(g: Floats, residuals: Floats) -> dict[str, int]:
    return {
        "cells": 1,
        "values": g.size,
        "missing": int(np.isnan(g).sum()),
        "far off": int(are_far_off(residuals).sum()),
    }


def _result(
    g: Floats, scale: Scale, period: float, best: Polished, choice: Choice, notes: tuple[str, ...]
) -> TelegraphFit:
    """Return the fit of a trace with two to four levels."""
    assert choice.best is not None
    reads, structure, theta = choice.best.reads, best.maximum.structure, best.maximum.theta
    levels, sigma, p = structure.unpack(theta)
    states = reads.path(structure, theta)[0].astype(np.int8)
    if isinstance(structure, IndependentTraps) and structure.twins:
        states = np.array([0, 1, 1, 2], dtype=np.int8)[states]
        p = np.column_stack([p[:, 0], p[:, 1] + p[:, 2], p[:, 3]])[[0, 1, 3]]
        levels = levels[[0, 1, 3]]
    estimates = with_errors(best, lambda moved: values(structure, moved, scale, period))
    reads_in = dwell_reads(states, len(levels))
    tests = []
    for k, dwells in enumerate(reads_in):
        others = np.abs(np.delete(levels, k) - levels[k])
        near = int(np.delete(np.arange(len(levels)), k)[np.argmin(others)])
        shortest = shortest_visible(others.min(), sigma, p[[k, near], [near, k]])
        tests.append(dwell_test(dwells, shortest))
    model, misfit = model_of(choice, structure, estimates, scale, period)
    wander = np.broadcast_to(reads.wander * scale.unit, g.shape)
    siemens = scale.siemens(levels)
    residuals = g - wander - siemens[states]
    fit = TelegraphFit(
        model=model,
        estimates=estimates,
        counts=_counts(g, residuals),
        kind=choice.best.name,
        levels=siemens,
        states=states,
        rates=rate_matrix(p, period),
        sigma=scale.sigma(sigma, float(siemens[0])),
        dwells=tuple(np.asarray(d * period, dtype=np.float64) for d in reads_in),
        dwell_tests=tuple(tests),
        bic=choice.bic,
        period=period,
        wander=wander,
        residuals=residuals,
    )
    proportional = notes_on_proportional_noise(fit) if scale.middle is not None else ()
    return replace(fit, notes=(*notes, *misfit, *proportional, *notes_on_chain(fit)))
