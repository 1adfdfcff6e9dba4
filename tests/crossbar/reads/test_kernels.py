"""The kernel's random bits.

A battery in the spirit of PractRand at small scale, and defects that it must find.

Every test of the battery gives p-values that are uniform for ideal bits. The smallest of them all,
times their number (Bonferroni), must exceed ALPHA; for a generator broken on purpose it must not.
"""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, chi2, norm, poisson

from crossbar.reads.gated_sums import drawn_p
from crossbar.reads.span import Span
from tests.helpers.packed_reads import mask_bytes

ALPHA = 1e-3  # once for each of the few batteries run; a defect shows at 1e-9 and below
BLOCKS, LANES, OCTETS, COLUMNS = (
    48,
    8,
    32,
    32,
)  # 48 · 64 reads of 256 inputs and 32 columns: 25 million bits
DRAWS = COLUMNS * OCTETS  # of each lane: for each column, for each octet of inputs
KEY = np.random.SeedSequence(0)


def lanes(key, *, warm_up=18, lane=lambda block, lane: 8 * block + lane, counting=True):
    """The slow twin's SFC64 in all lanes at once: words (blocks, draws, lanes).

    The defaults are the kernel's.
    """
    number = np.array(
        [[lane(block, i) for i in range(LANES)] for block in range(BLOCKS)], dtype=np.uint64
    )
    a, b, c = np.full_like(number, key[0]), np.full_like(number, key[1]), number
    words = np.empty((BLOCKS, DRAWS, LANES), dtype=np.uint64)
    for draw in range(-warm_up, DRAWS):
        word = a + b + np.uint64(draw + warm_up + 1 if counting else 1)
        a, b, c = b ^ (b >> 11), c + (c << 3), (c << 24 | c >> 40) + word
        if draw >= 0:
            words[:, draw] = word
    return words


def in_drawing_order(masks):
    """Bytes of masks (reads, octets, columns) as words (blocks, columns, octets, lanes): byte k
    of a lane's k-th read.
    """
    by_lane = masks.reshape(-1, LANES, 8, *masks.shape[1:])
    return np.ascontiguousarray(by_lane.transpose(0, 4, 3, 1, 2)).view("<u8")[..., 0]


def kernel(seed):
    """The words behind the masks of p = ½ in the order in which each lane draws them, (blocks,
    draws, lanes).
    """
    masks = mask_bytes(seed, Span(0, 64 * BLOCKS), 8 * OCTETS, COLUMNS, 0.5)
    return in_drawing_order(masks).reshape(BLOCKS, DRAWS, LANES)


def bits(words):
    """±1 of every bit, (words, 64) float32."""
    little = np.ascontiguousarray(words).reshape(-1, 1).astype("<u8").view("u1")
    return 1 - 2 * np.unpackbits(little, axis=1, bitorder="little").astype(np.float32)


def two_sided(tail):
    """p-value of a statistic that may be too large or too small, from its upper tail."""
    return min(1.0, 2 * min(tail, 1 - tail))


def sum_of_squares(z):
    """p-values of independent standard normals: of their sum of squares, and of the largest."""
    z = np.asarray(z, dtype=float).ravel()
    return [two_sided(chi2.sf(z @ z, z.size)), min(1.0, z.size * 2 * norm.sf(np.abs(z).max()))]


def goodness(counts, expected):
    """p-value of Pearson's χ² for cells of known probability."""
    return two_sided(
        chi2.sf(((counts - expected) ** 2 / expected).sum(), len(np.ravel(counts)) - 1)
    )


def ones(words):
    """Frequency of ones: overall, per bit position, per draw since seeding, per lane."""
    weight = np.bitwise_count(words).astype(float) - 32
    by_position = bits(words).sum(axis=0, dtype=float) / np.sqrt(words.size)
    by_draw = weight.sum(axis=(0, 2)) / np.sqrt(16 * BLOCKS * LANES)
    by_lane = weight.sum(axis=1).ravel() / np.sqrt(16 * DRAWS)
    total = weight.sum() / np.sqrt(16 * words.size)
    return [
        2 * norm.sf(abs(total)),
        *(p for z in (by_position, by_draw, by_lane) for p in sum_of_squares(z)),
    ]


