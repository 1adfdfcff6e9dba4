"""Inputs are volts: the scale of a layer's inputs, and what its cells stand."""

import numpy as np
import pytest

from crossbar import Adc, Dac, Hardware, NeuronArray
from crossbar.arrays.limits import largest_current, limit_warnings
from devices import (
    Device,
    GaussianNoise,
    NoNoise,
    SinhCurve,
    StochasticSelector,
    ThermalShotNoise,
)
from tests.helpers.statistics import assert_mean, assert_variance

K = 99e-6
W = np.array([[1.0, -0.6, 0.0, 0.3], [-0.2, 0.5, 0.9, -1.0]])
X = np.array([[16.0, -4.0, 1.0, 0.0], [2.0, 8.0, -16.0, 3.0]])


def layer_with(noise=None, *, device=None, converted=True, **options):
    device = device or Device(g_min=1e-6, g_max=100e-6, read_noise=noise or NoNoise())
    hardware = Hardware(device=device, **options)
    return NeuronArray.program(
        W, hardware, siemens_per_weight=K, converted=converted, name="layer fc", rng=0
    )


@pytest.mark.parametrize("scale", [1.0, 16.0, 0.5])
def test_ideal_cells_compute_the_same_at_any_input_scale(scale):
    layer = layer_with(input_scale=scale)
    np.testing.assert_allclose(layer.read(X, rng=0), X @ W.T, rtol=1e-12)
    assert layer.drivers.unit_voltage == 0.1 / scale
    assert layer.drivers.largest_voltage == pytest.approx(1.6 / scale)
    assert layer.amperes_per_weight == K * 0.1 / scale


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_thermal_noise_is_that_of_the_voltages_that_the_scale_leaves(scale):
    layer = layer_with(ThermalShotNoise(), input_scale=scale, bandwidth=1e11)
    g = 4 * 2e-6 + K * np.abs(W).sum(axis=1)
    sigma = np.sqrt(4 * 1.380649e-23 * 300 * 1e11 * g) / (K * 0.1 / scale)
    np.testing.assert_allclose(layer.moments(X)[1], np.tile(sigma**2, (2, 1)), rtol=1e-9)
    u = layer.read(np.tile(X[:1], (20_000, 1)), rng=1)
    assert_mean(u, (X @ W.T)[0])
    assert_variance(u, sigma**2, (X @ W.T)[0])


def test_relative_noise_does_not_depend_on_the_scale():
    one, other = (layer_with(GaussianNoise(0.1), input_scale=s) for s in (1.0, 16.0))
    np.testing.assert_allclose(one.moments(X), other.moments(X), rtol=1e-12)
    np.testing.assert_array_equal(one.read(X, rng=1), other.read(X, rng=1))


def test_a_calibrated_scale_is_that_of_the_dac():
    layer = layer_with(dac=Dac(bits=8, range=16.0), input_scale="calibrated")
    assert layer.drivers.input_scale == 16.0
    with pytest.warns(UserWarning, match="the DAC of layer fc clips its inputs"):
        layer.read(2 * X, rng=0)
    assert layer.drivers.largest_voltage == pytest.approx(0.1)  # larger inputs are clipped
    assert not limit_warnings(layer)


def test_a_scale_that_is_not_calibrated_yet_is_told_before_the_read():
    layer = layer_with(input_scale="calibrated")
    with pytest.raises(ValueError, match=r"the inputs of layer fc have no scale: .*calibrate\(x\)"):
        layer.read(X, rng=0)
    layer.drivers.calibrate(16.0)
    np.testing.assert_allclose(layer.read(X, rng=0), X @ W.T, rtol=1e-12)
    assert layer.drivers.largest_voltage == pytest.approx(0.1)


def test_converters_see_the_currents_of_the_scaled_voltages():
    small, large = (layer_with(adc=Adc(bits=12, range=1e-4), input_scale=s) for s in (1.0, 16.0))
    # 1e-4 A is 10 weight units at 0.1 V per input of one, and 162 at 6.25 mV.
    with pytest.warns(UserWarning, match="the ADC of layer fc clips its currents"):
        clipped = small.read(X, rng=0)
    assert np.abs(clipped).max() < 10.2 < 16 < np.abs(X @ W.T).max()
    np.testing.assert_allclose(large.read(X, rng=0), X @ W.T, atol=162 / 2**11)


def test_bit_planes_are_of_size_one_whatever_the_scale():
    message = r"input_scale = 16\.0 has no effect on bit-serial inputs, .* Dac\(serial=False\)"
    with pytest.raises(ValueError, match=message):
        layer_with(dac=Dac(bits=4, range=16.0, serial=True), input_scale=16.0)
    layer = layer_with(dac=Dac(bits=4, range=16.0, serial=True))
    layer.read(X, rng=0)
    assert layer.drivers.largest_voltage == 0.1


def test_voltages_above_the_read_voltage_are_told():
    layer = layer_with()
    assert not limit_warnings(layer)
    layer.read(X, rng=0)
    (text,) = limit_warnings(layer)
    assert text.startswith("inputs reach 16 and drive cells with 1.6 V, above the read voltage of")
    layer = layer_with()
    layer.read(np.sign(X), rng=0)
    assert not limit_warnings(layer)


def test_noise_of_the_read_voltage_under_other_inputs_is_told():
    gate = StochasticSelector.with_threshold(0.1, 0.02)
    device = Device(g_min=1e-6, g_max=100e-6)
    layer = layer_with(device=device, gate=gate, input_scale=16.0)
    layer.read(X, rng=0)
    (text,) = limit_warnings(layer)
    assert text.startswith("inputs drive cells with other voltages than the read voltage")
    states = layer_with(device=device, gate=gate)
    states.read(np.sign(X), rng=0)
    assert not limit_warnings(states)
    plain = layer_with(device=device, input_scale=16.0)
    plain.read(X, rng=0)
    assert not limit_warnings(plain)


LIMITED = Device(g_min=1e-6, g_max=100e-6, read_disturb_voltage=0.3, compliance=5e-6)


def test_read_disturb_and_compliance_are_told():
    calm = layer_with(device=LIMITED, input_scale=16.0, read_voltage=0.04)
    calm.read(X, rng=0)
    assert not limit_warnings(calm)
    assert largest_current(calm, 0.04) == pytest.approx(0.04 * 100e-6)
    hot = layer_with(device=LIMITED, input_scale=16.0, read_voltage=0.4)
    hot.read(X, rng=0)
    disturbed, current = limit_warnings(hot)
    assert "cells are read with 0.4 V, which disturbs them: the device stands 0.3 V" in disturbed
    assert "a cell carries 4e-05 A at 0.4 V, above the device's compliance of 5e-06 A" in current


def test_the_largest_current_follows_the_current_voltage_law():
    device = Device(g_min=1e-6, g_max=100e-6, iv=SinhCurve(v_0=0.2), compliance=1.0)
    layer = layer_with(device=device, read_voltage=0.4)
    expected = 100e-6 * 0.2 * np.sinh(0.4 / 0.2)
    assert largest_current(layer, 0.4) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("name", "unit"), [("read_disturb_voltage", "V"), ("compliance", "A")])
def test_limits_that_are_not_positive_are_refused(name, unit):
    with pytest.raises(ValueError, match=rf"Device\.{name} = 0 is not allowed; .* {unit}"):
        Device(g_min=1e-6, g_max=1e-4, **{name: 0})
