"""The benchmark of sweeps runs: its jobs that compute nothing give what jobs give."""

from benchmarks.sweeps import Inline, sweep_seconds


def test_a_schedule_without_work_becomes_rows():
    assert 0 < sweep_seconds(4, 2, Inline(), work=False) < 60
