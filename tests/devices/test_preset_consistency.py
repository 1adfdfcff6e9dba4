"""Every preset agrees with itself: pulses and writing, the first instant, spreads, the range."""

import numpy as np
import pytest

import devices
from devices import NormalError, OpenLoopPulses, WriteVerify
from tests.helpers.presets import every_device

CELLS = 2000
WITH_PULSES = [n for n, preset in devices.PRESETS.items() if preset.model.pulses is not None]


@pytest.mark.parametrize("name", WITH_PULSES)
def test_writing_uses_the_pulses_of_the_device(name):
    device = devices.PRESETS[name].model
    assert isinstance(device.write, (OpenLoopPulses, WriteVerify))
    used = device.write.pulses if isinstance(device.write, OpenLoopPulses) else device.write.pulse
    assert used == device.pulses


@pytest.mark.parametrize("name", [n for n in WITH_PULSES if not n.endswith("_verify")])
def test_the_error_is_that_of_the_pulses_given_to_each_cell(name, rng):
    device = devices.PRESETS[name].model
    pulses = device.pulses
    g = np.linspace(device.g_min, device.g_max, 4)
    target = np.tile(g, (400, 1))
    cells = pulses.init(target.shape, rng=rng)
    n = device.write.count(target)
    given = pulses.respond(device.g_min, n, cells, rng=rng)
    given = pulses.with_write_noise(given, rng=rng)
    rms = np.sqrt(np.mean((given - target) ** 2, axis=0))
    # Standard errors: 4 % of this sample, 3 % where the error itself is simulated.
    np.testing.assert_allclose(device.programming_error(g), rms, rtol=0.25, atol=1e-12)


@every_device
def test_nothing_jumps_in_the_first_nanosecond(name):
    device = devices.PRESETS[name].model
    target = device.quantize(np.full(CELLS, (device.g_min + 2 * device.g_max) / 3))
    at_once = device.program(target, rng=0)
    soon = device.age(at_once, 1e-9, rng=1)
    np.testing.assert_array_equal(device.age(at_once, 0.0, rng=1), at_once)
    np.testing.assert_allclose(soon, at_once, rtol=1e-4)
    assert device.retention.spread(target[:1], 1e-9) <= 1e-3 * device.g_max


@every_device
def test_the_spread_of_ageing_cells_never_shrinks(name):
    device = devices.PRESETS[name].model
    g = np.linspace(max(device.g_min, device.g_max / 50), device.g_max, 20)
    times = [0.0, 1e-9, *np.geomspace(1e-3, 3e8, 60)]
    factor = [device.retention.common(g, t) for t in times]
    # A drift that makes all cells smaller makes their spread smaller too: relative to the mean.
    spread = np.array([device.retention.spread(g, t) for t in times])
    if isinstance(device.retention, devices.PowerLawDrift):
        spread = spread / (g * np.array(factor))
    assert (np.diff(spread, axis=0) >= -1e-12 * device.g_max).all()


@every_device
def test_programmed_cells_lie_in_the_range_of_the_device(name, rng):
    device = devices.PRESETS[name].model
    target = np.tile(device.quantize(np.linspace(device.g_min, device.g_max, 3)), (CELLS, 1))
    g = device.program(target, rng=rng)
    outside = (g < device.g_min * (1 - 1e-9)) | (g > device.g_max * (1 + 1e-9))
    if isinstance(device.write, NormalError):
        assert not device.write.has_own_range
    # Where the range is that of the typical cell: medians of a binary cell, means of a few domains,
    # and weights of ±1 with spreads.
    typical = name in ("rram_hennen2024", "fefet_deng2020")
    if typical or isinstance(device.pulses, devices.StepPulses):
        assert device.write.has_own_range
        assert outside.any()
        assert (g >= 0).all()
    else:
        assert not outside.any()


def test_no_cell_of_epiram_conducts_nothing(rng):
    device = devices.preset("epiram_choi2018")
    g = device.program(np.full(CELLS, device.g_min + 0.2 * device.g_max), rng=rng)
    assert (g >= device.g_min).all()
