"""The law of a read gives the same numbers for numpy arrays and torch tensors.

Both get the same normals; only the library that adds and multiplies differs.
"""

import numpy as np
import pytest
import torch

from crossbar.reads.law import bernoulli_sums, gaussian_sums

READS = 50
OUTPUTS = 6
REFERENCES = 2
REFERENCE_OF = np.array([0, 0, 0, 1, 1, 1])
LIBRARIES = {"numpy": np.array, "torch": torch.tensor}


def both(call):
    """Return what `call`, given a maker of arrays, returns for numpy and for torch."""
    ours, theirs = (call(make) for make in LIBRARIES.values())
    assert isinstance(ours, np.ndarray)
    assert isinstance(theirs, torch.Tensor)
    return ours, theirs.numpy()


def made(make, values):
    """Return an array of the values, or None for None."""
    return None if values is None else make(values)


@pytest.fixture
def numbers(rng):
    """Return means, standard deviations and normals of `gaussian_sums`."""
    return {
        "mean": rng.standard_normal((READS, OUTPUTS)),
        "own_std": rng.random((READS, OUTPUTS)),
        "shared_std": rng.random((1, REFERENCES)),
        "own": rng.standard_normal((READS, OUTPUTS)),
        "shared": rng.standard_normal((READS, REFERENCES)),
    }


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_gaussian_sums_are_the_same_in_numpy_and_torch(own, shared, numbers):
    def sums(make):
        return gaussian_sums(
            make(numbers["mean"]),
            make(numbers["own_std"]) if own else None,
            make(numbers["shared_std"]) if shared else None,
            make(REFERENCE_OF),
            lambda which, columns: make(numbers[which][:, :columns]),
        )

    ours, theirs = both(sums)
    expected = numbers["mean"].copy()
    if own:
        expected += numbers["own_std"] * numbers["own"]
    if shared:
        expected += (numbers["shared_std"] * numbers["shared"])[:, REFERENCE_OF]
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_gaussian_sums_ask_for_as_many_normals_as_there_are_columns(numbers):
    asked = []

    def normals(which, columns):
        asked.append((which, columns))
        return numbers[which]

    gaussian_sums(numbers["mean"], numbers["own_std"], numbers["shared_std"], REFERENCE_OF, normals)
    assert asked == [("own", OUTPUTS), ("shared", REFERENCES)]


@pytest.mark.parametrize("noisy", [True, False])
@pytest.mark.parametrize(
    "columns", [(None,), (None, None), (None, REFERENCE_OF)], ids=["pair", "cells", "reference"]
)
@pytest.mark.parametrize("unit", [1.0, 0.25])
def test_bernoulli_sums_are_the_same_in_numpy_and_torch(unit, columns, noisy, rng):
    widths = [OUTPUTS if of_outputs is None else REFERENCES for of_outputs in columns]
    signals = [rng.standard_normal((READS, n)) for n in widths]
    variances = [rng.random((READS, n)) for n in widths]
    normals = [rng.standard_normal((READS, n)) for n in widths]
    # Sums in another order may leave a variance a little below zero; its noise is then zero.
    variances[0][0] = -1e-20

    def sums(make):
        def draw(index):
            noise = (make(variances[index]), make(normals[index])) if noisy else (None, None)
            return make(signals[index]), *noise

        return bernoulli_sums([made(make, c) for c in columns], draw, unit)

    ours, theirs = both(sums)
    parts = signals
    if noisy:
        parts = [
            s + np.sqrt(np.maximum(v, 0)) / unit * n
            for s, v, n in zip(signals, variances, normals, strict=True)
        ]
    expected = parts[0]
    if len(columns) == 2:
        negative = parts[1] if columns[1] is None else parts[1][:, columns[1]]
        expected = (parts[0] - negative) * unit
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(theirs, ours, rtol=1e-12, atol=1e-12)
