"""Ranges of converters from data: the largest value, a percentile, or the least squared error."""

from collections.abc import Callable

import numpy as np

from devices.validation import Floats, choice, number

#: How a range is found from the values that a converter sees.
METHODS = ("max", "percentile", "least_squares")
#: What shares one range: all converters of a layer, or those of one bit line.
SHARED_BY = ("layer", "column")
#: Values of which the squared error is computed.
_VALUES = 1 << 16
#: Ranges that are tried in each of the rounds of the search.
_TRIED = 48
_ROUNDS = 3


def checked_percentile(method: str, percentile: float | None, per: str) -> float:
    """Return the percentile of a calibration, checked with its other options.

    Args:
        method: One of `METHODS`.
        percentile: Percentile in (0, 100] of the method "percentile"; None for 99.9.
        per: One of `SHARED_BY`.

    Raises:
        ValueError: An option is unknown, or the percentile is none, or without effect.
    """
    choice("method", method, METHODS)
    choice("per", per, SHARED_BY)
    if percentile is None:
        return 99.9
    if method != "percentile":
        raise ValueError(
            f'percentile = {percentile!r} has no effect with method = "{method}"; choose '
            'method = "percentile", or leave it out'
        )
    return number("percentile", percentile, above=0, at_most=100, unit="%")


def best_range(
    values: Floats, method: str, percentile: float, convert: Callable[[Floats, float], Floats]
) -> float:
    """Return the range of a converter for values that it sees; 0 if all of them are 0.

    "max" is the largest |value|, "percentile" a percentile of the |values|, and "least_squares" the
    range at which Σ (converted − value)² is smallest: it balances clipping and the size of steps.

    Args:
        values: Values, of any shape.
        method: One of `METHODS`.
        percentile: Percentile in (0, 100].
        convert: Converts values, given them and a range.
    """
    size = np.abs(values).ravel()
    largest = float(size.max(initial=0.0))
    if largest == 0:
        return 0.0
    if method == "max":
        return largest
    if method == "percentile":
        # Where most values are 0, as behind a rectifier, a percentile may be 0 too.
        return float(np.percentile(size, percentile)) or largest
    return _least_squares(values.ravel(), largest, convert)


def _least_squares(
    values: Floats, largest: float, convert: Callable[[Floats, float], Floats]
) -> float:
    """Return the range with the least squared error, searched on a grid that becomes finer.

    The error is exact. As a function of the range it has many small minima (Σ of rounding errors)
    on one large one, so a search by slopes would stop too early.
    """
    seen = values[:: -(-len(values) // _VALUES)]
    low, high = largest / 100, largest
    best = largest
    for _ in range(_ROUNDS):
        tried = np.append(np.geomspace(low, high, _TRIED), best)
        errors = [float(((convert(seen, r) - seen) ** 2).sum()) for r in tried]
        best = float(tried[int(np.argmin(errors))])
        ratio = (high / low) ** (1 / (_TRIED - 1))
        low, high = best / ratio, min(best * ratio, largest)
    return best
