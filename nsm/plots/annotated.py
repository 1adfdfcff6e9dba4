"""Arguments of figures, checked by their annotations: rows, Axes, chips, texts, flags, lists."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from devices.arguments import file_path, listed, table, text
from devices.validation import boolean, instance, integer

Function = TypeVar("Function", bound=Callable[..., Any])
#: Checks of texts, flags and numbers that count.
_PLAIN: Mapping[Any, Callable[[str, Any], Any]] = {
    str: text,
    bool: boolean,
    int: lambda name, value: integer(name, value, at_least=0),
}
#: Modules of classes that annotations name by a text, since their import takes long.
_LATER = {"Learned": "nsm.learning.result", "MappedNetwork": "nsm.chips.chip"}


def checked(function: Function) -> Function:
    """Decorate a function so that what is not of the annotated type is refused by its name.

    None is taken where it is the default. Numbers, whose ranges annotations do not tell, arrays,
    and what may have several types are left to the function.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters

    @functools.wraps(function)
    def with_checks(*args: Any, **options: Any) -> Any:
        given = signature.bind(*args, **options).arguments
        for name, value in given.items():
            if value is not None or parameters[name].default is not None:
                _check(name, value, parameters[name].annotation)
        return function(*args, **options)

    return with_checks  # type: ignore[return-value]


def _check(name: str, value: Any, annotation: Any) -> None:
    """Raise ValueError unless a value is what an annotation says."""
    parts = set(get_args(annotation)) if _is_union(annotation) else {annotation}
    parts.discard(type(None))
    if parts == {str, Path}:
        file_path(name, value)
        return
    if len(parts) > 1:
        return
    kind = _imported(parts.pop())
    origin, members = get_origin(kind), get_args(kind)
    if kind == "pd.DataFrame" or getattr(kind, "__name__", "") == "DataFrame":
        _check_frame(name, value)
    elif kind in _PLAIN:
        _PLAIN[kind](name, value)
    elif origin is not None and issubclass(origin, Mapping):
        of_name = table(name, value, "a table by name, {name: …}")
        if not of_name:
            raise ValueError(f"{name} is empty; give at least one by its name")
        for key, member in of_name.items():
            if members[0] is str:
                text(f"name in {name}", key)
            _check(f"{name}[{key!r}]", member, members[1])
    elif origin in (Sequence, Iterable):
        for member in listed(name, value, f"a list of {getattr(members[0], '__name__', 'values')}"):
            _check(f"member of {name}", member, members[0])
    elif inspect.isclass(kind) and origin is None and kind not in (Any, float):
        instance(name, value, kind)


def _imported(kind: Any) -> Any:
    """Return the class that an annotation names by a text, imported now; others as they are."""
    name = getattr(kind, "__forward_arg__", kind)
    return getattr(import_module(_LATER[name]), name) if name in _LATER else kind


def _is_union(annotation: Any) -> bool:
    """Return whether an annotation names several types."""
    return get_origin(annotation) in (Union, UnionType)


def _check_frame(name: str, value: Any) -> None:
    """Raise ValueError unless a value is a table of pandas."""
    import pandas as pd

    advice = "give the rows of nsm.collect or nsm.read_rows"
    instance(name, value, pd.DataFrame, advice=advice if name == "rows" else "")
