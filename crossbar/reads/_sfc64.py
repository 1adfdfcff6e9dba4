"""SFC64 in eight lanes: the generator of compiled reads.

The generator is that of Doty-Humphrey (PractRand 0.94). A block of work has eight lanes: lane l
starts from the words (key0, key1, 8·block + l) and counter 1, and discards 18 rounds. What a block
draws is a function of its key and number alone.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._vectors import (
    add_words,
    bit_or,
    bit_xor,
    left_3,
    left_24,
    load,
    right_11,
    right_40,
    splat,
    store,
)

#: Rounds that SFC64 discards after seeding, as its author recommends.
WARM_UP = 18


@njit(nogil=True, inline="always")
def sfc64_round(a, b, c, counter):
    """One round of SFC64 in four lanes: a, b, c after it, and its random words."""
    word = add_words(a, add_words(b, counter))
    return (
        bit_xor(b, right_11(b)),
        add_words(c, left_3(c)),
        add_words(bit_or(left_24(c), right_40(c)), word),
        word,
    )


@njit(nogil=True, inline="always")
def sfc64_seed(state, key, block, counter):
    """Bring the eight lanes of a block into their first state, (3, 8) words."""
    state[0] = key[0]
    state[1] = key[1]
    for lane in range(8):
        state[2, lane] = np.uint64(8 * block + lane)
    flat = state.reshape(-1)
    # Lanes 0 to 3 of the three words, then lanes 4 to 7.
    a, b, c = load(flat, 0), load(flat, 8), load(flat, 16)
    d, e, f = load(flat, 4), load(flat, 12), load(flat, 20)
    count = splat(counter)
    one = splat(np.uint64(1))
    for _ in range(WARM_UP):
        a, b, c, _word = sfc64_round(a, b, c, count)
        d, e, f, _word = sfc64_round(d, e, f, count)
        count = add_words(count, one)
    sfc64_keep(flat, a, b, c, d, e, f)


@njit(nogil=True, inline="always")
def sfc64_keep(flat, a, b, c, d, e, f):
    """Store the state of the eight lanes."""
    store(flat, 0, a)
    store(flat, 8, b)
    store(flat, 16, c)
    store(flat, 4, d)
    store(flat, 12, e)
    store(flat, 20, f)


@njit(nogil=True, inline="always")
def sfc64_fill(words, state, counter):
    """Fill words, a multiple of 8 of them, from where the state stands, and keep the state.

    In round i, lanes 0 … 7 give the words 8 i … 8 i + 7.
    """
    flat = state.reshape(-1)
    a, b, c = load(flat, 0), load(flat, 8), load(flat, 16)
    d, e, f = load(flat, 4), load(flat, 12), load(flat, 20)
    count = splat(counter)
    one = splat(np.uint64(1))
    for at in range(0, len(words), 8):
        a, b, c, first = sfc64_round(a, b, c, count)
        d, e, f, second = sfc64_round(d, e, f, count)
        count = add_words(count, one)
        store(words, at, first)
        store(words, at + 4, second)
    sfc64_keep(flat, a, b, c, d, e, f)
