"""One battery over every preset and every gate."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from conftest import assert_mean, assert_variance
from scipy.stats import norm

import devices

READS = 40_000
STATUSES = {"published", "refit", "memory", "illustrative"}
EVERYTHING = {**devices.PRESETS, **devices.GATES}

every_device = pytest.mark.parametrize("name", devices.PRESETS)
every_gate = pytest.mark.parametrize("name", devices.GATES)
every_one = pytest.mark.parametrize("name", EVERYTHING)


def read_noise_and_range(name):
    if name in devices.GATES:
        return devices.GATES[name].model, np.array([1e-6])
    device = devices.PRESETS[name].model
    return device.read_noise, np.linspace(device.g_min, device.g_max, 5)


def test_the_promised_presets_are_there():
    assert set(devices.PRESETS) >= {"fefet_jerry2017", "rram_wu2018", "rram_wan2022", "rram_milo2021", "rram_cmo_hfox"}
    assert set(devices.GATES) >= {"nsm_bernoulli", "nsm_gaussian"}


@every_one
def test_a_preset_carries_its_source_and_its_doubts(name):
    preset = EVERYTHING[name]
    assert preset.name == name
    assert "doi:10." in preset.citation
    assert preset.status in STATUSES
    assert all(words.strip() for words in (preset.technology, preset.verified, preset.notes))


@every_device
def test_a_device_repeats_its_citation_and_has_a_sound_range(name):
    device = devices.PRESETS[name].model
    assert device.reference == devices.PRESETS[name].citation
    assert 0 < device.g_min < device.g_max < 1
    assert device.levels is None or device.levels >= 2


@every_one
def test_read_noise_samples_match_its_moments(name, rng):
    noise, g = read_noise_and_range(name)
    xi, _ = noise.sample(g, noise.init(g, rng=rng), READS, rng=rng, period=1e-6)
    mean, variance = noise.moments(g)
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)
    # All presets so far are memoryless: the lag-1 autocovariance is 0.
    assert_mean((xi[:-1] - mean) * (xi[1:] - mean), 0)


@every_device
def test_programmed_cells_have_the_write_models_moments_and_stay_positive(name, rng):
    device = devices.PRESETS[name].model
    target = device.quantise(np.linspace(device.g_min, device.g_max, 5))
    g = device.program(np.tile(target, (READS, 1)), rng=rng)
    assert (g >= 0).all()
    # max(N(t, σ²), 0): with h = t/σ, mean t Φ(h) + σ φ(h), square (t² + σ²) Φ(h) + t σ φ(h).
    sigma = device.write.sigma(target)
    h = target / sigma
    mean = target * norm.cdf(h) + sigma * norm.pdf(h)
    assert_mean(g, mean)
    assert_variance(g, (target**2 + sigma**2) * norm.cdf(h) + target * sigma * norm.pdf(h) - mean**2, mean)


@every_device
def test_programming_is_reproducible_by_its_seed(name):
    device = devices.PRESETS[name].model
    target = np.full((4, 5), device.g_max)
    np.testing.assert_array_equal(device.program(target, rng=7), device.program(target, rng=7))
    assert not np.array_equal(device.program(target, rng=7), device.program(target, rng=8))


@every_device
def test_a_cell_stays_positive_for_ten_years(name, rng):
    device = devices.PRESETS[name].model
    aged = device.age(np.full(READS, device.g_min), 3e8, rng=rng)
    assert (aged >= 0).all()
    assert np.array_equal(aged, np.full(READS, device.g_min)) == isinstance(device.retention, devices.NoDrift)


@every_one
def test_repr_round_trips(name):
    model = EVERYTHING[name].model
    assert eval(repr(model), vars(devices)) == model


@every_one
def test_asking_by_name_gives_the_preset(name):
    ask = devices.gate if name in devices.GATES else devices.preset
    assert ask(name) == EVERYTHING[name].model


def test_repr_of_a_full_device_round_trips():
    noise = devices.Product(devices.BlankOut(0.3), devices.PowerLawNoise(0.1, 0.5, 1e-5), devices.LognormalNoise(0.2))
    device = devices.preset("rram_cmo_hfox", read_noise=noise, faults=devices.StuckCells(p_stuck_lrs=0.1))
    assert eval(repr(device), vars(devices)) == device


def test_changes_leave_the_rest_and_the_preset_alone():
    changed = devices.preset("rram_wu2018", levels=16)
    assert changed.levels == 16
    assert changed.g_max == devices.preset("rram_wu2018").g_max
    assert devices.preset("rram_wu2018").levels == 128
    assert devices.gate("nsm_bernoulli", p=0.25) == devices.BlankOut(0.25)


def test_presets_cannot_be_changed_in_place():
    with pytest.raises(TypeError, match="does not support item assignment"):
        devices.PRESETS["mine"] = None
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'levels'"):
        devices.PRESETS["rram_wu2018"].model.levels = 3


BAD = [
    (
        lambda: devices.preset("rram_wu2108"),
        r"unknown device preset 'rram_wu2108'; did you mean 'rram_wu2018'\? Known: fefet_jerry",
    ),
    (lambda: devices.preset("zzz"), r"unknown device preset 'zzz' Known: fefet_jerry2017, .*rram_cmo_hfox"),
    (lambda: devices.preset(3), r"unknown device preset 3"),
    (
        lambda: devices.gate("nsm_bernouli"),
        r"unknown gate 'nsm_bernouli'; did you mean 'nsm_bernoulli'\? Known: nsm_bernoulli, nsm_gaussian",
    ),
    (
        lambda: devices.preset("rram_wu2018", level=4),
        r"unknown field of Device 'level'; did you mean 'levels'\? Known: g_min, g_max, levels",
    ),
    (lambda: devices.gate("nsm_bernoulli", q=0.1), r"unknown field of BlankOut 'q'.* Known: p"),
    (
        lambda: devices.gate("nsm_gaussian", collapses=False),
        r"unknown field of GaussianNoise 'collapses'.* Known: sigma$",
    ),
    (lambda: devices.preset("rram_wu2018", levels=1), r"Device\.levels = 1 is not allowed"),
    (lambda: devices.gate("nsm_bernoulli", p=2), r"BlankOut\.p = 2 is not allowed"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_name_or_field_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
