"""Every format holds the same data set: what is read is what was written, whatever the format."""

import gzip
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import nsm
from nsm import load_data
from nsm.datasets import Data
from tests.helpers import own_data
from tests.helpers.own_data import NAMES, pictures

REAL = Path(os.environ.get("NSM_DATA_DIR", "none")) / "mnist"
TRAIN = pictures()
TEST = pictures(4, seed=1)
ALL_NAMES = np.array(NAMES)


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """The current folder, with a module `faces` that is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "faces", raising=False)
    own_data.write_module(tmp_path, *TRAIN)
    yield tmp_path
    sys.modules.pop("faces", None)


def npz(folder, **names):
    np.savez(folder / "a.npz", **names)
    return folder / "a.npz"


def write_both(write):
    """Write the training and the test images with `write(part, images, labels)`."""
    write("train", *TRAIN)
    write("test", *TEST)


def csvs(folder):
    write_both(lambda part, *arrays: own_data.write_csv(folder / f"{part}.csv", *arrays))
    return folder


def png(folder):
    write_both(lambda part, *arrays: own_data.write_pictures(folder / part, *arrays))
    return folder


def pgm_and_val(folder):
    write_both(lambda part, *arrays: own_data.write_pictures(folder / part, *arrays, suffix="pgm"))
    (folder / "test").rename(folder / "val")
    return folder


#: Format -> function that writes training and test images into a folder.
WITH_TEST = {
    "idx": lambda f: own_data.write_idx(f, TRAIN, TEST),
    "idx.gz": lambda f: own_data.write_idx(f, TRAIN, TEST, zipped=True),
    "idx with dots": lambda f: own_data.write_idx(f, TRAIN, TEST, stem="{}-{}.idx{}-ubyte"),
    "idx of a named set": lambda f: own_data.write_idx(
        f, TRAIN, TEST, stem="fashion-mini-{}-{}-idx{}-ubyte"
    ),
    "npz": lambda f: npz(f, x_train=TRAIN[0], y_train=TRAIN[1], x_test=TEST[0], y_test=TEST[1]),
    "npz, word first, with validation": lambda f: npz(
        f,
        train_images=TRAIN[0],
        train_labels=TRAIN[1][:, None],
        val_images=TEST[0][:1],
        val_labels=TEST[1][:1],
        test_images=TEST[0],
        test_labels=TEST[1][:, None],
    ),
    "npz of floats": lambda f: npz(
        f, X_train=TRAIN[0] / 255, y_train=TRAIN[1], X_test=TEST[0] / 255, y_test=TEST[1]
    ),
    "csv": csvs,
}
#: The same for formats that keep the names of classes, in the order of the classes.
PICTURES = {"png": png, "pgm, val": pgm_and_val}


def by_label(images, labels):
    """Rows of pixels in [0, 1] in the order of the labels, and the labels."""
    order = np.argsort(labels, kind="stable")
    return images.reshape(len(images), -1)[order].astype("f4") / np.float32(255), labels[order]


@pytest.mark.parametrize("kind", [*WITH_TEST, *PICTURES])
def test_what_is_read_is_what_was_written(kind, tmp_path):
    data = load_data(str((WITH_TEST | PICTURES)[kind](tmp_path)))
    assert isinstance(data, Data)
    in_order = kind in WITH_TEST
    for x, y, written in (
        (data.x_train, data.y_train, TRAIN),
        (data.x_test, data.y_test, TEST),
    ):
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        expected = by_label(*written)
        if in_order:
            np.testing.assert_array_equal(y, written[1])
        np.testing.assert_allclose(by_label(255 * x, y)[0], expected[0], rtol=1e-6)
    if "csv" not in kind:
        assert data.image_shape == (1, own_data.ROWS, own_data.COLUMNS)
    assert data.class_names == (("0", "1", "2") if in_order else NAMES)
    assert data.split == "as given"
    values = data.x_test.shape[1]
    assert "24 training and 12 test images" in repr(data)
    assert f"of shape {data.image_shape} as rows of {values} values" in repr(data)


ONE_SET = {
    "npz": lambda f: npz(f, images=TRAIN[0], labels=ALL_NAMES[TRAIN[1]]),
    "npz with names": lambda f: npz(f, x=TRAIN[0], y=TRAIN[1], class_names=ALL_NAMES),
    "csv": lambda f: own_data.write_csv(f / "a.csv", TRAIN[0], ALL_NAMES[TRAIN[1]]),
    "folder": lambda f: own_data.write_pictures(f / "p", *TRAIN),
    "dataset": lambda f: "faces:Faces",
    "object": lambda f: {"x": torch.from_numpy(TRAIN[0]), "y": ALL_NAMES[TRAIN[1]]},
}


@pytest.mark.parametrize("kind", ONE_SET)
def test_images_without_a_test_set_are_split(kind, modules):
    data = load_data(ONE_SET[kind](modules))
    assert data.class_names == NAMES
    # Stratified: round(0.2 · 8) = 2 images of each class.
    assert np.bincount(data.y_test).tolist() == [2, 2, 2]
    assert np.bincount(data.y_train).tolist() == [6, 6, 6]
    both = np.concatenate([data.x_train, data.x_test])
    assert len(np.unique(both, axis=0)) == 24  # no image is in both
    again = load_data(ONE_SET[kind](modules))
    np.testing.assert_array_equal(data.x_test, again.x_test)
    assert data.split == "stratified, 0.2 of each class for test, seed 0"
    other = load_data(ONE_SET[kind](modules), test_fraction=0.5, split_seed=3)
    assert np.bincount(other.y_test).tolist() == [4, 4, 4]
    assert other.split == "stratified, 0.5 of each class for test, seed 3"


@pytest.mark.parametrize("zipped", [False, True])
def test_a_csv_needs_no_header_if_it_is_told_where_the_labels_are(zipped, tmp_path):
    for label_column, header in (("first", False), ("first", True), ("Class", True)):
        path = own_data.write_csv(tmp_path / "a.csv", *TRAIN, header=header, label="Class")
        if zipped:
            (tmp_path / "a.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
            path = tmp_path / "a.csv.gz"
        data = load_data(path, label_column=label_column, image_shape=(1, 6, 5))
        assert len(data.y_train) + len(data.y_test) == 24
        assert data.image_shape == (1, 6, 5)
        np.testing.assert_array_equal(
            data.x_test, load_data(npz(tmp_path, x=TRAIN[0], y=TRAIN[1])).x_test
        )


def test_class_names_that_look_like_missing_values_stay(tmp_path):
    names = np.array(["NA", "None", "nan"])
    data = load_data(own_data.write_csv(tmp_path / "a.csv", TRAIN[0], names[TRAIN[1]]))
    assert data.class_names == ("NA", "None", "nan")


def test_a_callable_returns_a_data_set_two_or_arrays(modules):
    arrays = load_data("faces:arrays")
    assert arrays.class_names == ("0", "1", "2")
    two = load_data("faces:two")
    assert (len(two.y_train), len(two.y_test)) == (24, 6)
    assert two.class_names == NAMES
    np.testing.assert_array_equal(two.x_test, two.x_train[:6])


def test_objects_are_taken_as_they_are(modules):
    images = torch.rand(30, 2, 4, 3, requires_grad=True)  # tensors have their channels first
    labels = torch.arange(30) % 3
    data = load_data(TensorDataset(images.detach(), labels))
    assert data.image_shape == (2, 4, 3)
    for same in ((images, labels), [images, labels]):
        np.testing.assert_array_equal(load_data(same).x_test, data.x_test)
    four = load_data((images[:20], labels[:20], images[20:], labels[20:]))
    keras = load_data(((images[:20], labels[:20]), (images[20:], labels[20:])))
    for a, b in zip(four, keras, strict=True):
        np.testing.assert_array_equal(a, b)
    assert load_data(four) is four


def test_colors_of_files_become_channels(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    for i, image in enumerate(images):
        place = tmp_path / NAMES[i % 2]
        place.mkdir(exist_ok=True)
        picture = Image.fromarray(image)
        (picture.convert("RGBA") if i == 0 else picture).save(place / f"{i}.png")
    (tmp_path / ".hidden").write_text("left out")
    data = load_data(tmp_path)
    assert data.image_shape == (3, 4, 5)
    expected = images.transpose(0, 3, 1, 2).reshape(6, -1) / np.float32(255)
    both = np.concatenate([data.x_train, data.x_test])
    assert sorted(both.tolist()) == sorted(expected.tolist())


def test_jpegs_and_images_of_16_bits_are_read(tmp_path):
    from PIL import Image

    deep = np.full((4, 5), 65535, np.uint16)
    for folder, image, suffix in (
        ("deep", deep, "png"),
        ("jpeg", np.full((4, 5), 255, np.uint8), "jpg"),
        ("bits", np.full((4, 5), True), "png"),
    ):
        for i in range(4):
            place = tmp_path / folder / NAMES[i % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{i}.{suffix}")
        assert (load_data(tmp_path / folder).x_train == 1).all()


def test_published_sets_have_a_description():
    data = nsm.load_data("digits")
    assert data.image_shape == (1, 8, 8)
    assert data.class_names == tuple("0123456789")
    assert data.split == "as published"


@pytest.mark.skipif(not REAL.is_dir(), reason="NSM_DATA_DIR has no MNIST")
def test_the_real_mnist_is_the_same_through_both_doors():
    own = load_data(REAL)
    for a, b in zip(own, load_data("mnist", REAL), strict=True):
        np.testing.assert_array_equal(a, b)
    assert own.image_shape == (1, 28, 28)
    assert own.class_names == tuple("0123456789")


def test_other_images_in_the_format_of_mnist_are_pointed_to_their_door(tmp_path):
    own_data.write_idx(tmp_path, TRAIN, TEST)
    with pytest.raises(ValueError, match=f"not the published .* give the folder {tmp_path}"):
        load_data("mnist", tmp_path)
    assert len(load_data(tmp_path).y_train) == 24
