"""Errors of sweeps with their uncertainty, and networks that are compared on the same chips."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from devices.arguments import listed
from devices.validation import Floats, choice, number, shortened
from nsm.sweeps.axes import TRAINING_SEED
from nsm.sweeps.rows.stored_rows import RESULTS, WRONG, check_table
from nsm.sweeps.rows.variance import bounds, components, effective_images, quantile

if TYPE_CHECKING:
    import pandas as pd

#: Columns that do not tell one point from another.
_NOT_AXES = (*RESULTS, TRAINING_SEED, WRONG)
#: Name of the training of a row in tables of counts.
_TRAINING = "training"
#: Columns that these functions read.
_NEEDED = ("network", "chip", "errors", "images")
#: Values that a message shows.
_SHOWN = 6


def interval(
    rows: pd.DataFrame, by: Sequence[str] | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the error of every point with a confidence interval over images, chips and trainings.

    The interval is for the error of new images on a new chip of a new training, on average. Its
    variance is the sum of two parts:

    - The images: p (1 − p)/n for n images. All chips read the same images, so that more chips do
      not make this part smaller. It is an upper bound, reached if chips err on the same images;
      rows hold counts, and do not tell which images were wrong.
    - Chips and trainings: from an analysis of variance, see `variance.components`. With
      one chip or one training this part is not known and is left out: `chips` and `trainings` tell.

    Low and high are those of Clopper and Pearson for the number of independent images that this
    variance is worth (Korn & Graubard 1998, see `variance.bounds`). Without an error,
    low is 0 and high is 1 − (α/2)^(1/n), α = 1 − confidence: about 3.7/n at 95 %.

    Rows whose images were divided into parts, which have the same task and chip but other images,
    are added before.

    Args:
        rows: Rows of `nsm.collect` or `nsm.read_rows`.
        by: Columns whose values tell the points apart; None (default) takes the network and every
            axis that has several values.
        confidence: Probability that an interval covers the true error, in (0, 1).

    Returns:
        A row for every point: the columns `by`; error, the mean over trainings of the mean over
        chips; se, its standard error; low and high; se_images, the part of the images; sd_chips,
        the standard deviation from chip to chip of one training, which includes the read noise;
        sd_trainings, that from training to training; and the numbers of chips, trainings and
        images. Errors are shares in [0, 1]. For labels per pixel, images counts pixels, which are
        not independent: the interval is then too narrow.

    Raises:
        ValueError: The rows are empty, lack a column, repeat a chip, or differ in an axis that `by`
            does not name; or the confidence is not in (0, 1).
    """
    import pandas as pd

    _check(rows, confidence)
    columns = _columns(rows, by)
    found = []
    for key, part in _counts(rows, columns).groupby(columns, dropna=False, sort=False):
        found.append(dict(zip(columns, _values(key), strict=True)) | _interval(part, confidence))
    return pd.DataFrame(found)


def _interval(part: pd.DataFrame, confidence: float) -> dict[str, Any]:
    """Return the interval of one point, of its counts."""
    at = components(_table(part, part["errors"] / part["images"]))
    worth = effective_images(part["images"])
    of_images = at.mean * (1 - at.mean) / worth
    low, high = bounds(at.mean, worth, at.variance, at.freedom, confidence)
    return {
        "error": at.mean,
        "se": float(np.sqrt(of_images + at.variance)),
        "low": low,
        "high": high,
        "se_images": float(np.sqrt(of_images)),
        "sd_chips": at.sd_chips,
        "sd_trainings": at.sd_trainings,
        "chips": part["chip"].nunique(),
        "trainings": part[_TRAINING].nunique(dropna=False),
        "images": int(part["images"].max()),
    }


