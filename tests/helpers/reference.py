"""Slow twins in plain Python loops, which can be checked against the equations by eye.

Nothing here imports the packages under test.
"""

import math
from fractions import Fraction
from itertools import count, product

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu


def conductances(w, g_min, g_max, k, mapping):
    """Return G± of weights w (outputs, inputs), both (word lines, bit lines).

    The reference column of a `ReferenceColumn` is repeated for every output.
    """
    outputs, inputs = len(w), len(w[0])
    middle = (g_min + g_max) / 2
    g_pos = np.empty((inputs, outputs))
    g_neg = np.empty((inputs, outputs))
    for i in range(outputs):
        for j in range(inputs):
            kw = k * w[i][j]
            if mapping == "DifferentialPair":
                g_pos[j, i] = g_min + max(kw, 0.0)
                g_neg[j, i] = g_min + max(-kw, 0.0)
            elif mapping == "BalancedPair":
                g_pos[j, i] = middle + kw / 2
                g_neg[j, i] = middle - kw / 2
            elif mapping == "ReferenceColumn":
                g_pos[j, i] = middle + kw
                g_neg[j, i] = middle
            else:
                raise KeyError(mapping)
    return g_pos, g_neg


def tile_read(x, g_pos, g_neg, gate_pos, gate_neg, cell_pos, cell_neg, k):
    """Return u = Σ_j x_j (g⁺c⁺G⁺ − g⁻c⁻G⁻)/k for given factors of gates g and cells c.

    Factors are (reads, word lines, bit lines); u is (reads, outputs).
    """
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
    """Return the variance [S²] of one read of one pair.

    gate: (mean, variance) of its factor. cell: function of g that returns the same of the cell's
    factor.
    """
    m_gate, v_gate = gate
    square = v_gate + m_gate**2
    (m_p, v_p), (m_n, v_n) = cell(g_pos), cell(g_neg)
    if sharing == "cell":
        var_p = square * (v_p + m_p**2) - (m_gate * m_p) ** 2
        var_n = square * (v_n + m_n**2) - (m_gate * m_n) ** 2
        return var_p * g_pos**2 + var_n * g_neg**2
    return square * (v_p * g_pos**2 + v_n * g_neg**2) + v_gate * (m_p * g_pos - m_n * g_neg) ** 2


def moments(x, g_pos, g_neg, k, gate, cell, sharing):
    """Return mean and variance of u, each (reads, outputs); gate and cell as of `pair_variance`."""
    reads, (inputs, outputs) = len(x), g_pos.shape
    mean = np.zeros((reads, outputs))
    variance = np.zeros((reads, outputs))
    for r in range(reads):
        for i in range(outputs):
            for j in range(inputs):
                m_p, m_n = cell(g_pos[j, i])[0], cell(g_neg[j, i])[0]
                mean[r, i] += x[r][j] * gate[0] * (m_p * g_pos[j, i] - m_n * g_neg[j, i]) / k
                pair = pair_variance(g_pos[j, i], g_neg[j, i], gate, cell, sharing)
                variance[r, i] += x[r][j] ** 2 * pair / k**2
    return mean, variance


def firing_probability(mean, variance):
    """Return P(u > 0) = ½ (1 + erf(E / √(2 Var))) of a normal u."""
    return 0.5 * (1 + math.erf(mean / math.sqrt(2 * variance)))


