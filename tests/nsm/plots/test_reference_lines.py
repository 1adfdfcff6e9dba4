"""Levels of comparison: the error in software and that of guessing."""

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from nsm.plots import COLORS, facet_error_rate, plot_error_rate
from nsm.plots.style import legend_above
from nsm.plots.texts import axis_title, drawn_text, plain_title

X = "device.levels"


def rows(*, networks=("NSM", "ReLU"), chips=3):
    """Rows of 100 images; network i, value j and chip c have 10 i + 2 j + c errors."""
    return pd.DataFrame(
        [
            {
                "network": n, X: v, "chip": c, "errors": 10 * i + 2 * j + c, "images": 100,
                "task": "t", "experiment": "e",
            }
            for i, n in enumerate(networks)
            for j, v in enumerate((2, 4, 8))
            for c in range(chips)
        ]
    )  # fmt: skip


def legend_texts(ax):
    """The entries of the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def levels_of(ax, style):
    """Height and color of the horizontal lines of one style."""
    return [
        (line.get_ydata()[0], to_hex(line.get_color()))
        for line in ax.lines
        if line.get_linestyle() == style and len(line.get_ydata()) == 2
    ]


def test_every_network_has_its_error_in_software_as_a_dashed_line_of_its_color():
    ax = plot_error_rate(rows(), x=X, group="network", software={"NSM": 0.02, "ReLU": 0.05})
    assert levels_of(ax, "--") == [(2.0, COLORS[0].lower()), (5.0, COLORS[1].lower())]
    assert "in software" in legend_texts(ax)


def test_lines_of_one_network_share_its_error_in_gray():
    frame = rows(networks=("NSM",), chips=1)
    doubled = [frame.assign(gain=0.1), frame.assign(gain=1.0)]
    ax = plot_error_rate(pd.concat(doubled), x=X, group="gain", software={"NSM": 0.02})
    assert levels_of(ax, "--") == [(2.0, "#808080")]
    drawing = facet_error_rate(rows(), facet="network", x=X, software={"NSM": 0.02, "ReLU": 0.05})
    assert [levels_of(panel, "--")[0][0] for panel in drawing.axes] == [2.0, 5.0]


def test_an_error_of_an_unknown_network_is_refused():
    with pytest.raises(
        ValueError, match="unknown network with an error in software 'NSMs'; did you mean 'NSM'"
    ):
        plot_error_rate(rows(), x=X, group="network", software={"NSMs": 0.02})
    with pytest.raises(ValueError, match="error of NSM in software = 1.4 is not allowed"):
        plot_error_rate(rows(), x=X, group="network", software={"NSM": 1.4})


def test_levels_do_not_widen_an_axis_of_powers():
    of_factor = rows().rename(columns={X: "gain"}).replace({"gain": {2: 0.0, 4: 1.0, 8: 60.0}})
    alone = plot_error_rate(of_factor, x="gain", group="network")
    beside = plot_error_rate(
        of_factor, x="gain", group="network", software={"NSM": 0.1}, chance=0.1
    )
    assert beside.get_xlim() == alone.get_xlim()


def test_guessing_is_a_dotted_line():
    ax = plot_error_rate(rows(), x=X, group="network", chance=0.5)  # errors up to 15 %
    ((height, _),) = levels_of(ax, ":")
    assert height == 50.0
    assert ax.get_ylim()[1] > 50
    assert "chance, 50 %" in legend_texts(ax)


def test_guessing_far_above_all_errors_is_named_and_does_not_press_them_down():
    ax = plot_error_rate(rows(), x=X, group="network", chance=0.9)
    assert levels_of(ax, ":") == []
    assert ax.get_ylim()[1] < 25
    assert "chance, 90 %, above this figure" in legend_texts(ax)


@pytest.mark.parametrize("chance", [0.0, 1.1, "0.9"])
def test_guessing_is_a_fraction(chance):
    with pytest.raises(ValueError, match=r"chance = .*\(0, 1\]"):
        plot_error_rate(rows(), x=X, group="network", chance=chance)


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("NSM", "NSM"),
        ("$x$ and $y", r"\$x\$ and \$y"),
        ("two\nlines\t", "two lines"),
        ("_hidden", " _hidden"),
        ("n" * 100, "n" * 20 + "…" + "n" * 19),
    ],
)
def test_names_are_drawn_as_they_are(name, drawn):
    assert drawn_text(name) == drawn
    frame = rows(networks=(name, "ReLU"), chips=1)
    ax = plot_error_rate(frame, x=X, group="network")
    legend_above(ax)
    ax.figure.draw_without_rendering()  # mathematics that cannot be read would fail here
    assert drawn in legend_texts(ax)


def test_titles_name_layers_and_have_no_marks_of_mathematics_in_pages():
    assert axis_title("device.on_off_ratio") == "on/off ratio $g_{max}/g_{min}$"
    assert plain_title("device.on_off_ratio") == "on/off ratio g_max/g_min"
    assert axis_title("head:device.levels") == "conductance levels per cell, layers head"
    assert plain_title("head:adc.range") == "adc.range, layers head"


def test_a_legend_above_is_never_wider_than_its_figure():
    names = tuple(f"a network with a long name {i}" for i in range(4))
    ax = plot_error_rate(rows(networks=names, chips=1), x=X, group="network", chance=0.9)
    legend_above(ax)
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().width <= ax.figure.bbox.width
    # The axes keep most of the width.
    assert ax.get_window_extent().width > 0.7 * ax.figure.bbox.width
