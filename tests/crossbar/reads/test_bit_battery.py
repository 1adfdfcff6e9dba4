"""The battery of tests of random bits finds generators that were broken on purpose.

Broken seedings are found in a quarter of the draws that the kernel's bits are tested with.
"""

import numpy as np
import pytest

from tests.helpers.bit_battery import (
    DRAWS,
    KEY,
    OCTETS,
    binary_ranks,
    birthday_spacings,
    gaps,
    hamming_weights,
    lanes,
    neighbors,
    ones,
    runs_test,
    shared,
    smallest,
    within_a_word,
)

FEW = DRAWS // 4


def few_lanes(key, **options):
    """Return `lanes` with few draws."""
    return lanes(key, draws=FEW, **options)


SEEDINGS = {
    "no warm-up": lambda seed: few_lanes((5, 7 + seed), warm_up=0),
    "six rounds of warm-up": lambda seed: few_lanes((5, 7 + (seed << 63)), warm_up=6),
    "the seed counts lanes": lambda seed: few_lanes(
        (5, 7), lane=lambda block, lane: 8 * block + lane + seed
    ),
    "the seed counts blocks": lambda seed: few_lanes(
        (5, 7), lane=lambda block, lane: 8 * (block + seed) + lane
    ),
    "the seed is not used": lambda seed: few_lanes((5, 7)),
}


@pytest.mark.parametrize("seeding", SEEDINGS)
def test_correlated_seeds_are_found(seeding):
    assert shared(SEEDINGS[seeding](0), SEEDINGS[seeding](1)) < 1e-9


def restarted(words, draws):
    """Return lanes that start again after so many draws."""
    return np.tile(words[:, :draws], (1, words.shape[1] // draws, 1))


def copied(words, to, source):
    """Return words some of which are repeated elsewhere."""
    out = words.copy()
    out[to] = words[source]
    return out


DEFECTS = {
    "the same seed for two lanes": lambda key: few_lanes(
        key, lane=lambda block, lane: 8 * block + lane // 2 * 2
    ),
    "the same seed for two blocks": lambda key: few_lanes(
        key, lane=lambda block, lane: 8 * (block // 2) + lane
    ),
    "one lane is that of the next block": lambda key: few_lanes(
        key, lane=lambda block, lane: 7 * block + lane
    ),
    "lanes and blocks overlap": lambda key: few_lanes(key, lane=lambda block, lane: block + lane),
    "lanes restart for every column": lambda key: restarted(few_lanes(key), OCTETS),
    "lanes restart for every octet": lambda key: restarted(few_lanes(key), 1),
    "a column ends as the next begins": lambda key: copied(
        few_lanes(key), np.s_[:, OCTETS::OCTETS], np.s_[:, OCTETS - 1 : -1 : OCTETS]
    ),
    "a block ends as the next begins": lambda key: copied(
        few_lanes(key), np.s_[1:, :8], np.s_[:-1, -8:]
    ),
    "reads share a byte": lambda key: (
        few_lanes(key) & np.uint64(2**56 - 1) | few_lanes(key) << np.uint64(56)
    ),
    "no warm-up": lambda key: few_lanes(key, warm_up=0),
    "six rounds of warm-up": lambda key: few_lanes(key, warm_up=6),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_battery_finds_a_broken_seeding(defect):
    words = DEFECTS[defect](KEY.generate_state(2, np.uint64))
    p, _ = smallest(words, (ones, within_a_word, neighbors))
    assert p < 1e-9


def xorshift(words):
    """Return Marsaglia's xorshift64 in every lane, with the two lowest bits stuck at 0.

    The generator is linear over GF(2), which tests of ranks detect.
    """
    state = words[:, 0].copy()
    out = np.empty_like(words)
    for draw in range(words.shape[1]):
        for shift in (13, -7, 17):
            state ^= state << np.uint64(shift) if shift > 0 else state >> np.uint64(-shift)
        out[:, draw] = state & ~np.uint64(3)
    return out


WRONGS = {
    "one bit in 100 set too often": (
        ones,
        lambda w, r: w | np.uint64(1) * (r.random(w.shape) < 0.02),
    ),
    "bit 7 follows bit 41": (
        within_a_word,
        lambda w, r: w & ~np.uint64(128) | (w >> np.uint64(34)) & np.uint64(128),
    ),
    "a word sometimes comes again": (
        neighbors,
        lambda w, r: np.where(r.random(w.shape) < 0.01, np.roll(w, 1, axis=1), w),
    ),
    "neighboring bits tend to agree": (
        runs_test,
        lambda w, r: w | (w << np.uint64(1)) & np.uint64(2),
    ),
    "low bits count": (
        gaps,
        lambda w, r: w & ~np.uint64(31) | (np.arange(w.shape[1], dtype="u8") % 32)[:, None],
    ),
    "weights come in pairs": (
        hamming_weights,
        lambda w, r: np.where(r.random(w.shape) < 0.02, ~np.roll(w, 1, 1), w),
    ),
    "a lattice": (
        birthday_spacings,
        lambda w, r: (np.arange(w.size, dtype="u8") * np.uint64(0x9E3779B97F4A7C15)).reshape(
            w.shape
        ),
    ),
    "linear, with stuck bits": (binary_ranks, lambda w, r: xorshift(w)),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_every_test_of_the_battery_finds_its_defect(wrong, rng):
    test, spoil = WRONGS[wrong]
    p, _ = smallest(spoil(lanes(KEY.generate_state(2, np.uint64)), rng), (test,))
    assert p < 1e-9
