"""Rows as Parquet: the same table as from a CSV, and the same safety when a sweep is killed."""

import builtins
import math

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import nsm.sweeps.run
from crossbar import Hardware
from devices import BlankOut, Device
from nsm import collect, grid, nsm_mlp
from nsm.sweeps.axes import CHIP_AXES
from nsm.sweeps.rows.experiment import IDENTITY
from nsm.sweeps.rows.parquet import read_parquet, write_parquet
from nsm.sweeps.rows.row_file import RowFile
from nsm.sweeps.rows.stored_rows import RESULTS, journal_of, read_rows, row_columns
from nsm.sweeps.rows.unfinished import marker_of

pq = pytest.importorskip("pyarrow.parquet")

COLUMNS = ["network", "device.levels", *CHIP_AXES, *RESULTS]
EXPERIMENT = f"{IDENTITY}-data-hardware-settings"
#: Labels of one column: one type, mixed types, and what only a text holds.
LABELS = {
    "numbers": [2, 8, 16],
    "numbers and None": [2, None, 16],
    "fractions": [0.1 + 0.2, 1e-300, -0.0],
    "numbers of both kinds": [1, 0.5, None],
    "not a number": [math.nan, math.inf, 1.0],
    "truth values": [True, False, True],
    "truth values and None": [True, None, False],
    "texts": ["a, b", "None", "300"],
    "texts that look like others": ["", "NA", " padded "],
    "texts and None": ["x", None, "y\nz"],
    "texts and numbers": ["none", 4, 0.5],
    "tuples": [(32, 32), (64, 64), None],
    "large numbers": [2**63, 1, 2],
    "numbers that floats cannot hold": [2**60 + 1, 0.5, 1],
    "nothing": [None, None, None],
}


def row(chip, label=2, **changes):
    values = dict.fromkeys(COLUMNS) | dict(CHIP_AXES)
    values |= {"network": "None", "device.levels": label, "chip": chip, "errors": 3 + chip}
    values |= {"images": 100, "samples": 2, "seed": 2**62 + chip, "elapsed": 0.125}
    return values | {"model": "12e4", "task": f"t{chip}", "experiment": EXPERIMENT} | changes


def written(path, rows, *, finish=True):
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        file.plan([(each["task"], each["chip"]) for each in rows])
        for each in rows:
            file.append(each)
        if finish:
            file.finish([(each["task"], each["chip"]) for each in rows])
    return path


@pytest.mark.parametrize("name", LABELS)
def test_the_table_is_the_same_as_from_a_csv(name, tmp_path):
    rows = [row(chip, label) for chip, label in enumerate(LABELS[name])]
    csv, parquet = tmp_path / "rows.csv", tmp_path / "rows.parquet"
    frame = read_rows(written(csv, rows))
    assert_frame_equal(read_rows(written(parquet, rows)), frame)
    assert read_rows(parquet).attrs == {"rows": 3, "planned": 3}
    assert row_columns(parquet) == COLUMNS
    assert frame.network.tolist() == ["None"] * 3
    assert [type(v) for v in read_rows(parquet)["device.levels"]] == [
        type(v) for v in frame["device.levels"]
    ]


def test_columns_of_one_type_have_it_in_the_file_for_other_programs(tmp_path):
    path = written(tmp_path / "rows.parquet", [row(c, v) for c, v in enumerate([2, None])])
    types = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert (types["device.levels"], types["errors"], types["gain"]) == ("int64", "int64", "double")
    assert types["network"] == types["task"] == "string"
    assert pd.read_parquet(path).errors.tolist() == [3, 4]


def test_the_journal_is_gone_when_the_sweep_has_ended(tmp_path):
    path = written(tmp_path / "rows.parquet", [row(0), row(1)])
    assert [file.name for file in tmp_path.iterdir()] == ["rows.parquet"]
    written(path, [row(2)])
    assert [file.name for file in tmp_path.iterdir()] == ["rows.parquet"]
    assert read_rows(path).chip.tolist() == [0, 1, 2]


def test_a_killed_sweep_leaves_a_journal_that_is_read_and_resumed(tmp_path):
    path = written(tmp_path / "rows.parquet", [row(0)])
    written(path, [row(1), row(2)], finish=False)
    with open(journal_of(path), "ab") as file:
        file.write(b"None,2,1.0,1.")  # torn
    assert read_rows(path).chip.tolist() == [0, 1, 2]
    assert read_rows(path).attrs == {"rows": 3, "planned": 3}
    assert marker_of(path).is_file()
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        assert sorted(file.done) == [("t0", 0), ("t1", 1), ("t2", 2)]
        file.append(row(3))
        file.finish([(f"t{c}", c) for c in range(4)])
    assert read_rows(path).chip.tolist() == [0, 1, 2, 3]
    assert [file.name for file in tmp_path.iterdir()] == ["rows.parquet"]


