"""`nsm sweep --check` and `--schema`, and what a sweep refuses before any work."""

import json
from pathlib import Path

import pytest

from nsm.sweeps.spec.schema import sweep_schema


def test_check_tells_rows_time_and_size_and_writes_nothing(run, folder):
    before = sorted(folder.iterdir())
    status, out, _ = run("sweep levels.toml --check --threads 1")
    assert status == 0
    assert "points   4 of 1 network" in out
    assert "rows     4: 1 chips of each point, 20 images, 2 samples" in out
    assert "time     about " in out
    assert "measured on one chip of the middle point of small, from " in out
    assert "bytes in levels.csv" in out
    assert sorted(folder.iterdir()) == before
    two = run("sweep levels.toml --check --threads 1 --workers 2")[1]
    assert "with 2 processes" in two


def test_the_schema_is_printed_as_json(run):
    status, out, _ = run("sweep --schema")
    assert status == 0
    assert json.loads(out) == sweep_schema()


@pytest.mark.parametrize("check", ["", " --check"])
@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        (
            "--out here",
            None,
            "cannot write here: it is a folder; name a file, such as here/rows.csv",
        ),
        ("--out no/a.csv", None, "cannot write no/a.csv: the folder no does not exist"),
        (f"--out {'a' * 300}.csv", None, "is too long for the file system"),
        ("", ("images = 20", "images = 451"), "images = 451, but digits has 450 test images"),
        (
            "",
            ('device = "fefet_jerry2017"', 'device = "fefet_jerry2017"\ngate = "none"'),
            "layer 1 (NSMLinear): the hardware's reads are free of noise",
        ),
        (
            "",
            ("gain = [0.1, 1.0]", "temperature = [300, 350]"),
            "axis 'temperature' changes nothing",
        ),
        ("", ("gain = [0.1, 1.0]", '"adc.bits" = [4, 5]'), "this hardware has adc = None"),
        (
            "",
            ("gain = [0.1, 1.0]", "gian = [0.1, 1.0]"),
            "unknown axis 'gian'; did you mean 'gain'",
        ),
    ],
)
def test_what_is_wrong_is_said_before_any_chip(
    options, change, message, check, run, folder, monkeypatch
):
    monkeypatch.setattr("nsm.chips.map.programmed", lambda *_: pytest.fail("it programs"))
    Path("here").mkdir()
    if change is not None:
        Path("levels.toml").write_text(Path("levels.toml").read_text().replace(*change))
    status, out, err = run(f"sweep levels.toml --threads 1 {options}{check}")
    assert (status, out.strip()) == (2, "")
    assert message in err
    assert not Path("levels.csv").exists()
