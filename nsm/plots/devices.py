"""Pictures that compare devices."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from devices import Device, NoNoise
from nsm.plots.style import COLORS, MARKERS, figure, styled


@styled
def plot_gamma(devices: Mapping[str, Device], *, ax: Axes | None = None) -> Axes:
    """Draw γ(G), the local exponent of read noise σ ∝ G^γ, of devices over their ranges [µS]; return the Axes.

    At the dotted line, γ = 1, noise is multiplicative and a network normalises itself; below, a gain α of all conductances
    turns Φ(x) into Φ(α^(1−γ) x). Devices without read noise are left out; raises ValueError where none is left.
    """
    noisy = {name: d for name, d in devices.items() if not isinstance(d.read_noise, NoNoise)}
    if not noisy:
        raise ValueError("none of the devices has read noise, so that there is no exponent to draw")
    if ax is None:
        _, ax = figure()
    for index, (name, device) in enumerate(noisy.items()):
        g = np.geomspace(max(device.g_min, device.g_max / 1e3), device.g_max, 200)
        style = {
            "marker": MARKERS[index % len(MARKERS)],
            "color": COLORS[index % len(COLORS)],
            "markevery": 40,
        }
        ax.semilogx(1e6 * g, device.gamma(g), label=name, **style)
    ax.axhline(1, color="black", linewidth=0.6, linestyle=":")
    ax.set(xlabel="conductance G [µS]", ylabel="exponent γ of read noise")
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False)
    return ax