def within_a_word(words):
    """Correlation of every two bits of a word, 2,016 pairs.

    Of eight reads, a byte each, and eight inputs, a bit each.
    """
    b = bits(words)
    return sum_of_squares((b.T @ b)[np.triu_indices(64, 1)] / np.sqrt(len(b)))


def between(a, b):
    """Correlation of every bit of a with every bit of b, and the law of how many bits the two
    words share.
    """
    z = bits(a).T @ bits(b) / np.sqrt(a.size)
    shared = np.bincount(np.clip(np.bitwise_count(a ^ b).ravel(), 18, 46) - 18, minlength=29)
    law = binom.pmf(np.arange(65), 64, 0.5)
    law = np.array([law[:19].sum(), *law[19:46], law[46:].sum()])
    return [*sum_of_squares(z), goodness(shared, law * a.size)]


def neighbours(words):
    """Correlation with the next column, octet, lane and block.

    And of the very first words after seeding.
    """
    masks = words.reshape(BLOCKS, COLUMNS, OCTETS, LANES)
    pairs = [
        (masks[:, :-1], masks[:, 1:]),  # columns
        (masks[:, :, :-1], masks[:, :, 1:]),  # octets
        (
            masks[:, :-1, -1],
            masks[:, 1:, 0],
        ),  # the last octet of a column and the first of the next
        (words[:, :, :-1], words[:, :, 1:]),  # lanes
        (words[:-1], words[1:]),  # blocks
        (words[:-1, :, -1], words[1:, :, 0]),  # the last lane of a block and the first of the next
        (words[:-1, :, 1:], words[1:, :, :-1]),  # a block and a lane apart
        (words[:-1, -8:], words[1:, :8]),  # across a block's end
        (words[:-1, :4], words[1:, :4]),  # the first words of neighbouring blocks
        (words[:, :4, :-1], words[:, :4, 1:]),  # the first words of neighbouring lanes
    ]
    return [p for a, b in pairs for p in between(a, b)]


def runs_test(words):
    """Number of changes from bit to bit along a lane, within words and from word to word."""
    shifted = words >> np.uint64(1)
    inner = np.bitwise_count((words ^ shifted) & np.uint64(2**63 - 1)).sum(dtype=np.int64)
    outer = ((words[:, :-1] >> np.uint64(63)) ^ (words[:, 1:] & np.uint64(1))).sum(dtype=np.int64)
    return [
        2 * norm.sf(abs(count - n / 2) / np.sqrt(n / 4))
        for count, n in ((inner, 63 * words.size), (outer, words[:, 1:].size))
    ]


def gaps(words):
    """Gaps between words whose lowest (and highest) five bits are 0, along each lane: geometric."""
    p, result = 1 / 32, []
    for digits in (words & np.uint64(31), words >> np.uint64(59)):
        block, number, draw = np.nonzero(digits.swapaxes(1, 2) == 0)
        lane = block * LANES + number
        start = (
            draw[:-1] < DRAWS - 96
        )  # gaps up to 95 fit into the lane: those that count are not cut short
        gap = np.where(lane[1:] == lane[:-1], np.diff(draw), 96)[start]
        counts = np.bincount(np.minimum(gap, 96), minlength=97)[1:]
        law = p * (1 - p) ** np.arange(95)
        result.append(goodness(counts, np.append(law, 1 - law.sum()) * len(gap)))
    return result


def hamming_weights(words):
    """As PractRand's BCFN.

    Classes of the weights of four consecutive words of a lane, against independence.
    """
    classes = np.digitize(np.bitwise_count(words), [30, 33, 35])
    law = np.diff(binom.cdf([-1, 29, 32, 34, 64], 64, 0.5))
    four = classes.reshape(BLOCKS, -1, 4, LANES)
    index = np.ravel_multi_index(tuple(np.moveaxis(four, 2, 0)), (4,) * 4).ravel()
    expected = np.array([np.prod(law[list(c)]) for c in product(range(4), repeat=4)]) * len(index)
    return [goodness(np.bincount(index, minlength=256), expected)]


def birthday_spacings(words):
    """Coinciding spacings of 4,096 sorted values of 32 bits are Poisson with mean m³/4n = 4
    (Marsaglia).
    """
    result = []
    for values in (
        words >> np.uint64(32),
        words & np.uint64(2**32 - 1),
        (words >> np.uint64(16)) & np.uint64(2**32 - 1),
    ):
        sets = np.sort(values.swapaxes(1, 2).reshape(-1, 4096), axis=1)
        spacings = np.sort(np.diff(sets, axis=1), axis=1)
        equal = int((np.diff(spacings, axis=1) == 0).sum())
        result.append(two_sided(poisson.sf(equal - 1, 4 * len(sets))))
    return result


