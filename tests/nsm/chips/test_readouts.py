"""The read-out of a chip: comparators with noise and offsets, converters."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from crossbar import Adc, Comparator
from nsm import map_to_crossbar, relu_mlp, theory
from tests.helpers.mapped_layers import IDEAL, assert_fires_with, equation_4, one_layer, signs


def test_comparator_noise_adds_its_variance(rng):
    model = one_layer(rng)
    x = signs(rng)
    noiseless = map_to_crossbar(model, IDEAL, rng=0)
    sigma = 3.0 * noiseless.layers[0].amperes_per_weight  # 3 in weight units
    chip = map_to_crossbar(model, replace(IDEAL, comparator=Comparator(noise=sigma)), rng=0)
    # P = ½ (1 + erf(E u/√(2 (Var ξ ‖w‖² + σ_n²)))).
    assert_fires_with(chip, x, equation_4(model, x, floor=9.0))


def test_comparator_offsets_are_static_and_differ_from_chip_to_chip(rng):
    model = one_layer(rng)
    x = signs(rng)
    amperes = map_to_crossbar(model, IDEAL, rng=0).layers[0].amperes_per_weight
    chips = [
        map_to_crossbar(model, replace(IDEAL, comparator=Comparator(offset=4 * amperes)), rng=c)
        for c in (0, 1, 0)
    ]
    offsets = [chip.layers[0].readout.offsets / amperes for chip in chips]
    np.testing.assert_array_equal(offsets[0], offsets[2])
    assert (offsets[0] != offsets[1]).all()
    w = model[0].weight.detach().double().numpy()
    b = model[0].bias.detach().double().numpy()
    a = model[0].a.detach().double().numpy()
    shifted = theory.firing_probability(w, x, mean=0.5, variance=0.25, a=a, b=b + offsets[0])
    assert_fires_with(chips[0], x, shifted)


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_an_adc_rounds_the_logits_to_its_steps(bits, rng):
    model = relu_mlp((8, 7, 6, 3))
    x = rng.random((20, 8))
    plain, converted = (
        map_to_crossbar(model[-1:], replace(IDEAL, adc=adc), rng=0)
        for adc in (None, Adc(bits=bits))
    )
    z = rng.choice([-1.0, 1.0], (20, 6))
    exact, rounded = plain.sample(z, 1, rng=0)[0], converted.sample(z, 1, rng=0)[0]
    layer = converted.layers[0]
    largest = layer.neurons.converters.limits.item() / layer.amperes_per_weight
    w, b = (p.detach().double().numpy() for p in (model[-1].weight, model[-1].bias))
    np.testing.assert_allclose(largest, (np.abs(w).sum(axis=1) + np.abs(b)).max(), rtol=1e-9)
    assert np.abs(rounded - exact).max() <= largest / (2**bits - 1) * (1 + 1e-9)
    assert len(np.unique(rounded.round(12))) <= 2**bits
    assert map_to_crossbar(model, replace(IDEAL, adc=Adc(bits=bits)), rng=0).sample(
        x, 1, rng=0
    ).shape == (1, 20, 3)


def test_an_adc_with_a_given_range_clips(rng):
    model = nn.Sequential(nn.Linear(6, 3, bias=False))
    z = rng.choice([-1.0, 1.0], (20, 6))
    amperes = map_to_crossbar(model, IDEAL, rng=0).layers[0].amperes_per_weight
    chip = map_to_crossbar(model, replace(IDEAL, adc=Adc(bits=16, range=0.1 * amperes)), rng=0)
    exact = z @ model[0].weight.detach().double().numpy().T
    with pytest.warns(UserWarning, match=r"the ADC of layer 0 \(Linear\) clips its currents"):
        read = chip.sample(z, 1, rng=0)[0]
    # The bound is half a step of 0.2/65535.
    assert np.abs(read - np.clip(exact, -0.1, 0.1)).max() <= 0.1 / 65535 * (1 + 1e-6)
    clipped = (np.abs(exact) > 0.1).mean()
    assert chip.layers[0].readout.clipped == pytest.approx(clipped, abs=1e-12)
