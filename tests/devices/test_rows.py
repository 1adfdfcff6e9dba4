"""Rows of tables: one form whatever they came as, and messages that name the bad number."""

import numpy as np
import pytest

from devices.rows import check_lengths, rising_row, row


@pytest.mark.parametrize("values", [[1, 2], (1.0, 2.0), np.array([1, 2]), np.float32([1, 2])])
def test_lists_tuples_and_arrays_become_the_same_floats(values):
    numbers = rising_row("T.x", values)
    assert numbers == (1.0, 2.0)
    assert all(type(x) is float for x in numbers)


BAD_ROWS = [
    (3.0, {"unit": "S"}, r"T\.x = 3.0 is not a row of numbers; give a list \[S\], such as"),
    ("12", {}, r"T\.x = '12' is not a row of numbers; give a list, such as"),
    (np.array(2.0), {}, r"T\.x = array\(2\.\) is not a row of numbers"),
    ([1.0, float("nan")], {}, r"T\.x\[1\] = nan is not allowed; give a finite number"),
    ([1.0, "a"], {}, r"T\.x\[1\] = 'a' is not a number"),
    ([[1.0], 2.0], {}, r"T\.x\[0\] = \[1\.0\] is not a number"),
    ([0.0, -1.0], {"at_least": 0, "unit": "S"}, r"T\.x\[1\] = -1\.0 is not allowed.*\[0, inf\) S"),
]


@pytest.mark.parametrize(("values", "limits", "message"), BAD_ROWS)
def test_a_bad_row_is_refused(values, limits, message):
    with pytest.raises(ValueError, match=message):
        row("T.x", values, **limits)


BAD_RISING = [
    ([1.0], r"T\.x = \(1\.0,\) is too short to interpolate; give two or more"),
    ([], r"T\.x = \(\) is too short"),
    ([1.0, 3.0, 2.0], r"T\.x must rise, but \[2\] = 2 follows \[1\] = 3; sort the table"),
    ([1.0, 1.0], r"T\.x must rise, but \[1\] = 1 follows \[0\] = 1"),
]


@pytest.mark.parametrize(("values", "message"), BAD_RISING)
def test_positions_that_do_not_rise_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        rising_row("T.x", values)


def test_unequal_lengths_are_refused():
    check_lengths("T.y", (1, 2), "conductances", (3, 4))
    with pytest.raises(ValueError, match=r"T\.y is of length 1 for 2 conductances; give one"):
        check_lengths("T.y", (1,), "conductances", (3, 4))
