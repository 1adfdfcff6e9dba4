"""Noise states during waiting times: traps, 1/f noise and thresholds advance without reads.

Reads with `sampling="moments"`, which ignore the states, warn.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from crossbar import Hardware, TiledArray
from devices import (
    BlankOut,
    FlickerNoise,
    GaussianNoise,
    LognormalNoise,
    ProductNoise,
    StochasticSelector,
    TelegraphNoise,
)
from nsm import map_to_crossbar, nsm_mlp
from tests.helpers.noise_with_memory import (
    DEVICE,
    PERIOD,
    ROW,
    SELECTOR,
    TRAP,
    TRAPS,
    X,
    array_of,
    both,
    rows_of,
    sharings,
)
from tests.helpers.statistics import assert_mean, assert_variance

FLICKER = FlickerNoise(q=0.1, f_low=1e3, f_high=1e6)
MEMORIES = {
    "selector": {"gate": SELECTOR},
    "selector per cell": {"gate": SELECTOR, "gate_sharing": "cell"},
    "traps": {"noise": TRAP},
    "traps averaged": {"noise": replace(TRAP, traps=2, window=5e-7)},
    "ensemble": {"noise": TRAPS},
    "ensemble averaged": {"noise": replace(TRAPS, window=5e-7)},
    "flicker": {"noise": FLICKER},
    "products": {
        "noise": ProductNoise(TRAP, LognormalNoise(0.2)),
        "gate": ProductNoise(BlankOut(0.5), SELECTOR),
    },
}
memories = pytest.mark.parametrize("memory", MEMORIES)


def covariance_over(ages, memory, maker, n=2500):
    """Return products of deviations of the last read before these ages [s] and of the first read
    after them, and their expected mean.
    """
    array = array_of(np.tile(ROW, (n, 1)), maker=maker, **MEMORIES[memory])
    mean = array.moments(X[None])[0]
    before = array.read(np.tile(X, (3, 1)), rng=1)[-1] - mean[0]
    for seconds in ages:
        array.age(seconds)
    after = array.read(X[None], rng=2)[0] - mean[0]
    return before * after, array.reader.moments.covariance(sum(ages) + PERIOD).mean()


@both
@memories
def test_reads_before_and_after_an_age_are_correlated_as_reads_that_far_apart(memory, maker):
    products, expected = covariance_over([3 * PERIOD], memory, maker)
    assert expected > 0
    assert_mean(products, expected)


@memories
def test_several_ages_act_as_one_age_of_their_sum(memory):
    products, expected = covariance_over([PERIOD, 1e-7, 2 * PERIOD], memory, TiledArray)
    assert_mean(products, expected)


@both
@memories
def test_reads_are_independent_across_an_age_beyond_all_time_constants(memory, maker):
    products, expected = covariance_over([1.0], memory, maker)
    assert expected < 1e-12
    assert_mean(products, 0)


@memories
def test_reads_after_an_age_follow_the_stationary_law(memory):
    array = array_of(np.tile(ROW, (2500, 1)), **MEMORIES[memory])
    array.age(2e-5)
    u = array.read(X[None], rng=1)[0]
    mean, variance = array.moments(X[None])
    assert_mean(u - mean[0], 0)
    assert_mean((u - mean[0]) ** 2, variance[0].mean())


@sharings
def test_a_word_lines_gates_advance_with_time(sharing):
    w, x = rows_of(sharing, 400)
    for seconds, remembered in ((0.0, True), (1.0, False)):
        array = array_of(w, gate=replace(SELECTOR, correlation=1 - 1e-9), gate_sharing=sharing)
        before = array.read(x[None], rng=1)
        array.age(seconds)
        assert np.array_equal(array.read(x[None], rng=2), before) == remembered


@both
def test_the_same_ages_give_the_same_reads(maker):
    def aged(*ages):
        array = array_of(np.tile(ROW, (50, 1)), noise=TRAP, gate=SELECTOR, maker=maker)
        for seconds in ages:
            array.age(seconds)
        return array.read(X[None], rng=1)

    np.testing.assert_array_equal(aged(1e-6, 2e-6), aged(1e-6, 2e-6))
    np.testing.assert_array_equal(aged(0.0), aged())
    assert not np.array_equal(aged(1e-6), aged())
    once, twice = aged(1.0), aged(1.0, 1.0)
    assert not np.array_equal(once, twice)  # every age has its own draws


@memories
def test_advancing_does_not_change_the_given_state(memory):
    options = MEMORIES[memory]
    g = np.full((4, 3), 5e-6)
    noise = options.get("noise", options.get("gate"))
    state, same = (noise.init(g, rng=np.random.default_rng(1)) for _ in range(2))
    noise.advance(g, state, 1e-3, rng=np.random.default_rng(2))
    one, other = (
        noise.sample(g, s, 2, rng=np.random.default_rng(3), period=1e-6)[0] for s in (state, same)
    )
    np.testing.assert_array_equal(one, other)


def test_an_age_may_be_shorter_than_a_read():
    # The averaging window is a lower bound of the read period, not of waiting times.
    array = array_of(ROW[None], noise=TelegraphNoise(0.4, 4e-6, 6e-6, window=5e-7))
    array.age(1e-8)
    assert np.isfinite(array.read(X[None], rng=1)).all()


WARNING = (
    r'sampling="moments" draws every read independently, but consecutive reads .* are correlated'
)


@both
@memories
def test_moments_of_hardware_with_memory_warn(memory, maker):
    array = array_of(ROW[None], maker=maker, **MEMORIES[memory])
    with pytest.warns(UserWarning, match=WARNING):
        array.read(X[None], rng=1, sampling="moments")
    array.read(X[None], rng=1)  # exact reads do not: a warning would be an error


@pytest.mark.parametrize(
    "options",
    [
        {"gate": BlankOut(0.5), "noise": GaussianNoise(0.1)},
        {"gate": StochasticSelector(spread=1.0)},
        {"gate": SELECTOR, "gate_sharing": "word_line"},  # these gates are drawn as they are
    ],
)
def test_moments_of_hardware_without_memory_do_not_warn(options):
    array_of(ROW[None], **options).read(X[None], rng=1, sampling="moments")


def test_a_chip_of_several_layers_warns_once():
    torch.manual_seed(1)
    hardware = Hardware(device=replace(DEVICE, read_noise=TRAP), gate=SELECTOR)
    chip = map_to_crossbar(nsm_mlp((6, 5, 4, 3)), hardware, rng=0)
    x = np.ones((4, 6))
    with warnings.catch_warnings():  # compiling the loops resets what Python has shown
        warnings.simplefilter("ignore")
        chip.sample(x, 5, rng=0, sampling="moments")
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")  # as Python starts
        for seed in (1, 2):  # Python shows a warning once for each line of the user
            chip.sample(x, 5, rng=seed, sampling="moments")
    assert len(shown) == 1
    assert shown[0].category is UserWarning


def test_reads_by_moments_are_independent():
    array = array_of(np.tile(ROW, (2000, 1)), noise=TRAP)
    with pytest.warns(UserWarning, match=WARNING):
        off = array.read(np.tile(X, (4, 1)), rng=1, sampling="moments") - array.moments(X[None])[0]
    assert_mean(off[1] * off[2], 0)
    assert_variance(off[1], array.moments(X[None])[1].mean(), 0)
