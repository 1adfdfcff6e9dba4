"""A matrix over many tiles reads like one array: currents of tiles are added before comparators."""

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
    ReadNoise,
    preset,
)
from tests.helpers import reference
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
    row_with_margin,
)
from tests.helpers.unbounded_error import UnboundedError

FAN_IN = 300
READS = 20_000
DEVICE = Device(g_min=1e-6, g_max=1e-5)
NOISY = replace(DEVICE, read_noise=LognormalNoise(0.3))
SHAPES = [(64, 64), (128, 128), (512, 512)]
mappings = pytest.mark.parametrize(
    "mapping",
    [DifferentialPair(), BalancedPair(), ReferenceColumn()],
    ids=lambda m: type(m).__name__,
)
sharings = pytest.mark.parametrize("sharing", ["pair", "cell", "word_line"])
shapes = pytest.mark.parametrize("tile_shape", SHAPES, ids=str)


def array_of(w, *, rng=0, k=None, device=DEVICE, **hardware):
    """Return an array programmed with w; `k` [S] is siemens per weight, None to fill the range."""
    hardware = Hardware(device=device, **hardware)
    w = np.atleast_2d(w)
    k = k or hardware.mapping.siemens_per_weight(np.abs(w).max(), device)
    return TiledArray.program(w, hardware, siemens_per_weight=k, rng=rng)


@mappings
@sharings
def test_moments_do_not_depend_on_the_tiling(mapping, sharing, rng):
    w = rng.uniform(-1, 1, (150, FAN_IN))
    x = rng.standard_normal((4, FAN_IN))
    hardware = {"device": NOISY, "mapping": mapping, "gate": BlankOut(0.5), "gate_sharing": sharing}
    arrays = [array_of(w, tile_shape=shape, **hardware) for shape in SHAPES]
    assert [(len(a.tiles), len(a.tiles[0])) for a in arrays] == [(5, 3), (3, 2), (1, 1)]
    (mean, variance), *others = (a.moments(x) for a in arrays)
    for m, v in others:
        # The same sum in another order; 1e-12 of the largest where signs cancel.
        np.testing.assert_allclose(m, mean, rtol=1e-12, atol=1e-12 * np.abs(mean).max())
        np.testing.assert_allclose(v, variance, rtol=1e-12)


@shapes
@sharings
def test_outputs_over_many_tiles_fire_with_the_closed_form(tile_shape, sharing, rng):
    z = rng.choice([-1.0, 1.0], FAN_IN)
    w = row_with_margin(rng, z, 1.0)
    array = array_of(
        w, device=NOISY, tile_shape=tile_shape, gate=BlankOut(0.5), gate_sharing=sharing
    )
    u = array.read(z[None], rng=1, reads_per_input=READS)[:, 0]
    k = array.siemens_per_weight
    pair = reference.conductances(w[None], 1e-6, 1e-5, k, "DifferentialPair")
    mean, variance = reference.moments(z[None], *pair, k, (0.5, 0.25), lambda g: (1, 0.09), sharing)
    # Moments are those of the complete row: P = ½ (1 + erf(E/√(2 Var))).
    assert_frequency((u > 0).sum(), READS, reference.firing_probability(mean[0, 0], variance[0, 0]))
    assert_mean(u, mean[0, 0])
    assert_variance(u, variance[0, 0], mean[0, 0])


@shapes
@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_a_word_line_gate_is_shared_across_column_tiles(tile_shape, sampling, rng):
    w = rng.uniform(0.2, 1, (130, FAN_IN))
    shared, own = (
        array_of(w, tile_shape=tile_shape, gate=BlankOut(0.5), gate_sharing=s)
        for s in ("word_line", "pair")
    )
    # Cov(u_i, u_k) = Var ξ Σ w_i w_k; outputs 0 and 129 are in different tiles, except
    # in the largest shape.
    u = shared.read(np.ones((1, FAN_IN)), rng=1, reads_per_input=READS, sampling=sampling)
    assert_covariance(u[:, 0], u[:, 129], 0.25 * w[0] @ w[129])
    u = own.read(np.ones((1, FAN_IN)), rng=1, reads_per_input=1000, sampling=sampling)
    assert_covariance(u[:, 0], u[:, 129], 0)


