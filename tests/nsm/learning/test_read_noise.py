"""Reads of learning under the noise of cells: the law of the chip's own reads, at every moment."""

import math

import numpy as np
import pytest
from scipy.special import erf

import devices
from devices.seeding import seed_sequence
from nsm.learning import Gradient, MixedPrecision, learn
from nsm.learning.network import LearningNetwork
from tests.helpers.learning import blobs, chip_of

#: 20 % at 100 µS, more in cells that conduct less.
NOISE = devices.PowerLawNoise(coefficient=0.2, gamma=0.5, g_ref=1e-4)
READS = 4000


def network_of(kind, backward="ungated", **fields):
    chip = chip_of(kind, read_noise=NOISE, **fields)
    chip.scale_conductances(0.6)
    network = LearningNetwork(chip, Gradient(backward=backward), "both", seed_sequence(0))
    pulse(network, 0)
    return network


def pulse(network, seed):
    """Pulse all arrays, and bring them into the chip."""
    random = np.random.default_rng(seed)
    for array in network.arrays().values():
        array.pulse(random.integers(-3, 4, array.weights.shape))
    network.commit()


def inputs_of(network):
    return network.coded(blobs(3)[0])[0]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"deterministic_path": "programmed"},
        {"deterministic_path": "programmed", "bias": "word_line"},
    ],
)
def test_forward_reads_have_the_moments_of_the_chip(fields):
    network = network_of("nsm", **fields)
    layer, x = network.layers[0], inputs_of(network)
    for seed in (1, 2):
        layer.read(x, np.zeros(layer.outputs, np.float32))
        mean, variance = layer.tiles.neurons.moments(x[None].astype(np.float64))
        np.testing.assert_allclose(layer.deviation**2, variance[0], rtol=1e-4)
        expected = mean[0] / np.sqrt(2 * variance[0])
        np.testing.assert_allclose(layer.v, expected, rtol=1e-3, atol=1e-4)
        pulse(network, seed)
    # The noise of the cells is no small part of it.
    of_gates = layer.variance * np.square(layer.arrays.main.weights).sum(axis=1)
    assert (layer.deviation**2 > 1.05 * of_gates).all()


@pytest.mark.parametrize("kind", ["relu", "bd", "stnn"])
def test_sums_of_other_neurons_have_the_noise_of_the_chip(kind):
    network = network_of(kind)
    layer = network.layers[0]
    x = inputs_of(network)
    random = np.random.default_rng(0)
    numbers = random.standard_normal((READS, 2 * layer.outputs)).astype(np.float32)
    if kind == "stnn":
        numbers[:, : layer.outputs] = 0  # no logistic noise: the sums themselves
    sums = []
    for row in numbers:
        layer.read(x, row)
        sums.append(layer.u * (1 if kind == "bd" else layer.readout.factors))
    mean, variance = layer.tiles.neurons.moments(x[None].astype(np.float64))
    error = np.sqrt(variance[0] / READS)
    assert (np.abs(np.mean(sums, axis=0) - mean[0]) < 4.5 * error).all()
    # The standard error of a variance is √(2/n) of it.
    spread = np.var(sums, axis=0) / variance[0]
    assert (np.abs(spread - 1) < 4.5 * math.sqrt(2 / READS)).all()


@pytest.mark.parametrize(
    ("backward", "path"),
    [("gated", "ideal"), ("gated", "programmed"), ("ungated", "programmed")],
)
def test_reads_back_have_the_law_of_the_chip(backward, path):
    network = network_of("nsm", backward, deterministic_path=path)
    layer = network.layers[0]
    assert layer.needs_noise_back
    random = np.random.default_rng(1)
    e = random.normal(size=layer.outputs).astype(np.float32)
    reads = np.array(
        [
            layer.read_back(e, random.standard_normal(layer.inputs).astype(np.float32))
            for _ in range(READS)
        ]
    )
    neurons = layer.tiles.neurons
    array = neurons.main if backward == "gated" else neurons.deterministic_path
    many = array.read_transposed(
        np.repeat(e[None].astype(np.float64), READS, axis=0), rng=0, reads=backward
    )
    many = many / (layer.mean if backward == "gated" else 1)
    difference = reads.mean(axis=0) - many.mean(axis=0)
    error = np.hypot(reads.std(axis=0), many.std(axis=0)) / math.sqrt(READS)
    assert (np.abs(difference) < 4.5 * error).all()
    # Both variances have a relative standard error of √(2/n), or less where gates are drawn.
    ratio = reads.var(axis=0) / many.var(axis=0)
    assert (np.abs(np.log(ratio)) < 4.5 * math.sqrt(4 / READS)).all()


def test_exact_reads_back_take_no_noise():
    assert not network_of("nsm", "ideal").layers[0].needs_noise_back
    # An ideal deterministic path has no noise; without a path the main array is read.
    assert not network_of("nsm", "ungated").layers[0].needs_noise_back
    assert network_of("relu", "ungated").layers[0].needs_noise_back


def test_noisy_neurons_fire_as_the_chip_fires():
    network = network_of("nsm")
    layer, x = network.layers[0], inputs_of(network)
    random = np.random.default_rng(2)
    fired = np.mean(
        [layer.read(x, random.standard_normal(12).astype(np.float32)) for _ in range(READS)],
        axis=0,
    )
    mean, variance = layer.tiles.neurons.moments(x[None].astype(np.float64))
    assert (np.abs(fired - erf(mean[0] / np.sqrt(2 * variance[0]))) < 4.5 / math.sqrt(READS)).all()


@pytest.mark.parametrize("kind", ["nsm", "relu", "bd", "stnn"])
@pytest.mark.parametrize("backward", ["gated", "ungated"])
def test_noisy_chips_learn(kind, backward):
    x, y = blobs(300)
    chip = chip_of(kind, read_noise=devices.GaussianNoise(0.05))
    per = "weight" if kind == "relu" else "range"
    rule = MixedPrecision(lr=0.02 if kind == "relu" else 0.1, lr_per=per)
    learned = learn(
        chip,
        x,
        y,
        epochs=3,
        rng=0,
        rule=rule,
        gradient=Gradient(backward=backward),
        validation=blobs(200, rng=1),
        progress=False,
    )
    assert learned.error < 0.2  # 0.67 before
