"""Pictures: robustness curves from rows, and one chip's conductances, errors and firing. All take and return Axes."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from scipy.special import erf
from torch import Tensor, nn

from devices.seeding import RNG
from nsm.chips.chip import MappedNetwork
from nsm.nn.inference import Floats
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.registry import draws_in_eval
from nsm.plots.style import COLORS, COLUMN, LINES, figure, save_figure, styled

_ENTRIES, _ENTRY = 10, 0.15  # most lines of a legend, and the inches that one takes


@styled
def plot_conductance_map(chip: MappedNetwork, *, layer: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the conductances of the positive cells of one mapped layer [µS], word lines down, bit lines across."""
    if ax is None:
        _, ax = figure()
    array = chip.layers[layer].neurons.main
    g_pos, _ = array.conductances()
    image = ax.imshow(g_pos * 1e6, cmap="viridis", aspect="auto", interpolation="nearest")
    for edges, line in (
        (array.row_edges[1:-1], ax.axhline),
        (array.column_edges[1:-1], ax.axvline),
    ):
        for edge in edges:
            line(edge - 0.5, color="white", linewidth=0.6)
    ax.figure.colorbar(image, ax=ax, label="$G^+$ [µS]")
    ax.set_xlabel("bit line (output)")
    ax.set_ylabel("word line (input)")
    ax.set_title(
        chip.layers[layer].name + (", white: tile borders" if len(array.tiles) > 1 else "")
    )
    return ax


@styled
def plot_weight_error(
    chip: MappedNetwork, weights: Sequence[ArrayLike] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the histogram of programmed minus wanted weights, one line per layer, in % of the layer's largest weight.

    weights: matrices (outputs, inputs) to compare with, in the order of the chip's layers; None: what was to be programmed,
    normalisation folded in and rows scaled. The legend has ten lines at most: the last sums up the layers left out.
    """
    if weights is None:
        weights = [layer.wanted for layer in chip.layers]
    entries = min(len(chip.layers), _ENTRIES)
    if ax is None:
        _, ax = figure((COLUMN[0], COLUMN[1] + _ENTRY * max(0, entries - 3)))
    if len(weights) != len(chip.layers):
        raise ValueError(
            f"{len(weights)} weight matrices were given; this chip has {len(chip.layers)} layers"
        )
    errors = []
    for layer, wanted in zip(chip.layers, weights, strict=True):
        w = np.asarray(wanted, dtype=float)
        errors.append(100 * (layer.neurons.main.weights - w).ravel() / np.abs(w).max())
    width = max(float(np.quantile(np.abs(e), 0.999)) for e in errors) or 1.0
    bins = list(np.linspace(-width, width, 61))
    for index, (layer, error) in enumerate(zip(chip.layers, errors, strict=True)):
        label = f"{layer.name}: {error.std():.2f} % rms"
        if len(errors) > _ENTRIES and index >= _ENTRIES - 1:
            rest = errors[_ENTRIES - 1 :]
            label = (
                "_"
                if index >= _ENTRIES
                else f"{len(rest)} more layers: ≤ {max(e.std() for e in rest):.2f} % rms"
            )
        color, line = COLORS[index % len(COLORS)], LINES[index // len(COLORS) % len(LINES)]
        ax.hist(
            error,
            bins=bins,
            histtype="step",
            density=True,
            color=color,
            linestyle=line,
            label=label,
        )
    ax.set_xlabel("weight error [% of the layer's largest |w|]")
    ax.set_ylabel("probability density [1/%]")
    height = ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    share = min(0.8, _ENTRY * (entries + 0.5) / height)  # what the legend takes, above the lines
    ax.set_ylim(top=max(1.5, 1 / (1 - share)) * ax.get_ylim()[1])
    ax.legend(frameon=False)
    return ax


@styled
def plot_firing_probability(
    chip: MappedNetwork,
    x: ArrayLike,
    argument: Floats,
    *,
    samples: int = 200,
    layer: int = 0,
    rng: RNG = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw measured firing probabilities of a neural sampling layer against eq. 4, ½ (1 + erf v).

    argument: v of shape (batch, neurons) as trained, from the layer's `argument` on its input; that of a convolution
    flattened, (batch, channels · height · width). Points: frequency of z = +1 over `samples` reads, one per image and
    neuron, of 800 at random. Band: two standard errors of such a frequency.
    """
    if ax is None:
        _, ax = figure()
    measured, _ = chip.firing(x, samples, layer=layer, rng=rng)
    v = np.asarray(argument, dtype=float)
    if v.shape != measured.shape:
        raise ValueError(
            f"argument has shape {v.shape}; the layer fires with shape {measured.shape}"
        )
    line = np.linspace(-3, 3, 241)
    p = 0.5 * (1 + erf(line))
    margin = 2 * np.sqrt(p * (1 - p) / samples)
    shown = np.random.default_rng(0).permutation(v.size)[:800]
    ax.plot(
        v.ravel()[shown],
        measured.ravel()[shown],
        ".",
        color=COLORS[1],
        markersize=2,
        alpha=0.6,
        rasterized=True,
    )
    ax.plot(
        [], [], "o", color=COLORS[1], markersize=2, linestyle="", label=f"measured, {samples} reads"
    )
    ax.plot(line, p, color=COLORS[0], label="eq. 4")
    ax.fill_between(
        line,
        p - margin,
        p + margin,
        color=COLORS[0],
        alpha=0.2,
        linewidth=0,
        label="± 2 s.e. of the count",
    )
    ax.set_xlim(-3, 3)
    ax.set_xlabel("argument $v = β\\,ŵ·z + b/(\\sqrt{2\\,Var\\,ξ}\\,‖w‖)$")
    ax.set_ylabel("P(z = +1)")
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.02, 0.02))
    return ax


IMAGES, POINTS = (
    50,
    20_000,
)  # images whose firing is measured, fewer where more neurons than so many would fire


def _arguments(model: nn.Sequential, x: ArrayLike) -> tuple[Tensor, Tensor] | None:
    """Return images and the arguments v (images, neurons) of the first neural sampling layer that they are the cause of.

    None where there is no such layer, or where another one draws before it: v is then another on every pass.
    """
    draws = ((i, m) for i, m in enumerate(model) if draws_in_eval(m))
    first, layer = next(draws, (0, None))
    if not isinstance(layer, NeuralSampling):
        return None
    before = copy.deepcopy(model[:first]).eval()
    images = torch.as_tensor(np.asarray(x)[:IMAGES], dtype=layer.weight.dtype)
    with torch.no_grad():
        neurons = layer.argument(before(images[:1])).numel()
        images = images[: max(1, POINTS // neurons)]
        return images, layer.argument(before(images)).flatten(1)


def draw_chip(chip: MappedNetwork, model: nn.Sequential, x: ArrayLike, folder: Path) -> list[Path]:
    """Draw a chip's conductances, weight errors and firing probabilities into `folder`; return the pictures' paths.

    Firing: of the first neural sampling layer, where the network has one and nothing before it is stochastic.
    """
    drawings = {"conductances": plot_conductance_map(chip), "weight_error": plot_weight_error(chip)}
    if (found := _arguments(model, x)) is not None:
        images, argument = found
        drawings["firing_probability"] = plot_firing_probability(
            chip, images.numpy(), argument.numpy()
        )
    paths = []
    for name, ax in drawings.items():
        paths.append(folder / f"chip_{name}.png")
        save_figure(ax, paths[-1])
    return paths
