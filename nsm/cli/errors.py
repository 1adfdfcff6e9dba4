"""How the commands end when something is wrong: one clear line and exit status 2."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def clear_errors() -> Iterator[None]:
    """End an expected error in one line on stderr and exit status 2, without a traceback.

    Expected are ValueError (wrong options or data), OSError (files), FloatingPointError (a training
    that diverges) and ImportError (an optional package). Any other error is a bug and keeps its
    traceback.
    """
    try:
        yield
    except (ValueError, OSError, FloatingPointError, ImportError) as problem:
        from rich.console import Console  # `nsm --help` needs no rich

        Console(stderr=True).print(
            f"nsm: {problem}", style="bold red", highlight=False, soft_wrap=True, markup=False
        )
        raise SystemExit(2) from None
