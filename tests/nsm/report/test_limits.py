"""How far axes may go: interpolation, ranges over chips, None, categories, the verdict."""

import math

import pandas as pd
import pytest

from nsm.report.limits import limit_of, limit_rows, limit_table
from nsm.report.resolution import bracket, difference_error, resolves_one_point
from nsm.report.verdicts import verdicts
from tests.nsm.report.made_rows import levels_and_gain, made_rows, made_sidecar, made_swept


def of_gain(errors):
    """Rows of networks over the gains 1, 0.1, 0.01: errors of 1000 images, one list per chip."""
    places = {1.0: 0, 0.1: 1, 0.01: 2}
    rows = made_rows(
        {"gain": [1.0, 0.1, 0.01]}, lambda n, c, gain: errors[n][c][places[gain]], tuple(errors)
    )
    return made_swept(rows)


def lines_of(table):
    """The rows of a table by their labels."""
    return dict(table.rows)


def test_limits_are_interpolated_along_the_logarithmic_axis():
    swept = of_gain(
        {
            "NSM": [[50, 50, 50], [50, 52, 58]],  # never more than one point, which is 10 images
            "ReLU": [[30, 30, 50], [30, 50, 90]],
        }
    )
    table = limit_table([swept], {"NSM": 0.05, "ReLU": 0.031})
    assert list(table.columns) == ["NSM", "ReLU"]
    lines = lines_of(table)
    assert [text for text, _ in lines["Test error in software [%]"]] == ["5.0", "3.1"]
    at_reference = lines["Test error at the point of comparison [%]"]
    # √(0.05 · 0.95/1000) = 0.69 %.
    assert at_reference == [("5.0", "± 0.7"), ("3.0", "± 0.5")]
    smallest = lines["Common-mode gain of all conductances, smallest"]
    assert smallest[0] == ("< 0.01", "")
    # The mean rises by 1 point exactly at 0.1, and is above it beyond. Chip 0 alone meets one
    # point half-way between 0.1 and 0.01 in the logarithm, chip 1 half-way between 1 and 0.1.
    assert smallest[1] == ("0.10", "(0.032 to 0.32)")
    assert "Common-mode gain of all conductances, largest" not in lines  # nothing above 1
    assert table.caption == "Interpolated limits: where the mean error has risen by one point"
    assert "They have no confidence; nsm tolerance decides at one." in table.note
    assert "1000 test images with 20 samples each" in table.note
    assert "1 percentage point (10 images)" in table.note


def test_a_chip_that_tolerates_everything_ends_the_range():
    (row,) = limit_rows(of_gain({"NSM": [[50, 50, 50], [50, 70, 90]]}))
    assert row.cells["NSM"] == ("0.10", "(< 0.01 to 0.32)")


@pytest.mark.parametrize(
    ("rising", "errors", "text"),
    [
        (True, {1: 50, 2: 50, 4: 70}, "3"),  # half-way from 2 to 4 is 3, of whole numbers
        (True, {1: 50, 2: 55, 4: 58}, "> 4"),
        (True, {1: 50, 2: 80, 4: 80}, "1"),
        (False, {1: 90, 2: 50, 4: 50}, "2"),  # 1.75, and the next whole number towards the chip's
    ],
)
def test_levels_are_whole_numbers(rising, errors, text):
    rows = made_rows({"device.levels": [1, 2, 4]}, lambda n, c, v: errors[v], ("NSM",), chips=1)
    reference = "1" if rising else "4"
    assert limit_of(rows, "device.levels", reference, rising=rising).text == text


def test_continuous_cells_are_more_than_all_levels():
    def rows(errors):
        found = made_rows(
            {"device.levels": [2, 8, None]}, lambda n, c, v: errors[v], ("NSM",), chips=1
        )
        assert found["device.levels"].isna().any()
        return found

    spread = {2: 300, 8: 45, None: 40}
    spread[math.nan] = spread[None]
    limit = limit_of(rows(spread), "device.levels", "continuous", rising=False)
    # From 0.5 points at 8 to 26 at 2 the curve crosses one point just below 8.
    assert limit.text == "8"
    bad = {2: 300, 8: 90, None: 40}
    found = limit_of(rows(bad), "device.levels", "continuous", rising=False)
    assert (found.text, math.isnan(found.value)) == ("only continuous", True)
    assert limit_of(rows(bad), "device.levels", "continuous", rising=True) is None


