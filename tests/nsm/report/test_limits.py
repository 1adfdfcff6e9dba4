"""How far axes may go: interpolation, ranges over chips, None, categories, the verdict."""

import math

import pandas as pd
import pytest

from nsm.report.limits import limit_of, limit_rows, limit_table, verdicts
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
    # 40 points of loss at 0.1: one point is lost at 1 - 0.9/40.
    assert smallest["ReLU"] == ("0.98", "")
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
    assert "common-mode gain of all conductances of at least 0.98" in relu
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
