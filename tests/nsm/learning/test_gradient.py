"""The gradient of one sample against finite differences of closed-form firing probabilities."""

import math

import numpy as np
import pytest
from scipy.special import erf

from devices.seeding import seed_sequence
from nsm.learning import Gradient
from nsm.learning.network import LearningNetwork
from tests.helpers.learning import blobs, chip_of


def network_of(gradient, **fields):
    return LearningNetwork(chip_of("nsm", **fields), gradient, "both", seed_sequence(0))


def firing(layer, w, x):
    """Return E z = erf v of a layer with other weights, by its closed form."""
    mean = (layer.mean + layer.a) * (w @ x) + layer.threshold
    return erf(mean / np.sqrt(2 * layer.variance * ((w * x) ** 2).sum(axis=1)))


def one_sample(network):
    x = network.coded(blobs(3)[0])[0]
    layer = network.layers[0]
    layer.read(x, np.zeros(layer.outputs, np.float32))
    return layer, x


def test_the_gradient_of_an_nsm_is_that_of_its_firing_probability():
    network = network_of(Gradient(radial=True))
    layer, x = one_sample(network)
    of_outputs = np.random.default_rng(0).normal(size=layer.outputs).astype(np.float32)
    e = layer.error_of_sums(of_outputs)
    w = layer.arrays.main.weights.astype(np.float64)
    computed = np.outer(e, x) + layer.radial_rates()[:, None] * w
    for i, j in [(0, 0), (3, 7), (11, 15), (5, 2)]:
        h = 1e-5
        step = np.zeros_like(w)
        step[i, j] = h
        slope = of_outputs @ (firing(layer, w + step, x) - firing(layer, w - step, x)) / (2 * h)
        assert computed[i, j] == pytest.approx(slope, rel=1e-3, abs=1e-4)
    # The radial term keeps the norm where there is no bias: w · ∂L/∂w = −c ∂L/∂c.
    c = layer.threshold / np.sqrt(2 * layer.variance * layer.arrays.main.squares)
    np.testing.assert_allclose((computed * w).sum(axis=1), -layer.g * c, atol=1e-4)


def test_errors_travel_back_by_the_derivative_of_the_inputs():
    network = network_of(Gradient(backward="ideal"))
    layer, x = one_sample(network)
    of_outputs = np.random.default_rng(1).normal(size=layer.outputs).astype(np.float32)
    back = layer.read_back(layer.error_of_sums(of_outputs), None)
    # ∂L/∂x_j at fixed norm ‖w∘x‖, as training takes it for inputs ±1.
    w = layer.arrays.main.weights.astype(np.float64)
    size = np.sqrt(2 * layer.variance * (w**2).sum(axis=1))
    for j in (0, 4, 9):
        h = np.zeros(len(x))
        h[j] = 1e-5
        up, down = (
            erf(((layer.mean + layer.a) * (w @ (x + s * h)) + layer.threshold) / size)
            for s in (1, -1)
        )
        assert back[j] == pytest.approx(of_outputs @ (up - down) / 2e-5, rel=1e-3, abs=1e-4)


def test_the_box_has_the_area_of_the_derivative():
    v = np.linspace(-6, 6, 200001).astype(np.float32)
    for derivative in ("exact", "box"):
        area = np.trapezoid(Gradient(derivative=derivative).of_argument(v), v)
        assert area == pytest.approx(2, abs=1e-3)
        sigmoid = np.trapezoid(Gradient(derivative=derivative).of_sigmoid(5 * v), 5 * v)
        assert sigmoid == pytest.approx(2, abs=1e-3)
    assert Gradient().of_argument(np.zeros(1, np.float32))[0] == pytest.approx(
        2 / math.sqrt(math.pi)
    )


def test_a_constant_norm_is_the_mean_of_the_layer_at_the_start():
    rows = network_of(Gradient())
    constant = network_of(Gradient(norm="constant"))
    ones = np.ones(12, np.float32)
    (of_rows, _), (of_layer, _) = one_sample(rows), one_sample(constant)
    by_row = of_rows.error_of_sums(ones) / of_rows.g
    alike = of_layer.error_of_sums(ones) / of_layer.g
    assert np.ptp(by_row) > 0.1
    np.testing.assert_allclose(alike, by_row.mean(), rtol=1e-4)


def test_gated_reads_back_have_the_mean_and_the_noise_of_the_array():
    network = network_of(Gradient(backward="gated"))
    layer, _ = one_sample(network)
    e = np.random.default_rng(2).normal(size=layer.outputs).astype(np.float32)
    random = np.random.default_rng(3)
    reads = np.array(
        [
            layer.read_back(e, random.standard_normal(layer.inputs).astype(np.float32))
            for _ in range(2000)
        ]
    )
    main = layer.tiles.neurons.main
    many = main.read_transposed(
        np.repeat(e[None].astype(np.float64), 2000, axis=0), rng=0, sampling="moments"
    )
    # The learner divides by the gate's mean, which is digital.
    many = many / layer.mean
    error = reads.std(axis=0) / math.sqrt(2000)
    assert (np.abs(reads.mean(axis=0) - e @ main.weights.astype(np.float32)) < 4.5 * error).all()
    np.testing.assert_allclose(reads.std(axis=0), many.std(axis=0), rtol=0.12)


def test_forward_reads_fire_as_the_chip_fires():
    network = network_of(Gradient())
    layer, x = one_sample(network)
    random = np.random.default_rng(0)
    fired = np.mean(
        [layer.read(x, random.standard_normal(12).astype(np.float32)) for _ in range(4000)], axis=0
    )
    mean, variance = layer.tiles.neurons.moments(x[None].astype(np.float64))
    expected = erf(mean[0] / np.sqrt(2 * variance[0]))
    assert (np.abs(fired - expected) < 4.5 / math.sqrt(4000)).all()


def test_wrong_names_are_refused():
    with pytest.raises(ValueError, match="unknown derivative 'relu'"):
        Gradient(derivative="relu")
    with pytest.raises(ValueError, match="unknown backward 'forward'"):
        Gradient(backward="forward")
    with pytest.raises(ValueError, match="unknown norm 'column'"):
        Gradient(norm="column")
