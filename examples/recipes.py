"""The recipe decides: NSM and ReLU network at few levels, after five trainings of the digits.

    python examples/recipes.py [FOLDER]      (about 3 minutes on two cores)

Every recipe trains both networks from three seeds, kept in FOLDER (default: results/recipes) with
the rows; the same command resumes after a kill. The cells are free of errors, so that only their
levels and the recipe vary. Writes recipes.png.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import torch
from usage import arguments

import crossbar
import devices
import nsm
from nsm import plots
from nsm.training.augment import FlipInputs
from nsm.training.comparison import train_alike

WIDTHS = (64, 100, 100, 10)
LEVELS = [2, 3, 4, 6, 8, 16]
SAMPLES = 10

#: Options of `nsm.fit` by the name of the recipe. Each adds to "long" what its name says.
RECIPES: dict[str, dict[str, Any]] = {
    "short (5 epochs)": {"epochs": 5},
    "long (40 epochs)": {"epochs": 40},
    "long, smoothed 0.1": {"epochs": 40, "label_smoothing": 0.1},
    "long, flips 5 %": {"epochs": 40, "augment": FlipInputs(0.05)},
    "long, averaged 0.99": {"epochs": 40, "ema_decay": 0.99},
    "long, all three": {
        "epochs": 40,
        "label_smoothing": 0.1,
        "augment": FlipInputs(0.05),
        "ema_decay": 0.99,
    },
}

HARDWARE = crossbar.Hardware(
    device=devices.Device(g_min=1e-8, g_max=1e-6), gate=devices.BlankOut(0.5)
)
BUILDERS = {"NSM": lambda: nsm.nsm_mlp(WIDTHS), "ReLU": lambda: nsm.relu_mlp(WIDTHS)}


def swept(folder: Path) -> tuple[pd.DataFrame, Any]:
    """Return the rows of all recipes, with the column "recipe", and the last trained networks."""
    data = nsm.load_data("digits")
    frames = []
    for number, (name, recipe) in enumerate(RECIPES.items()):
        networks = train_alike(
            BUILDERS,
            data.x_train,
            data.y_train,
            folder=folder / str(number),
            batch_size=50,
            progress=False,
            **recipe,
        )
        rows = nsm.collect(
            nsm.grid(networks, HARDWARE, {"device.levels": LEVELS}),
            data.x_test,
            data.y_test,
            chips=1,
            samples=SAMPLES,
            rng=0,
            save_to=folder / f"{number}.csv",
            progress=False,
        )
        frames.append(rows.assign(recipe=name))
    return pd.concat(frames), networks


def main(folder: Path) -> pd.DataFrame:
    """Train, sweep, draw; return the rows."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    rows, networks = swept(folder)
    text = plots.conditions(
        HARDWARE,
        networks,
        axis="device.levels",
        values=LEVELS,
        test=f"{int(rows['images'].iloc[0])} images of digits, {SAMPLES} samples",
    )
    drawing = plots.facet_error_rate(
        rows,
        facet="recipe",
        x="device.levels",
        group="network",
        error_axis="log",
        conditions=text,
    )
    plots.save_figure(drawing.axes[0], folder / "recipes.png")
    percent = 100 * rows["errors"] / rows["images"]
    table = percent.groupby([rows["network"], rows["recipe"], rows["device.levels"]], sort=False)
    print(table.agg(["mean", "min", "max"]).round(1).to_string())
    return rows


if __name__ == "__main__":
    main(Path(*arguments() or ["results/recipes"]))
