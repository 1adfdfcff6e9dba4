"""Firing probabilities of a chip's neural sampling layers, measured and in closed form."""

from dataclasses import replace

import pytest
from torch import nn

from nsm import NSMLinear, map_to_crossbar
from nsm.chips.firing import firing
from tests.helpers.mapped_layers import (
    FAN_IN,
    IDEAL,
    READS,
    assert_fires_with,
    equation_4,
    one_layer,
    signs,
)
from tests.helpers.statistics import assert_frequency


@pytest.mark.parametrize("sampling", ["exact", "moments"])
@pytest.mark.parametrize(
    "options", [{}, {"p": 0.3, "bias": False}, {"noise": "gaussian", "sigma": 0.6}]
)
def test_an_ideal_chip_fires_with_the_layers_probability(options, sampling, rng):
    model = one_layer(rng, **options)
    x = signs(rng)
    chip = map_to_crossbar(model, replace(IDEAL, gate=model[0].read_noise), rng=0)
    assert_fires_with(chip, x, equation_4(model, x), sampling=sampling)


def test_real_valued_inputs_keep_their_probability(rng):
    model = one_layer(rng)
    x = rng.uniform(0, 1, (4, FAN_IN))
    assert_fires_with(map_to_crossbar(model, IDEAL, rng=0), x, equation_4(model, x))


def test_firing_of_a_deeper_layer_is_read_on_the_states_before_it(rng):
    model = nn.Sequential(NSMLinear(FAN_IN, 300, bias=False), NSMLinear(300, 4), nn.Linear(4, 3))
    measured, closed = firing(
        map_to_crossbar(model, IDEAL, rng=0), signs(rng, 2), READS, layer=1, rng=3
    )
    assert measured.shape == closed.shape == (2, 4)
    for frequency, p in zip(measured.ravel(), closed.ravel(), strict=True):
        assert_frequency(round(frequency * READS), READS, p)