@pytest.mark.parametrize("noise", [GaussianNoise(0.3), LognormalNoise(0.3)])
@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_outputs_share_the_noise_of_a_reference_within_a_tile_and_not_between_tiles(
    noise, sampling, rng
):
    w = rng.uniform(-1, 1, (4, FAN_IN))
    array = array_of(
        w, device=replace(DEVICE, read_noise=noise), mapping=ReferenceColumn(), tile_shape=(128, 2)
    )
    u = array.read(np.ones((1, FAN_IN)), rng=1, reads_per_input=READS, sampling=sampling)
    # Cov = v Σ G_ref²/k² under one reference, 0 under two.
    assert_covariance(u[:, 0], u[:, 1], 0.09 * FAN_IN * (5.5e-6 / array.siemens_per_weight) ** 2)
    assert_covariance(u[:, 1], u[:, 2], 0)


@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_the_noise_of_a_reference_follows_the_square_of_real_inputs(sampling, rng):
    w = rng.uniform(-1, 1, (2, FAN_IN))
    x = rng.uniform(0, 1, FAN_IN)
    device = replace(DEVICE, read_noise=GaussianNoise(0.3))
    array = array_of(w, device=device, mapping=ReferenceColumn(), tile_shape=(128, 2))
    u = array.read(x[None], rng=1, reads_per_input=READS, sampling=sampling)
    # Cov = v G_ref² Σ x²/k².
    assert_covariance(u[:, 0], u[:, 1], 0.09 * (x @ x) * (5.5e-6 / array.siemens_per_weight) ** 2)


@pytest.mark.parametrize("maker", [Tile, TiledArray])
def test_gates_and_cells_of_one_read_draw_from_their_own_streams(maker):
    device = Device(g_min=0, g_max=1e-5, read_noise=GaussianNoise(0.3))
    hardware = Hardware(device=device, gate=GaussianNoise(0.5), gate_sharing="word_line")
    one = maker.program(np.ones((1, 1)), hardware, siemens_per_weight=1e-5, rng=0)
    u = one.read(np.ones((READS, 1)), rng=1)[:, 0]
    # One cell at w = 1: u = g c, Var = (1 + .5²)(1 + .3²) − 1. A shared stream would give g = 1 +
    # .5 Z, c = 1 + .3 Z.
    assert_variance(u, 1.25 * 1.09 - 1)


@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_a_last_tile_of_one_output_has_a_reference_like_the_others(sampling, rng):
    w = rng.uniform(-1, 1, (3, FAN_IN))
    x = np.ones((1, FAN_IN))
    device = replace(DEVICE, read_noise=GaussianNoise(0.3))
    array, one = (
        array_of(w, device=device, mapping=ReferenceColumn(), tile_shape=s)
        for s in ((128, 2), (512, 512))
    )
    u = array.read(x, rng=1, reads_per_input=READS, sampling=sampling)
    mean, variance = one.moments(x)
    assert_mean(u, mean[0])
    assert_variance(u, variance[0], mean[0])
    np.testing.assert_allclose(array.moments(x)[1], variance, rtol=1e-12)


@mappings
def test_tiles_are_programmed_independently_and_joined_in_order(mapping, rng):
    w = rng.uniform(-1, 1, (5, 7))
    array = array_of(w, mapping=mapping, tile_shape=(3, 2))
    np.testing.assert_allclose(array.weights, w, rtol=1e-12, atol=1e-12)
    g_pos, g_neg = array.conductances()
    assert g_pos.shape == g_neg.shape == (7, 5)
    np.testing.assert_allclose(
        (g_pos - g_neg).T / array.siemens_per_weight, w, rtol=1e-12, atol=1e-12
    )
    error = UnboundedError(coefficients=(1e-7,))
    noisy = array_of(
        np.zeros((4, 6)),
        k=1e-6,
        device=replace(DEVICE, write=error),
        mapping=mapping,
        tile_shape=(3, 2),
    )
    assert len(np.unique(noisy.conductances()[0])) == 24


