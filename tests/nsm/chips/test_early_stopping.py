"""`classify(confidence=...)`: clear images take fewer samples, at a bounded cost in errors."""

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import nn

from crossbar import Hardware
from devices import BlankOut, Device
from nsm import NSMLinear, fit, load_data, map_to_crossbar, nsm_mlp

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
SAMPLES = 400
CONFIDENCES = [0.5, 0.9, 0.99]
ROUNDS = [16, 32, 64, 128, 256, 400]


@pytest.fixture(scope="module")
def digits():
    """Return the test images and their labels."""
    data = load_data("digits")
    return data.x_test, data.y_test


@pytest.fixture(scope="module")
def chip():
    """Return a trained network on a chip."""
    torch.manual_seed(0)
    data = load_data("digits")
    model = nsm_mlp((64, 60, 60, 10))
    fit(model, data.x_train, data.y_train, epochs=15, rng=0, progress=False)
    return map_to_crossbar(model, HARDWARE, rng=0)


@pytest.fixture(scope="module")
def in_full(chip, digits):
    """Return two independent decisions by all samples."""
    return [chip.classify(digits[0], SAMPLES, rng=seed)[0] for seed in (1, 2)]


@pytest.fixture(scope="module")
def early(chip, digits):
    """Return classes and samples taken for every confidence."""
    return {c: chip.classify(digits[0], SAMPLES, rng=1, confidence=c) for c in CONFIDENCES}


def test_without_a_confidence_every_image_takes_all_samples(chip, digits):
    x = digits[0][:40]
    classes, taken = chip.classify(x, 50, rng=3)
    np.testing.assert_array_equal(taken, 50)
    np.testing.assert_array_equal(classes, chip.predict_proba(x, 50, rng=3).argmax(axis=1))


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_rounds_double_and_no_image_takes_more_than_asked(confidence, early):
    _, taken = early[confidence]
    assert set(np.unique(taken)) <= set(ROUNDS)
    assert taken.max() <= SAMPLES
    assert taken.mean() < SAMPLES / 4  # most digits are easy


def test_more_confidence_takes_more_samples(early):
    means = [early[c][1].mean() for c in CONFIDENCES]
    assert (np.diff(means) > 0).all()


def test_easy_images_take_fewer_samples_than_hard_ones(chip, digits, early):
    p = np.sort(chip.predict_proba(digits[0], SAMPLES, rng=4), axis=1)
    margin = p[:, -1] - p[:, -2]
    _, taken = early[0.99]
    assert taken[margin > np.quantile(margin, 0.75)].max() <= 32
    assert taken[margin < np.quantile(margin, 0.02)].mean() > SAMPLES / 2


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_images_closed_early_agree_with_all_samples(confidence, early, in_full):
    classes, taken = early[confidence]
    closed = taken < SAMPLES
    others = int((classes != in_full[0])[closed].sum())
    # Each closed image differs with probability 1 − confidence at most; the bound is exceeded with
    # probability 1e-6.
    assert others <= binom.isf(1e-6, int(closed.sum()), 1 - confidence)


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_decisions_agree_on_a_fraction_confidence_of_all_images(confidence, early, in_full):
    classes, _ = early[confidence]
    n = len(classes)
    ties = (in_full[0] != in_full[1]).mean()
    # Images on which two runs of all samples differ count as well.
    assert (classes != in_full[0]).sum() <= binom.isf(1e-6, n, min(1 - confidence + ties, 1.0))


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_the_error_rate_is_that_of_all_samples(confidence, digits, early, in_full):
    y = digits[1]
    classes, _ = early[confidence]
    full = (in_full[0] != y).mean()
    assert full < 0.2
    assert abs((classes != y).mean() - full) <= 2 * np.sqrt(full * (1 - full) / len(y))


def tossing(logit):
    """Return a chip of two classes with logits ± logit z; z is a fair coin for inputs 1, −1, 1, ….

    The coin is fair because weights come in equal pairs, which such inputs cancel.
    """
    model = nn.Sequential(NSMLinear(64, 1, bias=False), nn.Linear(1, 2, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.linspace(0.5, 1.5, 32).repeat_interleave(2))
        model[1].weight.copy_(torch.tensor([[logit], [-logit]]))
    return map_to_crossbar(model, HARDWARE, rng=0)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_a_coin_is_seldom_called_certain(confidence):
    chip = tossing(4.0)
    n = 2000
    _, taken = chip.classify(np.tile([1.0, -1.0], (n, 32)), SAMPLES, rng=0, confidence=confidence)
    # Neither class is right, so every early decision is wrong; over all rounds together it has
    # probability 1 − confidence.
    assert (taken < SAMPLES).sum() <= binom.isf(1e-6, n, 1 - confidence)


def test_a_certain_image_takes_only_the_first_round():
    chip = tossing(4.0)
    classes, taken = chip.classify(
        np.vstack([np.ones(64), -np.ones(64)]), SAMPLES, rng=0, confidence=0.9
    )
    assert classes.tolist() == [0, 1]
    assert taken.tolist() == [16, 16]


def test_fewer_samples_than_a_round_are_all_taken(chip, digits):
    classes, taken = chip.classify(digits[0][:30], 5, rng=0, confidence=0.9)
    np.testing.assert_array_equal(taken, 5)
    assert classes.shape == (30,)


@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_same_seed_same_decisions(sampling, chip, digits):
    runs = [
        chip.classify(digits[0], 100, rng=s, sampling=sampling, confidence=0.9) for s in (5, 5, 6)
    ]
    for one, again, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, again)
        assert (one != other).any()


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 1.5])
def test_a_confidence_lies_between_zero_and_one(confidence, chip, digits):
    message = rf"confidence = {confidence!r} is not allowed"
    with pytest.raises(ValueError, match=message):
        chip.classify(digits[0][:2], 10, rng=0, confidence=confidence)
    with pytest.raises(ValueError, match="confidence = 'high' is not a number"):
        chip.classify(digits[0][:2], 10, rng=0, confidence="high")


def test_no_images_no_decisions(chip):
    classes, taken = chip.classify(np.empty((0, 64)), 10, rng=0, confidence=0.9)
    assert (len(classes), len(taken)) == (0, 0)


def test_one_class_is_certain():
    model = nn.Sequential(NSMLinear(64, 1), nn.Linear(1, 1))
    classes, taken = map_to_crossbar(model, HARDWARE, rng=0).classify(
        np.ones((2, 64)), 20, rng=0, confidence=0.9
    )
    assert classes.tolist() == [0, 0]
    assert taken.max() <= 20
