"""The range of a converter that fits what it sees."""

from itertools import pairwise

import numpy as np
import pytest

from crossbar import Adc
from nsm.chips.calibration import Record
from nsm.chips.converter_range import best_range


@pytest.mark.parametrize(("bits", "step"), [(2, 0.9957), (3, 0.5860), (4, 0.3352), (5, 0.1881)])
def test_the_least_squares_range_of_normal_values_is_that_of_max(bits, step, rng):
    # J. Max, Quantizing for minimum distortion, IRE Trans. Inf. Theory 6, 7 (1960), Table II: the
    # best step of an even quantizer of 2^bits levels; its range is (2^bits − 1)/2 steps.
    x = rng.standard_normal(60_000)
    found = best_range(x, "least_squares", 99.9, Adc(bits).convert)
    np.testing.assert_allclose(found, (2**bits - 1) / 2 * step, rtol=0.03)


def test_no_other_range_has_a_smaller_squared_error(rng):
    x = rng.standard_t(3, 5000)
    convert = Adc(5).convert

    def error(limit):
        return ((convert(x, limit) - x) ** 2).sum()

    best = best_range(x, "least_squares", 99.9, convert)
    others = np.geomspace(0.05, 1, 500) * np.abs(x).max()
    assert error(best) <= 1.002 * min(error(limit) for limit in others)


def test_max_and_percentile_are_those_of_the_sizes(rng):
    x = rng.standard_normal(1001)
    assert best_range(x, "max", 50, np.clip) == np.abs(x).max()
    assert best_range(x, "percentile", 90, np.clip) == np.percentile(np.abs(x), 90)
    assert best_range(np.zeros(5), "max", 50, np.clip) == 0
    assert best_range(np.array([0.0, 0, 0, 2]), "percentile", 50, np.clip) == 2


def test_a_record_keeps_rows_by_their_number_whatever_the_batches(rng):
    values = rng.standard_normal((1000, 3))
    kept = []
    for edges in ((0, 1000), (0, 1, 7, 500, 1000), (0, 333, 334, 1000)):
        record = Record(most=600)
        for first, last in pairwise(edges):
            record.add(values[first:last], 0)
        kept.append(record.of_sites()[0])
    np.testing.assert_array_equal(kept[0], values[::8])
    np.testing.assert_array_equal(kept[0], kept[1])
    np.testing.assert_array_equal(kept[0], kept[2])


def test_other_values_of_the_same_law_are_expected_to_clip_less(rng):
    # Of 1000 new values, k are above the largest of 1000 with probability 2^-(k+1).
    shares, expected = [], []
    for _ in range(2000):
        seen, new = np.abs(rng.standard_normal((2, 1000, 1)))
        record = Record()
        record.add(seen, 0)
        limit = np.array([[seen.max()]])
        expected.append(record.clipped(limit).item())
        shares.append((new > limit).mean())
    assert 0 < np.mean(np.array(shares) > expected) < 0.05
    # Calls are told apart: the second one clips all that is clipped.
    calls = iter((0, 1))
    record = Record(call=lambda: next(calls))
    record.add(np.zeros((5000, 1)), 0)
    record.add(np.repeat([0.0, 3.0], 2500)[:, None], 0)
    assert record.clipped(np.array([[1.0]])).item() == pytest.approx(0.5, abs=2e-3)
