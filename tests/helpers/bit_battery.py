"""A battery of statistical tests of random bits, in the spirit of PractRand at small scale.

Every test of the battery gives p-values that are uniform for ideal bits. The smallest of them all,
times their number (Bonferroni), must exceed ALPHA; for a generator broken on purpose it must not.
"""

from itertools import product

import numpy as np
from scipy.stats import binom, chi2, norm, poisson

ALPHA = 1e-3  # once for each of the few batteries run; a defect shows at 1e-9 and below
BLOCKS = 48
LANES = 8
OCTETS = 32
COLUMNS = 32  # 48 · 64 reads of 256 inputs and 32 columns: 25 million bits
DRAWS = COLUMNS * OCTETS  # of each lane: for each column, for each octet of inputs
KEY = np.random.SeedSequence(0)


def lanes(
    key, *, warm_up=18, lane=lambda block, lane: 8 * block + lane, counting=True, draws=DRAWS
):
    """Return the words (blocks, draws, lanes) of SFC64 generators, one for each lane of each block.

    The defaults are those of the kernel; other values make defects on purpose.
    """
    number = np.array(
        [[lane(block, i) for i in range(LANES)] for block in range(BLOCKS)], dtype=np.uint64
    )
    a = np.full_like(number, key[0])
    b = np.full_like(number, key[1])
    c = number
    words = np.empty((BLOCKS, draws, LANES), dtype=np.uint64)
    for draw in range(-warm_up, draws):
        word = a + b + np.uint64(draw + warm_up + 1 if counting else 1)
        a = b ^ (b >> 11)
        b = c + (c << 3)
        c = (c << 24 | c >> 40) + word
        if draw >= 0:
            words[:, draw] = word
    return words


def bits(words):
    """Return ±1 for every bit, (words, 64) float32."""
    little = np.ascontiguousarray(words).reshape(-1, 1).astype("<u8").view("u1")
    return 1 - 2 * np.unpackbits(little, axis=1, bitorder="little").astype(np.float32)


def two_sided(tail):
    """Return the two-sided p-value of a statistic from its upper tail."""
    return min(1.0, 2 * min(tail, 1 - tail))


def sum_of_squares(z):
    """Return p-values of standard normals: of their sum of squares, and of the largest."""
    z = np.asarray(z, dtype=float).ravel()
    return [two_sided(chi2.sf(z @ z, z.size)), min(1.0, z.size * 2 * norm.sf(np.abs(z).max()))]


def goodness(counts, expected):
    """Return the p-value of Pearson's χ² for counts with known expectations."""
    return two_sided(
        chi2.sf(((counts - expected) ** 2 / expected).sum(), len(np.ravel(counts)) - 1)
    )


def ones(words):
    """Test the frequency of ones: overall, per bit position, per draw since seeding, per lane."""
    weight = np.bitwise_count(words).astype(float) - 32
    by_position = bits(words).sum(axis=0, dtype=float) / np.sqrt(words.size)
    by_draw = weight.sum(axis=(0, 2)) / np.sqrt(16 * BLOCKS * LANES)
    by_lane = weight.sum(axis=1).ravel() / np.sqrt(16 * words.shape[1])
    total = weight.sum() / np.sqrt(16 * words.size)
    return [
        2 * norm.sf(abs(total)),
        *(p for z in (by_position, by_draw, by_lane) for p in sum_of_squares(z)),
    ]


def within_a_word(words):
    """Test the correlation of every two bits of a word, 2,016 pairs.

    A word holds a byte for each of eight reads, and a byte a bit for each of eight inputs.
    """
    b = bits(words)
    return sum_of_squares((b.T @ b)[np.triu_indices(64, 1)] / np.sqrt(len(b)))


def between(a, b):
    """Test the correlation of every bit of a with every bit of b, and the number of equal bits of
    two words.
    """
    z = bits(a).T @ bits(b) / np.sqrt(a.size)
    shared = np.bincount(np.clip(np.bitwise_count(a ^ b).ravel(), 18, 46) - 18, minlength=29)
    law = binom.pmf(np.arange(65), 64, 0.5)
    law = np.array([law[:19].sum(), *law[19:46], law[46:].sum()])
    return [*sum_of_squares(z), goodness(shared, law * a.size)]


def neighbors(words):
    """Test the correlation with the next column, octet, lane and block, and between the first words
    after seeding.
    """
    masks = words.reshape(BLOCKS, -1, OCTETS, LANES)
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
        (words[:-1, :4], words[1:, :4]),  # the first words of neighboring blocks
        (words[:, :4, :-1], words[:, :4, 1:]),  # the first words of neighboring lanes
    ]
    return [p for a, b in pairs for p in between(a, b)]


