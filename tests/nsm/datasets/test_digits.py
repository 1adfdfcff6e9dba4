"""The digits: those of scikit-learn, split as scikit-learn splits them, without importing it."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets
from sklearn.model_selection import train_test_split

from nsm.datasets import load_digits
from nsm.datasets.digits import stratified_split


@pytest.mark.parametrize("fraction", [0.25, 0.03, 0.2, 1 / 3, 0.5, 0.99])
def test_images_and_their_order_are_those_of_scikit_learn(fraction):
    x, y = datasets.load_digits(return_X_y=True)
    parts = train_test_split(x / 16, y, test_size=fraction, stratify=y, random_state=0)
    found = load_digits(test_fraction=fraction)
    ours = (found.x_train, found.x_test, found.y_train, found.y_test)
    for mine, theirs, kind in zip(ours, parts, ("f4", "f4", "i8", "i8"), strict=True):
        assert mine.dtype == kind
        np.testing.assert_array_equal(mine, theirs.astype(kind))


@pytest.mark.parametrize("seed", range(20))
def test_equal_remainders_are_broken_as_by_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(4), rng.integers(6, 10, 4))
    rng.shuffle(y)
    for test_images in range(4, len(y) - 4):
        _, theirs = train_test_split(
            np.arange(len(y)), test_size=test_images, stratify=y, random_state=0
        )
        np.testing.assert_array_equal(stratified_split(y, test_images)[1], theirs)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_a_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(ValueError, match=rf"test_fraction.*{fraction}"):
        load_digits(test_fraction=fraction)


@pytest.mark.parametrize(("fraction", "left"), [(0.001, "2 for test"), (0.999, "1 images for tr")])
def test_a_fraction_that_leaves_too_few_images_is_refused(fraction, left):
    with pytest.raises(ValueError, match=f"test_fraction = {fraction} leaves .*{left}"):
        load_digits(test_fraction=fraction)


def test_scikit_learn_is_not_imported():
    code = "import sys, nsm; nsm.load_data('digits'); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
