"""MNIST and EMNIST letters: complete IDX files are read, truncated and wrong ones are refused."""

import gzip
import hashlib
import os
import struct
import zipfile

import numpy as np
import pytest

import nsm.datasets.mnist
from nsm import load_data
from nsm.datasets import image_shape
from nsm.datasets.mnist import load_emnist, load_mnist, read_idx

NAMES = tuple(nsm.datasets.mnist._MNIST_MD5)


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
    monkeypatch.setattr(
        nsm.datasets.mnist, "_MNIST_MD5", {n: hashlib.md5(b).hexdigest() for n, b in files.items()}
    )
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
    with pytest.raises(
        ValueError,
        match=rf"short is truncated or too long: {40 - cut} bytes, its header promises 40",
    ):
        read_idx(path)
    path.write_bytes(idx_bytes(np.zeros((2, 3, 4))) + b"x" * cut)
    with pytest.raises(
        ValueError, match=rf"truncated or too long: {40 + cut} bytes, its header promises 40"
    ):
        read_idx(path)
    path.write_bytes(idx_bytes(np.zeros((2, 3, 4)))[: 4 + cut % 12])
    with pytest.raises(ValueError, match="do not even hold its header"):
        read_idx(path)


@pytest.mark.parametrize(
    ("sizes", "promised"),
    [
        (
            (2**16,) * 4,
            2**64 + 20,
        ),  # 0 modulo 2⁶⁴: in 64 bits, the file would seem to be long enough
        ((2**32 - 1,) * 2, (2**32 - 1) ** 2 + 12),
        ((2**32 - 1,) * 60, (2**32 - 1) ** 60 + 244),
    ],
)
def test_a_header_whose_sizes_overflow_is_refused(sizes, promised, tmp_path):
    head = struct.pack(f">4B{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)
    (tmp_path / "vast").write_bytes(head)
    message = rf"vast is truncated or too long: {len(head)} bytes, its header promises {promised}"
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "vast")


@pytest.mark.parametrize("sizes", [(0, *(2**32 - 1,) * 3), (1,) * 200])
def test_a_header_no_array_has_is_refused(sizes, tmp_path):
    head = struct.pack(f">4B{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)
    (tmp_path / "odd").write_bytes(head + bytes(np.prod(sizes, dtype=object)))
    with pytest.raises(
        ValueError,
        match=rf"odd has a header of {len(sizes)} sizes that no array has \(.*\)",
    ):
        read_idx(tmp_path / "odd")


@pytest.mark.parametrize("start", [b"", b"\x00\x00", b"\x89PNG", b"\x00\x00\x0d\x03"])
def test_a_wrong_magic_number_is_refused(start, tmp_path):
    path = tmp_path / "odd"
    path.write_bytes(start + bytes(40 if len(start) == 4 else 0))
    with pytest.raises(
        ValueError,
        match=rf"is not an IDX file of unsigned bytes \(it starts with '{start.hex()}'\)",
    ):
        read_idx(path)


def test_a_truncated_or_false_gzip_is_refused(tmp_path):
    complete = gzip.compress(idx_bytes(np.zeros(1000)))
    for content in (complete[:-9], b"not gzip at all", complete[:-8] + bytes(8)):
        path = tmp_path / "a.gz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a.gz is truncated or not gzip \(.*\)"):
            read_idx(path)


def test_a_damaged_gzip_stream_is_refused(tmp_path):
    complete, path = gzip.compress(idx_bytes(np.arange(1000) % 251)), tmp_path / "a.gz"
    for position in range(
        10, len(complete) - 8, 25
    ):  # between gzip's header of 10 bytes and its checksum
        path.write_bytes(
            complete[:position] + bytes([complete[position] ^ 0xFF]) + complete[position + 1 :]
        )
        with pytest.raises(ValueError, match=r"a.gz is truncated or not gzip"):
            read_idx(path)


