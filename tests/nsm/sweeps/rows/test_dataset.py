"""Rows as an xarray dataset: every row in its place, NaN where there is none."""

import builtins
import math

import numpy as np
import pandas as pd
import pytest

from nsm import to_xarray

pytest.importorskip("xarray")


def rows_of(points, **columns):
    """Rows of (network, levels, sharing, chip); the errors tell which row it was."""
    return pd.DataFrame(
        [
            {
                "network": network,
                "device.levels": levels,
                "gate_sharing": sharing,
                "gain": 0.5,
                "reprogrammed_scale": 1.0,
                "seconds": 0.0,
                "chip": chip,
                "errors": number,
                "images": 100,
                "samples": 2,
                "seed": 2**62 + chip,
                "elapsed": 0.25,
                "model": "m",
                "task": "t",
                "experiment": "e",
            }
            | columns
            for number, (network, levels, sharing, chip) in enumerate(points)
        ]
    )


POINTS = [
    ("NSM", 8, "pair", 0),
    ("NSM", 8, "pair", 1),
    ("NSM", 2, "cell", 0),
    ("ReLU", None, "pair", 1),
]


def test_every_row_has_its_place():
    rows = rows_of(POINTS)
    data = to_xarray(rows)
    assert dict(data.sizes) == {"network": 2, "device.levels": 3, "gate_sharing": 2, "chip": 2}
    assert data.errors.dims == ("network", "device.levels", "gate_sharing", "chip")
    for row in rows.to_dict("records"):
        if row["device.levels"] == row["device.levels"]:
            place = {k: row[k] for k in ("network", "device.levels", "gate_sharing", "chip")}
            assert float(data.errors.sel(place)) == row["errors"]
            assert float(data.error.sel(place)) == row["errors"] / 100
    assert int(data.errors.notnull().sum()) == len(rows)
    assert float(data.errors.sum()) == rows.errors.sum()
    assert data["device.levels"].values.tolist()[:2] == [8, 2]  # in the order of the rows
    assert math.isnan(data["device.levels"].values[2])
    assert float(data.errors.isel({"device.levels": 2}).sum()) == 3
    assert (float(data.gain), float(data.seconds)) == (0.5, 0.0)
    assert data.elapsed.attrs["units"] == "s"


def test_seeds_are_exact_along_the_chips():
    data = to_xarray(rows_of(POINTS))
    assert data.seed.dims == ("chip",)
    assert data.seed.values.tolist() == [2**62, 2**62 + 1]
    assert "seed" not in to_xarray(rows_of(POINTS).assign(seed=range(4)))


def test_axes_that_all_rows_have_are_dimensions_where_they_vary():
    rows = rows_of(POINTS[:2], training_seed=3)
    rows.loc[1, "gain"] = 1.0
    data = to_xarray(rows)
    assert list(data.errors.dims)[-3:] == ["gain", "training_seed", "chip"]
    assert data.sizes["gate_sharing"] == 1  # an axis with one value


def test_labels_that_are_no_numbers_stay_themselves():
    data = to_xarray(rows_of([("NSM", (32, 32), None, 0), ("NSM", "all", "pair", 0)]))
    assert data["device.levels"].values.tolist() == [(32, 32), "all"]
    assert data["gate_sharing"].values.tolist() == ["none", "pair"]


def test_what_has_no_place_is_refused():
    with pytest.raises(ValueError, match="the rows are empty"):
        to_xarray(rows_of(POINTS)[:0])
    with pytest.raises(ValueError, match="the rows lack the columns elapsed"):
        to_xarray(rows_of(POINTS).drop(columns="elapsed"))
    with pytest.raises(
        ValueError, match=r"1 rows repeat a point and chip \(network = 'NSM', .*chip = 0\).*merge"
    ):
        to_xarray(rows_of([*POINTS, POINTS[0]]))


def test_without_xarray_the_message_says_what_to_do(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "xarray":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"to_xarray needs xarray.*'nsm-crossbar\[xarray\]'"):
        to_xarray(rows_of(POINTS))


def test_the_mean_over_chips_is_that_of_the_rows():
    rows = rows_of([("NSM", v, "pair", c) for v in (2, 4) for c in range(3)])
    mean = to_xarray(rows).error.mean("chip").squeeze().values
    np.testing.assert_allclose(mean, rows.groupby("device.levels").errors.mean() / 100)
