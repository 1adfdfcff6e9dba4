"""The presets hold the numbers of their sources."""

from dataclasses import replace

import numpy as np
import pytest

import devices
from devices import RELAXATION_WAN2022
from tests.helpers.presets import EVERYTHING, every_device, every_one
from tests.helpers.statistics import assert_frequency

STATUSES = {"published", "refit", "memory", "illustrative"}
WITH_PULSES = [n for n, preset in devices.PRESETS.items() if preset.model.pulses is not None]


def test_the_promised_presets_are_there():
    promised = (
        "fefet_jerry2017 rram_wu2018 rram_wan2022 rram_milo2021 rram_cmo_hfox "
        "pcm_nandakumar2019 rram_hennen2024"
    )
    assert set(devices.PRESETS) >= set(promised.split())
    assert set(devices.GATES) >= {
        "nsm_bernoulli",
        "nsm_gaussian",
        "nsm_lognormal",
        "selector_dutta2022",
    }


@every_one
def test_a_preset_carries_its_source_and_its_doubts(name):
    preset = EVERYTHING[name]
    assert preset.name == name
    assert "doi:10." in preset.citation or "https://github.com/" in preset.citation
    assert preset.status in STATUSES
    assert all(words.strip() for words in (preset.technology, preset.verified, preset.notes))


@every_device
def test_a_device_repeats_its_citation_and_has_a_sound_range(name):
    device = devices.PRESETS[name].model
    assert device.reference == devices.PRESETS[name].citation
    assert 0 <= device.g_min < device.g_max < 1
    assert device.levels is None or device.levels >= 2


@pytest.mark.parametrize("name", WITH_PULSES)
def test_pulses_move_over_the_range_of_the_device(name):
    device = devices.PRESETS[name].model
    assert (device.pulses.g_min, device.pulses.g_max) == (device.g_min, device.g_max)
    up, down = device.pulses.curve(4000)
    slack = 1e-9 * device.g_max
    np.testing.assert_allclose([up[0], down[0]], [device.g_min, device.g_max], atol=slack)
    for curve, sign in ((up, 1), (down, -1)):
        assert (sign * np.diff(curve) >= -slack).all()
        assert abs(curve[-1] - curve[0]) > 0.97 * (device.g_max - device.g_min)


# NeuroSim V3.0 manual, Table II: number of pulses, variation of one pulse as a share of the range.
NEUROSIM = {
    "fefet_jerry2017": (32, 0.005),
    "rram_wu2018": (128, 0.037),
    "rram_jo2010": (97, 0.035),
    "rram_park2013": (50, 0.01),
    "rram_woo2016": (40, 0.05),
    "pcm_kuzum2011": (100, 0.015),
    "epiram_choi2018": (64, 0.02),
}


@pytest.mark.parametrize("name", NEUROSIM)
def test_neurosims_variation_is_that_of_one_pulse(name):
    device = devices.PRESETS[name].model
    pulses, one = NEUROSIM[name]
    assert device.write == devices.OpenLoopPulses(pulses=device.pulses)
    assert (device.pulses.pulses, device.levels, device.pulses.c2c) == (pulses, pulses, one)
    # √n of it after n pulses, where the range is far away: Cell.cpp multiplies by √numPulse.
    up, _ = device.pulses.curve(pulses)
    width = device.g_max - device.g_min
    for n in (1, pulses // 4):
        distance = min(up[n] - device.g_min, device.g_max - up[n]) / width
        if distance > 4 * one * np.sqrt(n):
            error = device.programming_error(up[[n]]) / width
            np.testing.assert_allclose(error, one * np.sqrt(n), rtol=1e-3)
    largest = device.programming_error(up).max() / width
    assert 3 * one < largest < 9 * one


def test_wu2018_is_off_by_a_fifth_to_a_third_of_its_range():
    device = devices.preset("rram_wu2018")
    targets = np.linspace(device.g_min, device.g_max, 101)[25:]
    error = device.programming_error(targets) / (device.g_max - device.g_min)
    assert (error > 0.185).all()
    assert (error < 0.295).all()


@pytest.mark.parametrize("name", NEUROSIM)
def test_the_verifying_variant_tells_the_levels_apart(name):
    one, verified = devices.PRESETS[name], devices.PRESETS[f"{name}_verify"]
    device = verified.model
    half = device.step / 2
    assert device == replace(one.model, write=device.write)
    assert device.write.pulse == device.pulses
    np.testing.assert_allclose(device.write.tolerance, half, rtol=1e-5)
    levels = device.level_conductances[1:]
    done = device.write.program_counted(np.tile(levels, (20, 1)), rng=0)
    assert done.converged.all()
    assert (np.abs(done.g - levels) < half).all()
    assert verified.programming != one.programming
    assert "assum" in verified.notes or "our choice" in verified.notes


@pytest.mark.parametrize(("name", "share"), [("hfo2", 0.0977), ("om", 0.1348)])
def test_corrupt_cells_of_gong2022_stay_in_the_middle_of_the_range(name, share, rng):
    device = devices.preset(f"rram_{name}_gong2022")
    # aihwkit presets/devices.py: corrupt_devices_prob 0.0977 and 0.1348, range 0.01 in ±1.
    assert (device.pulses.p_corrupt, device.pulses.corrupt_range) == (share, 0.01)
    quiet = replace(device.pulses, write_noise=0.0)
    g = replace(device.write, pulses=quiet).program(np.full(40_000, device.g_max), rng=rng)
    w = (g - device.g_min) / (device.g_max - device.g_min) * 2 - 1
    stuck = (np.abs(w) < 0.0101).sum()
    assert_frequency(stuck - 40, 40_000, share)  # a few healthy cells pass by: P(|w_max| < 0.01)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (
            "rram_hfo2_gong2022",
            {"step": 0.4622, "c2c": 0.2174, "write_noise": 0.5841, "d2d_step": 0.7125},
        ),
        (
            "rram_hfo2_gong2022",
            {"d2d_w_max": 0.4295, "d2d_w_min": 0.5990, "additive": True, "lognormal": True},
        ),
        (
            "rram_om_gong2022",
            {"step": 0.0949, "c2c": 0.4158, "write_noise": 1.4113, "d2d_step": 0.7829},
        ),
        (
            "rram_om_gong2022",
            {"d2d_w_max": 0.3499, "d2d_w_min": 0.5695, "additive": True, "lognormal": True},
        ),
        (
            "rram_gong2018",
            {"step": 0.00135, "up_down": 0.259359, "a": -0.5, "b": -0.5, "a_up": -1.18445},
        ),
        (
            "rram_gong2018",
            {"a_down": -0.081404, "gamma_up": 5, "gamma_down": 5, "c2c": 5, "write_noise": 75},
        ),
        (
            "rpu_gokmen2016",
            {"step": 0.0016, "c2c": 0.3, "d2d_step": 0.3, "d2d_up_down": 0.01, "d2d_w_max": 0.3},
        ),
    ],
)
def test_pulses_have_the_numbers_of_aihwkit(name, source):
    pulses = devices.PRESETS[name].model.pulses
    assert {field: getattr(pulses, field) for field in source} == source