def compare(
    rows: pd.DataFrame,
    x: str | Sequence[str],
    a: Hashable,
    b: Hashable,
    *,
    column: str = "network",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return how much larger the error of one network is than that of another, chip by chip.

    Only chips and training seeds that both have are used, in pairs: chip c has the same seed for
    both. The scatter of the differences p_a − p_b from chip to chip and from training to training
    is what chips and trainings add, so that what a chip does to both networks alike is no part of
    it. Images cannot be paired, since rows hold counts: their part is
    p_a (1 − p_a)/n + p_b (1 − p_b)/n, which is too large for networks that err on the same images.
    (At least one error is counted for each.) Where the wrong images are known,
    `nsm.statistics.difference` pairs them.

    Args:
        rows: Rows of `nsm.collect` or `nsm.read_rows`.
        x: The axis, or axes, at whose values the two are compared.
        a: The one network.
        b: The other.
        column: The column that holds `a` and `b`; default "network".
        confidence: Probability that an interval covers the true difference, in (0, 1).

    Returns:
        A row for every value of `x` that both have: the values; error_a and error_b, means over the
        pairs; difference, error_a − error_b; se, low and high (Student's t, see
        `nsm.sweeps.rows.variance.quantile`); se_images; sd_chips and sd_trainings of the
        differences; pairs, how many; images; and verdict, "a is better", "b is better" or "not
        resolved".

    Raises:
        ValueError: As `interval`; or a or b has no rows, or they have no chip in common.
    """
    import pandas as pd

    _check(rows, confidence)
    axes = [x] if isinstance(x, str) else listed("x", x, "one column, or a list of them")
    if not axes:
        raise ValueError("x is empty; give at least one column")
    for name in (*axes, column):
        choice("column", name, [c for c in rows.columns if c not in _NOT_AXES])
    of_a, of_b = (
        _counts(_rows_of(rows, column, name, value), [*axes, column])
        for name, value in (("a", a), ("b", b))
    )
    pairs = of_a.merge(of_b, on=[*axes, _TRAINING, "chip"], suffixes=("_a", "_b"))
    if not len(pairs):
        raise ValueError(
            f"{a!r} and {b!r} have no chip in common at any value of {', '.join(axes)}; run both "
            "on the same chips, values and training seeds"
        )
    found = []
    for key, part in pairs.groupby(axes, dropna=False, sort=False):
        found.append(dict(zip(axes, _values(key), strict=True)) | _compared(part, confidence))
    return pd.DataFrame(found)


def _compared(pairs: pd.DataFrame, confidence: float) -> dict[str, Any]:
    """Return the comparison at one point, of the counts of pairs of rows."""
    rates = [pairs[f"errors_{of}"] / pairs[f"images_{of}"] for of in ("a", "b")]
    at = components(_table(pairs, rates[0] - rates[1]))
    means = [components(_table(pairs, rate)).mean for rate in rates]
    worth = [effective_images(pairs[f"images_{of}"]) for of in ("a", "b")]
    of_images = 0.0
    for p, n in zip(means, worth, strict=True):
        counted = min(max(p, 1 / n), 1 - 1 / n) if n > 1 else 0.5
        of_images += counted * (1 - counted) / n
    se = float(np.sqrt(of_images + at.variance))
    parts = [(of_images, max(min(worth) - 1, 1.0)), (at.variance, at.freedom)]
    margin = quantile(parts, confidence) * se
    low, high = max(at.mean - margin, -1.0), min(at.mean + margin, 1.0)
    return {
        "error_a": means[0],
        "error_b": means[1],
        "difference": at.mean,
        "se": se,
        "low": low,
        "high": high,
        "se_images": float(np.sqrt(of_images)),
        "sd_chips": at.sd_chips,
        "sd_trainings": at.sd_trainings,
        "pairs": len(pairs),
        "images": int(min(pairs["images_a"].max(), pairs["images_b"].max())),
        "verdict": "a is better" if high < 0 else "b is better" if low > 0 else "not resolved",
    }


def _check(rows: pd.DataFrame, confidence: float) -> None:
    """Raise ValueError unless rows and confidence can be used."""
    check_table(rows)
    number("confidence", confidence, above=0, below=1)
    missing = [name for name in _NEEDED if name not in rows.columns]
    if missing or not len(rows):
        what = f"lack the columns {', '.join(missing)}" if missing else "are empty"
        raise ValueError(f"the rows {what}; give those of nsm.collect or nsm.read_rows")


def _columns(rows: pd.DataFrame, by: Sequence[str] | None) -> list[str]:
    """Return the columns that tell points apart, or raise ValueError."""
    axes = [c for c in rows.columns if c not in _NOT_AXES]
    if by is None:
        return ["network", *(c for c in axes if c != "network" and _differs(rows[c]))]
    columns = [by] if isinstance(by, str) else listed("by", by, "a list of columns")
    for name in columns:
        choice("column in by", name, axes)
    return columns or ["network"]


def _differs(column: pd.Series[Any]) -> bool:
    """Return whether a column has several values, of which None may be one."""
    return bool(column.nunique(dropna=False) > 1)


def _counts(rows: pd.DataFrame, named: Sequence[str]) -> pd.DataFrame:
    """Return errors and images of every point, training and chip, with parts of images added.

    Raises:
        ValueError: The rows of a point differ in an axis that is not named, or repeat a chip.
    """
    keyed = rows.assign(**{_TRAINING: rows.get(TRAINING_SEED, 0)})
    _check_named(keyed, named)
    keys = [*named, _TRAINING, "chip"]
    # Parts of the images of one sweep are experiments of their own; the same one twice is an error.
    own = [c for c in ("experiment",) if c in rows.columns]
    again = keyed.duplicated([*keys, *own])
    if again.any():
        raise ValueError(
            f"{int(again.sum())} rows repeat a chip ({_where(keyed[again], keys)}), as rows of "
            "several sweeps do; merge their files by nsm.merge_rows, or choose the rows of one"
        )
    several = keyed[keyed.duplicated(keys, keep=False)]
    if own and len(several):
        settings = several["experiment"].map(lambda text: str(text).split("-", 2)[-1])
        points = several.assign(settings=settings).groupby(keys, dropna=False)["settings"]
        if (points.nunique() > 1).any():
            raise ValueError(
                f"the rows of a chip ({_where(several, keys)}) are of several sweeps, which differ "
                "in more than their images; choose the rows of one"
            )
    counts = keyed.groupby(keys, dropna=False, sort=False)[["errors", "images"]]
    return counts.sum().reset_index()


def _check_named(rows: pd.DataFrame, named: Sequence[str]) -> None:
    """Raise ValueError if the rows of a point differ in an axis that is not named."""
    points = rows.groupby(list(named), dropna=False, sort=False)
    axes = [c for c in rows.columns if c not in (*_NOT_AXES, *named, _TRAINING)]
    for axis in axes:
        if (points[axis].nunique(dropna=False) > 1).any():
            differ = points[axis].transform(lambda of: of.nunique(dropna=False)) > 1
            # A column of numbers holds None as NaN, which is not equal to itself.
            values = list(dict.fromkeys(None if v != v else v for v in rows.loc[differ, axis]))
            shown = ", ".join(map(repr, values[:_SHOWN])) + (", …" if values[_SHOWN:] else "")
            raise ValueError(
                f"the rows at {_where(rows[differ], named)} differ in {axis} ({shown}), whose "
                f"spread would look like one of chips; name it too (by=[..., {axis!r}]), or "
                "choose rows of one value"
            )


def _where(rows: pd.DataFrame, names: Sequence[str]) -> str:
    """Return the values of the first row in columns, for messages."""
    first = {n: rows[n].iloc[:1].tolist()[0] for n in names if n != _TRAINING}
    return ", ".join(f"{name} = {value!r}" for name, value in first.items())


def _table(part: pd.DataFrame, values: pd.Series[Any]) -> Floats:
    """Return values of a point as a table of trainings (rows) and chips; NaN where none is."""
    training = part[_TRAINING].factorize(use_na_sentinel=False)
    chip = part["chip"].factorize()
    table = np.full((len(training[1]), len(chip[1])), np.nan)
    table[training[0], chip[0]] = values
    return table


def _rows_of(rows: pd.DataFrame, column: str, name: str, value: Hashable) -> pd.DataFrame:
    """Return the rows with a value in a column, or raise ValueError if there are none.

    Args:
        rows: The rows.
        column: The column.
        name: The argument that has the value.
        value: The value.
    """
    known = dict.fromkeys(rows[column])
    if not isinstance(value, Hashable) or value not in known:
        raise ValueError(
            f"{name}: no row has {column} = {shortened(value)}; the rows have "
            f"{', '.join(map(repr, known))}"
        )
    return rows[rows[column] == value]


def _values(key: Any) -> tuple[Any, ...]:
    """Return the values of a group's key."""
    return key if isinstance(key, tuple) else (key,)
