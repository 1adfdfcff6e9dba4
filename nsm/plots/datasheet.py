"""The data sheet of a device or a gate, one figure: what of it is known, as curves."""

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.interpolate import PchipInterpolator

from devices import (
    Device,
    IdealWrite,
    NoDrift,
    NoFaults,
    NoTemperature,
    Preset,
    PulseResponse,
    ReadNoise,
    StochasticSelector,
)
from devices.validation import Floats, choice
from nsm.disk import check_folder_of
from nsm.plots.style import COLORS, STYLE

PERIOD = 1e-6  # [s] between the reads whose spectrum is shown
CELLS, READS = 500, 2048  # whose mean spectrum that is
_AGES = np.geomspace(1, 3.2e7, 30)  # one second to a year
_FEW = 8  # levels that are drawn one by one
_UNITS = (
    (5e-7, 1e9, "nS"),
    (5e-4, 1e6, "µS"),
    (np.inf, 1e3, "mS"),
)  # below so many S: per S, and its name
Panel = Callable[[Axes], None]
WIDTH = 3.5  # inches: one column of a two-column page; no text on it is below 6 points, but for exponents
_SMALL: Any = STYLE | {
    "font.size": 6.5,
    "axes.labelsize": 6.5,
    "axes.titlesize": 7,
    "legend.fontsize": 6,
    "legend.frameon": False,
    "legend.handlelength": 1.3,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.2,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "axes.labelpad": 2,
    "axes.titlepad": 4,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3,
    "savefig.dpi": 300,
}


def _unit(device: Device) -> tuple[float, str]:
    """Return the unit of conductance that suits the range: how many there are in 1 S, and its name."""
    return next((factor, name) for below, factor, name in _UNITS if device.g_max < below)


def _range(device: Device, n: int = 200) -> Floats:
    return np.geomspace(max(device.g_min, device.g_max / 1e3), device.g_max, n)


def _log_ticks(axis: Axis, *, at_least: float = 1.0) -> None:
    """Label a logarithmic axis so that no two labels meet: powers of ten, or 1, 2 and 5 where these would be few."""
    low, high = axis.get_view_interval()
    pad = max(np.sqrt(at_least * low / high), 1.0)
    low, high = low / pad, high * pad
    axis.set_view_interval(low, high, ignore=True)
    axis.set_minor_formatter(NullFormatter())
    if high / low < 300:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _levels(device: Device, ax: Axes) -> None:
    """Programmed conductance against its target, with what programming makes of it."""
    (k, unit), few = _unit(device), device.levels is not None and device.levels <= _FEW
    target = np.linspace(device.g_min, device.g_max, device.levels or 60)
    if not isinstance(device.write, IdealWrite):
        cells = [
            device.write.program(np.full(1000, g), rng=np.random.default_rng(0)) for g in target
        ]
        low, high = np.quantile(cells, (0.025, 0.975), axis=1)
        if few:
            bars = np.maximum([target - low, high - target], 0)
            ax.errorbar(
                k * target,
                k * target,
                k * bars,
                fmt="none",
                color=COLORS[0],
                capsize=2,
                label="95 % of cells",
            )
        else:
            ax.fill_between(
                k * target,
                k * low,
                k * high,
                color=COLORS[0],
                alpha=0.25,
                linewidth=0,
                label="95 % of cells",
            )
    mark, label = (".", f"{device.levels} levels") if device.levels else ("-", "any level")
    label += "\n(taken as met)" if isinstance(device.write, IdealWrite) else ""
    ax.plot(k * target, k * target, mark, color=COLORS[0], label=label)
    ax.set(xlabel=f"target [{unit}]", ylabel=f"programmed [{unit}]", title="range and programming")
    ax.legend(loc="upper left")


def _sigmas(device: Device) -> list[tuple[Floats, Floats, str, int]]:
    """Return (g, σ(G)) [S] of programming and of one read, those that are not 0, each with its name and color."""
    g = _range(device)
    levels = np.linspace(device.g_min, device.g_max, device.levels or 2)
    written = levels[levels > 0] if device.levels and device.levels <= _FEW else g
    read = g * np.sqrt(device.read_noise.moments(g)[1])
    both = ((written, device.write.sigma(written), "programming", 0), (g, read, "one read", 1))
    return [entry for entry in both if np.any(entry[1] > 0)]


def _noise(device: Device, ax: Axes) -> None:
    """σ(G) of one read, and of programming."""
    k, unit = _unit(device)
    for g, sigma, label, color in _sigmas(device):
        mark = "o" if len(g) <= _FEW else "-"
        ax.loglog(
            k * g, k * np.where(sigma > 0, sigma, np.nan), mark, color=COLORS[color], label=label
        )
    ax.set(xlabel=f"conductance [{unit}]", ylabel=f"σ(G) [{unit}]", title="standard deviation of G")
    _log_ticks(ax.xaxis)
    _log_ticks(ax.yaxis, at_least=10)
    ax.legend()