def test_a_missing_file_is_missing_not_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.gz"):
        read_idx(tmp_path / "absent.gz")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("below", ["", "mnist"])
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_mnist_is_found_in_a_folder_zipped_or_not(
    zipped, below, by, small_mnist, tmp_path, monkeypatch
):
    write(tmp_path / below, small_mnist, zipped=zipped)
    monkeypatch.setattr(nsm.datasets.mnist, "fetch", None)  # a download would fail
    if by == "environment":
        monkeypatch.setenv("NSM_DATA_DIR", str(tmp_path))
    data = load_data("mnist", tmp_path if by == "argument" else None)
    pixels = np.frombuffer(small_mnist[NAMES[0]], np.uint8, offset=16).reshape(20, 784)
    np.testing.assert_array_equal(data.x_train, pixels.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(
        data.y_test, np.frombuffer(small_mnist[NAMES[3]], np.uint8, offset=8)
    )
    assert (data.x_train.dtype, data.y_train.dtype) == (np.float32, np.int64)


def test_mnist_of_a_wrong_checksum_is_refused(small_mnist, tmp_path):
    changed = bytearray(small_mnist[NAMES[2]])
    changed[-1] ^= 1
    write(tmp_path, {**small_mnist, NAMES[2]: bytes(changed)})
    with pytest.raises(ValueError, match=rf"is not the published {NAMES[2]}: its MD5 differs"):
        load_mnist(tmp_path)


def test_mnist_of_the_right_bytes_in_a_wrong_shape_is_refused(small_mnist, tmp_path):
    flat = np.frombuffer(small_mnist[NAMES[0]], np.uint8, offset=16)
    write(tmp_path, {**small_mnist, NAMES[0]: idx_bytes(flat)})
    with pytest.raises(ValueError, match="its MD5 differs"):
        load_mnist(tmp_path)


def test_missing_mnist_is_an_error_where_no_download_is_wanted(small_mnist, tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=rf"no {NAMES[0]}\[.gz\] in {tmp_path}; put the four MNIST IDX files",
    ):
        load_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"in any folder \(set NSM_DATA_DIR or data_dir\)"):
        load_mnist(download=False)


def test_mnist_is_downloaded_with_a_checksum_where_it_is_nowhere(
    small_mnist, tmp_path, monkeypatch
):
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


