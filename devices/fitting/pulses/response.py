"""Fit of pulse responses to measured up and down curves.

`LinearPulses`, `SoftBoundsPulses`, `NonlinearPulses`, `ExpStepPulses` and `PiecewisePulses` are
fitted to the curves averaged over devices and repetitions, in the least squares of the noise-free
curve whose start is fitted too. The error on what was left out decides: the response with the
fewest parameters is taken whose mean square error is within a standard error of the smallest. With
as many devices or repetitions as folds, some of these are left out, because the noise of one curve,
which adds up, looks like a shape of its own. Otherwise, blocks of pulses are left out, because
neighbors are alike: each curve is cut into 2 folds blocks of one length, and fold k leaves out the
blocks k and k + folds.

Residuals of a curve have two parts, told apart by their increments over m pulses: the cycle-to-
cycle noise of the steps adds up, and read noise does not (`c2c` and `write_noise`). With several
devices, the steps of each are fitted by a factor up and one down, whose spread gives `d2d_step` and
`d2d_up_down` (for `NonlinearPulses` the labels, whose spread is `d2d_nl`), less what the noise
alone makes of the fit. Spreads of the bounds are not fitted. The curve that is fitted has no noise:
noise that is clipped at hard bounds, or devices that differ much, bend an averaged curve, and the
response takes the bend for its own. Standard errors are root mean square errors of fits to curves
that are simulated with the fitted response, half of them with cycle-to-cycle noise that may hide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from devices.arguments import listed
from devices.fitting.fit import Estimate, Fit
from devices.fitting.pulses.curves import Curves, FittedShape, fit_shape
from devices.fitting.pulses.folds import left_out_squares, simplest
from devices.fitting.pulses.noise import PulseNoise, noise_of, simulated
from devices.fitting.pulses.notes import notes
from devices.fitting.pulses.shapes import (
    ExpStep,
    Linear,
    Nonlinear,
    Piecewise,
    Range,
    Shape,
    SoftBounds,
)
from devices.fitting.screening import are_far_off, conductances
from devices.pulses.base import PulseResponse
from devices.pulses.nonlinear import NonlinearPulses
from devices.pulses.piecewise import PiecewisePulses
from devices.pulses.step_laws import ExpStepPulses, LinearPulses, SoftBoundsPulses
from devices.seeding import RNG, generator
from devices.special import ndtr
from devices.validation import Floats, choice, integer, number, shortened

#: Responses that can be fitted, from the fewest to the most parameters.
RESPONSES = (NonlinearPulses, SoftBoundsPulses, LinearPulses, ExpStepPulses, PiecewisePulses)
_FEWEST_READS = 16
# A running mean over this share of a curve takes the noise from its largest and smallest value.
_SMOOTHED = 40


@dataclass(frozen=True, kw_only=True)
class PulsesFit(Fit):
    """The pulse response that describes measured curves best.

    Attributes:
        scores: Root mean square error [S] of each response on pulses that it was not fitted to.
        up: Noise-free curve after 0, 1, 2, … potentiating pulses [S].
        down: Likewise for depressing pulses.
        residuals: What is left of every curve [S]: those up and down of each device in turn.
        model, estimates, notes, counts: As in `Fit`.
    """

    scores: Mapping[str, float]
    up: Floats = field(repr=False)
    down: Floats = field(repr=False)
    residuals: tuple[Floats, ...] = field(repr=False)


def fit_pulses(
    up: ArrayLike,
    down: ArrayLike,
    *,
    g_min: float | None = None,
    g_max: float | None = None,
    responses: Sequence[type[PulseResponse]] = RESPONSES,
    nodes: int = 5,
    folds: int = 5,
    resamples: int = 20,
    rng: RNG = 0,
) -> PulsesFit:
    """Return the pulse response that describes up and down curves best; see the module.

    Args:
        up: Conductances [S] after 0, 1, 2, … potentiating pulses: (pulses + 1,), (devices,
            pulses + 1) or (devices, repetitions, pulses + 1); NaN where a read is missing.
        down: Likewise for depressing pulses, of the same devices and repetitions.
        g_min: Smallest conductance [S]; None (default) for the smallest of the averaged curves,
            after a running mean over 1/40 of their length. If both ends are given, soft bounds lie
            there; otherwise they are fitted.
        g_max: Largest conductance [S]; likewise.
        responses: Classes that are tried, some of the five above; default all.
        nodes: Number of steps of `PiecewisePulses` in each direction; default 5.
        folds: Number of folds; default 5.
        resamples: How many simulations give the standard errors; 0 for none; default 20.
        rng: A seed, a Generator, a SeedSequence or None, for the simulations; default 0.

    Returns:
        The fit. Its estimates are the fields of the response, such as "step", "up[0]", "c2c".
            Far-off residuals are counted, and stay in the fit.

    Raises:
        ValueError: If shapes do not match, there are fewer than 16 reads up or down, the curves do
            not move or move the wrong way, or g_min ≥ g_max.
    """
    integer("nodes", nodes, at_least=2)
    integer("folds", folds, at_least=2)
    integer("resamples", resamples, at_least=0)
    random = generator(rng)
    curves, counts = _curves(up, down, g_min, g_max)
    shapes = _shapes(responses, nodes)
    scale = (curves.range_.high - curves.range_.low) / 2
    squares = [left_out_squares(shape, curves, folds) for shape in shapes]
    scores = {
        shape.name: scale * float(np.sqrt(square.mean()))
        for shape, square in zip(shapes, squares, strict=True)
    }
    return _described(shapes[simplest(squares)], curves, resamples, random, scores, counts)


def _described(
    shape: Shape,
    curves: Curves,
    resamples: int,
    random: np.random.Generator,
    scores: Mapping[str, float],
    counts: Mapping[str, int],
) -> PulsesFit:
    """Return the fit of the shape that was chosen, with its noise and standard errors."""
    fitted, noise = _fitted(shape, curves)
    # What noise alone makes of the spread between devices is subtracted.
    noise = _without_noise(fitted, noise, curves, max(resamples // 2, 5), random)
    model = _model(fitted, noise, curves.range_)
    fixed = ("g_min", "g_max") if curves.range_.is_given else ()
    names = tuple(name for name in shape.fitted_fields if name not in fixed)
    names += tuple(noise.fields(fitted, curves.range_))
    numbers = _numbers(model, names)
    errors = np.full(len(numbers), np.nan)
    if resamples > 1:
        refits = _Refits(shape, fitted, noise, curves, names)
        errors = _errors(model, refits, resamples, random)
    half = (curves.range_.high - curves.range_.low) / 2
    up, down = (
        curves.range_.low + half * (curve + 1)
        for curve in fitted.curves((curves.up.shape[-1], curves.down.shape[-1]))
    )
    return PulsesFit(
        model=model,
        estimates=_estimates(numbers, errors),
        notes=tuple(notes(model, scores, len(curves.up), noise)),
        counts={**counts, "far off": sum(int(are_far_off(r).sum()) for r in noise.residuals)},
        scores=scores,
        up=up,
        down=down,
        residuals=tuple(half * row for row in noise.residuals),
    )


class _Refits(NamedTuple):
    """Fits to curves that are simulated with a response near the fitted one.

    Attributes:
        shape: The shape that was chosen.
        fitted: Its fit to the measured curves.
        noise: Their noise.
        curves: The measured curves.
        names: Fields whose numbers are fitted.
    """

    shape: Shape
    fitted: FittedShape
    noise: PulseNoise
    curves: Curves
    names: tuple[str, ...]

    def deviations(
        self, model: PulseResponse, times: int, random: np.random.Generator
    ) -> dict[str, Floats]:
        """Return by how much the numbers that simulations give differ from those of a response."""
        true = _numbers(model, self.names)
        rows = self.numbers(model, times, random)
        return dict(zip(true, (rows - list(true.values())).T, strict=True))

    def numbers(self, model: PulseResponse, times: int, random: np.random.Generator) -> Floats:
        """Return the numbers that are found in simulations of a response, one row for each."""
        rows = []
        by_noise, range_ = self.noise.spreads_by_noise, self.curves.range_
        for again in simulated(model, self.fitted, self.curves, self.noise.read, times, random):
            refitted, other = _fitted(self.shape, again, self.fitted)
            other = other._replace(spreads=_less(other.spreads, by_noise))
            rows.append(list(_numbers(_model(refitted, other, range_), self.names).values()))
        return np.array(rows)


def _errors(
    model: PulseResponse, refits: _Refits, resamples: int, random: np.random.Generator
) -> Floats:
    """Return the root mean square errors of the numbers of a response.

    They hold the bias: the larger of two steps that scatter is too large on average. Read noise
    often hides the noise that stays, which is then fitted as 0, and all other numbers would scatter
    too little. Therefore every other simulation has the mean of this noise, given that it is not
    negative: with v its variance and s the standard error of v, v + s φ(v/s)/Φ(v/s).
    """
    half = resamples // 2
    own = refits.deviations(model, half, random)
    variance = model.c2c**2
    scatter = float(np.sqrt(np.mean(((own["c2c"] + model.c2c) ** 2 - variance) ** 2)))
    z = variance / scatter if scatter else np.inf
    hidden = scatter * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / ndtr(z)
    likely = replace(model, c2c=float(np.sqrt(variance + hidden)))
    other = refits.deviations(likely, resamples - half, random)
    rows = np.array([np.concatenate([own[name], other[name]]) for name in own])
    return np.asarray(np.sqrt((rows**2).sum(axis=1) / (resamples - 1)))


def _shapes(responses: Sequence[type[PulseResponse]], nodes: int) -> list[Shape]:
    """Return the shapes of responses, from the fewest to the most parameters."""
    known: list[Shape] = [Nonlinear(), SoftBounds(), Linear(), ExpStep(), Piecewise(nodes)]
    given = listed("responses", responses, "classes, such as [devices.LinearPulses]")
    names = [getattr(response, "__name__", shortened(response)) for response in given]
    for name in names:
        choice("response", name, [shape.name for shape in known])
    if not names:
        raise ValueError("responses is empty; give classes such as devices.LinearPulses")
    return [shape for shape in known if shape.name in names]


def _curves(
    up: ArrayLike, down: ArrayLike, g_min: float | None, g_max: float | None
) -> tuple[Curves, dict[str, int]]:
    """Return the curves as states, and the first counts."""
    rows = {}
    for name, given in (("up", up), ("down", down)):
        g = conductances(name, given)
        if not 1 <= g.ndim <= 3:
            raise ValueError(
                f"{name} has shape {g.shape}; give (pulses + 1,), (devices, pulses + 1) or "
                "(devices, repetitions, pulses + 1)"
            )
        rows[name] = g.reshape((1, 1, -1) if g.ndim == 1 else (len(g), -1, g.shape[-1]))
    if rows["up"].shape[:2] != rows["down"].shape[:2]:
        raise ValueError(
            f"up has shape {np.shape(up)} and down {np.shape(down)}; give the same devices and "
            "repetitions for both"
        )
    empty = ~np.all([np.isfinite(g).any(axis=(1, 2)) for g in rows.values()], axis=0)
    if empty.all():
        raise ValueError("no device has reads both up and down; give both curves of a device")
    rows = {name: g[~empty] for name, g in rows.items()}
    counts = {
        "devices without a curve": int(empty.sum()),
        "devices": rows["up"].shape[0],
        "curves": rows["up"].shape[0] * rows["up"].shape[1] * 2,
        "values": sum(g.size for g in rows.values()),
        "missing": sum(int(np.isnan(g).sum()) for g in rows.values()),
    }
    unit = Curves(rows["up"], rows["down"], Range(-1.0, 1.0, False))
    means = dict(zip(("up", "down"), unit.means(), strict=True))
    for name, wrong in (("up", -1), ("down", 1)):
        _check_moves(name, means[name], wrong)
    smooth = np.concatenate([_smoothed(curve) for curve in means.values()])
    low = float(smooth.min()) if g_min is None else number("g_min", g_min, at_least=0, unit="S")
    high = float(smooth.max()) if g_max is None else number("g_max", g_max, above=0, unit="S")
    if low >= high:
        raise ValueError(f"g_min = {low:g} S must be below g_max = {high:g} S")
    range_ = Range(max(low, 0.0), high, g_min is not None and g_max is not None)
    return Curves(range_.weight(rows["up"]), range_.weight(rows["down"]), range_), counts


def _check_moves(name: str, curve: Floats, wrong: int) -> None:
    """Raise ValueError unless a curve has enough reads, and moves the right way."""
    known = curve[np.isfinite(curve)]
    if len(known) < _FEWEST_READS:
        raise ValueError(
            f"{name} holds {len(known)} reads; give at least {_FEWEST_READS}, after 0, 1, 2, … "
            "pulses"
        )
    part = max(len(known) // 10, 1)
    first, last = float(known[:part].mean()), float(known[-part:].mean())
    if wrong * (last - first) >= 0:
        right = "rise" if wrong < 0 else "fall"
        raise ValueError(
            f"{name} goes from {first:.4g} to {last:.4g} S, and should {right}; give the curves of "
            "potentiating pulses as up and of depressing pulses as down"
        )


def _smoothed(curve: Floats) -> Floats:
    """Return the running mean of what is known, over 1/40 of the curve."""
    known = curve[np.isfinite(curve)]
    window = max(len(known) // _SMOOTHED, 1)
    return np.convolve(known, np.full(window, 1 / window), mode="valid")


def _fitted(
    shape: Shape, curves: Curves, near: FittedShape | None = None
) -> tuple[FittedShape, PulseNoise]:
    """Return the fit of a shape to the mean curves, and the noise around it."""
    fitted = fit_shape(shape, *curves.means(), curves.range_, near)
    return fitted, noise_of(fitted, curves)


def _model(fitted: FittedShape, noise: PulseNoise, range_: Range) -> PulseResponse:
    """Return the response with its noise."""
    return fitted.shape.build(fitted.theta, range_, **noise.fields(fitted, range_))


def _less(spreads: Mapping[str, float], by_noise: Mapping[str, float]) -> dict[str, float]:
    """Return spreads minus those by noise, in squares; 0 where noise explains them."""
    return {k: max(v**2 - by_noise.get(k, 0.0) ** 2, 0.0) ** 0.5 for k, v in spreads.items()}


def _without_noise(
    fitted: FittedShape, noise: PulseNoise, curves: Curves, times: int, random: np.random.Generator
) -> PulseNoise:
    """Return the noise whose spreads between devices are less by what noise alone makes of them."""
    if not noise.spreads:
        return noise
    alike = _model(fitted, noise._replace(spreads={}), curves.range_)
    again = simulated(alike, fitted, curves, noise.read, times, random)
    found = [_fitted(fitted.shape, other, fitted)[1].spreads for other in again]
    by_noise = {k: float(np.mean([s[k] ** 2 for s in found])) ** 0.5 for k in noise.spreads}
    return noise._replace(spreads=_less(noise.spreads, by_noise), spreads_by_noise=by_noise)


def _numbers(model: PulseResponse, names: tuple[str, ...]) -> dict[str, float]:
    """Return numbers of a response by field; those of a tuple by place."""
    found: dict[str, float] = {}
    for name in names:
        value = getattr(model, name)
        if isinstance(value, tuple):
            found |= {f"{name}[{k}]": float(v) for k, v in enumerate(value)}
        else:
            found[name] = float(value)
    return found


def _estimates(numbers: Mapping[str, float], errors: Floats) -> dict[str, Estimate]:
    """Return the numbers of the response with their standard errors."""
    # Not c2c and write_noise, which may be 0: curves without such noise are no wonder.
    positive = ("step", "pulses", "g_max")
    return {
        name: Estimate(
            value=value,
            error=float(error),
            unit="S" if name in ("g_min", "g_max") else "",
            positive=name in positive,
        )
        for (name, value), error in zip(numbers.items(), errors, strict=True)
    }
