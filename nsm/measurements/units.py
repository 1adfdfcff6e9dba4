"""Units of measured columns: their names, their factors to SI, and the judgment of bare numbers."""

import math
import re
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from devices.fitting.screening import SMALLEST_CONDUCTANCE
from devices.validation import Floats, choice, number

#: Larger numbers without a unit are asked about [S]. A device may conduct ten times more, but 0.05
#: is more likely another unit.
LARGEST_BARE = 0.01
#: Values up to this one may be relative.
LARGEST_RELATIVE = 2.0
#: Temperatures that are all below this one were not given in kelvins [K].
COLDEST_MEASUREMENT = 150.0
#: Unit of values that are mapped linearly to the range of a device.
NORMALIZED = "normalized"

_PREFIXES = {
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
}
_BASES = {
    "S": ("conductance", "fpnuµm"),
    "Ω": ("resistance", "mkMG"),
    "ohm": ("resistance", "mkMG"),
    "Ohm": ("resistance", "mkMG"),
    "A": ("current", "fpnuµm"),
    "V": ("voltage", "nuµmk"),
    "s": ("time", "pnuµm"),
    "Hz": ("frequency", "mkMG"),
    "K": ("temperature", "m"),
}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit of measurement; a value x in it is factor · x + offset in SI.

    Attributes:
        name: How messages call it.
        quantity: "conductance", "resistance", "current", "voltage", "time", "frequency",
            "temperature" or "normalized".
        factor: Its size in the SI unit of the quantity.
        offset: What is added after scaling, which only degrees Celsius need; default 0.
    """

    name: str
    quantity: str
    factor: float = 1.0
    offset: float = 0.0

    @overload
    def to_si(self, values: float) -> float: ...
    @overload
    def to_si(self, values: Floats) -> Floats: ...
    def to_si(self, values: float | Floats) -> float | Floats:
        """Return values in SI.

        Small units divide by their inverse, which is a whole number: 100 µS is then 1e-4 S, where
        the product with 1e-6 is 9.999999999999999e-05.
        """
        if self.factor >= 1:
            return self.factor * values + self.offset
        return values / round(1 / self.factor) + self.offset

    def equals(self, other: "Unit") -> bool:
        """Return whether two units are the same, whatever their names: "uS" and "µS"."""
        mine = (self.quantity, self.factor, self.offset)
        return mine == (other.quantity, other.factor, other.offset)


def _table() -> dict[str, Unit]:
    """Return every unit by name."""
    units = {
        prefix + base: Unit(name=prefix + base, quantity=quantity, factor=_PREFIXES[prefix])
        for base, (quantity, prefixes) in _BASES.items()
        for prefix in ("", *prefixes)
    }
    for names, quantity, factor in (
        (("siemens",), "conductance", 1.0),
        (("ampere", "amperes"), "current", 1.0),
        (("volt", "volts"), "voltage", 1.0),
        (("sec", "second", "seconds"), "time", 1.0),
        (("min", "minute", "minutes"), "time", 60.0),
        (("h", "hour", "hours"), "time", 3600.0),
        (("d", "day", "days"), "time", 86400.0),
        (("kelvin",), "temperature", 1.0),
        ((NORMALIZED, "a.u."), NORMALIZED, 1.0),
    ):
        for name in names:
            units[name] = Unit(name=name, quantity=quantity, factor=factor)
    for name in ("°C", "degC", "celsius"):
        units[name] = Unit(name=name, quantity="temperature", offset=273.15)
    return units


#: Every unit by name.
UNITS = _table()


def unit_named(name: str, where: str) -> Unit:
    """Return the unit of a name.

    Args:
        name: Such as "µS", "uS", "nA", "°C".
        where: What has it, for the message.

    Raises:
        ValueError: There is no such unit; the message names the nearest.
    """
    # The micro sign and the Greek letter µ, ohm and omega, the degree sign and its sisters look
    # alike; which one a file has depends on the keyboard of its author.
    text = name.strip().replace("\u03bc", "µ").replace("\u2126", "Ω").replace("º", "°")
    return UNITS[choice(f"unit of {where}", text, UNITS)]


def quantity(text: Any, name: str, kind: str) -> float:
    """Return a number with a unit in SI: "2.5 ms" is 0.0025, and a bare number is in SI already.

    Args:
        text: The number, or a text such as "0.2 V".
        name: What it is, for messages, such as "read_voltage".
        kind: The quantity that is wanted: "time", "voltage", …

    Raises:
        ValueError: If it is no number, or its unit is unknown or of another quantity.
    """
    si = {"conductance": "S", "voltage": "V", "time": "s", "temperature": "K"}[kind]
    if not isinstance(text, str):
        return number(name, text, unit=si)
    found = re.fullmatch(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(.*?)\s*", text)
    try:
        value = float(found[1]) if found else math.nan
    except ValueError:
        value = math.nan
    if found is None or math.isnan(value):
        raise ValueError(f"{name} = {text!r} is no number with a unit; write it as in 0.2 {si}")
    unit = unit_named(found[2] or si, name)
    if unit.quantity != kind:
        raise ValueError(f"{name} = {text!r} is a {unit.quantity}, not a {kind}; give it in {si}")
    return unit.to_si(value)


def is_bare(text: str) -> bool:
    """Return whether a text is a number without a unit."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def in_si(values: Floats, unit: Unit | None) -> Floats:
    """Return values in SI; those without a unit are in SI already."""
    return values if unit is None else unit.to_si(values)


