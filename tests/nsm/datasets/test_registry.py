"""Data sets by name, and the digits that come with scikit-learn."""

import numpy as np
import pytest

from nsm.datasets import LOADERS, class_count, image_shape, load_data, load_digits


def test_digits_are_1797_images_in_a_fixed_stratified_split():
    data, again = load_digits(), load_data("digits")
    assert data.x_train.shape == (1347, 64)
    assert data.x_test.shape == (450, 64)
    for a, b in zip(data, again, strict=True):
        np.testing.assert_array_equal(a, b)
    both = np.concatenate([data.x_train, data.x_test])
    assert (both.dtype, data.y_test.dtype) == (np.float32, np.int64)
    assert (both.min(), both.max()) == (0, 1)
    # Stratified: the test set has a quarter of each class, to within one image.
    counts = np.bincount(data.y_train) + np.bincount(data.y_test)
    assert (np.abs(np.bincount(data.y_test) - counts / 4) <= 1).all()


def test_an_unknown_data_set_is_refused():
    for call in (load_data, image_shape, class_count):
        with pytest.raises(ValueError, match="unknown data set 'minst'; did you mean 'mnist'"):
            call("minst")


def test_every_data_set_has_a_shape_and_classes():
    known = {name: (image_shape(name), class_count(name)) for name in LOADERS}
    assert known == {
        "digits": ((1, 8, 8), 10),
        "mnist": ((1, 28, 28), 10),
        "emnist": ((1, 28, 28), 26),
        "cifar10": ((3, 32, 32), 10),
        "cifar10-jpeg": ((3, 32, 32), 10),
        "cifar100": ((3, 32, 32), 100),
        "nmnist": ((10, 34, 34), 10),
        "nmnist-small": ((10, 34, 34), 10),
        "dvs_gesture": ((6, 64, 64), 11),
    }
    digits = load_data("digits")
    assert digits.x_train.shape[1:] == (np.prod(image_shape("digits")),)
    assert set(digits.y_test) == set(range(class_count("digits")))
