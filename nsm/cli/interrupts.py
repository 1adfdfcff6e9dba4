"""How the commands end when they are stopped: one sentence, what is kept, and 128 + signal."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType

#: What a terminal, a batch system and a closed connection send.
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
#: What users know a signal by.
_KNOWN_AS = {"SIGINT": "Ctrl-C"}
#: Time after a signal at which the process ends, whatever it is doing [s]: a long product in
#: compiled code lets no handler run.
_PATIENCE = 0.8


class Interrupted(BaseException):
    """A signal asks the command to end.

    It is no `KeyboardInterrupt`, from which typer makes a status of 1.

    Attributes:
        number: Number of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


class _Ending:
    """What a stopped command says, once, by whoever comes first."""

    def __init__(self) -> None:
        self.kept: Callable[[], str] = lambda: "nothing is left half-written"
        self._lock = threading.Lock()
        self._is_told = False

    def tell(self, number: int) -> int:
        """Write the sentence to stderr, and return the status of the process."""
        with self._lock:
            if not self._is_told:
                self._is_told = True
                name = signal.Signals(number).name
                text = f"\nnsm: stopped by {_KNOWN_AS.get(name, name)}; {self.kept()}\n"
                with suppress(OSError):  # nobody reads any more
                    os.write(2, text.encode(errors="replace"))
        return 128 + number


_ending = _Ending()


@contextmanager
def keeping(kept: Callable[[], str]) -> Iterator[None]:
    """Say what is kept, and how to go on, if the command is stopped within.

    Args:
        kept: Returns the end of a sentence.
    """
    before, _ending.kept = _ending.kept, kept
    yield
    _ending.kept = before  # not after an exception: the sentence is told when all is left


def keeping_checkpoint(path: Path | None) -> AbstractContextManager[None]:
    """Say that a training goes on from its checkpoint, or how it would have one."""

    def kept() -> str:
        if path is None:
            return "nothing is kept: with --checkpoint FILE a training goes on where it was stopped"
        if not path.exists() or not path.stat().st_size:
            return "no epoch was finished"
        return f"the last finished epoch is in {path}; the same command goes on from there"

    return keeping(kept)


@contextmanager
def clear_interrupts() -> Iterator[None]:
    """End a command that is stopped by a signal within about a second, with one sentence.

    The status is 130 for SIGINT (Ctrl-C), 143 for SIGTERM and 129 for SIGHUP. What runs is left by
    an exception, so that files are closed; after `_PATIENCE` the process ends anyway. A second
    signal ends it at once.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_end_after, args=(reader,), daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # which it is under nohup
            signal.signal(number, _interrupt)
    try:
        yield
    except Interrupted as problem:
        sys.exit(_ending.tell(problem.number))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Leave what runs; the next signal has its default meaning."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    raise Interrupted(number)


def _end_after(reader: int) -> None:
    """Wait for a signal, and end the process `_PATIENCE` later."""
    while (number := os.read(reader, 1)[0]) not in _SIGNALS:
        pass
    threading.Event().wait(_PATIENCE)
    os._exit(_ending.tell(number))
