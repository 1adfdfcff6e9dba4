"""Standard errors on shared test images, against simulation with correlated outcomes."""

import numpy as np
import pytest
from scipy import stats

from nsm.paper.claims import claims
from nsm.statistics import (
    Estimate,
    Runs,
    change,
    difference,
    difference_of_means,
    error_of,
    mean_of,
)

IMAGES = 2000


def outcomes(rng, trainings, *, shift=0.0, hard=None):
    """Outcomes of trainings on images, of which some are harder for all networks."""
    hard = rng.normal(-2.2, 1.2, IMAGES) if hard is None else hard
    skill = 0.15 * rng.standard_normal((trainings, 1))
    return (rng.random((trainings, IMAGES)) < stats.norm.cdf(hard + skill + shift)).astype(float)


def runs_of(wrong):
    return Runs((100 * wrong.mean(axis=1)).tolist(), wrong.shape[1], wrong)


def counts_of(wrong):
    return Runs((100 * wrong.mean(axis=1)).tolist(), wrong.shape[1])


@pytest.mark.parametrize("trainings", [1, 3])
def test_the_error_of_a_difference_is_that_of_simulated_test_sets(trainings):
    """Images and trainings are drawn anew in every run; the s.d. of the difference is the truth."""
    rng = np.random.default_rng(0)
    values, paired, unpaired = [], [], []
    for _ in range(400):
        hard = rng.normal(-2.2, 1.2, IMAGES)
        a, b = outcomes(rng, trainings, hard=hard), outcomes(rng, trainings, shift=0.1, hard=hard)
        found = difference(runs_of(a), runs_of(b))
        values.append(found.value)
        paired.append(found.error**2)
        unpaired.append(difference(counts_of(a), counts_of(b)).error ** 2)
    truth = np.var(values)
    of_truth = truth * np.sqrt(2 / len(values))
    if trainings == 1:
        # One training cannot tell how much another would differ: the error lacks that part.
        assert np.mean(paired) < truth
        return
    assert abs(np.mean(paired) - truth) < 4 * of_truth
    # Networks err on the same images, so that the unpaired error is too large.
    assert np.mean(unpaired) > 1.3 * np.mean(paired)


@pytest.mark.parametrize("trainings", [1, 3])
def test_a_change_of_the_same_trainings_has_the_error_of_simulated_test_sets(trainings):
    """The condition moves every training alike, so that their own spread has no part in it."""
    rng = np.random.default_rng(5)
    values, of_change, of_others = [], [], []
    for _ in range(300):
        hard = rng.normal(-2.2, 1.2, IMAGES)
        skill = 0.3 * rng.standard_normal((trainings, 1))
        a, b = (
            (rng.random((trainings, IMAGES)) < stats.norm.cdf(hard + skill + shift)).astype(float)
            for shift in (0.1, 0.0)
        )
        found = change(runs_of(a), runs_of(b))
        assert found.value == pytest.approx(100 * (a.mean() - b.mean()))
        values.append(found.value)
        of_change.append(found.error**2)
        of_others.append(difference(runs_of(a), runs_of(b)).error ** 2)
    truth = np.var(values)
    assert abs(np.mean(of_change) / truth - 1) < 4 * np.sqrt(2 / len(values))
    if trainings > 1:
        # As if the trainings were others on either side, their spread would count.
        assert np.mean(of_others) > 1.5 * truth


def test_a_change_needs_the_same_trainings_and_images():
    with pytest.raises(ValueError, match=r"2 and 1 trainings, tested on 10 and 10 images"):
        change(Runs([1.0, 2.0], 10), Runs([1.0], 10))
    with pytest.raises(ValueError, match=r"1 and 1 trainings, tested on 10 and 20 images"):
        change(Runs([1.0], 10), Runs([1.0], 20))


def test_a_change_without_outcomes_has_the_error_of_two_test_sets():
    found = change(Runs([10.0], 100), Runs([10.0], 100))
    assert found.error == pytest.approx(100 * np.sqrt(2 * 0.1 * 0.9 / 100))
    assert found.notes == ("unpaired",)


