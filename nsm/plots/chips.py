"""Figures of one chip: its conductances, its weight errors, and how often its neurons fire."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from scipy.special import erf
from torch import Tensor, nn

from devices.arguments import listed
from devices.seeding import RNG
from devices.validation import array
from nsm.chips.chip import MappedNetwork
from nsm.chips.firing import firing
from nsm.chips.layers.dropout import KeptDropout
from nsm.chips.planning.planner import evaluating_copy
from nsm.nn.inference import Floats
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.registry import draws_in_eval
from nsm.plots.annotated import checked
from nsm.plots.style import COLORS, COLUMN, LINES, figure, save_figure, styled

#: Most lines of the legend of weight errors; a chip may have more layers than a legend can hold.
LEGEND_LINES = 10

#: Height of one line of a legend [inch].
LEGEND_LINE_HEIGHT = 0.15

#: Points drawn in a figure of firing probabilities; more would hide the curve behind them.
DRAWN_POINTS = 800

#: Images whose firing `draw_chip` measures at most.
IMAGES = 50

#: Firing probabilities that `draw_chip` measures at most: a convolution has thousands per image.
POINTS = 20_000


@styled
def plot_conductance_map(
    chip: MappedNetwork, *, layer: int | str = 0, ax: Axes | None = None
) -> Axes:
    """Draw the conductances G⁺ [µS] of one layer's positive cells, with white lines between tiles.

    Args:
        chip: the chip.
        layer: number of the layer among those on tiles, from 0, or its name in the network.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes: bit lines (outputs) across, word lines (inputs) down.
    """
    if ax is None:
        _, ax = figure()
    on_tiles = chip.layer(layer)
    g_pos, _ = chip.conductances(layer)
    image = ax.imshow(g_pos * 1e6, cmap="viridis", aspect="auto", interpolation="nearest")
    array = on_tiles.neurons.main
    for edge in array.row_edges[1:-1]:
        ax.axhline(edge - 0.5, color="white", linewidth=0.6)
    for edge in array.column_edges[1:-1]:
        ax.axvline(edge - 0.5, color="white", linewidth=0.6)
    ax.figure.colorbar(image, ax=ax, label="$G^+$ [µS]")
    borders = ", white: tile borders" if len(array.all_tiles()) > 1 else ""
    ax.set(xlabel="bit line (output)", ylabel="word line (input)", title=on_tiles.name + borders)
    return ax


def _weight_errors(chip: MappedNetwork, weights: Sequence[ArrayLike] | None) -> list[Floats]:
    """Return programmed minus wanted weights of every layer, in % of its largest wanted weight."""
    given: Sequence[ArrayLike]
    if weights is None:
        given = [layer.wanted for layer in chip.layers]
    else:
        given = listed("weights", weights, "a matrix for each layer on tiles")
    if len(given) != len(chip.layers):
        raise ValueError(
            f"{len(given)} weight matrices were given; this chip has {len(chip.layers)} layers"
        )
    errors = []
    # Layers of zeros, such as residual branches at the start of training, have no largest weight.
    for k, (layer, wanted) in enumerate(zip(chip.layers, given, strict=True)):
        w = array(f"weights[{k}]", wanted, shape=layer.wanted.shape)
        errors.append(100 * (layer.neurons.main.weights - w).ravel() / (np.abs(w).max() or 1.0))
    return errors


def _weight_error_labels(names: Sequence[str], errors: Sequence[Floats]) -> list[str]:
    """Return one legend entry per layer; with too many layers, the last entry sums up the rest."""
    labels = [f"{name}: {e.std():.2f} % rms" for name, e in zip(names, errors, strict=True)]
    if len(errors) <= LEGEND_LINES:
        return labels
    rest = errors[LEGEND_LINES - 1 :]
    largest = max(e.std() for e in rest)
    labels = [*labels[: LEGEND_LINES - 1], f"{len(rest)} more layers: ≤ {largest:.2f} % rms"]
    # matplotlib leaves out labels that begin with an underscore.
    return labels + ["_"] * (len(errors) - len(labels))


@styled
def plot_weight_error(
    chip: MappedNetwork, weights: Sequence[ArrayLike] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the histogram of programmed minus wanted weights, in % of the layer's largest weight.

    There is one line per layer. The legend has at most LEGEND_LINES entries.

    Args:
        chip: the chip.
        weights: wanted matrices (outputs, inputs), in the order of the layers on tiles; None for
            those that were to be programmed, with normalization folded in and rows scaled.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: the number of matrices is not the number of layers.
    """
    entries = min(len(chip.layers), LEGEND_LINES)
    if ax is None:
        _, ax = figure((COLUMN[0], COLUMN[1] + LEGEND_LINE_HEIGHT * max(0, entries - 3)))
    errors = _weight_errors(chip, weights)
    labels = _weight_error_labels([layer.name for layer in chip.layers], errors)
    # A few outliers, such as stuck cells, would squeeze everything else into one bin.
    width = max(float(np.quantile(np.abs(e), 0.999)) for e in errors) or 1.0
    bins = list(np.linspace(-width, width, 61))
    for index, (error, label) in enumerate(zip(errors, labels, strict=True)):
        ax.hist(
            error,
            bins=bins,
            histtype="step",
            density=True,
            color=COLORS[index % len(COLORS)],
            linestyle=LINES[index // len(COLORS) % len(LINES)],
            label=label,
        )
    ax.set(xlabel="weight error [% of the layer's largest |w|]")
    ax.set_ylabel("probability density [1/%]")
    # The legend stands above the lines: the axis is made longer by the share that it takes.
    height = ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    share = min(0.8, LEGEND_LINE_HEIGHT * (entries + 0.5) / height)
    ax.set_ylim(top=max(1.5, 1 / (1 - share)) * ax.get_ylim()[1])
    ax.legend(frameon=False)
    return ax


def _draw_equation_4(ax: Axes, samples: int) -> None:
    """Draw P(z = +1) over v, with a band of ± two standard errors of a frequency of `samples`."""
    v = np.linspace(-3, 3, 241)
    p = 0.5 * (1 + erf(v))
    margin = 2 * np.sqrt(p * (1 - p) / samples)
    ax.plot(v, p, color=COLORS[0], label="eq. 4")
    style: dict[str, Any] = {"color": COLORS[0], "alpha": 0.2, "linewidth": 0}
    ax.fill_between(v, p - margin, p + margin, label="± 2 s.e. of the count", **style)


@styled
def plot_firing_probability(
    chip: MappedNetwork,
    x: Any,
    argument: Floats,
    *,
    samples: int = 200,
    layer: int | str = 0,
    rng: RNG = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw measured firing probabilities of a neural sampling layer against theory.

    Theory is P(z = +1) = ½ (1 + erf v), eq. 4 of Detorakis et al. (2019). Each point is the
    frequency of z = +1 of one neuron and one image; at most DRAWN_POINTS are drawn, chosen at
    random. The band is ± two standard errors of such a frequency; points beyond it belong to
    neurons whose cells hold other weights than the trained ones.

    Args:
        chip: the chip.
        x: images.
        argument: v of shape (batch, neurons), as trained: the layer's `argument` of its input.
            That of a convolution is flattened, (batch, channels · height · width).
        samples: reads of every image.
        layer: number of the layer among the chip's neural sampling layers, from 0, or its name.
        rng: of the reads.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: argument has another shape than the layer's output.
    """
    if ax is None:
        _, ax = figure()
    measured, _ = firing(chip, x, samples, layer=layer, rng=rng)
    v = array("argument", argument)
    if v.shape != measured.shape:
        raise ValueError(
            f"argument has shape {v.shape}; the layer fires with shape {measured.shape}"
        )
    shown = np.random.default_rng(0).permutation(v.size)[:DRAWN_POINTS]
    points: dict[str, Any] = {"color": COLORS[1], "markersize": 2}
    ax.plot(v.ravel()[shown], measured.ravel()[shown], ".", alpha=0.6, rasterized=True, **points)
    # The points are small and pale; the legend shows one that can be seen.
    ax.plot([], [], "o", linestyle="", label=f"measured, {samples} reads", **points)
    _draw_equation_4(ax, samples)
    ax.set(xlim=(-3, 3), ylabel="P(z = +1)")
    ax.set_xlabel("argument $v = β\\,ŵ·z + b/(\\sqrt{2\\,Var\\,ξ}\\,‖w‖)$")
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.02, 0.02))
    return ax


class _FirstDraw:
    """Records the first call, in a pass of a network, of a layer that draws random numbers."""

    def __init__(self, network: nn.Module):
        self.path = ""
        self.layer: nn.Module | None = None
        self.given: Tensor | None = None
        for path, module in network.named_modules():
            if draws_in_eval(module) or KeptDropout.is_kept(module):
                module.register_forward_pre_hook(self._recorder(path))

    def _recorder(self, path: str) -> Callable[..., None]:
        def record(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
            if self.layer is None:
                self.path, self.layer, self.given = path, layer, inputs[0]

        return record


def _first_arguments(
    chip: MappedNetwork, model: nn.Module, x: Any
) -> tuple[str, Any, Tensor] | None:
    """Return path, images and arguments v (images, neurons) of the first neural sampling layer.

    None if the network has no such layer, or if another layer draws random numbers before it: the
    images do not determine v then.
    """
    images = chip.check_images(x)
    images = chip.inputs.chosen(images, np.arange(min(IMAGES, chip.inputs.batch(images))))
    network = evaluating_copy(model)
    first = _FirstDraw(network)
    given = images
    if isinstance(images, np.ndarray):
        given = (torch.as_tensor(images, dtype=next(network.parameters()).dtype),)
    with torch.no_grad():
        network(*given)
        if not isinstance(first.layer, NeuralSampling) or first.given is None:
            return None
        neurons = first.layer.argument(first.given[:1]).numel()
        count = min(len(first.given), max(1, POINTS // neurons))
        argument = first.layer.argument(first.given[:count]).flatten(1)
    return first.path, chip.inputs.chosen(images, np.arange(count)), argument


@checked
def draw_chip(chip: MappedNetwork, model: nn.Module, x: Any, folder: Path) -> list[Path]:
    """Draw a chip into `folder`: conductances, weight errors and, if it can, firing probabilities.

    Conductances are drawn of the first layer on tiles. Firing is drawn of the first neural sampling
    layer, if no layer before it draws random numbers.

    Args:
        chip: the chip.
        model: the network that was mapped to it.
        x: images, (batch, ...), as for `chip.sample`; the first IMAGES of them are read.
        folder: where the PNG files are written.

    Returns:
        The paths of the files.
    """
    drawings = {"conductances": plot_conductance_map(chip), "weight_error": plot_weight_error(chip)}
    if (found := _first_arguments(chip, model, x)) is not None:
        path_in_network, images, argument = found
        drawings["firing_probability"] = plot_firing_probability(
            chip, images, argument.double().numpy(), layer=path_in_network
        )
    paths = []
    for name, ax in drawings.items():
        path = folder / f"chip_{name}.png"
        save_figure(ax, path)
        paths.append(path)
    return paths
