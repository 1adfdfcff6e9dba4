"""Compensation of gains and drift: closed forms of the factors, and what they give back."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, BitSliced, Comparator, Dac, DifferentialPair, Hardware, ReferenceColumn
from crossbar.arrays.total_currents import total_currents
from devices import BlankOut, Device, GaussianNoise, PowerLawDrift, TelegraphNoise
from nsm.chips.compensation import REFERENCE_READS
from nsm.nn.activations import Sign
from nsm.nn.sigmoid import SigmoidLinear
from tests.helpers.statistics import assert_variance

CELL = Device(g_min=1e-6, g_max=1e-4)
GAINS = [0.01, 10.0]


def perceptron():
    """Return a ReLU network of two layers with biases, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 5)).double()


def convolutional():
    """Return a convolutional network with groups, always the same."""
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 2, groups=2), nn.ReLU()
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 3)).double()


def chip_of(model, *, device=CELL, rng=0, **hardware):
    return nsm.map_to_crossbar(model, Hardware(device=device, **hardware), rng=rng)


def images(model, n=6):
    shape = (1, 5, 5) if isinstance(model[0], nn.Conv2d) else (12,)
    return np.random.default_rng(4).uniform(-1, 1, (n, *shape))


KINDS = {
    "plain": (perceptron, {}),
    "references": (perceptron, {"mapping": ReferenceColumn()}),
    "bias currents": (perceptron, {"bias": "reference"}),
    "tiles": (perceptron, {"tile_shape": (8, 4)}),
    "scale per row": (perceptron, {"weight_scale": "row"}),
    "scale per tile": (perceptron, {"weight_scale": "tile", "tile_shape": (8, 4)}),
    "slices": (perceptron, {"mapping": BitSliced(DifferentialPair(), 2, 8)}),
    "convolution": (convolutional, {"tile_shape": (8, 4)}),
    "convolution, bias currents": (convolutional, {"bias": "reference"}),
}