def runs_test(words):
    """Test the number of changes from bit to bit along a lane, within and between words."""
    shifted = words >> np.uint64(1)
    inner = np.bitwise_count((words ^ shifted) & np.uint64(2**63 - 1)).sum(dtype=np.int64)
    outer = ((words[:, :-1] >> np.uint64(63)) ^ (words[:, 1:] & np.uint64(1))).sum(dtype=np.int64)
    return [
        2 * norm.sf(abs(count - n / 2) / np.sqrt(n / 4))
        for count, n in ((inner, 63 * words.size), (outer, words[:, 1:].size))
    ]


def gaps(words):
    """Test that gaps between words whose lowest, or highest, five bits are 0 are geometric."""
    p = 1 / 32
    result = []
    for digits in (words & np.uint64(31), words >> np.uint64(59)):
        block, number, draw = np.nonzero(digits.swapaxes(1, 2) == 0)
        lane = block * LANES + number
        # Only gaps that start early enough for 95 draws to follow in the lane are counted.
        start = draw[:-1] < DRAWS - 96
        gap = np.where(lane[1:] == lane[:-1], np.diff(draw), 96)[start]
        counts = np.bincount(np.minimum(gap, 96), minlength=97)[1:]
        law = p * (1 - p) ** np.arange(95)
        result.append(goodness(counts, np.append(law, 1 - law.sum()) * len(gap)))
    return result


def hamming_weights(words):
    """Test that the numbers of ones in four consecutive words of a lane are independent.

    The numbers are put into four classes, as in BCFN of PractRand.
    """
    classes = np.digitize(np.bitwise_count(words), [30, 33, 35])
    law = np.diff(binom.cdf([-1, 29, 32, 34, 64], 64, 0.5))
    four = classes.reshape(BLOCKS, -1, 4, LANES)
    index = np.ravel_multi_index(tuple(np.moveaxis(four, 2, 0)), (4,) * 4).ravel()
    expected = np.array([np.prod(law[list(c)]) for c in product(range(4), repeat=4)]) * len(index)
    return [goodness(np.bincount(index, minlength=256), expected)]


def birthday_spacings(words):
    """Test that equal spacings of 4,096 sorted values of 32 bits are Poisson (Marsaglia).

    The mean number is m³/4n = 4 for m values out of n.
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
    """Return the ranks over GF(2) of 64×64 matrices given as (n, 64) words, by elimination."""
    rows = matrices.copy()
    rank = np.zeros(len(matrices), dtype=int)
    order = np.arange(len(rows))
    for bit in range(64):
        has = (rows >> np.uint64(bit) & np.uint64(1)).astype(bool)
        found = has & (np.arange(64) >= rank[:, None])
        some = found.any(axis=1)
        pivot = found.argmax(axis=1)
        n = order[some]
        top = rank[some]
        at = pivot[some]
        rows[n, top], rows[n, at] = rows[n, at], rows[n, top]
        has = (rows[n] >> np.uint64(bit) & np.uint64(1)).astype(bool) & (
            np.arange(64) > top[:, None]
        )
        rows[n] ^= np.where(has, rows[n, top][:, None], np.uint64(0))
        rank[some] += 1
    return rank


def binary_ranks(words):
    """Test the ranks of matrices of 64 words of a lane, and of masks of 64 reads and 64 inputs."""
    reads = (
        words.reshape(BLOCKS, COLUMNS, OCTETS // 8, 8, LANES)
        .view("u1")
        .reshape(BLOCKS, COLUMNS, -1, 8, 64)
    )
    of_reads = np.ascontiguousarray(reads.swapaxes(3, 4)).view("<u8")
    result = []
    for matrices in (words[:, :256].swapaxes(1, 2), of_reads[:, ::2]):
        rank = ranks(matrices.reshape(-1, 64))
        # Probabilities of the ranks 64, 63 and 62, in the limit of large matrices.
        law = np.array([0.2887880951, 0.5775761902, 0.1283502645])
        counts = np.array([(rank == r).sum() for r in (64, 63, 62)])
        full = np.append(law, 1 - law.sum()) * len(rank)
        result.append(goodness(np.append(counts, len(rank) - counts.sum()), full))
    return result


TESTS = (
    ones,
    within_a_word,
    neighbors,
    runs_test,
    gaps,
    hamming_weights,
    birthday_spacings,
    binary_ranks,
)


def smallest(words, tests=TESTS):
    """Return the smallest p-value of the battery times their number, and its test's name."""
    p = {f"{t.__name__}[{i}]": value for t in tests for i, value in enumerate(t(words))}
    name = min(p, key=p.get)
    return len(p) * p[name], name


def shared(words, others):
    """Return the smallest p-value, times their number, of correlations between two seeds.

    Words are compared in place, with the next lane, with the next block, and right after seeding.
    """
    pairs = [
        (words, others),
        (words[:, :, 1:], others[:, :, :-1]),
        (words[1:], others[:-1]),
        (words[:, :4], others[:, :4]),
    ]
    p = [value for a, b in pairs for value in between(a, b)]
    return len(p) * min(p)
