"""Sentences on what traces do not tell of their read noise."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from devices.fitting.read_noise.traces import ReadNoiseFit
    from devices.fitting.telegraph.trace import TelegraphFit

#: Variances of windows of 1/f noise differ by less than this factor, beyond what their number of
#: reads lets them scatter.
_BURSTS = 4.0
_KURTOSIS = 1.0
_EXPONENT = 0.2
_FEW_CELLS = 10
#: White noise that grows faster than this power of the conductance is not the instrument's alone.
_GROWTH = 0.5
_LEAST_SPAN = 1.5
#: Cells whose traps are told one by one.
_MOST_TOLD = 8


def _range(values: np.ndarray, style: str = ".3g") -> str:
    low, high = format(values.min(), style), format(values.max(), style)
    return low if low == high else f"{low} to {high}"


def notes_on(fit: "ReadNoiseFit", *, instrument: float | None, telegraph: bool) -> tuple[str, ...]:
    """Return notes on the parts of the noise, and on what they leave.

    Args:
        fit: The fit.
        instrument: Standard deviation of the instrument [S], or None.
        telegraph: Whether telegraph noise was sought.
    """
    notes = [_on_white(fit, instrument), *_on_flicker(fit), *_on_bursts(fit)]
    if telegraph:
        notes += _on_telegraph(fit)
    else:
        notes.append("Telegraph noise was not sought; its steps are in the 1/f part.")
    n = len(fit.cells)
    if np.isnan(fit.estimates["gamma"].value):
        noisy = sum(bool(c.flicker) for c in fit.cells)
        notes.append(
            "γ of 1/f noise is not told: it needs three cells with 1/f noise, whose conductances "
            f"span a factor of 1.5; {noisy} of {n} have such noise."
        )
    if n < _FEW_CELLS:
        notes.append(
            "One cell does not tell the spread between cells."
            if n == 1
            else f"{n} cells are too few to tell the spread between cells."
        )
    if fit.counts["missing"]:
        notes.append(
            f"{fit.counts['missing']} missing reads were interpolated linearly for the spectra."
        )
    return tuple(notes)


def _on_white(fit: "ReadNoiseFit", instrument: float | None) -> str:
    white = np.array([c.white for c in fit.cells])
    text = f"The white noise is {_range(white)} S in one read. "
    if instrument is None:
        text += (
            "It is taken for that of the instrument, and is not in the model; tell the noise of "
            "the instrument alone if the cells have some of it."
        )
        growth = _growth(np.array([c.conductance for c in fit.cells]), white)
        if growth > _GROWTH:
            text += (
                f" It grows as G^{growth:.2g}, as noise of the cells does: the instrument alone "
                "would give all cells the same."
            )
        return text
    more = int((white < instrument).sum())
    if more:
        text += f"{more} cells have less than the instrument's {instrument:.3g} S. "
    return text + f"What exceeds {instrument:.3g} S of the instrument is in the model."


def _growth(g: np.ndarray, white: np.ndarray) -> float:
    """Return the exponent of white noise over conductance; 0 if the cells do not tell it."""
    known = white > 0
    if known.sum() < 3 or g[known].max() < _LEAST_SPAN * g[known].min():
        return 0.0
    return float(np.polyfit(np.log(g[known]), np.log(white[known]), 1)[0])


def _on_flicker(fit: "ReadNoiseFit") -> list[str]:
    notes = []
    steep = [
        c.spectrum.exponent
        for c in fit.cells
        if c.flicker and abs(c.spectrum.exponent - 1) > _EXPONENT
    ]
    if steep:
        notes.append(
            f"The power law of {len(steep)} of {len(fit.cells)} cells is not 1/f: its exponent is "
            f"{_range(np.array(steep), '.2f')}. The model has 1/f noise of the same variance "
            "between 1/duration and the Nyquist frequency."
        )
    if not any(c.flicker for c in fit.cells):
        notes.append("No 1/f noise stands out of the white noise.")
    return notes


def _on_bursts(fit: "ReadNoiseFit") -> list[str]:
    notes = []
    factors = fit.burst_factors[np.isfinite(fit.burst_factors)]
    if not factors.size:
        notes.append(
            f"A trace holds fewer than two windows of {fit.window:g} s with 8 reads: bursts are "
            "not told."
        )
    elif factors.max() > _BURSTS * np.exp(7 * np.sqrt(2 / fit.reads_per_window)):
        notes.append(
            f"The noise comes in bursts: the variance of windows of {fit.window:g} s spans a "
            f"factor of {_range(factors)}. The model is stationary but for its traps."
        )
    kurtosis = np.array([c.excess_kurtosis for c in fit.cells])
    odd = np.abs(kurtosis) > _KURTOSIS
    if odd.any():
        notes.append(
            f"{int(odd.sum())} of {len(fit.cells)} traces are not normal: their excess kurtosis is "
            f"{_range(kurtosis[odd], '.2g')}."
        )
    return notes


def _on_telegraph(fit: "ReadNoiseFit") -> list[str]:
    traps = fit.counts["traps"]
    if not traps:
        return [
            "No independent traps were found that last through a trace; `active_segments` looks "
            "for traps that come and go."
        ]
    with_traps = sum(c.telegraph is not None for c in fit.cells)
    notes = [f"{traps} traps were found in {with_traps} of {len(fit.cells)} cells."]
    if len(fit.cells) > 1 and traps < _FEW_CELLS:
        notes.append(
            f"{traps} traps are too few for the laws of their times and amplitudes, which the "
            "model takes to be lognormal."
        )
    named = [
        (name, cell.telegraph)
        for name, cell in zip(fit.names, fit.cells, strict=True)
        if cell.telegraph is not None
    ]
    if len(fit.cells) > 1:
        notes += [f"Cell {name}: {_traps_in_words(one)}." for name, one in named[:_MOST_TOLD]]
        if len(named) > _MOST_TOLD:
            notes.append(f"The traps of {len(named) - _MOST_TOLD} more cells are in `fit.cells`.")
    for name, one in named:
        notes += [f"Cell {name}: {note}" for note in one.notes]
    return notes


def _traps_in_words(fit: "TelegraphFit") -> str:
    """Return amplitude and times of the traps of a cell."""
    return "; ".join(
        f"{'two equal traps' if one.traps == 2 else 'a trap'} with ΔG/G = "
        f"{100 * one.amplitude:.3g} %, captured after {one.tau_capture:.3g} s, emitting after "
        f"{one.tau_emission:.3g} s"
        for one in fit.traps
    )