@pytest.mark.parametrize(
    ("name", "sigma"),
    [
        ("rram_milo2021", lambda g: 4.782321 - 0.009107 * g),  # CrossSim RRAM_Milo.py
        (
            "rram_cmo_hfox",
            lambda g: np.hypot(0.00081107 + 0.00106879 * g, 0.4118),
        ),  # aihwkit reram.py, acceptance 0.2 %; spread of the drift at 1 s
        (
            "pcm_nandakumar2019",
            lambda g: 0.26348 + 1.965 * g / 25 - 1.1731 * (g / 25) ** 2,
        ),  # aihwkit pcm.py
        (
            "sonos_agrawal2022",
            lambda g: 0.1988665 * (1 - np.exp(-g / 1.763115)),
        ),  # CrossSim SONOS.py, at 0.1 V
    ],
)
def test_programming_errors_are_those_of_their_source(name, sigma):
    device = devices.PRESETS[name].model
    microsiemens = np.linspace(device.g_min, device.g_max, 7) * 1e6
    np.testing.assert_allclose(
        device.write.sigma(microsiemens * 1e-6) * 1e6, sigma(microsiemens), rtol=1e-4
    )


def test_models_with_named_numbers_are_those_of_the_presets():
    assert devices.preset("rram_wan2022").retention == RELAXATION_WAN2022
    hennen = devices.preset("rram_hennen2024")
    assert hennen.write == devices.SetResetVariability.hennen2024()
    # Its two levels are the median states.
    ends = [1 / hennen.write.r_hrs_median, 1 / hennen.write.r_lrs_median]
    np.testing.assert_allclose([hennen.g_min, hennen.g_max], ends, rtol=1e-5)
    pcm = devices.preset("pcm_nandakumar2019")
    assert pcm.g_max == pcm.read_noise.q.g_max == pcm.retention.g_ref == pcm.write.g_ref


def test_flicker_noise_has_the_variance_that_the_sources_give_for_one_read():
    pcm, cmo = (devices.preset(name) for name in ("pcm_nandakumar2019", "rram_cmo_hfox"))
    g = np.linspace(0.02, 1, 9) * pcm.g_max
    free = replace(pcm.read_noise, clamped=False)
    np.testing.assert_allclose(free.moments(g)[1], devices.PcmReadNoise().moments(g)[1], rtol=1e-9)
    one = devices.LogConductanceNoise(coefficient=2.77316e-8)
    g = np.linspace(cmo.g_min, cmo.g_max, 9)
    np.testing.assert_allclose(cmo.read_noise.moments(g)[1], one.moments(g)[1], rtol=1e-9)


def test_negative_reads_of_phase_change_cells_are_zero(rng):
    noise = devices.preset("pcm_nandakumar2019").read_noise
    # Below 0.008 g_max: σ(ξ) = 0.84, P(ξ < 0) = Φ(−1/0.84) = 12 %.
    g = np.full(40_000, 1e-8)
    xi, _ = noise.sample(g, noise.init(g, rng=rng), 1, rng=rng, period=1e-6)
    assert xi.min() == 0
    assert_frequency((xi == 0).sum(), 40_000, 0.1161)


def test_the_doi_of_the_sonos_cells_is_that_of_its_source():
    assert "10.1109/IEDM45625.2022.10019564" in devices.PRESETS["sonos_agrawal2022"].citation


@every_one
def test_a_preset_says_what_was_measured_and_what_its_levels_count(name):
    preset = EVERYTHING[name]
    assert preset.measured
    assert preset.inferred
    is_device = name in devices.PRESETS
    assert bool(preset.programming) == bool(preset.levels_counted) == is_device
    if is_device:
        assert ("none" in preset.levels_counted) == (preset.model.levels is None)
