"""Slow, obvious twins in plain Python loops, to be checked by eye against the equations. Nothing here is imported
from the packages."""

import math
from fractions import Fraction
from itertools import count

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu


def conductances(w, g_min, g_max, k, mapping):
    """G± of weights w (outputs, inputs), both (word lines, bit lines); references repeated."""
    outputs, inputs = len(w), len(w[0])
    middle = (g_min + g_max) / 2
    g_pos, g_neg = np.empty((inputs, outputs)), np.empty((inputs, outputs))
    for i in range(outputs):
        for j in range(inputs):
            kw = k * w[i][j]
            if mapping == "DifferentialPair":
                g_pos[j, i], g_neg[j, i] = g_min + max(kw, 0.0), g_min + max(-kw, 0.0)
            elif mapping == "BalancedPair":
                g_pos[j, i], g_neg[j, i] = middle + kw / 2, middle - kw / 2
            elif mapping == "ReferenceColumn":
                g_pos[j, i], g_neg[j, i] = middle + kw, middle
            else:
                raise KeyError(mapping)
    return g_pos, g_neg


def tile_read(x, g_pos, g_neg, gate_pos, gate_neg, cell_pos, cell_neg, k):
    """u = Σ_j x_j (g⁺c⁺G⁺ − g⁻c⁻G⁻)/k with every factor given, each (reads, word lines, bit lines)."""
    reads, (inputs, outputs) = len(x), g_pos.shape
    u = np.zeros((reads, outputs))
    for r in range(reads):
        for i in range(outputs):
            for j in range(inputs):
                plus = gate_pos[r, j, i] * cell_pos[r, j, i] * g_pos[j, i]
                minus = gate_neg[r, j, i] * cell_neg[r, j, i] * g_neg[j, i]
                u[r, i] += x[r, j] * (plus - minus) / k
    return u


def pair_variance(g_pos, g_neg, gate, cell, sharing):
    """Variance [S²] of one read of one pair; gate = (mean, variance), cell = g -> (mean, variance)."""
    m_gate, v_gate = gate
    square = v_gate + m_gate**2
    (m_p, v_p), (m_n, v_n) = cell(g_pos), cell(g_neg)
    if sharing == "cell":
        var_p = square * (v_p + m_p**2) - (m_gate * m_p) ** 2
        var_n = square * (v_n + m_n**2) - (m_gate * m_n) ** 2
        return var_p * g_pos**2 + var_n * g_neg**2
    return square * (v_p * g_pos**2 + v_n * g_neg**2) + v_gate * (m_p * g_pos - m_n * g_neg) ** 2


def moments(x, g_pos, g_neg, k, gate, cell, sharing):
    """Mean and variance of u, each (reads, outputs)."""
    reads, (inputs, outputs) = len(x), g_pos.shape
    mean, variance = np.zeros((reads, outputs)), np.zeros((reads, outputs))
    for r in range(reads):
        for i in range(outputs):
            for j in range(inputs):
                m_p, m_n = cell(g_pos[j, i])[0], cell(g_neg[j, i])[0]
                mean[r, i] += x[r][j] * gate[0] * (m_p * g_pos[j, i] - m_n * g_neg[j, i]) / k
                variance[r, i] += (
                    x[r][j] ** 2
                    * pair_variance(g_pos[j, i], g_neg[j, i], gate, cell, sharing)
                    / k**2
                )
    return mean, variance


def firing_probability(mean, variance):
    """P(u > 0) = ½ (1 + erf(E / √(2 Var)))."""
    return 0.5 * (1 + math.erf(mean / math.sqrt(2 * variance)))


