"""The figures of a fit, as cards of a page: measurement against model, residuals, what is open."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices import Fit, LevelsFit, ProgrammingFit, PulsesFit, ReadNoiseFit, TelegraphFit
from nsm.plots.fits import cells, noise, pulses
from nsm.plots.png import light_and_dark
from nsm.report.page import Card, Picture

#: Arrays of a measurement by the names of the arguments of its fit.
Measured = Mapping[str, Any]


class Drawing(NamedTuple):
    """A figure that can be drawn.

    Attributes:
        title: What it shows.
        draw: Draws it.
        text: How to read it.
    """

    title: str
    draw: Callable[[], Axes | Figure]
    text: str


def _of_read_noise(fit: ReadNoiseFit, measured: Measured) -> Iterator[Drawing]:
    shown = noise.shown_cells(fit)
    labels = [f"{fit.cells[k].conductance * noise.MICRO:.3g} µS" for k in shown]
    yield Drawing(
        "Spectrum and model",
        lambda: noise.plot_noise_spectra(fit),
        "1/f noise falls with a slope of −1 in this figure, a trap bends it at its own frequency, "
        "and white noise is level.",
    )
    yield Drawing(
        "Quantiles of the reads",
        lambda: noise.plot_quantiles(fit.quantiles[shown], fit.normal_quantiles, labels),
        "Reads of normal noise lie on the line. Telegraph noise and bursts leave it at the ends.",
    )
    yield Drawing(
        "Residuals of the spectrum",
        lambda: noise.plot_spectrum_residuals(fit),
        "Measured density over that of the fit, which scatters around 1.",
    )
    for k, cell in enumerate(fit.cells):
        if cell.telegraph is not None:
            g = f"{cell.conductance * noise.MICRO:.3g} µS"
            for drawing in _of_telegraph(cell.telegraph, measured):
                yield drawing._replace(title=f"Cell {k}, {g}: {drawing.title.lower()}")


def _of_telegraph(fit: TelegraphFit, measured: Measured) -> Iterator[Drawing]:
    yield Drawing(
        "Decoded trace",
        lambda: noise.plot_decoded_trace(fit),
        "The part of the trace with the most transitions, and the most probable level of each "
        "read (Viterbi).",
    )
    if len(fit.levels) > 1:
        yield Drawing(
            "Dwell times",
            lambda: noise.plot_dwell_times(fit),
            "A trap without memory stays in a level for exponential times, a straight line here.",
        )
    yield Drawing("Residuals", _quantiles_of(fit.residuals), "Reads less their levels.")


def _quantiles_of(residuals: Any) -> Callable[[], Axes]:
    """Return a function that draws residuals against a normal law."""
    return lambda: noise.plot_quantiles(*noise.residual_quantiles(np.ravel(residuals)))


def _of_programming(fit: ProgrammingFit, measured: Measured) -> Iterator[Drawing]:
    yield Drawing(
        "Errors over targets", lambda: cells.plot_programming_fit(fit),
        "Each point is a cell. Line and band are the table of the device file.",
    )  # fmt: skip
    yield Drawing(
        "Residuals", _quantiles_of(fit.residuals),
        "Errors in units of the fitted law, which is normal.",
    )  # fmt: skip


def _of_levels(fit: LevelsFit, measured: Measured) -> Iterator[Drawing]:
    yield Drawing(
        "Levels", lambda: cells.plot_levels_fit(fit), "Bars hold the spread of cells, not the "
        "error of the mean.",
    )  # fmt: skip
    yield Drawing(
        "How many levels can be told apart",
        lambda: cells.plot_distinguishable_levels(fit),
        "By the probability that a cell is read as its neighbor, by normal laws.",
    )


def _of_pulses(fit: PulsesFit, measured: Measured) -> Iterator[Drawing]:
    yield Drawing("Curves", lambda: pulses.plot_pulse_fit(fit), "Points: each pulse; lines: fit.")
    yield Drawing(
        "Which response describes pulses it has not seen",
        lambda: pulses.plot_response_scores(fit),
        "Root mean square error in cross-validation; the smallest is taken.",
    )
    everything = np.concatenate([np.ravel(r) for r in fit.residuals])
    yield Drawing("Residuals", _quantiles_of(everything), "Measured less fitted curves.")


def _of_model(fit: Fit, measured: Measured) -> Iterator[Drawing]:
    """Yield the figures of fits that are told by what was measured."""
    if {"start", "later", "times"} <= set(measured):
        yield Drawing(
            "Change over time",
            lambda: cells.plot_relaxation_fit(
                fit, measured["start"], measured["later"], measured["times"]
            ),
            "Mean and standard deviation of all cells.",
        )
    if "bakes" in measured:
        yield Drawing(
            "Activation energy of each bake",
            lambda: cells.plot_bakes_fit(fit),
            "Bars: 95 % intervals; the line and its band are the energy of the device. Bakes that "
            "do not scatter around one energy follow no single Arrhenius law.",
        )
    if {"g", "temperatures"} <= set(measured):
        yield Drawing(
            "Conductance over temperature",
            lambda: cells.plot_temperature_fit(fit, measured["g"], measured["temperatures"]),
            "Up to five cells over the range of conductances.",
        )
    if {"set_", "reset"} <= set(measured):
        for name, key in (("SET", "set_"), ("RESET", "reset")):
            yield Drawing(
                f"ln G after {name}",
                _quantiles_of(np.log(np.asarray(measured[key], dtype=np.float64))),
                "Cycles of all cells; the fitted law is lognormal.",
            )


_DRAWINGS: tuple[tuple[type[Fit], Callable[[Any, Measured], Iterator[Drawing]]], ...] = (
    (ReadNoiseFit, _of_read_noise),
    (TelegraphFit, _of_telegraph),
    (ProgrammingFit, _of_programming),
    (LevelsFit, _of_levels),
    (PulsesFit, _of_pulses),
    (Fit, _of_model),
)


def cards_of(fit: Fit, measured: Measured) -> list[Card]:
    """Return the figures of a fit as cards.

    Args:
        fit: The fit.
        measured: The arrays that were fitted, by the names of the arguments of the fit.
    """
    of_kind = next(draw for kind, draw in _DRAWINGS if isinstance(fit, kind))
    cards = []
    for drawing in of_kind(fit, measured):
        light, dark = light_and_dark(drawing.draw)
        picture = Picture(light=light, dark=dark, alt=f"{drawing.title}. {drawing.text}")
        cards.append(Card(title=drawing.title, texts=[drawing.text], pictures=[picture]))
    return cards
