"""The panel of a data sheet that shows the response to programming pulses."""

import numpy as np
from matplotlib.axes import Axes

from devices import Device, PulseResponse
from devices.validation import Floats
from nsm.plots.device_panels import conductance_unit
from nsm.plots.style import COLORS


def _pulses_of_a_sweep(pulses: PulseResponse) -> int:
    """Return how many pulses take the typical device over 97 % of its range, or as far as it can.

    At most 4096 pulses are tried; a tenth more than needed are returned.
    """
    n = 16
    while n < 4096:
        up, down = (abs(curve[-1] - curve[0]) for curve in pulses.curve(n))
        if min(up, down) > 0.97 * (pulses.g_max - pulses.g_min):
            break
        n *= 2
    reached = []
    for curve in pulses.curve(n):
        far_enough = np.abs(curve - curve[0]) >= 0.97 * abs(curve[-1] - curve[0])
        reached.append(int(np.argmax(far_enough)))
    return min(int(1.1 * max(*reached, 10)), n)


def _cells(pulses: PulseResponse, start: float, sign: int, edges: Floats) -> Floats:
    """Return the conductances [S] of 300 cells after `edges` pulses, (edges, cells)."""
    rng = np.random.default_rng(0)
    cells = pulses.init((300,), rng=rng)
    g = pulses.respond(start, 0, cells, rng=rng)
    seen = [pulses.with_write_noise(g, rng=rng)]
    for step in np.diff(edges):
        g = pulses.respond(g, sign * int(step), cells, rng=rng)
        seen.append(pulses.with_write_noise(g, rng=rng))
    return np.array(seen)


def draw_pulses(device: Device, ax: Axes) -> None:
    """Draw the conductance over potentiating, then depressing pulses.

    Lines show the typical device. Bands hold 80 % of the cells, where cells differ.
    """
    pulses = device.pulses
    assert pulses is not None
    k, unit = conductance_unit(device)
    n = getattr(pulses, "pulses", None) or _pulses_of_a_sweep(pulses)
    random = any(getattr(pulses, name) for name in pulses.random_fields)
    edges = np.unique(np.linspace(0, n, 41).astype(int))
    names = ("potentiation", "depression")
    for place, (name, curve, sign) in enumerate(zip(names, pulses.curve(n), (1, -1), strict=True)):
        color = COLORS[place]
        count = place * n + np.arange(n + 1)
        ax.plot(count, k * curve, ("-", "--")[place], color=color, label=name)
        if random:
            low, high = k * np.quantile(_cells(pulses, curve[0], sign, edges), (0.1, 0.9), axis=1)
            ax.fill_between(place * n + edges, low, high, color=color, alpha=0.2, linewidth=0)
    title = "pulses, bands: 80 % of cells" if random else "pulses"
    ax.set(xlabel="pulses", ylabel=f"conductance [{unit}]", title=title)
    # The upper third of the axis holds the legend.
    ax.set_ylim(top=ax.get_ylim()[0] + 1.3 * np.ptp(ax.get_ylim()))
    ax.legend(loc="upper left", ncols=2, columnspacing=0.5, handlelength=1.1)
