"""Noise of cells behind wires, against arrays solved again for every draw."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import (
    Wires,
)
from tests.helpers.statistics import assert_mean, assert_variance
from tests.helpers.wires import EVERY, ends, random_array


@ends
@pytest.mark.parametrize("shape", [(4, 5), (5, 3), (1, 4), (4, 1)])
def test_noise_variance_is_that_of_finite_differences(shape, end, rng):
    wires, g, v = replace(EVERY, **end), random_array(rng, *shape), rng.uniform(-1, 1, shape[0])
    variance, expected = (0.1 * g) ** 2 * rng.random(shape), 0.0
    for k in np.ndindex(shape):
        step = np.zeros(shape)
        step[k] = 1e-3 * g[k]
        slope = (wires.currents(g + step, v) - wires.currents(g - step, v)) / (2 * step[k])
        expected = expected + slope**2 * variance[k]
    np.testing.assert_allclose(wires.noise_variance(g, v, variance), expected, rtol=1e-6)


def test_small_noise_of_arrays_solved_anew_has_the_variance(rng):
    wires, g, v = EVERY, 50 * random_array(rng, 6, 4), rng.uniform(-1, 1, 6)
    draws = g * (1 + 0.01 * rng.standard_normal((5000, 6, 4)))
    currents = np.array([wires.currents(one, v) for one in draws])
    variance = wires.noise_variance(g, v, (0.01 * g) ** 2)
    assert_variance(currents, variance, wires.currents(g, v))
    assert_mean(currents, wires.currents(g, v))
    # Without wires it is twice as large and more.
    assert (variance < 0.5 * v**2 @ (0.01 * g) ** 2).all()


@pytest.mark.parametrize("r", [0.5, 2.0, 8.0])
def test_noise_transfer_is_near_noise_variance(r, rng):
    # The wires take 0.6, 1.2 and 3.7 %. In units of that: ± 1 V leave at most 1.0 (over inputs:
    # spread 0.2, mean 0.002), 1 V everywhere 0.2 to 1.5. Second order only on the average over
    # signs.
    g, wires = random_array(rng, 32, 32), Wires(r, r, 20.0)
    variance, loss = (0.1 * g) ** 2, 1 - wires.effective_conductance(g).sum() / g.sum()
    transfer = wires.noise_transfer(g, variance)
    signs = rng.choice([-1.0, 1.0], (40, 32))
    ratio = (
        signs**2 @ transfer / np.array([wires.noise_variance(g, v, variance) for v in signs]) - 1
    )
    assert np.abs(ratio).max() < 1.2 * loss
    assert abs(ratio.mean()) < 0.1 * loss
    positive = np.ones(32) @ transfer / wires.noise_variance(g, np.ones(32), variance) - 1
    assert (positive > 0).all()
    assert positive.max() < 2 * loss


def test_noise_transfer_is_exact_for_one_word_line(rng):
    g, v = random_array(rng, 1, 6), rng.uniform(-1, 1, 1)
    transfer, exact = (
        EVERY.noise_transfer(g, (0.1 * g) ** 2),
        EVERY.noise_variance(g, v, (0.1 * g) ** 2),
    )
    np.testing.assert_allclose(v**2 @ transfer, exact, rtol=1e-10)
