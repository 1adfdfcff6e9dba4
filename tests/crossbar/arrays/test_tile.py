"""One tile: moments and shared noise of its reads, its programming, its ageing."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import DifferentialPair, ReferenceColumn
from devices import (
    BlankOut,
    GaussianNoise,
    LognormalNoise,
    LogTimeDrift,
    ReadNoise,
)
from tests.helpers import reference
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance
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
    tile_of,
)
from tests.helpers.unbounded_error import UnboundedError


@cells
@mappings
@sharings
def test_moments_are_those_of_the_slow_twin(cell, mapping, sharing, rng):
    noise, cell_moments = CELLS[cell]
    w = rng.uniform(-1, 1, (3, 7))
    x = np.vstack([rng.standard_normal((2, 7)), np.ones(7)])
    hardware = {"gate": BlankOut(0.3), "gate_sharing": sharing, "mapping": MAPPINGS[mapping]}
    tile = tile_of(w, device=replace(DEVICE, read_noise=noise), **hardware)
    pair = reference.conductances(w, 1e-6, 1e-5, tile.siemens_per_weight, mapping)
    slow = reference.moments(x, *pair, tile.siemens_per_weight, (0.3, 0.21), cell_moments, sharing)
    mean, variance = tile.moments(x)
    np.testing.assert_allclose(mean, slow[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(variance, slow[1], rtol=1e-12)


def test_reprogramming_smaller_weights_loses_levels_and_a_common_gain_does_not():
    w = np.linspace(-1, 1, 201)
    device = replace(DEVICE, levels=16)
    k = DifferentialPair().siemens_per_weight(1.0, device)
    gained, reprogrammed = tile_of(w, k=k, device=device), tile_of(0.2 * w, k=k, device=device)
    gained.scale_conductances(0.2)
    # 16 levels give 31 signed weights. A fifth of the range holds 3 of the 15 steps on each side,
    # hence 7 weights.
    assert len(np.unique(np.rint(gained.weights / 0.2 * 15))) == 31
    assert len(np.unique(np.rint(reprogrammed.weights * 15))) == 7


class Replay(ReadNoise):
    """Noise that returns given factors, one array per call; its moments are never used."""

    def __init__(self, *arrays):
        self.queue = list(arrays)

    def moments(self, g):
        return np.ones(np.shape(g)), np.ones(np.shape(g))

    def sample(self, g, state, n_reads, *, rng, period):
        factors = self.queue.pop(0)
        assert factors.shape == (n_reads, *np.shape(g))
        return factors, state


@mappings
@sharings
def test_a_read_equals_the_slow_twin_given_the_same_factors(mapping, sharing, rng):
    reads = 4
    inputs = 6
    outputs = 3
    w = rng.uniform(-1, 1, (outputs, inputs))
    x = rng.standard_normal((reads, inputs))
    pos = (reads, inputs, outputs)
    lines = (reads, inputs)
    neg = (reads, inputs, 1) if mapping == "ReferenceColumn" else pos
    gate_shapes = {"pair": [pos], "cell": [pos, neg], "word_line": [lines]}[sharing]
    gates, factors = [
        [rng.uniform(0, 2, s) for s in shapes] for shapes in (gate_shapes, [pos, neg])
    ]
    device = replace(DEVICE, read_noise=Replay(*factors))
    tile = tile_of(
        w, device=device, mapping=MAPPINGS[mapping], gate=Replay(*gates), gate_sharing=sharing
    )
    u = tile.read(x, rng=0)
    pair = reference.conductances(w, 1e-6, 1e-5, tile.siemens_per_weight, mapping)
    gates = [gates[0][:, :, None]] if sharing == "word_line" else gates
    full = [np.broadcast_to(a, pos) for a in (gates[0], gates[-1], *factors)]
    np.testing.assert_allclose(
        u, reference.tile_read(x, *pair, *full, tile.siemens_per_weight), rtol=1e-12, atol=1e-12
    )


@cells
@sharings
def test_reads_do_not_depend_on_how_many_cells_are_drawn_at_once(cell, sharing, rng, monkeypatch):
    w = rng.uniform(-1, 1, (3, 20))
    x = rng.choice([-1.0, 1.0], (10, 20))
    tile = tile_of(
        w,
        device=replace(DEVICE, read_noise=CELLS[cell][0]),
        gate=BlankOut(0.5),
        gate_sharing=sharing,
    )
    expected = tile.read(x, rng=1)
    for cells_per_block in (1, 7 * w.size):
        monkeypatch.setattr("crossbar.reads.cell_by_cell._CELLS_AT_ONCE", cells_per_block)
        np.testing.assert_array_equal(tile.read(x, rng=1), expected)


@mappings
@sharings
def test_one_normal_per_output_has_the_moments_of_exact_reads(mapping, sharing, rng):
    w = rng.uniform(-1, 1, (1, FAN_IN))
    z = rng.choice([-1.0, 1.0], FAN_IN)
    device = replace(DEVICE, read_noise=LognormalNoise(0.3))
    tile = tile_of(
        w, device=device, mapping=MAPPINGS[mapping], gate=BlankOut(0.5), gate_sharing=sharing
    )
    mean, variance = tile.moments(z[None])
    for sampling in ("exact", "moments"):
        u = tile.read(np.tile(z, (READS, 1)), rng=1, sampling=sampling)
        assert_mean(u, mean[0])
        assert_variance(u, variance[0], mean[0])


def test_the_variance_grows_with_the_square_of_real_inputs(rng):
    w = rng.uniform(-1, 1, FAN_IN)
    x = rng.uniform(0, 1, FAN_IN)
    tile = tile_of(w, gate=BlankOut(0.5))
    u = tile.read(np.tile(x, (READS, 1)), rng=1)[:, 0]
    # E u = ½ Σ w x, Var u = ¼ Σ w² x².
    assert_mean(u, 0.5 * w @ x)
    assert_variance(u, 0.25 * (w * x) @ (w * x))


def test_reads_are_independent_of_each_other(rng):
    w = rng.uniform(-1, 1, (2, FAN_IN))
    for sharing in SHARINGS:
        tile = tile_of(
            w,
            gate=BlankOut(0.5),
            gate_sharing=sharing,
            device=replace(DEVICE, read_noise=LognormalNoise(0.2)),
        )
        u = tile.read(np.ones((READS, FAN_IN)), rng=1)
        assert_covariance(u[:-1], u[1:], 0)


def test_a_word_line_gate_is_shared_by_the_outputs_and_a_pair_gate_is_not(rng):
    w = rng.uniform(0.2, 1, (2, FAN_IN))
    z = rng.choice([-1.0, 1.0], FAN_IN)
    # Cov(u_i, u_k) = Var ξ Σ w_i w_k for one gate per word line, 0 for one per pair or cell.
    for sharing, expected in (("word_line", 0.25 * w[0] @ w[1]), ("pair", 0), ("cell", 0)):
        u = tile_of(w, gate=BlankOut(0.5), gate_sharing=sharing).read(np.tile(z, (READS, 1)), rng=1)
        assert_covariance(u[:, 0], u[:, 1], expected)


@pytest.mark.parametrize("noise", [GaussianNoise(0.3), LognormalNoise(0.3)])
@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_outputs_share_the_noise_of_a_reference_column(noise, sampling, rng):
    w = rng.uniform(-1, 1, (2, FAN_IN))
    z = rng.choice([-1.0, 1.0], FAN_IN)
    tile = tile_of(w, device=replace(DEVICE, read_noise=noise), mapping=ReferenceColumn())
    u = tile.read(np.tile(z, (READS, 1)), rng=1, sampling=sampling)
    # Cov = v Σ G_ref² / k², G_ref = 5.5 µS.
    assert_covariance(u[:, 0], u[:, 1], 0.09 * FAN_IN * (5.5e-6 / tile.siemens_per_weight) ** 2)
    pair = tile_of(w, device=replace(DEVICE, read_noise=noise)).read(
        np.tile(z, (READS, 1)), rng=1, sampling=sampling
    )
    assert_covariance(pair[:, 0], pair[:, 1], 0)


@pytest.mark.parametrize(("sharing", "square"), [("pair", 0.25), ("cell", 0.5)])
def test_gate_sharing_decides_what_outputs_share_on_a_reference_column(sharing, square, rng):
    w = rng.uniform(-1, 1, (2, FAN_IN))
    device = replace(DEVICE, read_noise=GaussianNoise(0.3))
    for sampling in ("exact", "moments"):
        tile = tile_of(
            w, device=device, mapping=ReferenceColumn(), gate=BlankOut(0.5), gate_sharing=sharing
        )
        u = tile.read(np.ones((READS, FAN_IN)), rng=1, sampling=sampling)
        # Covariance per reference cell: E[g²] v G² if it is gated with its pair, and
        # (E[g²](v + 1) − E[g]²) G² if it has a gate of its own; g is the gate factor.
        per_cell = square * 0.09 if sharing == "pair" else square * 1.09 - 0.25
        assert_covariance(
            u[:, 0], u[:, 1], per_cell * FAN_IN * (5.5e-6 / tile.siemens_per_weight) ** 2
        )


def test_programming_error_is_static_across_reads_and_differs_across_chips(rng):
    w = rng.uniform(-1, 1, FAN_IN)
    z = rng.choice([-1.0, 1.0], FAN_IN)
    device = replace(DEVICE, write=UnboundedError(coefficients=(1e-7, 0.02)))
    rows = np.tile(w, (128, 1))
    chips = [tile_of(rows, device=device, rng=seed) for seed in range(160)]
    u = np.array([chip.read(np.vstack([z, z]), rng=1) for chip in chips])
    # The error is the same on every read. Over 160 · 128 programmed rows its variance is
    # Σ σ²(G±)/k² with σ = 0.1 µS + 0.02 G.
    np.testing.assert_array_equal(u[:, 0], u[:, 1])
    k = chips[0].siemens_per_weight
    g = np.concatenate(reference.conductances([w], 1e-6, 1e-5, k, "DifferentialPair"))
    assert_mean(u[:, 0].ravel(), w @ z)
    assert_variance(u[:, 0].ravel(), ((1e-7 + 0.02 * g) ** 2).sum() / k**2)


def test_same_seed_same_tile_and_same_reads(rng):
    w = rng.uniform(-1, 1, (3, 20))
    x = rng.choice([-1.0, 1.0], (10, 20))
    device = replace(
        DEVICE, write=UnboundedError(coefficients=(1e-7,)), read_noise=LognormalNoise(0.2)
    )
    one, same, other = (
        tile_of(w, device=device, rng=seed, gate=BlankOut(0.5)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.g_pos, same.g_pos)
    np.testing.assert_array_equal(one.g_neg, same.g_neg)
    assert not np.array_equal(one.g_pos, other.g_pos)
    np.testing.assert_array_equal(one.read(x, rng=3), same.read(x, rng=3))
    assert not np.array_equal(one.read(x, rng=3), one.read(x, rng=4))


def test_positive_and_negative_cells_draw_their_own_errors():
    device = replace(DEVICE, write=UnboundedError(coefficients=(1e-7,)))
    tile = tile_of(np.zeros((128, FAN_IN)), k=9e-6, device=device)
    assert_covariance(tile.g_pos.ravel() * 1e6, tile.g_neg.ravel() * 1e6, 0)


def test_ages_add_up_and_a_common_gain_multiplies_what_they_leave(rng):
    w = rng.uniform(-1, 1, (3, 20))
    device = replace(DEVICE, retention=LogTimeDrift(mean=-5e-8, std=1e-8, std_rate=1e-8))
    once, twice = tile_of(w, device=device), tile_of(w, device=device)
    fresh = once.g_pos.copy()
    once.age(1000)
    twice.age(400)
    twice.scale_conductances(0.5)
    twice.age(600)
    assert not np.array_equal(once.g_pos, fresh)
    np.testing.assert_array_equal(twice.g_pos, 0.5 * once.g_pos)
    np.testing.assert_array_equal(
        twice.moments(np.ones((1, 20)))[0], 0.5 * once.moments(np.ones((1, 20)))[0]
    )


W = np.array([[0.5, -0.5, 1.0]])
BAD = [
    (
        lambda: tile_of(np.ones((1, 4)), tile_shape=(3, 2)),
        r"w needs 4 word lines and 1 bit lines, the tile has 3 and 2",
    ),
    (
        lambda: tile_of(np.ones((4, 1)), tile_shape=(3, 2)),
        r"w needs 1 word lines and 4 bit lines, the tile has 3 and 2",
    ),
    (lambda: tile_of([[np.nan, 1]], k=1e-6), r"w holds 1 values that are NaN or infinite"),
    (lambda: tile_of(np.ones((1, 1, 1))), r"w has shape \(1, 1, 1\); give 2 dimensions"),
    (lambda: tile_of(W, k=1e-5), r"weights up to \|w\| = 1 do not fit"),
    (
        lambda: tile_of(W, rng=-1),
        r"rng = -1 is not allowed",
    ),
    (lambda: tile_of(W, rng="seed"), r"rng = 'seed' is not allowed"),
    (lambda: tile_of(W, rng=True), r"rng = True is not allowed"),
    (lambda: tile_of(W).read(np.ones((2, 3)), rng=1.5), r"rng = 1\.5 is not allowed"),
    (lambda: tile_of(W).read(np.ones((2, 4)), rng=0), r"x has shape \(2, 4\); give \(any, 3\)"),
    (lambda: tile_of(W).read(np.ones(3), rng=0), r"x has shape \(3,\); give \(any, 3\)"),
    (
        lambda: tile_of(W).read([[1, np.inf, 1]], rng=0),
        r"x holds 1 values that are NaN or infinite",
    ),
    (lambda: tile_of(W).read([["a", "b", "c"]], rng=0), r"x is not an array of real numbers"),
    (
        lambda: tile_of(W).read(np.ones((1, 3)), rng=0, sampling="exakt"),
        r"unknown sampling 'exakt'; did you mean 'exact'\? Known: exact, moments",
    ),
    (lambda: tile_of(W).moments(np.ones((2, 4))), r"x has shape \(2, 4\); give \(any, 3\)"),
    (lambda: tile_of(W).age(-1), r"seconds = -1 is not allowed"),
    (
        lambda: tile_of(W).scale_conductances(0),
        r"factor = 0 is not allowed",
    ),
    (lambda: tile_of(W).scale_conductances(np.nan), r"factor = nan is not allowed"),
    (lambda: tile_of(np.empty((0, 3)), k=1e-6), r"w has shape \(0, 3\)"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
