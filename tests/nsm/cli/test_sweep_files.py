"""The files of `nsm sweep`: Parquet, and a sidecar that tells the command and the data."""

from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from nsm.sweeps import read_rows, read_sidecar
from nsm.sweeps.rows.sidecar import read_hardware
from nsm.sweeps.spec.sweep_file import read_sweep


def test_a_sweep_tells_its_command_its_data_and_its_hardware(run, folder):
    pytest.importorskip("pyarrow")
    assert run("sweep levels.toml --threads 1")[0] == 0
    spec = Path("levels.toml").read_text()
    side = read_sidecar("levels.csv")
    assert Path("levels.csv.toml").is_file()  # levels.toml is the sweep file
    assert side.command == "nsm sweep levels.toml --threads 1"
    assert side.data["name"] == "digits"
    described = read_sweep("levels.toml")
    assert read_hardware(side.hardware) == described.hardware
    assert {name: len(values) for name, values in side.axes.items()} == {
        name: len(values) for name, values in described.axes.items()
    }
    status, out, _ = run("sweep levels.toml --threads 1 --out levels.parquet")
    assert (status, "4 rows in levels.parquet" in out) == (0, True)
    assert Path("levels.toml").read_text() == spec
    assert read_sidecar("levels.parquet").command.endswith("--out levels.parquet")
    both = [read_rows(f"levels.{end}").drop(columns="elapsed") for end in ("csv", "parquet")]
    assert_frame_equal(*both)
    line = "plot levels.parquet --x device.levels --group gain --out levels.svg"
    assert run(line)[0] == 0
    status, out, _ = run("merge levels.csv levels.parquet --out all.csv")
    assert "4 rows of 2 files in all.csv; 4 were doubles, none is missing" in out
    assert read_sidecar("all.csv").calls[0]["command"].endswith("--out levels.parquet")
