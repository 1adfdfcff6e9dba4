"""Values that stand in place of every argument in turn, or in a place inside of it."""

from pathlib import Path

import numpy as np
import torch

#: Makes each wrong value anew, since a function may change what it is given.
VALUES = {
    "None": lambda: None,
    "True": lambda: True,
    "-1": lambda: -1,
    "1.5": lambda: 1.5,
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "1e300": lambda: 1e300,
    "2**63": lambda: 2**63,
    "1j": lambda: 1j,
    "a text": lambda: "unknown",
    "no text": lambda: "",
    "half a character": lambda: "\ud800",
    "a long text": lambda: "a" * 300,
    "bytes": lambda: b"x",
    "a path": lambda: Path("unknown"),
    "a list": list,
    "a ragged list": lambda: [[1.0], [1.0, 2.0]],
    "a table": dict,
    "a set": lambda: {1},
    "an object": object,
    "a class": lambda: int,
    "a function": lambda: lambda *given, **named: None,
    "a Generator": lambda: np.random.default_rng(0),
    "a number in an array": lambda: np.array(0.1),
    "a number in a tensor": lambda: torch.tensor(0.1),
    "a masked array": lambda: np.ma.masked_array([0.5, 1.0], [True, False]),
    "NaN in an array": lambda: np.array([[np.nan]]),
    "texts in an array": lambda: np.array(["unknown"]),
    "truth values in an array": lambda: np.array([True, False]),
}  # fmt: skip


def _first(array, value, dtype=None):
    """Return a copy of an array whose first value is another one."""
    changed = np.array(array, dtype=dtype)
    changed.flat[0] = value
    return changed


def _masked(array):
    masked = np.ma.masked_array(array, np.zeros(np.shape(array), dtype=bool))
    masked.mask.flat[0] = True
    return masked


#: Makes wrong arrays of the right shape from right ones of numbers.
IN_ARRAYS = {
    "with NaN": lambda a: _first(a, np.nan, float),
    "with infinity": lambda a: _first(a, -np.inf, float),
    "with 1e300": lambda a: _first(a, 1e300, float),
    "with a complex number": lambda a: _first(a, 1j, complex),
    "with a text": lambda a: _first(a, "x", object),
    "with a mask": _masked,
    "of truth values": lambda a: np.asarray(a) > np.mean(a),
    "of another shape": lambda a: np.asarray(a)[..., None],
}
#: What stands in the first place of right lists, tuples and tables.
MEMBERS = {
    "None inside": lambda: None,
    "True inside": lambda: True,
    "-1 inside": lambda: -1,
    "NaN inside": lambda: float("nan"),
    "a text inside": lambda: "unknown",
    "bytes inside": lambda: b"x",
    "an object inside": object,
    "a list inside": list,
}


def _with_member(value, member):
    if isinstance(value, dict):
        return {key: member if k == 0 else own for k, (key, own) in enumerate(value.items())}
    return type(value)([member, *list(value)[1:]])


def wrong_values(right):
    """Yield a label and a maker of each wrong value for an argument whose right value is given."""
    yield from VALUES.items()
    if isinstance(right, np.ndarray) and right.dtype.kind in "fiu" and right.size:
        for label, change in IN_ARRAYS.items():
            yield label, lambda change=change: change(right)
    if type(right) in (list, tuple, dict) and right:
        for label, member in MEMBERS.items():
            yield label, lambda member=member: _with_member(right, member())
