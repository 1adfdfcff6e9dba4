"""One scale of training and test images: told by both, or refused by name."""

import numpy as np
import pytest

from nsm.datasets import load_data
from tests.helpers.own_data import pictures

X, Y = pictures()


def npz(folder, **names):
    np.savez(folder / "a.npz", **names)
    return folder / "a.npz"


def test_training_and_test_images_have_one_scale(tmp_path):
    dark = (X // 4).astype(np.uint8)  # alone, they would be asked for their scale
    data = load_data(npz(tmp_path, x_train=X, y_train=Y, x_test=dark, y_test=Y))
    np.testing.assert_allclose(data.x_test, dark.reshape(24, -1) / 255, rtol=1e-6)


UNIT = (X / 255.0 * 0.99).astype(np.float32)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (UNIT, X),
        (X, UNIT),
        (UNIT, X // 4),
        (UNIT, X * 0.97),
        (X, (X > 99).astype(np.uint8)),
        (X, X.astype(np.uint16) * 257),
        (X, X.astype(np.uint16) * 60),
        (X, X // 4 - 5.0),
        (X.astype(np.uint16) * 257, X // 4),
    ],
    ids=lambda images: f"{images.dtype}-{images.max():g}",
)
def test_parts_of_different_scales_are_refused(train, test, tmp_path):
    place = npz(tmp_path, x_train=train, y_train=Y, x_test=test, y_test=Y)
    with pytest.raises(ValueError) as refusal:
        load_data(place)
    for part in (train, test):
        assert f"({part.dtype}, {part.min():g} to {part.max():g})" in str(refusal.value)
    assert load_data(place, white=255).x_test.max() == pytest.approx(test.max() / 255, rel=1e-6)


@pytest.mark.parametrize(
    ("train", "test", "white"),
    [
        (X, np.zeros_like(UNIT), 255),
        (np.zeros_like(X), X, 255),
        (X, X.astype(float), 255),
        (X // 4, X.astype(int), 255),
        (X.astype(np.uint16) * 257, 5 * X.astype(np.uint16), 65535),
        (UNIT, 1.5 * UNIT, 1),
        (UNIT, X > 99, 1),
    ],
    ids=lambda part: f"{part.dtype}-{part.max():g}" if np.ndim(part) else str(part),
)
def test_the_scale_is_that_of_both_parts(train, test, white, tmp_path):
    data = load_data(npz(tmp_path, x_train=train, y_train=Y, x_test=test, y_test=Y))
    for found, part in ((data.x_train, train), (data.x_test, test)):
        np.testing.assert_allclose(found, part.reshape(24, -1) / white, rtol=1e-6)


def test_test_pictures_of_another_depth_are_refused(tmp_path):
    from PIL import Image

    for part, depth in (("train", np.uint8), ("test", np.uint16)):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.fromarray(np.full((4, 5), 200, depth)).save(tmp_path / part / name / "0.png")
    with pytest.raises(ValueError, match="training images of .* have 8 bits, .*test.* have 16"):
        load_data(tmp_path)
