"""A value of another type in any field of any description is refused by the name of the field."""

from dataclasses import dataclass, fields, is_dataclass, replace

import numpy as np
import pytest

import crossbar
import devices
from devices import GATES, PRESETS, ProductNoise

#: What no number is; among them whole numbers beyond 1.8e308 and sizes that no device has.
NO_NUMBER = {
    "a truth value": True, "a text": "x", "no text": "", "NaN": np.nan, "infinity": np.inf,
    "minus infinity": -np.inf, "a list": [], "a table": {"a": 1}, "a tuple": (),
    "an object": object(), "an array": np.array([1.0, 2.0]), "a complex number": 1j, "bytes": b"x",
    "a list of None": [None], "NaN in an array": np.array([[np.nan]]), "1e400": 10**400,
    "1e300": 1e300,
}  # fmt: skip
#: Fields that take several kinds of values, which their own tests try.
SEVERAL = (("Device", "levels"), ("FlickerNoise", "q"), ("Wires", "r_row"), ("Wires", "r_col"))


def found_in(value, found):
    """Add a description and those in its fields to `found`, by their class."""
    if is_dataclass(value) and not isinstance(value, type):
        found.setdefault(type(value), value)
        for field in fields(value):
            found_in(getattr(value, field.name), found)
    elif isinstance(value, tuple):
        for one in value:
            found_in(one, found)


@dataclass(frozen=True)
class Shown:
    """A description whose repr in the name of a test is that of its class."""

    value: object

    def __repr__(self):
        return type(self.value).__name__


def descriptions():
    """Return an instance of every description that presets, gates and a hardware hold."""
    found = {}
    for entry in (*PRESETS.values(), *GATES.values()):
        found_in(entry.model, found)
    hardware = crossbar.Hardware(
        device=devices.preset("fefet_jerry2017"), adc=crossbar.Adc(bits=8),
        dac=crossbar.Dac(bits=8), wires=crossbar.Wires(r_row=1.0, r_col=1.0),
    )  # fmt: skip
    found_in(hardware, found)
    found.pop(ProductNoise, None)  # takes its factors as positional arguments
    return [Shown(value) for value in found.values()]


def accepted(value, wanted):
    """Return what fields take that they should not: "Class.field: what"."""
    found = []
    for field in fields(value):
        if not field.init or (type(value).__name__, field.name) in SEVERAL:
            continue
        for what, bad in NO_NUMBER.items():
            if not wanted(getattr(value, field.name), field, what):
                continue
            try:
                replace(value, **{field.name: bad})
            except ValueError as problem:
                if field.name.replace("_", " ") in str(problem).replace("_", " "):
                    continue
                found.append(f"{field.name}: {what} ends in {problem}")
            else:
                found.append(f"{field.name}: {what} is taken")
    return found


@pytest.mark.parametrize("shown", descriptions(), ids=repr)
def test_numbers_of_another_type_are_refused_by_name(shown):
    def is_number(own, field, what):
        return "float" in str(field.type) and not isinstance(own, tuple)

    assert accepted(shown.value, is_number) == []


@pytest.mark.parametrize("shown", descriptions(), ids=repr)
def test_slots_flags_and_names_take_nothing_else(shown):
    def is_other(own, field, what):
        if isinstance(own, bool):
            return what != "a truth value"
        if isinstance(own, str):
            return "text" not in what
        return is_dataclass(own)

    assert accepted(shown.value, is_other) == []