def phi(x):
    """The standard normal distribution function Φ."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


_WORD = (1 << 64) - 1


def sfc64(a, b, c, warm_up=18):
    """Words of SFC64 (Doty-Humphrey, PractRand 0.94) in whole numbers: counter from 1, `warm_up` rounds discarded."""
    for counter in count(1):
        word = (a + b + counter) & _WORD
        a = b ^ (b >> 11)
        b = (c + (c << 3)) & _WORD
        c = ((((c << 24) | (c >> 40)) & _WORD) + word) & _WORD
        if counter > warm_up:
            yield word


def gate_digits(p):
    """The binary digits of the multiple of 2^-16 nearest to p, lowest first, without trailing zeros."""
    nearest = Fraction(round(Fraction(p) * 2**16), 2**16)
    length = nearest.denominator.bit_length() - 1
    return [nearest.numerator >> i & 1 for i in range(length)]


def blank_out_masks(key, first, last, inputs, columns, digits):
    """Gates of reads first … last − 1, (reads, inputs, columns): lane 8 · block + l draws for reads 64 · block + 8 l + 0 … 7,
    a byte each; column by column, eight inputs at a time, a word for each binary digit of p."""
    masks = np.zeros((last - first, inputs, columns), dtype=bool)
    for block in range(first // 64, (last - 1) // 64 + 1):
        for lane in range(8):
            words = sfc64(int(key[0]), int(key[1]), 8 * block + lane)
            for column in range(columns):
                for start in range(0, inputs, 8):
                    mask = next(
                        words
                    )  # P(bit) = ½; then ½ (1 + P) for a digit 1, ½ P for a digit 0
                    for digit in digits[1:]:
                        mask = mask | next(words) if digit else mask & next(words)
                    for byte in range(8):
                        read = 64 * block + 8 * lane + byte
                        if first <= read < last:
                            for j in range(start, min(start + 8, inputs)):
                                masks[read - first, j, column] = mask >> (8 * byte + j - start) & 1
    return masks


def blank_out_sums(masks, x, w):
    """u = Σ_j m_j x_j w_ij, (reads, columns), for x (reads, inputs), w (inputs, columns), in w's own kind of number."""
    reads, inputs, columns = masks.shape
    u = np.zeros((reads, columns), dtype=w.dtype)
    for r in range(reads):
        for i in range(columns):
            for j in range(inputs):
                if masks[r, j, i]:
                    u[r, i] += x[r, j] * w[j, i]
    return u


def branches(g, v, wires):
    """Every branch as (from, to, y, z, source [V]), with y (V + source) = z I; None stands for ground."""
    m, n = g.shape
    word, bit = np.arange(2 * m * n).reshape(2, m, n)
    first, last = wires.r_source + wires.r_row, wires.r_col + wires.r_sense
    for i in range(m):
        for j in (0, n - 1)[: 2 if wires.drivers == "both" and first else 1]:
            yield None, word[i, j], 1.0, first, v[i]
        yield from (
            (a, b, 1.0, wires.r_row, 0.0) for a, b in zip(word[i, :-1], word[i, 1:], strict=True)
        )
        yield from (
            (word[i, j], bit[i, j], g[i, j], 1 + g[i, j] * wires.r_access, 0.0) for j in range(n)
        )
    for j in range(n):
        yield from (
            (a, b, 1.0, wires.r_col, 0.0) for a, b in zip(bit[:-1, j], bit[1:, j], strict=True)
        )
        for i in (m - 1, 0)[: 2 if wires.senses == "both" and last else 1]:
            yield bit[i, j], None, 1.0, last, 0.0


def nodal(g, v, wires):
    """Voltages (2, m, n) and bit-line currents by sparse LU of all nodes and branches, so that any resistance may be 0.

    Refined with residuals of higher precision: against 60 digits the currents are within 3e-16.
    """
    m, n = g.shape
    nodes, out = 2 * m * n, [[] for _ in range(n)]
    entries, rhs = [], [0.0] * nodes
    for k, (a, b, admittance, resistance, volts) in enumerate(branches(g, v, wires)):
        for node, sign in ((a, 1.0), (b, -1.0)):
            if node is not None:
                entries += [(node, nodes + k, sign), (nodes + k, node, sign * admittance)]
        entries.append((nodes + k, nodes + k, -resistance))
        rhs.append(-admittance * volts)
        if b is None:
            out[(a - m * n) % n].append(nodes + k)
    rows, columns, values = map(np.array, zip(*entries, strict=True))
    lu, rhs = splu(csc_array((values, (rows, columns)))), np.array(rhs)
    x = lu.solve(rhs)
    for _ in range(3):
        residual = rhs.astype(np.longdouble)
        np.subtract.at(residual, rows, values.astype(np.longdouble) * x[columns])
        x += lu.solve(residual.astype(float))
    return x[:nodes].reshape(2, m, n), np.array([x[k].sum() for k in out])
