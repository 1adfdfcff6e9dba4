"""Progress: a bar in terminals, one below the cell in notebooks, and a line per minute in logs."""

import io
import os
import pty
import re
import subprocess
import sys
import time
from datetime import datetime, timedelta

import nbformat
import pytest
from nbclient import NotebookClient
from rich.console import Console
from rich.text import Text

from nsm.progress import (
    FIRST_LINE,
    LogLines,
    duration_text,
    in_notebook,
    progress_bar,
    rate_text,
    terminal_bar,
)


class Clock:
    """A clock that stands still between two steps."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def now(self):
        return datetime(2026, 11, 27, 12, 3, 4) + timedelta(seconds=self.seconds)


@pytest.fixture
def log():
    """Lines, the clock, and the bar that writes them."""
    lines, clock = [], Clock()
    return lines, clock, LogLines(write=lines.append, clock=clock, now=clock.now)


def test_a_log_gets_a_line_per_minute(log):
    lines, clock, bar = log
    item = bar.add_task("sweep", total=6000, completed=100, note="", unit="rows")
    assert lines == []
    clock.seconds = FIRST_LINE - 0.1
    bar.update(item, advance=1)
    assert lines == []  # what ends at once writes no line
    clock.seconds = 100.0
    bar.update(item, advance=319, note="NSM error 1.40 %")
    clock.seconds = 159.9
    bar.update(item, advance=1)
    assert lines == [
        "12:04:44 sweep 420/6000 rows, 7.0 %, 3.2 rows/s, about 29 min left; NSM error 1.40 %"
    ]
    for minute in (160, 220, 280):
        clock.seconds = float(minute)
        bar.show()  # as the thread does while a row takes long
        bar.update(item, note="ReLU error 2 %")
    assert len(lines) == 4
    assert lines[-1].startswith(
        "12:07:44 sweep 421/6000 rows, 7.0 %, 1.1 rows/s, about 81 min left"
    )


def test_the_last_line_says_how_long_it_took(log):
    lines, clock, bar = log
    with bar:
        item = bar.add_task("sweep", total=4, note="", unit="rows")
        clock.seconds = 20.0
        bar.advance(item, 2)
        clock.seconds = 40.0
        bar.advance(item, 2)
    assert lines == [
        "12:03:24 sweep 2/4 rows, 50.0 %, 6.0 rows/min, about 20 s left",
        "12:03:44 sweep 4/4 rows, 100.0 %, 6.0 rows/min, took 40 s",
    ]


def test_an_error_ends_the_log_with_what_was_done(log):
    lines, clock, bar = log

    def fails():
        with bar:
            item = bar.add_task("sweep", total=4, completed=1, note="", unit="rows")
            clock.seconds = 3600.0
            bar.advance(item)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert lines[-1] == "13:03:04 sweep 2/4 rows, 50.0 %, 1.0 rows/h, stopped after 60 min"


def test_what_ends_soon_writes_nothing(log):
    lines, clock, bar = log
    with bar:
        item = bar.add_task("training", total=2, note="")
        clock.seconds = FIRST_LINE - 1
        bar.advance(item, 2)
    assert lines == []


def test_lines_are_written_while_a_step_takes_long(monkeypatch):
    monkeypatch.setattr("nsm.progress.FIRST_LINE", 0.05)
    lines = []
    with LogLines(write=lines.append) as bar:
        bar.add_task("sweep", total=2, note="", unit="rows")
        for _ in range(200):
            if lines:
                break
            time.sleep(0.05)
        assert len(lines) == 1
    assert "sweep 0/2 rows, 0.0 %" in lines[0]
    assert ", took " in lines[1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99.4, "99 s"), (120, "2 min"), (6000, "1.7 h"), (2e5, "2.3 days")],
)
def test_durations_have_a_unit_that_suits_them(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(120, "120.0 x/s"), (1 / 59, "1.0 x/min"), (1 / 600, "6.0 x/h")]
)
def test_rates_have_a_unit_that_suits_them(rate, text):
    assert rate_text(rate, "x") == text


USE = """
import sys
sys.path.insert(0, {root!r})
import nsm.progress
nsm.progress.FIRST_LINE = 0.0
with nsm.progress.progress_bar() as bar:
    item = bar.add_task("sweep", total=2, note="", unit="rows")
    bar.update(item, advance=1, note="NSM <error> 1 %")
    bar.update(item, advance=1)
"""


def environment():
    """The environment without what makes rich take a pipe for a terminal, or the reverse."""
    drop = ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR", "JPY_PARENT_PID", "TTY_INTERACTIVE")
    return {k: v for k, v in os.environ.items() if k not in drop} | {"TERM": "xterm"}


def test_output_that_is_no_terminal_gets_lines_on_stderr():
    code = USE.format(root=os.getcwd())
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment()
    )
    assert done.stdout == ""
    first, *_, last = done.stderr.splitlines()
    assert " sweep 0/2 rows, 0.0 %" in first
    assert " sweep 2/2 rows, 100.0 %, " in last
    assert last.endswith("; NSM <error> 1 %")


def test_a_terminal_gets_a_bar():
    ours, theirs = pty.openpty()
    code = USE.format(root=os.getcwd()) + "    import time; time.sleep(0.3)\n"
    done = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment()
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert done.wait() == 0
    assert "━" in shown.decode()
    assert b"2/2" in shown


def test_a_notebook_gets_a_bar_below_its_cell_that_disappears():
    cells = [
        nbformat.v4.new_code_cell(USE.format(root=os.getcwd())),
        nbformat.v4.new_code_cell(
            "assert nsm.progress.in_notebook()\n"
            "with nsm.progress.progress_bar() as bar:\n"
            "    bar.advance(bar.add_task('sweep', total=2, note='<b>', unit='rows'))\n"
            "    raise ValueError('stopped')"
        ),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    (done,) = notebook.cells[0].outputs
    assert done.data["text/html"] == ""
    stopped, error = notebook.cells[1].outputs
    assert error.ename == "ValueError"
    shown = stopped.data["text/html"]
    assert '<progress aria-label="sweep" value="1" max="2"></progress>' in shown
    assert "sweep 1/2 rows, 50.0 %" in shown
    assert "&lt;b&gt;" in shown


def test_a_silenced_bar_shows_nothing(capsys):
    with progress_bar(enabled=False) as bar:
        bar.update(bar.add_task("training", total=1, note="loss 1"), advance=1)
    assert capsys.readouterr() == ("", "")
    assert not in_notebook()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_long_notes_hide_neither_bar_nor_time(width):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=width)
    note = "every cell by its column: " + "weights that change with traps; " * 8
    with terminal_bar(terminal) as bar:
        item = bar.add_task("reading", total=3000, completed=20, note=note, unit="passes")
        bar.advance(item, 100)
        bar.refresh()
        shown = Text.from_ansi(terminal.file.getvalue()).plain
    assert "120/3000" in shown
    assert re.search(r"3000 [-\d]:[-\d]{2}:[-\d]{2}", shown)
    assert "every cell by its column" in shown