def test_a_kill_before_the_first_parquet_file_leaves_rows_that_are_read(tmp_path):
    path = written(tmp_path / "rows.parquet", [row(0), row(1)], finish=False)
    assert not path.exists()
    assert read_rows(path).chip.tolist() == [0, 1]
    assert row_columns(path) == COLUMNS


def test_a_kill_between_the_file_and_the_end_of_its_journal_doubles_nothing(tmp_path):
    path = written(tmp_path / "rows.parquet", [row(0), row(1)], finish=False)
    write_parquet(path, COLUMNS, [row(0), row(1)])
    assert read_rows(path).chip.tolist() == [0, 1]
    written(path, [row(2)])
    assert read_rows(path).chip.tolist() == [0, 1, 2]


def test_a_file_of_another_experiment_is_refused_and_untouched(tmp_path):
    path = written(tmp_path / "rows.parquet", [row(0)])
    content = path.read_bytes()
    with pytest.raises(ValueError, match=r"rows.parquet holds another .*the images or labels dif"):
        RowFile(path, COLUMNS, EXPERIMENT.replace("data", "other"))
    with pytest.raises(ValueError, match=r"rows.parquet holds another .*its columns are network"):
        RowFile(path, COLUMNS[1:], EXPERIMENT)
    assert path.read_bytes() == content


def test_a_second_writer_is_refused(tmp_path):
    path = tmp_path / "rows.parquet"
    with (
        RowFile(path, COLUMNS, EXPERIMENT),
        pytest.raises(ValueError, match=r"rows.parquet is being written by another sweep"),
    ):
        RowFile(path, COLUMNS, EXPERIMENT)


def test_other_files_are_refused_as_rows(tmp_path):
    path = tmp_path / "rows.parquet"
    with pytest.raises(FileNotFoundError, match=r"no file .*rows.parquet"):
        read_rows(path)
    path.write_bytes(b"network,gain\n")
    with pytest.raises(ValueError, match=r"rows.parquet is not a Parquet file of sweep rows"):
        read_rows(path)
    with pytest.raises(ValueError, match=r"rows.parquet is not a Parquet file of sweep rows"):
        RowFile(path, COLUMNS, EXPERIMENT)
    pd.DataFrame({"network": ["a"]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"a Parquet file .* lacks the columns gain, reprogrammed"):
        read_rows(path)


def test_without_pyarrow_the_message_says_what_to_do(tmp_path, monkeypatch):
    path = written(tmp_path / "rows.parquet", [row(0)])
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    message = r"rows.parquet needs pyarrow.*pip install 'nsm-crossbar\[parquet\]'.*rows.csv"
    for action in (read_rows, read_parquet, lambda p: RowFile(p, COLUMNS, EXPERIMENT)):
        with pytest.raises(ImportError, match=message):
            action(path)
    assert [file.name for file in tmp_path.iterdir()] == ["rows.parquet"]


def test_a_sweep_into_parquet_that_was_killed_goes_on_to_the_same_rows(tmp_path, monkeypatch):
    torch.manual_seed(0)
    hardware = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
    tasks = grid(nsm_mlp((8, 12, 3)), hardware, {"device.levels": [2, None]})
    x, y = np.random.default_rng(0).random((6, 8)), [0, 1, 2, 0, 1, 2]

    def sweep(name):
        path = tmp_path / name
        return collect(tasks, x, y, chips=2, samples=1, rng=3, save_to=path, progress=False)

    real, left = nsm.sweeps.run.run_job, [3]

    def stops(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(nsm.sweeps.run, "run_job", stops)
    with pytest.raises(KeyboardInterrupt):
        sweep("rows.parquet")
    path = tmp_path / "rows.parquet"
    assert not path.exists()
    assert read_rows(path).attrs == {"rows": 3, "planned": 4}
    left[0] = 1  # one row is missing, and no other is computed again
    resumed = sweep("rows.parquet")
    assert read_rows(path).attrs == {"rows": 4, "planned": 4}
    assert not journal_of(path).exists()
    left[0] = 4
    whole = sweep("rows.csv").drop(columns="elapsed")
    assert_frame_equal(resumed.drop(columns="elapsed"), whole)
    assert_frame_equal(read_rows(path).drop(columns="elapsed"), whole)
