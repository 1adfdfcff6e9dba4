"""The random bits of the kernel of masked sums pass a battery of statistical tests."""

import numpy as np
import pytest

from crossbar.reads.gated_sums import drawn_p
from crossbar.reads.span import Span
from tests.helpers.bit_battery import (
    ALPHA,
    BLOCKS,
    COLUMNS,
    DRAWS,
    KEY,
    LANES,
    OCTETS,
    bits,
    lanes,
    shared,
    smallest,
    sum_of_squares,
)
from tests.helpers.packed_reads import mask_bytes


def in_drawing_order(masks):
    """Return masks (reads, octets, columns) of bytes as words (blocks, columns, octets, lanes).

    Byte k of a word belongs to the k-th read of its lane.
    """
    by_lane = masks.reshape(-1, LANES, 8, *masks.shape[1:])
    return np.ascontiguousarray(by_lane.transpose(0, 4, 3, 1, 2)).view("<u8")[..., 0]


def kernel(seed):
    """Return the words of the masks of p = ½ as each lane draws them, (blocks, draws, lanes)."""
    masks = mask_bytes(seed, Span(0, 64 * BLOCKS), 8 * OCTETS, COLUMNS, 0.5)
    return in_drawing_order(masks).reshape(BLOCKS, DRAWS, LANES)


def test_the_kernel_draws_the_words_of_the_battery():
    key = KEY.generate_state(2, np.uint64)
    np.testing.assert_array_equal(kernel(KEY), lanes(key))
    for other in ({"warm_up": 17}, {"counting": False}):
        assert (lanes(key) != lanes(key, **other)).mean() > 0.999


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_kernels_bits_pass_the_battery(seed):
    p, name = smallest(kernel(np.random.SeedSequence(seed)))
    assert p > ALPHA, f"{name}: {p:.1e}"


FLIPS = {
    "seed + 1": None,
    "lowest": (1, 0),
    "lowest of the second": (0, 1),
    "highest": (1 << 63, 0),
}


@pytest.mark.parametrize("flip", FLIPS)
def test_neighboring_seeds_are_uncorrelated(flip):
    # Seeds 0 and 1, and keys that differ in one bit. SeedSequence alone would hide a weak seeding,
    # because it gives neighboring seeds unrelated keys.
    key, one = (np.random.SeedSequence(seed).generate_state(2, np.uint64) for seed in (0, 1))
    other = one if FLIPS[flip] is None else key ^ np.array(FLIPS[flip], dtype=np.uint64)
    assert shared(lanes(key), lanes(other)) > ALPHA / len(FLIPS)


@pytest.mark.parametrize("p", [0.25, 5 / 16, 0.3])
def test_masks_of_any_p_are_uncorrelated(p):
    # 32 blocks, 32 columns, 16 octets, 8 lanes.
    masks = in_drawing_order(mask_bytes(KEY, Span(0, 2048), 128, 32, p))
    z = (0.5 - 0.5 * bits(masks) - drawn_p(p)).reshape(*masks.shape, 64) / np.sqrt(p * (1 - p))
    pairs = [(z, z), *((np.delete(z, 0, axis), np.delete(z, -1, axis)) for axis in range(4))]
    products = [a.reshape(-1, 64).T @ b.reshape(-1, 64) / np.sqrt(a.size / 64) for a, b in pairs]
    # First pairs of bits in a word, then pairs of neighboring blocks, columns, octets and lanes.
    products[0] = products[0][np.triu_indices(64, 1)]
    values = [value for product_ in products for value in sum_of_squares(product_)]
    assert len(values) * min(values) > ALPHA
