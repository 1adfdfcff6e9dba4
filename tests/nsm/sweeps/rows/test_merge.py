"""Merging files of rows: nothing lost, nothing twice, nothing that contradicts itself."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner

from crossbar import Hardware
from devices import BlankOut, Device, GaussianNoise
from nsm import collect, grid, merge_rows, nsm_mlp, read_rows
from nsm.cli.main import app
from nsm.sweeps.rows.checked_lines import CHECK, as_texts, with_check
from nsm.sweeps.rows.csv_line import csv_line
from nsm.sweeps.rows.row_file import RowFile
from nsm.sweeps.rows.sidecar_file import read_sidecar
from nsm.sweeps.rows.stored_rows import stored_rows
from nsm.sweeps.rows.unfinished import marker_of, planned_rows

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
X = np.random.default_rng(1).random((12, 8))
Y = np.random.default_rng(2).integers(0, 3, 12)


def network(seed=0):
    torch.manual_seed(seed)
    return nsm_mlp((8, 12, 3))


def sweep(path, gains=(0.5, 1.0), chips=1, model=None, **options):
    tasks = grid({"NSM": network()} if model is None else model, HARDWARE, {"gain": gains})
    settings = {"samples": 1, "rng": 5, "progress": False, "save_to": path} | options
    return collect(tasks, X, Y, chips=chips, **settings)


def results(rows):
    keep = [c for c in rows.columns if c != "elapsed"]
    return rows[keep].sort_values(["task", "chip"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Three parts of one sweep of which two overlap, and the rows of all of it."""
    folder = tmp_path_factory.mktemp("parts")
    a = sweep(folder / "a.csv", [0.25, 0.5])
    sweep(folder / "b.csv", [0.5, 1.0], chips=2)
    sweep(folder / "c.csv", [0.25], chips=2, model={"NSM": network(), "other": network(1)})
    whole = sweep(folder / "all.csv", [0.25, 0.5, 1.0], 2, {"NSM": network(), "other": network(1)})
    assert len(a) == 2
    return folder, whole[(whole.network == "NSM") | (whole.gain == 0.25)]


