"""Reads of cells with telegraph traps: their law, compared with plain loops and cell by cell."""

import math
from copy import deepcopy
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.stats import ks_2samp

from crossbar import DifferentialPair, ReferenceColumn
from crossbar.reads.cell_by_cell import CellByCell
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import Source
from crossbar.reads.span import Span
from crossbar.reads.strategies import Stream
from crossbar.reads.traps.plane_law import plane_law
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
#: Its traps are so slow that their switches are drawn one by one.
RARE = TelegraphNoise(0.6, 2e-5, 5e-5, 2)
TIMES = LogUniformTime(low=2e-6, high=2e-5)
MANY = TrapEnsemble(mean_traps=1.5, tau_capture=TIMES, tau_emission=TIMES, r_c=1e7)
SUMMED = replace(MANY, combine="additive", count="fixed", mean_traps=2, tau_capture=FixedTime(5e-6))
NOISES = {
    "slow": SLOW,
    "quick": QUICK,
    "rare": RARE,
    "ensemble": MANY,
    "added": SUMMED,
    "none": NoNoise(),
}
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
CASES += [("rare", "gates of pairs"), ("rare", "leaking gates of cells")]
CASES += [("ensemble", "references"), ("added", "leaking gates of cells")]


@pytest.mark.parametrize(("noise", "behind"), CASES)
def test_reads_have_the_law_of_reads_cell_by_cell(noise, behind, rng):
    array = array_with(NOISES[noise], rng, **BEHIND[behind])
    assert array.reader.describe().startswith("weights that change with traps")
    # Sums of ternary inputs are looked up, and those of others are added up in float32.
    x = np.array([0.5 if behind == "nothing" else 1.0, -1.0, 1.0, 0.0]).repeat(10)[None]
    mean, variance = (m[0] for m in array.moments(x))
    # Reads of the twin are so far apart that they are independent.
    cells = array.reader.cells
    far = replace(cells, hardware=replace(cells.hardware, read_period=1.0))
    slow = CellByCell(far, deepcopy(array.noise_state)).read(
        Inputs(x), Span(0, 1000, 1000), child(SEED, 1)
    )
    u = array.read(x, rng=1, reads_per_input=40_000)
    apart = u[::100]  # 100 reads apart their correlation is below 1e-3
    assert_mean(apart, mean)
    assert_variance(apart, variance, mean)
    for column in range(3):
        assert ks_2samp(apart[:, column], slow[:, column]).pvalue > 1e-4
    # References are common to their outputs: differences would tell.
    assert ks_2samp(apart[:, 0] - apart[:, 1], slow[:, 0] - slow[:, 1]).pvalue > 1e-4


@pytest.mark.parametrize("noise", [SLOW, QUICK, RARE])
@pytest.mark.parametrize("gate", [NoNoise(), BlankOut(0.5)])
def test_reads_are_correlated_as_their_traps(noise, gate, rng):
    array = array_with(noise, rng, gate=gate)
    x = np.ones((1, 40))
    u = array.read(x, rng=1, reads_per_input=40_000)
    for lag in (1, 3, 64):
        expected = array.reader.moments.covariance(lag * 1e-6)
        for column in range(3):
            assert_covariance(u[:-lag:30, column], u[lag::30, column], expected[column])


def exponentials(words):
    """Return the next 64 exponential numbers of words, and then the next."""
    while True:
        for word in [next(words) for _ in range(64)]:
            yield -math.log1p(-((word >> 33) * 2.0**-31 + ((word >> 24 & 0xFF) + 0.5) * 2.0**-39))


def words_of(key, number):
    """Yield the words of the eight lanes of a generator in turn."""
    lanes = [reference.sfc64(int(key[0]), int(key[1]), 8 * number + lane) for lane in range(8)]
    while True:
        yield from map(next, lanes)


class Pool:
    """Exponential numbers, 64 of which are drawn when none is left."""

    def __init__(self, words):
        self.words, self.left = words, []

    def next(self):
        self.left = self.left or list(islice(exponentials(self.words), 64))
        return self.left.pop(0)


def switches(words, is_away, a, b):
    """Return (read, trap) of the switches of a block of quick traps, in plain Python."""
    found, until, numbers = [], {}, Pool(words)
    for t in np.flatnonzero(is_away):
        until[t] = int(numbers.next() / -math.log1p(-b))
        found.append((until[t], t))
    numbers, leave, place = Pool(words), -math.log1p(-a), 0.0
    bound = 2 ** ((math.floor(4 * math.log2(leave)) + 1) / 4)
    while True:
        for gap in islice(exponentials(words), 64):
            place += gap
            read, rest = divmod(place, len(is_away) * bound)
            if read >= 64:
                return [(r, t) for r, t in found if r < 64]
            share, t = math.modf(len(is_away) - rest / bound)
            if share < leave / bound and until.get(int(t), -1) < read:
                until[int(t)] = int(read) + 1 + int(numbers.next() / -math.log1p(-b))
                found += [(int(read), int(t)), (until[int(t)], int(t))]


