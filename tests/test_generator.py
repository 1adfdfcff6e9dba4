"""The kernel's random bits: a battery in the spirit of PractRand at small scale, and defects that it must find.

Every test of the battery gives p-values that are uniform for ideal bits. The smallest of them all, times their number
(Bonferroni), must exceed ALPHA; for a generator broken on purpose it must not.
"""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, chi2, norm, poisson
from test_packed import mask_words

from crossbar.span import Span

ALPHA = 1e-3  # once for each of the few batteries run; a defect shows at 1e-9 and below
GROUPS, WORDS, COLUMNS = 24, 4, 64  # 24 · 64 reads of 256 inputs and 64 columns: 25 million bits
KEY = np.random.SeedSequence(0)


def lanes(key, *, warm_up=18, lane=lambda column, group: column << 32 | group, running=True):
    """The slow twin's SFC64 in all lanes at once: words (groups, draws, columns). The defaults are the kernel's."""
    number = np.array([[lane(j, g) for j in range(COLUMNS)] for g in range(GROUPS)], dtype=np.uint64)
    a, b, c = np.full_like(number, key[0]), np.full_like(number, key[1]), number
    words = np.empty((GROUPS, 64 * WORDS, COLUMNS), dtype=np.uint64)
    for draw in range(-warm_up, 64 * WORDS):
        word = a + b + np.uint64(draw + warm_up + 1 if running else 1)
        a, b, c = b ^ (b >> 11), c + (c << 3), (c << 24 | c >> 40) + word
        if draw >= 0:
            words[:, draw] = word
    return words


def kernel(seed):
    """The words behind the masks of p = ½ in the order in which each lane draws them, (groups, draws, columns)."""
    masks = mask_words(seed, Span(0, 64 * GROUPS), 64 * WORDS, COLUMNS, 0.5)
    runs = masks.reshape(GROUPS, 16, 4, WORDS, COLUMNS).swapaxes(2, 3)  # four reads of a word, then the next word
    return runs.reshape(GROUPS, 64 * WORDS, COLUMNS)


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
    return two_sided(chi2.sf(((counts - expected) ** 2 / expected).sum(), len(np.ravel(counts)) - 1))


def ones(words):
    """Frequency of ones: overall, per bit position, per draw since seeding, per column."""
    weight = np.bitwise_count(words).astype(float) - 32
    by_position = bits(words).sum(axis=0, dtype=float) / np.sqrt(words.size)
    groups, draws, columns = words.shape
    by_draw = weight.sum(axis=(0, 2)) / np.sqrt(16 * groups * columns)
    by_column = weight.sum(axis=(0, 1)) / np.sqrt(16 * groups * draws)
    total = weight.sum() / np.sqrt(16 * words.size)
    return [2 * norm.sf(abs(total)), *(p for z in (by_position, by_draw, by_column) for p in sum_of_squares(z))]


def within_a_word(words):
    """Correlation of every two bits of a word, 2,016 pairs."""
    b = bits(words)
    return sum_of_squares((b.T @ b)[np.triu_indices(64, 1)] / np.sqrt(len(b)))


def between(a, b):
    """Correlation of every bit of a with every bit of b, and the law of how many bits the two words share."""
    z = bits(a).T @ bits(b) / np.sqrt(a.size)
    shared = np.bincount(np.clip(np.bitwise_count(a ^ b).ravel(), 18, 46) - 18, minlength=29)
    law = binom.pmf(np.arange(65), 64, 0.5)
    law = np.array([law[:19].sum(), *law[19:46], law[46:].sum()])
    return [*sum_of_squares(z), goodness(shared, law * a.size)]


