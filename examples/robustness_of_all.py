"""Weight scale and quantization on crossbars, for NSM, ReLU (dCNN), StNN and BD on MNIST.

    python examples/robustness_of_all.py NETWORKS [FOLDER]      (about 15 minutes on two cores)

NETWORKS is the folder of networks that `make paper` trained (results/paper). FOLDER (default:
results/robustness) holds the rows; the same command resumes after a kill. The cells are free of
errors and have an on/off ratio of 100; stochastic layers have a blank-out gate with p = 1/2. Only
the scale and the number of levels vary. Solid lines: on the crossbar. Dashed lines: the same change
made to the weights in software. Writes robustness_of_all.png.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn
from trained import trained

import nsm
from crossbar import Hardware
from devices import BlankOut, Device
from nsm import plots
from nsm.sweeps import worker_pool

LEVELS = [2, 3, 4, 6, 8, 16, 32, 64, 256]
SCALES = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
HARDWARE = Hardware(
    device=Device(g_min=1e-8, g_max=1e-6), gate=BlankOut(0.5), tile_shape=(1024, 512)
)
ORDER = ("NSM", "ReLU", "StNN", "BD")

#: Stochastic networks. The others give the same answer on every read of a chip without noise, so
#: that one sample is enough.
NOISY = ("NSM", "StNN")


def networks(folder: Path, data: "nsm.datasets.Data") -> dict[str, dict[str, nn.Sequential]]:
    """Return the perceptrons and the convolutional networks, by name."""
    perceptrons = {
        "NSM": nsm.load("mnist_mlp"),
        "StNN": nsm.load(folder / "mlp_stnn_0.safetensors"),
    }
    for name, build in (("ReLU", nsm.relu_mlp), ("BD", nsm.bd_mlp)):
        perceptrons[name] = trained(folder / f"mlp_{name}.safetensors", build, data)
    convs = {
        name: nsm.load(folder / f"conv_{rule}_0.safetensors")
        for name, rule in (("ReLU", "dCNN"), ("BD", "BD"))
    }
    return {
        "perceptron": {name: perceptrons[name] for name in ORDER},
        "convolutional": {"NSM": nsm.load("mnist_conv"), **convs},
    }


def on_chips(
    models: dict[str, nn.Sequential], architecture: str, folder: Path, data: "nsm.datasets.Data"
) -> pd.DataFrame:
    """Return the rows of both sweeps of these networks, with the column "sweep".

    Args:
        models: networks by name.
        architecture: "perceptron" or "convolutional", whose reads take longer.
        folder: where the rows are kept.
        data: MNIST.
    """
    images = 1000
    chips = 3
    mappings = ["differential_pair", "reference_column"]
    if architecture == "convolutional":
        images = 500
        chips = 1
        mappings = ["differential_pair"]
    sweeps = {
        "gain": {"gain": SCALES},
        "levels": {"device.levels": LEVELS, "weight_scale": ["layer", "row"], "mapping": mappings},
    }
    frames = []
    with worker_pool(2) as pool:
        for name, axes in sweeps.items():
            for noisy in (True, False):
                chosen = {n: m for n, m in models.items() if (n in NOISY) == noisy}
                tasks = nsm.grid(chosen, HARDWARE, axes)
                path = folder / f"{architecture}_{name}_{'noisy' if noisy else 'still'}.csv"
                rows = nsm.collect(
                    tasks,
                    data.x_test[:images],
                    data.y_test[:images],
                    chips=chips,
                    samples=10 if noisy else 1,
                    rng=0,
                    save_to=path,
                    executor=pool,
                )
                frames.append(rows.assign(sweep=name))
    return pd.concat(frames)


def in_software(
    models: dict[str, nn.Sequential], architecture: str, data: "nsm.datasets.Data"
) -> pd.DataFrame:
    """Return the test errors [%] of the same changes made to the weights in software."""
    images = 1000 if architecture == "perceptron" else 500
    x = data.x_test[:images]
    y = data.y_test[:images]
    rows = []
    for name, model in models.items():
        changed = [("gain", s, "layer", nsm.scale_weights(model, s)) for s in SCALES]
        changed += [
            ("levels", n, s, nsm.quantize_weights(model, n, scale=s, biases=True))
            for s in ("layer", "row")
            for n in LEVELS
        ]
        for sweep, value, scale, net in changed:
            error = nsm.error_rate(net, x, y, 10 if name in NOISY else 1, rng=0)
            rows.append(
                {
                    "network": name,
                    "sweep": sweep,
                    "value": value,
                    "weight_scale": scale,
                    "error": 100 * error,
                }
            )
    return pd.DataFrame(rows)


def draw(ax: Axes, rows: pd.DataFrame, software: pd.DataFrame | None, x: str) -> None:
    """Draw the curves of chips, solid, and those in software (None: not drawn), dashed."""
    plots.plot_error_rate(rows, x=x, group="network", order=ORDER, ax=ax)
    ax.get_legend().remove()
    if software is not None:
        for index, name in enumerate(ORDER):
            part = software[software["network"] == name]
            ax.plot(part["value"], part["error"], "--", color=plots.COLORS[index], linewidth=0.9)
    ax.set(xscale="log", yscale="log", ylim=(0.3, 100))
    ax.set_yticks([1, 10, 100], ["1", "10", "100"])
    ticks = SCALES[::2] if x == "gain" else [2, 4, 8, 16, 64, 256]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


def select(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows that have these values in these columns."""
    for column, value in values.items():
        rows = rows[rows[column] == value]
    return rows


def main(source: Path, folder: Path) -> None:
    """Run all sweeps with the networks in `source`, and draw one figure into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = nsm.load_data("mnist")
    with mpl.rc_context(plots.STYLE):
        drawing = Figure(figsize=(7.2, 6.0))
        axes = drawing.subplots(3, 3)
        for row, (architecture, models) in enumerate(networks(source, data).items()):
            chips = on_chips(models, architecture, folder, data)
            software = in_software(models, architecture, data)
            first = axes[row, 0]
            draw(first, select(chips, sweep="gain"), select(software, sweep="gain"), "gain")
            first.set(title=f"{architecture}: gain", xlabel="scale of all weights and biases")
            for column, scale in ((1, "layer"), (2, "row")):
                levels = select(chips, sweep="levels", weight_scale=scale)
                changed = select(software, sweep="levels", weight_scale=scale)
                pairs = select(levels, mapping="differential_pair")
                draw(axes[row, column], pairs, changed, "device.levels")
                axes[row, column].set_title(f"{architecture}: pairs, scale per {scale}")
                if architecture == "perceptron":
                    references = select(levels, mapping="reference_column")
                    draw(axes[2, column], references, None, "device.levels")
                    axes[2, column].set_title(f"reference column, scale per {scale}")
        axes[2, 0].axis("off")
        for index, name in enumerate(("NSM", "ReLU (dCNN)", "StNN", "BD")):
            style = {"color": plots.COLORS[index], "marker": plots.MARKERS[index]}
            axes[2, 0].plot([], [], label=name, **style)
        axes[2, 0].plot([], [], "--", color="0.4", label="weights changed in software")
        axes[2, 0].legend(
            loc="center", frameon=False, title="band: ± 1 s.d. over 3 chips\n(perceptrons)"
        )
        drawing.savefig(folder / "robustness_of_all.png")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "results/robustness"))