def test_categories_are_listed():
    errors = {"pair": 40, "cell": 45, "word_line": 90}
    rows = made_rows({"gate_sharing": list(errors)}, lambda n, c, v: errors[v], ("NSM",))
    (row,) = limit_rows(made_swept(rows))
    assert row.label == "One gate per, tolerated"
    assert row.cells["NSM"] == ("pair, cell", "")
    strict = made_rows({"gate_sharing": list(errors)}, lambda n, c, v: 40 * errors[v], ("NSM",))
    (row,) = limit_rows(made_swept(strict.assign(images=5000)))
    assert row.cells["NSM"] == ("only pair", "")


def test_nothing_is_left_to_tolerate_below_zero():
    rows = made_rows({"device.read_noise.sigma": [0.0, 0.1, 0.5]}, lambda n, c, v: 40, ("NSM",))
    swept = made_swept(rows, known={"device.read_noise.sigma": 0.1})
    assert [row.side for row in limit_rows(swept)] == ["largest"]


def test_other_axes_stay_at_the_point_of_comparison():
    swept = made_swept(levels_and_gain(), made_sidecar())
    rows = {row.label: row.cells for row in limit_rows(swept)}
    smallest = rows["Common-mode gain of all conductances, smallest"]
    assert smallest["NSM"] == ("< 0.1", "")
    # 40 points of loss at 0.1, on a logarithmic axis: one is lost at 0.1^(1/40) = 0.944.
    assert smallest["ReLU"] == ("0.94", "")
    levels = rows["Conductance levels per cell, smallest"]
    # 1.5 points at 8, on a logarithmic axis: one is lost at 32 (8/32)^(1/1.5) = 12.7.
    assert levels["NSM"] == levels["ReLU"] == ("13", "")


def test_the_verdict_says_whether_a_network_works_and_up_to_where():
    swept = made_swept(levels_and_gain(), made_sidecar())
    nsm, relu = verdicts([swept], {"NSM": 0.04, "ReLU": 0.01})
    # 40.5 of 1000 images are wrong.
    assert nsm.startswith("NSM works at the point of comparison: 4.0 % error, 0.0 points above")
    assert "levels per cell of at least 13" in nsm
    assert "It tolerates everything that was swept of: common-mode gain of all cond" in nsm
    assert "down to 0.1" in nsm
    assert relu.startswith("ReLU does not work at the point of comparison: 4.0 % error, 3.0 points")
    assert "common-mode gain of all conductances of at least 0.94" in relu
    (unknown, _) = verdicts([swept], {})
    assert "its error in software is not known" in unknown


