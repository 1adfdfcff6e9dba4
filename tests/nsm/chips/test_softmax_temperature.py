"""The temperature of the softmax: closed forms, and what it does on a chip."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import BlankOut, Device
from nsm import uncertainty
from nsm.chips.softmax_temperature import best_temperature
from nsm.nn.inference import softmax

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-4), gate=BlankOut(0.5))


def labeled(temperature, images=20_000, seed=0):
    """Return logits, and labels that have the probabilities softmax(logits/T)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (images, 4))
    p = softmax(logits / temperature)
    labels = (rng.random((images, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 2.0, 5.0])
def test_the_temperature_of_labels_is_found_within_its_standard_error(temperature):
    logits, labels = labeled(temperature)
    scaled = logits / temperature
    p = softmax(scaled)
    # Fisher information of ln T in one label: the variance of the logits over the classes.
    information = ((p * scaled**2).sum(axis=1) - (p * scaled).sum(axis=1) ** 2).mean()
    bound = 5 / math.sqrt(len(labels) * information)
    assert abs(math.log(best_temperature(logits[None], labels) / temperature)) < bound


@pytest.mark.parametrize("gain", [1e-4, 100.0])
def test_it_has_the_scale_of_the_logits(gain):
    logits, labels = labeled(2.0, 500)
    rng = np.random.default_rng(1)
    samples = logits + rng.normal(0, 1, (5, *logits.shape))
    one = best_temperature(samples, labels)
    assert best_temperature(gain * samples, labels) == pytest.approx(gain * one, rel=1e-3)


def test_it_has_the_least_likelihood_of_a_fine_grid():
    logits, labels = labeled(2.0, 300)
    samples = logits + np.random.default_rng(1).normal(0, 2, (5, *logits.shape))
    found = best_temperature(samples, labels)

    def loss(t):
        return uncertainty.negative_log_likelihood(softmax(samples / t).mean(axis=0), labels)

    assert loss(found) <= min(loss(t) for t in np.geomspace(found / 4, found * 4, 200)) + 1e-9


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.ones((2, 3, 4)), [0, 1, 2], "outputs of all 4 classes are the same on every image"),
        (np.tile(np.eye(3), (2, 1, 1)), [0, 1, 2], r"3 images of which 0\.0% are wrong give no"),
        (np.tile(np.eye(3), (2, 1, 1)), [1, 2, 0], r"3 images of which 100\.0% are wrong give no"),
    ],
)
def test_data_without_a_best_temperature_are_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        best_temperature(logits, np.array(labels))


@pytest.fixture(scope="module")
def digits():
    return nsm.load_data("digits")


@pytest.fixture(scope="module")
def model(digits):
    torch.manual_seed(0)
    network = nsm.nsm_mlp((64, 40, 10))
    x, y = digits.x_train[:-300], digits.y_train[:-300]
    nsm.fit(network, x, y, epochs=8, rng=0, progress=False)
    return network


def test_a_chip_of_small_gain_becomes_confident_again(model, digits):
    x, y = digits.x_test[:200], digits.y_test[:200]
    found = {}
    for gain in (1.0, 0.01):
        chip = nsm.map_to_crossbar(model, HARDWARE, rng=0)
        chip.scale_conductances(gain)
        flat = chip.predict_proba(x, 20, rng=0)
        returned = chip.calibrate_temperature(
            digits.x_train[-300:], digits.y_train[-300:], 20, rng=0
        )
        assert returned == chip.softmax_temperature
        p = chip.predict_proba(x, 20, rng=0)
        found[gain] = (
            chip.softmax_temperature,
            flat,
            p,
            chip.classify(x, 100, confidence=0.9, rng=0),
        )
        single = chip.sample(x, 1, rng=0)[0].argmax(axis=1)
        np.testing.assert_array_equal(chip.predict(x, 1, rng=0), single)
    # Gates are the same draws, and signs have no scale: the logits differ by the gain alone.
    assert found[0.01][0] == pytest.approx(0.01 * found[1.0][0], rel=1e-3)
    np.testing.assert_allclose(found[0.01][2], found[1.0][2], atol=1e-3)
    np.testing.assert_array_equal(found[0.01][3][1], found[1.0][3][1])
    assert found[0.01][1].max() < 0.2 < 0.6 < found[0.01][2].max(axis=1).mean()
    ece = uncertainty.expected_calibration_error
    assert ece(found[0.01][2], y) < 0.15 < 0.6 < ece(found[0.01][1], y)


def test_probabilities_of_passes_have_the_temperature_and_its_mean(model, digits):
    chip = nsm.map_to_crossbar(model, HARDWARE, rng=0)
    chip.softmax_temperature = 3.0
    x = digits.x_test[:7]
    p = chip.sample_proba(x, 4, rng=0, reads_at_once=5)
    np.testing.assert_allclose(p, softmax(chip.sample(x, 4, rng=0) / 3.0), rtol=1e-12)
    np.testing.assert_allclose(p.mean(axis=0), chip.predict_proba(x, 4, rng=0), rtol=1e-12)
    assert chip.sample_proba(x[:0], 4).shape == (4, 0, 10)


def test_pixels_have_one_temperature():
    torch.manual_seed(0)
    chip = nsm.map_to_crossbar(nn.Sequential(nn.Conv2d(1, 3, 3)).double(), HARDWARE, rng=0)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (5, 1, 6, 6))
    labels = chip.predict(x, 1, rng=0)
    wrong = rng.random(labels.shape) < 0.3
    labels[wrong] = (labels[wrong] + 1) % 3
    t = chip.calibrate_temperature(x, labels, 1, rng=0)
    logits = np.moveaxis(chip.sample(x, 1, rng=0), 2, -1).reshape(1, -1, 3)
    assert t == pytest.approx(best_temperature(logits, labels.ravel()), rel=1e-6)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, "warm"])
def test_a_temperature_that_is_not_above_zero_is_refused(value):
    chip = nsm.map_to_crossbar(nn.Linear(3, 2), HARDWARE, rng=0)
    with pytest.raises(ValueError, match=f"softmax_temperature = {value!r}"):
        chip.softmax_temperature = value
    assert chip.softmax_temperature == 1.0


def test_labels_that_do_not_fit_are_refused(digits):
    chip = nsm.map_to_crossbar(nsm.relu_mlp((64, 12, 10)), HARDWARE, rng=0)
    with pytest.raises(ValueError, match="labels"):
        chip.calibrate_temperature(digits.x_test[:5], digits.y_test[:4], 1)