@pytest.mark.parametrize("per", ["layer", "column"])
@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_factor_of_a_pure_gain_is_its_inverse_and_restores_the_outputs(kind, gain, per):
    build, hardware = KINDS[kind]
    model = build()
    device = Device(g_min=1e-6, g_max=1e-4, levels=4 if kind == "slices" else None)
    chip = chip_of(model, device=device, **hardware)
    x = images(model)
    tensor = torch.as_tensor(x)
    wanted, in_torch = chip.sample(x, 1, rng=0), chip(tensor)
    chip.scale_conductances(gain)
    assert np.abs(chip.sample(x, 1, rng=0) - wanted).max() > 0.1 * np.abs(wanted).max()
    chip.compensate(per)
    for layer in chip.layers:
        np.testing.assert_allclose(layer.compensation.factors, 1 / gain, rtol=1e-12)
    np.testing.assert_allclose(chip.sample(x, 1, rng=0), wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(chip(tensor).numpy(), in_torch.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("converter", ["output", "tile"])
@pytest.mark.parametrize("bias", ["word_line", "reference"])
def test_converters_get_their_ranges_and_factors_together(converter, bias):
    model = perceptron()
    x = images(model, 40)
    chip = chip_of(model, adc=Adc(8, per=converter), dac=Dac(8), tile_shape=(8, 4), bias=bias)
    chip.calibrate(x)
    wanted = chip.sample(x, 1, rng=0)
    chip.scale_conductances(0.01)
    chip.compensate("layer")
    # Currents of a hundredth of the range are rounded to steps of the old size.
    coarse = np.abs(chip.sample(x, 1, rng=0) - wanted).max()
    chip.calibrate(x, compensation="layer")
    np.testing.assert_allclose(chip.sample(x, 1, rng=0), wanted, rtol=1e-9, atol=1e-12)
    assert coarse > 0.05 * np.abs(wanted).max()


def test_drift_of_a_common_exponent_is_a_gain():
    law = PowerLawDrift(nu_mean=0.05, nu_std=0.0, t_0=20.0, g_ref=1e-4)
    chip = chip_of(perceptron(), device=Device(g_min=1e-6, g_max=1e-4, retention=law))
    x = images(perceptron())
    wanted = chip.sample(x, 1, rng=0)
    chip.age(20e6)
    chip.compensate()
    for layer in chip.layers:
        np.testing.assert_allclose(layer.compensation.factors, 1e6**0.05, rtol=1e-12)
    np.testing.assert_allclose(chip.sample(x, 1, rng=0), wanted, rtol=1e-9, atol=1e-12)


def test_a_factor_for_each_column_follows_columns_that_drift_apart():
    law = PowerLawDrift(nu_mean=0.05, nu_std=0.04, t_0=20.0, g_ref=1e-4)
    device = Device(g_min=1e-6, g_max=1e-4, retention=law)
    chip = chip_of(perceptron(), device=device)
    before = [total_currents(layer.neurons, 2, chip.seed)[0] for layer in chip.layers]
    chip.age(1e6)
    now = [total_currents(layer.neurons, 2, chip.seed)[0] for layer in chip.layers]
    chip.compensate("column")
    for layer, old, new in zip(chip.layers, before, now, strict=True):
        np.testing.assert_allclose(layer.compensation.factors, old / new, rtol=1e-12)
    chip.compensate("layer")
    for layer, old, new in zip(chip.layers, before, now, strict=True):
        np.testing.assert_allclose(layer.compensation.factors, old.sum() / new.sum(), rtol=1e-12)


def test_noisy_reads_measure_the_factor_within_its_standard_error():
    device = Device(g_min=1e-6, g_max=1e-4, read_noise=GaussianNoise(0.1))
    chip = chip_of(nn.Sequential(nn.Linear(12, 8, bias=False)), device=device)
    chip.scale_conductances(0.5)
    (layer,) = chip.layers
    g = np.concatenate(layer.neurons.main.conductances())
    relative = 0.1 * np.sqrt((g**2).sum()) / g.sum()  # of one read of the whole layer
    found = []
    for seed in range(400):
        chip.compensate("layer", rng=seed)
        found.append(layer.compensation.factors[0])
    # The reads after programming are the same in all of them.
    assert_variance(np.log(found), relative**2 / REFERENCE_READS)
    assert np.isclose(np.mean(found), 2, rtol=5 * relative / math.sqrt(REFERENCE_READS))
    # Both measurements have this error; it is estimated from 16 reads of each.
    expected = relative * math.sqrt(2 / REFERENCE_READS)
    assert layer.compensation.error == pytest.approx(expected, rel=0.5)
    chip.compensate("layer", reads=2000, rng=0)
    assert layer.compensation.error == pytest.approx(relative * math.sqrt(2 / 2000), rel=0.1)
    assert layer.compensation.factors[0] == pytest.approx(2, rel=5 * relative * math.sqrt(1e-3))


def test_factors_repeat_with_the_seed_and_do_not_depend_on_what_was_read_before():
    device = Device(g_min=1e-6, g_max=1e-4, read_noise=GaussianNoise(0.1))
    one, other = (chip_of(perceptron(), device=device) for _ in range(2))
    other.sample(images(perceptron()), 3, rng=1)
    other.compensate(rng=5)
    for chip in (one, other):
        chip.scale_conductances(0.1)
        chip.compensate("column", rng=7)
    for a, b in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(a.compensation.factors, b.compensation.factors)
    before = one.layers[0].compensation.factors
    one.compensate("column", rng=8)
    assert (one.layers[0].compensation.factors != before).all()
    # The seed of the chip itself does not repeat the reads that were made after programming.
    fresh = chip_of(perceptron(), device=device, rng=3)
    fresh.compensate("column", rng=3)
    assert (fresh.layers[0].compensation.factors != 1).all()


def test_columns_of_little_current_keep_the_factor_of_their_layer():
    model = nn.Sequential(nn.Linear(6, 4, bias=False)).double()
    model[0].weight.data[2] = 0
    device = Device(g_min=0.0, g_max=1e-4)
    chip = chip_of(model, device=device)
    chip.scale_conductances(0.1)
    chip.compensate("column")
    np.testing.assert_allclose(chip.layers[0].compensation.factors, 10)
    # Noise of 300 % on six cells leaves columns without a significant total.
    loud = chip_of(model, device=Device(g_min=0.0, g_max=1e-4, read_noise=GaussianNoise(3.0)))
    loud.compensate("column", rng=1)
    factors = loud.layers[0].compensation.factors
    assert len(set(factors)) == 1


def test_a_layer_without_current_is_refused_by_name_and_nothing_changes():
    model = perceptron()
    model[2].weight.data[:] = 0
    model[2].bias.data[:] = 0
    chip = chip_of(model, device=Device(g_min=0.0, g_max=1e-4))
    with pytest.raises(ValueError, match=r"layer 2 \(Linear\): with all word lines .* 0 A now"):
        chip.compensate()
    assert [layer.compensation.per for layer in chip.layers] == ["", ""]


# Layers that end in comparators.


def signs(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 20), Sign(), nn.Linear(20, 5, **options), Sign()).double()


def test_a_chip_of_comparators_alone_is_refused_with_the_reason():
    chip = chip_of(signs())
    with pytest.raises(ValueError, match=r"no effect on this chip: layer 0 \(Linear\), layer 2"):
        chip.compensate()
    with pytest.raises(ValueError, match="end in comparators, whose signs do not change"):
        chip.calibrate(images(perceptron()), compensation="column")


@pytest.mark.parametrize("gain", GAINS)
def test_reference_currents_of_comparators_follow_the_gain(gain):
    chip = chip_of(signs(), bias="reference")
    x = np.random.default_rng(0).uniform(-1, 1, (200, 12))
    wanted = chip.sample(x, 1, rng=0)
    chip.scale_conductances(gain)
    assert (chip.sample(x, 1, rng=0) != wanted).any()
    chip.compensate()
    np.testing.assert_array_equal(chip.sample(x, 1, rng=0), wanted)
    np.testing.assert_allclose(
        chip.layers[0].neurons.threshold,
        gain * chip.layers[0].compensation.threshold,
        rtol=1e-12,
    )


def test_gated_layers_with_reference_currents_are_measured_through_their_gates():
    model = nsm.nsm_mlp((12, 40, 5))
    model[1].bias.data.uniform_(-0.5, 0.5)
    chip = chip_of(model, gate=BlankOut(0.5), bias="reference")
    chip.scale_conductances(0.1)
    chip.compensate("layer", reads=64, rng=0)
    first, last = (layer.compensation for layer in chip.layers)
    assert first.factors[0] == pytest.approx(10, abs=50 * first.error)
    assert 1e-4 < first.error < 0.1
    np.testing.assert_allclose(last.factors, 10, rtol=1e-12)


@pytest.mark.parametrize("per", ["layer", "column"])
def test_the_noise_of_logistic_thresholds_follows_the_gain(per):
    model = nn.Sequential(nsm.nn.activations.Binarize(), SigmoidLinear(12, 8), nn.Linear(8, 3))
    chip = chip_of(model)
    x = images(perceptron(), 20)
    wanted = chip.sample(x, 50, rng=0)
    chip.scale_conductances(0.05)
    assert (chip.sample(x, 50, rng=0) != wanted).any()
    chip.compensate(per)
    np.testing.assert_allclose(chip.sample(x, 50, rng=0), wanted, rtol=1e-9, atol=1e-12)


def test_offsets_of_comparators_are_not_compensated():
    model = nsm.nsm_mlp((12, 40, 5))
    comparator = Comparator(offset=1e-6)
    chip = chip_of(model, gate=BlankOut(0.5), comparator=comparator)
    x = images(perceptron(), 50)
    wanted = chip.predict_proba(x, 200, rng=0)
    chip.scale_conductances(0.01)
    chip.compensate()
    assert np.abs(chip.predict_proba(x, 200, rng=0) - wanted).max() > 0.1


# Options, reports, files.


def test_none_takes_factors_away():
    chip = chip_of(perceptron(), bias="reference")
    x = images(perceptron())
    chip.scale_conductances(0.1)
    uncompensated = chip.sample(x, 1, rng=0)
    chip.compensate()
    chip.compensate(None)
    np.testing.assert_array_equal(chip.sample(x, 1, rng=0), uncompensated)


def test_the_report_tells_factors_and_what_needs_none():
    chip = chip_of(nsm.nsm_mlp((12, 20, 5)), gate=BlankOut(0.5))
    before = chip.report().query("where == 'tiles'")
    assert before.compensation.tolist() == ["not needed (signs)", ""]
    assert before.compensation_factor.isna().all()
    chip.scale_conductances(0.25)
    chip.compensate("column")
    after = chip.report().query("where == 'tiles'")
    assert after.compensation.tolist() == ["not needed (signs)", "column"]
    assert after.compensation_factor.tolist()[1] == pytest.approx(4)
    assert after.compensation_error.tolist()[1] < 1e-12


@pytest.mark.parametrize("bias", ["word_line", "reference"])
def test_copies_and_files_keep_factors_and_the_currents_after_programming(tmp_path, bias):
    device = Device(g_min=1e-6, g_max=1e-4, read_noise=TelegraphNoise(0.1, 1e-5, 1e-5))
    chip = chip_of(perceptron(), device=device, bias=bias)
    chip.age(3.0)
    chip.scale_conductances(0.1)
    chip.compensate("column", rng=3)
    chip.softmax_temperature = 0.5
    chip.save(tmp_path / "chip.safetensors")
    others = [nsm.load_chip(tmp_path / "chip.safetensors"), copy.deepcopy(chip)]
    x = images(perceptron())
    p, again = chip.predict_proba(x, 2, rng=1), []
    chip.compensate(rng=4)
    for other in others:
        assert other.softmax_temperature == 0.5
        np.testing.assert_array_equal(other.predict_proba(x, 2, rng=1), p)
        other.compensate(rng=4)
        again.append([layer.compensation.factors for layer in other.layers])
    for factors in again:
        for mine, layer in zip(factors, chip.layers, strict=True):
            np.testing.assert_array_equal(mine, layer.compensation.factors)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.compensate("row"), "unknown compensation 'row'"),
        (lambda c: c.compensate(reads=1), "reads = 1 is not allowed"),
        (
            lambda c: c.calibrate(images(perceptron()), compensation="rows"),
            "unknown compensation 'rows'",
        ),
        (
            lambda c: c.calibrate(images(perceptron()), compensation="layer", method="percentile"),
            "method = 'percentile' has no effect: this chip has no converter of open range",
        ),
        (
            lambda c: c.calibrate(images(perceptron()), compensation="layer", per="column"),
            "per = 'column' has no effect",
        ),
        (lambda c: c.calibrate(images(perceptron())), "no converters to calibrate"),
    ],
)
def test_wrong_options_are_refused_by_name(call, message):
    chip = chip_of(perceptron())
    with pytest.raises(ValueError, match=message):
        call(chip)
    assert [layer.compensation.per for layer in chip.layers] == ["", ""]


def test_a_calibration_that_fails_takes_its_factors_back():
    model = perceptron()
    for layer in (model[0], model[2]):
        layer.bias.data[:] = 0
    chip = chip_of(model, adc=Adc(8))
    with pytest.raises(ValueError, match="all currents that the calibration saw are 0"):
        chip.calibrate(np.zeros((3, 12)), compensation="layer")
    assert [layer.compensation.per for layer in chip.layers] == ["", ""]
