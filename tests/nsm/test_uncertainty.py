"""How networks know their errors: closed forms, decompositions, and values by chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import norm

from nsm.nn.inference import softmax
from nsm.uncertainty import (
    auroc,
    brier_score,
    calibration,
    entropy,
    expected_calibration_error,
    expected_entropy,
    mutual_information,
    negative_log_likelihood,
    predictive_entropy,
    reliability_table,
)
from tests.helpers.statistics import STANDARD_ERRORS, assert_mean

logits = arrays(
    float,
    array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6),
    elements=st.floats(-50, 50, allow_nan=False),
)


def certain(classes, n):
    """Probabilities (len(classes), n) of a network that is always certain."""
    return np.eye(n)[np.asarray(classes)]


def calibrated(rng, n, classes=4):
    """Probabilities (n, classes) and labels drawn from them: a perfectly calibrated network."""
    p = rng.dirichlet(np.full(classes, 0.5), n)
    y = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=classes - 1)
    return p, y


# Entropies


@pytest.mark.parametrize("n", [1, 2, 10])
def test_entropy_is_ln_n_for_equal_classes_and_0_for_a_certain_one(n):
    np.testing.assert_allclose(entropy(np.full((3, n), 1 / n)), np.log(n), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(entropy(certain([0, n - 1], n)), 0)


def test_entropy_of_two_classes_is_that_of_a_coin():
    p = np.array([0.1, 0.3])
    h = -p * np.log(p) - (1 - p) * np.log(1 - p)
    np.testing.assert_allclose(entropy(np.stack([p, 1 - p], axis=-1)), h, rtol=1e-12)
    assert entropy(np.full((2, 5, 4), 0.25)).shape == (2, 5)
    assert entropy([0.5, 0.5]).shape == ()


def test_certain_samples_that_contradict_each_other_are_all_mutual_information():
    samples = certain(
        [[0, 0], [1, 0], [2, 0], [3, 0]], 4
    )  # image 0: four classes in four passes; image 1: one
    np.testing.assert_allclose(predictive_entropy(samples), [np.log(4), 0], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(expected_entropy(samples), [0, 0])
    np.testing.assert_allclose(mutual_information(samples), [np.log(4), 0], rtol=1e-12, atol=1e-15)


def test_identical_samples_hold_no_mutual_information(rng):
    one = softmax(rng.normal(0, 3, (1, 20, 10)))
    np.testing.assert_allclose(mutual_information(np.repeat(one, 7, axis=0)), 0, atol=1e-14)
    np.testing.assert_allclose(
        expected_entropy(np.repeat(one, 7, axis=0)), entropy(one[0]), rtol=1e-12
    )


@given(logits)
def test_total_uncertainty_is_that_of_the_data_and_that_of_the_network(values):
    samples = softmax(values)
    total, data, network = (
        predictive_entropy(samples),
        expected_entropy(samples),
        mutual_information(samples),
    )
    np.testing.assert_allclose(total, data + network, rtol=1e-12, atol=1e-12)
    assert (network >= 0).all()
    assert (data >= 0).all()
    assert (total <= np.log(values.shape[-1]) + 1e-12).all()
    assert (
        network <= np.log(len(samples)) + 1e-12
    ).all()  # the number of a pass cannot be told better than that


def test_few_samples_make_mutual_information_too_low_to_first_order(rng):
    classes, passes, images = 4, 50, 20_000  # certain passes, every class as likely: I = ln 4
    samples = certain(rng.integers(classes, size=(passes, images)), classes)
    bias = mutual_information(samples) - np.log(classes)
    # The second order, O(1/S²), is 1 % of this bias; the mean over 20,000 images has a standard
    # error of 0.6 %.
    assert bias.mean() == pytest.approx(-(classes - 1) / (2 * passes), rel=0.04)


# Calibration and scores


def test_the_calibration_error_of_a_calibrated_network_is_its_counting_error(rng):
    n, bins = 20_000, 15
    p, y = calibrated(rng, n)
    confidence = p.max(axis=1)
    index = np.ceil(confidence * bins).astype(int) - 1
    # The gap of a bin times n is a sum of independent errors: normal with variance
    # s² = Σ c (1 − c). Its size has the mean √(2/π) s and the variance (1 − 2/π) s².
    s = np.sqrt(np.bincount(index, confidence * (1 - confidence), bins))
    mean, spread = np.sqrt(2 / np.pi) * s.sum() / n, np.sqrt((1 - 2 / np.pi) * (s**2).sum()) / n
    assert abs(expected_calibration_error(p, y, bins=bins) - mean) < STANDARD_ERRORS * spread
    found = calibration(p, y, bins=bins, resamples=200, rng=0)
    assert abs(found.if_calibrated - mean) < STANDARD_ERRORS * spread / np.sqrt(200)
    assert found.p_value > 0.01
    table = reliability_table(p, y, bins=bins)
    c = table["confidence"]
    assert (table["gap"].abs() < STANDARD_ERRORS * np.sqrt(c * (1 - c) / table["images"])).all()


def test_a_network_that_is_always_certain_errs_by_its_error_rate():
    n, wrong = 400, 60
    y = np.zeros(n, dtype=int)
    p = certain((np.arange(n) < wrong).astype(int), 2)
    assert expected_calibration_error(p, y) == pytest.approx(wrong / n, rel=1e-12)
    found = calibration(p, y, resamples=2000, rng=0)
    assert found.ece == pytest.approx(wrong / n, rel=1e-12)
    # One bin: the bootstrap of a fraction, √(q (1 − q)/n), known to 1/√(2 · 2000) = 1.6 %.
    assert found.standard_error == pytest.approx(
        np.sqrt(0.15 * 0.85 / n), rel=STANDARD_ERRORS * 0.016
    )
    assert found.if_calibrated == 0
    assert found.p_value == 1 / 2001


def test_too_little_confidence_is_an_error_too():
    p = np.array([[0.6, 0.4]] * 10)
    assert expected_calibration_error(p, np.zeros(10, dtype=int)) == pytest.approx(0.4, rel=1e-12)
    assert reliability_table(p, np.zeros(10, dtype=int))["gap"].tolist() == pytest.approx(
        [0.4], rel=1e-12
    )


def test_the_table_by_hand():
    p = np.array([[0.55, 0.45], [0.4, 0.6], [0.1, 0.9], [0.0, 1.0], [0.5, 0.5]])
    table = reliability_table(p, [0, 0, 1, 1, 0], bins=10)
    # 0.5, a tie, goes to the first class; a confidence on an edge to the bin below it.
    expected = pd.DataFrame(
        {
            "low": [0.4, 0.5, 0.8, 0.9],
            "high": [0.5, 0.6, 0.9, 1.0],
            "images": [1, 2, 1, 1],
            "confidence": [0.5, 0.575, 0.9, 1.0],
            "accuracy": [1.0, 0.5, 1.0, 1.0],
            "gap": [0.5, -0.075, 0.1, 0.0],
        }
    )
    pd.testing.assert_frame_equal(table, expected, rtol=1e-12)
    ece = (table["images"] * table["gap"].abs()).sum() / 5
    assert expected_calibration_error(p, [0, 0, 1, 1, 0], bins=10) == pytest.approx(ece, rel=1e-12)


@given(logits, st.integers(1, 20), st.integers(0, 2**31))
def test_scores_stay_in_their_ranges(values, bins, seed):
    p = softmax(values)[0]
    y = np.random.default_rng(seed).integers(p.shape[1], size=len(p))
    assert 0 <= expected_calibration_error(p, y, bins=bins) <= 1
    assert 0 <= brier_score(p, y) <= 2
    assert negative_log_likelihood(p, y) >= 0
    table = reliability_table(p, y, bins=bins)
    assert table["images"].sum() == len(p)
    assert (
        (table["confidence"] > table["low"] - 1e-12) & (table["confidence"] < table["high"] + 1e-12)
    ).all()


def test_scores_in_closed_form():
    y = np.array([0, 1, 2, 3])
    equal = np.full((4, 4), 0.25)
    assert negative_log_likelihood(equal, y) == pytest.approx(np.log(4), rel=1e-12)
    assert brier_score(equal, y) == pytest.approx(0.75, rel=1e-12)
    assert (negative_log_likelihood(certain(y, 4), y), brier_score(certain(y, 4), y)) == (0, 0)
    wrong = certain((y + 1) % 4, 4)
    assert (negative_log_likelihood(wrong, y), brier_score(wrong, y)) == (np.inf, 2)


def test_the_mean_score_of_a_calibrated_network_is_its_entropy(rng):
    p, y = calibrated(rng, 20_000)
    assert_mean(-np.log(p[np.arange(len(y)), y]) - entropy(p), 0)
    assert negative_log_likelihood(p, y) == pytest.approx(
        -np.log(p[np.arange(len(y)), y]).mean(), rel=1e-12
    )


def test_same_seed_same_resamples(rng):
    p, y = calibrated(rng, 300)
    assert calibration(p, y, resamples=20, rng=1) == calibration(p, y, resamples=20, rng=1)
    assert calibration(p, y, resamples=20, rng=1) != calibration(p, y, resamples=20, rng=2)


def test_what_is_no_probability_is_refused():
    with pytest.raises(
        ValueError,
        match="p holds numbers from -1 to 2 whose sums over classes are off 1 by up to 0",
    ):
        entropy([[-1.0, 2.0]])
    with pytest.raises(
        ValueError,
        match=r"off 1 by up to 1",
    ):
        entropy([[1.0, 1.0]])
    with pytest.raises(ValueError, match=r"p has shape \(\)"):
        entropy(1.0)
    with pytest.raises(ValueError, match=r"p has shape \(0, 3\)"):
        expected_calibration_error(np.empty((0, 3)), np.empty(0, dtype=int))
    with pytest.raises(ValueError, match="p holds 1 values that are NaN or infinite"):
        entropy([[np.nan, 1.0]])
    for f in (predictive_entropy, expected_entropy, mutual_information):
        with pytest.raises(ValueError, match=r"samples has shape \(1, 2\); give 3 dimensions"):
            f([[0.5, 0.5]])
    entropy(np.full((2, 3), 1 / 3, dtype=np.float32))  # float32 is precise enough


@pytest.mark.parametrize(
    "f",
    [
        expected_calibration_error,
        reliability_table,
        calibration,
        negative_log_likelihood,
        brier_score,
    ],
)
def test_labels_must_be_classes_of_the_network(f):
    p = np.full((2, 3), 1 / 3)
    with pytest.raises(
        ValueError, match=r"labels go from 0 to 3; the network has 3 classes, 0 to 2"
    ):
        f(p, [0, 3])
    with pytest.raises(ValueError, match=r"labels go from -1 to 0"):
        f(p, [0, -1])
    with pytest.raises(ValueError, match=r"labels have shape \(1,\); 2 images need \(2,\)"):
        f(p, [0])
    with pytest.raises(ValueError, match=r"p has shape \(3,\); give 2 dimensions"):
        f(p[0], [0])


def test_bins_and_resamples_are_counts():
    p = np.full((2, 2), 0.5)
    with pytest.raises(ValueError, match="bins = 0 is not allowed"):
        reliability_table(p, [0, 1], bins=0)
    with pytest.raises(ValueError, match="resamples = 1 is not allowed"):
        calibration(p, [0, 1], resamples=1)


# Area under the ROC curve


@given(
    arrays(float, st.integers(1, 12), elements=st.integers(0, 4).map(float)),
    arrays(float, st.integers(1, 12), elements=st.integers(0, 4).map(float)),
)
def test_the_area_is_the_share_of_pairs_in_order(usual, unusual):
    in_order = (unusual[:, None] > usual) + 0.5 * (unusual[:, None] == usual)
    assert auroc(usual, unusual) == pytest.approx(in_order.mean(), abs=1e-12)
    assert auroc(unusual, usual) == pytest.approx(1 - in_order.mean(), abs=1e-12)


def test_the_area_of_two_normal_scores_has_a_closed_form(rng):
    # P(Y > X) = Φ(d/√2) of unit normals whose means differ by d.
    n, d = 4000, 1.2
    found = auroc(rng.normal(size=n), rng.normal(d, size=n))
    area = norm.cdf(d / np.sqrt(2))
    error = np.sqrt(area * (1 - area) / n)  # an upper bound, Hanley and McNeil 1982, eq. 2
    assert abs(found - area) < STANDARD_ERRORS * error


@pytest.mark.parametrize("empty", ["usual", "unusual"])
def test_an_area_without_scores_is_refused(empty):
    with pytest.raises(ValueError, match=f"{empty} has no scores"):
        auroc(**({"usual": [1.0], "unusual": [1.0]} | {empty: []}))
