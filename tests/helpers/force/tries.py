"""One try: a public function with one wrong argument, and the verdict on what came of it."""

import dis
import inspect
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.helpers.force.values import wrong_values

ROOT = Path(__file__).parents[3]
#: Seconds that a try may take.
LIMIT = 10.0
#: What messages may call an argument: images are images, whatever the argument's name.
OTHER_NAMES = {
    "x": "images?|inputs?|column", "y": "labels?|column", "images": "x",
    "validation": "images?|labels?",
    "path": "file|folder|ending", "out": "file", "paths": "file", "model": "network|map a",
    "rng": "seed", "source": "data", "name": "preset|gate|data set",
    "names": "preset", "group": "column",
    "axes": "axis", "facet": "column",
}  # fmt: skip


class TookTooLong(BaseException):
    """A try did not come back in time."""


@dataclass(frozen=True)
class Call:
    """A public function or class with arguments that are right.

    Attributes:
        function: What is called, with keyword arguments.
        arguments: Makes the right arguments anew.
        source: Returns what has the signature; None for the function.
    """

    function: Callable[..., Any]
    arguments: Callable[[], dict[str, Any]]
    source: Callable[[], Callable[..., Any]] | None = None

    @cached_property
    def annotations(self) -> dict[str, str]:
        """The annotation of every argument as a text."""
        parameters = inspect.signature(self.source() if self.source else self.function).parameters
        return {name: str(p.annotation) for name, p in parameters.items()}

    def is_right(self, argument: str, label: str) -> bool:
        """Return whether the annotation of an argument allows a value."""
        kind = self.annotations.get(argument, "")
        if "Generator" in kind or kind == "RNG":
            return label in ("None", "2**63", "a Generator")
        return (
            (label == "1.5" and "float" in kind)
            or (label == "None" and "None" in kind)
            or (label == "True" and kind in ("bool", "<class 'bool'>"))
            or (label == "a text" and kind in ("str", "<class 'str'>"))
        )


def example(value: Any) -> Call:
    """Return the call that makes a description like `value`."""
    names = tuple(f.name for f in fields(value) if f.init)
    return Call(type(value), lambda: {name: getattr(value, name) for name in names})


def method(make: Callable[[], Any], name: str, **arguments: Any) -> Call:
    """Return the call of a method of an object, which is made anew for every try."""

    def call(**given: Any) -> Any:
        return getattr(make(), name)(**given)

    return Call(call, lambda: dict(arguments), lambda: getattr(type(make()), name))


@dataclass
class Found:
    """What came of tries: "name.argument = value: what" of each fault, by kind."""

    tries: int = 0
    accepted: list[str] = field(default_factory=list)
    poor: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    memory: list[str] = field(default_factory=list)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TookTooLong in what takes longer."""

    def stop(number, frame):
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_raised_by_us(problem: BaseException) -> bool:
    """Return whether the last frame of an exception is a `raise` of our packages."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    code = trace.tb_frame.f_code
    file = Path(code.co_filename)
    ours = file.is_relative_to(ROOT) and file.relative_to(ROOT).parts[0] != "tests"
    return ours and code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def names_it(message: str, argument: str, value: Any) -> bool:
    """Return whether a message names an argument, of a list also its members, or shows its text."""
    if isinstance(value, (str, Path)) and len(str(value)) > 1 and str(value)[:20] in message:
        return True
    words = re.sub("[_-]", " ", message)
    name = re.sub("_", " ", argument).strip()
    names = [name, name.removesuffix("s"), *filter(None, [OTHER_NAMES.get(argument)])]
    return bool(re.search(rf"(?<!\w)({'|'.join(names)})(?!\w)", words, re.IGNORECASE))


def verdict(call: Call, argument: str, value: Any) -> tuple[str, str]:
    """Return what came of one wrong value: "refused", "accepted", "poor", "hung" or "memory".

    The second text is the message, or the type of what was returned.
    """
    arguments = call.arguments() | {argument: value}
    try:
        with warnings.catch_warnings(), time_limit(LIMIT):
            warnings.simplefilter("ignore")
            result = call.function(**arguments)
    except TookTooLong:
        return "hung", f"more than {LIMIT:g} s"
    except MemoryError as problem:
        return "memory", repr(problem)
    except (ValueError, TypeError, OSError) as problem:
        good = is_raised_by_us(problem) and names_it(str(problem), argument, value)
        text = f"{type(problem).__name__}: {problem}"
        return ("refused" if good else "poor"), text
    except Exception as problem:  # any other is a fault, and is reported as one
        return "poor", f"{type(problem).__name__}: {problem}"
    return "accepted", type(result).__name__


def in_table(allowed: Mapping[str, set[str]], place: str, label: str) -> bool:
    """Return whether a table of patterns of places, "name.argument", allows a value."""
    return any(
        fnmatchcase(place, key) and any(fnmatchcase(label, right) for right in labels)
        for key, labels in allowed.items()
    )


def _empty(folder: Path) -> None:
    """Remove what tries have written."""
    for path in folder.iterdir():
        path.unlink()


def try_all(
    calls: Mapping[str, Call],
    allowed: Mapping[str, set[str]],
    folder: Path,
    chosen: Callable[[int], bool],
) -> Found:
    """Try every wrong value of every argument, or those whose number is chosen.

    Args:
        calls: What is tried, by name.
        allowed: Patterns of places, "name.argument", and the values that are right there.
        folder: The present folder, which is emptied before every try.
        chosen: Whether a number of a try is chosen.
    """
    found, number = Found(), 0
    for name, call in calls.items():
        _empty(folder)
        for argument, right in call.arguments().items():
            for label, make in wrong_values(right):
                number += 1
                is_allowed = call.is_right(argument, label) or in_table(
                    allowed, f"{name}.{argument}", label
                )
                if is_allowed or not chosen(number):
                    continue
                found.tries += 1
                _empty(folder)
                what, text = verdict(call, argument, make())
                if what != "refused":
                    getattr(found, what).append(f"{name}.{argument} = {label}: {text[:300]}")
    return found