def phi(x):
    """Return the standard normal distribution function Φ."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


_WORD = (1 << 64) - 1


def sfc64(a, b, c, warm_up=18):
    """Yield the words of SFC64 (Doty-Humphrey, PractRand 0.94), computed with Python's integers.

    The counter starts at 1, and the words of the first `warm_up` rounds are discarded.
    """
    for counter in count(1):
        word, (a, b, c) = sfc64_round(a, b, c, counter)
        if counter > warm_up:
            yield word


def sfc64_round(a, b, c, counter):
    """Return a word of SFC64, and its state after it."""
    word = (a + b + counter) & _WORD
    turned = ((c << 24) | (c >> 40)) & _WORD
    return word, (b ^ (b >> 11), (c + (c << 3)) & _WORD, (turned + word) & _WORD)


def box_muller_normals(key, block):
    """Return the 1,024 normals of a block of a key.

    Round i of the eight SFC64 generators gives the 32-bit words 16 i … 16 i + 15, the low half of a
    generator's word first. Words 0 … 511 give radii √(−2 ln v), and the others angles: 30 bits
    a place within ±45°, one swaps the coordinates, and one changes both signs.
    """
    lanes = [sfc64(int(key[0]), int(key[1]), 8 * block + lane) for lane in range(8)]
    words = []
    for _ in range(64):
        for lane in lanes:
            word = next(lane)
            words += [word & 0xFFFFFFFF, word >> 32]
    return box_muller(words)


def box_muller(words):
    """Return as many normals as there are words of 32 bits; the first half gives the radii."""
    half = len(words) // 2
    normals = np.empty(2 * half)
    for i in range(half):
        radius = math.sqrt(-2 * math.log(((words[i] >> 1) + 0.5) / 2**31))
        angle = words[half + i]
        place = (angle & 0x3FFFFFFF) << 2
        theta = math.pi * (place - (2**32 if place >= 2**31 else 0)) / 2**33
        x, y = math.cos(theta), math.sin(theta)
        if angle >> 30 & 1:
            x, y = y, x
        sign = -1 if angle >> 31 else 1
        normals[i], normals[half + i] = sign * radius * x, sign * radius * y
    return normals


def normals_of(key, number, reads, points):
    """Return normals (reads, 2 · points) of a generator, computed in float64."""
    lanes = [sfc64(int(key[0]), int(key[1]), 8 * number + i) for i in range(8)]
    out = np.empty((reads, 2 * points))
    for read in range(reads):
        words = []
        for _ in range(points // 8):
            for lane in lanes:
                word = next(lane)
                words += [word & 0xFFFFFFFF, word >> 32]
        out[read] = box_muller(words)
    return out


def gate_digits(p):
    """Return the binary digits of the multiple of 2^-16 nearest to p.

    The lowest digit comes first; zeros below the lowest 1 are left out.
    """
    nearest = Fraction(round(Fraction(p) * 2**16), 2**16)
    length = nearest.denominator.bit_length() - 1
    return [nearest.numerator >> i & 1 for i in range(length)]


def blank_out_masks(key, first, last, inputs, columns, digits):
    """Return the gates of reads first … last − 1, (reads, inputs, columns).

    Lane 8 · block + l draws for reads 64 · block + 8 l + 0 … 7, one byte of each word for each of
    them. It goes column by column and takes eight inputs at a time, with one word for each binary
    digit of p.
    """
    masks = np.zeros((last - first, inputs, columns), dtype=bool)
    for block in range(first // 64, (last - 1) // 64 + 1):
        for lane in range(8):
            words = sfc64(int(key[0]), int(key[1]), 8 * block + lane)
            for column in range(columns):
                for start in range(0, inputs, 8):
                    # A fresh word has P(bit) = ½. Each further digit turns P into ½ (1 + P) if it
                    # is 1 and into ½ P if it is 0.
                    mask = next(words)
                    for digit in digits[1:]:
                        mask = mask | next(words) if digit else mask & next(words)
                    for byte in range(8):
                        read = 64 * block + 8 * lane + byte
                        if first <= read < last:
                            for j in range(start, min(start + 8, inputs)):
                                masks[read - first, j, column] = mask >> (8 * byte + j - start) & 1
    return masks


def own_masks(key, first, last, p, digits=24, sure=12):
    """Return gates with probabilities of their own, drawn by lanes as by `blank_out_masks`.

    p: (inputs, columns), whole numbers in units of 2^-digits. Digits are compared from the highest
    on: for eight inputs of the 64 reads of a block `sure` of them, and the others where some gate
    is not decided then. The counter of a column starts as if all digits of all inputs were drawn.
    """
    inputs, columns = p.shape
    masks = np.zeros((last - first, inputs, columns), dtype=bool)
    octets = -(-inputs // 8)
    whole = np.zeros((8 * octets, columns), dtype=int)
    whole[:inputs] = p
    for block in range(first // 64, (last - 1) // 64 + 1):
        states = [(int(key[0]), int(key[1]), 8 * block + lane) for lane in range(8)]
        for counter in range(1, 19):
            states = [sfc64_round(*state, counter)[1] for state in states]
        for column, octet in product(range(columns), range(octets)):
            if octet == 0:
                counter = 19 + column * octets * digits
            of, u = whole[8 * octet : 8 * octet + 8, column], np.zeros((64, 8), dtype=int)
            for place in range(digits - 1, -1, -1):
                if place == digits - sure - 1 and (u >> place + 1 != of >> place + 1).all():
                    break  # every gate is decided
                drawn = [sfc64_round(*state, counter) for state in states]
                states, counter = [state for _, state in drawn], counter + 1
                numbers = [word >> (8 * byte) & 255 for word, _ in drawn for byte in range(8)]
                u += np.array([[n >> i & 1 for i in range(8)] for n in numbers]) << place
            for read in range(max(first, 64 * block), min(last, 64 * block + 64)):
                here = slice(8 * octet, min(8 * octet + 8, inputs))
                conducts = u[read - 64 * block] < of
                masks[read - first, here, column] = conducts[: inputs - 8 * octet]
    return masks


def blank_out_sums(masks, x, w):
    """Return u = Σ_j m_j x_j w_ji, (reads, columns), in the type of number that w has.

    x: (reads, inputs). w: (inputs, columns).
    """
    reads, inputs, columns = masks.shape
    u = np.zeros((reads, columns), dtype=w.dtype)
    for r in range(reads):
        for i in range(columns):
            for j in range(inputs):
                if masks[r, j, i]:
                    u[r, i] += x[r, j] * w[j, i]
    return u


def branches(g, v, wires):
    """Yield every branch of the circuit as (from, to, y, z, source), with y (V + source) = z I.

    from, to: numbers of nodes, None for ground. y, z: one of them can be 0, for a missing cell or a
    line without resistance. source [V]: in series with the branch.
    """
    m, n = g.shape
    word, bit = np.arange(2 * m * n).reshape(2, m, n)
    left, right = wires.drivers in ("left", "both"), wires.drivers in ("right", "both")
    top, bottom = wires.senses in ("top", "both"), wires.senses in ("bottom", "both")
    # Every segment of a line in order, from end to end as far as the ends are connected.
    r_row = np.broadcast_to(np.array(wires.r_row), (m, n - 1 + left + right))
    r_col = np.broadcast_to(np.array(wires.r_col), (m - 1 + top + bottom, n))
    for i in range(m):
        path = [None, *word[i], None][not left : n + 1 + right]
        for a, b, ohms in zip(path[:-1], path[1:], r_row[i], strict=True):
            outside = wires.r_source if a is None or b is None else 0.0
            if b is not None:
                yield a, b, 1.0, ohms + outside, v[i] if a is None else 0.0
            elif r_row[i].any() or wires.r_source or not left:  # no second driver of a single node
                yield b, a, 1.0, ohms + outside, v[i]
        yield from (
            (word[i, j], bit[i, j], g[i, j], 1 + g[i, j] * wires.r_access, 0.0) for j in range(n)
        )
    for j in range(n):
        path = [None, *bit[:, j], None][not top : m + 1 + bottom]
        for a, b, ohms in zip(path[:-1], path[1:], r_col[:, j], strict=True):
            if a is not None:
                outside = wires.r_sense if b is None else 0.0
                yield a, b, 1.0, ohms + outside, 0.0
            elif r_col[:, j].any() or wires.r_sense or not bottom:
                yield b, a, 1.0, ohms + wires.r_sense, 0.0


def nodal(g, v, wires):
    """Return the nodes' voltages (2, m, n) and the bit-line currents (n,), by sparse LU.

    Unknowns are all nodes and all branches, so that any resistance may be 0. The solution is
    refined with residuals of higher precision; compared with 60 digits, its currents are exact to
    3e-16.
    """
    m, n = g.shape
    nodes = 2 * m * n
    out = [[] for _ in range(n)]  # the branches that leave each bit line
    entries = []
    rhs = [0.0] * nodes
    for k, (a, b, admittance, resistance, volts) in enumerate(branches(g, v, wires)):
        for node, sign in ((a, 1.0), (b, -1.0)):
            if node is not None:
                entries += [(node, nodes + k, sign), (nodes + k, node, sign * admittance)]
        entries.append((nodes + k, nodes + k, -resistance))
        rhs.append(-admittance * volts)
        if b is None:
            out[(a - m * n) % n].append(nodes + k)
    rows, columns, values = map(np.array, zip(*entries, strict=True))
    lu = splu(csc_array((values, (rows, columns))))
    rhs = np.array(rhs)
    x = lu.solve(rhs)
    for _ in range(3):
        residual = rhs.astype(np.longdouble)
        np.subtract.at(residual, rows, values.astype(np.longdouble) * x[columns])
        x += lu.solve(residual.astype(float))
    return x[:nodes].reshape(2, m, n), np.array([x[k].sum() for k in out])