def neighbours(words):
    """Correlation with the next column, word, read and group; and of the very first words after seeding."""
    runs = words.reshape(GROUPS, 16, WORDS, 4, COLUMNS)
    pairs = [
        (words[:, :, :-1], words[:, :, 1:]),  # lanes
        (runs[:, :, :-1], runs[:, :, 1:]),  # words of a read
        (runs[:, :, :, :-1], runs[:, :, :, 1:]),  # reads of a run
        (runs[:, :-1, :, -1], runs[:, 1:, :, 0]),  # the last read of a run and the first of the next
        (words[:-1], words[1:]),  # the same draw of the next group
        (words[:-1, -8:], words[1:, :8]),  # across a group's end
        (words[:-1, :4], words[1:, :4]),  # the first words of neighbouring groups
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
        group, column, draw = np.nonzero(digits.swapaxes(1, 2) == 0)
        lane = group * COLUMNS + column
        start = draw[:-1] < 64 * WORDS - 96  # gaps up to 95 fit into the lane: those that count are not cut short
        gap = np.where(lane[1:] == lane[:-1], np.diff(draw), 96)[start]
        counts = np.bincount(np.minimum(gap, 96), minlength=97)[1:]
        law = p * (1 - p) ** np.arange(95)
        result.append(goodness(counts, np.append(law, 1 - law.sum()) * len(gap)))
    return result


def hamming_weights(words):
    """As PractRand's BCFN: classes of the weights of four consecutive words of a lane, against independence."""
    classes = np.digitize(np.bitwise_count(words), [30, 33, 35])
    law = np.diff(binom.cdf([-1, 29, 32, 34, 64], 64, 0.5))
    four = classes.reshape(GROUPS, -1, 4, COLUMNS)
    index = np.ravel_multi_index(tuple(np.moveaxis(four, 2, 0)), (4,) * 4).ravel()
    expected = np.array([np.prod(law[list(c)]) for c in product(range(4), repeat=4)]) * len(index)
    return [goodness(np.bincount(index, minlength=256), expected)]


def birthday_spacings(words):
    """Coinciding spacings of 4,096 sorted values of 32 bits are Poisson with mean m³/4n = 4 (Marsaglia)."""
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
        has = (rows[n] >> np.uint64(bit) & np.uint64(1)).astype(bool) & (np.arange(64) > top[:, None])
        rows[n] ^= np.where(has, rows[n, top][:, None], np.uint64(0))
        rank[some] += 1
    return rank


def binary_ranks(words):
    """64 consecutive words of a lane, and one word of 64 lanes, as matrices: full rank .2888, one less .5776."""
    result = []
    for matrices in (words[:, :64].swapaxes(1, 2), words[:, ::4]):
        rank = ranks(matrices.reshape(-1, 64))
        law = np.array([0.2887880951, 0.5775761902, 0.1283502645])  # ranks 64, 63, 62 of large matrices
        counts = np.array([(rank == r).sum() for r in (64, 63, 62)])
        full = np.append(law, 1 - law.sum()) * len(rank)
        result.append(goodness(np.append(counts, len(rank) - counts.sum()), full))
    return result


TESTS = (ones, within_a_word, neighbours, runs_test, gaps, hamming_weights, birthday_spacings, binary_ranks)


def smallest(words, tests=TESTS):
    """The smallest p-value of the battery times their number."""
    p = {f"{t.__name__}[{i}]": value for t in tests for i, value in enumerate(t(words))}
    name = min(p, key=p.get)
    return len(p) * p[name], name


def test_the_kernel_draws_the_lanes_of_this_file():
    key = KEY.generate_state(2, np.uint64)
    np.testing.assert_array_equal(kernel(KEY), lanes(key))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_kernels_bits_pass_the_battery(seed):
    p, name = smallest(kernel(np.random.SeedSequence(seed)))
    assert p > ALPHA, f"{name}: {p:.1e}"


def test_neighbouring_seeds_share_nothing():
    words = [kernel(np.random.SeedSequence(seed)) for seed in (0, 1, 2)]
    # Also keys that differ in one bit alone, which no SeedSequence hands out on purpose.
    key = KEY.generate_state(2, np.uint64)
    words += [lanes(key ^ np.array(flip, dtype=np.uint64)) for flip in ((1, 0), (0, 1), (1 << 63, 0))]
    p = [value for other in words[1:] for value in between(words[0], other) + between(words[0][:, :4], other[:, :4])]
    assert len(p) * min(p) > ALPHA


DEFECTS = {
    "the same seed for two lanes": {"lane": lambda column, group: (column // 2 * 2) << 32 | group},
    "the same seed for two groups": {"lane": lambda column, group: column << 32 | group // 2},
    "lanes and groups overlap": {"lane": lambda column, group: column + group},
    "no warm-up": {"warm_up": 0},
    "six rounds of warm-up": {"warm_up": 6},
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_battery_finds_a_broken_seeding(defect):
    p, _ = smallest(lanes(KEY.generate_state(2, np.uint64), **DEFECTS[defect]), (ones, neighbours))
    assert p < 1e-9


def xorshift(words):
    """Marsaglia's xorshift64 in every lane: linear over GF(2), the classic failure of a rank test of wide matrices."""
    state, out = words[:, 0].copy(), np.empty_like(words)
    for draw in range(words.shape[1]):
        for shift in (13, -7, 17):
            state ^= state << np.uint64(shift) if shift > 0 else state >> np.uint64(-shift)
        out[:, draw] = state & ~np.uint64(3)  # and its two lowest bits stuck
    return out


WRONGS = {
    "one bit in 100 set too often": (ones, lambda w, r: w | np.uint64(1) * (r.random(w.shape) < 0.02)),
    "bit 7 follows bit 41": (within_a_word, lambda w, r: w & ~np.uint64(128) | (w >> np.uint64(34)) & np.uint64(128)),
    "a word sometimes comes again": (
        neighbours,
        lambda w, r: np.where(r.random(w.shape) < 0.01, np.roll(w, 1, axis=1), w),
    ),
    "neighbouring bits tend to agree": (runs_test, lambda w, r: w | (w << np.uint64(1)) & np.uint64(2)),
    "low bits count": (gaps, lambda w, r: w & ~np.uint64(31) | (np.arange(w.shape[1], dtype="u8") % 32)[:, None]),
    "weights come in pairs": (hamming_weights, lambda w, r: np.where(r.random(w.shape) < 0.02, ~np.roll(w, 1, 1), w)),
    "a lattice": (
        birthday_spacings,
        lambda w, r: (np.arange(w.size, dtype="u8") * np.uint64(0x9E3779B97F4A7C15)).reshape(w.shape),
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
    masks = mask_words(KEY, Span(0, 2048), 128, 32, p)
    z = (0.5 - 0.5 * bits(masks) - p).reshape(2048, 2, 32, 64) / np.sqrt(p * (1 - p))
    pairs = [(z, z), (z[1:], z[:-1]), (z[:, :1], z[:, 1:]), (z[:, :, 1:], z[:, :, :-1])]
    products = [a.reshape(-1, 64).T @ b.reshape(-1, 64) / np.sqrt(a.size / 64) for a, b in pairs]
    products[0] = products[0][np.triu_indices(64, 1)]  # within a word; then reads, words and columns
    values = [value for product_ in products for value in sum_of_squares(product_)]
    assert len(values) * min(values) > ALPHA
