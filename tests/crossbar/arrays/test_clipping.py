"""When clipped conversions are reason to warn: large reads, and small ones that clip by chance."""

import warnings

import numpy as np
import pytest

from crossbar.arrays.clipping import TOLERATED, ClipCount

EXPECTED = 0.02


def count():
    return ClipCount("the ADC of a layer clips its currents", "Adc", is_open=True)


def test_small_reads_of_a_run_that_clips_as_calibrated_do_not_warn(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for conversions in (64, 640, 6400):
            for clipped in rng.binomial(conversions, EXPECTED, size=200):
                count().add(int(clipped), conversions, expected=EXPECTED)


@pytest.mark.parametrize("conversions", [1000, 10**6])
def test_a_read_beyond_twice_the_expected_share_and_chance_warns(conversions):
    bound = (TOLERATED + 2 * EXPECTED) * conversions + 3 * np.sqrt(2 * EXPECTED * conversions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        count().add(int(bound), conversions, expected=EXPECTED)
    with pytest.warns(UserWarning, match="the ADC of a layer clips its currents: .*% of this read"):
        count().add(int(bound) + 1, conversions, expected=EXPECTED)


def test_nothing_is_left_to_chance_where_nothing_is_expected_to_clip():
    with pytest.warns(UserWarning, match=r"1\.00% of this read; set ranges from data"):
        count().add(1, 100)
