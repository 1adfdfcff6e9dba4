"""What files unpack to is bounded by what they declare, by their size, and by memory."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

from nsm import unpacking
from nsm.datasets import load_data
from nsm.datasets.mnist import read_idx
from nsm.measurements.tables import read_table
from nsm.sweeps.rows.parquet import read_parquet
from nsm.unpacking import check_memory, check_npz, check_parquet, free_memory


@pytest.fixture
def memory(monkeypatch):
    """A machine of 10 MB."""
    monkeypatch.setattr(unpacking, "free_memory", lambda: 10**7)
    monkeypatch.setattr("nsm.datasets.own.table.free_memory", lambda: 10**7)


def idx(*shape, content=b""):
    return b"\x00\x00\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + content


def test_free_memory_is_that_of_the_container_if_it_has_less(tmp_path, monkeypatch):
    assert 0 < free_memory() < 1 << 50
    (tmp_path / "max").write_text("3000\n")
    (tmp_path / "now").write_text("1000\n")
    files = (str(tmp_path / "max"), str(tmp_path / "now"))
    monkeypatch.setattr(unpacking, "_CONTAINERS", (("none", "none"), files))
    assert free_memory() == 2000
    (tmp_path / "max").write_text("max\n")
    assert free_memory() > 2000


@pytest.mark.usefixtures("memory")
def test_what_takes_more_than_memory_is_refused():
    check_memory("a file", 10**7)
    with pytest.raises(ValueError, match=r"a file takes 0.02 GB of memory, and 0.01 GB are free"):
        check_memory("a file", 2 * 10**7)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.usefixtures("memory")
def test_an_idx_that_takes_all_memory_is_refused_by_its_header(ending, tmp_path, monkeypatch):
    path = tmp_path / f"images{ending}"
    raw = idx(3, 1000, 1000, content=bytes(3 * 10**6))
    path.write_bytes(gzip.compress(raw) if ending else raw)
    monkeypatch.setattr("nsm.datasets.mnist.read_at_most", lambda *_: pytest.fail("it is read"))
    with pytest.raises(ValueError, match=r"images.* takes 0.015 GB of memory, and 0.01 GB"):
        read_idx(path)


def test_a_gzip_is_unpacked_no_further_than_its_header_promises(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(2, 3, content=bytes(10**7))))
    with pytest.raises(ValueError, match="more than 1048594 bytes, its header promises 18"):
        read_idx(path)
    path.write_bytes(gzip.compress(idx(2**31, 2**31, content=b"few")))
    with pytest.raises(ValueError, match=f"too long: 15 bytes, its header promises {2**62 + 12}"):
        read_idx(path)


def npz_of(path, shape, content, dtype="<f8", size=None):
    """Write an NPZ whose array x declares a shape, and whose archive declares a size."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", head.getvalue() + content)
    if size is not None:
        raw = path.read_bytes()
        for name, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            where = raw.index(name) + at
            raw = raw[:where] + struct.pack("<I", size) + raw[where + 4 :]
        path.write_bytes(raw)


DAMAGED = {
    "more than the archive has": ((2**40,), bytes(8), None, "x declares 8796093022336 bytes"),
    "less than the archive has": ((1,), bytes(800), None, "x declares 136 bytes, and the archive"),
    "more than compressed bytes hold": ((1,), bytes(8), 2**31, "compressed bytes cannot hold"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_an_array_that_declares_what_it_has_not_is_refused(case, tmp_path):
    shape, content, size, message = DAMAGED[case]
    path = tmp_path / "a.npz"
    npz_of(path, shape, content, size=size)
    with pytest.raises(ValueError, match=message):
        load_data(path)
    with pytest.raises(ValueError, match=message):
        read_table(path)


@pytest.mark.usefixtures("memory")
def test_an_npz_that_takes_all_memory_is_refused_unless_it_is_not_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros((3, 1000, 1000), np.uint8), y=np.zeros(3, int))
    assert path.stat().st_size < 10_000
    with pytest.raises(ValueError, match="takes 0.015 GB of memory"):
        load_data(path)
    check_npz(path, lambda name: name == "y")


@pytest.mark.usefixtures("memory")
def test_a_compressed_csv_that_takes_all_memory_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"label,a\n" + b"1,0\n" * 10**6))
    with pytest.raises(ValueError, match=r"a.csv.gz takes 0.0126 GB of memory"):
        load_data(path)


def test_a_picture_of_a_vast_size_is_refused(tmp_path, monkeypatch):
    from PIL import Image

    (tmp_path / "a").mkdir()
    Image.new("L", (100, 100)).save(tmp_path / "a" / "1.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="1.png is truncated or no image .*decompression bomb"):
        load_data(tmp_path)


@pytest.mark.parametrize("read", [check_parquet, read_table, read_parquet])
def test_a_parquet_file_of_equal_values_is_counted_by_its_rows(read, tmp_path, memory):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "large.parquet"
    pq.write_table(pa.table({"g [S]": pa.array(np.zeros(2_000_000))}), path)  # 16 MB
    assert path.stat().st_size < 50_000
    with pytest.raises(ValueError, match=r"large\.parquet .*16"):
        read(path)
