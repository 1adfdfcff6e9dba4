"""Weight scale and quantization on crossbars, for NSM, ReLU, StNN and BD perceptrons on MNIST.

    python examples/robustness_of_all.py [FOLDER]      (about 5 minutes on two cores)

All networks have one recipe and three trainings each (see trained.py), which are kept in FOLDER
(default: results/robustness) with the rows; the same command resumes after a kill. Needs the MNIST
files, from NSM_DATA_DIR or a download. The cells are free of errors and have an on/off ratio of
100; stochastic layers have a blank-out gate with p = 1/2. Only the scale and the number of levels
vary. Solid lines: on the crossbar. Dashed lines: the same change made to the weights in software.
Writes robustness_of_all.png.
"""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from trained import RECIPE, SEEDS, trained
from usage import arguments

import nsm
from crossbar import Hardware
from devices import BlankOut, Device
from nsm import plots
from nsm.sweeps import worker_pool
from nsm.training.comparison import Trainings, recipe_text

LEVELS = [2, 3, 4, 6, 8, 16, 32, 64, 256]
SCALES = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
HARDWARE = Hardware(
    device=Device(g_min=1e-8, g_max=1e-6), gate=BlankOut(0.5), tile_shape=(1024, 512)
)
IMAGES = 1000
SAMPLES = 10
ORDER = ("NSM", "ReLU", "StNN", "BD")

#: Stochastic networks. The others give the same answer on every read of a chip without noise, so
#: that one sample is enough.
NOISY = ("NSM", "StNN")


def on_chips(models: Trainings, folder: Path, data: "nsm.datasets.Data") -> pd.DataFrame:
    """Return the rows of both sweeps, with the column "sweep".

    Args:
        models: trainings of the networks by name.
        folder: where the rows are kept.
        data: MNIST.
    """
    mappings = ["differential_pair", "reference_column"]
    sweeps = {
        "gain": {"gain": SCALES},
        "levels": {"device.levels": LEVELS, "weight_scale": ["layer", "row"], "mapping": mappings},
    }
    frames = []
    with worker_pool(2) as pool:
        for name, axes in sweeps.items():
            for noisy in (True, False):
                chosen = {n: m for n, m in models.items() if (n in NOISY) == noisy}
                rows = nsm.collect(
                    nsm.grid(chosen, HARDWARE, axes),
                    data.x_test[:IMAGES],
                    data.y_test[:IMAGES],
                    chips=1,
                    samples=SAMPLES if noisy else 1,
                    rng=0,
                    save_to=folder / f"{name}_{'noisy' if noisy else 'still'}.csv",
                    executor=pool,
                )
                frames.append(rows.assign(sweep=name, samples=SAMPLES))
    return pd.concat(frames)


def in_software(models: Trainings, data: "nsm.datasets.Data") -> pd.DataFrame:
    """Return the mean test errors [%] over trainings of the same changes made in software."""
    x = data.x_test[:IMAGES]
    y = data.y_test[:IMAGES]
    rows = []
    for name, trainings in models.items():
        for model in trainings.values():
            changed = [("gain", s, "layer", nsm.scale_weights(model, s)) for s in SCALES]
            changed += [
                ("levels", n, s, nsm.quantize_weights(model, n, scale=s, biases=True))
                for s in ("layer", "row")
                for n in LEVELS
            ]
            for sweep, value, scale, net in changed:
                error = 100 * nsm.error_rate(net, x, y, SAMPLES if name in NOISY else 1, rng=0)
                rows.append((name, sweep, value, scale, error))
    columns = ["network", "sweep", "value", "weight_scale"]
    found = pd.DataFrame(rows, columns=[*columns, "error"])
    return found.groupby(columns, as_index=False)["error"].mean()


def draw(ax: Axes, rows: pd.DataFrame, software: pd.DataFrame | None, x: str) -> None:
    """Draw the curves of chips, solid, and those in software (None: not drawn), dashed."""
    plots.plot_error_rate(rows, x=x, group="network", order=ORDER, error_axis="log", ax=ax)
    ax.get_legend().remove()
    if software is not None:
        for name in ORDER:
            part = software[software["network"] == name]
            color = plots.style_of(name)["color"]
            ax.plot(part["value"], part["error"], "--", color=color, linewidth=0.9)
    ax.set_xscale("log")
    ax.set_ylim(1, 115)
    ticks = [1, 2, 5, 10, 20, 50, 100]
    ax.set_yticks(ticks, [str(t) for t in ticks])
    values = SCALES[::2] if x == "gain" else [2, 4, 8, 16, 64, 256]
    ax.set_xticks(values, [f"{t:g}" for t in values])
    ax.minorticks_off()


def select(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows that have these values in these columns."""
    for column, value in values.items():
        rows = rows[rows[column] == value]
    return rows


def draw_legend(ax: Axes) -> None:
    """Show what the lines of the other panels are, in a panel without axes."""
    ax.axis("off")
    for name in ORDER:
        ax.plot([], [], label=name, **plots.style_of(name))
    ax.plot([], [], "--", color="0.4", label="weights changed in software")
    ax.legend(loc="center", frameon=False, title=f"band: ± 1 s.d. over {len(SEEDS)} trainings")


def main(folder: Path) -> None:
    """Run all sweeps, and draw one figure."""
    folder.mkdir(parents=True, exist_ok=True)
    data = nsm.load_data("mnist")
    models = trained(folder, data, ORDER)
    chips = on_chips(models, folder, data)
    software = in_software(models, data)
    with mpl.rc_context(plots.STYLE):
        drawing = Figure(figsize=(7.2, 4.6))
        panels = drawing.subplots(2, 3)
        first = panels[0, 0]
        draw(first, select(chips, sweep="gain"), select(software, sweep="gain"), "gain")
        first.set(title="gain", xlabel="scale of all weights and biases")
        for column, scale in ((1, "layer"), (2, "row")):
            levels = select(chips, sweep="levels", weight_scale=scale)
            changed = select(software, sweep="levels", weight_scale=scale)
            for row, mapping in enumerate(("differential_pair", "reference_column")):
                of_mapping = select(levels, mapping=mapping)
                draw(panels[row, column], of_mapping, None if row else changed, "device.levels")
                title = mapping.replace("_", " ")
                panels[row, column].set_title(f"{title}, scale per {scale}")
        draw_legend(panels[1, 0])
        text = plots.conditions(
            HARDWARE,
            models,
            axis="weight_scale",
            values=["layer", "row"],
            recipe=recipe_text(**RECIPE),
            test=f"{IMAGES} images of MNIST, {SAMPLES} samples",
        )
        plots.note_figure(drawing, [text])
        plots.save_figure(first, folder / "robustness_of_all.png")


if __name__ == "__main__":
    main(Path(*arguments() or ["results/robustness"]))
