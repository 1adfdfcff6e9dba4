"""Conductances whose effective values, after IR drop, are the wanted ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Wires
from tests.helpers.wires import ends, random_array


@ends
def test_compensated_cells_have_the_wanted_effective_values_as_far_as_the_range_allows(end, rng):
    wires = Wires(5.0, 5.0, 50.0, 20.0, **end)
    target = random_array(rng, 20, 30)
    free = wires.compensated(target, 0.0, 1.0)
    np.testing.assert_allclose(wires.effective_conductance(free), target, rtol=1e-6)
    assert (free > target).all()
    g_max = 0.5 * target.max()
    bound = wires.compensated(target, 2e-6, g_max)
    assert bound.min() == 2e-6
    assert bound.max() == g_max
    assert missed(wires, bound, target) < missed(wires, np.clip(target, 2e-6, g_max), target)


def missed(wires, g, target):
    """Return the relative root-mean-square error of the effective conductances of cells g."""
    return np.linalg.norm(wires.effective_conductance(g) - target) / np.linalg.norm(target)


@pytest.mark.parametrize(
    ("ohms", "plain", "best", "end"), [(3, 0.297, 0.224, 0.229), (10, 0.580, 0.562, 0.572)]
)
def test_compensation_stops_at_the_smallest_error_of_all_steps(ohms, plain, best, end, rng):
    wires = Wires(ohms, ohms)
    ends = (9e-6, 88e-6)
    target = g = rng.uniform(*ends, (64, 64))
    errors = [missed(wires, g, target)]
    for _ in range(10):  # iterations without that stop
        g = np.clip(g * target / wires.effective_conductance(g), *ends)
        errors.append(missed(wires, g, target))
    found = missed(wires, wires.compensated(target, *ends), target)
    assert found == pytest.approx(min(errors), rel=1e-12)  # sums in another order
    np.testing.assert_allclose([errors[0], found, errors[-1]], [plain, best, end], rtol=0.02)


@pytest.mark.parametrize("steps", [0, 1, 10])
def test_compensation_that_cannot_help_leaves_the_cells_as_they_are(steps, rng):
    target = rng.uniform(9e-6, 88e-6, (64, 64))
    np.testing.assert_array_equal(
        Wires(30.0, 30.0).compensated(target, 9e-6, 88e-6, steps=steps), target
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
@settings(deadline=None)
def test_compensation_never_raises_the_error(seed, m, n):
    rng = np.random.default_rng(seed)
    wires = Wires(*10 ** rng.uniform(-1, 4, 5))
    target = 10 ** rng.uniform(-7, -3, (m, n))
    g_min, g_max = np.sort(10 ** rng.uniform(-7, -3, 2))
    g = wires.compensated(target, g_min, g_max)
    assert g_min <= g.min() <= g.max() <= g_max
    assert missed(wires, g, target) <= missed(wires, np.clip(target, g_min, g_max), target)
