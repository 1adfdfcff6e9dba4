"""The data sheet of a device or a gate, one figure: what of it is known, as curves."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices import Device, NoDrift, NoNoise, Preset, ReadNoise
from devices._checks import Floats
from nsm.plot import COLOURS, STYLE

PERIOD = 1e-6  # [s] between the reads whose spectrum is shown
_CELLS, _READS = 64, 4096  # whose mean spectrum that is
_AGES = np.geomspace(1, 3.2e7, 30)  # one second to a year
Panel = Callable[[Axes], None]


def _range(device: Device, n: int = 200) -> Floats:
    return np.geomspace(max(device.g_min, device.g_max / 1e3), device.g_max, n)


def _levels(device: Device, ax: Axes) -> None:
    """Programmed conductance against its target, with the spread of programming."""
    target = np.linspace(device.g_min, device.g_max, device.levels or 200)
    sigma = device.write.sigma(target)
    band = (1e6 * np.maximum(target - 2 * sigma, 0), 1e6 * (target + 2 * sigma))
    ax.fill_between(1e6 * target, *band, color=COLOURS[0], alpha=0.25, linewidth=0, label="±2σ of programming")
    mark = "." if device.levels else "-"
    ax.plot(1e6 * target, 1e6 * target, mark, color=COLOURS[0], label=f"{device.levels or 'any'} levels")
    ax.set(xlabel="target conductance [µS]", ylabel="programmed conductance [µS]", title="range and programming")
    ax.legend(frameon=False)


def _noise(device: Device, ax: Axes) -> None:
    """σ(G) of one read, and of programming."""
    g = _range(device)
    read = g * np.sqrt(device.read_noise.moments(g)[1])
    for sigma, label, colour in ((device.write.sigma(g), "programming", 0), (read, "one read", 1)):
        if np.any(sigma > 0):
            shown = np.where(sigma > 0, sigma, np.nan)
            ax.loglog(1e6 * g, 1e6 * shown, color=COLOURS[colour], label=label)
    ax.set(xlabel="conductance [µS]", ylabel="σ(G) [µS]", title="spread")
    ax.legend(frameon=False)


def _exponent(device: Device, ax: Axes) -> None:
    """γ(G), the local exponent of the read noise."""
    g = _range(device)
    ax.semilogx(1e6 * g, device.gamma(g), color=COLOURS[1])
    ax.axhline(1, color="black", linewidth=0.6, linestyle=":")
    ax.annotate("multiplicative: γ = 1", (1e6 * g[0], 1.02), fontsize=6, va="bottom")
    ax.set(xlabel="conductance [µS]", ylabel="exponent γ(G)", title="σ(G) ∝ G$^γ$", ylim=(-0.6, 1.4))


def _spectrum(noise: ReadNoise, g: float, ax: Axes) -> None:
    """Power spectral density of ξ over consecutive reads."""
    rng, cells = np.random.default_rng(0), np.full(_CELLS, g)
    xi, _ = noise.sample(cells, noise.init(cells, rng=rng), _READS, rng=rng, period=PERIOD)
    power = np.abs(np.fft.rfft(xi - xi.mean(axis=0), axis=0)[1:]) ** 2 * 2 * PERIOD / _READS
    frequency = np.fft.rfftfreq(_READS, PERIOD)[1:]
    edges = np.geomspace(frequency[0], frequency[-1] * 1.01, 25)
    of_bin, mean = np.digitize(frequency, edges), power.mean(axis=1)
    bins = np.unique(of_bin)
    x = [frequency[of_bin == b].mean() for b in bins]
    ax.loglog(x, [mean[of_bin == b].mean() for b in bins], color=COLOURS[2])
    ax.set(xlabel="frequency [Hz]", ylabel="PSD of ξ [1/Hz]", title=f"noise spectrum, reads every {PERIOD * 1e6:g} µs")


def _retention(device: Device, ax: Axes) -> None:
    """Conductance over time, for three states."""
    for colour, share in enumerate((0.1, 0.5, 1.0)):
        start = device.g_min + share * (device.g_max - device.g_min)
        paths = np.array([device.age(np.full(400, start), float(t), rng=0) for t in _AGES])
        centre, spread = paths.mean(axis=1), paths.std(axis=1)
        ax.semilogx(_AGES, 1e6 * centre, color=COLOURS[colour], label=f"{1e6 * start:.3g} µS")
        band = (1e6 * (centre - spread), 1e6 * (centre + spread))
        ax.fill_between(_AGES, *band, color=COLOURS[colour], alpha=0.2, linewidth=0)
    ax.set(xlabel="time after programming [s]", ylabel="conductance [µS]", title="retention, bands ±σ over cells")


def _factors(noise: ReadNoise, ax: Axes) -> None:
    """The law of the factors of a gate."""
    rng, cells = np.random.default_rng(0), np.full(2000, 1e-6)
    xi, _ = noise.sample(cells, noise.init(cells, rng=rng), 50, rng=rng, period=PERIOD)
    ax.hist(xi.ravel(), bins=np.linspace(-2, 4, 61).tolist(), weights=np.full(xi.size, 1 / xi.size), color=COLOURS[0])
    mean, variance = (float(m) for m in noise.moments(np.array(1e-6)))
    ax.set(xlabel="factor ξ of a read", ylabel="share of reads", title=f"mean {mean:.3g}, variance {variance:.3g}")


def _pulses(device: Device, ax: Axes) -> None:
    """Conductance over potentiating, then depressing pulses."""
    assert device.pulses is not None
    up, down = device.pulses.curve(device.levels or 100)
    n = np.arange(len(up))
    ax.plot(n, 1e6 * up, color=COLOURS[0], label="potentiation")
    ax.plot(n[-1] + np.arange(len(down)), 1e6 * down, color=COLOURS[1], label="depression")
    ax.set(xlabel="pulses", ylabel="conductance [µS]", title="mean response to pulses")
    ax.legend(frameon=False)


def _panels(model: Device | ReadNoise) -> list[Panel]:
    if isinstance(model, ReadNoise):
        return [lambda ax: _factors(model, ax), lambda ax: _spectrum(model, 1e-6, ax)]
    panels: list[Panel] = [lambda ax: _levels(model, ax), lambda ax: _noise(model, ax)]
    if not isinstance(model.read_noise, NoNoise):
        panels += [lambda ax: _exponent(model, ax), lambda ax: _spectrum(model.read_noise, model.g_max / 2, ax)]
    if model.pulses is not None:
        panels.append(lambda ax: _pulses(model, ax))
    if not isinstance(model.retention, NoDrift):
        panels.append(lambda ax: _retention(model, ax))
    return panels


def data_sheet(preset: Preset) -> Figure:
    """Return one figure of what is known of a preset: range and programming, σ(G), γ(G), spectrum, pulses, retention.

    Only what the preset models is drawn; below stands where its numbers are from.
    """
    panels = _panels(preset.model)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    with mpl.rc_context(STYLE):
        sheet = Figure(figsize=(2.4 * columns + 0.2, 2.1 * rows + 0.7))
        axes = sheet.subplots(rows, columns, squeeze=False)
        for ax, panel in zip(axes.flat, panels, strict=False):
            panel(ax)
        for ax in axes.flat[len(panels) :]:
            ax.set_axis_off()
        sheet.suptitle(f"{preset.name}: {preset.technology}", fontsize=9, fontweight="bold")
        sheet.supxlabel(
            _wrapped(f"{preset.citation}. Numbers: {preset.status}; {preset.verified}.", columns), fontsize=6
        )
    return sheet


def _wrapped(text: str, columns: int) -> str:
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 44 * columns:
            lines.append("")
        lines[-1] += word + " "
    return "\n".join(lines)


def save_data_sheet(preset: Preset, path: str | Path) -> Path:
    """Write the data sheet of a preset to `path` (png, pdf, svg) and return the path."""
    with mpl.rc_context(STYLE):
        data_sheet(preset).savefig(path)
    return Path(path)