def test_networks_of_other_files_are_not_swept_there():
    one = of_gain({"NSM": [[50, 50, 50]] * 2})
    other = made_swept(
        made_rows({"device.levels": [2, 32]}, lambda n, c, v: 40 + 300 // v, ("ReLU",))
    )
    lines = lines_of(limit_table([one, other], {"NSM": 0.05}))
    assert lines["Test error in software [%]"][1] == ("unknown", "")
    assert lines["Common-mode gain of all conductances, smallest"][1] == ("not swept", "")
    assert lines["Conductance levels per cell, smallest"][0] == ("not swept", "")


def test_a_point_of_comparison_that_was_guessed_is_said():
    rows = made_rows({"read_voltage": [0.1, 0.5]}, lambda n, c, v: int(400 * v), ("NSM",))
    note = limit_table([made_swept(rows)], {}).note
    assert "Point of comparison in rows.csv: read voltage [V] = 0.1. It is the point of" in note
    assert "the chip without read voltage [V]" in note
    told = limit_table([made_swept(rows, made_sidecar())], {}).note
    assert "Point of comparison in rows.csv: read voltage [V] = 0.1, unchanged." in told


def test_limits_of_trainings_have_their_range():
    rows = of_gain({"NSM": [[50, 50, 50], [50, 70, 90]]}).rows
    twice = pd.concat([rows.assign(training_seed=0), rows.assign(training_seed=1)])
    (row,) = limit_rows(made_swept(twice))
    assert row.cells["NSM"] == ("0.10", "(< 0.01 to 0.32)")


def few_images():
    """Two networks on 40 images, of which one point is 0.4: errors at 32, 8 and 2 levels."""
    errors = {"NSM": {32: 4, 8: 5, 2: 20}, "ReLU": {32: 4, 8: 4, 2: 5}}
    rows = made_rows({"device.levels": [2, 8, 32]}, lambda n, c, v: errors[n][v], images=40)
    return made_swept(rows, known={"device.levels": 32})


def test_images_that_do_not_resolve_one_point_give_brackets():
    swept = few_images()
    table = limit_table([swept], {"NSM": 0.1, "ReLU": 0.1})
    (row,) = limit_rows(swept)
    # At 8 levels the mean error has risen by 2.5 points, which is more than one, but not by one
    # standard error more. At 2 levels it has risen by 40 points.
    assert row.cells == {"NSM": ("between 2 and 32", ""), "ReLU": ("not resolved", "")}
    assert table.caption.startswith("40 images do not resolve one point: values of the sweep")
    # sqrt(2 * 0.1 * 0.9/40) = 6.7 points.
    assert "difference of two errors is 6.7 points for NSM, 6.7 points for ReLU" in table.note
    nsm, relu = verdicts([swept], {"NSM": 0.1, "ReLU": 0.1})
    assert nsm == (
        "40 images do not resolve one point, and so not whether NSM works at the point of "
        "comparison: 10.0 % error, 0.0 points above its error in software. 40 images do not "
        "resolve one point, so that its limits are brackets: conductance levels per cell between 2 "
        "and 32."
    )
    assert relu.endswith(
        "No value of the sweep shows a loss of one point of: conductance levels per cell, smallest."
    )
    lost = verdicts([swept], {"NSM": 0.01, "ReLU": 0.01})[0]
    assert lost.startswith("NSM does not work at the point of comparison: 10.0 % error, 9.0 points")


def test_a_bracket_ends_at_the_values_around_the_loss():
    # Of 100 images, sqrt((0.1 * 0.9 + 0.3 * 0.7)/100) = 5.5 points is one standard error.
    assert difference_error(10, 30, 100) == pytest.approx(100 * math.sqrt(0.3 / 100))
    assert bracket(["32", "8", "2"], [10, 30, 60], 100, rising=False) == "between 8 and 32"
    assert bracket(["1", "10", "99"], [10, 10.5, 40], 100, rising=True) == "between 10 and 99"
    assert bracket(["1", "10", "99"], [10, 12, 15], 100, rising=True) == "not resolved"
    # One standard error is one point at p = 5 % and 950 images.
    assert resolves_one_point(5, 951)
    assert not resolves_one_point(5, 949)
    assert not resolves_one_point(0, 40)  # without an error, one is counted


def test_categories_that_are_not_resolved_are_named():
    errors = {"pair": 4, "cell": 5, "word_line": 39}
    rows = made_rows({"gate_sharing": list(errors)}, lambda n, c, v: errors[v], ("NSM",), images=40)
    (row,) = limit_rows(made_swept(rows))
    assert row.cells["NSM"] == ("pair; not resolved: cell", "")


def test_one_network_has_one_spread_from_chip_to_chip():
    note = limit_table([of_gain({"NSM": [[50, 50, 50], [57, 57, 57]]})], {}).note
    # The standard deviation of 5.0 and 5.7 %.
    assert "varies by 0.5 points (one standard deviation)" in note
    both = {"NSM": [[50] * 3, [57] * 3], "ReLU": [[50] * 3, [90] * 3]}
    assert "varies by 0.5 to 2.8 points" in limit_table([of_gain(both)], {}).note
