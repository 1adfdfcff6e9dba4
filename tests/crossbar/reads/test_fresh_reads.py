"""Reads with a normal for every cell or selector, compared with plain loops and cell by cell."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from crossbar import DifferentialPair, ReferenceColumn
from crossbar.reads.cell_by_cell import CellByCell
from crossbar.reads.digits import digit_tables
from crossbar.reads.gated_sums import gated_sums, own_gate_bits
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import Source
from crossbar.reads.packed import Packed
from crossbar.reads.span import Span
from crossbar.reads.strategies import Stream
from devices import BlankOut, GaussianNoise, LognormalNoise, NoNoise, StochasticSelector
from devices.seeding import child
from tests.helpers import reference
from tests.helpers.packed_reads import CONTINUOUS, SEED, array_of, whole_and_in_parts
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

LOGNORMAL, GAUSSIAN = LognormalNoise(0.6), GaussianNoise(0.4)
LEAKY = StochasticSelector.with_p(0.25, leak=0.2, on_conductance=2e-5)
SPREAD = StochasticSelector.with_p(0.4, spread=0.7)
CORRELATED = StochasticSelector.with_p(0.4, correlation=0.5, spread=0.3, leak=0.1)
PAIRS, CELLS = "pair", "cell"
CASES = {
    "lognormal": (LOGNORMAL, NoNoise(), PAIRS),
    "lognormal, gates": (LOGNORMAL, BlankOut(0.5), PAIRS),
    "lognormal, leaking gates of cells": (LOGNORMAL, LEAKY, CELLS),
    "lognormal, references": (LOGNORMAL, NoNoise(), PAIRS),
    "lognormal, selectors": (LOGNORMAL, SPREAD, PAIRS),
    "normal, gates": (GAUSSIAN, BlankOut(0.5), PAIRS),
    "normal, correlated selectors of cells": (GAUSSIAN, CORRELATED, CELLS),
    "correlated selectors": (NoNoise(), CORRELATED, PAIRS),
    "selectors": (NoNoise(), SPREAD, PAIRS),
    "selectors of cells, ±1": (GAUSSIAN, SPREAD, CELLS),
}


def array_with(case, rng, outputs=3, lines=40):
    noise, gate, sharing = CASES[case]
    mapping = ReferenceColumn() if "references" in case else DifferentialPair()
    device = replace(CONTINUOUS, read_noise=noise)
    options = {"mapping": mapping, "gate": gate, "gate_sharing": sharing}
    return array_of(rng.uniform(-1, 1, (outputs, lines)), device, **options)


@pytest.mark.parametrize("case", CASES)
def test_reads_have_the_law_of_reads_cell_by_cell(case, rng):
    array = array_with(case, rng)
    x = np.array([0.5, -1.0, 1.0, 0.0]).repeat(10)[None]
    if "±1" in case:
        x = np.sign(x)
    mean, variance = (m[0] for m in array.moments(x))
    cells = array.reader.cells
    far = replace(cells, hardware=replace(cells.hardware, read_period=1e-3))
    slow = CellByCell(far, deepcopy(array.noise_state)).read(
        Inputs(x), Span(0, 1500, 1500), child(SEED, 1)
    )
    apart = array.read(x, rng=1, reads_per_input=40_000)[::20]
    assert_mean(apart, mean)
    assert_variance(apart, variance, mean)
    for column in range(3):
        assert ks_2samp(apart[:, column], slow[:, column]).pvalue > 1e-4
    # References are common to their outputs: differences would tell.
    assert ks_2samp(apart[:, 0] - apart[:, 1], slow[:, 0] - slow[:, 1]).pvalue > 1e-4
    if "references" not in case:
        assert_covariance(apart[:, 0], apart[:, 1], 0.0)


@pytest.mark.parametrize("case", ["lognormal", "correlated selectors"])
def test_reads_are_correlated_as_their_selectors(case, rng):
    correlated = replace(CORRELATED, spread=0.0)
    array = array_of(rng.uniform(-1, 1, (2, 40)), CONTINUOUS, gate=correlated)
    if case == "lognormal":
        array = array_with(case, rng, outputs=2)
    u = array.read(np.ones((1, 40)), rng=1, reads_per_input=40_000)
    for lag in (1, 2, 16):
        expected = array.reader.moments.covariance(lag * 1e-6)
        for column in range(2):
            assert_covariance(u[:-lag:10, column], u[lag::10, column], expected[column])


def test_reads_equal_plain_loops_over_the_same_random_numbers(rng):
    array = array_with("lognormal", rng, outputs=2, lines=9)
    x = rng.uniform(-1, 1, (70, 9))
    u = array.read(x, rng=np.random.SeedSequence(5))
    key = child(np.random.SeedSequence(5), Stream.FRESH, 0, 0).generate_state(2, np.uint64)
    s = np.sqrt(np.log1p(0.6**2))
    g_pos, g_neg = array.conductances()
    expected = np.empty((70, 2))
    for column in range(2):
        for block in range(2):
            for part in range(4):
                first = 64 * block + 16 * part
                reads = min(16, 70 - first)
                if reads <= 0:
                    continue
                n = reference.normals_of(key, 4 * (2 * block + column) + part, reads, 32)
                xi = np.exp(s * n - s**2 / 2)
                pairs = xi[:, :9] * g_pos[:, column] - xi[:, 32:41] * g_neg[:, column]
                here = slice(first, first + reads)
                expected[here, column] = (x[here] * pairs).sum(axis=1) / array.siemens_per_weight
    np.testing.assert_allclose(u, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", ["lognormal, gates", "normal, correlated selectors of cells"])
def test_no_read_and_no_state_depends_on_batches_or_threads(case, monkeypatch):
    monkeypatch.setattr("crossbar.reads.column_reads._WORTH_A_THREAD", 0)
    whole, parts = (array_with(case, np.random.default_rng(0)) for _ in range(2))
    x = np.random.default_rng(1).uniform(-1, 1, (300, 40))
    u, found = whole_and_in_parts(whole, parts, x, [0, 1, 15, 17, 64, 200, 777, 900])
    np.testing.assert_array_equal(found, u)
    if "selectors" in case:
        for source in (Source.GATE, Source.NEGATIVE_GATE):
            a, b = (array.noise_state[source].threshold for array in (whole, parts))
            np.testing.assert_array_equal(a, b)


def test_gates_with_probabilities_of_their_own_conduct_with_them(rng):
    # One input at a time: the sum is its weight, or nothing.
    array = array_of(rng.uniform(0.5, 1, (30, 9)), CONTINUOUS, gate=SPREAD)
    assert array.reader.describe().endswith("every p drawn with 24 bits")
    mean = array.reader.moments.mean_matrix / array.weights.T
    u = array.read(np.eye(9), rng=1, reads_per_input=20_000).reshape(9, 20_000, 30)
    share = (u != 0).mean(axis=1)
    assert (np.abs(share - mean) < 5 * np.sqrt(mean * (1 - mean) / 20_000)).all()


def test_digits_of_probabilities_stand_for_them(rng):
    p = np.concatenate([rng.random((17, 2)), [[0.0, 1.0], [1e-9, 0.5]]])
    planes = own_gate_bits(p)
    assert planes.shape == (2, 3, 24)
    bits = np.unpackbits(planes, axis=1, bitorder="little")[:, :19]
    drawn = (bits * 2.0 ** np.arange(-1, -25, -1)).sum(axis=-1).T
    np.testing.assert_allclose(drawn, p, rtol=0, atol=2.0**-24)


def test_gates_with_probabilities_of_their_own_equal_the_slow_twin(rng):
    p = rng.random((11, 2))
    p[:3, 0] = 0.0, 1.0, 0.5
    w = rng.integers(-9, 10, (11, 2)).astype(float)
    x = rng.choice([-1.0, 0.0, 1.0], (70, 11))
    seed = np.random.SeedSequence(3)
    sums = gated_sums(
        digit_tables([w], 1.0, 3)[0], Packed.of(x)[0], Span(50, 120), seed, own_gate_bits(p)
    )
    whole = np.minimum(np.rint(p * 2**24), 2**24 - 1).astype(np.int64)
    masks = reference.own_masks(seed.generate_state(2, np.uint64), 50, 120, whole)
    np.testing.assert_array_equal(sums, reference.blank_out_sums(masks, x, w))