@pytest.fixture
def files(parts, tmp_path, monkeypatch):
    """Copies of the three parts in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        for end in ("csv", "toml"):
            (tmp_path / f"{name}.{end}").write_bytes((parts[0] / f"{name}.{end}").read_bytes())
    return ["a.csv", "b.csv", "c.csv"]


@pytest.mark.parametrize("out", ["all.csv", "all.parquet"])
def test_parts_add_up_to_the_whole_sweep(out, files, parts):
    if out.endswith("parquet"):
        pytest.importorskip("pyarrow")
    rows = merge_rows(files, out)
    assert_frame_equal(results(rows), results(parts[1]))
    assert rows.attrs == {"rows": 8, "planned": 8, "doubles": 2}
    assert_frame_equal(read_rows(out), rows)
    assert not marker_of(out).exists()
    # The merged file is resumed like any other: nothing is computed again.
    size = os.stat(out).st_size
    sweep(out, [0.5, 1.0], 2)
    assert len(read_rows(out)) == 8
    assert size == os.stat(out).st_size


def test_the_sidecars_merge_too(files):
    merge_rows(files, "all.csv")
    side, of_a, of_c = (read_sidecar(name) for name in ("all.csv", "a.csv", "c.csv"))
    assert side.rows == "all.csv"
    assert side.axes == {"gain": [0.25, 0.5, 1.0]}
    assert list(side.networks) == ["NSM", "other"]
    assert side.networks["other"] == of_c.networks["other"]
    assert (side.chips, side.seed, side.started) == (2, 5, of_a.started)


def test_the_same_merge_again_changes_nothing_and_grows_with_its_parts(files):
    merge_rows(files[:2], "all.csv")
    once = read_rows("all.csv")
    rows = merge_rows(files[:2], "all.csv")
    assert_frame_equal(rows, once)
    assert len(merge_rows([files[2]], "all.csv")) == 8  # its own rows are kept


def test_rows_that_no_part_has_stay_listed(files):
    marker_of("a.csv").write_text("feed 0\n")
    (task,) = set(read_rows("c.csv").query("network == 'other'").task)
    marker_of("b.csv").write_text(f"feed 1\n{task} 0\n")  # the second one is in c.csv
    rows = merge_rows(files, "all.csv")
    assert planned_rows("all.csv") == {("feed", 0), ("feed", 1)}
    assert (rows.attrs["rows"], rows.attrs["planned"]) == (8, 10)


def test_the_time_may_differ_and_the_first_names_of_values_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, label in (("a", "quiet"), ("b", "silent")):
        tasks = grid(network(), HARDWARE, {"device.read_noise": {label: GaussianNoise(0.01)}})
        chips = 1 if name == "a" else 2
        save = {"save_to": f"{name}.csv", "chips": chips, "samples": 1, "rng": 5}
        collect(tasks, X, Y, progress=False, **save)
    edited("b.csv", "elapsed", "99.5")
    rows = merge_rows(["a.csv", "b.csv"], "all.csv")
    assert rows["device.read_noise"].tolist() == ["quiet", "quiet"]
    assert rows.attrs["doubles"] == 1
    assert rows.elapsed[0] != 99.5


def edited(path, column, value):
    """Change a column of the first row of a file, and its check."""
    rows = read_rows(path)
    texts = [as_texts(row) for row in stored_rows(path)]
    texts[0][column] = value
    lines = [[*texts[0], CHECK], *(with_check(row).values() for row in texts)]
    Path(path).write_bytes(b"".join(map(csv_line, lines)))
    return rows.iloc[0]


def test_rows_that_contradict_are_listed_and_nothing_is_written(files, tmp_path):
    old = edited("b.csv", "errors", "0")
    message = (
        rf"1 rows do not agree .*task {old.task} chip 0: errors {old.errors} and 0 \(b.csv\)\. "
        "Nothing was written"
    )
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ValueError, match=message):
        merge_rows(files, "all.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


SETTINGS = "samples, seed, sampling, calibration or until"
OTHERS = {
    "images": ({"x": X + 1e-9}, "the images or labels differ"),
    "seed": ({"rng": 6}, rf"{SETTINGS} differ .seed: 6 in other.csv, 5 in a.csv"),
    "samples": ({"samples": 2}, rf"{SETTINGS} differ .samples: 2 in other.csv, 1 in a.csv"),
    "hardware": (
        {"hardware": Hardware(device=Device(g_min=2e-6, g_max=1e-5), gate=BlankOut(0.5))},
        "the hardware before the axes differ .device.g_min: 2e-06 in other.csv, 1e-06 in a.csv",
    ),
    "weights": ({"model": {"NSM": network(1)}}, "its network 'NSM' has other weights"),
    "axes": ({"axes": {"gate.p": [0.5]}}, "it has the columns gate.p"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_experiments_are_refused_by_what_differs(what, files):
    options, message = OTHERS[what]
    given = {"model": {"NSM": network()}, "hardware": HARDWARE, "axes": {"gain": [1.0]}, "x": X}
    given |= {"samples": 1, "rng": 5} | options
    model, hardware, axes, x = (given.pop(name) for name in ("model", "hardware", "axes", "x"))
    tasks = grid(model, hardware, axes)
    collect(tasks, x, Y, chips=1, save_to="other.csv", progress=False, **given)
    with pytest.raises(
        ValueError, match=rf"other.csv holds another experiment than a.csv: {message}.*one sweep"
    ):
        merge_rows(["a.csv", "other.csv"], "all.csv")


def test_what_cannot_be_merged_is_said_before_anything_is_written(files, tmp_path):
    with pytest.raises(ValueError, match="there is nothing to merge; give the files of rows"):
        merge_rows([], "all.csv")
    with pytest.raises(FileNotFoundError, match=r"no file none.csv"):
        merge_rows(["a.csv", "none.csv"], "all.csv")
    with pytest.raises(ValueError, match="the folder nowhere does not exist; create it first"):
        merge_rows(files, "nowhere/all.csv")
    rows = read_rows("a.csv")
    with (
        RowFile("a.csv", list(rows.columns), rows.experiment[0]),
        pytest.raises(ValueError, match=r"a.csv is being written by a sweep; wait for it"),
    ):
        merge_rows(files, "a.csv")
    assert not (tmp_path / "all.csv").exists()


def test_a_part_that_was_killed_gives_its_complete_rows(files):
    path = Path("b.csv")
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    assert len(merge_rows(["b.csv"], "some.csv")) == 3
    path.write_bytes(content[:-2])  # without the last line break the row is complete nevertheless
    assert len(merge_rows(["b.csv"], "all.csv")) == 4


def test_the_command_says_what_it_did(files):
    done = CliRunner().invoke(app, ["merge", *files, "--out", "all.csv"])
    assert done.exit_code == 0, done.output
    assert done.output == ("8 rows of 3 files in all.csv; 2 were doubles, none is missing\n")
    marker_of("a.csv").write_text("feed 0\n")
    done = CliRunner().invoke(app, ["merge", *files, "--out", "again.csv"])
    assert "1 are still missing" in done.output
