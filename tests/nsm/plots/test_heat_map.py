"""Heat maps: cells hold the means of the rows, and say what they do not hold."""

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from nsm.plots import facet_heat_map, plot_heat_map
from nsm.plots.contrast import READABLE, contrast, luminance, text_color
from nsm.plots.heat_cells import cells_of, outline
from nsm.plots.heat_map import COLOR_MAP, number_text
from nsm.plots.style import figure

X, Y = "device.levels", "gain"


def rows(levels=(2, 4, 8), gains=(0.1, 1.0), networks=("NSM",), chips=2, **columns):
    """Rows of 1000 images; level i and gain j have 10 (1 + i) + 100 j + c errors on chip c."""
    return pd.DataFrame(
        [
            {
                "network": n, X: level, Y: gain, "chip": c, "images": 1000,
                "errors": 10 * (1 + i) + 100 * j + c, **columns,
            }
            for n in networks
            for (i, level), (j, gain) in product(enumerate(levels), enumerate(gains))
            for c in range(chips)
        ]
    )  # fmt: skip


def texts_of(drawing):
    """All texts of a figure, joined."""
    return " ".join(t.get_text() for t in drawing.findobj(mpl.text.Text)).replace("\n", " ")


def test_cells_are_means_over_chips():
    cells = cells_of(rows(), X, Y)
    assert cells.x.texts == ["2", "4", "8"]
    assert cells.y.texts == ["0.1", "1"]
    # Two chips with c = 0 and 1 error more: the mean is 0.05 % above chip 0.
    expected = [[1.05, 2.05, 3.05], [11.05, 12.05, 13.05]]
    np.testing.assert_allclose(cells.means, expected, rtol=1e-12)
    ax = plot_heat_map(rows(), x=X, y=Y)
    (drawn,) = ax.collections
    np.testing.assert_allclose(np.sort(drawn.get_array()), np.sort(np.ravel(expected)))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "4", "8"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.1", "1"]


def test_the_mean_over_trainings_counts_each_training_once():
    one = rows(chips=3).assign(training_seed=0)
    other = rows(chips=1).assign(training_seed=1, errors=lambda t: t["errors"] + 100)
    cells = cells_of(pd.concat([one, other]), X, Y)
    assert cells.means[0, 0] == pytest.approx((1.1 + 11.0) / 2)  # not (3 · 1.1 + 11)/4


def test_cells_show_their_error_in_a_color_that_can_be_read():
    ax = plot_heat_map(rows(), x=X, y=Y)
    assert sorted(t.get_text() for t in ax.texts) == sorted(
        ["1.1", "2.0", "3.0", "11", "12", "13"]  # Python rounds 1.05 up, 2.05 and 3.05 down
    )
    (drawn,) = ax.collections
    for text in ax.texts:
        at = [b.contains_point(text.get_position()) for b in drawn.get_paths()]
        ground = drawn.cmap(drawn.norm(drawn.get_array()[at.index(True)]))
        assert contrast(text.get_color(), ground) >= READABLE


def test_every_color_of_the_map_has_a_readable_text():
    for color in mpl.colormaps[COLOR_MAP](np.linspace(0, 1, 256)):
        assert contrast(text_color(color), color) >= READABLE
    # Black on white is 21 : 1 by definition, and gray 119 just fails on white (WCAG 2.2).
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)
    # Equal steps of error are steps of one direction in lightness.
    steps = np.diff([luminance(c) for c in mpl.colormaps[COLOR_MAP](np.linspace(0, 1, 64))])
    assert (steps < 0).all()


def test_there_are_no_numbers_without_room():
    many = range(2, 42)
    assert list(plot_heat_map(rows(levels=many, chips=1), x=X, y=Y).texts) == []


@pytest.mark.parametrize(
    ("percent", "text"), [(0.123, "0.12"), (1.25, "1.2"), (9.94, "9.9"), (9.96, "10"), (88.4, "88")]
)
def test_numbers_have_two_digits(percent, text):
    assert number_text(percent) == text


def test_none_stands_apart_at_the_end():
    cells = cells_of(rows(levels=(None, 4, 2)), X, Y)
    assert cells.x.texts == ["2", "4", "continuous"]
    first, second, third = cells.x.places
    assert third - second > second - first
    # None was the first of the values, 2 the last.
    np.testing.assert_allclose(cells.means[0], [3.05, 2.05, 1.05])


def test_categories_keep_the_order_of_the_rows():
    cells = cells_of(rows(levels=("word_line", "pair", "cell")), X, Y)
    assert cells.x.texts == ["word_line", "pair", "cell"]
    assert np.diff(cells.x.places).tolist() == [1.0, 1.0]


def test_cells_without_rows_stay_empty_and_are_counted():
    frame = rows()
    frame = frame[(frame[X] != 4) | (frame[Y] != 1.0)]
    ax = plot_heat_map(frame, x=X, y=Y)
    assert len(ax.collections[0].get_paths()) == 5
    assert "Empty cells (1 of 6) have no rows." in texts_of(ax.figure)
    assert "Empty" not in texts_of(plot_heat_map(rows(), x=X, y=Y).figure)


