"""Ranges of values: their ends, their spacing, and what is refused."""

import numpy as np
import pytest

from nsm import Range
from nsm.sweeps.ranges import range_of


@pytest.mark.parametrize(
    ("start", "stop", "num"), [(1e-9, 1e-6, 7), (0.1, 10, 5), (10, 0.1, 3), (2, 32, 5), (3, 5, 2)]
)
def test_logarithmic_values_have_equal_ratios(start, stop, num):
    values = list(Range(start=start, stop=stop, num=num, scale="log"))
    assert (values[0], values[-1], len(values)) == (start, stop, num)
    ratios = np.divide(values[1:], values[:-1])
    np.testing.assert_allclose(ratios, (stop / start) ** (1 / (num - 1)), rtol=1e-11)


@pytest.mark.parametrize(("start", "stop", "num"), [(0, 1, 11), (-2, 2, 5), (5, 1, 3)])
def test_linear_values_have_equal_differences(start, stop, num):
    values = list(Range(start=start, stop=stop, num=num))
    assert (values[0], values[-1], len(values)) == (start, stop, num)
    np.testing.assert_allclose(np.diff(values), (stop - start) / (num - 1), rtol=1e-10)


def test_values_read_as_one_would_write_them():
    assert list(Range(start=0.1, stop=0.5, num=5)) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert list(Range(start=1e-9, stop=1e-6, num=4, scale="log")) == [1e-9, 1e-8, 1e-7, 1e-6]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"start": 1, "stop": 2}, "the range of axis 'gain' lacks num; give such as"),
        ({"num": 3}, "the range of axis 'gain' lacks start and stop"),
        (
            {"start": 1, "stop": 2, "num": 3, "scal": "log"},
            "unknown key of the range of axis 'gain' 'scal'; did you mean 'scale'",
        ),
        (
            {"start": 1, "stop": 2, "num": 3, "scale": "lg"},
            "axis 'gain': unknown scale of a range 'lg'; did you mean 'log'",
        ),
        ({"start": 1, "stop": 2, "num": 1}, "axis 'gain': num of a range = 1 is not allowed"),
        ({"start": 1, "stop": 2, "num": 2.5}, "num of a range = 2.5 is not allowed"),
        (
            {"start": 0, "stop": 2, "num": 2, "scale": "log"},
            "start of a logarithmic range = 0 is not allowed",
        ),
        ({"start": 1, "stop": "a", "num": 2}, "stop of a range = 'a' is not"),
        ({"start": 1, "stop": 1, "num": 2}, "a range from 1 to 1 has one value"),
    ],
)
def test_wrong_ranges_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        range_of(table, "gain")
