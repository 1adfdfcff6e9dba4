"""Panels of a device's data sheet: range, noise, exponent, drift, stuck cells, temperature."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from devices import Device, FaultMap, IdealWrite, NoFaults
from devices.validation import Floats
from nsm.plots.style import COLORS

#: Ages at which drift is shown [s]: one second to one year.
AGES = np.geomspace(1, 3.2e7, 30)

#: Up to this many levels are drawn as separate points.
FEW_LEVELS = 8
#: Targets at which cells are programmed for a band at most; between them it is straight.
BAND_TARGETS = 33

#: Units of conductance: largest g_max [S], factor from S, and name.
_UNITS = (
    (5e-7, 1e9, "nS"),
    (5e-4, 1e6, "µS"),
    (np.inf, 1e3, "mS"),
)


def conductance_unit(device: Device) -> tuple[float, str]:
    """Return the unit of conductance that suits a device: the factor from S, and its name."""
    return next((factor, name) for below, factor, name in _UNITS if device.g_max < below)


def conductance_range(device: Device, n: int = 200) -> Floats:
    """Return n conductances [S] over the range of a device, at most three decades, log-spaced."""
    return np.geomspace(max(device.g_min, device.g_max / 1e3), device.g_max, n)


def _label_log_axis(axis: Axis, *, at_least: float = 1.0) -> None:
    """Label a logarithmic axis so that labels do not overlap.

    Args:
        axis: the axis.
        at_least: factor that the axis covers at least. Below a factor of 300, labels stand at 1, 2
            and 5 times powers of ten, above at powers of ten.
    """
    low, high = axis.get_view_interval()
    pad = max(np.sqrt(at_least * low / high), 1.0)
    low, high = low / pad, high * pad
    axis.set_view_interval(low, high, ignore=True)
    axis.set_minor_formatter(NullFormatter())
    if high / low < 300:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def draw_levels(device: Device, ax: Axes) -> None:
    """Draw programmed conductances over their targets; bars or a band hold 95 % of the cells."""
    k, unit = conductance_unit(device)
    levels = device.level_conductances
    few = levels is not None and len(levels) <= FEW_LEVELS
    target = np.linspace(device.g_min, device.g_max, 60) if levels is None else levels
    if not isinstance(device.write, IdealWrite):
        healthy = replace(device, levels=None, faults=NoFaults())
        shown = target
        if not few and len(target) > BAND_TARGETS:
            shown = target[np.linspace(0, len(target) - 1, BAND_TARGETS).round().astype(int)]
        cells = [healthy.program(np.full(1000, g), rng=0) for g in shown]
        low, high = np.quantile(cells, (0.025, 0.975), axis=1)
        style: dict[str, Any] = {"color": COLORS[0], "label": "95 % of cells"}
        if few:
            bars = np.maximum([shown - low, high - shown], 0)
            ax.errorbar(k * shown, k * shown, k * bars, fmt="none", capsize=2, **style)
        else:
            ax.fill_between(k * shown, k * low, k * high, alpha=0.25, linewidth=0, **style)
    mark = "-" if levels is None else "."
    label = "any level" if levels is None else f"{len(levels)} levels"
    if isinstance(device.write, IdealWrite):
        label += "\n(taken as met)"
    ax.plot(k * target, k * target, mark, color=COLORS[0], label=label)
    ax.set(xlabel=f"target [{unit}]", ylabel=f"programmed [{unit}]", title="range and programming")
    ax.legend(loc="upper left")


def standard_deviations(device: Device) -> list[tuple[Floats, Floats, str, int]]:
    """Return the standard deviations of a device that are not 0.

    Returns:
        Conductances [S], σ(G) there [S], name ("programming" or "one read"), and place in COLORS.
    """
    g = conductance_range(device)
    levels = device.level_conductances
    few = levels is not None and len(levels) <= FEW_LEVELS
    written = levels[levels > 0] if levels is not None and few else g
    read = g * np.sqrt(device.read_noise.moments(g)[1])
    both = (
        (written, device.programming_error(written), "programming", 0),
        (g, read, "one read", 1),
    )
    return [entry for entry in both if np.any(entry[1] > 0)]


def draw_noise(device: Device, ax: Axes) -> None:
    """Draw σ(G) of one read and of programming over the conductance."""
    k, unit = conductance_unit(device)
    for g, sigma, label, place in standard_deviations(device):
        mark = "o" if len(g) <= FEW_LEVELS else "-"
        drawn = k * np.where(sigma > 0, sigma, np.nan)  # 0 has no place on a logarithmic axis
        ax.loglog(k * g, drawn, mark, color=COLORS[place], label=label)
    ax.set(xlabel=f"conductance [{unit}]", ylabel=f"σ(G) [{unit}]", title="standard deviation of G")
    _label_log_axis(ax.xaxis)
    _label_log_axis(ax.yaxis, at_least=10)
    ax.legend()


def draw_exponent(device: Device, ax: Axes) -> None:
    """Draw γ(G), the local exponent of read noise σ(G) ∝ G^γ."""
    k, unit = conductance_unit(device)
    g = conductance_range(device)
    gamma = device.gamma(g)
    ax.semilogx(k * g, gamma, color=COLORS[1], label="one read")
    ax.axhline(1, color="black", linewidth=0.8, linestyle=":", label="multiplicative: γ = 1")
    low = float(np.nanmin(gamma, initial=0))
    high = float(np.nanmax(gamma, initial=1))
    ax.set(xlabel=f"conductance [{unit}]", ylabel="exponent γ", title="σ(G) ∝ G$^γ$")
    ax.set_ylim(low - 0.15, high + 0.45)
    _label_log_axis(ax.xaxis)
    ax.legend(loc="upper left")


def draw_retention(device: Device, ax: Axes) -> None:
    """Draw the conductance over time relative to the programmed one, for three states.

    Lines are means of 400 cells; bands are ± one standard deviation of the cells.
    """
    k, unit = conductance_unit(device)
    for place, share in enumerate((1.0, 0.5, 0.1)):
        start = device.g_min + share * (device.g_max - device.g_min)
        aged = [device.age(np.full(400, start), float(t), rng=0) for t in AGES]
        paths = np.array(aged) / start
        center = paths.mean(axis=1)
        spread = paths.std(axis=1)
        color = COLORS[place]
        line = ("-", "--", "-.")[place]
        ax.semilogx(AGES, center, line, color=color, label=f"{k * start:.3g} {unit}")
        ax.fill_between(AGES, center - spread, center + spread, color=color, alpha=0.2, linewidth=0)
    ax.set(xlabel="time after programming [s]", ylabel="G / programmed G")
    ax.set_title("retention, bands ±σ of cells")
    ax.legend(loc="lower left")


def draw_faults(device: Device, ax: Axes) -> None:
    """Draw the percentage of cells that cannot be programmed.

    They are counted over two million cells, or over the measured cells of a map, in the half of the
    range in which they are stuck.
    """
    low = device.g_min
    high = device.g_max
    middle = (low + high) / 2
    names = ["high R\n(at g_min)", "low R\n(at g_max)"]
    if isinstance(device.faults, FaultMap):
        names = ["high R\n(measured)", "low R\n(measured)"]
        g = device.faults.cells()
    else:
        wanted = np.full(2_000_000, middle)
        g = device.faults.apply(wanted, low, high, rng=np.random.default_rng(0))
    shares = [100 * float(stuck.mean()) for stuck in (g < middle, g > middle)]
    bars = ax.bar(names, shares, 0.6, color=COLORS[:2])
    ax.bar_label(bars, fmt="%.1f %%", fontsize=6)
    ax.set(ylabel="cells [%]", title="stuck cells", ylim=(0, max(1.2 * max(shares), 0.1)))


def draw_temperature(device: Device, ax: Axes) -> None:
    """Draw the factor of the conductance over temperature, for both ends of the range."""
    k, unit = conductance_unit(device)
    kelvins = np.linspace(250, 400, 61)
    for place, g in enumerate((device.g_max, conductance_range(device)[0])):
        factor = device.temperature_law.factor(np.full(kelvins.shape, g), kelvins)
        label = f"{k * g:.3g} {unit}"
        ax.plot(kelvins, factor, ("-", "--")[place], color=COLORS[place], label=label)
    ax.set(xlabel="temperature [K]", ylabel="G(T) / G", title="temperature")
    ax.legend()