def to_conductance(values: Floats, unit: Unit, *, read_voltage: float | None) -> Floats:
    """Return measured values as conductances [S]: resistances become 1/R, currents I/V.

    Args:
        values: Measured values; NaN where one is missing.
        unit: Their unit.
        read_voltage: Voltage of the reads [V], for currents.

    Raises:
        ValueError: If a resistance is 0.
    """
    x = unit.to_si(values)
    if unit.quantity == "resistance":
        if np.any(x == 0):
            raise ValueError(
                f"{int((x == 0).sum())} resistances are 0 Ω, which is no conductance; leave these "
                "cells empty if they were not measured"
            )
        return 1 / x
    if unit.quantity == "current":
        assert read_voltage is not None, "callers check it"
        return x / read_voltage
    return x


def normalized(values: Floats, lowest: float, highest: float, g_min: float, g_max: float) -> Floats:
    """Return values mapped linearly, so that `lowest` is g_min [S] and `highest` g_max [S]."""
    return g_min + (values - lowest) * ((g_max - g_min) / (highest - lowest))


def guess(typical: float) -> str:
    """Return the unit that conductances of this median were probably given in.

    >>> guess(52.3), guess(47e3), guess(1e-17)
    ('µS', 'Ω', 'S divided by a million once too often')
    """
    if typical < SMALLEST_CONDUCTANCE:
        return "S divided by a million once too often"
    return "µS" if typical < 3000 else "Ω"


def check_siemens(values: Floats, where: str, column: str) -> None:
    """Raise ValueError if values without a unit cannot be conductances in siemens.

    Args:
        values: Measured values; NaN where one is missing.
        where: The file, for the message.
        column: The column.
    """
    known = np.abs(values[np.isfinite(values)])
    typical = float(np.median(known)) if known.size else 0.0
    if typical > LARGEST_BARE or (known.size and 0 < known.max() < SMALLEST_CONDUCTANCE):
        probably = guess(typical)
        write = (
            f"write the unit in the header, as in '{column} [{probably}]', or give --unit "
            f"{probably}"
            if probably in UNITS
            else "correct the values, or write their unit in the header, as in 'g [S]'"
        )
        relative = ""
        if known.max() <= LARGEST_RELATIVE:
            relative = f"; if these are relative values, give --unit {NORMALIZED}"
        raise ValueError(
            f"{where}: {column!r} has no unit and a median of {typical:.3g}, which cannot be "
            f"siemens (a memory cell conducts {SMALLEST_CONDUCTANCE:g} to {LARGEST_BARE:g} "
            f"S). It is probably {probably}: {write}{relative}"
        )


def check_kelvins(values: Floats, where: str, column: str) -> None:
    """Raise ValueError if temperatures without a unit cannot be kelvins; see `check_siemens`."""
    known = values[np.isfinite(values)]
    if known.size and float(known.max()) < COLDEST_MEASUREMENT:
        raise ValueError(
            f"{where}: {column!r} has no unit and a median of {np.median(known):.3g}, which is "
            f"hardly a temperature in kelvins. It is probably °C: write the unit in the header, as "
            f"in '{column} [°C]', or give --unit {column}=°C (or =K if it is right)"
        )
