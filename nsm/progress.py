"""Progress of training, sweeps and everything else that takes longer than a second.

A terminal shows a bar, a notebook a bar below the cell, and a log file gets a line per minute.
"""

import html
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from devices.validation import boolean

#: When a log gets its first line, so that what ends before writes none [s].
FIRST_LINE = 10.0
#: Time between two lines of a log [s].
LINE_EVERY = 60.0
#: Time between two pictures of the bar in a notebook, at least [s].
REDRAW_EVERY = 0.2


class Bar(Protocol):
    """What a progress bar can do; `rich.progress.Progress` is one."""

    def __enter__(self) -> "Bar": ...

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def console(self) -> Console:
        """Where other texts are printed, so that they do not disturb the bar."""

    def add_task(
        self, description: str, *, total: float, completed: int = 0, note: str, unit: str = ""
    ) -> Any:
        """Add a line, and return what `update` and `advance` call it.

        Args:
            description: What is done.
            total: Number of steps.
            completed: How many are done already.
            note: Text at the end of the line.
            unit: What the steps are, in the plural; default "steps".
        """

    def advance(self, task_id: Any, advance: float = 1) -> None:
        """Count further steps."""

    def update(self, task_id: Any, *, advance: float | None = None, note: str = ...) -> None:
        """Count further steps, or change the text at the end of the line."""


_open_bars = 0
_OPEN_LOCK = threading.Lock()


def any_bar_open() -> bool:
    """Return whether a bar of this process is open, also one that shows nothing.

    What is done for a step of that bar shows none of its own.
    """
    return _open_bars > 0


def _count_open(change: int) -> None:
    global _open_bars
    with _OPEN_LOCK:
        _open_bars += change


def progress_bar(*, enabled: bool = True) -> Bar:
    """Return a progress bar for the place where the program's output goes.

    A terminal gets a bar that disappears when it is done, and a notebook one below the cell. Where
    the output is a file or a pipe, stderr gets a line after 10 s, every minute, and at the end.

    Args:
        enabled: False for a bar that shows nothing.
    """
    if not boolean("progress", enabled):
        return terminal_bar(Console(), disable=True)
    if in_notebook():
        return NotebookBar()
    for console in (Console(), Console(stderr=True)):
        if console.is_terminal and not console.is_dumb_terminal:
            return terminal_bar(console)
    return LogLines()


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class _TerminalBar(Progress):
    """The bar of rich, which tells `any_bar_open`, with notes below: long ones hide no time."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bars, and under them the notes of what goes on."""
        yield from super().get_renderables()
        for task in self.tasks:
            if task.visible and task.fields.get("note") and not task.finished:
                yield Text(task.fields["note"], style="dim")

    def __enter__(self) -> "_TerminalBar":
        _count_open(1)
        super().__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        _count_open(-1)
        super().__exit__(*problem)


def terminal_bar(console: Console, *, disable: bool = False) -> Progress:
    """Return the bar of a terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return _TerminalBar(*columns, console=console, disable=disable, transient=True)


@dataclass
class Item:
    """One line of progress.

    Attributes:
        description: What is done.
        total: Number of steps.
        completed: Steps that are done.
        note: Text at the end of the line.
        unit: What the steps are, in the plural.
        before: Steps that were done when the line was added.
        start: When the line was added [s].
    """

    description: str
    total: float
    completed: float
    note: str
    unit: str
    before: float
    start: float

    def text(self, now: float, end: str = "") -> str:
        """Return the state as a text.

        Args:
            now: Time on the clock of `start` [s].
            end: What ended, such as "took"; "" while it goes on.
        """
        share = 100 * self.completed / self.total if self.total else 100.0
        parts = [f"{self.completed:g}/{self.total:g} {self.unit}", f"{share:.1f} %"]
        passed, done = now - self.start, self.completed - self.before
        if done > 0 and passed > 0:
            parts.append(rate_text(done / passed, self.unit))
        if end:
            parts.append(f"{end} {duration_text(passed)}")
        elif done > 0 and passed > 0:
            left = (self.total - self.completed) * passed / done
            parts.append(f"about {duration_text(left)} left")
        note = f"; {self.note}" if self.note else ""
        return f"{self.description} {', '.join(parts)}{note}"


def rate_text(per_second: float, unit: str) -> str:
    """Return a rate as a text, per second, minute or hour, so that it is at least 1 if it can be.

    >>> rate_text(3.2, "rows"), rate_text(0.05, "rows")
    ('3.2 rows/s', '3.0 rows/min')
    """
    for seconds, name in ((1, "s"), (60, "min")):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f} {unit}/{name}"
    return f"{per_second * 3600:.1f} {unit}/h"


def duration_text(seconds: float) -> str:
    """Return a time as a text of about two digits.

    >>> duration_text(42), duration_text(1740), duration_text(18_720), duration_text(300_000)
    ('42 s', '29 min', '5.2 h', '3.5 days')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


