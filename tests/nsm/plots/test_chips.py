"""Figures of one chip: what is drawn equals what the chip holds and does."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from scipy.special import erf
from torch import nn

from crossbar import Hardware
from devices import BlankOut, preset
from nsm import NSMLinear, map_to_crossbar
from nsm.plots.chips import (
    draw_chip,
    plot_conductance_map,
    plot_firing_probability,
    plot_weight_error,
)
from nsm.plots.style import COLORS

HARDWARE = Hardware(device=preset("fefet_jerry2017"), gate=BlankOut(0.5), tile_shape=(16, 8))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(NSMLinear(40, 12), nn.Linear(12, 3))


@pytest.mark.parametrize("layer", [0, 1])
def test_the_conductance_map_shows_the_positive_cells_and_tile_borders(layer, model):
    chip = map_to_crossbar(model, HARDWARE, rng=0)
    ax = plot_conductance_map(chip, layer=layer)
    g_pos, _ = chip.conductances(layer)
    np.testing.assert_allclose(ax.images[0].get_array(), g_pos * 1e6, rtol=1e-12)
    # A layer of 40 × 12 on tiles of 16 × 8 has two borders across and one down; 12 × 3 fits one.
    assert len(ax.lines) == (3 if layer == 0 else 0)
    assert ("white: tile borders" in ax.get_title()) == (layer == 0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("bit line (output)", "word line (input)")
    assert ax.figure.axes[-1].get_ylabel() == "$G^+$ [µS]"


def test_the_weight_error_histogram_states_each_layers_deviation(model):
    chip = map_to_crossbar(model, HARDWARE, rng=0)
    weights = [m.weight.detach().numpy() for m in model]
    ax = plot_weight_error(chip, weights)
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    for text, layer, w in zip(texts, chip.layers, weights, strict=True):
        error = 100 * (layer.neurons.main.weights - w) / np.abs(w).max()
        assert text == f"{layer.name}: {error.std():.2f} % rms"
    assert ax.get_xlabel().endswith("[% of the layer's largest |w|]")
    with pytest.raises(ValueError, match="1 weight matrices were given; this chip has 2 layers"):
        plot_weight_error(chip, weights[:1])


@pytest.mark.parametrize(("count", "shown"), [(9, 9), (10, 10), (13, 10)])
def test_many_layers_are_told_apart_and_have_a_short_legend(count, shown):
    torch.manual_seed(0)
    deep = nn.Sequential(*(NSMLinear(8, 8) for _ in range(count)))
    chip = map_to_crossbar(deep, HARDWARE, rng=0)
    ax = plot_weight_error(chip)
    drawn = [(mpl.colors.to_hex(p.get_edgecolor()), p.get_linestyle()) for p in ax.patches]
    assert len(set(drawn)) == count
    assert drawn[0][0] == drawn[len(COLORS)][0]
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert len(texts) == shown
    deviations = [
        100 * (s.neurons.main.weights - s.wanted).std() / np.abs(s.wanted).max()
        for s in chip.layers
    ]
    named = [f"layer {i} (NSMLinear): {e:.2f} % rms" for i, e in enumerate(deviations)]
    if count == shown:
        assert texts == named
    else:
        assert texts == [*named[:9], f"4 more layers: ≤ {max(deviations[9:]):.2f} % rms"]
    ax.figure.draw_without_rendering()
    legend, axes = ax.get_legend().get_window_extent(), ax.get_window_extent()
    tops = [p.get_window_extent().y1 for p in ax.patches]
    assert axes.x0 <= legend.x0
    assert legend.x1 <= axes.x1
    assert max(tops) <= legend.y0


def test_an_ideal_chip_has_a_histogram_too(model):
    exact = replace(HARDWARE, device=HARDWARE.exact().device)
    ax = plot_weight_error(
        map_to_crossbar(model, exact, rng=0), [m.weight.detach().numpy() for m in model]
    )
    assert "0.00 % rms" in ax.get_legend().get_texts()[0].get_text()


def test_firing_probabilities_lie_on_equation_4(model, rng):
    x, samples = rng.choice([-1.0, 1.0], (30, 40)), 400
    chip = map_to_crossbar(
        model, Hardware(device=HARDWARE.exact().device, gate=BlankOut(0.5)), rng=0
    )
    argument = model[0].argument(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    ax = plot_firing_probability(chip, x, argument, samples=samples, rng=0)
    cloud, _, curve = ax.lines
    np.testing.assert_allclose(curve.get_ydata(), 0.5 * (1 + erf(curve.get_xdata())), rtol=1e-12)
    expected = 0.5 * (1 + erf(cloud.get_xdata()))
    z = (cloud.get_ydata() - expected) / np.sqrt(expected * (1 - expected) / samples)
    # The mean square of 360 deviations from eq. 4 is 1, with a standard error of √(2/360). Sums
    # of 40 inputs are normal up to O(1/40).
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / 360)
    with pytest.raises(
        ValueError, match=r"argument has shape \(30, 11\); the layer fires with shape \(30, 12\)"
    ):
        plot_firing_probability(chip, x, argument[:, 1:], samples=2)


class Tokens(nn.Module):
    """A network that is no Sequential, whose first drawing layer stands behind a skip."""

    def __init__(self, first=None):
        super().__init__()
        self.first = nn.Identity() if first is None else first
        self.stem = nn.Linear(6, 6)
        self.fires = NSMLinear(6, 5)
        self.head = nn.Linear(15, 2)

    def forward(self, x):
        x = self.first(x)
        return self.head(self.fires(x + self.stem(x)).flatten(1))


def test_any_network_is_drawn(tmp_path):
    torch.manual_seed(0)
    model = Tokens()
    x = torch.randn(4, 3, 6)
    chip = map_to_crossbar(model, HARDWARE, rng=0, example=x)
    paths = draw_chip(chip, model, x, tmp_path)
    names = [f"chip_{what}.png" for what in ("conductances", "weight_error", "firing_probability")]
    assert [path.name for path in paths] == names
    assert all(path.is_file() for path in paths)
    assert plot_conductance_map(chip, layer="fires").get_title().startswith("layer fires")


@pytest.mark.parametrize("first", [nn.Dropout(0.3), NSMLinear(6, 6)])
def test_firing_behind_a_layer_that_draws_is_not_drawn_against_theory(first, tmp_path):
    torch.manual_seed(0)
    model = Tokens(first).eval()
    if isinstance(first, nn.Dropout):
        model.first.train()
    x = torch.randn(4, 3, 6)
    chip = map_to_crossbar(model, HARDWARE, rng=0, example=x)
    drawn = [path.name for path in draw_chip(chip, model, x, tmp_path)]
    # A first layer that samples noise itself is drawn; one that drops values leaves no theory.
    assert ("chip_firing_probability.png" in drawn) == isinstance(first, NSMLinear)
