"""Numbers as texts with units: "1.2 µA", "3.4 nJ", "0.31 mm²", "12 %", "8 levels"."""

import math

#: SI prefixes from the smallest factor to the largest.
_PREFIXES = {
    1e-18: "a",
    1e-15: "f",
    1e-12: "p",
    1e-9: "n",
    1e-6: "µ",
    1e-3: "m",
    1.0: "",
    1e3: "k",
    1e6: "M",
    1e9: "G",
}


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit and an SI prefix; "" for NaN.

    >>> quantity(1.234e-6, "A"), quantity(0, "J"), quantity(float("nan"), "V")
    ('1.23 µA', '0 J', '')
    """
    if math.isnan(value):
        return ""
    rounded = float(f"{value:.3g}")  # 999.9 nA are 1 µA
    if not rounded or math.isinf(rounded):
        return f"{rounded:g} {unit}"
    fitting = [factor for factor in _PREFIXES if abs(rounded) >= factor * (1 - 1e-9)]
    factor = max(fitting, default=min(_PREFIXES))
    return f"{rounded / factor:.3g} {_PREFIXES[factor]}{unit}"


def counted(value: float, unit: str) -> str:
    """Return a value with a unit that takes no prefix, or with none; infinity is "ideal".

    >>> counted(8.0, "levels"), counted(0.01234, ""), counted(math.inf, "bits")
    ('8 levels', '0.0123', 'ideal')
    """
    return "ideal" if value == math.inf else f"{value:.3g} {unit}".strip()


def area(value: float) -> str:
    """Return an area [m²] in mm², or in µm² below 0.01 mm².

    >>> area(3.1e-7), area(3.1e-12)
    ('0.31 mm²', '3.1 µm²')
    """
    factor, unit = (1e-6, "mm²") if value >= 1e-8 else (1e-12, "µm²")
    return "" if math.isnan(value) else f"{value / factor:.3g} {unit}"


def share(value: float) -> str:
    """Return a share in percent; "" for NaN.

    >>> share(0.0123), share(12.0)
    ('1.2 %', '1.2e+03 %')
    """
    return "" if math.isnan(value) else f"{100 * value:.2g} %"
