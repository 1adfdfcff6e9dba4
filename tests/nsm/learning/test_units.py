"""Scales of rows, gains, tuned read-outs and comparators: learning sees what the chip computes."""

import numpy as np
import pytest

import crossbar
import nsm
from crossbar.reads.span import Span
from devices.seeding import seed_sequence
from nsm.chips.layers.states import unpacked
from nsm.learning import Gradient, MixedPrecision, learn
from nsm.learning.draws import Draws
from nsm.learning.network import LearningNetwork
from tests.helpers.learning import blobs, chip_of

X, Y = blobs(20)


def moved(rule, kind="relu", gain=1.0, **fields):
    """Return what a sample or two change in the weights and biases of the network."""
    chip = chip_of(kind, step=1e-5, **fields)
    if gain != 1:
        chip.scale_conductances(gain)
        chip.compensate("layer")

    def of_network():
        found = []
        for layer in chip.layers:
            factors = layer.row_factors / getattr(layer.readout, "scale", 1.0)
            found += [layer.neurons.main.weights / factors[:, None]]
            if layer.neurons.bias_lines is None:
                found += [layer.neurons.threshold / factors]
            else:
                found += [layer.neurons.bias_lines.weights.sum(axis=1) / factors]
        return found

    before = of_network()
    learn(chip, X, Y, epochs=0.1, rng=0, rule=rule, progress=False)
    return [now - then for now, then in zip(of_network(), before, strict=True)]


@pytest.mark.parametrize("kind", ["relu", "bd", "stnn"])
def test_a_rate_per_weight_is_that_of_the_networks_weights(kind):
    rule = MixedPrecision(lr=0.05, lr_per="weight", center=False)
    wanted = moved(rule, kind)
    others = [moved(rule, kind, weight_scale="row")]
    if kind == "relu":
        others.append(moved(rule, kind, gain=0.5))
        of_lines = moved(rule, kind, bias="word_line", weight_scale="row")
        np.testing.assert_allclose(of_lines[0], wanted[0], rtol=0.02, atol=1e-4)
    for found in others:
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=1e-4)
    assert np.abs(wanted[0]).max() > 2e-3


def test_the_radial_term_has_the_rate_of_the_networks_weights():
    rule = MixedPrecision(lr=0.05, lr_per="weight", center=False)
    found = []
    for scale in ("layer", "row"):
        chip = chip_of("nsm", step=1e-5, weight_scale=scale)
        layer = chip.layers[0]
        before = layer.neurons.main.weights / layer.row_factors[:, None]
        gradient = Gradient(radial=True)
        learn(chip, X, Y, epochs=0.05, rng=0, rule=rule, gradient=gradient, progress=False)
        found.append(layer.neurons.main.weights / layer.row_factors[:, None] - before)
    np.testing.assert_allclose(found[1], found[0], rtol=0.05, atol=1e-4)
    assert np.abs(found[0]).max() > 2e-3


def test_sigmoid_neurons_have_the_comparators_of_the_chip():
    # Offsets and noise as large as the logistic noise of a sum.
    unit = chip_of("stnn").layers[0].amperes_per_weight
    comparator = crossbar.Comparator(offset=1.5 * unit, noise=2 * unit)
    chip = chip_of("stnn", comparator=comparator, weight_scale="row")
    chip.scale_conductances(0.5)
    chip.compensate("layer")
    network = LearningNetwork(chip, Gradient(), "both", seed_sequence(0))
    layer, x, n = network.layers[0], network.coded(X)[0], 4000
    noise = Draws(network, n, seed_sequence(1)).noise(0, n)[0][0]
    ours = np.array([layer.read(x, row) for row in noise])
    theirs = unpacked(layer.tiles.read(np.tile(x, (n, 1)), Span(0, n), seed_sequence(2)))
    np.testing.assert_allclose((ours == 1).mean(axis=0), theirs.mean(axis=0), atol=0.04)


def test_a_tuned_chip_learns_with_its_gains_and_is_tuned_with_what_it_learned(tmp_path):
    chip = chip_of("relu")
    nsm.tune(chip, X, Y, steps=3, lr=0.3, rng=0)
    wanted = chip.sample(X, 1, rng=0)[0]
    network = LearningNetwork(chip, Gradient(), "both", seed_sequence(0))
    for x, scores in zip(network.coded(X), wanted, strict=True):
        for layer in network.layers:
            x = layer.read(x, np.zeros(0, np.float32))
        np.testing.assert_allclose(x, scores, rtol=1e-4, atol=1e-4)
    sampling = chip_of("nsm")
    nsm.tune(sampling, X, Y, steps=3, lr=0.3, rng=0)
    learn(sampling, X, Y, epochs=1, rng=0, rule=MixedPrecision(), progress=False)
    learned = [(layer.neurons.a, layer.neurons.threshold) for layer in sampling.layers]
    nsm.tune(sampling, X, Y, steps=1, lr=1e-9, rng=0)
    for layer, (a, threshold) in zip(sampling.layers, learned, strict=True):
        np.testing.assert_allclose(layer.neurons.a, a, atol=1e-6)
        np.testing.assert_allclose(layer.neurons.threshold, threshold, atol=1e-6)
    sampling.save(tmp_path / "chip.safetensors")
    loaded = nsm.load_chip(tmp_path / "chip.safetensors")
    np.testing.assert_array_equal(sampling.sample(X, 2, rng=0), loaded.sample(X, 2, rng=0))
