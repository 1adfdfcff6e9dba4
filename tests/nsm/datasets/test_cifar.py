"""CIFAR-10 and CIFAR-100 in their binary formats, and the archive of JPEGs."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nsm import load_data
from nsm.datasets import cifar, class_count, image_shape
from nsm.datasets.cifar import load_cifar10, load_cifar10_jpeg, load_cifar100

FOLDERS = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}
REAL = Path(os.environ.get("NSM_DATA_DIR", "nowhere")) / "cifar10" / "cifar10_jpeg.npz"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """200 + 100 images in the place of CIFAR's 50,000 + 10,000, and no folder but a test's own."""
    monkeypatch.setattr(cifar, "_TRAIN", 200)
    monkeypatch.setattr(cifar, "_TEST", 100)
    monkeypatch.delenv("NSM_DATA_DIR", raising=False)


def made(name, rng):
    """Return images (300, 3072), fine labels (300,), and the records of each official file."""
    classes = class_count(name)
    images = rng.integers(0, 256, (300, 3072), dtype=np.uint8)
    labels = np.concatenate([rng.permutation(np.arange(n) % classes) for n in (200, 100)]).astype(
        np.uint8
    )
    coarse = [labels[:, None] // 5] if name == "cifar100" else []
    records = np.hstack([*coarse, labels[:, None], images])
    if name == "cifar100":
        return images, labels, {"train.bin": records[:200], "test.bin": records[200:]}
    batches = {f"data_batch_{i + 1}.bin": records[40 * i : 40 * i + 40] for i in range(5)}
    return images, labels, {**batches, "test_batch.bin": records[200:]}


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in files.items():
        (folder / name).write_bytes(records.tobytes())
    return folder


def pack(path, name, files):
    """Write the official archive, which also holds a folder and a text, in another order."""
    with tarfile.open(path, "w:gz") as archive:
        for member, raw in [
            ("readme.html", b"<html>"),
            *((n, r.tobytes()) for n, r in reversed(files.items())),
        ]:
            info = tarfile.TarInfo(f"{FOLDERS[name]}/{member}")
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("below", ["", "folder", "name", "name/folder", "archive", "name/archive"])
def test_the_binary_version_is_read_as_it_was_written(name, below, rng, tmp_path):
    images, labels, files = made(name, rng)
    place = tmp_path / below.replace("folder", FOLDERS[name]).replace("name", name).replace(
        "archive", ""
    )
    if "archive" in below:
        place.mkdir(exist_ok=True)
        pack(place / f"{FOLDERS[name].replace('-batches-bin', '-binary')}.tar.gz", name, files)
    else:
        write(place, files)
    data = load_data(name, tmp_path)
    x = images.astype(np.float32) / np.float32(255)
    for found, expected in zip(data, (x[:200], labels[:200], x[200:], labels[200:]), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert (data.x_train.dtype, data.y_train.dtype) == (np.float32, np.int64)
    # A pixel of the record is (channel, row, column): byte 1,024 is the first of green.
    assert data.x_test.reshape(-1, *image_shape(name))[5, 1, 0, 0] == x[205, 1024]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_of_another_length_is_refused(name, rng, tmp_path):
    _, _, files = made(name, rng)
    size = 3073 if name == "cifar10" else 3074
    for change in (-1, 1, size, -size):
        write(tmp_path, files)
        path = tmp_path / list(files)[-1]
        raw = path.read_bytes()
        path.write_bytes(raw[:change] if change < 0 else raw + raw[:change])
        wanted = (
            rf"{path.name} has {100 * size + change} bytes; .* 100 records of {size}, {100 * size}:"
        )
        with pytest.raises(ValueError, match=wanted):
            load_data(name, tmp_path)


def test_labels_outside_the_classes_are_refused(rng, tmp_path):
    for name, column, classes in (("cifar10", 0, 10), ("cifar100", 0, 20), ("cifar100", 1, 100)):
        _, _, files = made(name, rng)
        next(iter(files.values()))[3, column] = classes
        write(tmp_path / name, files)
        message = (
            f"label {classes} of image 3 is not one of the {classes} classes 0 to {classes - 1}"
        )
        with pytest.raises(ValueError, match=message):
            load_data(name, tmp_path)


def test_two_files_with_the_same_batch_are_refused(rng, tmp_path):
    _, _, files = made("cifar10", rng)
    files = {**files, "data_batch_4.bin": files["data_batch_2.bin"]}
    for place in (
        write(tmp_path / "f", files),
        pack(tmp_path / "cifar-10-binary.tar.gz", "cifar10", files).parent,
    ):
        with pytest.raises(
            ValueError,
            match=r"data_batch_2.bin and data_batch_4.bin in .* hold the same bytes, .*",
        ):
            load_cifar10(place)


def test_one_balanced_file_in_place_of_all_is_refused(rng, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "_TEST", 40)  # as long as a batch, as CIFAR-10's is
    one = np.hstack(
        [
            np.arange(40, dtype=np.uint8)[:, None] % 10,
            rng.integers(0, 256, (40, 3072), dtype=np.uint8),
        ]
    )
    batches = {f"data_batch_{i}.bin": np.roll(one, i, 0) for i in range(1, 6)}
    write(tmp_path, {**batches, "test_batch.bin": one})
    assert load_cifar10(tmp_path).x_test.shape == (40, 3072)
    write(tmp_path, {**batches, "test_batch.bin": batches["data_batch_5.bin"]})
    with pytest.raises(
        ValueError,
        match="data_batch_5.bin and test_batch.bin in .* hold the same bytes, .*",
    ):
        load_cifar10(tmp_path)
    write(tmp_path, dict.fromkeys([*batches, "test_batch.bin"], one))
    with pytest.raises(
        ValueError, match="data_batch_1.bin and data_batch_2.bin in .* hold the same bytes"
    ):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("name", FOLDERS)
def test_classes_of_unequal_size_are_refused(name, rng, tmp_path):
    _, _, files = made(name, rng)
    records = list(files.values())[-1]
    records[:2, -3073] = (
        (records[0, -3073] + 1) % 100 if name == "cifar100" else (records[0, -3073] + 1) % 10
    )
    write(tmp_path, files)
    each = 1 if name == "cifar100" else 10
    with pytest.raises(
        ValueError,
        match=f"another file under this name: classes have .* images, each must have {each}",
    ):
        load_data(name, tmp_path)


def test_what_is_missing_is_named(rng, tmp_path):
    for load, folder, archive in (
        (load_cifar10, "cifar-10-batches-bin/data_batch_1.bin", "cifar-10-binary.tar.gz"),
        (load_cifar100, "cifar-100-binary/train.bin", "cifar-100-binary.tar.gz"),
    ):
        message = rf"no {folder} in {tmp_path}; .*{archive} or its folder"
        with pytest.raises(FileNotFoundError, match=message):
            load(tmp_path)
        with pytest.raises(FileNotFoundError, match=rf"no {folder} in any folder"):
            load(download=False)
    _, _, files = made("cifar10", rng)
    del files["data_batch_4.bin"]
    write(tmp_path, files)
    with pytest.raises(
        FileNotFoundError,
        match=r"no data_batch_4.bin in .*; the data set is data_batch_1.bin, .*: fetch",
    ):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_download_is_checked_against_the_published_checksum(name, rng, tmp_path, monkeypatch):
    archive, asked = (
        pack(
            tmp_path / f"{FOLDERS[name].replace('-batches-bin', '-binary')}.tar.gz",
            name,
            made(name, rng)[2],
        ),
        [],
    )
    monkeypatch.setattr("pooch.retrieve", lambda *given: asked.append(given) or str(archive))
    assert load_data(name).x_test.shape == (100, 3072)
    known = {
        "cifar10": "md5:c32a1d4ab5d03f1284b67883e8d87530",
        "cifar100": "md5:03b5dce01913d631647c71ecec9e9cb8",
    }
    assert [(given[1], given[2]) for given in asked] == [(known[name], archive.name)]


def jpeg(image, **options):
    out = io.BytesIO()
    Image.fromarray(image).save(out, options.pop("format", "JPEG"), quality=95)
    return out.getvalue()


@pytest.fixture
def archive(rng):
    """Arrays of an archive of 300 plain JPEGs, and their colors."""
    colors = rng.integers(0, 256, (300, 1, 1, 3), dtype=np.uint8)
    files = [jpeg(np.tile(c, (32, 32, 1))) for c in colors]
    labels = np.concatenate([rng.permutation(np.arange(n) % 10) for n in (200, 100)]).astype(
        np.uint8
    )
    return {"files": files, "labels": labels, "colors": colors}


def save(folder, files, labels, other=None):
    arrays = {
        "data": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": labels,
        **(other or {}),
    }
    np.savez(folder / "cifar10_jpeg.npz", **arrays)


@pytest.mark.parametrize("below", ["", "cifar10"])
def test_jpegs_are_decoded_in_their_order(below, archive, tmp_path):
    (tmp_path / below).mkdir(exist_ok=True)
    save(tmp_path / below, archive["files"], archive["labels"])
    data = load_data("cifar10-jpeg", tmp_path)
    assert (data.x_train.shape, data.x_test.shape) == ((200, 3072), (100, 3072))
    np.testing.assert_array_equal(data.y_test, archive["labels"][200:])
    # Images of one color: JPEG keeps it up to rounding in its own color space, 3 gray levels.
    colors = archive["colors"][200:].transpose(0, 3, 1, 2) / 255
    assert np.abs(data.x_test.reshape(-1, 3, 32, 32) - colors).max() < 3.5 / 255


def broken(name, archive):
    """Return the arrays of an archive that is wrong in the way `name`, and the error's message."""
    files, labels, other = list(archive["files"]), archive["labels"].copy(), {}
    if name == "label":
        labels[8] = 10
        message = "label 10 of image 8 is not one of the 10 classes 0 to 9"
    elif name == "balance":
        labels[:2] = (labels[0] + 1) % 10
        message = "classes have .* images, each must have 20"
    elif name == "short":
        labels = labels[:-1]
        message = r"holds \(299,\) labels and \(301,\) offsets; give \(300,\) and \(301,\)"
    elif name == "offsets":
        other["offsets"] = np.arange(301)
        message = r"offsets do not rise from 0 to its \d+ bytes of data"
    elif name == "types":
        other["labels"] = labels.astype(float)
        message = r"holds data uint8\(\d+,\), offsets int64 and labels float64; give bytes"
    elif name == "pickle":
        other["labels"] = np.array([{}], dtype=object)
        message = r"is truncated or no archive of JPEGs \(Object arrays cannot be loaded .*\)"
    elif name == "png":
        files[5] = jpeg(np.zeros((32, 32, 3), np.uint8), format="PNG")
        message = r"image 5 of .* is not a JPEG of 32 × 32 pixels in color: it is truncated"
    elif name == "cut":
        files[5] = files[5][:-100]
        message = r"image 5 of .* in color: it is truncated"
    elif name == "grey":
        files[5] = jpeg(np.zeros((32, 32), np.uint8))
        message = r"image 5 of .* in color: it is 32 × 32, L"
    else:
        files[5] = jpeg(np.zeros((32, 40, 3), np.uint8))
        message = r"image 5 of .* in color: it is 40 × 32, RGB"
    return files, labels, other, message