def _exponent(device: Device, ax: Axes) -> None:
    """γ(G), the local exponent of the read noise."""
    (k, unit), g = _unit(device), _range(device)
    gamma = device.gamma(g)
    ax.semilogx(k * g, gamma, color=COLORS[1], label="one read")
    ax.axhline(1, color="black", linewidth=0.8, linestyle=":", label="multiplicative: γ = 1")
    low, high = float(np.nanmin(gamma, initial=0)), float(np.nanmax(gamma, initial=1))
    ax.set(
        xlabel=f"conductance [{unit}]",
        ylabel="exponent γ",
        title="σ(G) ∝ G$^γ$",
        ylim=(low - 0.15, high + 0.45),
    )
    _log_ticks(ax.xaxis)
    ax.legend(loc="upper left")


def expected_spectrum(noise: ReadNoise, g: float) -> tuple[Floats, Floats]:
    """Return frequencies [Hz] and the one-sided spectrum [1/Hz] of ξ that READS reads, PERIOD apart, have on average.

    The transform of the autocovariance times 1 − k/READS, as a periodogram sees it. The covariance is computed for
    64 lags, and from there on interpolated in ln lag between 100.
    """
    cell, k = np.array(g), np.arange(1, READS)
    c = np.zeros(READS)
    c[0] = float(noise.moments(cell)[1])
    if noise.has_memory:
        known = np.unique(np.concatenate([k[:64], np.geomspace(64, k[-1], 100).astype(int)]))
        at_known = [float(noise.covariance(cell, lag)) for lag in PERIOD * known]
        c[1:] = PchipInterpolator(np.log(known), at_known)(np.log(k))
    c *= 1 - np.arange(READS) / READS
    folded = c.copy()
    folded[1:] += c[:0:-1]
    return np.asarray(np.fft.rfftfreq(READS, PERIOD)[1:]), 2 * PERIOD * np.fft.rfft(folded).real[1:]


def sampled_spectrum(noise: ReadNoise, g: float) -> Floats:
    """Return the same of sampled reads, the mean over CELLS cells, each with what is its own (traps, thresholds)."""
    rng, cells = np.random.default_rng(0), np.full(CELLS, g)
    xi, _ = noise.sample(cells, noise.init(cells, rng=rng), READS, rng=rng, period=PERIOD)
    power = np.abs(np.fft.rfft(xi - xi.mean(axis=0), axis=0)[1:]) ** 2
    return np.asarray(power.mean(axis=1) * 2 * PERIOD / READS)


def _spectrum(noise: ReadNoise, g: float, at: str, ax: Axes) -> None:
    """Power spectral density of ξ over consecutive reads."""
    frequency, expected = expected_spectrum(noise, g)
    sampled = sampled_spectrum(noise, g)
    of_bin = np.digitize(frequency, np.geomspace(frequency[0], frequency[-1] * 1.01, 25))
    bins = [of_bin == b for b in np.unique(of_bin)]
    ax.loglog(frequency, expected, color=COLORS[1], label="theory")
    points = ([frequency[b].mean() for b in bins], [sampled[b].mean() for b in bins])
    ax.loglog(*points, ".", color=COLORS[0], label=f"reads {PERIOD * 1e6:g} µs apart")
    ax.set(xlabel="frequency [Hz]", ylabel="spectrum of ξ [1/Hz]", title=f"noise spectrum{at}")
    low, high = expected.min(), expected.max()
    ax.set_ylim(
        10 ** np.floor(np.log10(low / 1.5)), 10 ** np.ceil(np.log10(high * 20))
    )  # room for the legend
    ax.legend(loc="upper left")


def _retention(device: Device, ax: Axes) -> None:
    """Conductance over time relative to the programmed one, for three states."""
    k, unit = _unit(device)
    for color, share in enumerate((1.0, 0.5, 0.1)):
        start = device.g_min + share * (device.g_max - device.g_min)
        paths = np.array([device.age(np.full(400, start), float(t), rng=0) for t in _AGES]) / start
        centre, spread = paths.mean(axis=1), paths.std(axis=1)
        style = ("-", "--", "-.")[color]
        ax.semilogx(_AGES, centre, style, color=COLORS[color], label=f"{k * start:.3g} {unit}")
        ax.fill_between(
            _AGES, centre - spread, centre + spread, color=COLORS[color], alpha=0.2, linewidth=0
        )
    ax.set(
        xlabel="time after programming [s]",
        ylabel="G / programmed G",
        title="retention, bands ±σ of cells",
    )
    ax.legend(loc="lower left")


