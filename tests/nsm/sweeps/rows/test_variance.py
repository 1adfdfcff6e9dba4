"""Variances and intervals: closed forms, a slow twin, and how often intervals cover the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from nsm.sweeps.rows.variance import bounds, components, effective_images, quantile, satterthwaite

NAN = math.nan


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("errors", "images"), [(0, 40), (1, 40), (7, 100), (100, 100), (50, 100)])
def test_one_chip_has_the_interval_of_clopper_and_pearson(errors, images, confidence):
    exact = stats.binomtest(errors, images).proportion_ci(confidence, method="exact")
    found = bounds(errors / images, images, 0.0, math.inf, confidence)
    assert found == pytest.approx((exact.low, exact.high), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("images", [1, 10, 1000, 10_000])
def test_no_errors_give_a_bound(images):
    low, high = bounds(0.0, images, 0.0, math.inf, 0.95)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / images), rel=1e-9)
    assert high <= 3.689 / images


def test_one_training_has_the_variance_between_its_chips():
    values = np.array([[0.10, 0.13, 0.11, 0.18]])
    found = components(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.variance == pytest.approx(values.var(ddof=1) / 4)
    assert (found.freedom, found.sd_chips) == (3, pytest.approx(values.std(ddof=1)))
    assert math.isnan(found.sd_trainings)


def test_one_chip_of_each_training_has_the_variance_between_trainings():
    values = np.array([[0.10], [0.13], [0.18]])
    found = components(values)
    assert found.variance == pytest.approx(values.var(ddof=1) / 3)
    assert (found.freedom, found.sd_trainings) == (2, pytest.approx(values.std(ddof=1)))
    assert math.isnan(found.sd_chips)


def test_one_chip_of_one_training_tells_nothing_of_others():
    found = components(np.array([[0.2]]))
    assert (found.mean, found.variance, found.freedom) == (0.2, 0, math.inf)
    assert math.isnan(found.sd_chips)
    assert math.isnan(found.sd_trainings)


def slow_mean_squares(values):
    """Mean squares of trainings, chips and the rest, by loops."""
    trainings, chips = values.shape
    mean = sum(map(sum, values)) / values.size
    of_t = [sum(row) / chips for row in values]
    of_c = [sum(values[t][c] for t in range(trainings)) / trainings for c in range(chips)]
    m_t = chips * sum((m - mean) ** 2 for m in of_t) / (trainings - 1)
    m_c = trainings * sum((m - mean) ** 2 for m in of_c) / (chips - 1)
    rest = sum(
        (values[t][c] - of_t[t] - of_c[c] + mean) ** 2
        for t in range(trainings)
        for c in range(chips)
    )
    return m_t, m_c, rest / ((trainings - 1) * (chips - 1))


@pytest.mark.parametrize("seed", range(4))
def test_trainings_and_chips_have_the_variance_of_their_mean_squares(seed):
    rng = np.random.default_rng(seed)
    values = 0.1 + rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.03, 4) * (seed % 2)
    values = values + rng.normal(0, 0.01, (3, 4))
    m_t, m_c, m_tc = slow_mean_squares(values)
    found = components(values)
    assert found.variance == pytest.approx((m_t + max(0, m_c - m_tc)) / 12)
    inside = (3 * m_c + 6 * m_tc) / 9
    assert found.sd_chips == pytest.approx(math.sqrt(inside))
    assert found.sd_trainings == pytest.approx(math.sqrt(max(0, (m_t - inside) / 4)))
    parts = [(m_t / 12, 2), (max(0, m_c - m_tc) / 12, 3)]
    assert found.freedom == pytest.approx(satterthwaite(parts))


def test_components_estimate_what_the_rates_were_drawn_from():
    rng = np.random.default_rng(0)
    found = [
        components(0.2 + rng.normal(0, 0.03, (4, 1)) + rng.normal(0, 0.02, (4, 3)))
        for _ in range(2000)
    ]
    for name, sd in (("sd_trainings", 0.03), ("sd_chips", 0.02)):
        squares = np.array([getattr(one, name) ** 2 for one in found])
        error = squares.std() / math.sqrt(len(squares))
        # Setting negative estimates to 0 biases the one of trainings upward by a little.
        assert -4 * error < squares.mean() - sd**2 < 4 * error + 0.05 * sd**2
    variance = np.array([one.variance for one in found])
    true = 0.03**2 / 4 + 0.02**2 / 12
    assert true - 4 * variance.std() / math.sqrt(2000) < variance.mean() < 1.15 * true


def test_a_missing_chip_leaves_the_nested_analysis():
    values = np.array([[0.1, 0.2], [0.3, NAN], [0.2, 0.4]])
    found = components(values)
    means = np.array([0.15, 0.3, 0.3])
    assert found.mean == pytest.approx(0.25)
    assert found.variance == pytest.approx(means.var(ddof=1) / 3)
    inside = (0.05**2 * 2 + 0.1**2 * 2) / 2
    assert found.sd_chips == pytest.approx(math.sqrt(inside))
    lost = inside * (1 / 2 + 1 + 1 / 2) / 3
    assert found.sd_trainings == pytest.approx(math.sqrt(max(0, means.var(ddof=1) - lost)))


def test_freedom_of_a_sum():
    assert satterthwaite([(2.0, 5)]) == 5
    assert satterthwaite([(1.0, 4), (1.0, 4)]) == 8
    assert satterthwaite([(0.0, 4)]) == math.inf
    assert satterthwaite([(1.0, 4), (0.0, math.inf)]) == 4


def test_images_that_chips_share_count_once():
    assert effective_images([500]) == 500
    assert effective_images([500, 500, 500]) == pytest.approx(500)
    # By loops: the mean over pairs of 1/max.
    assert effective_images([100, 400]) == pytest.approx(4 / (1 / 100 + 3 / 400))


def test_shared_images_have_the_variance_that_effective_images_say():
    """Two chips that err on the same images, of which one read only the first hundred."""
    wrong = np.random.default_rng(3).random((20_000, 400)) < 0.2
    mean = (wrong[:, :100].mean(axis=1) + wrong.mean(axis=1)) / 2
    expected = 0.2 * 0.8 / effective_images([100, 400])
    assert mean.var() == pytest.approx(expected, rel=4 * math.sqrt(2 / 20_000))


@pytest.mark.parametrize("p", [0.001, 0.01, 0.05, 0.3, 0.5])
def test_one_chip_covers_at_least_as_often_as_it_says(p):
    """Exactly, by the binomial distribution of its errors."""
    images = 60
    counts = np.arange(images + 1)
    found = [bounds(k / images, images, 0.0, math.inf, 0.95) for k in counts]
    covers = np.array([low <= p <= high for low, high in found])
    assert stats.binom.pmf(counts, images, p)[covers].sum() >= 0.95


#: Trainings, chips, images; standard deviations of trainings, chips, chips of a training, images.
CASES = {
    "images alone": (1, 3, 200, (0, 0, 0, 3)),
    "chips": (1, 5, 2000, (0, 0, 0.3, 3)),
    "few chips": (1, 2, 2000, (0, 0, 0.3, 3)),
    "trainings and chips": (4, 3, 1000, (0.2, 0, 0.2, 3)),
    "chips that trainings share": (3, 4, 1000, (0.1, 0.3, 0.1, 3)),
    "images that chips do not share": (1, 4, 200, (0, 0, 0, 0)),
    "rare errors": (1, 4, 1000, (0, 0, 0.2, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_intervals_cover_new_images_chips_and_trainings(name):
    """An image is wrong where a sum of normal effects is positive, so that p is known exactly."""
    trainings, chips, images, sds = CASES[name]
    of_t, of_c, of_tc, of_k = sds
    rng = np.random.default_rng(7)
    total = math.sqrt(sum(sd**2 for sd in sds) + 1)
    threshold = total * stats.norm.isf(0.01 if name == "rare errors" else 0.1)
    p, repeats, covered = stats.norm.sf(threshold / total), 600, 0
    for _ in range(repeats):
        shift = of_t * rng.normal(size=(trainings, 1, 1)) + of_c * rng.normal(size=(1, chips, 1))
        shift = shift + of_tc * rng.normal(size=(trainings, chips, 1))
        latent = (
            shift + of_k * rng.normal(size=images) + rng.normal(size=(trainings, chips, images))
        )
        found = components((latent > threshold).mean(axis=2))
        low, high = bounds(found.mean, images, found.variance, found.freedom, 0.95)
        covered += low <= p <= high
    # Three standard errors below 95 %. What chips do not share of the images is counted twice, as
    # an error of images and as one of chips, so that intervals are somewhat too wide.
    assert covered / repeats > 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)
    if name not in ("images that chips do not share", "rare errors"):
        assert covered / repeats < 0.995


def test_the_quantile_of_a_sum_lies_between_those_of_its_parts():
    many, few = stats.t.ppf(0.975, 1000), stats.t.ppf(0.975, 2)
    assert quantile([(1.0, 1000)], 0.95) == pytest.approx(many)
    assert quantile([(3.0, 1000), (1.0, 2)], 0.95) == pytest.approx((3 * many + few) / 4)
    assert quantile([(3.0, 1000), (0.0, math.inf)], 0.95) == pytest.approx(many)