class _Counted(ABC):
    """A bar that counts the steps of its lines itself; what it shows is left to subclasses."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._items: list[Item] = []
        self._lock = threading.RLock()

    @property
    def console(self) -> Console:
        """Where other texts are printed."""
        return Console()

    def add_task(
        self, description: str, *, total: float, completed: int = 0, note: str, unit: str = ""
    ) -> int:
        """Add a line and return its number, see `Bar`."""
        unit = unit or "steps"
        with self._lock:
            now = self._clock()
            self._items.append(Item(description, total, completed, note, unit, completed, now))
            self.show()
            return len(self._items) - 1

    def advance(self, task_id: int, advance: float = 1) -> None:
        """Count further steps."""
        self.update(task_id, advance=advance)

    def update(
        self, task_id: int, *, advance: float | None = None, note: str | None = None
    ) -> None:
        """Count further steps, or change the text at the end of a line."""
        with self._lock:
            item = self._items[task_id]
            item.completed += advance or 0
            item.note = item.note if note is None else note
            self.show()

    @abstractmethod
    def show(self) -> None:
        """Show the state, if it is time to."""


class LogLines(_Counted):
    """Progress of a program whose output is a file or a pipe: a line per minute.

    A thread writes the lines that are due while a step takes longer than a minute.
    """

    def __init__(
        self,
        *,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = datetime.now,
    ):
        """Prepare the lines.

        Args:
            write: Takes every line; None: stderr.
            clock: Returns the time from which durations are taken [s].
            now: Returns the time that lines begin with.
        """
        super().__init__(clock)
        self._write = write or line_to_stderr
        self._now = now
        self._due = clock() + FIRST_LINE
        self._has_lines = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)

    def _wait(self) -> None:
        """Write lines when they are due, until the end."""
        while not self._ended.wait(max(0.1, self._due - self._clock())):
            self.show()

    def show(self) -> None:
        """Write a line for everything that goes on, if one is due."""
        with self._lock:
            if self._items and self._clock() >= self._due:
                self._due = self._clock() + LINE_EVERY
                self._lines()

    def _lines(self, end: str = "") -> None:
        """Write a line for everything that goes on; at the end, for everything."""
        self._has_lines = True
        for item in self._items:
            if end or item.completed < item.total:
                self._write(f"{self._now():%H:%M:%S} {item.text(self._clock(), end)}")

    def __enter__(self) -> "LogLines":
        _count_open(1)
        self._thread.start()
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _count_open(-1)
        self._ended.set()
        self._thread.join()
        if self._has_lines:
            self._lines("took" if exception is None else "stopped after")


def line_to_stderr(line: str) -> None:
    """Write a line to stderr at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class NotebookBar(_Counted):
    """A bar below the cell of a notebook, which disappears when it is done.

    It is an HTML element that the kernel replaces, and needs no extension of the notebook.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__(clock)
        self._handle: Any = None
        self._drawn = float("-inf")

    def show(self) -> None:
        """Draw the bar, if the last picture is not too recent."""
        is_done = all(item.completed >= item.total for item in self._items)
        if self._handle and (is_done or self._clock() - self._drawn >= REDRAW_EVERY):
            self._draw("".join(map(self._element, self._items)))

    def _element(self, item: Item) -> str:
        """Return the HTML of one line."""
        text = html.escape(item.text(self._clock()))
        name = html.escape(item.description, quote=True)
        return (
            f'<div><progress aria-label="{name}" value="{item.completed:g}" '
            f'max="{item.total:g}"></progress> {text}</div>'
        )

    def _draw(self, content: str) -> None:
        from IPython.display import HTML

        self._drawn = self._clock()
        self._handle.update(HTML(content))

    def __enter__(self) -> "NotebookBar":
        from IPython.display import HTML, display

        _count_open(1)
        self._handle = display(HTML(""), display_id=True)
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _count_open(-1)
        if exception is None:
            self._draw("")
        else:
            self._draw("".join(map(self._element, self._items)))
