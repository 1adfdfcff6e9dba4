"""Colors of networks, the dark theme, and the position of legends."""

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from nsm.plots.style import (
    COLORS,
    DARK_BACKGROUND,
    MARKERS,
    NETWORK_PLACES,
    dark_theme,
    figure,
    legend_above,
    places_of,
    save_figure,
)
from nsm.plots.sweeps import plot_error_rate


def rows(networks, chips=2):
    """Rows over two gains, with different errors for every network."""
    return pd.DataFrame(
        [
            {"network": name, "gain": gain, "chip": chip, "errors": 10 * i + chip, "images": 100}
            for i, name in enumerate(networks)
            for gain in (0.1, 1.0)
            for chip in range(chips)
        ]
    )


def contrast(one, other):
    """Contrast of two colors by the Web Content Accessibility Guidelines 2.1, 1 to 21."""

    def luminance(color):
        channels = []
        for c in mpl.colors.to_rgb(color):
            channels.append(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
        red, green, blue = channels
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("networks", [("NSM", "ReLU", "StNN"), ("StNN", "NSM"), ("BD", "ReLU")])
def test_a_network_has_the_same_color_in_every_figure(networks):
    ax = plot_error_rate(rows(networks), x="gain", group="network")
    for line, name in zip(ax.lines, networks, strict=True):
        assert line.get_color() == COLORS[NETWORK_PLACES[name]]
        assert line.get_marker() == MARKERS[NETWORK_PLACES[name]]


def test_unknown_networks_take_the_colors_that_are_free():
    assert places_of(["mine", "NSM", "other", "StNN"], networks=True) == [1, 0, 3, 2]
    assert places_of(["NSM", "bNSM"], networks=True) == [0, 1]  # no two lines look the same


def test_groups_other_than_networks_go_by_order():
    assert places_of(["StNN", "NSM"]) == [0, 1]
    assert places_of(range(9)) == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_an_order_with_absent_groups_keeps_its_colors():
    ax = plot_error_rate(
        rows(["b", "c"]).rename(columns={"network": "group"}),
        x="gain",
        group="group",
        order=["a", "b", "c"],
    )
    assert [line.get_color() for line in ax.lines] == [COLORS[1], COLORS[2]]


def test_the_error_in_software_is_a_dashed_level_in_the_color_of_its_network():
    software = {"ReLU": 0.03, "StNN": 0.08}
    ax = plot_error_rate(rows(["StNN", "ReLU"]), x="gain", group="network", software=software)
    levels = {
        line.get_color(): line.get_ydata()[0]
        for line in ax.lines
        if line.get_linestyle() == "--" and len(line.get_ydata())
    }
    assert levels == pytest.approx({COLORS[2]: 8.0, COLORS[1]: 3.0})
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["StNN", "ReLU", "in software"]


def test_a_legend_above_the_axes_keeps_its_entries_and_covers_no_line():
    ax = plot_error_rate(rows(["NSM", "ReLU"]), x="gain", group="network", software={"NSM": 0.1})
    before = [text.get_text() for text in ax.get_legend().get_texts()]
    title = ax.get_legend().get_title().get_text()
    legend_above(ax)
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == before
    assert legend.get_title().get_text() == title != ""
    ax.figure.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.y0 >= ax.get_window_extent().y1
    assert ax.figure.bbox.x0 <= box.x0
    assert box.x1 <= ax.figure.bbox.x1
    assert box.y1 <= ax.figure.bbox.y1


def test_the_dark_theme_holds_inside_plotting_functions_and_ends(tmp_path):
    before = dict(mpl.rcParams)
    with dark_theme():
        ax = plot_error_rate(rows(["NSM"]), x="gain", group="network")
        save_figure(ax, tmp_path / "dark.png")
    assert {k: v for k, v in mpl.rcParams.items() if k != "backend"} == {
        k: v for k, v in before.items() if k != "backend"
    }
    assert to_hex(ax.get_facecolor()) == to_hex(ax.figure.get_facecolor()) == DARK_BACKGROUND
    assert contrast(ax.xaxis.label.get_color(), DARK_BACKGROUND) > 7
    corner = mpl.image.imread(tmp_path / "dark.png")[0, 0]
    assert to_hex(corner) == DARK_BACKGROUND
    _, light = figure()
    assert to_hex(light.get_facecolor()) == "#ffffff"


def test_the_colors_of_the_demonstration_can_be_seen_on_both_backgrounds():
    # WCAG asks for 3 : 1 between graphics and their background.
    for name in ("NSM", "ReLU", "StNN"):
        for background in (DARK_BACKGROUND, "#ffffff"):
            assert contrast(COLORS[NETWORK_PLACES[name]], background) >= 3


def test_a_legend_stands_above_where_lines_leave_no_room_for_it():
    crossing = rows(["none", "1 %", "5 %", "10 %", "20 %", "50 %"])
    last = crossing["gain"] == 1.0
    crossing.loc[last, "errors"] = 50 - crossing.loc[last, "errors"]
    crowded = plot_error_rate(crossing, x="gain", group="network")
    few = plot_error_rate(rows(["NSM"]), x="gain", group="network")
    for ax, is_above in ((crowded, True), (few, False)):
        ax.figure.draw_without_rendering()
        legend = ax.get_legend().get_window_extent()
        assert bool(legend.y0 >= ax.get_window_extent().y1) is is_above
