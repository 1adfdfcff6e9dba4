"""Rows as an `xarray.Dataset`, whose dimensions are the networks, the axes and the chips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nsm.sweeps.axes import CHIP_AXES, TRAINING_SEED
from nsm.sweeps.rows.stored_rows import RESULTS, WRONG, check_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: Columns of rows that become variables, beside the error.
VARIABLES = ("errors", "images", "samples", "elapsed")


def to_xarray(rows: pd.DataFrame) -> xr.Dataset:
    """Return rows as an `xarray.Dataset`.

    Args:
        rows: Rows of `nsm.collect` or `nsm.read_rows`.

    Returns:
        Dimensions: "network", every axis by its name, "training_seed" where networks were trained
        several times, and "chip". Of gain, reprogrammed_scale and seconds, which all rows have,
        those with one value are coordinates without a dimension. Their values stand in the order
        of the rows; None is NaN among numbers, as in the rows, and "none" among texts. Variables:
        "error" (errors/images), "errors", "images", "samples" and "elapsed" [s], with NaN where
        there is no row. "seed" is a coordinate along "chip" if every chip has one seed.

    Raises:
        ImportError: xarray is not installed.
        ValueError: There are no rows, they lack a column, or two of them are of one point and chip.
    """
    try:
        import xarray as xr
    except ImportError:
        raise ImportError(
            "to_xarray needs xarray, which is not installed: pip install 'nsm-crossbar[xarray]'"
        ) from None
    check_table(rows)
    missing = [c for c in ("network", "chip", *VARIABLES) if c not in rows.columns]
    if missing or not len(rows):
        what = f"lack the columns {', '.join(missing)}" if missing else "are empty"
        raise ValueError(f"the rows {what}; give those of nsm.collect or nsm.read_rows")
    names = _dimensions(rows)
    places = {name: _codes(rows[name]) for name in names}
    shape = tuple(len(values) for _, values in places.values())
    flat = np.ravel_multi_index([codes for codes, _ in places.values()], shape)
    _check_unique(rows, names, flat)
    variables = {}
    for name in VARIABLES:
        values = np.full(int(np.prod(shape)), np.nan)
        values[flat] = rows[name].to_numpy(dtype=float)
        variables[name] = (names, values.reshape(shape))
    variables["error"] = (names, variables["errors"][1] / variables["images"][1])
    coordinates: dict[str, Any] = {name: values for name, (_, values) in places.items()}
    coordinates |= {name: rows[name].iloc[0] for name in CHIP_AXES if name not in names}
    found = xr.Dataset(variables, coordinates)
    found["elapsed"].attrs["units"] = "s"
    return _with_seeds(found, rows)


def _dimensions(rows: pd.DataFrame) -> list[str]:
    """Return the columns that become dimensions, the chip last."""
    axes = [c for c in rows.columns if c not in (*RESULTS, WRONG, "network", TRAINING_SEED)]
    varied = [c for c in axes if c not in CHIP_AXES or rows[c].nunique(dropna=False) > 1]
    trainings = [TRAINING_SEED] if TRAINING_SEED in rows.columns else []
    return ["network", *varied, *trainings, "chip"]


def _codes(column: pd.Series[Any]) -> tuple[Any, Any]:
    """Return which distinct value every row has, and the distinct values in the rows' order."""
    codes, values = column.factorize(use_na_sentinel=False)
    found = np.asarray(values)
    if found.dtype.kind in "biuf":
        return codes, found
    texts = np.empty(len(found), dtype=object)
    texts[:] = ["none" if value is None or value != value else value for value in list(values)]
    return codes, texts


def _check_unique(rows: pd.DataFrame, names: list[str], flat: Any) -> None:
    """Raise ValueError if two rows have the same place."""
    places, counts = np.unique(flat, return_counts=True)
    if (counts > 1).any():
        first = rows[flat == places[counts > 1][0]]
        where = ", ".join(f"{name} = {first[name].tolist()[0]!r}" for name in names)
        raise ValueError(
            f"{int((counts - 1).sum())} rows repeat a point and chip ({where}), as rows of several "
            "sweeps do; merge their files by nsm.merge_rows, or choose the rows of one"
        )


def _with_seeds(found: xr.Dataset, rows: pd.DataFrame) -> xr.Dataset:
    """Return the dataset with the seed of every chip, if every chip has one."""
    if "seed" not in rows.columns or rows.groupby("chip")["seed"].nunique().max() > 1:
        return found
    seeds = rows.drop_duplicates("chip").set_index("chip")["seed"]
    chips = found["chip"].to_numpy()
    return found.assign_coords(seed=("chip", seeds.loc[chips].to_numpy()))
