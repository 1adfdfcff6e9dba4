"""Checks of arguments, used by all packages.

Each function returns the checked value or raises ValueError. The message says which argument it is,
which value came and what is allowed.
"""

import difflib
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# A longer list of known names hides the one that was meant; then only the nearest are shown.
MAX_LISTED_NAMES = 10
#: No memory cell conducts more [S]; larger numbers were meant in µS.
LARGEST_CONDUCTANCE = 0.1
#: No error or noise of a memory cell is larger [S].
LARGEST_ERROR = 0.01
#: No device is hotter [K].
LARGEST_TEMPERATURE = 1e4
#: Factors and numbers of other units stay below this one; beyond it squares lose their digits.
LARGEST_NUMBER = 1e15
#: Largest sizes of any device, by unit: what is larger was meant in another unit, or is a slip.
_PLAUSIBLE = {
    "S": LARGEST_CONDUCTANCE, "A": 1.0, "V": 100.0, "s": 1e13, "K": LARGEST_TEMPERATURE,
    "eV": 20.0, "Hz": 1e16, "C/m²": 10.0,
}  # fmt: skip
_HINTS = {
    "S": "; conductances are in siemens: 50 µS is 50e-6",
    "C/m²": "; polarizations are in C/m²: 25 µC/cm² is 0.25",
}
# How messages name a unit for which another one is often given.
_NAMED = {"K": "K (kelvin; 25 °C is 298.15 K)"}
#: Largest number in single precision.
LARGEST_SINGLE = float(np.finfo(np.float32).max)
#: Longest repr in a message.
MAX_SHOWN = 120
#: Whole numbers that no array can index and no TOML file hold [2⁶³].
_TOO_LARGE = 2**63


def shortened(value: Any, *, most: int = MAX_SHOWN) -> str:
    """Return the repr of a value for a message; a long one loses its middle.

    Args:
        value: The value that came.
        most: Characters of the result, at most.
    """
    text = repr(value)
    if len(text) <= most:
        return text
    left = (most - 3) * 2 // 3
    return f"{text[:left]} … {text[left + 3 - most :]}"


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    unit: str = "",
    plausible: float | None = None,
) -> float:
    """Return `value` as a float, if it is a finite number in the allowed interval.

    Args:
        name: What the value is, for the message, such as "Device.g_min".
        value: The value to check. Truth values, texts and arrays are refused, also those of a
            single number.
        above: Exclusive lower limit, or None.
        at_least: Inclusive lower limit, or None.
        below: Exclusive upper limit, or None.
        at_most: Inclusive upper limit, or None.
        unit: Unit of the limits, for the message.
        plausible: Largest size that a device can have, where no upper limit is given; None
            (default) for that of the unit.

    Raises:
        ValueError: If the value is no number, is not finite or lies outside the interval.
    """
    low = "(" if at_least is None else "["
    high = ")" if at_most is None else "]"
    left = at_least if above is None else above
    right = at_most if below is None else below
    left_text = f"{-np.inf if left is None else left:g}"
    right_text = f"{np.inf if right is None else right:g}"
    allowed = f"{low}{left_text}, {right_text}{high} {_NAMED.get(unit, unit)}".rstrip()
    try:
        # numpy's truth values are no real numbers, and Python's count as such.
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError
        x = float(value)
    except OverflowError:  # a whole number beyond 1.8e308
        x = np.inf
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} = {shortened(value)} is not a number; give one in {allowed}"
        ) from None
    bad = (
        not np.isfinite(x)
        or (above is not None and x <= above)
        or (at_least is not None and x < at_least)
        or (below is not None and x >= below)
        or (at_most is not None and x > at_most)
    )
    if bad:
        raise ValueError(
            f"{name} = {shortened(value)} is not allowed; give a finite number in {allowed}"
        )
    if right is None:
        _check_plausible(name, x, unit, plausible)
    return x


