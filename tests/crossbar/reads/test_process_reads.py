"""Reads of cells with 1/f noise: their law, compared with plain loops and cell by cell."""

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from crossbar import DifferentialPair, ReferenceColumn
from crossbar.reads.cell_by_cell import CellByCell
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import Source
from crossbar.reads.span import Span
from crossbar.reads.strategies import Stream
from devices import BlankOut, FlickerNoise, NoNoise, StochasticSelector
from devices.seeding import child
from tests.helpers import reference
from tests.helpers.packed_reads import CONTINUOUS, SEED, array_of, whole_and_in_parts
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

#: Reads are 1 µs apart.
SHORT = FlickerNoise(q=0.3, f_low=1e5, f_high=4e5)
CLAMPED = FlickerNoise(q=0.7, f_low=5e4, f_high=4e5, clamped=True)
LEAKY = StochasticSelector.with_p(0.25, leak=0.2, on_conductance=2e-5)
CASES = {
    "1/f": (SHORT, {}),
    "clamped, gates": (CLAMPED, {"gate": BlankOut(0.5)}),
    "clamped, leaking gates of cells": (CLAMPED, {"gate": LEAKY, "gate_sharing": "cell"}),
    "references": (SHORT, {"mapping": ReferenceColumn()}),
}


def array_with(case, rng, outputs=3, lines=40):
    noise, options = CASES[case]
    options = {"mapping": DifferentialPair(), "gate": NoNoise(), **options}
    w = rng.uniform(-1, 1, (outputs, lines))
    return array_of(w, replace(CONTINUOUS, read_noise=noise), **options)


@pytest.mark.parametrize("case", CASES)
def test_reads_have_the_law_of_reads_cell_by_cell(case, rng):
    array = array_with(case, rng)
    assert array.reader.describe().startswith("a step of every process of every cell")
    x = np.array([0.5, -1.0, 1.0, 0.0]).repeat(10)[None]
    cells = array.reader.cells
    far = replace(cells, hardware=replace(cells.hardware, read_period=1.0, bandwidth=5e5))
    slow = CellByCell(far, deepcopy(array.noise_state)).read(
        Inputs(x), Span(0, 1000, 1000), child(SEED, 1)
    )
    u = array.read(x, rng=1, reads_per_input=30_000)
    apart = u[::30]
    mean, variance = (m[0] for m in array.moments(x))
    if "leaking" not in case:  # behind a resistance a clamped factor has its first order
        assert_mean(apart, mean)
        assert_variance(apart, variance, mean)
    for column in range(3):
        assert ks_2samp(apart[:, column], slow[:, column]).pvalue > 1e-4
    assert ks_2samp(apart[:, 0] - apart[:, 1], slow[:, 0] - slow[:, 1]).pvalue > 1e-4
    ones = np.ones((1, 40))
    v = array.read(ones, rng=2, reads_per_input=30_000)
    for lag in (1, 2, 17):
        expected = array.reader.moments.covariance(lag * 1e-6)
        if "leaking" not in case:
            assert_covariance(v[:-lag:20, 0], v[lag::20, 0], expected[0])


def test_reads_equal_plain_loops_over_the_same_random_numbers(rng):
    noise = FlickerNoise(q=0.2, f_low=1e3, f_high=1e5)
    array = array_of(
        rng.uniform(-1, 1, (2, 9)), replace(CONTINUOUS, read_noise=noise), gate=NoNoise()
    )
    x = rng.uniform(-1, 1, (20, 9))
    processes = [np.array(array.noise_state[s]) for s in (Source.POSITIVE_CELLS, Source(3))]
    u = array.read(x, rng=np.random.SeedSequence(5))
    key = child(np.random.SeedSequence(5), Stream.PROCESSES, 0, 0).generate_state(2, np.uint64)
    kept = np.exp(-1e-6 / noise.taus)
    g = array.conductances()
    expected = np.empty((20, 2))
    for column in range(2):
        state = [p[:, :, column].copy() for p in processes]
        for first in (0, 16):
            reads = min(16, 20 - first)
            n = reference.normals_of(key, 4 * column + first // 16, reads * len(kept), 32)
            for r in range(reads):
                pair = np.zeros(9)
                for polarity, sign in ((0, 1), (1, -1)):
                    for k in range(len(kept)):
                        fresh = n[r * len(kept) + k, 32 * polarity : 32 * polarity + 9]
                        old = state[polarity][k]
                        state[polarity][k] = kept[k] * old + np.sqrt(1 - kept[k] ** 2) * fresh
                    total = state[polarity].sum(axis=0) / np.sqrt(len(kept))
                    own = g[polarity][:, column]
                    pair += sign * own * (1 + np.sqrt(noise.variance(own)) * total)
                expected[first + r, column] = x[first + r] @ pair / array.siemens_per_weight
    np.testing.assert_allclose(u, expected, rtol=0, atol=1e-4)


def test_no_read_and_no_state_depends_on_batches_or_threads(monkeypatch):
    monkeypatch.setattr("crossbar.reads.column_reads._WORTH_A_THREAD", 0)
    whole, parts = (array_with("clamped, gates", np.random.default_rng(0)) for _ in range(2))
    x = np.random.default_rng(1).uniform(-1, 1, (100, 40))
    u, found = whole_and_in_parts(whole, parts, x, [0, 1, 15, 17, 64, 200, 300])
    np.testing.assert_array_equal(found, u)
    for source in (Source.POSITIVE_CELLS, Source.NEGATIVE_CELLS):
        np.testing.assert_array_equal(whole.noise_state[source], parts.noise_state[source])
    whole.age(1.0)  # processes are those of the noise model, and go on


@dataclass(frozen=True, kw_only=True)
class Own(FlickerNoise):
    """A law of its own for what is drawn."""

    def reads(self, g, state, generators, period):
        return super().reads(g, state, generators, period)


def test_a_subclass_that_draws_by_another_law_is_read_by_it(rng):
    noise = Own(q=0.3, f_low=1e5, f_high=4e5)
    array = array_of(rng.uniform(-1, 1, (2, 9)), replace(CONTINUOUS, read_noise=noise))
    assert array.reader.describe() == "cell by cell"
