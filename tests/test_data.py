"""Data: the digits that are always there, and MNIST's IDX files, whole or refused."""

import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

import nsm.data
from nsm import load_data
from nsm.data import load_digits, load_mnist, read_idx

NAMES = tuple(nsm.data._MNIST_MD5)


def idx_bytes(values):
    values = np.asarray(values, dtype=np.uint8)
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def small_mnist(rng, monkeypatch):
    """Bytes of four IDX files of a few images, and their checksums in the place of MNIST's."""
    files = {}
    for name, n in zip(NAMES, (20, 20, 10, 10), strict=True):
        shape = (n, 28, 28) if "images" in name else n
        files[name] = idx_bytes(rng.integers(0, 10 if "labels" in name else 256, shape))
    monkeypatch.setattr(nsm.data, "_MNIST_MD5", {n: hashlib.md5(b).hexdigest() for n, b in files.items()})
    monkeypatch.delenv("NSM_DATA_DIR", raising=False)
    return files


def write(folder, files, *, zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4)])
def test_idx_is_read_as_it_was_written(shape, zipped, tmp_path, rng):
    values = rng.integers(0, 256, shape)
    path = tmp_path / ("a.gz" if zipped else "a")
    path.write_bytes(gzip.compress(idx_bytes(values)) if zipped else idx_bytes(values))
    np.testing.assert_array_equal(read_idx(path), values)


@pytest.mark.parametrize("cut", [1, 5, 15])
def test_a_truncated_idx_is_refused(cut, tmp_path):
    path = tmp_path / "short"
    path.write_bytes(idx_bytes(np.zeros((2, 3, 4)))[:-cut])
    with pytest.raises(ValueError, match=rf"short is truncated or too long: {40 - cut} bytes, its header promises 40"):
        read_idx(path)
    path.write_bytes(idx_bytes(np.zeros((2, 3, 4))) + b"x" * cut)
    with pytest.raises(ValueError, match=rf"truncated or too long: {40 + cut} bytes, its header promises 40"):
        read_idx(path)
    path.write_bytes(idx_bytes(np.zeros((2, 3, 4)))[: 4 + cut % 12])
    with pytest.raises(ValueError, match="do not even hold its header; fetch it again"):
        read_idx(path)


@pytest.mark.parametrize("start", [b"", b"\x00\x00", b"\x89PNG", b"\x00\x00\x0d\x03"])
def test_a_wrong_magic_number_is_refused(start, tmp_path):
    path = tmp_path / "odd"
    path.write_bytes(start + bytes(40 if len(start) == 4 else 0))
    with pytest.raises(ValueError, match=rf"is not an IDX file of unsigned bytes \(it starts with '{start.hex()}'\)"):
        read_idx(path)


def test_a_truncated_or_false_gzip_is_refused(tmp_path):
    whole = gzip.compress(idx_bytes(np.zeros(1000)))
    for content in (whole[:-9], b"not gzip at all", whole[:-8] + bytes(8)):
        path = tmp_path / "a.gz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a.gz is truncated or not gzip \(.*\); fetch it again"):
            read_idx(path)


def test_a_damaged_gzip_stream_is_refused(tmp_path):
    whole, path = gzip.compress(idx_bytes(np.arange(1000) % 251)), tmp_path / "a.gz"
    for position in range(10, len(whole) - 8, 25):  # between gzip's header of 10 bytes and its checksum
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with pytest.raises(ValueError, match=r"a.gz is truncated or not gzip"):
            read_idx(path)


def test_a_missing_file_is_missing_not_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.gz"):
        read_idx(tmp_path / "absent.gz")


def test_digits_are_1797_images_in_a_fixed_stratified_split():
    data, again = load_digits(), load_data("digits")
    assert data.x_train.shape == (1347, 64)
    assert data.x_test.shape == (450, 64)
    for a, b in zip(data, again, strict=True):
        np.testing.assert_array_equal(a, b)
    both = np.concatenate([data.x_train, data.x_test])
    assert (both.dtype, data.y_test.dtype) == (np.float32, np.int64)
    assert (both.min(), both.max()) == (0, 1)
    # Stratified: each class has a quarter of its 174 to 183 images in the test set, to within one image.
    counts = np.bincount(data.y_train) + np.bincount(data.y_test)
    assert (np.abs(np.bincount(data.y_test) - counts / 4) <= 1).all()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("below", ["", "mnist"])
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_mnist_is_found_in_a_folder_zipped_or_not(zipped, below, by, small_mnist, tmp_path, monkeypatch):
    write(tmp_path / below, small_mnist, zipped=zipped)
    monkeypatch.setattr(nsm.data, "_download", None)  # a download would fail
    if by == "environment":
        monkeypatch.setenv("NSM_DATA_DIR", str(tmp_path))
    data = load_data("mnist", tmp_path if by == "argument" else None)
    pixels = np.frombuffer(small_mnist[NAMES[0]], np.uint8, offset=16).reshape(20, 784)
    np.testing.assert_array_equal(data.x_train, pixels.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(data.y_test, np.frombuffer(small_mnist[NAMES[3]], np.uint8, offset=8))
    assert (data.x_train.dtype, data.y_train.dtype) == (np.float32, np.int64)


def test_mnist_of_a_wrong_checksum_is_refused(small_mnist, tmp_path):
    changed = bytearray(small_mnist[NAMES[2]])
    changed[-1] ^= 1
    write(tmp_path, {**small_mnist, NAMES[2]: bytes(changed)})
    with pytest.raises(ValueError, match=rf"is not the published {NAMES[2]}: its MD5 differs; fetch it again"):
        load_mnist(tmp_path)


def test_mnist_of_the_right_bytes_in_a_wrong_shape_is_refused(small_mnist, tmp_path):
    flat = np.frombuffer(small_mnist[NAMES[0]], np.uint8, offset=16)
    write(tmp_path, {**small_mnist, NAMES[0]: idx_bytes(flat)})
    with pytest.raises(ValueError, match="its MD5 differs"):
        load_mnist(tmp_path)


def test_missing_mnist_is_an_error_where_no_download_is_wanted(small_mnist, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"no {NAMES[0]}\[.gz\] in {tmp_path}; put the four MNIST IDX files"):
        load_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"in any folder \(set NSM_DATA_DIR or data_dir\)"):
        load_mnist(download=False)


def test_mnist_is_downloaded_with_a_checksum_where_it_is_nowhere(small_mnist, tmp_path, monkeypatch):
    write(tmp_path, small_mnist, zipped=True)
    asked = {}

    def retrieve(url, known_hash, fname, path):
        asked[fname] = (url, known_hash)
        return str(tmp_path / fname)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert load_mnist().x_test.shape == (10, 784)
    assert asked["train-images-idx3-ubyte.gz"] == (
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
        "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    )
    assert len(asked) == 4


def test_an_unknown_data_set_is_refused():
    with pytest.raises(ValueError, match="unknown data set 'minst'; did you mean 'mnist'"):
        load_data("minst")


@pytest.mark.skipif("NSM_DATA_DIR" not in os.environ, reason="NSM_DATA_DIR is not set: the real MNIST is not at hand")
def test_the_real_mnist_is_whole():
    data = load_mnist()
    assert data.x_train.shape == (60_000, 784)
    assert data.x_test.shape == (10_000, 784)
    # LeCun et al. 1998, as every tutorial normalises it: mean .1307, standard deviation .3081 of the training pixels.
    assert round(float(data.x_train.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(data.x_train.std(dtype=np.float64)), 4) == 0.3081
    assert np.bincount(data.y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
