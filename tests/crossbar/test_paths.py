"""Dotted paths into a Hardware: each sets one field and refuses what the field refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from crossbar import Adc, BalancedPair, Comparator, Hardware
from crossbar.paths import MAPPINGS, check_path, known_paths, with_value
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    NoNoise,
    PowerLawNoise,
    WriteVerify,
    preset,
    with_on_off_ratio,
)

HARDWARE = Hardware(
    device=preset("fefet_jerry2017", read_noise=PowerLawNoise(0.1, 0.5, 1e-6)), gate=BlankOut(0.5)
)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("device.levels", 16, replace(HARDWARE, device=replace(HARDWARE.device, levels=16))),
        (
            "device.read_noise",
            NoNoise(),
            replace(HARDWARE, device=replace(HARDWARE.device, read_noise=NoNoise())),
        ),
        ("gate.p", 0.25, replace(HARDWARE, gate=BlankOut(0.25))),
        ("gate_sharing", "cell", replace(HARDWARE, gate_sharing="cell")),
        ("gate", "nsm_gaussian", replace(HARDWARE, gate=GaussianNoise(1.0))),
        ("mapping", "balanced_pair", replace(HARDWARE, mapping=BalancedPair())),
        ("device", "rram_wu2018", replace(HARDWARE, device=preset("rram_wu2018"))),
        ("tile_shape", [64, 32], replace(HARDWARE, tile_shape=(64, 32))),
        ("comparator.noise", 1e-9, replace(HARDWARE, comparator=Comparator(noise=1e-9))),
        ("adc", Adc(bits=4), replace(HARDWARE, adc=Adc(bits=4))),
    ],
)
def test_a_path_sets_one_field_and_nothing_else(path, value, expected):
    before = repr(HARDWARE)
    assert with_value(HARDWARE, path, value) == expected
    assert repr(HARDWARE) == before


def test_a_path_three_deep_reaches_the_write_model():
    changed = with_value(HARDWARE, "device.write.error_factor", 3.0)
    assert changed.device.write == replace(HARDWARE.device.write, error_factor=3.0)
    assert replace(changed.device, write=HARDWARE.device.write) == HARDWARE.device


def test_on_off_ratio_moves_g_min_and_keeps_g_max():
    changed = with_value(HARDWARE, "device.on_off_ratio", 10)
    assert changed.device.g_max == HARDWARE.device.g_max
    assert changed.device.on_off_ratio == pytest.approx(10, rel=1e-12)
    # Nothing else has changed, apart from the pulses, which span the range.
    pulses = {name: getattr(HARDWARE.device, name) for name in ("write", "pulses")}
    device = replace(changed.device, g_min=HARDWARE.device.g_min, **pulses)
    assert replace(changed, device=device) == HARDWARE


def test_pulses_that_span_the_range_span_the_one_of_another_on_off_ratio():
    device = preset("fefet_jerry2017")
    target = np.linspace(0, 1, 7)  # shares of the range
    changed = with_value(Hardware(device=device), "device.on_off_ratio", 3).device
    assert changed.pulses.g_min == changed.g_min
    errors = [
        d.programming_error(d.g_min + target * (d.g_max - d.g_min)) / (d.g_max - d.g_min)
        for d in (device, changed)
    ]
    np.testing.assert_allclose(*errors, rtol=1e-9, atol=1e-12)


def test_pulses_of_a_verified_write_span_the_new_range_too():
    device = preset("fefet_jerry2017")
    verified = replace(device, write=WriteVerify(pulse=device.pulses, tolerance=1e-8))
    changed = with_on_off_ratio(verified, 3)
    assert changed.write.pulse.g_min == changed.g_min == device.g_max / 3


def test_pulses_with_a_range_of_their_own_keep_it():
    device = preset("fefet_jerry2017")
    wider = replace(device, pulses=replace(device.pulses, g_min=0.0))
    assert with_on_off_ratio(wider, 3).pulses == wider.pulses


def test_an_infinite_on_off_ratio_has_no_smallest_conductance():
    changed = with_on_off_ratio(preset("fefet_jerry2017"), math.inf)
    assert changed.g_min == changed.pulses.g_min == 0


def test_an_on_off_ratio_of_one_is_refused():
    with pytest.raises(ValueError, match=r"on_off_ratio = 1 is not allowed.*1, inf"):
        with_on_off_ratio(HARDWARE.device, 1)


def test_every_known_path_can_be_set_to_what_it_holds():
    paths = known_paths(HARDWARE)
    assert {
        "device.on_off_ratio",
        "device.write.error_factor",
        "gate.p",
        "read_voltage",
        "device.read_noise.gamma",
    } <= {*paths}
    assert len(paths) == len(set(paths))
    for path in paths:
        value = HARDWARE
        for name in path.split("."):
            value = getattr(value, name)
        if path != "device.on_off_ratio":
            assert with_value(HARDWARE, path, value) == HARDWARE, path


def test_paths_of_an_absent_part_appear_with_it():
    assert "adc.bits" not in known_paths(HARDWARE)
    assert with_value(replace(HARDWARE, adc=Adc()), "adc.bits", 3).adc == Adc(bits=3)


def test_every_mapping_has_a_name():
    for name, mapping_class in MAPPINGS.items():
        assert type(with_value(HARDWARE, "mapping", name).mapping) is mapping_class


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "device.level",
            4,
            "unknown path into Hardware 'device.level'; did you mean 'device.levels'",
        ),
        ("gate.q", 0.5, "unknown path into Hardware 'gate.q'; did you mean 'gate.p'"),
        ("device.levels", 1, "Device.levels = 1 is not allowed"),
        ("device.levels", 2.5, "Device.levels = 2.5 is not allowed"),
        ("device.g_min", -1.0, "Device.g_min = -1.0 is not allowed"),
        ("gate.p", 1.0, "BlankOut.p = 1.0 is not allowed"),
        ("gate", 0.5, "gate = 0.5 is a number, and the field takes a ReadNoise"),
        ("gate", "bernouli", "unknown gate 'bernouli'"),
        ("device", "fefet", "unknown device preset 'fefet'"),
        ("mapping", "balanced", "unknown mapping 'balanced'; did you mean 'balanced_pair'"),
        ("gate_sharing", "pairs", "unknown gate_sharing 'pairs'; did you mean 'pair'"),
        ("tile_shape", [64], r"Hardware.tile_shape = \(64,\); give \(word lines, bit lines\)"),
        (
            "device.on_off_ratio",
            1,
            r"on_off_ratio = 1 is not allowed",
        ),
        ("device.on_off_ratio", 0, "on_off_ratio = 0"),
        ("device.on_off_ratio", "ten", "on_off_ratio = 'ten'"),
    ],
)
def test_what_a_field_refuses_is_refused_with_its_message(path, value, message):
    with pytest.raises(ValueError, match=message):
        with_value(HARDWARE, path, value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "device.read_noise.sigma",
            r"axis 'device.read_noise.sigma': device.read_noise is NoNoise\(\), which has no "
            r"sigma; choose a model that has, such as "
            r"devices.preset\(name, read_noise=GaussianNoise\(0.05\)\), "
            r"or give 'device.read_noise' itself values, such as GaussianNoise\(0.1\)",
        ),
        (
            "gate.p",
            r"gate is NoNoise\(\), which has no p; .* such as Hardware\(gate=BlankOut\(0.05",
        ),
        ("device.write.error_factor", r"device.write is IdealWrite\(\), which has no error_factor"),
        ("device.read_noise.sigmm", "unknown axis 'device.read_noise.sigmm'"),
        ("devce.read_noise.sigma", "unknown axis 'devce.read_noise.sigma'"),
    ],
)
def test_a_field_that_only_other_models_have_says_which(path, message):
    with pytest.raises(ValueError, match=message):
        check_path("axis", path, Hardware(device=Device(g_min=1e-6, g_max=1e-5)))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "device.read_noise",
            r"device.read_noise = 0.1 is a number, and the field takes a ReadNoise; give a model, "
            r"such as GaussianNoise\(0.1\) \({kind = \"gaussian_noise\", sigma = 0.1} in a file\)",
        ),
        ("device.retention", "device.retention = 0.1 is a number, .* give a model"),
        ("mapping", "mapping = 0.1 is a number, and the field takes a WeightMapping; give a model"),
    ],
)
def test_a_number_where_a_model_belongs_is_refused_with_an_example(path, message):
    with pytest.raises(ValueError, match=message):
        with_value(HARDWARE, path, 0.1)
