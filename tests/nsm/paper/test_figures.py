"""Figures: our curves beside those of the same network on the poster."""

import numpy as np
import pytest

from nsm.paper.figures import plot_percentiles, plot_stability, poster


def test_the_posters_curves_grow_as_published():
    # Figure 2 as digitized: percentiles of 15 and 85 %, every 50 updates, before any of them to
    # after 200.
    curves = poster()
    for name, growth in (("NSM", 1.53), ("StNN", 33)):
        digitized = curves[name]
        assert (digitized["updates"][0], digitized["updates"][-1]) == (0, 200)
        spread = np.subtract(digitized["Q85"], digitized["Q15"])
        assert spread[-1] / spread[0] == pytest.approx(growth, rel=0.02)
        assert len(digitized["epochs"]) == len(digitized["variance_gained"])


def test_percentiles_are_drawn_beside_the_posters_of_the_same_network():
    curves = {
        name: [[-k - n, n, k + n] for k in range(4)]
        for n, name in enumerate(("NSM", "StNN", "StNN, small"), 1)
    }
    ax = plot_percentiles([curves, curves])
    for band, name, theirs, line in zip(
        ax.collections, ("NSM", "StNN, small"), ("NSM", "StNN"), (0, 3), strict=True
    ):
        corners = {(round(x), round(y)) for x, y in band.get_paths()[0].vertices}
        assert {(k, row[q]) for k, row in enumerate(curves[name]) for q in (0, 2)} <= corners
        assert list(ax.lines[line].get_ydata()) == [row[1] for row in curves[name]]
        for dots, q in zip(ax.lines[line + 1 : line + 3], ("Q15", "Q85"), strict=True):
            assert list(dots.get_ydata()) == poster()[theirs][q]
            assert dots.get_color() == ax.lines[line].get_color()


def test_variances_are_drawn_beside_the_posters_of_the_same_network():
    ours = {"NSM": [1e-3, 2e-3], "StNN": [3e-3, 4e-3]}
    ax = plot_stability(*([{"variance_gained": v}] for v in ours.values()))
    for index, name in enumerate(ours):
        line, dots = ax.lines[2 * index : 2 * index + 2]
        assert list(line.get_ydata()) == ours[name]
        assert line.get_label() == name
        assert list(dots.get_ydata()) == poster()[name]["variance_gained"][1:]
