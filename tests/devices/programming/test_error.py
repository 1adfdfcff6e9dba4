"""Programming error: normal around the target, of the size the model says, never below 0 S."""

import numpy as np
import pytest
from scipy.stats import norm

from devices import IdealWrite, SaturatingError, StateDependentError
from tests.helpers.statistics import assert_mean, assert_variance

CELLS = 40_000


def test_ideal_write_lands_on_the_target_without_touching_its_input(rng):
    target = np.array([1e-6, 2e-6])
    g = IdealWrite().program(target, rng=rng)
    np.testing.assert_array_equal(g, target)
    assert not np.shares_memory(g, target)
    np.testing.assert_array_equal(IdealWrite().sigma(target), [0, 0])


def test_sigma_is_the_polynomial_times_the_error_factor_floored_at_zero():
    write = StateDependentError(coefficients=(1e-7, -3e-7, 2e-8), g_ref=1e-5, error_factor=2.0)
    g = np.array([0.0, 2e-6, 1e-5])
    # σ = error_factor · max(c0 + c1 r + c2 r², 0), r = g/g_ref = 0, 0.2, 1.
    expected = [2e-7, 2 * (1e-7 - 0.6e-7 + 2e-8 * 0.04), 0.0]
    np.testing.assert_allclose(write.sigma(g), expected, rtol=1e-12)


def test_published_errors_of_wan_and_falcone_are_reproduced():
    # 0.72, 2.02, 1.17 µS at 1, 20, 39 µS (Wan, aihwkit); 0.0104, 0.095 µS at 9, 88 µS (Falcone);
    # bound: half a unit of the last printed digit.
    wan = StateDependentError(
        coefficients=(3.48e-7, 1.603e-5, -4.3853e-5, 4.5393e-5, -1.6815e-5), g_ref=4e-5
    )
    falcone = StateDependentError(coefficients=(8.1107e-10, 0.00106879))
    assert (
        np.abs(wan.sigma(np.array([1e-6, 20e-6, 39e-6])) * 1e6 - [0.72, 2.02, 1.17]) <= 0.005
    ).all()
    assert (
        np.abs(falcone.sigma(np.array([9e-6, 88e-6])) * 1e6 - [0.0104, 0.095]) <= [0.00005, 0.0005]
    ).all()


def test_error_is_normal_with_the_states_sigma_and_independent_between_cells(rng):
    write = StateDependentError(coefficients=(1e-7, 0.02))
    target = np.tile([1e-6, 5e-6, 2e-5], (CELLS, 1))
    g = write.program(target, rng=rng)
    # σ(g) = 0.1 µS + 0.02 g.
    assert_mean(g, target[0])
    assert_variance(g, np.array([1.2e-7, 2e-7, 5e-7]) ** 2, target[0])
    assert_mean((g[:-1] - target[0]) * (g[1:] - target[0]), 0)


def test_a_draw_below_zero_is_clipped_to_zero(rng):
    target = 1e-6
    sigma = 1e-6
    g = StateDependentError(coefficients=(sigma,)).program(np.full(CELLS, target), rng=rng)
    # max(N(g, σ²), 0) at g = σ: P(0) = Φ(−1), mean g Φ(1) + σ φ(1).
    assert g.min() == 0
    assert_mean((g == 0).astype(float), norm.cdf(-1))
    assert_mean(g, target * norm.cdf(1) + sigma * norm.pdf(1))


def test_an_error_factor_of_zero_is_ideal(rng):
    target = np.linspace(1e-6, 1e-5, 10)
    g = StateDependentError(coefficients=(1e-7,), error_factor=0).program(target, rng=rng)
    np.testing.assert_array_equal(g, target)


def test_coefficients_given_as_a_list_compare_equal_to_a_tuple():
    assert StateDependentError(coefficients=[1e-7, 0.1]) == StateDependentError(
        coefficients=(1e-7, 0.1)
    )