def _check_plausible(name: str, x: float, unit: str, plausible: float | None) -> None:
    """Raise ValueError if a number is larger than any device has."""
    largest = _PLAUSIBLE.get(unit, LARGEST_NUMBER) if plausible is None else plausible
    if abs(x) > largest and not unit:
        raise ValueError(f"{name} = {x:g} is not allowed; give at most {largest:g}")
    if abs(x) > largest:
        raise ValueError(
            f"{name} = {x:g} {unit} is more than any device has; give at most {largest:g} {unit}"
            + _HINTS.get(unit, "")
        )


def integer(name: str, value: Any, *, at_least: int) -> int:
    """Return `value` as an int, if it is a whole number from `at_least` to 2⁶³ − 1.

    Args:
        name: What the value is, for the message.
        value: The value to check. Booleans and floats are refused.
        at_least: Inclusive lower limit.

    Raises:
        ValueError: If the value is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise ValueError(
            f"{name} = {shortened(value)} is not allowed; give a whole number of at least "
            f"{at_least}"
        )
    if value >= _TOO_LARGE:
        raise ValueError(
            f"{name} = {shortened(value)} is not allowed; give a whole number below 2⁶³"
        )
    return int(value)


def boolean(name: str, value: Any) -> bool:
    """Return `value` as a bool, if it is True or False.

    Args:
        name: What the value is, for the message.
        value: The value to check. Texts such as "false" and numbers are refused.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} = {shortened(value)} is not allowed; give True or False")
    return bool(value)


def instance(name: str, value: Any, cls: type, *, advice: str = "") -> None:
    """Check that `value` is an instance of `cls`.

    Args:
        name: What the value is, for the message.
        value: The value to check.
        cls: The class it must belong to.
        advice: What to give instead, appended to the message.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(value, cls):
        article = "an" if cls.__name__[0] in "AEIOU" else "a"
        if isinstance(value, type) and issubclass(value, cls):
            advice = f"give an object of this class, {value.__name__}(...)"
        hint = f"; {advice}" if advice else ""
        raise ValueError(f"{name} = {shortened(value)} is not {article} {cls.__name__}{hint}")


def real_array(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    shape: tuple[int | None, ...] | None = None,
    truth_values: bool = False,
) -> NDArray[Any]:
    """Return `value` as an array of real numbers of the wanted shape; NaN is allowed.

    Args:
        name: What the value is, for the message.
        value: Anything that numpy can turn into an array.
        ndim: Wanted number of dimensions, or None for any.
        shape: Wanted shape, in which None stands for any length; None for any shape.
        truth_values: Whether truth values count as 1 and 0, as those of images do; default False,
            which refuses them.

    Raises:
        ValueError: If the values are not real numbers or masked, or the shape is another.
    """
    a = any_array(name, value)
    if not truth_values and (a.dtype.kind == "b" or _lists_truth_value(value)):
        raise ValueError(f"{name} holds truth values; give an array of real numbers")
    if a.dtype.kind not in "fiub":  # floats, integers and booleans
        raise ValueError(f"{name} is not an array of real numbers (got {type(value).__name__})")
    if ndim is not None and a.ndim != ndim:
        raise ValueError(f"{name} has shape {a.shape}; give {ndim} dimensions")
    if shape is not None and (
        a.ndim != len(shape)
        or any(w is not None and w != n for w, n in zip(shape, a.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if w is None else str(w) for w in shape) + ")"
        raise ValueError(f"{name} has shape {a.shape}; give {wanted}")
    return a


def _lists_truth_value(value: Any) -> bool:
    """Return whether a list, or a list in it, holds a truth value; numpy makes a number of it."""
    if not isinstance(value, (list, tuple)):
        return False
    return any(isinstance(v, (bool, np.bool_)) or _lists_truth_value(v) for v in value)


def any_array(name: str, value: Any) -> NDArray[Any]:
    """Return `value` as an array of whatever numpy makes of it.

    Args:
        name: What the value is, for the message.
        value: Anything that numpy can turn into an array.

    Raises:
        ValueError: If its rows have different lengths, or values are masked.
    """
    refuse_masked(name, value)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as problem:
        # Tensors of short numbers or with a gradient, which say what to do; or lists of lists.
        of_tensors = f"numpy cannot read it ({problem}); give float32 or float64 without a gradient"
        raise ValueError(
            f"{name} is not an array of real numbers (got {type(value).__name__}); "
            f"{of_tensors if hasattr(value, 'dtype') else 'give rows of one length'}"
        ) from None


def refuse_masked(name: str, value: Any) -> None:
    """Raise ValueError for an array with masked values, whose mask would be lost.

    Args:
        name: What the value is, for the message.
        value: Anything; only masked arrays of numpy with masked values are refused.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"{name} is a masked array, {int(np.ma.count_masked(value))} of whose {value.size} "
            "values are masked, and masks have no meaning here; leave these values out, or fill "
            "them (filled(0))"
        )


