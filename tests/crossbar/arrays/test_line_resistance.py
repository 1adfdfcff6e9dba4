"""Reads of tiles with line resistance, against the currents of arrays solved node by node."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import (
    BalancedPair,
    DifferentialPair,
    Hardware,
    ReferenceColumn,
    Tile,
    TiledArray,
    Wires,
)
from crossbar.threads import threads
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    LogTimeDrift,
    NoNoise,
    ProductNoise,
)
from tests.helpers.statistics import assert_mean, assert_variance

TILE = Wires(2.0, 3.0, 20.0, 10.0)  # lowers the currents of the tiles below by 3 to 6 %
DEVICE = Device(g_min=1e-6, g_max=1e-4)
MAPPINGS = [DifferentialPair(), BalancedPair(), ReferenceColumn()]
READS = 20_000
mappings = pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda m: type(m).__name__)


def programmed(w, maker=Tile, *, device=DEVICE, wires=TILE, tile_shape=(128, 128), **hardware):
    """Return an array with wires, programmed with w; a weight of one fills the range."""
    hardware = Hardware(device=device, wires=wires, tile_shape=tile_shape, **hardware)
    return maker.program(
        w, hardware, siemens_per_weight=hardware.mapping.siemens_per_weight(1.0, device), rng=0
    )


def solved(tile, x, wires=TILE, pos=1.0, neg=1.0):
    """Return u of the physical arrays solved node by node, with every cell times a factor.

    A pair mapping has two arrays; a reference column is the last bit line of one array.
    """
    g_pos, g_neg = pos * tile.g_pos, neg * tile.g_neg
    if tile.hardware.mapping.shares_reference:
        currents = wires.currents(np.hstack([g_pos, g_neg]), x)
        return (currents[..., :-1] - currents[..., -1:]) / tile.siemens_per_weight
    return (wires.currents(g_pos, x) - wires.currents(g_neg, x)) / tile.siemens_per_weight


@mappings
def test_ideal_reads_are_the_currents_of_the_physical_arrays(mapping, rng):
    w = rng.uniform(-1, 1, (10, 14))
    x = rng.uniform(-1, 1, (3, 14))
    tile = programmed(w, mapping=mapping)
    np.testing.assert_allclose(tile.read(x, rng=0), solved(tile, x), rtol=0, atol=1e-11)
    assert np.abs(tile.read(x, rng=0) - x @ w.T).max() > 0.03  # IR drop is visible
    # The programmed conductances are not changed by wires.
    np.testing.assert_allclose(tile.weights, w, rtol=1e-12, atol=1e-12)
    variance = tile.moments(x)[1]
    np.testing.assert_array_equal(variance, 0)


@mappings
def test_every_tile_has_its_own_wires_and_currents_of_tiles_add_up(mapping, rng):
    w = rng.uniform(-1, 1, (11, 25))
    x = rng.uniform(-1, 1, (3, 25))
    array = programmed(w, TiledArray, mapping=mapping, tile_shape=(10, 6))
    rows = np.split(x, [10, 20], axis=1)
    sums = [sum(solved(array.tiles[i][j], rows[i]) for i in range(3)) for j in range(2)]
    np.testing.assert_allclose(array.read(x, rng=0), np.hstack(sums), rtol=0, atol=1e-11)
    one_tile = programmed(w, TiledArray, mapping=mapping)
    lost = [np.abs(a.read(x, rng=0) - x @ w.T).mean() for a in (array, one_tile)]
    assert lost[0] < lost[1]  # smaller tiles have shorter lines


@mappings
@pytest.mark.parametrize("sharing", ["pair", "cell"])
def test_wires_carry_the_currents_of_the_cells_in_their_mean_state(mapping, sharing, rng):
    w = rng.uniform(-1, 1, (6, 20))
    x = rng.uniform(-1, 1, (3, 20))
    device = replace(DEVICE, read_noise=ProductNoise(BlankOut(0.8), GaussianNoise(0.1)))
    tile = programmed(w, device=device, mapping=mapping, gate=BlankOut(0.5), gate_sharing=sharing)
    np.testing.assert_allclose(
        tile.moments(x)[0], solved(tile, x, pos=0.4, neg=0.4), rtol=0, atol=1e-11
    )


NOISES = {
    "blank-out": {"gate": BlankOut(0.5)},
    "blank-out of each cell": {"gate": BlankOut(0.3), "gate_sharing": "cell"},
    "blank-out of lines": {"gate": BlankOut(0.5), "gate_sharing": "word_line"},
    "Gaussian": {"device": replace(DEVICE, read_noise=GaussianNoise(0.2))},
    "lognormal": {"device": replace(DEVICE, read_noise=LognormalNoise(0.5))},
    "lognormal under blank-out": {
        "device": replace(DEVICE, read_noise=LognormalNoise(0.5)),
        "gate": BlankOut(0.5),
    },
}


@mappings
@pytest.mark.parametrize("noise", NOISES)
def test_reads_behind_wires_have_the_moments(noise, mapping, rng):
    w = rng.uniform(-1, 1, (3, 40))
    z = rng.choice([-1.0, 1.0], 40)
    tile = programmed(w, mapping=mapping, **NOISES[noise])
    mean, variance = tile.moments(z[None])
    assert (variance > 0).all()
    for sampling in ("exact", "moments"):
        u = tile.read(np.tile(z, (READS, 1)), rng=1, sampling=sampling)
        assert_mean(u, mean[0])
        assert_variance(u, variance[0], mean[0])


def adjoint(wires, g, v):
    """Return dI_j/dg_ik, (m, n, n), by the adjoint network of Director and Rohrer (1969).

    It is the voltage across the cell times that across it with one volt on bit line j.
    """
    n = g.shape[1]
    other = Wires(wires.r_col, wires.r_row, wires.r_sense, wires.r_source)
    here = wires.node_voltages(g, v)
    seen = [other.node_voltages(g[::-1, ::-1].T, np.eye(n)[n - 1 - j]) for j in range(n)]
    return np.stack([(here.word - here.bit) * (s.word - s.bit).T[::-1, ::-1] for s in seen], axis=2)


# Root-mean-square distances from exact reads in units of an output's standard deviation, measured
# with this seed: of reads with frozen effective conductances, of reads to first order (adjoint), of
# the mean of frozen reads, of a mean without wires. IR drop takes 3 % and 11 % of the currents. A
# bound is twice the measured distance.
DISTANCES = [
    (GaussianNoise(0.1), 2.0, 0.012, 0.0013, 0.0015, 0.58),
    (GaussianNoise(0.1), 8.0, 0.043, 0.0047, 0.0053, 2.3),
    (LognormalNoise(0.3), 2.0, 0.013, 0.0045, 0.0035, 0.20),
    (LognormalNoise(0.3), 8.0, 0.049, 0.016, 0.012, 0.77),
    (BlankOut(0.5), 2.0, 0.0088, 0.0056, 0.0049, 0.11),
    (BlankOut(0.5), 8.0, 0.033, 0.021, 0.018, 0.15),
]


@pytest.mark.parametrize(("noise", "r", "frozen", "first_order", "mean", "ideal"), DISTANCES)
def test_frozen_and_first_order_reads_are_near_arrays_solved_for_every_read(
    noise, r, frozen, first_order, mean, ideal, rng
):
    w = rng.uniform(-1, 1, (8, 32))
    z = rng.choice([-1.0, 1.0], 32)
    reads = 400
    wires = Wires(r, r, 10 * r)
    gated = isinstance(noise, BlankOut)
    device = replace(DEVICE, read_noise=NoNoise() if gated else noise)
    tile = programmed(w, device=device, gate=noise if gated else NoNoise(), wires=wires)
    k = tile.siemens_per_weight
    m = 0.5 if gated else 1.0
    pos, neg = (noise.sample(tile.g_pos, None, reads, rng=rng, period=1)[0] for _ in range(2))
    neg = pos if gated else neg  # one gate for the pair
    exact = np.array([solved(tile, z, wires, *factors) for factors in zip(pos, neg, strict=True)])
    u = (
        z @ (pos * tile.effective_conductances()[0]) - z @ (neg * tile.effective_conductances()[1])
    ) / k
    slopes = [adjoint(wires, m * g, z) for g in (tile.g_pos, tile.g_neg)]
    moved = [(f - m) * g for f, g in zip((pos, neg), (tile.g_pos, tile.g_neg), strict=True)]
    changes = [np.tensordot(change, slope, 2) for change, slope in zip(moved, slopes, strict=True)]
    linear = solved(tile, z, wires, m, m) + (changes[0] - changes[1]) / k
    spread = np.sqrt(tile.moments(z[None])[1][0])
    distances = [np.sqrt(((a - exact) ** 2).mean(axis=0)) / spread for a in (u, linear)]
    off, ideally_off = (
        np.abs((a - exact).mean(axis=0)).max() / spread.min() for a in (u, m * w @ z)
    )
    assert distances[0].max() < 2 * frozen
    assert distances[1].max() < 2 * first_order
    assert off < 2 * mean
    assert ideally_off > ideal / 2
    assert off < ideally_off / 4


@mappings
def test_wires_are_solved_again_after_ageing_and_a_common_gain(mapping, rng):
    w = rng.uniform(-1, 1, (8, 12))
    x = rng.uniform(-1, 1, (2, 12))
    device = replace(DEVICE, retention=LogTimeDrift(mean=-5e-7, std=1e-7, std_rate=1e-7))
    tile = programmed(w, device=device, mapping=mapping)
    fresh = programmed(w, mapping=mapping).read(x, rng=0)
    array = programmed(w, TiledArray, device=device, mapping=mapping, tile_shape=(7, 5))
    for change in (lambda t: t.age(1e3), lambda t: t.scale_conductances(3.0), lambda t: t.age(1e5)):
        for one in (tile, array):
            one.read(x, rng=0)  # solves the wires for the state before the change
            change(one)
        np.testing.assert_allclose(tile.read(x, rng=0), solved(tile, x), rtol=0, atol=1e-11)
        parts = [
            [solved(t, part) for t in row]
            for row, part in zip(array.tiles, np.split(x, [7], axis=1), strict=True)
        ]
        np.testing.assert_allclose(
            array.read(x, rng=0), np.sum([np.hstack(p) for p in parts], axis=0), rtol=0, atol=1e-11
        )
    # Three times the conductance loses more than three times the current, so that with wires a
    # factor of all conductances is not a common-mode gain of the currents.
    aged = programmed(w, mapping=mapping)
    aged.scale_conductances(3.0)
    assert np.abs(aged.read(x, rng=0) / 3 - fresh).max() > 0.01


@mappings
@pytest.mark.parametrize("noise", NOISES)
def test_wires_of_a_nano_ohm_change_nothing(noise, mapping, rng):
    w = rng.uniform(-1, 1, (5, 30))
    z = rng.choice([-1.0, 1.0], (50, 30))
    wired, ideal = (
        programmed(w, mapping=mapping, wires=wires, **NOISES[noise])
        for wires in (Wires(1e-9, 1e-9), None)
    )
    # Sums that are drawn around means off the grid have the precision of float32.
    precision = 1e-6 if noise == "Gaussian" else 1e-9
    np.testing.assert_allclose(wired.read(z, rng=1), ideal.read(z, rng=1), rtol=0, atol=precision)
    np.testing.assert_allclose(wired.moments(z), ideal.moments(z), rtol=0, atol=1e-9)


@mappings
@pytest.mark.parametrize("compensate", [False, True])
def test_wires_without_resistance_change_nothing(compensate, mapping, rng):
    w = rng.uniform(-1, 1, (5, 30))
    z = rng.choice([-1.0, 1.0], (50, 30))
    device = replace(DEVICE, levels=8, read_noise=LognormalNoise(0.3))
    hardware = {
        "device": device,
        "mapping": mapping,
        "gate": BlankOut(0.5),
        "compensate_wires": compensate,
    }
    wired, ideal = (programmed(w, wires=wires, **hardware) for wires in (Wires(0, 0), None))
    np.testing.assert_array_equal(wired.g_pos, ideal.g_pos)
    np.testing.assert_allclose(wired.read(z, rng=1), ideal.read(z, rng=1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(wired.moments(z), ideal.moments(z), rtol=1e-12, atol=1e-12)


def seen_error(w, **hardware):
    """Return the root-mean-square difference between the weights that mean reads show and w."""
    tile = programmed(w, **hardware)
    (gate, _), (cell, _) = (
        n.moments(np.array(1e-5)) for n in (tile.hardware.gate, tile.hardware.device.read_noise)
    )
    return np.sqrt(((tile.moments(np.eye(w.shape[1]))[0].T / (gate * cell) - w) ** 2).mean())


# Measured factors by which compensation lowers the weight error if the weights fill the range:
# without a gate, and under blank-out.
IMPROVEMENTS = {
    "DifferentialPair": (4.0, 6.0),
    "BalancedPair": (2.1, 3.1),
    "ReferenceColumn": (1.6, 2.7),
}


@mappings
@pytest.mark.parametrize("gated", [False, True], ids=["open", "gated"])
def test_compensation_cancels_ir_drop_as_far_as_the_range_allows(gated, mapping, rng):
    w = rng.uniform(-1, 1, (16, 32))
    hardware = {"mapping": mapping, "gate": BlankOut(0.5) if gated else NoNoise()}
    plain, undone = (
        [seen_error(s * w, compensate_wires=c, **hardware) for s in (0.5, 1)] for c in (False, True)
    )
    assert min(plain) > 1e-3
    assert undone[0] < 1e-9  # weights leave half of the range unused; measured 1e-15 to 1e-11
    assert plain[1] / undone[1] > 0.8 * IMPROVEMENTS[type(mapping).__name__][gated]


def test_compensation_takes_the_mean_factor_of_noise_into_account(rng):
    device = replace(DEVICE, read_noise=ProductNoise(BlankOut(0.5), GaussianNoise(0.1)))
    w = rng.uniform(-0.5, 0.5, (16, 32))
    assert seen_error(w, device=device, compensate_wires=True) < 1e-6


@mappings
@pytest.mark.parametrize("compensate", [False, True])
def test_tiles_behind_wires_are_the_same_for_any_number_of_threads(mapping, compensate, rng):
    w = rng.uniform(-0.5, 0.5, (14, 10))
    found = []
    for workers in (1, 2, 3):
        with threads(workers):
            tiles = programmed(
                w, TiledArray, mapping=mapping, tile_shape=(4, 5), compensate_wires=compensate
            )
            found.append(np.stack(tiles.effective_conductances()))
    np.testing.assert_array_equal(found[1:], [found[0]] * 2)


def test_a_word_line_gate_does_not_change_the_currents_in_the_array(rng):
    w = rng.uniform(-1, 1, (6, 20))
    x = rng.uniform(-1, 1, (3, 20))
    tile = programmed(w, gate=BlankOut(0.5), gate_sharing="word_line")
    np.testing.assert_allclose(tile.moments(x)[0], 0.5 * solved(tile, x), rtol=0, atol=1e-11)


def test_effective_conductances_behind_wires_lie_on_no_level_grid(rng):
    device = replace(DEVICE, levels=4)
    w = rng.uniform(-1, 1, (5, 30))
    assert programmed(w, device=device, wires=None).programmed.level_spacing == pytest.approx(
        3.3e-5
    )
    assert programmed(w, device=device).programmed.level_spacing == 0


@pytest.mark.parametrize("wires", [1.0, "none", (1.0, 1.0), Wires])
def test_hardware_refuses_anything_but_wires_or_none(wires):
    with pytest.raises(
        ValueError, match=r"^Hardware\.wires = .* is not a Wires or None; give Wires"
    ):
        Hardware(device=DEVICE, wires=wires)
