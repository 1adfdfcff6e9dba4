"""The number of independent reads that consecutive, correlated reads are worth."""

import numpy as np
import pytest
import torch

import devices
from crossbar import Hardware
from crossbar.arrays import precision
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from nsm import NSMConv2d, map_to_crossbar, theory
from tests.helpers.noise_with_memory import (
    DEVICE,
    PERIOD,
    ROW,
    SELECTOR,
    TRAP,
    TRAPS,
    X,
    neurons_of,
    rows_of,
    sharings,
)
from tests.helpers.statistics import assert_mean, assert_variance


def worth(samples, correlations):
    """Return S_eff = S/(1 + 2 Σ_{k<S} (1 − k/S) ρ_k), summed term by term."""
    return samples / (1 + 2 * sum((1 - k / samples) * correlations(k) for k in range(1, samples)))


@pytest.mark.parametrize("samples", [1, 2, 7, 50])
@pytest.mark.parametrize("has_path", [False, True])
def test_effective_samples_of_one_geometric_correlation(samples, has_path):
    n = 3
    # The deterministic path and the bias lines have traps of the same rate.
    a, b = (np.full(n, 0.7), np.full(n, 0.4)) if has_path else (None, None)
    neurons = neurons_of(np.tile(ROW, (n, 1)), noise=TRAP, a=a, b=b)
    rho = np.exp(-PERIOD * TRAP.rate)
    expected = theory.effective_samples(samples, rho)
    np.testing.assert_allclose(worth(samples, lambda k: rho**k), expected, rtol=1e-12)
    np.testing.assert_allclose(precision.effective_samples(neurons, samples), expected, rtol=1e-9)


@sharings
def test_effective_samples_of_a_selector(sharing):
    w, _ = rows_of(sharing, 20)
    # The deterministic path has no gate and no noise.
    neurons = neurons_of(w, gate=SELECTOR, gate_sharing=sharing, a=np.full(20, -0.3))
    expected = worth(30, lambda k: np.arcsin(0.9**k) / (np.pi / 2))
    np.testing.assert_allclose(precision.effective_samples(neurons, 30), expected, rtol=1e-9)


def test_reads_without_memory_are_independent_and_reads_without_noise_give_nan():
    w = np.tile(ROW, (2, 1))
    np.testing.assert_array_equal(
        precision.effective_samples(neurons_of(w, gate=devices.BlankOut(0.5)), 30), [30, 30]
    )
    assert np.isnan(precision.effective_samples(neurons_of(w), 30)).all()


def test_reads_of_frozen_traps_are_worth_one_read():
    frozen = devices.TelegraphNoise(0.4, 1e3, 1e3)
    np.testing.assert_allclose(
        precision.effective_samples(neurons_of(ROW[None], noise=frozen), 100), 1, rtol=1e-6
    )


@pytest.mark.parametrize(
    "options",
    [
        {"noise": TRAP},
        {"gate": SELECTOR},
        {"gate": SELECTOR, "noise": TRAP, "gate_sharing": "cell"},
        {"gate": devices.BlankOut(0.5), "noise": TRAP},
        {"gate": SELECTOR, "noise": TRAP, "a": 0.5, "b": 0.3},
    ],
)
def test_a_mean_of_many_reads_varies_as_effective_samples_say(options):
    n = 3000
    samples = 12
    spread = {key: np.full(n, options[key]) for key in ("a", "b") if key in options}
    neurons = neurons_of(np.tile(ROW, (n, 1)), **(options | spread))
    x = np.ones(3)
    # Outputs have independent noise.
    means = neurons.read(x[None], rng=1, reads_per_input=samples).mean(axis=0)
    mean, variance = neurons.moments(x[None])
    s_eff = precision.effective_samples(neurons, samples)
    assert (s_eff < 0.95 * samples).all()
    assert_mean(means, mean[0, 0])
    assert_variance(means, variance[0, 0] / s_eff[0], mean[0, 0])


def test_chips_of_one_neuron_agree_with_many_neurons_of_one_chip():
    # The same on 400 chips of one output each: the result does not depend on sharing an array.
    chips = [neurons_of(ROW[None], gate=SELECTOR, noise=TRAP, rng=seed) for seed in range(400)]
    means = np.array(
        [chip.read(X[None], rng=seed, reads_per_input=10).mean() for seed, chip in enumerate(chips)]
    )
    mean, variance = (float(m[0, 0]) for m in chips[0].moments(X[None]))
    assert_mean(means, mean)
    assert_variance(means, variance / precision.effective_samples(chips[0], 10)[0], mean)


@pytest.mark.parametrize(
    "options", [{"noise": TRAPS}, {"gate": devices.StochasticSelector(correlation=0.9, spread=2.0)}]
)
def test_no_chip_is_worth_less_than_one_read_or_more_than_all(options):
    # Traps and thresholds differ from cell to cell: some outputs have little noise, some have no
    # noise at all.
    w = np.random.default_rng(3).uniform(-1, 1, (200, 2))
    s_eff = precision.effective_samples(neurons_of(w, **options), 20)
    known = s_eff[~np.isnan(s_eff)]
    assert len(known) > 100
    assert (known >= 1 - 1e-9).all()
    assert (known <= 20 + 1e-9).all()


def test_samples_of_a_convolution_are_as_far_apart_as_it_has_locations():
    torch.manual_seed(0)
    model = torch.nn.Sequential(NSMConv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 2))
    chip = map_to_crossbar(
        model, Hardware(device=DEVICE, gate=SELECTOR, deterministic_path="ideal"), rng=0
    )
    assert chip.sample(np.ones((1, 1, 4, 4)), 3, rng=0).shape == (3, 1, 2)  # 2 × 2 locations
    expected = worth(20, lambda k: np.arcsin(0.9 ** (4 * k)) / (np.pi / 2))
    np.testing.assert_allclose(chip.effective_samples(20)["median"][0], expected, rtol=1e-6)


def test_the_mean_over_one_location_varies_as_its_effective_samples_say():
    n = 3000
    samples = 12
    locations = 4
    neurons = neurons_of(np.tile(ROW, (n, 1)), gate=SELECTOR)
    x = np.ones((locations, 3))
    u = neurons.read_span(
        Inputs(x),
        Span(0, samples * locations, samples, locations),
        seed=np.random.SeedSequence(1),
        sampling="exact",
    )
    mean, variance = neurons.moments(x[:1])
    s_eff = precision.effective_samples(neurons, samples, locations=locations)
    assert s_eff[0] > 1.5 * precision.effective_samples(neurons, samples)[0]
    assert_variance(u[::locations].mean(axis=0), variance[0, 0] / s_eff[0], mean[0, 0])
