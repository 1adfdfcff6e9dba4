"""Decisions: wrong ones are rarer than 1 − confidence, and they come early where they are clear."""

import numpy as np
import pytest
from scipy.stats import t as student

from nsm.verdict.decision import LOOKS, Decision, decide, interval, looks

LOSS = 0.01
RULE = {"loss": LOSS, "confidence": 0.95, "blocks": 10}


def decision(losses, size, **changes):
    """Return the first decision on losses that come block by block, and after how many."""
    for count in range(1, len(losses) + 1):
        found = decide(losses[:count], size, **(RULE | changes))
        if found is not None:
            return found, count
    raise AssertionError("the last block decides")


def drawn(rng, *, loss, changed, size, blocks=10, chip=0.0):
    """Return losses of blocks: images that become wrong or right, and a loss of each chip."""
    of_chip = np.clip(loss + chip * rng.standard_normal(blocks), -changed, changed)
    worse = (changed + of_chip) / 2
    counts = np.array([rng.multinomial(size, (w, changed - w, 1 - changed)) for w in worse])
    return list((counts[:, 0] - counts[:, 1]) / size)


def test_the_interval_is_that_of_student_where_images_change_enough():
    losses = [0.02, 0.05, -0.01, 0.03]
    low, high = interval(losses, 1000, 0.025)
    expected = student(3, np.mean(losses), np.std(losses, ddof=1) / 2).interval(0.95)
    assert (low, high) == pytest.approx(expected)


def test_blocks_without_a_changed_image_follow_the_rule_of_three():
    # None of n images changes: the 95 % bound on the share of changes is 3/n, here two-sided in
    # a change, so that the bound must lie above it, but within a factor of two.
    _, high = interval([0.0] * 10, 100, 0.05)
    assert 0.6 * 3 / 1000 < high < 2 * 3 / 1000


@pytest.mark.parametrize("blocks", [4, 8, 10, 16])
def test_the_looks_share_the_whole_error(blocks):
    found = looks(blocks)
    assert sum(found.values()) == pytest.approx(1)
    assert max(found) == blocks
    assert min(found) >= 2
    assert sum(part for _, part in LOOKS) == pytest.approx(1)


@pytest.mark.parametrize(
    ("changed", "size", "chip"), [(0.012, 20, 0.0), (0.03, 45, 0.0), (0.03, 400, 0.005)]
)
def test_losses_at_the_limit_are_rarely_decided(changed, size, chip):
    # At exactly the limit every "tolerated" is wrong, and just below it every "broken" is.
    rng = np.random.default_rng(0)
    trials = 2000
    found = [
        decision(drawn(rng, loss=LOSS, changed=changed, size=size, chip=chip), size)[0]
        for _ in range(trials)
    ]
    slack = 3 * np.sqrt(0.05 * 0.95 / trials)
    for wrong in (Decision.TOLERATED, Decision.BROKEN):
        assert found.count(wrong) / trials < 0.05 + slack


def test_clear_losses_are_decided_early_and_right():
    rng = np.random.default_rng(1)
    broken = [decision(drawn(rng, loss=0.2, changed=0.3, size=100), 100) for _ in range(100)]
    assert {found for found, _ in broken} == {Decision.BROKEN}
    assert np.mean([count for _, count in broken]) < 5
    tolerated = [decision(drawn(rng, loss=0, changed=0.002, size=400), 400) for _ in range(100)]
    assert {found for found, _ in tolerated} == {Decision.TOLERATED}
    assert np.mean([count for _, count in tolerated]) < 6


def test_exhausted_images_leave_a_loss_unresolved():
    assert decision([0.0, 0.02] * 5, 50) == (Decision.UNRESOLVED, 10)


def test_a_higher_confidence_decides_less():
    losses = [0.03, 0.05, 0.02, 0.04, 0.03, 0.02, 0.05, 0.03, 0.04, 0.03]
    assert decision(losses, 200)[0] is Decision.BROKEN
    assert decision(losses, 200, confidence=1 - 1e-9)[0] is Decision.UNRESOLVED
