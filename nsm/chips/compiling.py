"""One line for a user who waits for a compiler."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

from nsm.progress import line_to_stderr

#: Time after the start of a compiler at which a user is told [s].
SOON = 2.0
TEXT = (
    "loops for these reads are being compiled, once for an installation; this takes up to a minute"
)


class _Listener(event.Listener):
    """Starts a timer when the compiler begins, which writes the line."""

    def __init__(self) -> None:
        self.timer: threading.Timer | None = None

    def on_start(self, event: Any) -> None:
        if self.timer is None:
            self.timer = threading.Timer(SOON, line_to_stderr, [TEXT])
            self.timer.daemon = True
            self.timer.start()

    def on_end(self, event: Any) -> None:
        """Let the timer run: one loop is often compiled after the other."""


@contextmanager
def told_of_compiling() -> Iterator[None]:
    """Write a line to stderr if the block compiles loops, and lasts two seconds longer."""
    listener = _Listener()
    with event.install_listener("numba:compile", listener):
        try:
            yield
        finally:
            if listener.timer is not None:
                listener.timer.cancel()
