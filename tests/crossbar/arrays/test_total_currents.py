"""Reference reads: the total currents of a layer, of now and as it was programmed."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import BitSliced, DifferentialPair, Hardware, NeuronArray, ReferenceColumn, Wires
from crossbar.arrays.total_currents import total_currents
from devices import BlankOut, Device, GaussianNoise, PowerLawDrift, TelegraphNoise
from tests.helpers.statistics import assert_mean, assert_variance

SEED = np.random.SeedSequence(1)
CELL = Device(g_min=1e-6, g_max=1e-4)
NOISE = 0.2


def layer_of(*, device=CELL, b=None, a=None, seed=0, **hardware):
    """Return a layer of 7 inputs and 5 outputs on tiles of 4 x 3."""
    w = np.random.default_rng(3).uniform(-1, 1, (5, 7))
    options = {"tile_shape": (4, 3), "read_voltage": 0.2, **hardware}
    described = Hardware(device=device, **options)
    k = described.mapping.siemens_per_weight(1.0, device)
    return NeuronArray.program(w, described, siemens_per_weight=k, a=a, b=b, rng=seed)


def columns(matrix):
    """Return the sums of G⁺ and G⁻ of the outputs [S], the slow obvious way."""
    g_pos, g_neg = matrix.conductances()
    return g_pos.sum(axis=0) + g_neg.sum(axis=0)


@pytest.mark.parametrize("mapping", [DifferentialPair(), ReferenceColumn()])
def test_without_noise_it_is_the_sum_of_all_conductances_times_the_voltage(mapping):
    layer = layer_of(mapping=mapping, b=np.linspace(-2, 2, 5), a=np.full(5, 0.3))
    wanted = columns(layer.main) + 0.3 * columns(layer.deterministic_path)
    wanted += columns(layer.bias_lines)
    total = total_currents(layer, 3, SEED)
    assert total.shape == (3, 5)
    np.testing.assert_allclose(total, np.tile(0.2 * wanted, (3, 1)), rtol=1e-12)


def test_a_slice_of_the_weights_counts_as_much_as_in_their_sum():
    mapping = BitSliced(DifferentialPair(), bits_per_cell=2, bits=6)
    layer = layer_of(mapping=mapping, device=replace(CELL, levels=4))
    wanted = sum(t.significance * columns(t.array) for t in layer.main.terms)
    np.testing.assert_allclose(total_currents(layer, 2, SEED)[0], 0.2 * wanted, rtol=1e-12)


def test_currents_behind_wires_are_those_of_the_effective_conductances():
    layer = layer_of(wires=Wires(200.0, 300.0))
    g_pos, g_neg = layer.main.effective_conductances()
    wanted = 0.2 * (g_pos.sum(axis=0) + g_neg.sum(axis=0))
    assert (wanted < 0.2 * columns(layer.main)).all()
    np.testing.assert_allclose(total_currents(layer, 2, SEED)[0], wanted, rtol=1e-12)


def test_noise_has_the_variance_of_independent_cells_and_fresh_draws():
    layer = layer_of(device=replace(CELL, read_noise=GaussianNoise(NOISE)))
    total = total_currents(layer, 4000, SEED)
    g_pos, g_neg = layer.main.conductances()
    variance = (0.2 * NOISE) ** 2 * ((g_pos**2).sum(axis=0) + (g_neg**2).sum(axis=0))
    assert_mean(total, 0.2 * columns(layer.main))
    assert_variance(total, variance, 0.2 * columns(layer.main))
    np.testing.assert_array_equal(total, total_currents(layer, 4000, SEED))
    assert (total != total_currents(layer, 4000, np.random.SeedSequence(2))).all()


def test_gated_cells_are_read_with_their_gates():
    layer = layer_of(gate=BlankOut(0.25))
    assert_mean(total_currents(layer, 4000, SEED), 0.25 * 0.2 * columns(layer.main))


@pytest.mark.parametrize("noise", [GaussianNoise(NOISE), TelegraphNoise(0.5, 1e-3, 1e-3)])
def test_the_currents_after_programming_are_the_same_whatever_happens_later(noise):
    device = replace(CELL, read_noise=noise, retention=PowerLawDrift(g_ref=1e-4))
    fresh, old = layer_of(device=device), layer_of(device=device)
    wanted = total_currents(fresh, 4, SEED, as_programmed=True)
    np.testing.assert_array_equal(wanted, total_currents(layer_of(device=device), 4, SEED))
    old.age(1e6)
    old.scale_conductances(0.1)
    old.read(np.ones((5, 7)), rng=0)
    np.testing.assert_array_equal(total_currents(old, 4, SEED, as_programmed=True), wanted)
    assert (total_currents(old, 4, SEED) < 0.1 * wanted).all()


def test_reading_the_past_does_not_advance_traps_and_reading_now_does():
    device = replace(CELL, read_noise=TelegraphNoise(0.5, 1e-5, 1e-5))
    x = np.ones((6, 7))
    layers = [layer_of(device=device) for _ in range(3)]
    total_currents(layers[1], 4, SEED, as_programmed=True)
    total_currents(layers[2], 4, SEED)
    plain, past, now = (layer.read(x, rng=0) for layer in layers)
    np.testing.assert_array_equal(past, plain)
    assert (now != plain).any()
