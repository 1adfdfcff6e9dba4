"""From the noise of measured cells to one model of read noise."""

from collections.abc import Sequence

import numpy as np

from devices.fitting.fit import Estimate
from devices.fitting.read_noise.cells import CellNoise
from devices.read_noise.base import NoNoise, ReadNoise
from devices.read_noise.flicker import FlickerNoise
from devices.read_noise.memoryless import GaussianNoise
from devices.read_noise.telegraph import TelegraphNoise
from devices.read_noise.time_laws import FixedTime, LognormalTime, TimeLaw
from devices.read_noise.trap_ensemble import TrapEnsemble
from devices.validation import Floats

#: Conductances closer than this, as a ratio, are one.
_ONE_CONDUCTANCE = 1.1
_MOST_KNOTS = 12


def over_conductance(g: Floats, value: Floats) -> list[tuple[float, float]]:
    """Return (conductance, root mean square) of up to 12 groups of cells, by conductance.

    Cells of nearly one conductance are one group, and groups hold about as many cells each.
    """
    order = np.argsort(g)
    g, value = g[order], value[order]
    ends = [0]
    for k in range(1, len(g)):
        if g[k] > _ONE_CONDUCTANCE * g[ends[-1]]:
            ends.append(k)
    if len(ends) > _MOST_KNOTS:
        ends = [ends[round(k)] for k in np.linspace(0, len(ends), _MOST_KNOTS, endpoint=False)]
    parts = zip(np.split(g, ends[1:]), np.split(value, ends[1:]), strict=True)
    return [(float(a.mean()), float(np.sqrt((b**2).mean()))) for a, b in parts]


def flicker_model(cells: Sequence[CellNoise], period: float, n: int) -> ReadNoise:
    """Return the 1/f noise of cells, whose size is a table over conductance if they differ."""
    g, q = (np.array([getattr(c, name) for c in cells]) for name in ("conductance", "flicker"))
    if not q.any():
        return NoNoise()
    table = over_conductance(g, q)
    low, high = 1 / (n * period), 0.5 / period
    if len(table) == 1:
        return FlickerNoise(q=table[0][1], f_low=low, f_high=high)
    from devices.read_noise.tabulated import TabulatedFlicker

    knots, size = zip(*table, strict=True)
    sizes = TabulatedFlicker(conductances=knots, size=size)
    return FlickerNoise(q=sizes, f_low=low, f_high=high)


def white_model(cells: Sequence[CellNoise], instrument: float | None) -> ReadNoise:
    """Return the white noise of cells beyond that of the instrument; none if all is taken for it.

    Args:
        cells: The cells.
        instrument: Standard deviation of the instrument in one read [S], or None.
    """
    if instrument is None:
        return NoNoise()
    g = np.array([c.conductance for c in cells])
    excess = np.array([max(c.white**2 - instrument**2, 0.0) ** 0.5 for c in cells])
    if not excess.any():
        return NoNoise()
    table = over_conductance(g, excess)
    if len(table) == 1:
        return GaussianNoise(table[0][1] / table[0][0])
    from devices.read_noise.tabulated import TabulatedNoise

    knots, sigma = zip(*table, strict=True)
    return TabulatedNoise(conductances=knots, sigma=sigma)


def traps_of(cells: Sequence[CellNoise]) -> list[TelegraphNoise]:
    """Return every trap that was found, equal ones one by one."""
    found = []
    for cell in cells:
        if cell.telegraph is not None:
            for one in cell.telegraph.traps:
                found += [one] * one.traps
    return found


def _time_law(times: Floats) -> TimeLaw:
    spread = float(np.log(times).std(ddof=1)) if len(times) > 1 else 0.0
    median = float(np.exp(np.log(times).mean()))
    return LognormalTime(median=median, sigma=spread) if spread > 0 else FixedTime(median)


def telegraph_model(cells: Sequence[CellNoise]) -> ReadNoise:
    """Return the telegraph noise of cells.

    That of a single cell is its own. Of several cells it is an ensemble with the mean number of
    traps per cell, lognormal times and amplitudes, the latter without dependence on conductance.
    """
    traps = traps_of(cells)
    if not traps:
        return NoNoise()
    if len(cells) == 1:
        assert cells[0].telegraph is not None
        model: ReadNoise = cells[0].telegraph.model
        return model
    amplitudes = np.log([one.amplitude for one in traps])
    return TrapEnsemble(
        mean_traps=len(traps) / len(cells),
        tau_capture=_time_law(np.array([one.tau_capture for one in traps])),
        tau_emission=_time_law(np.array([one.tau_emission for one in traps])),
        # With the slope 0 the median amplitude is half of delta_sat.
        delta_sat=min(2 * float(np.exp(amplitudes.mean())), 1.0),
        slope=0.0,
        s_delta=float(amplitudes.std(ddof=1)) if len(traps) > 1 else 0.0,
    )


def trap_estimates(cells: Sequence[CellNoise]) -> dict[str, Estimate]:
    """Return the numbers of the traps: those of a single cell, or medians over all traps.

    Medians are e to the mean of logarithms, whose standard error is that of their scatter. The
    number of traps per cell has that of a Poisson number.
    """
    traps = traps_of(cells)
    if not traps:
        return {}
    if len(cells) == 1:
        assert cells[0].telegraph is not None
        of_traps = ("amplitude", "tau_")
        return {k: e for k, e in cells[0].telegraph.estimates.items() if k.startswith(of_traps)}
    count = len(traps)
    mean = Estimate(value=count / len(cells), error=count**0.5 / len(cells), positive=True)
    found = {"traps_per_cell": mean}
    for name, unit in (("amplitude", ""), ("tau_capture", "s"), ("tau_emission", "s")):
        logs = np.log([getattr(one, name) for one in traps])
        median = float(np.exp(logs.mean()))
        scatter = float(logs.std(ddof=1)) / count**0.5 if count > 1 else float("nan")
        found[name] = Estimate(value=median, error=median * scatter, unit=unit, positive=True)
    return found