def finite(name: str, a: Floats) -> Floats:
    """Return the array `a`, if all its values are finite.

    Raises:
        ValueError: If it holds NaN or infinite values; the message counts them.
    """
    known = np.isfinite(a)
    if not known.all():
        bad = a.size - int(known.sum())
        raise ValueError(
            f"{name} holds {bad} values that are NaN or infinite; "
            "remove them before they reach the chip"
        )
    return a


def array(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    shape: tuple[int | None, ...] | None = None,
    truth_values: bool = False,
) -> Floats:
    """Return `value` as a float64 array of finite numbers of the wanted shape; see `real_array`.

    Raises:
        ValueError: As there; or if a number is NaN, infinite or larger than `LARGEST_NUMBER`.
    """
    real = real_array(name, value, ndim=ndim, shape=shape, truth_values=truth_values)
    return within_bounds(name, finite(name, real.astype(np.float64, copy=False)))


def conductances(name: str, value: ArrayLike) -> Floats:
    """Return `value` as an array of conductances [S].

    Cells with bounds of their own may lie beyond `LARGEST_CONDUCTANCE`, the limit of a device's
    range, but not at ten times of it.

    Raises:
        ValueError: As `array`; or if one is negative, or as large as only numbers in µS are.
    """
    g = array(name, value)
    if g.size and g.min() < 0:
        raise ValueError(f"{name} holds {g.min():g} S; give conductances of at least 0 S")
    if g.size and g.max() > 10 * LARGEST_CONDUCTANCE:
        raise ValueError(
            f"{name} holds {g.max():g} S, more than any device has ({LARGEST_CONDUCTANCE:g} S)"
            f"{_HINTS['S']}"
        )
    return g


def within_bounds(name: str, a: Floats) -> Floats:
    """Return an array, if no number in it is so large that its square loses its digits.

    Raises:
        ValueError: If one is larger than `LARGEST_NUMBER`.
    """
    largest = max(float(a.max(initial=0.0)), -float(a.min(initial=0.0)))
    if largest > LARGEST_NUMBER:
        raise ValueError(
            f"{name} holds values up to {largest:g}; give numbers of at most {LARGEST_NUMBER:g}"
        )
    return a


def choice(what: str, value: Any, known: Iterable[str]) -> str:
    """Return `value`, if it is one of the known names.

    Args:
        what: What the name stands for, for the message, such as "device preset".
        value: The name to check.
        known: The names that exist.

    Raises:
        ValueError: If the name is unknown. The message suggests the most similar name, if there is
            one, and lists the known names: all of them up to ten, else the three nearest.
    """
    names = list(known)
    if isinstance(value, str) and value in names:
        return value
    similar = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"; did you mean {similar[0]!r}?" if similar else "."
    if len(names) > MAX_LISTED_NAMES:
        nearest = difflib.get_close_matches(str(value), names, n=3, cutoff=0.0)
        listed = f"Nearest of {len(names)} known: {', '.join(nearest)}"
    else:
        listed = f"Known: {', '.join(names)}"
    raise ValueError(f"unknown {what} {shortened(value)}{hint} {listed}")
