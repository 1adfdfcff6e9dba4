"""By what a run is known to its checkpoint: marks that are the same in every process, a seed."""

import hashlib
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from devices.arguments import file_path
from devices.seeding import RNG
from nsm.places import check_file


def check_resumable(name: str, path: Path, rng: RNG) -> None:
    """Raise ValueError if a file is to resume a run that has no seed of its own.

    Args:
        name: The argument that names the file.
        path: The file.
        rng: The argument `rng` of the run.
    """
    if rng is None:
        raise ValueError(
            f"{name} = {str(path)!r} with rng = None: every call would draw another seed, so that "
            "none resumes the one before; give rng a whole number"
        )


def checkpoint_file(checkpoint: str | Path | None, rng: RNG, example: str) -> Path | None:
    """Return the file of a checkpoint; None if there is none.

    Args:
        checkpoint: The argument of the run; "" and None for no checkpoint.
        rng: The argument `rng` of the run.
        example: A name of such a file, for messages.

    Raises:
        ValueError: It cannot be written, or would never be resumed.
    """
    if checkpoint is None or (isinstance(checkpoint, str) and not checkpoint):
        return None
    path = file_path("checkpoint", checkpoint)
    check_file(path, example)
    check_resumable("checkpoint", path, rng)
    return path


def mark_of_arrays(*arrays: ArrayLike) -> str:
    """Return 16 hexadecimal digits of the hash of the values of arrays, one after the other."""
    found = hashlib.sha256()
    for values in arrays:
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:16]


def mark_of(augment: Any) -> str:
    """Return a text that tells an augmentation from others, and is the same in every process.

    What Python prints of a function holds its address, which changes from run to run. A function is
    marked by its name and a hash of its code instead, also within a closure or a partial function;
    values that it takes from elsewhere, such as global variables, have no part in the mark.
    """
    code = getattr(augment, "__code__", None)
    if isinstance(code, CodeType):
        found = hashlib.sha256()
        _add(found, code)
        inside = [mark_of(cell.cell_contents) for cell in augment.__closure__ or ()]
        defaults = [*(augment.__defaults__ or ()), *(augment.__kwdefaults__ or {}).items()]
        found.update(repr([*inside, *map(mark_of, defaults)]).encode())
        return f"{augment.__module__}.{augment.__qualname__}#{found.hexdigest()[:16]}"
    if hasattr(augment, "func") and hasattr(augment, "args"):  # functools.partial
        given = [*augment.args, *sorted(augment.keywords.items())]
        return f"partial({', '.join(map(mark_of, [augment.func, *given]))})"
    text = repr(augment)
    if " at 0x" not in text:
        return text
    kind = type(augment)
    fields = sorted(vars(augment).items()) if hasattr(augment, "__dict__") else []
    values = ", ".join(f"{name}={mark_of(value)}" for name, value in fields)
    return f"{kind.__module__}.{kind.__qualname__}({values})"


def _add(found: Any, code: CodeType) -> None:
    """Add the instructions, names and constants of code to a hash."""
    found.update(code.co_code)
    found.update(repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add(found, constant)
        elif isinstance(constant, frozenset):  # whose order changes from run to run
            found.update(repr(sorted(map(repr, constant))).encode())
        else:
            found.update(repr(constant).encode())
