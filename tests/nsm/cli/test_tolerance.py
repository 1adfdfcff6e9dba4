"""`nsm tolerance`: its files, its verdict, and what it refuses before any work."""

import re
import tomllib

import pandas as pd
import pytest

from nsm.cli.tolerance import images_text
from nsm.cli.tolerance_time import expected_text


def test_the_command_writes_a_table_a_chart_and_a_verdict(run, folder):
    line = (
        'tolerance small.safetensors --images 60 --samples 1 --axes "gain, falling;temperature" '
        "--loss 60 --workers 1 --out t.csv --baseline other=small.safetensors"
    )
    status, out, _ = run(line)
    assert status == 0
    rows = pd.read_csv("t.csv")
    assert list(rows["axis"]) == ["gain, falling"] * 2 + ["temperature"] * 2
    assert list(rows["network"]) == ["small", "other"] * 2
    about = tomllib.loads((folder / "t.toml").read_text())
    assert about["sentence"] in " ".join(out.split())
    assert about["fix_first"] in " ".join(out.split())
    assert "small, temperature: does not act: the device has no temperature_law" in out
    assert re.search(r"takes about [\d.]+ (s|min), or less where", out)
    assert (folder / "t.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--loss 0", "--loss = 0.0 is not allowed"),
        ("--confidence 100", "--confidence = 100.0 is not allowed"),
        ("--out t.txt", "--out t.txt is not allowed; give a file that ends in .csv"),
        ("--out no/t.csv", "the folder no does not exist"),
        ('--axes "levels;level"', "'level'"),
        ("--baseline small.safetensors", "--baseline 'small.safetensors' has no name"),
        ("--baseline small=small.safetensors", "there is a network 'small' already"),
        ("--baseline other=none.safetensors", "none.safetensors"),
        ("--device fefet", "'fefet'"),
        ("--sampling moment", "'moment'"),
        ("--images 29", "--images 29: too few for 6 blocks; give at least 30 images"),
    ],
)
def test_mistakes_are_named_before_any_work(run, folder, options, message):
    status, _, err = run(f"tolerance small.safetensors {options}")
    assert status == 2
    assert message in " ".join(err.split())


def test_long_exact_searches_are_told_a_faster_way():
    assert expected_text(60.0, "exact") == (
        "takes about 60 s, or less where losses are decided early"
    )
    assert "about 2 h" in expected_text(7200.0, "exact")
    assert "--sampling moments" in expected_text(7200.0, "exact")
    assert "--sampling" not in expected_text(7200.0, "moments")
    assert "compiling" in expected_text(60.0, "exact", compiles=True)


@pytest.mark.parametrize(
    ("given", "text"),
    [(60, "60 images of digits"), (64, "60 images of digits (of 64: 6 equal blocks)")],
)
def test_images_that_fill_no_block_are_told(given, text):
    assert images_text(given, "digits") == text
