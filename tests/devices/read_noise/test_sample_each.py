"""Reads with a Generator each: those of one call of `sample` for each of them, bit for bit."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pytest

from devices import (
    FlickerNoise,
    GaussianNoise,
    PcmFlicker,
    ReadNoise,
    StochasticSelector,
    TelegraphNoise,
    preset,
)
from devices.seeding import seed_sequence, stream
from tests.helpers import tabulated_device

PERIOD = 2e-6
G = np.geomspace(1e-6, 1e-4, 12).reshape(4, 3)
NOISES = {
    "memoryless": GaussianNoise(0.3),
    "one trap": TelegraphNoise(0.4, 2e-6, 5e-6),
    "two traps, averaged": TelegraphNoise(0.4, 2e-6, 5e-6, 2, window=1e-6),
    "flicker": FlickerNoise(q=PcmFlicker(), f_low=1e2, f_high=1e6),
    "clamped flicker": FlickerNoise(q=0.3, f_low=1e2, f_high=1e6, clamped=True),
    "spectrum": tabulated_device.SPECTRUM,
    "selector": StochasticSelector(z=0.4, correlation=0.95, spread=1.0, leak=0.1),
    "selector without memory": StochasticSelector(z=0.4, spread=1.0, leak=0.1),
    "ensemble": preset("rtn_illustrative").read_noise,
}


def generators(n):
    return [stream(seed_sequence(7), read) for read in range(n)]


@pytest.mark.parametrize("name", NOISES)
def test_reads_and_states_are_those_of_single_calls(name, rng):
    noise = NOISES[name]
    state = noise.init(G, rng=rng)
    before = deepcopy(state)
    xi, last = noise.sample_each(G, state, generators(9), period=PERIOD)
    assert xi.shape == (9, *G.shape)
    one = state
    for read, random in enumerate(generators(9)):
        each, one = noise.sample(G, one, 1, rng=random, period=PERIOD)
        np.testing.assert_array_equal(xi[read], each[0])
    np.testing.assert_equal(last, one)
    # The state before the reads is not changed.
    np.testing.assert_equal(state, before)


@dataclass(frozen=True)
class Halved(TelegraphNoise):
    """A model of a user, who defines `sample` anew and knows nothing of `sample_each`."""

    def sample(self, g, state, n_reads, *, rng, period=None):
        xi, state = super().sample(g, state, n_reads, rng=rng, period=period)
        return xi / 2, state


def test_a_model_that_defines_sample_anew_is_read_by_it(rng):
    noise, original = Halved(0.4, 2e-6, 5e-6), TelegraphNoise(0.4, 2e-6, 5e-6)
    state = noise.init(G, rng=rng)
    xi, _ = noise.sample_each(G, state, generators(5), period=PERIOD)
    expected, _ = original.sample_each(G, state, generators(5), period=PERIOD)
    np.testing.assert_array_equal(xi, expected / 2)
    assert Halved.sample_each is ReadNoise.sample_each