def test_reads_equal_plain_loops_over_the_same_random_numbers(rng):
    noise = TelegraphNoise(0.6, 40e-6, 20e-6, 2)
    array = array_with(noise, rng, outputs=2, lines=9)
    x = rng.uniform(-1, 1, (200, 9))
    g_pos, g_neg = array.conductances()
    states = [np.array(array.noise_state[s]) for s in (Source.POSITIVE_CELLS, Source(3))]
    q = -math.expm1(-noise.rate * 1e-6)
    signs, u = np.sign(x), [array.read(x, rng=np.random.SeedSequence(5))]
    for source, state in zip((Source.POSITIVE_CELLS, Source(3)), states, strict=True):
        array.noise_state[source] = state.copy()
    u.append(array.read(signs, rng=np.random.SeedSequence(5)))
    key = child(np.random.SeedSequence(5), Stream.TRAPS, 0, 0).generate_state(2, np.uint64)
    expected = np.empty((2, 200, 2))
    for column in range(2):
        captured = (
            np.stack([s[:, :, column] for s in states]).transpose(2, 0, 1).astype(int).ravel()
        )
        for block in range(4):
            changes = {}
            words = words_of(key, 64 * (2 * block + column))
            for read, trap in switches(words, captured == 1, q / 3, q * 2 / 3):
                changes.setdefault(read, []).append(trap)
            for read in range(64 * block, min(200, 64 * block + 64)):
                captured[changes.get(read - 64 * block, [])] ^= 1
                left = (1 - 0.6 * captured).reshape(9, 2, 2).prod(axis=2)
                pair = left[:, 0] * g_pos[:, column] - left[:, 1] * g_neg[:, column]
                for i, inputs in enumerate((x, signs)):
                    expected[i, read, column] = inputs[read] @ pair / array.siemens_per_weight
    np.testing.assert_allclose(u[0], expected[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(u[1], expected[1], rtol=0, atol=1e-4)


def plane(words, law, size):
    """Return bits of probability p, in plain Python."""
    out = np.zeros((size, 64), np.uint8)
    for group in out if len(law.digits) else ():
        bits = None
        for digit in law.digits:
            word = [next(words) for _ in range(8)]
            mixed = [(w | v if digit else w & v) for w, v in zip(bits or word, word, strict=True)]
            bits = mixed
        group[:] = np.array(bits, np.uint64).view(np.uint8)
    flat, place, numbers = np.unpackbits(out, bitorder="little"), -1, exponentials(words)
    while law.hazard and place < len(flat):
        place += 1 + int(next(numbers) / law.hazard)
        flat[place : place + 1] = 1
    return flat ^ law.is_complement


@pytest.mark.parametrize("signs", [False, True])
def test_reads_of_traps_drawn_as_bits_equal_plain_loops(signs, rng):
    noise = TelegraphNoise(0.6, 7e-6, 2e-6)
    array = array_with(noise, rng, outputs=2, lines=11)
    x = rng.choice([-1.0, 1.0], (100, 11)) * (1 if signs else 0.3)
    g = array.conductances()
    states = [np.array(array.noise_state[s][0]) for s in (Source.POSITIVE_CELLS, Source(3))]
    u = array.read(x, rng=np.random.SeedSequence(5))
    key = child(np.random.SeedSequence(5), Stream.TRAPS, 0, 0).generate_state(2, np.uint64)
    laws = plane_law(-math.expm1(-noise.rate * 1e-6)), plane_law(noise.occupancy)
    expected = np.zeros((100, 2))
    for column in range(2):
        s = np.stack([state[:, column] for state in states]).astype(int)
        for block in range(2):
            words = words_of(key, 2 * block + column)
            # Four octets: two of each polarity, the last of them with bits of no trap.
            anew, to = (plane(words, law, 4).reshape(64, 2, 16)[:, :, :11] for law in laws)
            for read in range(64 * block, min(100, 64 * block + 64)):
                s = np.where(anew[read % 64], to[read % 64], s)
                for sign, of_side, cells in zip((1, -1), s, g, strict=True):
                    pair = sign * (1 - 0.6 * of_side) * cells[:, column]
                    expected[read, column] += x[read] @ pair / array.siemens_per_weight
    np.testing.assert_allclose(u, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("p", [0.0, 1e-7, 0.01, 0.3, 0.5, 0.6321, 0.998, 1.0])
def test_planes_have_exactly_their_probability(p):
    law = plane_law(p)
    drawn = sum(int(d) * 2.0 ** (i - len(law.digits)) for i, d in enumerate(law.digits))
    drawn = 1 - (1 - drawn) * math.exp(-law.hazard)
    assert (1 - drawn if law.is_complement else drawn) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("gate", [NoNoise(), BlankOut(0.5)])
@pytest.mark.parametrize("noise", [SLOW, QUICK, RARE, MANY])
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
