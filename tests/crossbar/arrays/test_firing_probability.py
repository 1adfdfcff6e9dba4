"""Firing probabilities of a tile's outputs: gates, cell noise, pedestals, common-mode gain."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from devices import BlankOut, Device, GaussianNoise, LognormalNoise, PowerLawNoise
from tests.helpers import reference
from tests.helpers.statistics import assert_frequency, assert_mean, assert_variance, row_with_margin
from tests.helpers.tiles import (
    CELLS,
    DEVICE,
    FAN_IN,
    MAPPINGS,
    READS,
    SHARINGS,
    cells,
    mappings,
    sharings,
    theory,
    tile_of,
)


@cells
@mappings
@sharings
def test_single_outputs_fire_with_the_closed_form(cell, mapping, sharing, rng):
    noise, cell_moments = CELLS[cell]
    z = rng.choice([-1.0, 1.0], FAN_IN)
    w = row_with_margin(rng, z, 1.0)
    hardware = {"gate": BlankOut(0.5), "gate_sharing": sharing, "mapping": MAPPINGS[mapping]}
    tile = tile_of(w, device=replace(DEVICE, read_noise=noise), **hardware)
    u = tile.read(np.tile(z, (READS, 1)), rng=1)[:, 0]
    # P = ½ (1 + erf(E/√(2 Var))), where Var includes the pedestal. At p = ½ and a fan-in
    # of 300, the sum's distance from a normal law changes P by less than 0.0015.
    mean, variance = theory(tile, w, z, (0.5, 0.25), cell_moments)
    assert_frequency((u > 0).sum(), READS, reference.firing_probability(mean, variance))
    assert_mean(u, mean)
    assert_variance(u, variance, mean)


@pytest.mark.parametrize("gate", [GaussianNoise(0.5), LognormalNoise(0.5)])
@sharings
def test_other_gates_fire_with_the_closed_form(gate, sharing, rng):
    z = rng.choice([-1.0, 1.0], FAN_IN)
    w = row_with_margin(rng, z, 0.5)
    tile = tile_of(w, gate=gate, gate_sharing=sharing)
    u = tile.read(np.tile(z, (READS, 1)), rng=1)[:, 0]
    mean, variance = theory(tile, w, z, (1.0, 0.25), CELLS["NoNoise"][1])
    assert_frequency((u > 0).sum(), READS, reference.firing_probability(mean, variance))
    assert_variance(u, variance, mean)


# Variance with one gate per cell over that with one gate per pair, of normal weights cut at 3 σ:
# Σ(G+² + G-²)/Σ(G+ − G-)². By on/off ratio, for the three mappings.
RATIOS = {
    2: (23.9, 41.2, 164),
    4.5: (3.85, 11.7, 45.7),
    10: (1.758, 7.26, 28.1),
    45: (1.119, 5.45, 20.8),
    100: (1.050, 5.21, 19.8),
}


@pytest.mark.parametrize("on_off", RATIOS)
@pytest.mark.parametrize("index", range(3), ids=MAPPINGS)
def test_pedestal_inflates_the_variance_by_the_published_ratio(on_off, index):
    w = np.clip(norm.ppf((np.arange(2000) + 0.5) / 2000), -3, 3)
    mapping = list(MAPPINGS.values())[index]
    device = Device(g_min=1e-5 / on_off, g_max=1e-5)
    k = mapping.siemens_per_weight(3.0, device)
    x = np.ones((1, len(w)))
    gated = {
        s: tile_of(w, k=k, device=device, mapping=mapping, gate=BlankOut(0.5), gate_sharing=s)
        for s in SHARINGS
    }
    ratio = gated["cell"].moments(x)[1][0, 0] / (0.25 * w @ w)
    # The table was made by Monte Carlo and printed to 3 or 4 digits: 1 %.
    np.testing.assert_allclose(ratio, RATIOS[on_off][index], rtol=0.01)
    # With one gate per pair the pedestal cancels exactly.
    np.testing.assert_allclose(gated["pair"].moments(x)[1][0, 0], 0.25 * w @ w, rtol=1e-12)


@pytest.mark.parametrize(
    ("mapping", "on_off", "published"),
    [
        ("DifferentialPair", 10, 0.7743),
        ("DifferentialPair", 45, 0.8277),
        ("BalancedPair", 10, 0.6413),
    ],
)
def test_end_to_end_firing_with_independent_cells_is_the_published_one(
    mapping, on_off, published, rng
):
    reads = 50_000
    device = Device(g_min=1e-5 / on_off, g_max=1e-5)
    k = MAPPINGS[mapping].siemens_per_weight(3.0, device)
    z = rng.choice([-1.0, 1.0], FAN_IN)
    probabilities = []
    for _ in range(20):
        w = row_with_margin(rng, z, 1.0)
        tile = tile_of(
            w,
            k=k,
            device=device,
            mapping=MAPPINGS[mapping],
            gate=BlankOut(0.5),
            gate_sharing="cell",
        )
        probabilities.append(
            reference.firing_probability(*theory(tile, w, z, (0.5, 0.25), CELLS["NoNoise"][1]))
        )
    # Fan-in 300, p = ½, E u/√Var u = 1. The published value is of one random row and ours the
    # mean of 20, hence the tolerance of 1 %.
    np.testing.assert_allclose(np.mean(probabilities), published, rtol=0.01)
    u = tile.read(np.tile(z, (reads, 1)), rng=1)
    assert_frequency((u > 0).sum(), reads, probabilities[-1])
    # Without a pedestal eq. 4 predicts Φ(1) = .8413, which one gate per pair restores.
    assert abs(probabilities[-1] - 0.8413) > 0.01
    paired = tile_of(
        w, k=k, device=device, mapping=MAPPINGS[mapping], gate=BlankOut(0.5), gate_sharing="pair"
    )
    assert_frequency(
        (paired.read(np.tile(z, (reads, 1)), rng=1) > 0).sum(), reads, reference.phi(1.0)
    )


@pytest.mark.parametrize("alpha", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("gamma", [1.0, 0.5, 0.0])
def test_a_common_gain_alpha_moves_firing_to_phi_of_alpha_to_the_one_minus_gamma_x(
    gamma, alpha, rng
):
    z = rng.choice([-1.0, 1.0], FAN_IN)
    w = row_with_margin(rng, z, 1.0)
    reads = 100_000
    k = 1e-5 / np.abs(w).max()
    # Σ σ_G² / k² at coefficient 1; the coefficient that makes x = E/√Var = 1.2 before
    # scaling.
    unit = sum((1e-5 * (k * abs(w_j) / 1e-5) ** gamma / k) ** 2 for w_j in w)
    noise = PowerLawNoise(w @ z / 1.2 / np.sqrt(unit), gamma, 1e-5)
    tile = tile_of(w, k=k, device=Device(g_min=0, g_max=1e-5, read_noise=noise))
    tile.scale_conductances(alpha)
    u = tile.read(np.tile(z, (reads, 1)), rng=1)
    # P → Φ(α^(1−γ) x); invariant only for γ = 1.
    assert_frequency((u > 0).sum(), reads, reference.phi(alpha ** (1 - gamma) * 1.2))
    assert_mean(u[:, 0], alpha * w @ z)


@mappings
def test_firing_under_a_gate_ignores_a_common_gain_also_with_a_pedestal(mapping, rng):
    w = rng.uniform(-1, 1, (4, FAN_IN))
    x = rng.choice([-1.0, 1.0], (50, FAN_IN))
    tile = tile_of(w, mapping=MAPPINGS[mapping], gate=BlankOut(0.5), gate_sharing="cell")
    before = tile.read(x, rng=1)
    tile.scale_conductances(0.25)
    # The same seed gives the same draws, so u is multiplied by 0.25 and its sign stays. Powers of
    # two multiply without rounding.
    np.testing.assert_array_equal(tile.read(x, rng=1), 0.25 * before)
