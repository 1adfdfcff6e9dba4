"""The variance that noise of the cells puts on currents behind wires."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Wires
from tests.helpers.statistics import assert_mean, assert_variance
from tests.helpers.wires import EVERY, ends, random_array


@ends
@pytest.mark.parametrize("shape", [(4, 5), (5, 3), (1, 4), (4, 1)])
def test_noise_variance_is_that_of_finite_differences(shape, end, rng):
    wires = replace(EVERY, **end)
    g = random_array(rng, *shape)
    v = rng.uniform(-1, 1, shape[0])
    variance = (0.1 * g) ** 2 * rng.random(shape)
    expected = 0.0
    for k in np.ndindex(shape):
        step = np.zeros(shape)
        step[k] = 1e-3 * g[k]
        slope = (wires.currents(g + step, v) - wires.currents(g - step, v)) / (2 * step[k])
        expected = expected + slope**2 * variance[k]
    np.testing.assert_allclose(wires.noise_variance(g, v, variance), expected, rtol=1e-6)


def test_arrays_solved_for_every_draw_of_small_noise_have_the_variance(rng):
    wires = EVERY
    g = 50 * random_array(rng, 6, 4)
    v = rng.uniform(-1, 1, 6)
    draws = g * (1 + 0.01 * rng.standard_normal((5000, 6, 4)))
    currents = np.array([wires.currents(one, v) for one in draws])
    variance = wires.noise_variance(g, v, (0.01 * g) ** 2)
    assert_variance(currents, variance, wires.currents(g, v))
    assert_mean(currents, wires.currents(g, v))
    # Without wires the variance is more than twice as large.
    assert (variance < 0.5 * v**2 @ (0.01 * g) ** 2).all()


@pytest.mark.parametrize("r", [0.5, 2.0, 8.0])
def test_noise_transfer_is_near_noise_variance(r, rng):
    # IR drop takes 0.6, 1.2 and 3.7 % of the current. Errors of the transfer in units of that loss,
    # as measured: at most 1.0 with inputs of ± 1 V (spread over inputs 0.2, mean 0.002), and 0.2 to
    # 1.5 with 1 V everywhere. Only the average over signs is of second order.
    g = random_array(rng, 32, 32)
    wires = Wires(r, r, 20.0)
    variance = (0.1 * g) ** 2
    loss = 1 - wires.effective_conductance(g).sum() / g.sum()
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
    g = random_array(rng, 1, 6)
    v = rng.uniform(-1, 1, 1)
    transfer = EVERY.noise_transfer(g, (0.1 * g) ** 2)
    exact = EVERY.noise_variance(g, v, (0.1 * g) ** 2)
    np.testing.assert_allclose(v**2 @ transfer, exact, rtol=1e-10)
