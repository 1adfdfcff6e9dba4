"""Files of data sets: how they are found, downloaded, opened, and refused."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests

from nsm.datasets import files
from nsm.datasets.files import Remote, fetch, find, missing, read_files

REMOTE = Remote("https://example.org/a.tar.gz", "0" * 32, "a.tar.gz")


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (
            requests.ConnectionError(
                "HTTPSConnectionPool(host='example.org', port=443): Max retries exceeded"
            ),
            "ConnectionError",
        ),
        (requests.Timeout("read timed out"), "Timeout"),
        (requests.HTTPError("404 Client Error"), "HTTPError"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_a_failed_download_is_one_sentence(problem, reason, monkeypatch):
    def retrieve(*_):
        raise problem

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(OSError) as caught:
        fetch(REMOTE)
    assert str(caught.value) == (
        f"cannot download a.tar.gz from https://example.org/a.tar.gz ({reason}); "
        "go online, or fetch a.tar.gz by hand and "
        "give its folder as data_dir or NSM_DATA_DIR"
    )
    assert caught.value.__suppress_context__  # no traceback of what `requests` did


def test_a_download_of_a_wrong_checksum_is_refused(monkeypatch, tmp_path):
    def downloader(url, output_file, pooch):
        Path(output_file).write_bytes(b"a page that asks for a login")

    retrieve = pooch.retrieve
    monkeypatch.setattr(
        "pooch.retrieve",
        lambda url, known, name, path: retrieve(url, known, name, tmp_path, downloader=downloader),
    )
    with pytest.raises(
        ValueError,
        match=r"is not the published a.tar.gz: its MD5 is not 0{32}; fetch a.tar.gz by hand",
    ):
        fetch(REMOTE)
    assert not (tmp_path / "a.tar.gz").exists()


def test_the_named_folder_comes_first_and_data_dir_before_the_environment(tmp_path, monkeypatch):
    for folder in ("one", "one/below", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").touch()
    monkeypatch.setenv("NSM_DATA_DIR", str(tmp_path / "two"))
    assert find(None, [], ["a"]) == tmp_path / "two" / "a"
    assert find(tmp_path / "one", ["below"], ["b", "a"]) == tmp_path / "one" / "a"
    (tmp_path / "one" / "a").unlink()
    assert find(str(tmp_path / "one"), ["below"], ["a"]) == tmp_path / "one" / "below" / "a"
    assert find(tmp_path / "one", [], ["a"]) is None
    assert str(missing("a", None, "do this")) == f"no a in {tmp_path / 'two'}; do this"
    monkeypatch.delenv("NSM_DATA_DIR")
    assert find(None, [], ["a"]) is None
    assert (
        str(missing("a", None, "do this"))
        == "no a in any folder (set NSM_DATA_DIR or data_dir); do this"
    )


def store(storage, folder, content):
    """Write files into a folder, a zip or a gzipped tar, and return it."""
    path = folder / {"folder": "f", "zip": "f.zip", "tar": "f.tar.gz"}[storage]
    if storage == "folder":
        for name, raw in content.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(raw)
    elif storage == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, raw in content.items():
                archive.writestr(name, raw)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, raw in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(raw)
                archive.addfile(member, io.BytesIO(raw))
    return path


@pytest.mark.parametrize("storage", ["folder", "zip", "tar"])
def test_files_are_read_alike_from_folders_and_archives(storage, tmp_path):
    content = {"d/a": b"first", "d/b": b"", "d/c": b"third"}
    place = store(storage, tmp_path, content)
    assert read_files(place, ["d/c", "d/a", "d/b"], 4000) == [b"third", b"first", b""]
    error = FileNotFoundError if storage == "folder" else ValueError
    message = {"folder": r"no d/x in .*f; the data set is d/a, d/x: fetch it again"}.get(
        storage, r"f\.(zip|tar\.gz) holds no d/x; it is not the official archive: fetch it again"
    )
    with pytest.raises(error, match=message):
        read_files(place, ["d/a", "d/x"], 4000)


@pytest.mark.parametrize("storage", ["zip", "tar"])
def test_a_damaged_archive_is_refused_wherever_it_ends(storage, tmp_path, rng):
    content = {"a": rng.bytes(2000), "b": rng.bytes(2000)}
    place = store(storage, tmp_path, content)
    complete = place.read_bytes()
    refused = pytest.raises(
        ValueError,
        match=r"(truncated or (no archive|not gzip) \(.*\)|holds no [ab]; .*)[;:] fetch it again",
    )
    for cut in range(0, len(complete) - 60, 97):
        place.write_bytes(complete[:cut])
        with refused:
            read_files(place, ["a", "b"], 4000)
    for at in range(200, 1900, 97):  # within the compressed bytes of a
        place.write_bytes(complete[:at] + bytes([complete[at] ^ 0x55]) + complete[at + 1 :])
        with refused:
            read_files(place, ["a", "b"], 4000)
    if storage == "tar":  # gzip, but no tar: such as a web page that was saved
        place.write_bytes(gzip.compress(b"<html>" * 1000))
        with pytest.raises(
            ValueError,
            match=r"is truncated or no archive \(file could not be opened successfully\); fetch",
        ):
            read_files(place, ["a"], 4000)


@pytest.mark.parametrize("storage", ["folder", "zip", "tar"])
def test_a_file_that_is_larger_than_the_published_one_is_not_read(storage, tmp_path):
    place = store(storage, tmp_path, {"a": bytes(5000), "b": b"small"})
    with pytest.raises(ValueError, match="/a has 5000 bytes, and the published file at most 4999"):
        read_files(place, ["a", "b"], 4999)


@pytest.mark.parametrize("storage", ["zip", "tar"])
def test_an_archive_that_unpacks_to_gigabytes_is_refused_before(storage, tmp_path, monkeypatch):
    place = store(storage, tmp_path, {"a": bytes(10**7), "b": b"small"})
    assert place.stat().st_size < 20_000
    unpacked = []
    read = gzip.GzipFile.read
    monkeypatch.setattr(
        gzip.GzipFile, "read", lambda file, size: unpacked.append(size) or read(file, size)
    )
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it unpacks"))
    with pytest.raises(ValueError, match="f.(zip|tar.gz).* bytes, .*fetch it again"):
        read_files(place, ["a"], 4000)
    assert sum(unpacked) < 3 * 10**6


def test_a_link_in_an_archive_reads_nothing_else(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    with tarfile.open(tmp_path / "f.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(link)
    with pytest.raises(ValueError, match="f.tar.gz"):
        read_files(tmp_path / "f.tar.gz", ["a"], 4000)


def test_bytes_become_flat_numbers_from_0_to_1():
    images = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
    x = files.flat(images)
    assert (x.shape, x.dtype, x.min(), x.max()) == ((2, 128), np.float32, 0, 1)
    np.testing.assert_array_equal(np.rint(x * 255).astype(np.uint8), images.reshape(2, 128))
