"""What a gain and drift cost, and what a measured factor gives back: NSM and ReLU on digits.

    python examples/compensation.py [FOLDER]      (about 2 minutes on one core)

Both networks have one recipe and three training seeds; each is programmed into one chip per seed.
First one gain multiplies all conductances of ferroelectric transistors, then phase-change memory
drifts for a year. Chips are read as they are, with a temperature of the softmax that is measured on
the chip, and with global drift compensation: one factor per layer, or per column, from total
currents. Layers have ideal converters, those of the NSM's hidden layers comparators. Writes
compensation.csv and compensation.png into FOLDER (default: the current one).
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from usage import arguments

import crossbar
import devices
import nsm
from nsm import plots, uncertainty

WIDTHS = (64, 100, 100, 10)
GAINS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
#: Ages [s] at which the phase-change memory is read, and their names. It drifts from 20 s on.
AGES = {20.0: "20 s", 3600.0: "1 h", 86400.0: "1 d", 2.592e6: "1 mo", 3.1536e7: "1 y"}
SEEDS = (0, 1, 2)
#: Images that are neither trained nor tested on: the temperature is measured on them.
HELD_OUT = 300
#: Passes of an image, and the largest number with early stopping.
SAMPLES = 20
MOST_SAMPLES = 100
CONFIDENCE = 0.95
GATE = devices.BlankOut(0.5)
METHODS = ("none", "temperature", "layer", "column")
#: Line of each method that is drawn, and its name. "column" is in the rows only.
DRAWN = {
    "none": (":", "as it is"),
    "temperature": ("--", "softmax temperature"),
    "layer": ("-", "one factor per layer"),
}
#: What reads the sums: comparators in the hidden layers of the NSM, else ideal converters.
NETWORKS = {"NSM": "NSM (comparators)", "ReLU": "ReLU (ideal converters)"}
QUANTITIES = {
    "error": "test error [%]",
    "confidence": "mean confidence",
    "ece": "calibration error (ECE)",
    "samples": "samples, early stopping",
}


def trained(data: "nsm.datasets.Data") -> dict[tuple[str, int], torch.nn.Sequential]:
    """Return the networks of one recipe by name and training seed."""
    x, y = data.x_train[:-HELD_OUT], data.y_train[:-HELD_OUT]
    networks = {}
    for seed in SEEDS:
        for name, build in (("NSM", nsm.nsm_mlp), ("ReLU", nsm.relu_mlp)):
            torch.manual_seed(seed)
            network = build(WIDTHS)
            nsm.fit(network, x, y, epochs=20, batch_size=50, rng=seed, progress=False)
            networks[name, seed] = network
    return networks


def treat(chip: "nsm.MappedNetwork", method: str, data: "nsm.datasets.Data", seed: int) -> bool:
    """Apply a method of `METHODS` to a chip; return False if it has none to offer.

    Outputs that have nothing to do with the classes have no best temperature.
    """
    if method == "temperature":
        held_out = data.x_train[-HELD_OUT:], data.y_train[-HELD_OUT:]
        try:
            chip.calibrate_temperature(*held_out, SAMPLES, rng=seed)
        except ValueError:
            return False
    elif method != "none":
        chip.compensate(method, rng=seed)
    return True


def measured(chip: "nsm.MappedNetwork", data: "nsm.datasets.Data", seed: int) -> dict[str, float]:
    """Return the error [%], mean confidence, ECE, and mean number of samples of early stopping."""
    p = chip.predict_proba(data.x_test, SAMPLES, rng=seed)
    _, samples = chip.classify(data.x_test, MOST_SAMPLES, rng=seed, confidence=CONFIDENCE)
    return {
        "error": 100 * float((p.argmax(axis=1) != data.y_test).mean()),
        "confidence": float(p.max(axis=1).mean()),
        "ece": uncertainty.expected_calibration_error(p, data.y_test),
        "samples": float(samples.mean()),
    }


def experiment(data: "nsm.datasets.Data") -> pd.DataFrame:
    """Return a row for each device, change of its conductances, network, seed and method."""
    # Phase-change cells drift; their 1/f noise, a static error in a run of reads, is left out.
    drifting = devices.preset("pcm_nandakumar2019", read_noise=devices.NoNoise())
    fefet, pcm = (
        crossbar.Hardware(device=device, gate=GATE)
        for device in (devices.preset("fefet_jerry2017"), drifting)
    )
    changes = [("gain", gain, fefet) for gain in GAINS]
    changes += [("age", age, pcm) for age in AGES]
    rows = []
    for (name, seed), network in trained(data).items():
        for axis, value, hardware in changes:
            for method in METHODS:
                chip = nsm.map_to_crossbar(network, hardware, rng=seed)
                if axis == "gain":
                    chip.scale_conductances(value)
                else:
                    chip.age(value)
                if not treat(chip, method, data, seed):
                    continue
                row = {"axis": axis, "value": value, "network": name, "seed": seed}
                rows.append({**row, "compensation": method, **measured(chip, data, seed)})
    return pd.DataFrame(rows)


def draw(ax: Axes, rows: pd.DataFrame, quantity: str) -> None:
    """Draw a quantity over gain or age: means over trainings, and their range as a bar."""
    for name in NETWORKS:
        place = plots.NETWORK_PLACES[name]
        color = plots.COLORS[place]
        for method, (line, _) in DRAWN.items():
            part = rows[(rows["network"] == name) & (rows["compensation"] == method)]
            by_value = part.groupby("value")[quantity]
            mean = by_value.mean()
            ax.errorbar(
                mean.index,
                mean,
                np.array([mean - by_value.min(), by_value.max() - mean]),
                color=color,
                linestyle=line,
                marker=plots.MARKERS[place],
                markersize=6 if method == "none" else 3,  # lines may lie on each other
                markerfacecolor="none" if method == "none" else color,
                elinewidth=0.6,
            )
    ax.set(xscale="log", ylabel=QUANTITIES[quantity])
    if quantity == "error":
        ax.set(yscale="log", ylim=(2, 110))
        ax.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    elif quantity == "samples":
        ax.set_ylim(0, 1.05 * MOST_SAMPLES)
    else:
        ax.set_ylim(-0.03, 1.05)
    ax.grid(alpha=0.25, linewidth=0.5)


def legend(drawing: Figure) -> None:
    """Draw a legend of networks and methods above the panels."""
    networks = [
        Line2D([], [], color=plots.COLORS[place], marker=plots.MARKERS[place], label=label)
        for label, place in ((text, plots.NETWORK_PLACES[name]) for name, text in NETWORKS.items())
    ]
    methods = [
        Line2D([], [], color="0.3", linestyle=line, label=name) for line, name in DRAWN.values()
    ]
    drawing.legend(handles=networks + methods, loc="outside upper center", ncols=5, frameon=False)


def figure(rows: pd.DataFrame, path: Path) -> None:
    """Draw all quantities over the gain, and error and confidence over the age, into a file."""
    with mpl.rc_context(plots.STYLE):
        drawing = Figure(figsize=(7.2, 4.6))
        axes = drawing.subplots(2, 3)
        gains, ages = (rows[rows["axis"] == axis] for axis in ("gain", "age"))
        for ax, quantity in zip(axes[:, :2].T.flat, QUANTITIES, strict=True):
            draw(ax, gains, quantity)
            ax.set_xlabel("common-mode gain")
            ax.set_xticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
        for ax, quantity in zip(axes[:, 2], ("error", "confidence"), strict=True):
            draw(ax, ages, quantity)
            ax.set_xlabel("age")
            ax.set_xticks(list(AGES), list(AGES.values()))
        for ax in axes.flat:
            ax.minorticks_off()
        axes[0, 0].set_title("FeFET (Jerry 2017)")
        axes[0, 1].set_title(f"digits, {SAMPLES} samples, {len(SEEDS)} trainings")
        axes[0, 2].set_title("PCM drift (Nandakumar 2019)")
        legend(drawing)
        drawing.savefig(path)


def main(folder: str = ".") -> pd.DataFrame:
    """Train, program, change, compensate, draw; return the rows."""
    torch.set_num_threads(1)  # for matrices this small, more threads only wait for each other
    rows = experiment(nsm.load_data("digits"))
    rows.to_csv(Path(folder) / "compensation.csv", index=False, float_format="%.5g")
    figure(rows, Path(folder) / "compensation.png")
    return rows


if __name__ == "__main__":
    main(*arguments())
