"""Pictures: what is drawn is what the rows and the chip say."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import erf
from torch import nn

from crossbar import Hardware, Wires
from crossbar.paths import known_paths
from devices import BlankOut, gate, preset
from nsm import NSMLinear, map_to_crossbar, plot_error_rate
from nsm.cli.demo import AXES, demo_hardware
from nsm.plots.chips import plot_conductance_map, plot_firing_probability, plot_weight_error
from nsm.plots.style import COLORS, STYLE, figure, save_figure
from nsm.plots.sweeps import AXIS_LABELS
from nsm.sweeps.tasks import CHIP_AXES

HARDWARE = Hardware(device=preset("fefet_jerry2017"), gate=BlankOut(0.5), tile_shape=(16, 8))


def rows(x="device.levels", values=(2, 4, 8), *, networks=("NSM", "ReLU"), chips=3):
    """Errors 10 · (network) + 2 · (value) + chip of 100 images."""
    return pd.DataFrame(
        [
            {
                "network": n,
                x: v,
                "chip": c,
                "errors": 10 * i + 2 * j + c,
                "images": 100,
                "task": "t",
                "experiment": "e",
            }
            for i, n in enumerate(networks)
            for j, v in enumerate(values)
            for c in range(chips)
        ]
    )


def legend_texts(ax):
    legend = ax.get_legend()
    return [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]


def test_lines_are_means_over_chips_one_per_group():
    ax = plot_error_rate(rows(), x="device.levels", group="network")
    assert [line.get_label() for line in ax.lines] == ["NSM", "ReLU"]
    for i, line in enumerate(ax.lines):
        np.testing.assert_array_equal(line.get_xdata(), [2, 4, 8])
        # The mean of chips 0, 1, 2 is 1 error more than chip 0; 100 images: errors are per cent.
        np.testing.assert_allclose(line.get_ydata(), 10 * i + np.array([1.0, 3.0, 5.0]), rtol=1e-12)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["NSM", "ReLU"]


def test_the_band_is_one_standard_deviation_over_chips():
    ax = plot_error_rate(rows(networks=("NSM",), values=(2, 4)), x="device.levels")
    (band,) = ax.collections
    vertices = band.get_paths()[0].vertices
    # Errors 0, 1, 2 and 2, 3, 4: standard deviation 1 around 1 and 3.
    assert {(x, round(y, 9)) for x, y in vertices} == {
        (2.0, 0.0),
        (2.0, 2.0),
        (4.0, 2.0),
        (4.0, 4.0),
    }
    assert "band: ± 1 s.d. over 3 chips" in legend_texts(ax)


def test_one_chip_has_no_band():
    ax = plot_error_rate(rows(chips=1), x="device.levels", group="network")
    assert len(ax.collections) == 0
    assert legend_texts(ax) == ["", "NSM", "ReLU"]
    alone = plot_error_rate(rows(chips=1, networks=("NSM",)), x="device.levels")
    assert (len(alone.lines), alone.get_legend()) == (1, None)


def test_axes_are_labelled_with_units():
    for name, label in AXIS_LABELS.items():
        ax = plot_error_rate(rows(name, (1, 2)), x=name, group="network")
        assert ax.get_xlabel() == label
        assert ax.get_ylabel() == "test error [%]"
    assert (
        plot_error_rate(
            rows("read_voltage", (1, 2)), x="read_voltage", group="network"
        ).get_xlabel()
        == "read_voltage"
    )
    for name, unit in (("device.g_min", "[S]"), ("seconds", "[s]"), ("comparator.noise", "[A]")):
        assert AXIS_LABELS[name].endswith(unit)


def test_every_labelled_axis_exists():
    paths = [*CHIP_AXES, *known_paths(demo_hardware()), "adc.bits"]
    power_law = ["device.read_noise.coefficient", "device.read_noise.gamma"]
    physical = Hardware(
        device=preset("rram_cmo_hfox"), gate=gate("selector_dutta2022"), wires=Wires(1.0, 1.0)
    )
    assert {*AXIS_LABELS} <= {*paths, *power_law, *known_paths(physical)}
    assert {axis.path for axis in AXES} <= {*AXIS_LABELS}


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ((0.01, 0.1, 1.0), "log"),
        ((0.0, 0.01, 0.1, 1.0), "symlog"),
        ((2, 4, 8, 16), "linear"),
        ((-1.0, 0.01, 0.1, 1.0), "linear"),
    ],
)
def test_wide_axes_are_logarithmic(values, scale):
    assert plot_error_rate(rows("gain", values), x="gain", group="network").get_xscale() == scale


@pytest.mark.parametrize("values", [(0.01, 1.0), (0.01, 0.1, 1.0)])
def test_the_scale_depends_on_the_values_and_not_on_the_number_of_chips(values):
    scales = {
        plot_error_rate(
            rows("gain", values, networks=("NSM",), chips=n), x="gain", group="network"
        ).get_xscale()
        for n in (1, 3)
    }
    assert len(scales) == 1


def test_texts_are_categories_in_the_order_of_the_rows():
    ax = plot_error_rate(
        rows("gate_sharing", ("word_line", "pair", "cell")), x="gate_sharing", group="network"
    )
    assert [t.get_text() for t in ax.get_xticklabels()] == ["word_line", "pair", "cell"]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1, 3, 5], rtol=1e-12)


def test_it_draws_into_the_axes_it_is_given():
    drawing, ax = figure()
    before = len(drawing.axes)
    assert plot_error_rate(rows(), x="device.levels", group="network", ax=ax) is ax
    assert len(drawing.axes) == before
    assert len(ax.lines) == 2


def test_the_users_own_style_is_left_alone():
    assert mpl.rcParams["font.size"] != STYLE["font.size"]
    before = {
        k: v for k, v in mpl.rcParams.items() if k != "backend"
    }  # resolved when it is first looked at
    plot_error_rate(rows(), x="device.levels", group="network")
    assert {k: v for k, v in mpl.rcParams.items() if k != "backend"} == before


def test_bad_rows_are_refused():
    with pytest.raises(
        ValueError, match="unknown column 'device.level'; did you mean 'device.levels'"
    ):
        plot_error_rate(rows(), x="device.level")
    with pytest.raises(ValueError, match="unknown column 'net'.* Known: network, device.levels"):
        plot_error_rate(rows(), x="device.levels", group="net")
    with pytest.raises(ValueError, match="there are no rows to plot; run the sweep first"):
        plot_error_rate(rows().iloc[:0], x="device.levels")


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(NSMLinear(40, 12), nn.Linear(12, 3))


@pytest.mark.parametrize("layer", [0, 1])
def test_the_conductance_map_shows_the_positive_cells_and_tile_borders(layer, model):
    chip = map_to_crossbar(model, HARDWARE, rng=0)
    ax = plot_conductance_map(chip, layer=layer)
    g_pos, _ = chip.layers[layer].neurons.main.conductances()
    np.testing.assert_allclose(ax.images[0].get_array(), g_pos * 1e6, rtol=1e-12)
    # 40 × 12 on tiles of 16 × 8: two borders across, one down; 12 × 3 fits one tile.
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
    # 360 frequencies around eq. 4: their mean square is 1, with a standard error of √(2/360); the normal law is off by
    # O(1/40) at a fan-in of 40.
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / 360)
    with pytest.raises(
        ValueError, match=r"argument has shape \(30, 11\); the layer fires with shape \(30, 12\)"
    ):
        plot_firing_probability(chip, x, argument[:, 1:], samples=2)


@pytest.mark.parametrize(
    ("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_figures_are_written_by_their_ending(suffix, magic, tmp_path):
    save_figure(
        plot_error_rate(rows(), x="device.levels", group="network"), tmp_path / f"a.{suffix}"
    )
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(magic)
