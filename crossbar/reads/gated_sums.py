"""Sums of packed inputs over the cells whose gate conducts, every gate drawn on its own as one
bit.
"""

import math
from fractions import Fraction

import numpy as np

from crossbar.reads._kernels import OWN_DIGITS, masked_sums
from crossbar.reads.digits import DigitTables
from crossbar.reads.packed import Bits, Packed, in_threads
from crossbar.reads.span import Span
from devices.validation import Floats

#: Binary digits with which the probability of a gate is drawn.
P_BITS = 16
_UNGATED = np.empty(0, dtype=np.uint8)
_NO_PLANES = np.empty((0, 0, 0), dtype=np.uint8)


def gate_bits(p: float) -> Bits | None:
    """Return the binary digits by which masks of probability p are drawn, lowest first.

    The result is None if p rounds to 0 or 1.

    Exact for p = k/2^m with m ≤ 16. Any other p is rounded to the nearest multiple of 2^-16 (see
    `drawn_p`).
    """
    k = round(p * 2**P_BITS)
    if not 0 < k < 2**P_BITS:
        return None
    digits = [k >> i & 1 for i in range(P_BITS)]
    return np.array(digits[digits.index(1) :], dtype=np.uint8)


def drawn_p(p: float) -> float:
    """Return the probability with which packed masks conduct.

    It is the multiple of 2^-16 nearest to p.
    """
    return float(Fraction(round(p * 2**P_BITS), 2**P_BITS))


def own_gate_bits(p: Floats) -> Bits:
    """Return the binary digits by which masks with probabilities p of their own are drawn.

    Every p is rounded to the nearest multiple of 2^-24 below 1.

    Args:
        p: Probabilities, (word lines, columns).

    Returns:
        Bits of eight word lines each, (columns, octets, digits), the highest digit first.
    """
    whole = np.minimum(np.rint(p * 2**OWN_DIGITS), 2**OWN_DIGITS - 1).astype(np.uint32)
    places = range(OWN_DIGITS - 1, -1, -1)
    digits = [np.packbits(whole >> i & 1, axis=0, bitorder="little") for i in places]
    return np.ascontiguousarray(np.stack(digits, axis=-1).swapaxes(0, 1))


def gated_sums(
    matrix: DigitTables,
    inputs: Packed,
    span: Span,
    seed: np.random.SeedSequence | None = None,
    p: float | Bits = 1.0,
    *,
    scaled: bool = True,
) -> Floats:
    """Return Σ_j m_j x_j w_ji of every read of the span, (reads, columns).

    Args:
        matrix: The weights, (word lines, columns).
        inputs: Rows of ternary inputs, from the first that the span needs.
        span: The reads.
        seed: Seed of the masks m: the same seed gives the same masks in any matrix. None: every m
            is 1.
        p: Probability that a mask bit is 1, or `own_gate_bits` of each.
        scaled: True for sums in the matrix's units, False for sums in units of `matrix.unit`.
    """
    out = np.empty((span.reads, matrix.columns))
    if not out.size:
        return out
    planes = p if isinstance(p, np.ndarray) and seed is not None else _NO_PLANES
    p_bits = _UNGATED if seed is None or isinstance(p, np.ndarray) else gate_bits(p)
    if seed is None:
        key = np.zeros(2, np.uint64)
    else:
        key = seed.generate_state(2, np.uint64).astype(np.uint64)
    assert p_bits is not None
    rows = span.rows
    unit = matrix.unit if scaled else 1.0
    tables = (matrix.tables, matrix.factors, matrix.depth, inputs.plus, inputs.active)

    def work(part: Span) -> None:
        here = slice(part.first - span.first, part.last - span.first)
        ends = part.first, part.last
        law = p_bits, planes, inputs.are_ones
        masked_sums(*tables, rows[here], key, *law, unit, *ends, out[here])

    in_threads(work, span, math.prod(out.shape) * 8.0 * inputs.plus.shape[1])
    return out
