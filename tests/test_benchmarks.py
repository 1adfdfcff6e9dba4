"""Benchmarks: jobs that compute nothing give what jobs give; results are kept and compared."""

import pytest

import benchmarks.__main__ as command
from benchmarks.__main__ import Section
from benchmarks.results_file import marked, read_sections
from benchmarks.sweeps import Inline, sweep_seconds


def test_a_schedule_without_work_becomes_rows():
    assert 0 < sweep_seconds(4, 2, Inline(), work=False) < 60


def table(ratio):
    return [
        "| network | threads | rate [1/s] | of torch |",
        "|---|---|---|---|",
        f"| a | 1 | 5,000 | {ratio} |",
    ]


@pytest.mark.parametrize(
    ("was", "now", "lower", "wanted"),
    [
        ("1.00", "0.79", False, " **0.79** (was 1) "),
        ("1.00", "0.81", False, " 0.81 "),
        ("1.00", "1.30", True, " **1.30** (was 1) "),
        ("1.00", "0.50", True, " 0.50 "),
        ("**0.79** (was 1)", "0.60", False, " **0.60** (was 0.79) "),
    ],
)
def test_ratios_that_became_worse_by_a_fifth_are_marked(was, now, lower, wanted):
    line = marked(table(now), table(was), lower_is_better=lower)[2]
    assert line.split("|")[4] == wanted
    assert line.split("|")[:4] == table(now)[2].split("|")[:4]


def test_other_rows_are_not_compared():
    other = [line.replace("| 1 |", "| 2 |") for line in table("9")]
    assert marked(table("1"), other, lower_is_better=False) == table("1")


@pytest.mark.parametrize("problem", [FileNotFoundError, OSError])  # the latter of downloads
def test_sections_are_written_as_they_finish_and_lacking_data_are_said(
    problem, monkeypatch, tmp_path
):
    path = tmp_path / "RESULTS.md"
    seen = []

    def lacking():
        seen.append(path.read_text())
        raise problem("no train-images here")

    def broken():
        raise RuntimeError("a fault")

    monkeypatch.setattr(
        command,
        "SECTIONS",
        {
            "First": Section(lambda: table("1.5")),
            "MNIST": Section(lacking),
            "Last": Section(broken),
        },
    )
    with pytest.raises(RuntimeError, match="a fault"):
        command.run(["First", "MNIST", "Last"], path)
    assert "| a | 1 | 5,000 | 1.5 |" in seen[0]
    found = read_sections(path)
    assert list(found) == ["First", "MNIST"]
    assert any("Not measured: MNIST needs data" in line for line in found["MNIST"])
    assert any("cores, load" in line and "torch" in line for line in found["First"])
    monkeypatch.setitem(command.SECTIONS, "First", Section(lambda: table("0.9")))
    command.run(["First"], path)
    assert "**0.9** (was 1.5)" in path.read_text()
    assert list(read_sections(path)) == ["First", "MNIST"]
