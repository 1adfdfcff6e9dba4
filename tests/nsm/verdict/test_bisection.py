"""Bisection on ladders with a known end, with decisions that are certain, noisy or missing."""

import numpy as np
import pytest

from nsm.verdict.bisection import bisect
from nsm.verdict.decision import Decision, decide

BLOCKS, SIZE = 10, 400


@pytest.mark.parametrize("rungs", [2, 3, 17, 64])
def test_it_finds_every_threshold(rungs):
    for threshold in range(1, rungs + 1):  # the first rung that breaks; `rungs` if none does

        def decision(rung, threshold=threshold):
            return Decision.BROKEN if rung >= threshold else Decision.TOLERATED

        found = bisect(rungs, decision)
        assert found.low == threshold - 1
        assert found.high == (None if threshold == rungs else threshold)
        assert found.decided
        assert found.asked <= np.log2(rungs) + 2


def test_the_last_rung_is_not_asked_where_it_is_known_to_break():
    asked = []

    def decision(rung):
        asked.append(rung)
        return Decision.BROKEN if rung >= 3 else Decision.TOLERATED

    found = bisect(10, decision, breaks=True)
    assert (found.low, found.high, found.decided) == (2, 3, True)
    assert 9 not in asked


def test_a_ladder_of_one_rung_needs_no_decision():
    assert bisect(1, lambda rung: pytest.fail("asked")).low == 0


@pytest.mark.parametrize(("low", "high"), [(4, 9), (0, 12), (10, 15), (6, 8)])
def test_what_is_not_resolved_is_bracketed_from_both_sides(low, high):
    def decision(rung):
        if rung <= low:
            return Decision.TOLERATED
        return Decision.BROKEN if rung >= high else Decision.UNRESOLVED

    found = bisect(16, decision)
    assert (found.low, found.high) == (low, high)
    assert found.decided is False


def test_nothing_resolved_leaves_the_whole_ladder_open():
    found = bisect(8, lambda rung: Decision.UNRESOLVED)
    assert (found.low, found.high, found.decided) == (0, None, False)


def test_brackets_hold_the_true_threshold_at_the_stated_confidence():
    # The loss of a test double rises along the ladder and crosses one point between rungs 10 and
    # 11; both ends of a bracket are wrong at most as often as a decision may be.
    true = 0.01 * (np.arange(20) / 10.5) ** 2
    rng = np.random.default_rng(3)
    trials = 400
    wrong = {"low": 0, "high": 0}
    width = []
    for _ in range(trials):

        def decision(rung):
            changed = 0.01 + true[rung]
            worse = (changed + true[rung]) / 2
            shares = (worse, changed - worse, 1 - changed)
            losses = []
            while True:
                more, fewer, _ = rng.multinomial(SIZE, shares)
                losses.append((more - fewer) / SIZE)
                found = decide(losses, SIZE, loss=0.01, confidence=0.95, blocks=BLOCKS)
                if found is not None:
                    return found

        found = bisect(len(true), decision)
        wrong["low"] += found.low > 10
        wrong["high"] += found.high is not None and found.high < 11
        width.append((20 if found.high is None else found.high) - found.low)
    slack = 3 * np.sqrt(0.05 * 0.95 / trials)
    assert wrong["low"] / trials < 0.05 + slack
    assert wrong["high"] / trials < 0.05 + slack
    assert np.mean(width) < 10  # and yet they say something
