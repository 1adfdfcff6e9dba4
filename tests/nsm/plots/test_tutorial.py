"""The helpers of the notebooks."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from nsm.plots.tutorial import (
    changes,
    differences,
    estimates,
    legend_above,
    percent,
    plot_band,
    runs_of,
    subplots,
)
from nsm.statistics import change, difference

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


def sweep_rows():
    """Rows of two networks, three trainings, two gains: which of ten images are wrong."""
    wrong = {
        ("NSM", 1.0): ([0, 1], [0, 1, 2], [1]),
        ("NSM", 0.1): ([0, 1], [0, 1, 2, 3], [1]),
        ("ReLU", 1.0): ([1], [1], [0, 1]),
        ("ReLU", 0.1): ([*range(9)], [*range(8)], [*range(9)]),
    }
    return pd.DataFrame(
        {"network": network, "gain": gain, "training_seed": seed, "chip": 0}
        | {"errors": len(images), "images": 10, "wrong": np.array(images)}
        for (network, gain), trainings in wrong.items()
        for seed, images in reversed(list(enumerate(trainings)))
    )


def test_trainings_of_a_point_come_in_the_order_of_their_seeds():
    runs = runs_of(sweep_rows(), {"network": "NSM", "gain": 0.1})
    assert runs.errors == [20, 40, 10]
    assert runs.images == 10
    np.testing.assert_array_equal(np.flatnonzero(runs.wrong[1]), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ({"network": "StNN"}, r"0 rows at {'network': 'StNN'}"),
        ({"network": "NSM"}, r"6 rows at .* trainings \[0, 0, 1, 1, 2, 2\]; choose one point"),
    ],
)
def test_a_point_has_one_row_of_each_training(at, message):
    with pytest.raises(ValueError, match=message):
        runs_of(sweep_rows(), at)


def test_changes_are_those_of_the_same_trainings_image_by_image():
    rows = sweep_rows()
    found = changes(rows, "gain", 1.0)
    # One image of ten, for one training of three.
    assert found["NSM", 0.1].value == pytest.approx(10 / 3)
    assert ("NSM", 1.0) not in found.index
    at = [runs_of(rows, {"network": "NSM", "gain": gain}) for gain in (0.1, 1.0)]
    assert found["NSM", 0.1] == change(*at)
    assert found["ReLU", 0.1].below(20) == "no"
    # Images on which all trainings err at both gains have no part in the error of the change.
    assert found["NSM", 0.1].error < difference(*at).error


def test_networks_are_compared_on_the_same_images():
    rows = sweep_rows()
    found = differences(rows, "gain", "NSM", "ReLU")
    assert list(found.index) == [1.0, 0.1]
    assert found[1.0].value == pytest.approx(100 * (2 / 10 - 4 / 30))
    a, b = (runs_of(rows, {"network": n, "gain": 1.0}) for n in ("NSM", "ReLU"))
    assert found[1.0] == difference(a, b)


def test_estimates_are_shown_as_texts():
    rows = sweep_rows()
    table = estimates(changes(rows, "gain", 1.0))
    assert list(table.columns) == [0.1]
    assert table.loc["NSM", 0.1].startswith("3.33 ± ")
    line = estimates(differences(rows, "gain", "NSM", "ReLU"))
    assert list(line.index) == ["NSM − ReLU"]
    assert line.iloc[0].tolist() == [e.text for e in differences(rows, "gain", "NSM", "ReLU")]


def test_figures_grow_over_several_calls():
    figure, (left, right) = subplots(1, 2, figsize=(4, 2))
    assert isinstance(figure, Figure)
    values = np.array([[1.0, 3.0], [2.0, 4.0]])
    plot_band(left, [1, 2], values, 0, "NSM")
    assert list(left.lines[0].get_ydata()) == [2, 3]
    assert not right.lines
    legend_above(figure, left, ncols=1)
    assert [text.get_text() for text in figure.legends[0].texts] == ["NSM"]
