"""Robustness curves: what is drawn equals the rows."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from crossbar import Hardware, Wires
from crossbar.paths import known_paths
from devices import gate, preset
from nsm import plot_error_rate
from nsm.cli.demo import AXES, demo_hardware
from nsm.plots.style import STYLE, figure, save_figure
from nsm.sweeps.axes import ON_CHIP
from nsm.sweeps.axis_labels import AXIS_LABELS
from tests.helpers import tabulated_device


def rows(x="device.levels", values=(2, 4, 8), *, networks=("NSM", "ReLU"), chips=3):
    """Rows of 100 images; network i, value j and chip c have 10 i + 2 j + c errors."""
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
    """The title of the legend, then its entries."""
    legend = ax.get_legend()
    return [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]


def test_lines_are_means_over_chips_one_per_group():
    ax = plot_error_rate(rows(), x="device.levels", group="network")
    assert [line.get_label() for line in ax.lines] == ["NSM", "ReLU"]
    for i, line in enumerate(ax.lines):
        np.testing.assert_array_equal(line.get_xdata(), [2, 4, 8])
        # The mean over chips 0, 1, 2 is one error above chip 0; of 100 images, errors are percent.
        np.testing.assert_allclose(line.get_ydata(), 10 * i + np.array([1.0, 3.0, 5.0]), rtol=1e-12)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["NSM", "ReLU"]


def test_the_band_is_one_standard_deviation_over_chips():
    ax = plot_error_rate(rows(networks=("NSM",), values=(2, 4)), x="device.levels")
    (band,) = ax.collections
    vertices = band.get_paths()[0].vertices
    # Errors of 0, 1, 2 and of 2, 3, 4 have a standard deviation of 1 around 1 and 3.
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


def test_axes_are_labeled_with_units():
    for name, label in AXIS_LABELS.items():
        ax = plot_error_rate(rows(name, (1, 2)), x=name, group="network")
        assert ax.get_xlabel() == label
        assert ax.get_ylabel() == "test error [%]"
    assert (
        plot_error_rate(rows("read_period", (1, 2)), x="read_period", group="network").get_xlabel()
        == "read_period"
    )
    for name, unit in (("device.g_min", "[S]"), ("seconds", "[s]"), ("comparator.noise", "[A]")):
        assert AXIS_LABELS[name].endswith(unit)


def test_every_labeled_axis_exists():
    paths = [*ON_CHIP, *known_paths(demo_hardware()), "adc.bits"]
    power_law = [
        "device.read_noise.sigma",
        "device.read_noise.coefficient",
        "device.read_noise.gamma",
    ]
    physical = Hardware(
        device=preset("rram_cmo_hfox"), gate=gate("selector_dutta2022"), wires=Wires(1.0, 1.0)
    )
    tables = [Hardware(device=preset("rram_levy2021")), Hardware(device=tabulated_device.DEVICE)]
    measured = [path for hardware in tables for path in known_paths(hardware)]
    assert {*AXIS_LABELS} <= {*paths, *power_law, *known_paths(physical), *measured}
    assert {axis.path for axis in AXES} <= {*AXIS_LABELS}


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ((0.01, 0.1, 1.0), "log"),
        ((0.0, 0.01, 0.1, 1.0), "symlog"),
        ((0.1, 1.0), "log"),
        ((0.2, 1.0), "linear"),
        ((0.0, 0.1, 1.0), "linear"),
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


@pytest.mark.parametrize(
    ("values", "left_out"),
    [
        ((0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 4.0), {0.9, 1.1}),
        ((2, 3, 4, 6, 8, 16, 32), set()),
        ((1.5, 2, 4, 10, 45, 100), set()),
    ],
)
def test_labels_of_narrow_logarithmic_axes_do_not_overlap(values, left_out):
    ax = plot_error_rate(rows("gain", values), x="gain", group="network")
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert {float(t.get_text()) for t in ax.get_xticklabels()} == set(values) - left_out


def test_texts_are_categories_in_the_order_of_the_rows():
    ax = plot_error_rate(
        rows("gate_sharing", ("word_line", "pair", "cell")), x="gate_sharing", group="network"
    )
    assert [t.get_text() for t in ax.get_xticklabels()] == ["word_line", "pair", "cell"]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1, 3, 5], rtol=1e-12)


@pytest.mark.parametrize("values", [(2, 8, None), (None, 2, 8), (1, 10, 100, None)])
def test_a_point_without_a_number_stands_behind_the_others(values):
    frame = rows("device.levels", values)
    ax = plot_error_rate(frame, x="device.levels", group="network")
    numbers = [v for v in values if v is not None]
    lines = [line for line in ax.lines if not line.get_label().startswith("_")]  # without caps
    assert len(lines) == 2
    for i, line in enumerate(lines):
        *at, gap, last = line.get_xdata()
        assert at == numbers
        assert np.isnan(gap)  # no line leads from the last number to the point without one
        assert max(numbers) < last < 3 * max(numbers)
        order = [*(j for j, v in enumerate(values) if v is not None), values.index(None)]
        *drawn, _, of_none = line.get_ydata()
        np.testing.assert_allclose([*drawn, of_none], [10 * i + 2 * j + 1 for j in order])
    assert ax.get_xticklabels()[-1].get_text() == "continuous"
    assert ax.get_xticks()[-1] == last
    assert len(ax.patches) == 1  # the ground that sets it off
    assert [text.get_text() for text in ax.texts] == ["//"]  # the axis is broken before it
    # Its spread is a bar, since a band has no width at one point.
    assert len(ax.containers) == 2


@pytest.mark.parametrize(("column", "word"), [("adc", "ideal"), ("wires", "none")])
def test_a_group_without_a_name_is_called_what_none_means(column, word):
    frame = rows(column, (None, "Given(bits=4)"), networks=("NSM",))
    frame["device.levels"] = 4
    ax = plot_error_rate(frame, x=column)
    assert [t.get_text() for t in ax.get_xticklabels()] == [word, "Given(bits=4)"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1, 3])
    ax = plot_error_rate(frame, x="device.levels", group=column)
    assert [line.get_label() for line in ax.lines] == [word, "Given(bits=4)"]


def test_whole_numbers_beside_none_are_named_as_whole_numbers():
    frame = rows("device.levels", (2, None), networks=("NSM",)).assign(gain=1.0)
    ax = plot_error_rate(frame, x="gain", group="device.levels")
    assert [line.get_label() for line in ax.lines] == ["2", "continuous"]


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


@pytest.mark.parametrize(
    ("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_figures_are_written_by_their_ending(suffix, magic, tmp_path):
    save_figure(
        plot_error_rate(rows(), x="device.levels", group="network"), tmp_path / f"a.{suffix}"
    )
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(magic)
