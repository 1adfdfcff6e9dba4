"""Checks of measured values."""

import numpy as np
import pytest

from devices.fitting.screening import are_far_off, conductances


def test_siemens_pass_and_missing_values_stay():
    g = conductances("trace", [[1e-6, np.nan], [2e-6, 3e-6]], ndim=2)
    assert np.isnan(g[0, 1])
    assert g[1, 1] == 3e-6


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([5.0, 40.0, 45.0], r"trace has a median of 40 S, .*are the values in µS\?"),
        ([5e-18, 4e-17], r"trace reaches only 4e-17 S"),
        ([1e-6, np.inf, -np.inf], "trace holds 2 infinite values"),
        ([np.nan, np.nan], r"trace of shape \(2,\) holds no finite value"),
        ([-1e-6, -2e-6, -1e-9], r"trace has a median of -1e-06 S.*polarity reversed\?"),
        (["a"], "trace is not an array of real numbers"),
    ],
)
def test_other_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        conductances("trace", values)


def test_what_lies_far_off_is_found(rng):
    values = rng.normal(10.0, 1.0, (3, 1000))
    values[1, 7] = 30.0
    values[2, 5] = np.nan
    found = are_far_off(values)
    assert np.argwhere(found).tolist() == [[1, 7]]


def test_equal_values_are_not_far_off():
    assert not are_far_off(np.ones((2, 5))).any()
