"""Monte-Carlo inference in software: the mean softmax over independent passes."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from nsm import NSMLinear, error_rate, nsm_mlp, predict_proba
from nsm.nn.inference import check_labels, output_shape, sample, softmax
from nsm.nn.stochastic import reseed
from tests.helpers.statistics import assert_mean


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nsm_mlp((8, 20, 20, 3))


@pytest.fixture
def images(rng):
    return rng.random((6, 8))


def test_softmax_is_a_distribution_and_ignores_a_common_shift(rng):
    logits = rng.normal(0, 3, (4, 5, 3))
    p = softmax(logits)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(
        p, np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True), rtol=1e-12
    )
    np.testing.assert_allclose(
        softmax(logits + 1e4), p, rtol=1e-6
    )  # 1e4 leaves 12 digits of a logit


def test_probabilities_are_the_mean_softmax_of_the_samples(network, images):
    logits = sample(network, images, 7, rng=1)
    assert logits.shape == (7, 6, 3)
    p = predict_proba(network, images, 7, rng=1)
    np.testing.assert_allclose(p, softmax(logits).mean(axis=0), rtol=1e-12)
    labels = p.argmax(axis=1)
    wrong = (labels + np.array([0, 1, 0, 1, 1, 0])) % 3
    assert error_rate(network, images, labels, 7, rng=1) == 0
    assert error_rate(network, images, wrong, 7, rng=1) == 0.5


def test_same_seed_same_draws_and_another_seed_others(network, images):
    first = sample(network, images, 3, rng=1)
    np.testing.assert_array_equal(sample(network, images, 3, rng=1), first)
    assert (sample(network, images, 3, rng=2) != first).any()


def test_passes_and_images_are_drawn_independently(rng):
    # One neuron and a linear read-out of its state: logits ±1 with P = ½ (w·x = 0, no bias).
    model = nn.Sequential(NSMLinear(2, 1, bias=False), nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 1.0]]))
        model[1].weight.fill_(1.0)
    z = sample(model, np.tile([1.0, -1.0], (2, 1)), 5_000, rng=0)[:, :, 0]
    assert set(np.unique(z)) == {-1.0, 1.0}
    assert_mean(z, 0.0)
    assert_mean(z[1:] * z[:-1], 0.0)  # from pass to pass
    assert_mean(z[:, 0] * z[:, 1], 0.0)  # from image to image


def test_more_images_than_a_block_keep_their_order():
    model = nn.Sequential(nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.fill_(2.0)
    x = np.arange(2500.0)[:, None]
    np.testing.assert_array_equal(sample(model, x, 2, rng=0), np.stack([2 * x, 2 * x]))


@pytest.mark.parametrize("training", [True, False])
def test_inference_leaves_the_mode_of_the_network(network, images, training):
    network.train(training)
    predict_proba(network, images, 1, rng=0)
    assert network.training is training


def test_dropout_is_off_in_inference(images):
    model = nn.Sequential(nn.Linear(8, 3), nn.Dropout(0.5)).train()
    logits = sample(model, images, 2, rng=0)
    np.testing.assert_array_equal(logits[0], logits[1])


def test_bad_input_is_refused(network, images):
    with pytest.raises(ValueError, match="samples = 0 is not allowed"):
        predict_proba(network, images, 0)
    images[0, 0] = np.inf
    with pytest.raises(ValueError, match="x holds 1 values that are NaN or infinite"):
        predict_proba(network, images, 1)
    with pytest.raises(ValueError, match="x is not an array of real numbers"):
        predict_proba(network, [["a"]], 1)


def test_labels_are_class_numbers_one_per_image():
    assert check_labels(np.array([1, 2], dtype=np.uint8), 2).dtype == np.int64
    with pytest.raises(ValueError, match=r"labels have shape \(2, 1\); 2 images need \(2,\)"):
        check_labels([[1], [2]], 2)
    with pytest.raises(ValueError, match="labels have dtype float64"):
        check_labels([1.0, 2.0], 2)
    with pytest.raises(ValueError, match="labels go from -1 to 2; class numbers start at 0"):
        check_labels([-1, 2], 2)
    with pytest.raises(
        ValueError, match="labels go from 1 to 3; the network has 3 classes, 0 to 2"
    ):
        check_labels([1, 3], 2, 3)
    with pytest.raises(
        ValueError, match=r"labels have shape \(2,\); 2 images need \(2, 4, 5\), one"
    ):
        check_labels([0, 1], 2, 3, (4, 5))
    assert check_labels(torch.tensor([0, 2]), 2, 3).tolist() == [0, 2]
    assert check_labels(np.ones((2, 4, 5), int), 2, 3, (4, 5)).shape == (2, 4, 5)


def test_the_shape_of_logits_is_found_without_leaving_a_trace(network, images):
    network.train()
    reseed(network, 3)
    twin = copy.deepcopy(network)
    before = torch.random.get_rng_state()
    assert output_shape(network, images) == (3,)
    assert network.training
    assert torch.equal(torch.random.get_rng_state(), before)
    x = torch.as_tensor(images, dtype=torch.float32)
    assert torch.equal(network(x), twin(x))  # the streams go on from where they stood


def test_networks_that_do_not_take_the_images_are_refused(network, images):
    with pytest.raises(ValueError, match=r"a Sequential cannot take images of shape \(5,\): "):
        output_shape(network, images[:, :5])
    with pytest.raises(ValueError, match=r"a Sequential returns \(16,\) for 2 images; error rates"):
        output_shape(nn.Sequential(nn.Flatten(0)), images)
    with pytest.raises(ValueError, match="a LSTM returns tuple for 2 images; error rates need"):
        output_shape(nn.LSTM(8, 3), images[:, None])


def test_segmentation_counts_its_pixels():
    torch.manual_seed(0)
    model = nn.Conv2d(1, 3, 3)
    x = np.random.default_rng(0).random((4, 1, 4, 5))
    with torch.no_grad():
        best = model(torch.as_tensor(x, dtype=torch.float32)).argmax(dim=1).numpy()
    y = best.copy()
    y[0] = (y[0] + 1) % 3
    assert predict_proba(model, x, 2, rng=0).shape == (4, 3, 2, 3)
    assert error_rate(model, x, y, 2, rng=0) == 1 / 4
    with pytest.raises(ValueError, match=r"labels have shape \(4,\); 4 images need \(4, 2, 3\)"):
        error_rate(model, x, y[:, 0, 0], 1)


def test_wrong_labels_are_told_before_any_read(network, images, monkeypatch):
    monkeypatch.setattr("nsm.nn.inference.passes", lambda *_: pytest.fail("it reads"))
    labels = np.arange(len(images)) % 3 + 1
    with pytest.raises(
        ValueError, match="labels go from 1 to 3; the network has 3 classes, 0 to 2"
    ):
        error_rate(network, images, labels, 1)
