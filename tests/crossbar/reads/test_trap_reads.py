"""Reads of cells with telegraph traps: their law, compared with plain loops and cell by cell."""

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from crossbar import DifferentialPair, ReferenceColumn
from crossbar.reads.cell_by_cell import CellByCell
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import Source
from crossbar.reads.span import Span
from crossbar.reads.strategies import Stream
from devices import (
    BlankOut,
    FixedTime,
    GaussianNoise,
    LogUniformTime,
    NoNoise,
    StochasticSelector,
    TelegraphNoise,
    TrapEnsemble,
)
from devices.seeding import child
from tests.helpers import reference
from tests.helpers.packed_reads import CONTINUOUS, SEED, array_of, whole_and_in_parts
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

#: Reads are 1 µs apart: slow traps are refreshed between one pair of reads in four.
SLOW, QUICK = TelegraphNoise(0.6, 8e-6, 8e-6), TelegraphNoise(0.6, 3e-6, 2e-6, 2)
TIMES = LogUniformTime(low=2e-6, high=2e-5)
MANY = TrapEnsemble(mean_traps=1.5, tau_capture=TIMES, tau_emission=TIMES, r_c=1e7)
SUMMED = replace(MANY, combine="additive", count="fixed", mean_traps=2, tau_capture=FixedTime(5e-6))
NOISES = {"slow": SLOW, "quick": QUICK, "ensemble": MANY, "added": SUMMED, "none": NoNoise()}
SWITCH = TelegraphNoise(1.0, 3e-6, 5e-6)
LEAKY = StochasticSelector.with_p(0.25, leak=0.2, on_conductance=2e-5)
BEHIND = {
    "nothing": {"gate": NoNoise()},
    "gates of pairs": {"gate": BlankOut(0.5)},
    "leaking gates of cells": {"gate": LEAKY, "gate_sharing": "cell"},
    "references": {"gate": NoNoise(), "mapping": ReferenceColumn()},
    "switches of pairs": {"gate": SWITCH},
    "switches of pairs, references": {"gate": SWITCH, "mapping": ReferenceColumn()},
    "switches of cells": {"gate": SWITCH, "gate_sharing": "cell"},
    "switches of cells, references": {
        "gate": SWITCH,
        "gate_sharing": "cell",
        "mapping": ReferenceColumn(),
    },
}


def array_with(noise, rng, outputs=3, lines=40, **options):
    options = {"mapping": DifferentialPair(), "gate": NoNoise(), **options}
    w = rng.uniform(-1, 1, (outputs, lines))
    return array_of(w, replace(CONTINUOUS, read_noise=noise), **options)


CASES = [(noise, "nothing") for noise in NOISES if noise != "none"]
CASES += [("none", behind) for behind in BEHIND if behind.startswith("switches")]
CASES += [("slow", "gates of pairs"), ("quick", "leaking gates of cells")]
CASES += [("ensemble", "references"), ("added", "leaking gates of cells")]


@pytest.mark.parametrize(("noise", "behind"), CASES)
def test_reads_have_the_law_of_reads_cell_by_cell(noise, behind, rng):
    array = array_with(NOISES[noise], rng, **BEHIND[behind])
    assert array.reader.describe().startswith("weights that change with traps")
    x = np.array([0.5, -1.0, 1.0, 0.0]).repeat(10)[None]
    mean, variance = (m[0] for m in array.moments(x))
    # Reads of the twin are so far apart that they are independent.
    cells = array.reader.cells
    far = replace(cells, hardware=replace(cells.hardware, read_period=1.0))
    slow = CellByCell(far, deepcopy(array.noise_state)).read(
        Inputs(x), Span(0, 1000, 1000), child(SEED, 1)
    )
    u = array.read(x, rng=1, reads_per_input=40_000)
    apart = u[::40]  # 40 reads apart their correlation is below 1e-3
    assert_mean(apart, mean)
    assert_variance(apart, variance, mean)
    for column in range(3):
        assert ks_2samp(apart[:, column], slow[:, column]).pvalue > 1e-4
    # References are common to their outputs: differences would tell.
    assert ks_2samp(apart[:, 0] - apart[:, 1], slow[:, 0] - slow[:, 1]).pvalue > 1e-4


@pytest.mark.parametrize("noise", [SLOW, QUICK])
@pytest.mark.parametrize("gate", [NoNoise(), BlankOut(0.5)])
def test_reads_are_correlated_as_their_traps(noise, gate, rng):
    array = array_with(noise, rng, gate=gate)
    x = np.ones((1, 40))
    u = array.read(x, rng=1, reads_per_input=40_000)
    for lag in (1, 3, 64):
        expected = array.reader.moments.covariance(lag * 1e-6)
        for column in range(3):
            assert_covariance(u[:-lag:30, column], u[lag::30, column], expected[column])


