"""The two recursions of a hidden chain, read by read, over a block of reads.

The forward one is that of the probabilities α of the states given the reads so far, the backward
one that of β with Σ_k α_k β_k = 1 at every read. Both wait for the read before, so that nothing but
the number of operations from one read to the next decides their time: states are written out as
scalars, which stay in registers.

α is normalized once in a group of reads, and 1/norm multiplies both recursions there.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

#: Reads of a group. With the least probability of a transition, 1e-12, the product of its
#: probabilities stays above 1e-96.
_GROUP = 8


@njit(nogil=True, fastmath={"contract"})
def forward_of_two(transitions, emission, alpha, before, inverse, first, n):
    """Write α of the reads from `first` to n, and 1/norm of the groups, for two states.

    Args:
        transitions: P, (2, 2).
        emission: Emission of each state, (states, reads).
        alpha: Where to write, (states, reads).
        before: α of the read before the first one, and then that of the last one.
        inverse: Where to write 1/norm, (groups,).
        first: The first read.
        n: Number of reads.

    Returns:
        The logarithm of all norms.
    """
    p00, p01, p10, p11 = (
        transitions[0, 0], transitions[0, 1], transitions[1, 0], transitions[1, 1],
    )  # fmt: skip
    a0, a1 = before[0], before[1]
    total = 0.0
    for start in range(first, n, _GROUP):
        stop = min(start + _GROUP, n)
        for t in range(start, stop):
            b0 = (a0 * p00 + a1 * p10) * emission[0, t]
            b1 = (a0 * p01 + a1 * p11) * emission[1, t]
            a0, a1 = b0, b1
            alpha[0, t], alpha[1, t] = a0, a1
        norm = a0 + a1
        total += np.log(norm)
        scale = 1.0 / norm
        a0, a1 = a0 * scale, a1 * scale
        alpha[0, stop - 1], alpha[1, stop - 1] = a0, a1
        inverse[start // _GROUP] = scale
    before[0], before[1] = a0, a1
    return total


@njit(nogil=True, fastmath={"contract"})
def backward_of_two(transitions, emission, beta, inverse, first, n, betas, weighted):
    """Write β of the reads from n − 1 to `first`, and emission · β/norm, for two states.

    `beta` is that of the last read, and then that of the read before the first one; the rest is as
    in `forward_of_two`.
    """
    p00, p01, p10, p11 = (
        transitions[0, 0], transitions[0, 1], transitions[1, 0], transitions[1, 1],
    )  # fmt: skip
    b0, b1 = beta[0], beta[1]
    groups = (n - first + _GROUP - 1) // _GROUP
    for group in range(groups - 1, -1, -1):
        start = first + group * _GROUP
        stop = min(start + _GROUP, n)
        scale = inverse[start // _GROUP]
        for t in range(stop - 1, start - 1, -1):
            betas[0, t], betas[1, t] = b0, b1
            w0, w1 = emission[0, t] * scale * b0, emission[1, t] * scale * b1
            weighted[0, t], weighted[1, t] = w0, w1
            b0, b1 = p00 * w0 + p01 * w1, p10 * w0 + p11 * w1
            scale = 1.0
    beta[0], beta[1] = b0, b1


@njit(nogil=True, fastmath={"contract"})
def forward_of_four(transitions, emission, alpha, before, inverse, first, n):
    """Do what `forward_of_two` does for four states."""
    p00, p01, p02, p03 = transitions[0, 0], transitions[0, 1], transitions[0, 2], transitions[0, 3]
    p10, p11, p12, p13 = transitions[1, 0], transitions[1, 1], transitions[1, 2], transitions[1, 3]
    p20, p21, p22, p23 = transitions[2, 0], transitions[2, 1], transitions[2, 2], transitions[2, 3]
    p30, p31, p32, p33 = transitions[3, 0], transitions[3, 1], transitions[3, 2], transitions[3, 3]
    a0, a1, a2, a3 = before[0], before[1], before[2], before[3]
    total = 0.0
    for start in range(first, n, _GROUP):
        stop = min(start + _GROUP, n)
        for t in range(start, stop):
            b0 = ((a0 * p00 + a1 * p10) + (a2 * p20 + a3 * p30)) * emission[0, t]
            b1 = ((a0 * p01 + a1 * p11) + (a2 * p21 + a3 * p31)) * emission[1, t]
            b2 = ((a0 * p02 + a1 * p12) + (a2 * p22 + a3 * p32)) * emission[2, t]
            b3 = ((a0 * p03 + a1 * p13) + (a2 * p23 + a3 * p33)) * emission[3, t]
            a0, a1, a2, a3 = b0, b1, b2, b3
            alpha[0, t], alpha[1, t], alpha[2, t], alpha[3, t] = a0, a1, a2, a3
        norm = (a0 + a1) + (a2 + a3)
        total += np.log(norm)
        scale = 1.0 / norm
        a0, a1, a2, a3 = a0 * scale, a1 * scale, a2 * scale, a3 * scale
        last = stop - 1
        alpha[0, last], alpha[1, last], alpha[2, last], alpha[3, last] = a0, a1, a2, a3
        inverse[start // _GROUP] = scale
    before[0], before[1], before[2], before[3] = a0, a1, a2, a3
    return total


@njit(nogil=True, fastmath={"contract"})
def backward_of_four(transitions, emission, beta, inverse, first, n, betas, weighted):
    """Do what `backward_of_two` does for four states."""
    p00, p01, p02, p03 = transitions[0, 0], transitions[0, 1], transitions[0, 2], transitions[0, 3]
    p10, p11, p12, p13 = transitions[1, 0], transitions[1, 1], transitions[1, 2], transitions[1, 3]
    p20, p21, p22, p23 = transitions[2, 0], transitions[2, 1], transitions[2, 2], transitions[2, 3]
    p30, p31, p32, p33 = transitions[3, 0], transitions[3, 1], transitions[3, 2], transitions[3, 3]
    b0, b1, b2, b3 = beta[0], beta[1], beta[2], beta[3]
    groups = (n - first + _GROUP - 1) // _GROUP
    for group in range(groups - 1, -1, -1):
        start = first + group * _GROUP
        stop = min(start + _GROUP, n)
        scale = inverse[start // _GROUP]
        for t in range(stop - 1, start - 1, -1):
            betas[0, t], betas[1, t], betas[2, t], betas[3, t] = b0, b1, b2, b3
            w0, w1 = emission[0, t] * scale * b0, emission[1, t] * scale * b1
            w2, w3 = emission[2, t] * scale * b2, emission[3, t] * scale * b3
            weighted[0, t], weighted[1, t], weighted[2, t], weighted[3, t] = w0, w1, w2, w3
            b0 = (p00 * w0 + p01 * w1) + (p02 * w2 + p03 * w3)
            b1 = (p10 * w0 + p11 * w1) + (p12 * w2 + p13 * w3)
            b2 = (p20 * w0 + p21 * w1) + (p22 * w2 + p23 * w3)
            b3 = (p30 * w0 + p31 * w1) + (p32 * w2 + p33 * w3)
            scale = 1.0
    beta[0], beta[1], beta[2], beta[3] = b0, b1, b2, b3
