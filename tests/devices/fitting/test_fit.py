"""What every fit returns."""

import numpy as np
import pytest
from scipy import stats

from devices.fitting.fit import Estimate


def test_the_interval_is_that_of_the_normal_law():
    low, high = Estimate(value=3.0, error=0.5).interval(0.9)
    assert (low, high) == pytest.approx(stats.norm(3.0, 0.5).interval(0.9), rel=1e-12)


def test_the_interval_of_a_positive_number_is_symmetric_in_the_logarithm():
    low, high = Estimate(value=2.0, error=1.5, positive=True).interval()
    assert low > 0
    assert np.sqrt(low * high) == pytest.approx(2.0, rel=1e-12)
    assert np.log(high / 2) == pytest.approx(stats.norm.ppf(0.975) * 0.75, rel=1e-12)


def test_an_error_far_beyond_a_positive_number_has_an_interval():
    low, high = Estimate(value=1e-3, error=1.0, positive=True).interval()
    assert 0 <= low < 1e-300
    assert 1e300 < high < np.inf


def test_an_impossible_confidence_is_refused():
    with pytest.raises(ValueError, match=r"confidence = 1\.5 is not allowed"):
        Estimate(value=1.0, error=1.0).interval(1.5)


def test_an_estimate_that_says_nothing_is_told_so():
    assert Estimate(value=2.0, error=0.1, positive=True).is_told
    assert not Estimate(value=2.0, error=10.0, positive=True).is_told
    assert Estimate(value=2.0, error=10.0).is_told
    assert not Estimate(value=2.0).is_told
