"""Main array and deterministic path that are drawn as one: their law, and rows that stay alone."""

import numpy as np
import pytest

from crossbar import Hardware, NeuronArray, ReferenceColumn
from crossbar.arrays.merged import MergedSums
from devices import BlankOut, Device, GaussianNoise, NoNoise, StateDependentError, TelegraphNoise
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

QUIET = Device(g_min=1e-6, g_max=1e-5, write=StateDependentError(coefficients=(1e-7,)))
NOISY = Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.3))
CASES = {
    "moments": (Hardware(device=QUIET, gate=BlankOut(0.5)), "moments"),
    "Gaussian cells": (Hardware(device=NOISY), "exact"),
}


def layer(hardware, rng, **options):
    options = {"a": rng.uniform(-1, 1, 3), **options}
    w = rng.uniform(-0.5, 0.5, (3, 40))
    return NeuronArray.program(w, hardware, siemens_per_weight=9e-6, rng=1, **options)


@pytest.mark.parametrize("case", CASES)
def test_one_draw_has_the_moments_of_both_arrays(case, rng):
    hardware, sampling = CASES[case]
    neurons = layer(hardware, rng)
    assert MergedSums().of(neurons, sampling) is not None
    x = rng.choice([-1.0, 1.0], (2, 40))
    u = neurons.read(x, rng=2, sampling=sampling, reads_per_input=5000)
    u = u.reshape(2, 5000, 3).swapaxes(0, 1)
    mean, variance = neurons.moments(x)
    assert_mean(u, mean)
    assert_variance(u, variance, mean)
    assert_covariance(u[:, 0, 0], u[:, 0, 1], 0.0)
    assert_covariance(u[1:, 0], u[:-1, 0], 0.0)


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_read_as_it_is_beside_other_rows(case, rng):
    hardware, sampling = CASES[case]
    neurons = layer(hardware, rng)
    x = rng.choice([-1.0, 0.0, 1.0], (9, 40))
    plain = neurons.read(x, rng=2, sampling=sampling, reads_per_input=3)
    x[4] *= 0.3
    mixed = neurons.read(x, rng=2, sampling=sampling, reads_per_input=3)
    others = np.arange(27) // 3 != 4
    np.testing.assert_array_equal(mixed[others], plain[others])


def test_factors_that_change_are_read_as_they_are(rng):
    neurons = layer(Hardware(device=NOISY), rng)
    x = np.ones((1, 40))
    before = neurons.read(x, rng=0)
    neurons.a = neurons.a + 1
    path = neurons.deterministic_path.moments(x)[0]
    after = neurons.read(x, rng=0)
    std = np.sqrt(neurons.moments(x)[1])
    assert (np.abs(after - before - path) < 5 * std).all()
    assert (after != before).all()


@pytest.mark.parametrize(
    ("hardware", "sampling"),
    [
        (Hardware(device=QUIET, gate=BlankOut(0.5)), "exact"),
        (Hardware(device=QUIET), "exact"),
        (Hardware(device=QUIET, gate=BlankOut(0.5), gate_sharing="word_line"), "moments"),
        (Hardware(device=NOISY, mapping=ReferenceColumn()), "exact"),
        (Hardware(device=Device(g_min=1e-6, g_max=1e-5, levels=8), gate=BlankOut(0.5)), "moments"),
        (
            Hardware(
                device=Device(g_min=1e-6, g_max=1e-5, read_noise=TelegraphNoise(0.1, 1e-3, 1e-3)),
                gate=NoNoise(),
            ),
            "moments",
        ),
    ],
)
def test_other_arrays_are_read_apart(hardware, sampling, rng):
    assert MergedSums().of(layer(hardware, rng), sampling) is None


def test_factors_of_locations_are_read_apart(rng):
    neurons = layer(Hardware(device=NOISY), rng, a=rng.uniform(-1, 1, (4, 3)))
    assert MergedSums().of(neurons, "exact") is None
