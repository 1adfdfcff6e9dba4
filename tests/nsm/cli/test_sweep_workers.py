"""`nsm sweep` on other workers: parts, blocks, a Dask scheduler, and rules that stop chips."""

from pathlib import Path

import pytest

from nsm.sweeps import read_rows
from nsm.sweeps.workers import dask_workers
from tests.helpers.command import SWEEP


def test_parts_write_files_of_their_own_that_add_up(run, folder):
    assert run("sweep levels.toml --threads 1")[0] == 0
    for i in (1, 2, 3):
        status, out, _ = run(f"sweep levels.toml --threads 1 --part {i}/3 --block 8")
        message = f"{2 if i == 1 else 1} rows in levels.{i}-of-3.csv"
        assert (status, out.strip()) == (0, message)
    parts = [read_rows(f"levels.{i}-of-3.csv") for i in (1, 2, 3)]
    counts = {row.task: row.errors for part in parts for row in part.itertuples()}
    rows = read_rows("levels.csv")
    assert counts == dict(zip(rows.task, rows.errors, strict=True))
    assert sum(map(len, parts)) == len(rows) == 4


def test_a_rule_in_the_file_stops_chips(run, folder):
    Path("levels.toml").write_text(SWEEP.replace("[hardware]", "[until]\nerrors = 3\n[hardware]"))
    assert run("sweep levels.toml --threads 1")[0] == 0
    rows = read_rows("levels.csv")
    assert (rows.errors == 3).all()
    assert (rows.images < 20).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--part 0/3", "--part '0/3' is not allowed; give i/n, the i-th of n parts with 1 ≤ i ≤ n"),
        ("--part 4/3", "--part '4/3' is not allowed"),
        ("--part 2", "--part '2' is not allowed"),
        ("--workers 2 --scheduler tcp://a:1", "--workers 2 has no effect with --scheduler tcp://a"),
    ],
)
def test_wrong_options_are_refused_before_any_work(line, message, run, folder):
    status, _, err = run(f"sweep levels.toml {line}")
    assert (status, message in err) == (2, True)
    assert not [*folder.glob("*.csv")]


def test_a_scheduler_that_does_not_answer_is_named(run, folder, monkeypatch):
    monkeypatch.setattr(dask_workers, "_PATIENCE", 0.5)
    status, _, err = run("sweep levels.toml --scheduler tcp://127.0.0.1:1 --threads 1")
    assert status == 2
    assert err.startswith("nsm: no Dask scheduler answers at tcp://127.0.0.1:1 (")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[until]\nerror = 3", "unknown key in [until] 'error'; did you mean 'errors'"),
        ("[until]", "Until() never stops: give errors"),
        ("until = 3", "until in levels.toml must be a table: [until]"),
    ],
)
def test_wrong_rules_are_refused(table, message, run, folder):
    Path("levels.toml").write_text(SWEEP.replace("[hardware]", f"{table}\n[hardware]"))
    status, _, err = run("sweep levels.toml")
    assert (status, message in err) == (2, True), err