@pytest.mark.parametrize(
    "name",
    ["label", "balance", "short", "offsets", "types", "pickle", "png", "cut", "grey", "large"],
)
def test_a_wrong_archive_of_jpegs_is_refused(name, archive, tmp_path):
    files, labels, other, message = broken(name, archive)
    save(tmp_path, files, labels, other)
    with pytest.raises(ValueError, match=message):
        load_cifar10_jpeg(tmp_path)


def test_no_archive_or_half_of_one_is_refused(archive, tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"no cifar10_jpeg.npz in .*; no one publishes it; the lossless set is",
    ):
        load_cifar10_jpeg(tmp_path)
    save(tmp_path, archive["files"], archive["labels"])
    path = tmp_path / "cifar10_jpeg.npz"
    one_array = io.BytesIO()
    np.save(one_array, archive["labels"])
    for content in (path.read_bytes()[:-50], b"", b"not one at all", one_array.getvalue()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"is truncated or no archive of JPEGs \(.*\)"):
            load_cifar10_jpeg(tmp_path)


@pytest.mark.skipif(not REAL.exists(), reason="NSM_DATA_DIR has no CIFAR-10 as JPEG")
def test_the_real_jpegs_have_the_colors_of_cifar10(monkeypatch):
    monkeypatch.setattr(cifar, "_TRAIN", 50_000)
    monkeypatch.setattr(cifar, "_TEST", 10_000)
    data = load_data("cifar10-jpeg", REAL.parent)
    assert data.x_train.shape == (50_000, 3072)
    # The means of the channels by which every tutorial normalizes CIFAR-10; JPEG compression
    # changes them by less than a thousandth.
    means = data.x_train.reshape(-1, 3, 1024).mean((0, 2), dtype=np.float64)
    np.testing.assert_allclose(means, (0.4914, 0.4822, 0.4465), atol=1e-3)
    assert (np.bincount(data.y_test) == 1000).all()