def refreshes(key, number, total, count, p1):
    """Return (read, trap, captured) of the refreshes of a block, in plain Python."""
    lanes = [reference.sfc64(int(key[0]), int(key[1]), 8 * number + lane) for lane in range(8)]
    place = 0.0
    while True:
        for lane in lanes:
            word = next(lane)
            v = (word >> 33) * 2.0**-31 + ((word >> 24 & 0xFF) + 0.5) * 2.0**-39
            place -= math.log1p(-v)
            if place >= 64 * total:
                return
            read = int(place / total)
            yield read, int((place / total - read) * count), (word & 0xFFFFFF) < p1 * 2**24


def test_reads_equal_plain_loops_over_the_same_random_numbers(rng):
    noise = TelegraphNoise(0.6, 40e-6, 20e-6)
    array = array_with(noise, rng, outputs=2, lines=9)
    x = rng.uniform(-1, 1, (200, 9))
    g_pos, g_neg = array.conductances()
    states = [np.array(array.noise_state[s][0]) for s in (Source.POSITIVE_CELLS, Source(3))]
    u = array.read(x, rng=np.random.SeedSequence(5))
    key = child(np.random.SeedSequence(5), Stream.TRAPS, 0, 0).generate_state(2, np.uint64)
    expected = np.empty((200, 2))
    for column in range(2):
        captured = np.array([s[:, column] for s in states], int).T.ravel()
        changes = {}
        for block in range(4):
            of_block = refreshes(key, 2 * block + column, 18 * noise.rate * 1e-6, 18, 1 / 3)
            for read, trap, state in of_block:
                changes.setdefault(64 * block + read, []).append((trap, state))
        for read in range(200):
            for trap, state in changes.get(read, []):
                captured[trap] = state
            left = 1 - 0.6 * captured
            pair = left[::2] * g_pos[:, column] - left[1::2] * g_neg[:, column]
            expected[read, column] = x[read] @ pair / array.siemens_per_weight
    np.testing.assert_allclose(u, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("gate", [NoNoise(), BlankOut(0.5)])
@pytest.mark.parametrize("noise", [SLOW, QUICK, MANY])
def test_no_read_and_no_state_depends_on_batches_or_threads(noise, gate, monkeypatch):
    monkeypatch.setattr("crossbar.reads.column_reads._WORTH_A_THREAD", 0)
    whole, parts = (array_with(noise, np.random.default_rng(0), gate=gate) for _ in range(2))
    x = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], (300, 40))
    x[7] *= 0.3
    u, found = whole_and_in_parts(whole, parts, x, [0, 1, 63, 64, 200, 201, 777, 900])
    np.testing.assert_array_equal(found, u)
    for source in (Source.POSITIVE_CELLS, Source.NEGATIVE_CELLS):
        a, b = (array.noise_state[source] for array in (whole, parts))
        a, b = (s.captured if noise is MANY else s for s in (a, b))
        np.testing.assert_array_equal(a, b)
    for array in (whole, parts):  # states are those of the noise model, and go on
        array.age(1.0)


@pytest.mark.parametrize(
    ("noise", "switch"),
    [
        (TelegraphNoise(0.6, 1e13, 1e13), False),
        (TelegraphNoise(0.6, 1e-30, 1e-30), True),
        (TrapEnsemble(mean_traps=0, tau_capture=TIMES, tau_emission=TIMES), False),
    ],
)
def test_traps_that_never_or_always_switch_and_cells_without_traps(noise, switch, rng):
    array = array_with(noise, rng)
    u = array.read(np.ones((1, 40)), rng=1, reads_per_input=200)
    assert np.isfinite(u).all()
    assert ((u == u[0]).all(axis=1).mean() < 0.1) == switch


def test_other_noises_are_drawn_cell_by_cell(rng):
    class Own(TelegraphNoise):
        pass

    others = [
        replace(SLOW, window=1e-7),
        Own(0.6, 1e-6, 1e-6),
        GaussianNoise(0.1),
    ]
    for noise in others:
        path = array_with(noise, rng).reader.describe()
        assert path == "one normal per output" if noise is others[2] else path == "cell by cell"
    gated = array_with(SLOW, rng, mapping=ReferenceColumn(), gate=BlankOut(0.5))
    assert gated.reader.describe() == "cell by cell"
