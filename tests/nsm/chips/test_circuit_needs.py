"""What circuits around a chip must do: closed forms for small layers, and sampled noise."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Adc, BitSliced, Dac, Hardware, ReferenceColumn, Wires
from devices import BlankOut, Device
from nsm import NSMLinear, map_to_crossbar, nsm_mlp
from nsm.chips.circuit_needs import OFFSET_VOLTAGE, TRANSIMPEDANCE

CELL = Device(g_min=1e-6, g_max=1e-5, levels=4)
WEIGHTS = [[3.0, -1.0, 2.0], [-3.0, 3.0, 3.0]]


def linear(weights=WEIGHTS, bias=None):
    """Return a network of one linear layer with given weights."""
    layer = nn.Linear(len(weights[0]), len(weights), bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights))
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias))
    return nn.Sequential(layer)


def needs_of(model, **options):
    """Return the needs of a chip, and those of its first layer."""
    chip = map_to_crossbar(model, Hardware(**{"device": CELL, **options}), rng=0)
    needs = chip.circuit_needs()
    return needs, needs.iloc[0]


def test_full_scale_is_the_largest_sum_of_weights():
    _, row = needs_of(linear(), read_voltage=0.2)
    # A weight of 3 fills the range of 9 µS: 3 µS per weight of one. The second output sums up 9.
    assert row["full scale [A]"] == pytest.approx(9 * 3e-6 * 0.2, rel=1e-12)
    assert row["full scale [V]"] == pytest.approx(9 * 3e-6 * 0.2 * TRANSIMPEDANCE, rel=1e-12)
    # Positive cells: 10 + 1 + 7 and 1 + 10 + 10 µS; negative: 1 + 4 + 1 and 10 + 1 + 1 µS.
    assert row["bit line [A]"] == pytest.approx(21e-6 * 0.2, rel=1e-12)


def test_full_scale_counts_biases_and_the_range_of_the_dac():
    with_bias = linear(bias=[2.0, -1.0])
    for bias in ("word_line", "reference"):
        _, row = needs_of(with_bias, bias=bias, device=Device(g_min=1e-6, g_max=1e-5))
        assert row["full scale [A]"] == pytest.approx(10 * 3e-6 * 0.1, rel=1e-12)
    _, row = needs_of(linear(), dac=Dac(4, range=2.0))
    assert row["full scale [A]"] == pytest.approx(9 * 3e-6 * 0.1 * 2, rel=1e-12)
    # The range that open ADCs get is computed independently of it.
    for options in ({}, {"dac": Dac(4, range=2.0)}):
        _, row = needs_of(with_bias, adc=Adc(6), **options)
        assert row["range [A]"] == pytest.approx(row["full scale [A]"], rel=1e-12)


def test_steps_of_adcs_are_codes_and_those_of_comparators_levels():
    _, row = needs_of(linear(), adc=Adc(6, range=1e-6))
    assert (row["bits"], row["range [A]"], row["step is"]) == (6, 1e-6, "code")
    assert row["step [A]"] == pytest.approx(2e-6 / 63, rel=1e-12)
    assert row["step [V]"] == pytest.approx(0.2 / 63, rel=1e-12)
    assert row["tolerable offset [A]"] == pytest.approx(1e-6 / 63, rel=1e-12)
    assert row["tolerable noise [A]"] == pytest.approx(1e-6 / 63 / 3, rel=1e-12)
    assert row["offset [A]"] == pytest.approx(OFFSET_VOLTAGE / TRANSIMPEDANCE)
    assert row["offset / tolerable"] == pytest.approx(5e-8 * 63e6, rel=1e-12)
    _, row = needs_of(linear())
    assert (row["bits"], row["step is"]) == (8, "code, ADC assumed")
    assert row["step [A]"] == pytest.approx(2 * row["full scale [A]"] / 255, rel=1e-12)


def test_a_code_is_what_the_converter_makes_of_a_current():
    chip = map_to_crossbar(linear(), Hardware(device=CELL, adc=Adc(3)), rng=0)
    row = chip.circuit_needs().iloc[0]
    converters = chip.layers[0].neurons.converters
    currents = np.linspace(-row["range [A]"], row["range [A]"], 1000)
    codes = np.unique(converters.adc.convert(currents, converters.limits[0, 0]).round(15))
    np.testing.assert_allclose(np.diff(codes), row["step [A]"], rtol=1e-6)


@pytest.mark.parametrize(
    ("levels", "distance"), [(4, 3e-6), ((1e-6, 2e-6, 1e-5), 1e-6), (None, math.nan)]
)
def test_a_level_is_the_smallest_distance_of_conductances(levels, distance):
    torch.manual_seed(0)
    device = Device(g_min=1e-6, g_max=1e-5, levels=levels)
    needs, row = needs_of(nsm_mlp((6, 5, 4)), device=device, gate=BlankOut(0.5))
    np.testing.assert_allclose(needs["level [A]"], distance * 0.1, rtol=1e-12)
    assert row["readout"] == "comparators"
    assert math.isnan(row["bits"])
    expected = (row["noise [A]"], "noise") if levels is None else (distance * 0.1, "one level")
    assert (row["step [A]"], row["step is"]) == (pytest.approx(expected[0]), expected[1])


def test_the_least_slice_of_a_weight_makes_the_smallest_level():
    mapping = BitSliced(bits_per_cell=2, bits=4)
    _, row = needs_of(linear(), mapping=mapping)
    assert row["level [A]"] == pytest.approx(3e-6 * 0.1 * mapping.significances.min(), rel=1e-12)


def test_noise_is_that_of_the_sums_of_reads(rng):
    torch.manual_seed(0)
    model = nn.Sequential(NSMLinear(12, 3, beta="native"))
    hardware = Hardware(device=CELL, gate=BlankOut(0.3), deterministic_path="none")
    chip = map_to_crossbar(model, hardware, rng=0)
    row = chip.circuit_needs().iloc[0]
    neurons = chip.layers[0].neurons
    reads = 4000
    u = neurons.read(rng.choice([-1.0, 1.0], (1, 12)), rng=1, reads_per_input=reads)
    deviation = np.median(u.std(axis=0)) * neurons.amperes_per_weight
    assert abs(deviation / row["noise [A]"] - 1) < 5 / math.sqrt(2 * reads)
    # The weights are the same without a gate, and their sums then have no noise.
    assert row["offset / noise"] == pytest.approx(5e-8 / row["noise [A]"], rel=1e-12)
    _, quiet = needs_of(linear())
    assert quiet["noise [A]"] == 0
    assert math.isnan(quiet["offset / noise"])


@pytest.mark.parametrize("mapping", [None, ReferenceColumn()])
def test_ir_loss_of_a_single_cell_is_that_of_a_voltage_divider(mapping):
    options = {} if mapping is None else {"mapping": mapping}
    wires = Wires(2e3, 3e3)
    device = Device(g_min=1e-6, g_max=1e-5)
    _, row = needs_of(linear([[1.0]]), device=device, tile_shape=(1, 1), wires=wires, **options)
    # A pair has one cell at each end of the range, in an array of its own.
    if mapping is None:
        losses = [1 - 1 / (1 + g * 5e3) for g in (1e-5, 1e-6)]
        assert row["largest IR loss"] == pytest.approx(max(losses), rel=1e-9)
        assert row["mean IR loss"] == pytest.approx(np.mean(losses), rel=1e-9)
    assert 0 < row["mean IR loss"] <= row["largest IR loss"] < 0.1
    _, ideal = needs_of(linear([[1.0]]), device=device, tile_shape=(1, 1), **options)
    assert math.isnan(ideal["mean IR loss"])
    assert row["bit line [A]"] < ideal["bit line [A]"]


def test_a_gain_scales_currents_and_not_the_offset():
    chip = map_to_crossbar(linear(), Hardware(device=CELL), rng=0)
    before = chip.circuit_needs().iloc[0]
    chip.scale_conductances(0.5)
    after = chip.circuit_needs().iloc[0]
    for name in ("full scale [A]", "bit line [A]"):
        assert after[name] == pytest.approx(before[name] / 2, rel=1e-12)
    assert after["offset / full scale"] == pytest.approx(2 * before["offset / full scale"])


@pytest.mark.parametrize("name", ["transimpedance", "offset_voltage"])
def test_amplifiers_need_numbers_above_0(name):
    chip = map_to_crossbar(linear(), Hardware(device=CELL), rng=0)
    with pytest.raises(ValueError, match=f"{name} = 0 .*is not allowed"):
        chip.circuit_needs(**{name: 0})
    doubled = chip.circuit_needs(transimpedance=2 * TRANSIMPEDANCE).iloc[0]
    assert doubled["full scale [V]"] == pytest.approx(2 * TRANSIMPEDANCE * 9 * 3e-6 * 0.1)