def _faults(device: Device, ax: Axes) -> None:
    """Share of cells that cannot be programmed, of two million."""
    low, high = device.g_min, device.g_max
    g = device.faults.apply(
        np.full(2_000_000, (low + high) / 2), low, high, rng=np.random.default_rng(0)
    )
    shares = [100 * float((g == end).mean()) for end in (low, high)]
    bars = ax.bar(["high R\n(at g_min)", "low R\n(at g_max)"], shares, 0.6, color=COLORS[:2])
    ax.bar_label(bars, fmt="%.1f %%", fontsize=6)
    ax.set(ylabel="cells [%]", title="stuck cells", ylim=(0, max(1.2 * max(shares), 0.1)))


def _temperature(device: Device, ax: Axes) -> None:
    """The factor of the conductance over temperature, for both ends of the range."""
    (k, unit), kelvins = _unit(device), np.linspace(250, 400, 61)
    for color, g in enumerate((device.g_max, _range(device)[0])):
        factor = device.temperature_law.factor(np.full(kelvins.shape, g), kelvins)
        ax.plot(
            kelvins, factor, ("-", "--")[color], color=COLORS[color], label=f"{k * g:.3g} {unit}"
        )
    ax.set(xlabel="temperature [K]", ylabel="G(T) / G", title="temperature")
    ax.legend()


def _enough(pulses: PulseResponse) -> int:
    """Return how many pulses take the typical device over its range, or as far as it comes."""
    n = 16
    while n < 4096:
        up, down = (abs(curve[-1] - curve[0]) for curve in pulses.curve(n))
        if min(up, down) > 0.97 * (pulses.g_max - pulses.g_min):
            break
        n *= 2
    reached = [
        int(np.argmax(np.abs(c - c[0]) >= 0.97 * abs(c[-1] - c[0]))) for c in pulses.curve(n)
    ]
    return min(int(1.1 * max(*reached, 10)), n)


def _pulses(device: Device, ax: Axes) -> None:
    """Conductance over potentiating, then depressing pulses: of the typical device, and of cells as they are drawn."""
    assert device.pulses is not None
    (k, unit), pulses = _unit(device), device.pulses
    n = getattr(pulses, "pulses", None) or _enough(pulses)
    random = any(getattr(pulses, name) for name in pulses.random_fields)
    edges = np.unique(np.linspace(0, n, 41).astype(int))
    for color, (name, curve, sign) in enumerate(
        zip(("potentiation", "depression"), pulses.curve(n), (1, -1), strict=True)
    ):
        ax.plot(
            color * n + np.arange(n + 1),
            k * curve,
            ("-", "--")[color],
            color=COLORS[color],
            label=name,
        )
        if random:
            rng = np.random.default_rng(0)
            cells = pulses.init((300,), rng=rng)
            g = pulses.respond(curve[0], 0, cells, rng=rng)
            seen = [pulses.with_write_noise(g, rng=rng)]
            for step in np.diff(edges):
                g = pulses.respond(g, sign * int(step), cells, rng=rng)
                seen.append(pulses.with_write_noise(g, rng=rng))
            band = k * np.quantile(seen, (0.1, 0.9), axis=1)
            ax.fill_between(color * n + edges, *band, color=COLORS[color], alpha=0.2, linewidth=0)
    title = "pulses, bands: 80 % of cells" if random else "pulses"
    ax.set(xlabel="pulses", ylabel=f"conductance [{unit}]", title=title)
    ax.set_ylim(top=ax.get_ylim()[0] + 1.3 * np.ptp(ax.get_ylim()))
    ax.legend(loc="upper left", ncols=2, columnspacing=0.5, handlelength=1.1)


def _factors(noise: ReadNoise, ax: Axes) -> None:
    """The law of the factors of a gate."""
    rng, cells = np.random.default_rng(0), np.full(2000, 1e-6)
    xi, _ = noise.sample(cells, noise.init(cells, rng=rng), 50, rng=rng, period=PERIOD)
    low, high = np.quantile(xi, (0.0005, 0.9995))
    width = max((high - low) / 50, 0.02)
    bins = (
        low + width * (np.arange(np.ceil((high - low) / width) + 2) - 0.5)
    ).tolist()  # the ends amid bins
    ax.hist(xi.ravel(), bins=bins, weights=np.full(xi.size, 100 / xi.size), color=COLORS[0])
    mean, variance = (float(m) for m in noise.moments(np.array(1e-6)))
    ax.set(
        xlabel="factor ξ of a read",
        ylabel="reads [%]",
        title=f"mean {mean:.3g}, variance {variance:.3g}",
    )


