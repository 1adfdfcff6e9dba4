"""The presets hold the numbers of their sources."""

import numpy as np
import pytest

import devices
from devices import RELAXATION_WAN2022
from tests.helpers.presets import EVERYTHING, every_device, every_one

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
    assert "doi:10." in preset.citation
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


@pytest.mark.parametrize("name", [n for n in WITH_PULSES if devices.PRESETS[n].model.levels])
def test_programming_error_of_neurosims_table_is_its_share_of_the_range(name):
    device = devices.PRESETS[name].model
    assert device.pulses.pulses == device.levels
    expected = device.pulses.c2c * (device.g_max - device.g_min)
    np.testing.assert_allclose(
        device.write.sigma(np.array([device.g_min, device.g_max])), expected, rtol=1e-4
    )


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
            lambda g: 0.00081107 + 0.00106879 * g,
        ),  # aihwkit reram.py, acceptance 0.2 %
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
        device.write.sigma(microsiemens * 1e-6) * 1e6, sigma(microsiemens), rtol=1e-5
    )


def test_models_with_named_numbers_are_those_of_the_presets():
    assert devices.preset("rram_wan2022").retention == RELAXATION_WAN2022
    hennen = devices.preset("rram_hennen2024")
    assert hennen.write == devices.SetResetVariability.hennen2024()
    # Its two levels are the median states.
    ends = [1 / hennen.write.r_hrs_median, 1 / hennen.write.r_lrs_median]
    np.testing.assert_allclose([hennen.g_min, hennen.g_max], ends, rtol=1e-5)
    pcm = devices.preset("pcm_nandakumar2019")
    assert pcm.g_max == pcm.read_noise.g_max == pcm.retention.g_ref == pcm.write.g_ref
