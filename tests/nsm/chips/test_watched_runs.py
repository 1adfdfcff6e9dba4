"""Reads that take long show a bar where somebody watches, and draw what they draw without it."""

import time

import numpy as np
import pytest
import torch
from numba.core import event

import crossbar
import devices
import nsm
from crossbar.reads.span import Span
from nsm.chips import compiling, watched_runs
from nsm.chips.watched_runs import SpanSizes, watched
from nsm.progress import progress_bar


class Bar:
    """A bar that keeps what it was told."""

    def __init__(self):
        self.told = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.told.append("closed")

    def add_task(self, description, **options):
        self.told.append((description, options["total"], options["completed"], options["unit"]))

    def advance(self, task, advance):
        self.told.append(advance)


@pytest.fixture
def bar(monkeypatch):
    """A bar in place of the terminal's."""
    shown = Bar()
    monkeypatch.setattr(watched_runs, "progress_bar", lambda: shown)
    return shown


def clock(monkeypatch, *times):
    """Let the time be each of `times` in turn, and then the last one."""
    left = list(times)
    monkeypatch.setattr(
        watched_runs.time, "perf_counter", lambda: left.pop(0) if len(left) > 1 else left[0]
    )


def spans(*reads):
    """Return spans of so many reads with their numbers as outputs."""
    ends = np.cumsum(reads)
    return iter([(Span(end - n, end, 1), i) for i, (n, end) in enumerate(zip(reads, ends))])  # noqa: B905


def test_a_run_that_will_take_over_two_seconds_shows_a_bar(bar, monkeypatch):
    clock(monkeypatch, 0.0, 0.1, 0.3)  # 300 reads: 3 s
    assert [out for _, out in watched(spans(10, 20, 270), 300)] == [0, 1, 2]
    assert bar.told == [("reading", 300, 10, "passes"), 20, 270, "closed"]


def test_a_short_run_shows_none(bar, monkeypatch):
    clock(monkeypatch, 0.0, 0.01)
    assert len(list(watched(spans(10, 20, 70), 100))) == 3
    assert bar.told == []


def test_reads_within_a_step_of_another_bar_show_none(bar, monkeypatch):
    clock(monkeypatch, 0.0, 5.0)
    with progress_bar(enabled=False):
        assert len(list(watched(spans(10, 20), 30))) == 2
    assert bar.told == []
    list(watched(spans(10, 20), 30))
    assert bar.told


def test_the_bar_is_closed_when_the_run_is_left(bar, monkeypatch):
    clock(monkeypatch, 0.0, 5.0)
    run = watched(spans(10, 20, 30, 40), 100)
    next(run), next(run)
    run.close()
    assert bar.told[-1] == "closed"


def test_spans_are_short_enough_to_be_seen_and_hold_whole_images(bar, monkeypatch):
    clock(monkeypatch, 0.0, 0.7, 1.05)  # 80 reads in 0.7 s: 57 reads in half a second
    sizes = SpanSizes(samples=20, most=1000, total=5000)
    assert [sizes.next() for _ in range(3)] == [80, 40, 40]
    clock(monkeypatch, 0.0, 30.0, 30.005, 30.2)  # the first reads waited for their compiler
    sizes = SpanSizes(20, 1000, 5000)
    assert [sizes.next() for _ in range(4)] == [80, 20, 1000, 1000]
    clock(monkeypatch, 0.0, 0.001)
    sizes = SpanSizes(20, 1000, 5000)
    assert [sizes.next(), sizes.next()] == [80, 1000]
    assert SpanSizes(20, 10, 5000).next() == 10
    assert SpanSizes(20, 1000, 60).next() == 1000  # a run of one span is not cut


def test_a_watched_run_draws_what_an_unwatched_one_draws(monkeypatch):
    torch.manual_seed(0)
    device = devices.Device(g_min=1e-7, g_max=1e-6, read_noise=devices.LognormalNoise(0.3))
    hardware = crossbar.Hardware(device=device, gate=devices.BlankOut(0.5))
    chip = nsm.map_to_crossbar(nsm.nsm_mlp((12, 9, 4)), hardware, rng=0)
    x = np.random.default_rng(0).random((30, 12))
    wanted = chip.sample(x, 7, rng=1)
    shown = Bar()
    monkeypatch.setattr(watched_runs, "progress_bar", lambda: shown)
    monkeypatch.setattr(watched_runs, "is_watched", lambda: True)
    monkeypatch.setattr(watched_runs, "LONG", 0.0)
    monkeypatch.setattr(watched_runs, "STEP", 0.0)
    np.testing.assert_array_equal(chip.sample(x, 7, rng=1), wanted)
    assert shown.told[0] == ("reading", 210, 70, "passes")
    assert sum(step for step in shown.told[1:-1]) == 140


@pytest.mark.parametrize("compiles", [True, False])
def test_who_waits_for_a_compiler_is_told(compiles, monkeypatch, capsys):
    monkeypatch.setattr(compiling, "SOON", 0.0)

    def spans():
        if compiles:
            with event.trigger_event("numba:compile"), event.trigger_event("numba:compile"):
                pass
        time.sleep(0.05)
        yield Span(0, 2), "outputs"
        yield Span(2, 4), "others"

    assert [out for _, out in watched(spans(), 4)] == ["outputs", "others"]
    assert capsys.readouterr().err.count("being compiled, once for an installation") == compiles
