"""The chart of tolerances: what its bars, lines and arrows say, and the map of two axes."""

import math
from dataclasses import asdict

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from crossbar import Hardware
from devices import BlankOut, Device
from nsm import nsm_mlp, relu_mlp
from nsm.plots import plot_tolerance_map, plot_tolerances
from nsm.plots.style import COLORS
from nsm.verdict.result import Tolerances
from nsm.verdict.search import End, Found

RESOLVED = {"decided": True, "unit": "levels", "reference": "given", "given": 32}
ROWS = [
    Found(network="NSM", axis="levels", tolerated=8, low=8, high=7, ratio=4, ratio_high=4.5,
          falls=True, **RESOLVED),
    Found(network="ReLU", axis="levels", tolerated=64, low=64, high=48, ratio=0.5, ratio_high=0.7,
          repairs=0.1, falls=True, **RESOLVED),
    Found(network="NSM", axis="stuck cells", tolerated=0.01, low=0.01, high=0.04, ratio=0.01,
          ratio_high=0.04, unit="of the cells", reference="all cells", given=0),
    Found(network="ReLU", axis="gain, rising", tolerated=1000, low=1000, high=math.inf, ratio=1000,
          ratio_high=math.inf, decided=True, reference="no gain",
          ended=End.WORST, reason="tolerated up to 1e+03, the worst value that was tried"),
    Found(network="ReLU", axis="comparator noise", reason="does not act: no comparators"),
]  # fmt: skip


def result(rows=ROWS):
    table = pd.DataFrame([asdict(row) for row in rows])
    same = {"software": 0.1, "given": 0.1, "without_gate": np.nan, "refused": ""}
    base = pd.DataFrame(
        {"network": ["NSM", "ReLU"], **same, "images": 100, "guessing": 0.5, "works": "yes"}
    )
    settings = {"loss": 0.01, "confidence": 0.95, "samples": 2, "images": 100, "blocks": 10,
                "sampling": "exact"}  # fmt: skip
    networks = {"NSM": nsm_mlp((4, 3, 2)), "ReLU": relu_mlp((4, 3, 2))}
    hardware = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
    return Tolerances(
        table=table, base_errors=base, settings=settings, hardware=hardware, networks=networks
    )


@pytest.fixture
def ax():
    return plot_tolerances(result())


def bars(ax):
    """Return where the bars end, and their colors."""
    found = [patch for patch in ax.patches if patch.get_width() > 0]
    return [(patch.get_x() + patch.get_width(), patch.get_facecolor()) for patch in found]


def test_bars_end_at_the_ratios_in_the_colors_of_the_networks(ax):
    ends = [end for end, _ in bars(ax)]
    assert ends == pytest.approx([4, 0.5, 0.01, 1000])
    nsm, relu = (mpl.colors.to_rgba(COLORS[place]) for place in (0, 1))
    # The bar of stuck cells, which were not decided, is a paler one of the same color.
    colors = [color for _, color in bars(ax)]
    assert [color[:3] for color in colors] == [nsm[:3], relu[:3], nsm[:3], relu[:3]]
    assert [color[3] == 1 for color in colors] == [True, True, False, True]
    assert 0.2 < colors[2][3] < 0.5
    assert ax.get_xscale() == "log"


def test_axes_in_units_of_given_values_come_first(ax):
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["levels", "stuck cells\n[all cells]", "gain, rising\n[no gain]"]


def test_lines_lead_to_what_is_not_resolved_and_arrows_beyond(ax):
    drawn = {(line.get_marker(), round(float(line.get_xdata()[-1]), 6)) for line in ax.lines}
    assert ("|", 0.04) in drawn
    assert (">", 1000.0) in drawn


def test_the_small_print_names_conditions_and_axes_that_do_not_act(ax):
    text = " ".join(t.get_text().replace("\n", " ") for t in ax.texts)
    assert "less than 1 point of loss at 95 % confidence" in text
    assert "pale bar and thin line: not resolved beyond it" in text
    assert "100 images in 10 blocks on a chip each, 2 samples" in text
    assert "comparator noise (ReLU): does not act: no comparators." in text


def test_values_stand_at_the_ends_with_their_units(ax):
    texts = {t.get_text() for t in ax.texts}
    assert {"8 levels", "64 levels", "> 0.01, < 0.04 of the cells", "≥ 1000"} <= texts


@pytest.mark.parametrize(
    ("found", "label"),
    [
        ({"falls": True, "tolerated": 99.6, "high": 0.13}, "< 100, > 0.13 units"),
        ({"tolerated": 7.9, "high": math.inf, "ratio_high": math.inf}, "> 7.9 units, not resolved"),
        ({"falls": True, "tolerated": 0.5, "high": 0.0, "ratio_high": math.inf},
         "< 0.5 units, not resolved"),
        ({"tolerated": 0.0, "high": 0.001, "ratio": 0.0}, "not resolved, < 0.001 units"),
        ({"falls": True, "tolerated": math.inf, "high": 8, "ratio": 0.0},
         "not resolved, > 8 units"),
        ({"tolerated": 0.0, "high": math.inf, "ratio": 0.0, "ratio_high": math.inf},
         "not resolved"),
    ],
)  # fmt: skip
def test_labels_say_what_is_not_resolved(found, label):
    bounds = {"unit": "units", "reference": "given", "given": 1, "ratio": 2, "ratio_high": 8}
    row = Found(network="NSM", axis="some", **{**bounds, "low": found["tolerated"], **found})
    assert label in {t.get_text() for t in plot_tolerances(result([row])).texts}


def test_a_table_without_results_is_refused():
    with pytest.raises(ValueError, match="no axis with a result"):
        plot_tolerances(result(ROWS[-1:]))


def test_a_map_shows_the_error_of_every_point():
    rows = pd.DataFrame({"network": "NSM", "levels": [8, 8, 2, 2], "stuck cells": [0, 0.1, 0, 0.1],
                         "errors": [10, 20, 30, 40], "images": 100})  # fmt: skip
    rows.attrs["units"] = {"levels": "levels", "stuck cells": "of the cells"}
    ax = plot_tolerance_map(rows)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("levels", "stuck cells [of the cells]")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "8"]
    np.testing.assert_allclose(np.sort(ax.collections[0].get_array()), [10, 20, 30, 40])
    assert {t.get_text() for t in ax.texts} >= {"10", "20", "30", "40"}
    with pytest.raises(ValueError, match=r"network 'ReLU' is not in the map; it has \['NSM'\]"):
        plot_tolerance_map(rows, network="ReLU")
    two = pd.concat([rows, rows.assign(network="ReLU")])
    with pytest.raises(ValueError, match=r"\['NSM', 'ReLU'\]; choose one with network="):
        plot_tolerance_map(two)