@pytest.fixture
def small_emnist(rng, monkeypatch):
    """Images and labels of 52 + 26 letters by file name, and EMNIST's counts set to these."""
    monkeypatch.setattr(nsm.datasets.mnist, "_EMNIST_IMAGES", {"train": 52, "test": 26})
    monkeypatch.delenv("NSM_DATA_DIR", raising=False)
    files = {}
    for split, n in (("train", 52), ("test", 26)):
        files[f"emnist-letters-{split}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 28, 28))
        files[f"emnist-letters-{split}-labels-idx1-ubyte"] = rng.permutation(np.arange(n) % 26 + 1)
    return files


def write_emnist(folder, files, storage):
    """Write the files as NIST's archive holds them ("zip"), or unpacked, gzipped or not."""
    content = {name: idx_bytes(values) for name, values in files.items()}
    if storage != "zip":
        return write(folder, content, zipped=storage == "gz")
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        archive.writestr("gzip/emnist-mnist-train-labels-idx1-ubyte.gz", b"of another split")
        for name, raw in content.items():
            archive.writestr(f"gzip/{name}.gz", gzip.compress(raw))
    return folder


@pytest.mark.parametrize("storage", ["", "gz", "zip"])
@pytest.mark.parametrize("below", ["", "emnist"])
def test_emnist_letters_stand_upright_and_count_from_0(storage, below, small_emnist, tmp_path):
    write_emnist(tmp_path / below, small_emnist, storage)
    data = load_data("emnist", tmp_path)
    images, labels = list(small_emnist.values())[2:]
    upright = data.x_test.reshape(-1, *image_shape("emnist"))[:, 0]
    np.testing.assert_array_equal(
        upright, np.swapaxes(images, 1, 2).astype(np.float32) / np.float32(255)
    )
    np.testing.assert_array_equal(data.y_test, labels - 1)
    assert (data.x_train.shape, data.x_train.dtype, data.y_train.dtype) == (
        (52, 784),
        np.float32,
        np.int64,
    )


@pytest.mark.parametrize("storage", ["", "gz", "zip"])
def test_emnist_with_a_label_outside_the_letters_is_refused(storage, small_emnist, tmp_path):
    for wrong in (0, 27):
        small_emnist["emnist-letters-test-labels-idx1-ubyte"][7] = wrong
        write_emnist(tmp_path, small_emnist, storage)
        with pytest.raises(
            ValueError,
            match=f"label {wrong} of image 7 is not one of the 26 classes 1 to 26",
        ):
            load_emnist(tmp_path)


@pytest.mark.parametrize("storage", ["", "gz", "zip"])
def test_mislabeled_emnist_is_refused(storage, small_emnist, tmp_path):
    train, test = (
        small_emnist[f"emnist-letters-{split}-labels-idx1-ubyte"] for split in ("train", "test")
    )
    for labels, wrong, split, counts in (
        (train, np.ones(52), "train", "0 to 52 images, each must have 2"),
        (test, np.where(test == 3, 4, test), "test", "0 to 2 images, each must have 1"),
    ):
        right = labels.copy()
        labels[:] = wrong
        write_emnist(tmp_path, small_emnist, storage)
        with pytest.raises(
            ValueError,
            match=rf"{split}, in .* is mislabeled, .*: classes have {counts}",
        ):
            load_emnist(tmp_path)
        labels[:] = right


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "emnist-letters-train-images-idx3-ubyte",
            np.zeros((51, 28, 28)),
            r"images \(51, 28, 28\) and labels \(52,\)",
        ),
        (
            "emnist-letters-train-images-idx3-ubyte",
            np.zeros((52, 32, 32)),
            r"the published ones hold \(52, 28, 28\)",
        ),
        (
            "emnist-letters-test-labels-idx1-ubyte",
            np.ones(27),
            r"test files of EMNIST .* labels \(27,\); the published",
        ),
        (
            "emnist-letters-test-labels-idx1-ubyte",
            np.ones((26, 1)),
            r"labels \(26, 1\); .* and \(26,\): fetch them again",
        ),
    ],
)
def test_emnist_of_another_size_is_refused(name, values, message, small_emnist, tmp_path):
    write_emnist(tmp_path, {**small_emnist, name: values}, "gz")
    with pytest.raises(ValueError, match=message):
        load_emnist(tmp_path)


def test_a_truncated_archive_of_emnist_is_refused(small_emnist, tmp_path):
    archive = write_emnist(tmp_path, small_emnist, "zip") / "gzip.zip"
    complete = archive.read_bytes()
    archive.write_bytes(complete[: len(complete) // 2])
    with pytest.raises(
        ValueError,
        match=r"gzip.zip is truncated or no archive \(File is not a zip file\)",
    ):
        load_emnist(tmp_path)


def test_missing_emnist_says_what_to_fetch_and_a_download_is_checked(
    small_emnist, tmp_path, monkeypatch
):
    for folder, where in (
        (tmp_path, tmp_path),
        (None, r"any folder \(set NSM_DATA_DIR or data_dir\)"),
    ):
        with pytest.raises(
            FileNotFoundError,
            match=rf"no emnist-.*\[.gz\] in {where}; put the four .* gzip.zip of NIST",
        ):
            load_emnist(folder, download=False)
    asked = []
    archive = write_emnist(tmp_path / "cache", small_emnist, "zip") / "gzip.zip"
    monkeypatch.setattr("pooch.retrieve", lambda *given: asked.append(given) or str(archive))
    assert load_emnist().x_train.shape == (52, 784)
    assert [given[1] for given in asked] == ["md5:58c8d27c78d21e728a6bc7b3cc06412e"]


@pytest.mark.skipif(
    "NSM_DATA_DIR" not in os.environ,
    reason="NSM_DATA_DIR is not set: the real MNIST is not at hand",
)
def test_the_real_mnist_is_complete():
    data = load_mnist()
    assert data.x_train.shape == (60_000, 784)
    assert data.x_test.shape == (10_000, 784)
    # The constants by which every tutorial normalizes MNIST: mean 0.1307 and standard deviation
    # 0.3081 of the training pixels.
    assert round(float(data.x_train.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(data.x_train.std(dtype=np.float64)), 4) == 0.3081
    assert np.bincount(data.y_train).tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
