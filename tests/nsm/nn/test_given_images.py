"""Images that a network cannot take as they are: wrong axes, masks, none, and bytes."""

import re
import warnings

import numpy as np
import pytest
from torch import nn

import nsm
from crossbar import Hardware
from devices import BlankOut, Device
from nsm.nn.activations import Binarize
from nsm.nn.architectures import conv_net
from nsm.nn.coding import BinarizePerPixel, Thermometer
from nsm.nn.inference import error_rate, predict_proba

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
NETWORKS = {
    "NSM": lambda: nsm.nsm_mlp((16, 5, 3)),
    "ReLU": lambda: nsm.relu_mlp((16, 5, 3)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Dropout(0.5)), nsm.relu_mlp((16, 5, 3))),
    "per pixel": lambda: nn.Sequential(BinarizePerPixel((1, 4, 4)), nn.Flatten(), nn.Linear(16, 3)),
    "convolution": lambda: nn.Sequential(nn.Conv2d(1, 2, 4), nn.Flatten(), nn.Linear(2, 3)),
    "unflattened": lambda: conv_net("bNSM", (1, 20, 20), 3, hidden=4),
}
TAKEN = {
    "per pixel": ((1, 4, 4), "1, 4, 4"),
    "convolution": ((1, 4, 4), "1, height, width"),
    "unflattened": ((400,), "pixels"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_images_of_other_axes_than_the_network_takes_are_refused(name, rng):
    model = NETWORKS[name]()
    shape, axes = TAKEN.get(name, ((16,), "16"))
    x = rng.random((2, *shape))
    assert predict_proba(model, x, 1, rng=0).shape == (2, 3)
    for wrong in (x[0], x[:, None], x[None, None]):
        message = re.escape(f"x has shape {wrong.shape}; give (batch, {axes})")
        with pytest.raises(ValueError, match=message):
            predict_proba(model, wrong, 1, rng=0)
        with pytest.raises(ValueError, match=message):
            error_rate(model, wrong, [0, 1], 1, rng=0)


def test_a_network_of_any_axes_needs_a_batch(rng):
    model = nn.Sequential(Thermometer(2), nn.Flatten(), nn.Linear(32, 3))
    for shape in ((2, 16), (2, 4, 4), (2, 1, 4, 4)):
        assert predict_proba(model, rng.random(shape), 1, rng=0).shape == (2, 3)
    with pytest.raises(ValueError, match=r"x has shape \(16,\); give \(batch, …\)"):
        predict_proba(model, rng.random(16), 1, rng=0)


def test_images_of_another_size_are_refused_in_words(rng):
    with pytest.raises(ValueError, match=r"a Sequential cannot take images of shape \(15,\)"):
        predict_proba(nsm.relu_mlp((16, 5, 3)), rng.random((2, 15)), 1, rng=0)


def test_no_images_have_no_error():
    chip = nsm.map_to_crossbar(nsm.nsm_mlp((16, 5, 3)), HARDWARE, rng=0)
    with pytest.raises(ValueError, match="no images to err on; give at least one"):
        chip.error_rate(np.empty((0, 16)), np.empty(0, int), 1, rng=0)


def half_masked(values):
    return np.ma.masked_array(values, mask=np.arange(np.size(values)).reshape(np.shape(values)) < 3)


def test_masked_values_are_refused_wherever_they_would_count(rng):
    x, y = rng.random((8, 16)), np.arange(8) % 3
    model, relu = nsm.nsm_mlp((16, 5, 3)), nsm.relu_mlp((16, 5, 3))
    chip = nsm.map_to_crossbar(model, HARDWARE, rng=0)
    tasks = nsm.grid(model, HARDWARE, {"gain": [1.0]})
    sweep = {"chips": 1, "samples": 1, "rng": 0, "progress": False}
    fit = {"epochs": 1, "rng": 0, "progress": False}
    images, labels = half_masked(x), half_masked(y)
    calls = [
        ("x", lambda: predict_proba(relu, images, 1, rng=0)),
        ("x", lambda: chip.sample(images, 1, rng=0)),
        ("x", lambda: nsm.fit(relu, images, y, **fit)),
        ("x", lambda: nsm.collect(tasks, images, y, **sweep)),
        ("the images of", lambda: nsm.load_data((images, y))),
        ("labels", lambda: error_rate(relu, x, labels, 1, rng=0)),
        ("labels", lambda: chip.error_rate(x, labels, 1, rng=0)),
        ("labels", lambda: nsm.fit(relu, x, labels, **fit)),
        ("labels", lambda: nsm.collect(tasks, x, labels, **sweep)),
        ("the labels of", lambda: nsm.load_data((x, labels))),
    ]
    for name, call in calls:
        with pytest.raises(ValueError, match=rf"{name}.* is a masked array, 3 of whose \d+ values"):
            call()
    nothing = np.ma.masked_array(x, mask=False)
    np.testing.assert_array_equal(
        predict_proba(model, nothing, 1, rng=0), predict_proba(model, x, 1, rng=0)
    )


def test_images_that_look_like_bytes_are_warned_about(rng):
    images = rng.integers(0, 256, (4, 16)).astype(float)
    images[0, 0] = 255
    model = nsm.nsm_mlp((16, 5, 3))
    chip = nsm.map_to_crossbar(model, HARDWARE, rng=0)
    for read in (lambda x: predict_proba(model, x, 1, rng=0), lambda x: chip.sample(x, 1, rng=0)):
        with pytest.warns(UserWarning, match="whole numbers from .* to 255.*divide by 255"):
            read(images)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for other in (images / 255, 2 * images / 255 - 1, images - 128, images + 0.5):
                read(other)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("coding", [Binarize(127.5), Thermometer(3, high=255)])
def test_a_network_that_codes_bytes_takes_them(coding, rng):
    x = rng.integers(0, 256, (4, 16))
    model = nn.Sequential(coding, nn.Linear(16 * getattr(coding, "levels", 1), 3))
    assert predict_proba(model, x, 1, rng=0).shape == (4, 3)