def test_a_saturating_error_rises_from_nothing_to_its_largest():
    write = SaturatingError(largest=2e-7, g_ref=1e-6, error_factor=3.0)
    # σ = error_factor · largest · (1 − e^(−g/g_ref)): at small g, g error_factor largest/g_ref, to
    # half of g/g_ref.
    np.testing.assert_allclose(
        write.sigma(np.array([0.0, 1e-6, 1e-4])), [0, 6e-7 * (1 - np.exp(-1)), 6e-7], rtol=1e-12
    )
    np.testing.assert_allclose(write.sigma(np.array([1e-18])), 6e-7 * 1e-12, rtol=1e-11)
    np.testing.assert_array_equal(
        SaturatingError(largest=2e-7, g_ref=1e-6, error_factor=0).sigma(np.ones(2)), 0
    )


def test_published_error_of_sonos_is_reproduced():
    # Agrawal et al. 2022 by way of CrossSim: σ_I = 19.88665 nA (1 − e^(−I/176.3115 nA));
    # conductances are for 0.1 V.
    current = np.array([10e-9, 200e-9, 1.6e-6])
    write = SaturatingError(largest=1.98866e-7, g_ref=1.76312e-6)
    expected = 19.88665e-9 * (1 - np.exp(-current / 176.3115e-9))
    np.testing.assert_allclose(write.sigma(current / 0.1) * 0.1, expected, rtol=1e-5)


def test_a_saturating_error_is_normal_and_clipped_at_zero(rng):
    write = SaturatingError(largest=1e-6, g_ref=1e-6)
    target = np.array([0.0, 1e-6, 1e-5])
    g = write.program(np.tile(target, (CELLS, 1)), rng=rng)
    np.testing.assert_array_equal(g[:, 0], 0)  # an empty cell is met exactly
    sigma = write.sigma(target)[1:]
    h = target[1:] / sigma
    mean = target[1:] * norm.cdf(h) + sigma * norm.pdf(h)
    assert_mean(g[:, 1:], mean)
    square = (target[1:] ** 2 + sigma**2) * norm.cdf(h) + target[1:] * sigma * norm.pdf(h)
    assert_variance(g[:, 1:], square - mean**2, mean)
    assert g.min() == 0


BAD_SATURATING = [
    (
        {"largest": -1e-7},
        r"SaturatingError\.largest = -1e-07 is not allowed; give a finite number in \[0, inf\) S",
    ),
    (
        {"g_ref": 0},
        r"SaturatingError\.g_ref = 0 is not allowed; give a finite number in \(0, inf\) S",
    ),
    ({"g_ref": "x"}, r"SaturatingError\.g_ref = 'x' is not a number"),
    (
        {"error_factor": -1},
        r"SaturatingError\.error_factor = -1 is not allowed; give a finite number in \[0, inf\)",
    ),
]


@pytest.mark.parametrize(("changes", "message"), BAD_SATURATING)
def test_a_bad_saturating_error_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SaturatingError(**({"largest": 1e-7, "g_ref": 1e-6} | changes))


BAD = [
    (
        {"coefficients": 0.05},
        r"coefficients = 0.05 is not a list; give .* 5 % of each conductance",
    ),
    (
        {"coefficients": ()},
        r"StateDependentError\.coefficients is empty; give at least the constant term \[S\]",
    ),
    (
        {"coefficients": (1e-7, float("nan"))},
        r"StateDependentError\.coefficients = nan is not allowed",
    ),
    ({"coefficients": ("a",)}, r"StateDependentError\.coefficients = 'a' is not a number"),
    ({"coefficients": (1e-7,), "g_ref": 0}, r"StateDependentError\.g_ref = 0 is not allowed"),
    (
        {"coefficients": (1e-7,), "error_factor": -1},
        r"StateDependentError\.error_factor = -1 is not allowed",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_write_model_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        StateDependentError(**arguments)
