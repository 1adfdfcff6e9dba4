"""Figures that compare devices."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from devices import Device, NoNoise
from nsm.plots.style import COLORS, MARKERS, figure, styled
from nsm.plots.texts import drawn_text


@styled
def plot_gamma(devices: Mapping[str, Device], *, ax: Axes | None = None) -> Axes:
    """Draw the local exponent γ of read noise, σ(G) ∝ G^γ, over the ranges of devices.

    At γ = 1 (dotted) noise is multiplicative, and a network that computes with it is invariant to
    a common-mode gain. Below, a gain α of all conductances turns a firing probability Φ(x) into
    Φ(α^(1−γ) x).

    Args:
        devices: devices by the name that the legend shows. Those without read noise are left out.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes: conductance [µS] across, over at most three decades of each device.

    Raises:
        ValueError: none of the devices has read noise.
    """
    noisy = {name: d for name, d in devices.items() if not isinstance(d.read_noise, NoNoise)}
    if not noisy:
        raise ValueError("none of the devices has read noise, so that there is no exponent to draw")
    if ax is None:
        _, ax = figure()
    for index, (name, device) in enumerate(noisy.items()):
        g = np.geomspace(max(device.g_min, device.g_max / 1e3), device.g_max, 200)
        marker = MARKERS[index % len(MARKERS)]
        color = COLORS[index % len(COLORS)]
        style = {"label": drawn_text(name), "marker": marker, "color": color}
        ax.semilogx(1e6 * g, device.gamma(g), markevery=40, **style)
    ax.axhline(1, color="black", linewidth=0.6, linestyle=":")
    ax.set(xlabel="conductance G [µS]", ylabel="exponent γ of read noise")
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False)
    return ax