def test_programming_errors_of_different_tiles_are_independent():
    device = replace(DEVICE, write=UnboundedError(coefficients=(1e-7,)))
    w = array_of(np.zeros((256, FAN_IN)), k=9e-6, device=device, tile_shape=(FAN_IN, 128)).weights
    assert_covariance(w[:128].ravel(), w[128:].ravel(), 0)


def test_same_seed_same_chip_and_same_reads(rng):
    w = rng.uniform(-1, 1, (5, 7))
    x = rng.choice([-1.0, 1.0], (4, 7))
    device = replace(NOISY, write=UnboundedError(coefficients=(1e-7,)))
    options = {"device": device, "tile_shape": (3, 2), "gate": BlankOut(0.5)}
    one, same, other = (array_of(w, rng=seed, **options) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weights, same.weights)
    assert not np.array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.read(x, rng=3), same.read(x, rng=3))
    assert not np.array_equal(one.read(x, rng=3), one.read(x, rng=4))


@sharings
@pytest.mark.parametrize("cells", [NoNoise(), GaussianNoise(0.3), LognormalNoise(0.3)])
def test_the_reads_of_one_input_are_fresh_and_independent(sharing, cells, rng):
    w = rng.uniform(-1, 1, FAN_IN)
    array = array_of(
        w, device=replace(DEVICE, read_noise=cells), gate=BlankOut(0.5), gate_sharing=sharing
    )
    u = array.read(np.ones((1, FAN_IN)), rng=1, reads_per_input=READS)[:, 0]
    # One read repeated would have no variance; a read handed out twice would have a covariance at
    # lag 1.
    assert_variance(u, array.moments(np.ones((1, FAN_IN)))[1][0, 0])
    assert_covariance(u[:-1], u[1:], 0)


@pytest.mark.parametrize("sampling", ["exact", "moments"])
@sharings
def test_each_input_gets_its_own_reads_in_order(sampling, sharing, rng):
    w = rng.uniform(-1, 1, (3, FAN_IN))
    x = rng.choice([-1.0, 1.0], (4, FAN_IN))
    array = array_of(w, device=NOISY, gate=BlankOut(0.5), gate_sharing=sharing, tile_shape=(128, 2))
    u = array.read(x, rng=1, sampling=sampling, reads_per_input=2000).reshape(4, 2000, 3)
    for input_reads, mean in zip(u, 0.5 * x @ w.T, strict=True):
        assert_mean(input_reads, mean)


def test_age_and_common_gain_reach_every_tile(rng):
    w = rng.uniform(-1, 1, (5, 7))
    x = np.ones((1, 7))
    device = replace(DEVICE, retention=LogTimeDrift(mean=-1e-8, std=1e-8, std_rate=0))
    array = array_of(w, device=device, tile_shape=(3, 2), gate=BlankOut(0.5))
    mean, variance = array.moments(x)
    array.scale_conductances(0.5)
    np.testing.assert_array_equal(array.moments(x)[0], 0.5 * mean)
    np.testing.assert_array_equal(array.moments(x)[1], 0.25 * variance)
    before = array.weights
    array.age(100.0)
    assert (array.weights != before).all()
    assert not np.array_equal(array.moments(x)[0], 0.5 * mean)


class Counted(ReadNoise):
    """Noise that notes how often a state was drawn, and for how many cells."""

    def __init__(self):
        self.drawn = []

    def moments(self, g):
        return np.ones(np.shape(g)), np.zeros(np.shape(g))

    def sample(self, g, state, n_reads, *, rng, period):
        return np.ones((n_reads, *np.shape(g))), state

    def init(self, g, *, rng):
        self.drawn.append(np.size(g))
        return super().init(g, rng=rng)


