"""The points of a curve: what may be pooled, and the spread over chips and trainings."""

import numpy as np
import pandas as pd
import pytest

from nsm.plots import facet_error_rate, plot_error_rate
from nsm.plots.axis_places import value_text
from nsm.plots.error_axis import error_scale
from nsm.plots.points import pooled_axes, spread_of
from nsm.sweeps.rows.stored_rows import read_rows
from nsm.sweeps.rows.unfinished import marker_of


def two_axes(**columns):
    """Rows over levels and gains: the gain moves the error by 10 points, chips by about 1."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "network": "NSM", "device.levels": n, "gain": gain, "chip": chip,
                "errors": 100 + 100 * (gain == 0.1) + int(rng.normal(0, 8)), "images": 1000,
                **columns,
            }
            for n in (4, 8, 16)
            for gain in (0.1, 1.0)
            for chip in range(4)
        ]
    )  # fmt: skip


def band_of(ax, at):
    """Lower and upper edge of the only band at a place."""
    (band,) = ax.collections
    y = [v for x, v in band.get_paths()[0].vertices if x == at]
    return min(y), max(y)


def test_an_axis_that_nobody_named_is_refused_and_not_called_chips():
    with pytest.raises(
        ValueError, match=r"differ in gain \(0.1, 1\), which the figure does not sh"
    ):
        plot_error_rate(two_axes(), x="device.levels")
    with pytest.raises(ValueError, match="group='gain'.*facet='gain'"):
        plot_error_rate(two_axes(), x="device.levels", group="network")
    # Pooled, its spread would be six times that of chips.
    of_four = two_axes().query("`device.levels` == 4")
    percent = of_four["errors"] / 10
    pooled = percent.std()
    of_chips = percent[of_four["gain"] == 1.0].std()
    assert pooled > 5 * of_chips
    ax = plot_error_rate(two_axes().query("gain == 1.0"), x="device.levels", group="network")
    low, high = band_of(ax, 4)
    assert (high - low) / 2 == pytest.approx(of_chips, rel=1e-9)


def test_axes_that_vary_together_with_a_named_one_are_not_pooled():
    frame = two_axes().query("gain == 1.0")
    frame = frame.assign(tile_shape=frame["device.levels"].astype(str))
    assert pooled_axes(frame, ["device.levels"]) == {}
    assert pooled_axes(two_axes(), ["device.levels"]) == {"gain": [0.1, 1.0]}
    assert pooled_axes(two_axes(), ["device.levels", "gain"]) == {}


def test_rows_of_several_sweeps_are_refused():
    frame = two_axes().query("gain == 1.0")
    with pytest.raises(
        ValueError, match=r"12 rows repeat a point and chip \(device.levels = 4, ch"
    ):
        plot_error_rate(pd.concat([frame, frame]), x="device.levels")


def test_facets_draw_one_panel_for_each_value():
    drawing = facet_error_rate(two_axes(), facet="gain", x="device.levels", group="network")
    assert [ax.get_title() for ax in drawing.axes] == [
        "common-mode gain of all conductances: 0.1",
        "common-mode gain of all conductances: 1",
    ]
    assert len({ax.get_ylim() for ax in drawing.axes}) == 1
    assert len({tuple(ax.get_yticks()) for ax in drawing.axes}) == 1
    for ax, gain in zip(drawing.axes, (0.1, 1.0), strict=True):
        mean = two_axes().query(f"gain == {gain}").groupby("device.levels")["errors"].mean() / 10
        np.testing.assert_allclose(ax.lines[0].get_ydata(), mean)
    both = pd.concat([two_axes(), two_axes().assign(network="ReLU")])
    with pytest.raises(ValueError, match=r"differ in network \(NSM, ReLU\)"):
        facet_error_rate(both, facet="gain", x="device.levels")


def test_the_spread_of_one_training_is_that_over_its_chips():
    point = spread_of([1.0, 2.0, 4.0], [0, 0, 0])
    assert (point.mean, point.trainings, point.chips) == (pytest.approx(7 / 3), 1, (3, 3))
    assert point.spread == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert np.isnan(spread_of([1.0], [0]).spread)


def test_the_spread_of_trainings_with_one_chip_is_that_between_them():
    point = spread_of([1.0, 2.0, 4.0], [0, 1, 2])
    assert point.spread == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert (point.trainings, point.chips) == (3, (1, 1))


def test_the_spread_has_the_variance_of_a_new_training_on_a_new_chip():
    """Trainings with s.d. 3 and chips with s.d. 2: the spread is √13."""
    rng = np.random.default_rng(1)
    runs, trainings, chips = 1000, 3, 2
    of_training = 3 * rng.standard_normal((runs, trainings, 1))
    percent = 50 + of_training + 2 * rng.standard_normal((runs, trainings, chips))
    names = np.repeat(np.arange(trainings), chips)
    variances = np.array([spread_of(p.ravel(), names).spread ** 2 for p in percent])
    error = variances.std() / np.sqrt(runs)
    # Cutting the variance between trainings at 0 biases it upward by less than 0.2 here.
    assert 13 - 4 * error < variances.mean() < 13.2 + 4 * error


def test_the_legend_says_over_how_many_trainings_and_chips_the_band_is():
    frame = two_axes().query("gain == 1.0")
    both = pd.concat([frame.assign(training_seed=s) for s in (0, 1, 2)])
    title = plot_error_rate(both, x="device.levels").get_legend().get_title().get_text()
    assert title == "band: ± 1 s.d. over 3 trainings × 4 chips"
    fewer = frame.drop(frame.index[-1])
    title = plot_error_rate(fewer, x="device.levels").get_legend().get_title().get_text()
    assert title == "band: ± 1 s.d. over 3 to 4 chips"


@pytest.mark.parametrize(
    ("means", "wanted", "scale"),
    [
        ([1.4, 2.0, 50.0], "auto", "log"),
        ([1.4, 2.0, 13.0], "auto", "linear"),
        ([0.0, 2.0, 50.0], "auto", "linear"),
        ([1.4, 2.0], "log", "log"),
        ([1.4, 50.0], "linear", "linear"),
    ],
)
def test_the_error_axis_is_logarithmic_where_small_errors_must_be_told_apart(means, wanted, scale):
    assert error_scale(np.array(means), wanted) == scale


def test_bad_error_axes_are_refused():
    with pytest.raises(ValueError, match="'log' cannot show the points without an error .1 of 2"):
        error_scale(np.array([0.0, 1.0]), "log")
    with pytest.raises(ValueError, match="unknown error_axis 'logarithmic'"):
        error_scale(np.array([1.0]), "logarithmic")


def test_bands_below_a_logarithmic_axis_end_there():
    frame = two_axes().query("gain == 1.0").copy()
    frame["errors"] = [0, 0, 0, 40, 300, 310, 320, 330, 800, 810, 820, 830]
    ax = plot_error_rate(frame, x="device.levels")
    assert ax.get_yscale() == "log"
    low, _ = band_of(ax, 4)
    assert 0 < ax.get_ylim()[0] <= low < 1.0
    assert {float(t.get_text()) for t in ax.get_yticklabels()} == {1, 2, 5, 10, 20, 50}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("device.levels", "continuous"), ("head:device.levels", "continuous"),
        ("levels", "continuous"), ("adc", "ideal"), ("wires", "none"), ("adc.bits", "none"),
    ],
)  # fmt: skip
def test_none_is_called_what_it_means(column, text):
    assert value_text(None, column) == value_text(float("nan"), column) == text


def test_an_unfinished_sweep_says_so(tmp_path):
    header = "network,gain,reprogrammed_scale,seconds,chip,errors,images,samples,seed,elapsed"
    lines = [f"NSM,{g},1.0,0.0,0,5,100,1,7,0.1,m,t{g},e" for g in (0.1, 1.0)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([f"{header},model,task,experiment", *lines, ""]))
    assert not list(plot_error_rate(read_rows(path), x="gain").texts)
    marker_of(path).write_text("t1.0 0\nt10.0 0\nt100.0 0\n")
    rows = read_rows(path)
    assert rows.attrs == {"rows": 2, "planned": 4}
    (note,) = plot_error_rate(rows, x="gain").texts
    assert note.get_text() == "Unfinished sweep: 2 of 4 rows."


def test_logarithmic_facets_have_the_same_labels():
    frame = two_axes().assign(errors=lambda rows: rows["errors"] ** 3 // 10_000)
    drawing = facet_error_rate(frame, facet="gain", x="device.levels", error_axis="log")
    ticks = {tuple(t.get_text() for t in ax.get_yticklabels()) for ax in drawing.axes}
    assert len(ticks) == 1
    assert {"20", "50"} <= set(ticks.pop())


def test_a_narrow_logarithmic_axis_has_at_least_three_labels():
    frame = two_axes().query("gain == 1.0").assign(errors=[18, 19, 20, 21] * 3)
    ax = plot_error_rate(frame, x="device.levels", error_axis="log")
    low, high = ax.get_ylim()
    assert sum(low <= float(t.get_text()) <= high for t in ax.get_yticklabels()) >= 3
