"""Panels of a gate's data sheet: the law of its factors, and its switching probability."""

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from devices import ReadNoise, StochasticSelector
from nsm.plots.spectrum import PERIOD
from nsm.plots.style import COLORS

#: Conductance at which a gate is shown [S]. A gate does not depend on it.
GATE_CONDUCTANCE = 1e-6


def draw_factors(noise: ReadNoise, ax: Axes) -> None:
    """Draw the histogram of the factors ξ of a gate: 50 reads of 2000 cells."""
    rng = np.random.default_rng(0)
    cells = np.full(2000, GATE_CONDUCTANCE)
    xi, _ = noise.sample(cells, noise.init(cells, rng=rng), 50, rng=rng, period=PERIOD)
    low, high = np.quantile(xi, (0.0005, 0.9995))
    width = max((high - low) / 50, 0.02)
    # Edges are shifted by half a bin, so that 0 and 1 of a blank-out lie in the middle of bins.
    bins = low + width * (np.arange(np.ceil((high - low) / width) + 2) - 0.5)
    percent = np.full(xi.size, 100 / xi.size)
    ax.hist(xi.ravel(), bins=bins.tolist(), weights=percent, color=COLORS[0])
    mean, variance = (float(m) for m in noise.moments(np.array(GATE_CONDUCTANCE)))
    title = f"mean {mean:.3g}, variance {variance:.3g}"
    ax.set(xlabel="factor ξ of a read", ylabel="reads [%]", title=title)


def draw_switch(gate: ReadNoise, ax: Axes) -> None:
    """Draw the probability that a stochastic selector conducts, over the read voltage.

    Where the threshold is not known in volts, the axis is in units of its cycle-to-cycle standard
    deviation. The band shows devices whose mean threshold is one standard deviation off.
    """
    assert isinstance(gate, StochasticSelector)
    wide = 3 * float(np.hypot(1, gate.spread))
    z = np.linspace(min(-wide, gate.z), max(wide, gate.z), 200)
    unit, origin, label = 1.0, 0.0, "voltage above the mean threshold [σ]"
    if gate.sigma is not None and gate.mean is not None:
        unit, origin, label = gate.sigma, gate.mean, "read voltage [V]"

    def probability(shift: float) -> list[float]:
        return [replace(gate, z=float(value - shift)).p for value in z]

    ax.plot(origin + unit * z, probability(0.0), color=COLORS[0], label="typical device")
    if gate.spread:
        ax.fill_between(
            origin + unit * z,
            probability(gate.spread),
            probability(-gate.spread),
            color=COLORS[0],
            alpha=0.25,
            linewidth=0,
            label="devices ±σ",
        )
    here = f"read here: p = {gate.p:.3g}"
    ax.plot([origin + unit * gate.z], [gate.p], "s", color=COLORS[1], label=here)
    ax.set(xlabel=label, ylabel="P(conducts)", title="threshold switch")
    # The upper part of the axis holds the legend; a probability ends at 1.
    ax.set(ylim=(-0.05, 1.7), yticks=(0, 0.5, 1))
    ax.legend(loc="upper left")