@shapes
def test_noise_states_are_drawn_once_per_array_and_not_for_its_tiles(tile_shape):
    gate, cells = Counted(), Counted()
    array = array_of(
        np.ones((150, FAN_IN)),
        device=replace(DEVICE, read_noise=cells),
        gate=gate,
        tile_shape=tile_shape,
    )
    # One state for each of the four sources: gates and cells, positive and negative.
    assert gate.drawn == cells.drawn == [150 * FAN_IN] * 2
    array.read(np.ones((1, FAN_IN)), rng=0)
    array.age(10.0)
    array.read(np.ones((1, FAN_IN)), rng=0)
    assert len(gate.drawn) == len(cells.drawn) == 2


W = np.array([[0.5, -0.5, 1.0]])
BAD = [
    (
        lambda: array_of(np.empty((0, 3)), k=1e-6),
        r"w has shape \(0, 3\): an array needs at least one word line and one bit line",
    ),
    (lambda: array_of(np.empty((3, 0)), k=1e-6), r"w has shape \(3, 0\): an array needs"),
    (lambda: array_of(np.ones((2, 2, 2)), k=1e-6), r"w has shape \(2, 2, 2\); give 2 dimensions"),
    (lambda: array_of([[np.inf]], k=1e-6), r"w holds 1 values that are NaN or infinite"),
    (lambda: array_of(W, k=1e-5), r"weights up to \|w\| = 1 do not fit"),
    (lambda: array_of(W, k=-1), r"siemens_per_weight = -1 is not allowed"),
    (lambda: array_of(W, rng=-1), r"rng = -1 is not allowed"),
    (lambda: array_of(W).read(np.ones((2, 4)), rng=0), r"x has shape \(2, 4\); give \(any, 3\)"),
    (
        lambda: array_of(W).read([[np.nan, 1, 1]], rng=0),
        r"x holds 1 values that are NaN or infinite",
    ),
    (lambda: array_of(W).read(np.ones((1, 3)), rng="a"), r"rng = 'a' is not allowed"),
    (
        lambda: array_of(W).read(np.ones((1, 3)), rng=0, sampling="fast"),
        r"unknown sampling 'fast'.* Known: exact, moments",
    ),
    (
        lambda: array_of(W).read(np.ones((1, 3)), rng=0, reads_per_input=0),
        r"reads_per_input = 0 is not allowed",
    ),
    (
        lambda: array_of(W).read(np.ones((1, 3)), rng=0, reads_per_input=1.5),
        r"reads_per_input = 1\.5 is not allowed",
    ),
    (lambda: array_of(W).moments(np.ones(3)), r"x has shape \(3,\); give \(any, 3\)"),
    (lambda: array_of(W).age(np.nan), r"seconds = nan is not allowed"),
    (lambda: array_of(W).scale_conductances(-1), r"factor = -1 is not allowed"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("wires", [None, Wires(2.0, 2.0)])
@pytest.mark.parametrize("name", ["fefet_jerry2017", "rram_wan2022"])
def test_threads_program_the_same_cells(name, wires, rng):
    weights = rng.uniform(-1, 1, (40, 60))
    hardware = Hardware(
        device=preset(name),
        gate=BlankOut(0.5),
        tile_shape=(32, 16),
        wires=wires,
        compensate_wires=wires is not None,
    )
    of_one, *others = (programmed_in(n, weights, hardware) for n in (1, 2, 3))
    assert len(np.unique(of_one)) > 1000
    for found in others:
        np.testing.assert_array_equal(found, of_one)


def programmed_in(n, weights, hardware):
    """Return the conductances of all tiles that n threads program."""
    per_weight = hardware.mapping.siemens_per_weight(1.0, hardware.device)
    with threads(n):
        array = TiledArray.program(weights, hardware, siemens_per_weight=per_weight, rng=0)
    return np.concatenate([g.ravel() for t in array.all_tiles() for g in (t.g_pos, t.g_neg)])