def test_an_unfinished_sweep_says_so():
    frame = rows()
    frame.attrs.update(rows=12, planned=20)
    assert "Unfinished sweep: 12 of 20 rows." in texts_of(plot_heat_map(frame, x=X, y=Y).figure)
    drawing = facet_heat_map(frame, facet="network", x=X, y=Y)
    assert "Unfinished sweep: 12 of 20 rows." in texts_of(drawing)
    _, ax = figure()
    plot_heat_map(frame, x=X, y=Y, ax=ax)
    assert "Unfinished sweep: 12 of 20 rows." in texts_of(ax.figure)


def test_the_bar_says_what_colors_mean():
    wide = rows(levels=(2, 4), gains=(0.1, 1.0, 2.0))  # 1 to 21 %
    ax = plot_heat_map(wide, x=X, y=Y)
    (drawn,) = ax.collections
    assert type(drawn.norm).__name__ == "LogNorm"
    assert "test error [%]" in texts_of(ax.figure)
    linear = plot_heat_map(wide, x=X, y=Y, error_axis="linear").collections[0].norm
    assert type(linear).__name__ == "Normalize"
    assert (linear.vmin, linear.vmax) == pytest.approx((1.05, 22.05))
    given = plot_heat_map(wide, x=X, y=Y, colors=(1.0, 90.0)).collections[0].norm
    assert (given.vmin, given.vmax) == (1.0, 90.0)


def test_the_outline_surrounds_a_region():
    cells = cells_of(rows(), X, Y)
    inside = np.zeros((2, 3), bool)
    inside[0, :2] = True
    edges = outline(cells, inside)
    assert len(edges) == 6  # of two cells side by side: 8 edges less the common one, twice
    x, y = np.array(edges).reshape(-1, 2).T
    assert (x.min(), x.max(), y.min(), y.max()) == (-0.5, 1.5, -0.5, 0.5)


def test_what_is_outlined_is_explained():
    # Below 1.05 + 1 = 2.05 % is only the first cell: 4 edges, in white and in black.
    ax = plot_heat_map(rows(), x=X, y=Y, outlined="loss")
    assert [len(c.get_paths()) for c in ax.collections[1:]] == [4, 4]
    assert "Outlined: less than 1 point above the least error." in texts_of(ax.figure)
    # Below 13 - 1 = 12 % are all but two cells; of 2 × 3 cells the border has 10 edges.
    ax = plot_heat_map(rows(), x=X, y=Y, outlined="chance", chance=0.13)
    assert [len(c.get_paths()) for c in ax.collections[1:]] == [10, 10]
    assert "better than guessing by more than 1 point" in texts_of(ax.figure)


def test_panels_share_values_and_colors():
    both = pd.concat([rows(), rows(levels=(2, 16), networks=("ReLU",))])
    drawing = facet_heat_map(both, facet="network", x=X, y=Y)
    *panels, _ = drawing.axes
    assert [ax.get_title() for ax in panels] == ["network: NSM", "network: ReLU"]
    labels = [[t.get_text() for t in ax.get_xticklabels()] for ax in panels]
    assert labels == [["2", "4", "8", "16"]] * 2
    assert panels[0].collections[0].norm is panels[1].collections[0].norm


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (rows(), {"x": "device.level"}, "unknown column 'device.level'; did you mean 'device.lev"),
        (rows(), {"y": X}, "column 'device.levels' is given twice; a heat map needs one for each"),
        (rows(), {"outlined": "los"}, "unknown outlined 'los'; did you mean 'loss'"),
        (rows(), {"outlined": "chance"}, "need the error of guessing; give chance, .* chance=0.9"),
        (rows(), {"chance": 1.2}, "chance = 1.2 is not allowed"),
        (rows().iloc[:0], {}, "there are no rows to plot; run the sweep first"),
        (rows(networks=("NSM", "ReLU")), {}, r"differ in network \(NSM, ReLU\).* Draw one panel f"),
        (pd.concat([rows(), rows()]), {}, "12 rows repeat a point and chip"),
        (rows(), {"error_axis": "lin"}, "unknown error_axis 'lin'; did you mean 'linear'"),
    ],
)
def test_bad_heat_maps_are_refused(frame, options, message):
    with pytest.raises(ValueError, match=message):
        plot_heat_map(frame, **{"x": X, "y": Y, **options})


def test_an_axis_that_nobody_named_is_refused_without_naming_lines():
    frame = pd.concat([rows(seconds=0.0), rows(seconds=1.0)])
    with pytest.raises(ValueError, match=r"differ in seconds \(0, 1\)") as caught:
        plot_heat_map(frame, x=X, y=Y)
    assert "group=" not in str(caught.value)
