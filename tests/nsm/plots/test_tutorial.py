"""The helpers of the notebooks."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from nsm.plots.tutorial import (
    legend_above,
    percent,
    plot_band,
    standard_errors,
    subplots,
    within,
)

ROWS = pd.DataFrame(
    {
        "network": ["NSM", "NSM", "ReLU", "ReLU"],
        "gain": [1.0, 1.0, 1.0, 0.1],
        "chip": [0, 1, 0, 0],
        "errors": [10, 20, 5, 90],
        "images": [100, 100, 100, 100],
    }
)


def test_percent_is_the_mean_over_chips():
    table = percent(ROWS, "network", "gain")
    assert table.loc["NSM", 1.0] == 15
    assert table.loc["ReLU", 0.1] == 90
    assert np.isnan(table.loc["NSM", 0.1])
    assert percent(ROWS, "network").loc["ReLU"] == 47.5


def test_error_rates_are_compared_in_standard_errors_of_the_test_set():
    # Two rates of 10 % on 450 images differ by a standard error of √(2 · 0.1 · 0.9 / 450) = 2 %.
    assert standard_errors(11.0, 9.0, 450) == pytest.approx(1, rel=1e-3)
    assert within(11.0, 9.0, 1.1, 450)
    assert not within(11.0, 9.0, 0.9, 450)
    assert within(0.0, 0.0, 1, 450)


def test_figures_grow_over_several_calls():
    figure, (left, right) = subplots(1, 2, figsize=(4, 2))
    assert isinstance(figure, Figure)
    values = np.array([[1.0, 3.0], [2.0, 4.0]])
    plot_band(left, [1, 2], values, 0, "NSM")
    assert list(left.lines[0].get_ydata()) == [2, 3]
    assert not right.lines
    legend_above(figure, left, ncols=1)
    assert [text.get_text() for text in figure.legends[0].texts] == ["NSM"]
