"""Intervals and comparisons of rows: what is pooled, what is paired, and what is refused."""

import math

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from nsm import compare, interval, to_xarray
from nsm.sweeps.rows.variance import bounds, components


def table(rates, images=1000, network="NSM", **columns):
    """Rows of error rates by (training, chip)."""
    rates = np.atleast_2d(rates)
    return pd.DataFrame(
        [
            {
                "network": network,
                "device.levels": 8,
                "gain": 1.0,
                "training_seed": t,
                "chip": c,
                "errors": round(rate * images),
                "images": images,
                "samples": 1,
                "experiment": "canonical-a-b-c",
            }
            | columns
            for t, row in enumerate(rates)
            for c, rate in enumerate(row)
            if not math.isnan(rate)
        ]
    )


def test_a_point_has_the_parts_of_its_variance():
    rates = np.array([[0.10, 0.12, 0.11], [0.15, 0.16, 0.18]])
    (found,) = interval(table(rates)).to_dict("records")
    expected = components(rates)
    of_images = 0.82 / 6 * (1 - 0.82 / 6) / 1000
    assert found["network"] == "NSM"
    assert found["error"] == pytest.approx(0.82 / 6)
    assert found["se_images"] == pytest.approx(math.sqrt(of_images))
    assert found["se"] == pytest.approx(math.sqrt(of_images + expected.variance))
    assert found["sd_chips"] == pytest.approx(expected.sd_chips)
    assert found["sd_trainings"] == pytest.approx(expected.sd_trainings)
    limits = bounds(found["error"], 1000, expected.variance, expected.freedom, 0.95)
    assert (found["low"], found["high"]) == pytest.approx(limits)
    assert (found["chips"], found["trainings"], found["images"]) == (3, 2, 1000)


def test_points_are_told_apart_by_what_differs():
    parts = [table(0.1, gain=g, **{"device.levels": v}) for g in (0.5, 1.0) for v in (2, None)]
    found = interval(pd.concat(parts))
    assert found.columns[:3].tolist() == ["network", "device.levels", "gain"]
    assert len(found) == 4
    assert found["device.levels"].isna().sum() == 2


def test_axes_are_not_pooled():
    rows = pd.concat([table(0.1, gain=g) for g in (0.5, 1.0)])
    with pytest.raises(
        ValueError,
        match=r"at network = 'NSM' differ in gain \(0.5, 1.0\).*by=\[..., 'gain'\]",
    ):
        interval(rows, by=["network"])
    assert interval(rows, by=["gain"]).error.tolist() == [0.1, 0.1]


def test_values_of_none_are_named_once():
    parts = [table(0.1, **{"device.levels": v}) for v in (2.0, None)]
    rows = pd.concat([pd.concat(parts), pd.concat(parts).assign(chip=1)])
    with pytest.raises(ValueError, match=r"differ in device.levels \(2\.0, None\), whose"):
        interval(rows, by=["gain"])


def test_rows_that_hold_wrong_images_are_counted_as_others():
    rows = pd.concat([table([0.1, 0.2]), table([0.3, 0.4], network="ReLU")])
    kept = rows.assign(wrong=[np.arange(n) for n in rows["errors"]])
    assert_frame_equal(interval(kept), interval(rows))
    assert_frame_equal(compare(kept, "gain", "NSM", "ReLU"), compare(rows, "gain", "NSM", "ReLU"))
    timed = {"elapsed": 0.1, "reprogrammed_scale": 1.0, "seconds": 0.0}
    assert to_xarray(kept.assign(**timed)).equals(to_xarray(rows.assign(**timed)))


def test_a_difference_of_rates_lies_between_minus_one_and_one():
    rows = pd.concat([table([0.1, 0.6], 20), table([0.9, 0.95], 20, network="ReLU")])
    (found,) = compare(rows, "gain", "NSM", "ReLU").to_dict("records")
    assert (found["low"], found["high"]) == (-1, 1)  # two chips: Student's t has 13 s.e.


def test_more_chips_do_not_make_the_part_of_the_images_smaller():
    one, many = (interval(table([0.1] * chips)).iloc[0] for chips in (1, 16))
    assert many.se_images == pytest.approx(one.se_images)
    assert many.se == pytest.approx(one.se)  # chips that agree add nothing
    assert many.low == pytest.approx(one.low)


def test_no_errors_give_a_bound_and_narrower_ones_at_less_confidence():
    rows = table([0.0, 0.0, 0.0], images=10_000)
    found = interval(rows).iloc[0]
    assert (found.error, found.low, found.se) == (0, 0, 0)
    assert found.high == pytest.approx(1 - 0.025**1e-4)
    assert interval(rows, confidence=0.9).iloc[0].high == pytest.approx(1 - 0.05**1e-4)


def test_parts_of_the_images_add_up():
    parts = [
        table([0.1, 0.2], images=400, experiment="canonical-first-b-c"),
        table([0.3, 0.1], images=600, experiment="canonical-second-b-c"),
    ]
    whole = table([0.22, 0.14], images=1000)
    assert_frame_equal(interval(pd.concat(parts)), interval(whole))
    with pytest.raises(ValueError, match="of several sweeps, which differ in more than their im"):
        interval(pd.concat([parts[0], table(0.3, experiment="canonical-first-b-other")]))


def test_rows_that_repeat_a_chip_are_refused():
    rows = pd.concat([table([0.1, 0.2])] * 2)
    with pytest.raises(
        ValueError, match=r"2 rows repeat a chip \(network = 'NSM', chip = 0\).*nsm.merge_rows"
    ):
        interval(rows)


