"""A tabulated programming error: the table at its knots, normal around it, as an axis of sweeps."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from scipy.stats import norm

from devices import Device, StateDependentError, TabulatedError
from tests.helpers.statistics import assert_mean, assert_variance

G = (1e-6, 4e-6, 1e-5, 2e-5)
STD = (1e-7, 6e-7, 2e-7, 3e-7)
MEAN = (2e-7, 0.0, -1e-7, -4e-7)
TABLE = TabulatedError(conductances=G, std=STD, mean=MEAN)
CELLS = 40_000


def test_moments_are_the_monotone_cubic_through_the_table():
    g = np.linspace(G[0], G[-1], 57)
    mean, std = (PchipInterpolator(G, row)(g) for row in (MEAN, STD))
    np.testing.assert_allclose(TABLE.bias(g), mean, rtol=1e-9, atol=1e-20)
    np.testing.assert_allclose(TABLE.law(g), (mean, std), rtol=1e-9, atol=1e-20)
    np.testing.assert_allclose(TABLE.sigma(g), np.hypot(mean, std), rtol=1e-9)
    # Beyond the table the error is that of its end.
    np.testing.assert_allclose(TABLE.bias(np.array([0.0, 1e-3])), MEAN[::3])
    np.testing.assert_allclose(TABLE.law(np.array([0.0, 1e-3]))[1], STD[::3])


def test_cells_are_normal_around_the_target_and_the_mean_error(rng):
    target = np.tile([1e-6, 2e-6, 1e-5], (CELLS, 1))
    error = TABLE.program(target, rng=rng) - target
    mean, std = TABLE.law(target[0])
    assert_mean(error, mean)
    assert_variance(error, std**2, mean)


def test_without_a_mean_it_is_the_polynomial_error_of_the_same_size():
    table = TabulatedError(conductances=(0.0, 1e-5), std=(1e-7, 3e-7))
    same = StateDependentError(coefficients=(1e-7, 0.02))
    target = np.linspace(0, 1e-5, 1000)
    np.testing.assert_allclose(table.sigma(target), same.sigma(target), rtol=1e-12)
    np.testing.assert_array_equal(table.bias(target), 0)
    np.testing.assert_allclose(
        table.program(target, rng=1), same.program(target, rng=1), rtol=1e-12
    )


def test_the_factor_scales_mean_and_spread():
    g = np.array([1e-6, 5e-6])
    double = replace(TABLE, error_factor=2.0)
    np.testing.assert_allclose(double.law(g), 2 * np.array(TABLE.law(g)))
    np.testing.assert_array_equal(replace(TABLE, error_factor=0).program(g, rng=0), g)


def test_moments_of_a_device_include_mean_and_clipping(rng):
    device = Device(g_min=1e-6, g_max=1e-5, write=TABLE)
    target = np.array([1e-6, 1.5e-6, 5e-6, 1e-5])
    cells = device.program(np.tile(target, (CELLS, 1)), rng=rng)
    bias, variance = device.programming_moments(target)
    assert_mean(cells - target, bias)
    assert_variance(cells, variance, target + bias)
    # The largest target: half of a normal around g_max − 0.1 µS with σ = 0.2 µS is cut at 0.1 µS.
    cut = 1e-7 / 2e-7
    kept = 2e-7 * (norm.pdf(cut) - cut * norm.sf(cut))  # E max(X, 0) beyond the end
    np.testing.assert_allclose(bias[-1], -1e-7 - kept, rtol=1e-9)


def test_lists_tuples_and_arrays_are_the_same_table():
    other = TabulatedError(conductances=list(G), std=np.array(STD), mean=np.array(MEAN))
    assert other == TABLE
    assert hash(other) == hash(TABLE)


BAD = [
    ({"std": (1e-7,)}, r"TabulatedError\.std is of length 1 for 4 conductances; give one for each"),
    ({"mean": (1e-7,)}, r"TabulatedError\.mean is of length 1 for 4 conductances"),
    (
        {"std": (1e-7, -1e-7, 0, 0)},
        r"TabulatedError\.std\[1\] = -1e-07 is not allowed.*\[0, inf\) S",
    ),
    ({"std": (1e-7, float("nan"), 0, 0)}, r"TabulatedError\.std\[1\] = nan is not allowed"),
    ({"std": 1e-7}, r"TabulatedError\.std = 1e-07 is not a row of numbers; give a list \[S\]"),
    ({"conductances": (1e-6, 3e-6, 2e-6, 4e-6)}, r"conductances must rise, but \[2\] = 2e-06"),
    ({"conductances": (-1e-6, 3e-6, 4e-6, 5e-6)}, r"conductances\[0\] = -1e-06 is not allowed"),
    ({"error_factor": -1}, r"TabulatedError\.error_factor = -1 is not allowed"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_bad_table_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TABLE, **changes)
