"""The largest tile that each wire resistance allows: NSM and ReLU network on MNIST.

    python examples/tile_size.py [FOLDER]      (over an hour on one core)

Both networks have one recipe and three trainings each (see trained.py), which are kept in FOLDER
(default: results/tile_size). Needs the MNIST files, from NSM_DATA_DIR or a download. The same
command resumes after a kill. Writes tile_size.csv and tile_size.png.

Most of what wires do along a bit line is a gain of that column. The NSM's comparators decide by the
sign and do not see it, which is why its tiles may be larger. It does not explain the limit of the
ReLU network, whose columns could be calibrated: that limit is what is left once gains are free.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from trained import RECIPE, SEEDS, trained
from usage import arguments

import crossbar
import devices
import nsm
from nsm.plots import conditions, note_below, style_of
from nsm.plots.style import figure, save_figure, styled
from nsm.training.comparison import Trainings, recipe_text

#: Word lines of a tile, as many as its bit lines.
LINES = [24, 32, 48, 64, 96, 128]

#: Wire resistance [Ω per segment]. The others are compared with 0.
OHMS = [0.0, 1.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 300.0]

#: Tolerated rise of the error [percentage points].
LOST = 1.0

IMAGES = 2000
#: Chips of each training; a training and its chip vary together.
CHIPS = 1
SAMPLES = 10

#: Range of r n² [Ω] of the tiles that are tried. The loss depends on r g n² only (notebook 09), so
#: that smaller tiles than these lose nothing and larger ones far too much.
TRIED = {"NSM": (6e5, 5e6), "ReLU": (1.5e5, 1.3e6)}


def hardware() -> crossbar.Hardware:
    """Return RRAM of 1 to 10 µS that is programmed by write–verify, and one gate per pair."""
    return crossbar.Hardware(
        device=devices.preset("rram_wu2018_verify"),
        gate=devices.BlankOut(0.5),
        wires=crossbar.Wires(0.0, 0.0),
    )


def is_tried(task: nsm.Task) -> bool:
    """Return whether a point of the grid belongs to the experiment.

    Word lines and bit lines have the same resistance, and the tile is near the size at which the
    error rises. The largest tile with at most 1 Ω is tried in any case.
    """
    wires = task.hardware.wires
    n = task.hardware.tile_shape[0]
    least, most = TRIED[task.network]
    return wires.r_row == wires.r_col and (
        least <= wires.r_row * n**2 <= most or (n == LINES[-1] and wires.r_row <= 1)
    )


def largest_tile(rises: pd.Series) -> float:
    """Return the number of lines at which the error has risen by LOST.

    Args:
        rises: rise of the error [percentage points] by the number of lines.

    Returns:
        The first crossing, interpolated over the logarithm of the lines. Infinity if the largest
        tile loses less; NaN if the smallest one loses more.
    """
    lines = np.log(rises.index.to_numpy(float))
    rise = rises.to_numpy()
    above = np.flatnonzero(rise > LOST)
    if not len(above):
        return np.inf
    k = above[0]
    if k == 0:
        return np.nan
    return float(np.exp(np.interp(LOST, rise[k - 1 : k + 1], lines[k - 1 : k + 1])))


def allowed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the largest tile of every network and resistance.

    Columns: network, ohms, lines (from the mean error over trainings and chips), least and most
    (over trainings and chips).
    """
    rows = rows.assign(percent=100 * rows["errors"] / rows["images"])
    rows["lines"] = [int(shape[0]) for shape in rows["tile_shape"]]
    one_chip = ["network", "training_seed", "chip"]
    base = rows[rows["wires.r_row"] == 0].set_index(one_chip)["percent"]
    own = pd.MultiIndex.from_frame(rows[one_chip])
    rows["rise"] = rows["percent"] - base.reindex(own).to_numpy()
    found = []
    for (network, ohms), part in rows[rows["wires.r_row"] > 0].groupby(["network", "wires.r_row"]):
        chips = [
            largest_tile(one.set_index("lines")["rise"].sort_index())
            for _, one in part.groupby(one_chip[1:])
        ]
        mean = largest_tile(part.groupby("lines")["rise"].mean())
        found.append(
            {
                "network": network,
                "ohms": ohms,
                "lines": mean,
                "least": min(chips),
                "most": max(chips),
            }
        )
    return pd.DataFrame(found)


@styled
def draw(rows: pd.DataFrame, models: Trainings, path: Path) -> None:
    """Draw the largest tile over the resistance; at open marks the largest one tried loses less."""
    _, ax = figure()
    top = LINES[-1]
    for network, part in allowed(rows).groupby("network"):
        style = style_of(str(network))
        ends = part.dropna(subset="lines")
        held = part["lines"] == np.inf
        ax.plot(
            ends["ohms"],
            ends["lines"].clip(upper=top),
            label=network,
            markevery=list(~held[ends.index]),
            **style,
        )
        ax.plot(
            part["ohms"][held],
            np.full(held.sum(), top),
            linestyle="",
            markerfacecolor="white",
            **style,
        )
        ax.fill_between(
            ends["ohms"],
            ends["least"].clip(upper=top),
            ends["most"].clip(upper=top),
            color=style["color"],
            alpha=0.2,
            linewidth=0,
        )
    ax.set(xscale="log", yscale="log", xlabel="wire resistance [Ω per segment]")
    ax.set_ylabel("largest square tile [lines]")
    ax.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    ax.set_yticks(LINES, [str(n) for n in LINES])
    ax.set_ylim(LINES[0] / 1.05, top * 1.15)
    ax.minorticks_off()
    ax.grid(alpha=0.25, linewidth=0.5)
    title = (
        f"{LOST:g} point of accuracy lost\nopen: at {top} lines still less\n"
        f"band: {len(SEEDS)} trainings"
    )
    ax.legend(frameon=False, loc="lower left", title=title, title_fontsize=6, alignment="left")
    text = conditions(
        hardware(),
        models,
        recipe=recipe_text(**RECIPE),
        test=f"{IMAGES} images of MNIST, {SAMPLES} samples",
    )
    why = "Gains of columns explain the NSM's side, not the limit of the ReLU network."
    note_below(ax, [why, text])
    save_figure(ax, path)


def main(folder: Path) -> None:
    """Run the sweep, print the table, draw the figure."""
    folder.mkdir(parents=True, exist_ok=True)
    data = nsm.load_data("mnist")
    axes = {"tile_shape": [(n, n) for n in LINES], "wires.r_row": OHMS, "wires.r_col": OHMS}
    models = trained(folder, data, list(TRIED))
    tasks = [t for t in nsm.grid(models, hardware(), axes) if is_tried(t)]
    x = data.x_test[:IMAGES]
    y = data.y_test[:IMAGES]
    rows = nsm.collect(
        tasks, x, y, chips=CHIPS, samples=SAMPLES, rng=0, save_to=folder / "tile_size.csv"
    )
    print(allowed(rows).round(1).to_string(index=False))
    draw(rows, models, folder / "tile_size.png")


if __name__ == "__main__":
    main(Path(*arguments() or ["results/tile_size"]))
