"""The same tests for every published device and gate."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

import devices
from crossbar import Hardware, Tile
from devices import NormalError
from devices.tables import MODELS
from nsm import map_to_crossbar, nsm_mlp
from tests.helpers.presets import EVERYTHING, every_device, every_gate, every_one
from tests.helpers.statistics import assert_frequency, assert_mean, assert_variance

READS = 40_000
CELLS = 4000
PERIOD = 1e-6
OPEN_LOOP = [
    name
    for name, preset in devices.PRESETS.items()
    if isinstance(preset.model.write, devices.OpenLoopPulses)
]
# Errors of these have a closed form, others are simulated.
CLOSED_FORM = [
    *(n for n in OPEN_LOOP if isinstance(devices.PRESETS[n].model.pulses, devices.NonlinearPulses)),
    "fefet_deng2020",
]
# Programmed pulse by pulse.
SLOW_TO_PROGRAM = ["rram_gong2018", "rpu_gokmen2016"]
SLOW_TO_PROGRAM += [name for name in devices.PRESETS if name.endswith("_verify")]
NAMES = {c.__name__: c for c in (devices.Device, *MODELS.values())}
W = np.array(
    [
        [-1, 0.5, 0, 0.25],
        [1, -0.75, 0.1, -0.2],
        [0, 0, 0, 0],
        [0.9, 0.9, -0.9, 0.9],
        [-0.3, 0, 1, 0],
        [1, 1, 1, 1.0],
    ]
)
sharings = pytest.mark.parametrize("sharing", ["pair", "cell", "word_line"])


def read_noise_and_range(name):
    if name in devices.GATES:
        return devices.GATES[name].model, np.array([1e-6])
    device = devices.PRESETS[name].model
    return device.read_noise, np.linspace(device.g_min, device.g_max, 5)


def tile_of(device, **hardware):
    hardware = Hardware(device=device, **{"gate": devices.gate("nsm_bernoulli"), **hardware})
    k = hardware.mapping.siemens_per_weight(1.0, device)
    return Tile.program(W, hardware, siemens_per_weight=k, rng=0)


@every_one
def test_read_noise_has_its_moments_and_covariance_over_many_chips(name, rng):
    noise, g = read_noise_and_range(name)
    # Many cells of each conductance, with different traps and thresholds.
    cells = np.tile(g, (CELLS, 1))
    state = noise.init(cells, rng=rng)
    own_mean, own_variance = noise.moments_given(cells, state)
    xi, _ = noise.sample(cells, state, 9, rng=rng, period=PERIOD)
    mean, variance = noise.moments(g)
    assert_mean(xi.mean(axis=0), mean)
    assert_mean(own_mean, mean)
    assert_mean(own_variance, variance)
    off = xi - own_mean  # from each cell's own mean, since differences between cells are static
    assert_mean(np.mean(off**2, axis=0), variance)
    for lag in (1, 8):
        assert_mean(np.mean(off[lag:] * off[:-lag], axis=0), noise.covariance(g, lag * PERIOD))


@pytest.mark.parametrize(
    "name", [n for n in EVERYTHING if not read_noise_and_range(n)[0].has_memory]
)
def test_reads_of_noise_without_memory_are_independent(name, rng):
    noise, g = read_noise_and_range(name)
    mean, variance = noise.moments(g)
    xi, state = noise.sample(g, noise.init(g, rng=rng), READS, rng=rng, period=PERIOD)
    assert state is None
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)
    assert_mean((xi[:-1] - mean) * (xi[1:] - mean), 0)
    np.testing.assert_array_equal(noise.covariance(g, PERIOD), 0)


def test_telegraph_and_flicker_noise_have_memory():
    assert [n for n in EVERYTHING if read_noise_and_range(n)[0].has_memory] == [
        "rram_cmo_hfox",
        "pcm_nandakumar2019",
        "rtn_illustrative",
        "rram_levy2021",
    ]


@every_device
def test_programmed_cells_have_the_error_that_the_device_tells(name, rng):
    device = replace(devices.PRESETS[name].model, faults=devices.NoFaults())
    target = device.quantize(np.linspace(device.g_min, device.g_max, 5))
    cells = 4000 if name in SLOW_TO_PROGRAM else READS
    g = device.program(np.tile(target, (cells, 1)), rng=rng)
    assert (g >= 0).all()
    error = device.programming_error(target)
    if isinstance(device.write, devices.IdealWrite):
        np.testing.assert_array_equal(g, np.tile(target, (READS, 1)))
    elif name == "rram_hennen2024":
        assert_variance(g, error**2)
        assert (np.median(g, axis=0) > 0.99 * target).all()
        assert (np.median(g, axis=0) < 1.01 * target).all()
    elif isinstance(device.write, NormalError) or name in CLOSED_FORM:
        assert_mean((g - target) ** 2, error**2)
    else:  # simulated with 500 cells at each of 33 targets: five standard errors of 3 %
        rms = np.sqrt(np.mean((g - target) ** 2, axis=0))
        np.testing.assert_allclose(rms, error, rtol=0.25, atol=1e-12)
    if name == "fefet_deng2020":
        # The mean cell meets its target in triode, to 1e-4 of the window.
        np.testing.assert_allclose(g.mean(axis=0), target, atol=5 * error.max() / np.sqrt(READS))


def test_faulty_cells_of_the_preset_are_binomial_counts(rng):
    device = devices.preset("rram_faults_chen2015")
    g = device.program(np.full(READS, 5e-5), rng=rng)
    # Chen et al. 2015 by way of the preset's notes: 1.75 % stuck at low resistance, 9.04 % at high.
    assert_frequency((g == device.g_max).sum(), READS, 0.0175)
    assert_frequency((g == device.g_min).sum(), READS, 0.0904)


@every_device
def test_programming_is_reproducible_by_its_seed(name):
    device = devices.PRESETS[name].model
    target = np.full((4, 50), (device.g_min + device.g_max) / 2)
    one, same, other = (device.program(target, rng=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, same)
    exact = isinstance(device.write, devices.IdealWrite) and isinstance(
        device.faults, devices.NoFaults
    )
    assert np.array_equal(one, other) == exact


@every_device
def test_a_cell_stays_positive_for_ten_years(name, rng):
    device = devices.PRESETS[name].model
    for g in (device.g_min, device.g_max):
        aged = device.age(np.full(READS, g), 3e8, rng=rng)
        assert (aged >= 0).all()
        still = isinstance(device.retention, devices.NoDrift) or (
            g == 0 and isinstance(device.retention, devices.PowerLawDrift)
        )
        assert np.array_equal(aged, np.full(READS, g)) == still


@every_one
def test_repr_round_trips(name):
    model = EVERYTHING[name].model
    assert eval(repr(model), dict(NAMES)) == model


@every_one
def test_a_preset_survives_its_own_file(name, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(EVERYTHING[name].toml(), encoding="utf-8")
    ask = devices.gate if name in devices.GATES else devices.preset
    assert ask(str(path)) == EVERYTHING[name].model


@every_one
def test_asking_by_name_gives_the_preset(name):
    ask = devices.gate if name in devices.GATES else devices.preset
    assert ask(name) == EVERYTHING[name].model


@every_device
@sharings
def test_every_device_maps_and_reads(name, sharing):
    device = devices.PRESETS[name].model
    for changed in {replace(device, levels=None), replace(device, levels=8), device}:
        tile = tile_of(changed, gate_sharing=sharing)
        x = np.tile([1.0, -1, 1, 1], (300, 1))
        u = tile.read(x, rng=1)
        (mean, variance) = tile.moments(x[:1])
        assert u.shape == (300, 6)
        assert np.isfinite(u).all()
        assert np.isfinite(mean).all()
        assert (variance > 0).any()
        # Six standard deviations of a mean; over reads that all agree it is that of one.
        n = 1 if device.read_noise.has_memory else 300
        assert (np.abs(u.mean(axis=0) - mean) <= 6 * np.sqrt(variance / n) + 1e-9).all()


@every_device
def test_a_network_maps_to_every_device(name):
    torch.manual_seed(0)
    hardware = Hardware(device=devices.PRESETS[name].model, gate=devices.gate("nsm_bernoulli"))
    chip = map_to_crossbar(nsm_mlp((4, 6, 5, 3)), hardware, rng=0)
    x = np.random.default_rng(0).random((3, 4))
    logits = chip.sample(x, 5, rng=1)
    assert logits.shape == (5, 3, 3)
    assert np.isfinite(logits).all()
    chip.age(86_400.0)
    assert np.isfinite(chip.sample(x, 5, rng=1)).all()
    worth = chip.effective_samples(5)["max"].dropna()  # not a number where a layer has no noise
    assert len(worth) >= 2
    assert worth.between(1 - 1e-9, 5 + 1e-9).all()


@every_gate
@sharings
def test_every_gate_works_on_a_tile(name, sharing, rng):
    tile = tile_of(
        devices.preset("rram_wu2018"), gate=devices.GATES[name].model, gate_sharing=sharing
    )
    x = rng.choice([-1.0, 1.0], 4)
    u = tile.read(np.tile(x, (READS, 1)), rng=1)
    (mean, variance) = tile.moments(x[None])
    assert_mean(u, mean[0])
    assert_variance(u, variance[0], mean[0])


def test_repr_of_a_full_device_round_trips():
    noise = devices.ProductNoise(
        devices.BlankOut(0.3), devices.PowerLawNoise(0.1, 0.5, 1e-5), devices.LognormalNoise(0.2)
    )
    device = devices.preset(
        "rram_cmo_hfox", read_noise=noise, faults=devices.StuckCells(p_stuck_lrs=0.1)
    )
    assert eval(repr(device), dict(NAMES)) == device


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
        r"unknown device preset 'rram_wu2108'; did you mean 'rram_wu2018'\? "
        r"Nearest of \d+ known: rram_wu2018, ",
    ),
    (
        lambda: devices.preset("zzz"),
        r"unknown device preset 'zzz'. Nearest of \d+ known: \w+, \w+, \w+$",
    ),
    (lambda: devices.preset(3), r"unknown device preset 3"),
    (
        lambda: devices.gate("nsm_bernouli"),
        r"unknown gate 'nsm_bernouli'; did you mean 'nsm_bernoulli'\? "
        r"Known: nsm_bernoulli, nsm_gaussian",
    ),
    (
        lambda: devices.preset("rram_wu2018", level=4),
        r"unknown field of Device 'level'; did you mean 'levels'\? Nearest of 13 known: levels,",
    ),
    (lambda: devices.gate("nsm_bernoulli", q=0.1), r"unknown field of BlankOut 'q'.* Known: p"),
    (
        lambda: devices.gate("nsm_gaussian", is_gaussian=False),
        r"unknown field of GaussianNoise 'is_gaussian'.* Known: sigma$",
    ),
    (lambda: devices.preset("rram_wu2018", levels=1), r"Device\.levels = 1 is not allowed"),
    (lambda: devices.gate("nsm_bernoulli", p=2), r"BlankOut\.p = 2 is not allowed"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_name_or_field_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