def ranks(matrices):
    """Ranks over GF(2) of 64×64 matrices given as (n, 64) words: elimination in all at once."""
    rows, rank = matrices.copy(), np.zeros(len(matrices), dtype=int)
    order = np.arange(len(rows))
    for bit in range(64):
        has = (rows >> np.uint64(bit) & np.uint64(1)).astype(bool)
        found = has & (np.arange(64) >= rank[:, None])
        some, pivot = found.any(axis=1), found.argmax(axis=1)
        n, top, at = order[some], rank[some], pivot[some]
        rows[n, top], rows[n, at] = rows[n, at], rows[n, top]
        has = (rows[n] >> np.uint64(bit) & np.uint64(1)).astype(bool) & (
            np.arange(64) > top[:, None]
        )
        rows[n] ^= np.where(has, rows[n, top][:, None], np.uint64(0))
        rank[some] += 1
    return rank


def binary_ranks(words):
    """64 consecutive words of a lane, and masks of 64 reads and 64 inputs, as matrices.

    Full rank .2888, one less .5776.
    """
    reads = (
        words.reshape(BLOCKS, COLUMNS, OCTETS // 8, 8, LANES)
        .view("u1")
        .reshape(BLOCKS, COLUMNS, -1, 8, 64)
    )
    of_reads = np.ascontiguousarray(reads.swapaxes(3, 4)).view("<u8")
    result = []
    for matrices in (words[:, :256].swapaxes(1, 2), of_reads[:, ::2]):
        rank = ranks(matrices.reshape(-1, 64))
        law = np.array(
            [0.2887880951, 0.5775761902, 0.1283502645]
        )  # ranks 64, 63, 62 of large matrices
        counts = np.array([(rank == r).sum() for r in (64, 63, 62)])
        full = np.append(law, 1 - law.sum()) * len(rank)
        result.append(goodness(np.append(counts, len(rank) - counts.sum()), full))
    return result


TESTS = (
    ones,
    within_a_word,
    neighbours,
    runs_test,
    gaps,
    hamming_weights,
    birthday_spacings,
    binary_ranks,
)


def smallest(words, tests=TESTS):
    """The smallest p-value of the battery times their number."""
    p = {f"{t.__name__}[{i}]": value for t in tests for i, value in enumerate(t(words))}
    name = min(p, key=p.get)
    return len(p) * p[name], name


def test_the_kernel_draws_the_lanes_of_this_file():
    key = KEY.generate_state(2, np.uint64)
    np.testing.assert_array_equal(kernel(KEY), lanes(key))
    for other in ({"warm_up": 17}, {"counting": False}):
        assert (lanes(key) != lanes(key, **other)).mean() > 0.999


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_kernels_bits_pass_the_battery(seed):
    p, name = smallest(kernel(np.random.SeedSequence(seed)))
    assert p > ALPHA, f"{name}: {p:.1e}"


def shared(words, others):
    """The smallest p-value, times their number, of what two seeds share.

    In place, a lane or a block on, at first.
    """
    pairs = [
        (words, others),
        (words[:, :, 1:], others[:, :, :-1]),
        (words[1:], others[:-1]),
        (words[:, :4], others[:, :4]),
    ]
    p = [value for a, b in pairs for value in between(a, b)]
    return len(p) * min(p)


FLIPS = {
    "seed + 1": None,
    "lowest": (1, 0),
    "lowest of the second": (0, 1),
    "highest": (1 << 63, 0),
}


@pytest.mark.parametrize("flip", FLIPS)
def test_neighbouring_seeds_share_nothing(flip):
    # Seeds 0 and 1; and keys that differ in one bit alone, which no SeedSequence hands out on
    # purpose.
    key, one = (np.random.SeedSequence(seed).generate_state(2, np.uint64) for seed in (0, 1))
    other = one if FLIPS[flip] is None else key ^ np.array(FLIPS[flip], dtype=np.uint64)
    assert shared(lanes(key), lanes(other)) > ALPHA / len(FLIPS)


SEEDINGS = {
    "no warm-up": lambda seed: lanes((5, 7 + seed), warm_up=0),
    "six rounds of warm-up": lambda seed: lanes((5, 7 + (seed << 63)), warm_up=6),
    "the seed counts lanes": lambda seed: lanes(
        (5, 7), lane=lambda block, lane: 8 * block + lane + seed
    ),
    "the seed counts blocks": lambda seed: lanes(
        (5, 7), lane=lambda block, lane: 8 * (block + seed) + lane
    ),
    "the seed is not used": lambda seed: lanes((5, 7)),
}


@pytest.mark.parametrize("seeding", SEEDINGS)
def test_seeds_that_share_something_are_found(seeding):
    assert shared(SEEDINGS[seeding](0), SEEDINGS[seeding](1)) < 1e-9


def anew(words, draws):
    """Lanes that start again after so many draws."""
    return np.tile(words[:, :draws], (1, DRAWS // draws, 1))


def copied(words, to, source):
    """Words some of which stand again elsewhere."""
    out = words.copy()
    out[to] = words[source]
    return out


DEFECTS = {
    "the same seed for two lanes": lambda key: lanes(
        key, lane=lambda block, lane: 8 * block + lane // 2 * 2
    ),
    "the same seed for two blocks": lambda key: lanes(
        key, lane=lambda block, lane: 8 * (block // 2) + lane
    ),
    "one lane is that of the next block": lambda key: lanes(
        key, lane=lambda block, lane: 7 * block + lane
    ),
    "lanes and blocks overlap": lambda key: lanes(key, lane=lambda block, lane: block + lane),
    "lanes start anew for every column": lambda key: anew(lanes(key), OCTETS),
    "lanes start anew for every octet": lambda key: anew(lanes(key), 1),
    "a column ends as the next begins": lambda key: copied(
        lanes(key), np.s_[:, OCTETS::OCTETS], np.s_[:, OCTETS - 1 : -1 : OCTETS]
    ),
    "a block ends as the next begins": lambda key: copied(
        lanes(key), np.s_[1:, :8], np.s_[:-1, -8:]
    ),
    "reads share a byte": lambda key: (
        lanes(key) & np.uint64(2**56 - 1) | lanes(key) << np.uint64(56)
    ),
    "no warm-up": lambda key: lanes(key, warm_up=0),
    "six rounds of warm-up": lambda key: lanes(key, warm_up=6),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_battery_finds_a_broken_seeding(defect):
    words = DEFECTS[defect](KEY.generate_state(2, np.uint64))
    p, _ = smallest(words, (ones, within_a_word, neighbours))
    assert p < 1e-9


def xorshift(words):
    """Marsaglia's xorshift64 in every lane.

    Linear over GF(2), the classic failure of a rank test of wide matrices.
    """
    state, out = words[:, 0].copy(), np.empty_like(words)
    for draw in range(words.shape[1]):
        for shift in (13, -7, 17):
            state ^= state << np.uint64(shift) if shift > 0 else state >> np.uint64(-shift)
        out[:, draw] = state & ~np.uint64(3)  # and its two lowest bits stuck
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
        neighbours,
        lambda w, r: np.where(r.random(w.shape) < 0.01, np.roll(w, 1, axis=1), w),
    ),
    "neighbouring bits tend to agree": (
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


@pytest.mark.parametrize("p", [0.25, 5 / 16, 0.3])
def test_masks_of_any_p_are_uncorrelated(p):
    masks = in_drawing_order(
        mask_bytes(KEY, Span(0, 2048), 128, 32, p)
    )  # 32 blocks, 32 columns, 16 octets, 8 lanes
    z = (0.5 - 0.5 * bits(masks) - drawn_p(p)).reshape(*masks.shape, 64) / np.sqrt(p * (1 - p))
    pairs = [(z, z), *((np.delete(z, 0, axis), np.delete(z, -1, axis)) for axis in range(4))]
    products = [a.reshape(-1, 64).T @ b.reshape(-1, 64) / np.sqrt(a.size / 64) for a, b in pairs]
    products[0] = products[0][
        np.triu_indices(64, 1)
    ]  # reads and inputs of a word; then blocks, columns, octets, lanes
    values = [value for product_ in products for value in sum_of_squares(product_)]
    assert len(values) * min(values) > ALPHA