def test_one_training_each_is_mcnemars_error():
    rng = np.random.default_rng(1)
    hard = rng.normal(-1.5, 1.0, IMAGES)
    a, b = outcomes(rng, 1, hard=hard), outcomes(rng, 1, hard=hard)
    only_a = int(((a == 1) & (b == 0)).sum())
    only_b = int(((a == 0) & (b == 1)).sum())
    expected = np.sqrt(only_a + only_b - (only_a - only_b) ** 2 / IMAGES) / IMAGES
    found = difference(runs_of(a), runs_of(b))
    assert found.error == pytest.approx(100 * expected, rel=1e-3)
    assert found.notes == ("one training of one or both",)


def test_the_variance_of_trainings_is_estimated_without_that_of_images():
    rng = np.random.default_rng(2)
    alike = [runs_of((rng.random((4, IMAGES)) < 0.05).astype(float)) for _ in range(300)]
    # Trainings that differ by chance on each image only: their variance is 0, cut off below.
    assert np.mean([r.variance_of_trainings for r in alike]) < 0.3 * 0.05 * 0.95 / IMAGES / 4 * 2
    apart = Runs([1.0, 2.0, 3.0], IMAGES)
    assert apart.variance_of_trainings == pytest.approx(1e-4 / 3)


def test_counts_alone_add_both_variances():
    found = error_of(Runs([1.0, 3.0], 10_000))
    counting = 0.02 * 0.98 / 10_000
    assert found.error == pytest.approx(100 * np.sqrt(counting + 1e-4))
    # Nearly all of the variance has one degree of freedom.
    assert 1 < found.freedom < 1.1
    assert error_of(Runs([0.0], 400)).error == pytest.approx(100 * np.sqrt(399 / 400) / 400)
    assert error_of(Runs([1.0], 400)).notes == ("one training",)


@pytest.mark.parametrize(
    ("value", "answer", "size"),
    [(1.0, "yes", "yes"), (1.44, "not resolved", "not resolved"), (1.9, "no", "no"),
     (-1.9, "yes", "no")],
)  # fmt: skip
def test_thresholds_are_decided_with_their_errors(value, answer, size):
    found = Estimate(value, 0.12, 1e6)
    assert found.margin == pytest.approx(1.96 * 0.12, rel=1e-3)
    assert found.below(1.45) == answer
    assert found.within(1.45) == size
    assert Estimate(value, 0.12, 1.0).margin == pytest.approx(12.706 * 0.12, rel=1e-3)


def test_a_single_run_decides_nothing():
    assert mean_of([3.5]) is None
    found = mean_of([3.0, 4.0])
    assert found == Estimate(3.5, 0.5, 1.0)


def test_claims_use_the_outcomes_of_every_image():
    def result(name, seed, wrong, scaled):
        return {
            "experiment": name, "seed": seed, "images": [1, IMAGES],
            "error": 100 * len(wrong) / IMAGES, "wrong": wrong,
            "error_all_scaled": 100 * len(scaled) / IMAGES, "wrong_all_scaled": scaled,
        }  # fmt: skip

    first = list(range(30))
    told = dict(claims({"mlp_nsm": [result("mlp_nsm", s, first, first[:-1]) for s in (0, 1)]}))
    changed = told["weights and biases × 0.1 change the error by less than 0.2 points"]
    assert changed == "yes (1.50, 1.45; difference -0.05 ± 0.05)"
    with pytest.raises(ValueError, match="tested on 10 and 20 images; a difference needs the same"):
        difference(Runs([1.0], 10), Runs([1.0], 20))


def test_a_difference_of_means_is_decided_by_welchs_test():
    rng = np.random.default_rng(1)
    a, b = rng.normal(1.0, 0.1, 3), rng.normal(1.3, 0.4, 5)
    found = difference_of_means(a, b)
    truth = stats.ttest_ind(a, b, equal_var=False)
    interval = truth.confidence_interval(0.95)
    assert found.value - found.margin == pytest.approx(interval.low)
    assert found.value + found.margin == pytest.approx(interval.high)
    assert found.freedom == pytest.approx(truth.df)
    assert difference_of_means(a, b[:1]) is None
    assert found.told(4) == f"{found.value:.4f} ± {found.error:.4f}"