def _switch(gate: ReadNoise, ax: Axes) -> None:
    """Probability that a selector conducts over the read voltage."""
    assert isinstance(gate, StochasticSelector)
    wide = 3 * gate.sigma * np.hypot(1, gate.spread)
    volts = np.linspace(
        min(gate.mean - wide, gate.read_voltage), max(gate.mean + wide, gate.read_voltage), 200
    )
    p = [replace(gate, read_voltage=float(v)).p for v in volts]
    ax.plot(volts, p, color=COLORS[0], label="typical device")
    if gate.spread:
        low, high = (
            [replace(gate, read_voltage=float(v - s * gate.spread * gate.sigma)).p for v in volts]
            for s in (1, -1)
        )
        ax.fill_between(
            volts, low, high, color=COLORS[0], alpha=0.25, linewidth=0, label="devices ±σ"
        )
    ax.plot(
        [gate.read_voltage], [gate.p], "s", color=COLORS[1], label=f"read here: p = {gate.p:.3g}"
    )
    ax.set(
        xlabel="read voltage [V]",
        ylabel="P(conducts)",
        title="threshold switch",
        ylim=(-0.05, 1.7),
        yticks=(0, 0.5, 1),
    )
    ax.legend(loc="upper left")


def _panels(model: Device | ReadNoise) -> list[Panel]:
    """Return what draws the panels of a device or a gate: one for everything that is known of it."""
    if isinstance(model, ReadNoise):
        gate, fluctuates = model, bool(model.moments(np.array(1e-6))[1] > 0)
        known: list[tuple[Any, Panel]] = [
            (True, lambda ax: _factors(gate, ax)),
            (fluctuates, lambda ax: _spectrum(gate, 1e-6, "", ax)),
            (isinstance(gate, StochasticSelector), lambda ax: _switch(gate, ax)),
        ]
        return [panel for there, panel in known if there]
    device, (k, unit), middle = model, _unit(model), model.g_max / 2
    spectral = device.read_noise.moments(np.array(middle))[1] > 0
    known = [
        (True, lambda ax: _levels(device, ax)),
        (_sigmas(device), lambda ax: _noise(device, ax)),
        (
            any(name == "one read" for *_, name, _ in _sigmas(device)),
            lambda ax: _exponent(device, ax),
        ),
        (
            spectral,
            lambda ax: _spectrum(device.read_noise, middle, f" at {k * middle:.3g} {unit}", ax),
        ),
        (device.pulses is not None, lambda ax: _pulses(device, ax)),
        (not isinstance(device.retention, NoDrift), lambda ax: _retention(device, ax)),
        (not isinstance(device.faults, NoFaults), lambda ax: _faults(device, ax)),
        (
            not isinstance(device.temperature_law, NoTemperature),
            lambda ax: _temperature(device, ax),
        ),
    ]
    return [panel for there, panel in known if there]


def data_sheet(preset: Preset) -> Figure:
    """Return one figure of what is known of a preset: range and programming, σ(G), γ(G), spectrum, pulses, retention, faults.

    Only what the preset models is drawn, two panels side by side and an odd last one across; below stands where its numbers
    are from. As wide as one column of a two-column page.
    """
    panels = _panels(preset.model)
    rows = -(-len(panels) // 2)
    source = textwrap.wrap(f"{preset.citation}. Numbers: {preset.status}; {preset.verified}.", 72)
    title = [f"{preset.name}: {preset.technology}"]
    if len(title[0]) > 48:
        title = [f"{preset.name}:", *textwrap.wrap(preset.technology, 48)]
    with mpl.rc_context(_SMALL):
        sheet = Figure(figsize=(WIDTH, 1.5 * rows + 0.13 * len(title) + 0.1 * len(source) + 0.15))
        grid = sheet.add_gridspec(rows, 2)
        for index, panel in enumerate(panels):
            alone = index % 2 == 0 and index + 1 == len(panels)
            panel(sheet.add_subplot(grid[index // 2, :] if alone else grid[index // 2, index % 2]))
        sheet.suptitle("\n".join(title), fontsize=8, fontweight="bold")
        sheet.supxlabel("\n".join(source), fontsize=6)
    return sheet


def save_data_sheet(preset: Preset, path: str | Path) -> Path:
    """Write the data sheet of a preset to `path` (png, pdf, svg) and return the path.

    Raises ValueError for another ending, or a folder that does not exist.
    """
    path = Path(path)
    check_folder_of(path)
    choice("figure format", path.suffix, (".png", ".pdf", ".svg"))
    with mpl.rc_context(_SMALL):
        data_sheet(preset).savefig(path)
    return path