def test_rows_without_trainings_and_with_unequal_images():
    rows = table([0.1, 0.2]).drop(columns=["training_seed", "experiment"])
    rows.loc[1, ["errors", "images"]] = [500, 2500]
    found = interval(rows).iloc[0]
    assert found.trainings == 1
    assert found.images == 2500
    worth = 4 / (1 / 1000 + 3 / 2500)
    assert found.se_images == pytest.approx(math.sqrt(0.15 * 0.85 / worth))


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (table(0.1)[:0], {}, "the rows are empty; give those of nsm.collect or nsm.read_rows"),
        (table(0.1).drop(columns="chip"), {}, "the rows lack the columns chip"),
        (table(0.1), {"confidence": 1.0}, "confidence = 1.0"),
        (table(0.1), {"by": ["gian"]}, "unknown column in by 'gian'; did you mean 'gain'"),
        (table(0.1), {"by": ["chip"]}, "unknown column in by 'chip'"),
    ],
)
def test_what_has_no_interval_is_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        interval(rows, **options)


def test_networks_are_compared_chip_by_chip():
    rng = np.random.default_rng(0)
    of_chips = rng.normal(0, 0.05, 6)  # what a chip does to both
    a, b = 0.2 + of_chips, 0.3 + of_chips
    rows = pd.concat(
        [table(a, 1_000_000), table(b, 1_000_000, "ReLU"), table(b, 1_000_000, gain=0.5)]
    )
    (found,) = compare(rows, "gain", "NSM", "ReLU").to_dict("records")
    assert found["gain"] == 1.0
    assert found["difference"] == pytest.approx(-0.1, abs=1e-6)
    assert found["error_a"] == pytest.approx(a.mean(), abs=1e-6)
    assert found["sd_chips"] < 2e-6  # rounding to counts alone
    alone = interval(rows[rows.gain == 1.0])
    assert alone.se.min() > 3 * found["se"]  # pairs take the chips out
    assert (found["pairs"], found["images"], found["verdict"]) == (6, 1_000_000, "a is better")
    p_a, p_b = found["error_a"], found["error_b"]
    of_images = (p_a * (1 - p_a) + p_b * (1 - p_b)) / 1_000_000
    assert found["se_images"] == pytest.approx(math.sqrt(of_images))
    assert compare(rows, "gain", "ReLU", "NSM").iloc[0].verdict == "b is better"
    assert compare(rows, ["gain", "device.levels"], "NSM", "ReLU").iloc[0].low == found["low"]


def test_only_chips_and_trainings_of_both_are_compared():
    a = table([[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]])
    b = table([[0.2, 0.3, math.nan], [0.3, 0.4, math.nan]], network="ReLU")
    found = compare(pd.concat([a, b]), "gain", "NSM", "ReLU").iloc[0]
    assert found.pairs == 4
    assert found.error_a == pytest.approx(0.2)
    assert found.difference == pytest.approx(-0.1)


def test_differences_that_chance_explains_are_not_resolved():
    rows = pd.concat([table([0.10, 0.12], 100), table([0.11, 0.12], 100, "ReLU")])
    found = compare(rows, "gain", "NSM", "ReLU").iloc[0]
    assert found.verdict == "not resolved"
    assert found.low < 0 < found.high
    none = pd.concat([table([0.0, 0.0], 100), table([0.0, 0.0], 100, "ReLU")])
    found = compare(none, "gain", "NSM", "ReLU").iloc[0]
    assert found.se_images == pytest.approx(math.sqrt(2 * 0.01 * 0.99 / 100))  # one error each


def test_values_of_none_are_compared_too():
    parts = [table(0.1, **{"device.levels": v}) for v in (2.0, math.nan)]
    parts += [table(0.4, network="ReLU", **{"device.levels": v}) for v in (math.nan, 2.0)]
    found = compare(pd.concat(parts), "device.levels", "NSM", "ReLU")
    assert len(found) == 2
    assert found.difference.tolist() == pytest.approx([-0.3, -0.3])


def test_what_cannot_be_compared_is_refused():
    rows = pd.concat([table(0.1), table(0.2, network="ReLU", chip=5)])
    with pytest.raises(ValueError, match=r"no row has network = 'BD'; the rows have 'NSM', 'ReLU'"):
        compare(rows, "gain", "NSM", "BD")
    with pytest.raises(ValueError, match="'NSM' and 'ReLU' have no chip in common at any value of"):
        compare(rows, "gain", "NSM", "ReLU")
    with pytest.raises(ValueError, match="unknown column 'gian'; did you mean 'gain'"):
        compare(rows, "gian", "NSM", "ReLU")


def test_intervals_of_differences_cover():
    """Chips act on both networks, and each network errs on images of its own."""
    rng = np.random.default_rng(1)
    n, repeats = 2000, 200
    rows = []
    for repeat in range(repeats):
        common = rng.normal(0, 0.03, 5)
        for network, p in (("NSM", 0.2), ("ReLU", 0.25)):
            # All chips of a network err on the same images, which are drawn anew.
            images = rng.binomial(n, p) / n
            errors = n * (images + common + rng.normal(0, 0.01, 5))
            rows += [(network, repeat, c, round(e), n) for c, e in enumerate(errors)]
    frame = pd.DataFrame(rows, columns=["network", "repeat", "chip", "errors", "images"])
    found = compare(frame, "repeat", "NSM", "ReLU")
    covered = ((found.low <= -0.05) & (found.high >= -0.05)).mean()
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats) < covered <= 0.995
