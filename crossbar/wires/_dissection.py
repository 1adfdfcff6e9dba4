"""Compiled elimination of all nodes between the ends of the lines of an array.

Kernels return new arrays or write into arrays that they are given, and check nothing.

A network of resistors is kept as the conductances c (n, n) between its nodes, of which the lower
triangle is used: c[i, j] with j < i. Eliminating a node k adds c_ik c_kj/Σ_l c_kl to every other
conductance (star to mesh). Only numbers ≥ 0 are added, multiplied and divided; nothing cancels, so
that every conductance is exact to rounding of itself, however much those of cells and wires differ
(Grassmann, Taksar and Heyman eliminate the states of Markov chains in this form).

The array is dissected into blocks of a few crossings. The nodes inside a block are eliminated, and
blocks are joined two by two: the nodes at which they meet are eliminated next. At n × n crossings
this takes about 50 n³ multiplications.

A block's nodes are, in this order: the left ends of its word lines, before the segment that leads
to the first crossing; the right ends, which are the last crossings; the top ends of the bit lines,
which are the first crossings; and the bottom ends, behind the segment below the last crossing. At
the right and at the top of the array there are ends only where a second driver or sense is.

Arguments that occur throughout:
    g: Conductances of the cells, (m, n) [S].
    left: Conductances of the word lines' segments to the left of each crossing, (m, n) [S].
    below: Conductances of the bit lines' segments below each crossing, (m, n) [S].
    far, top: Conductances of second drivers (m,) and of second senses (n,) [S]; empty without.
"""

# mypy: ignore-errors

import numpy as np

from devices.compiled_loops import compiled_loop

#: Crossings of a block's side at the start.
SIDE = 4
_FAST = {"reassoc", "contract"}  # results are the same on one machine, and NaN is kept


@compiled_loop(fastmath=_FAST)
def eliminate(c, keep):
    """Eliminate the nodes from number `keep` on, four at a time from the last one."""
    last = c.shape[0]
    y = np.zeros((4, last))
    factor = np.zeros(4)
    while last > keep:
        count = min(4, last - keep)
        first = last - count
        y[:] = 0
        factor[:] = 0
        for q in range(count):
            k = last - 1 - q
            total = 0.0
            for j in range(k):
                total += c[k, j]
            factor[q] = 1 / total if total > 0 else 0.0
            for j in range(k):
                y[q, j] = c[k, j]
            for i in range(first, k):
                share = c[k, i] * factor[q]
                for j in range(i):
                    c[i, j] += share * y[q, j]
        y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
        for i in range(first):
            f0, f1, f2, f3 = (
                factor[0] * y0[i],
                factor[1] * y1[i],
                factor[2] * y2[i],
                factor[3] * y3[i],
            )
            if f0 + f1 + f2 + f3 == 0:
                continue
            row = c[i]
            for j in range(i):
                row[j] += f0 * y0[j] + f1 * y1[j] + f2 * y2[j] + f3 * y3[j]
        last = first


@compiled_loop()
def _connect(c, i, j, conductance):
    """Add a conductance between two nodes."""
    c[max(i, j), min(i, j)] += conductance


@compiled_loop()
def _block(g, left, below, far, top, i0, h, j0, w):
    """Return the block of h × w crossings from (i0, j0) on."""
    at_right, at_top = j0 + w == g.shape[1], i0 == 0
    rights = 0 if at_right and not far.shape[0] else h
    tops = 0 if at_top and not top.shape[0] else w
    first_top, first_bottom = h + rights, h + rights + tops
    keep = first_bottom + w
    c = np.zeros((keep + 2 * h * w, keep + 2 * h * w))
    word, bit = np.empty((h, w), np.int64), np.empty((h, w), np.int64)
    node = keep
    for i in range(h):
        for j in range(w):
            word[i, j] = h + i
            if j < w - 1 or at_right:
                word[i, j] = node
                node += 1
            bit[i, j] = first_top + j
            if i > 0 or at_top:
                bit[i, j] = node
                node += 1
    for i in range(h):
        for j in range(w):
            a, b = word[i, j], bit[i, j]
            _connect(c, a, b, g[i0 + i, j0 + j])
            _connect(c, a, word[i, j - 1] if j else i, left[i0 + i, j0 + j])
            _connect(c, b, bit[i + 1, j] if i < h - 1 else first_bottom + j, below[i0 + i, j0 + j])
    if at_right and rights:
        for i in range(h):
            _connect(c, word[i, w - 1], h + i, far[i0 + i])
    if at_top and tops:
        for j in range(w):
            _connect(c, bit[0, j], first_top + j, top[j0 + j])
    part = c[:node, :node].copy()
    eliminate(part, keep)
    return part[:keep, :keep].copy()


@compiled_loop()
def _add(c, block, node):
    """Add a block's conductances to c; `node` gives the number of each of its nodes there."""
    for i in range(block.shape[0]):
        for j in range(i):
            a, b = node[i], node[j]
            if a > b:
                c[a, b] += block[i, j]
            else:
                c[b, a] += block[i, j]


@compiled_loop()
def _number(node, at, count, first):
    """Give `count` nodes of a block, from number `at` on, the numbers from `first` on."""
    for k in range(count):
        node[at + k] = first + k


@compiled_loop()
def _joined(a, b, of_a, of_b, keep, shared):
    """Return the block of a and b: their shared nodes, those from number `keep` on, eliminated."""
    c = np.zeros((keep + shared, keep + shared))
    _add(c, a, of_a)
    _add(c, b, of_b)
    eliminate(c, keep)
    return c[:keep, :keep].copy()


@compiled_loop()
def _beside(a, b, h, wa, wb):
    """Return the block of a, of h × wa crossings, and b, of h × wb, to its right."""
    has_top = a.shape[0] == 2 * h + 2 * wa
    first_top = b.shape[0] - wb - (wb if has_top else 0)  # behind the left and right ends
    first_bottom = first_top + (wa + wb if has_top else 0)
    keep = first_bottom + wa + wb
    of_a, of_b = np.empty(a.shape[0], np.int64), np.empty(b.shape[0], np.int64)
    _number(of_a, 0, h, 0)
    _number(of_a, h, h, keep)
    _number(of_b, 0, h, keep)
    _number(of_b, h, first_top - h, h)
    if has_top:
        _number(of_a, 2 * h, wa, first_top)
        _number(of_b, first_top, wb, first_top + wa)
    _number(of_a, a.shape[0] - wa, wa, first_bottom)
    _number(of_b, b.shape[0] - wb, wb, first_bottom + wa)
    return _joined(a, b, of_a, of_b, keep, h)


@compiled_loop()
def _below(a, b, ha, hb, w):
    """Return the block of a, of ha × w crossings, and b, of hb × w, below it."""
    sides = 2 if b.shape[0] == 2 * hb + 2 * w else 1  # ends of a word line
    first_top = sides * (ha + hb)
    tops = a.shape[0] - sides * ha - w
    keep = first_top + tops + w
    of_a, of_b = np.empty(a.shape[0], np.int64), np.empty(b.shape[0], np.int64)
    for side in range(sides):
        _number(of_a, side * ha, ha, side * (ha + hb))
        _number(of_b, side * hb, hb, side * (ha + hb) + ha)
    _number(of_a, sides * ha, tops, first_top)
    _number(of_a, a.shape[0] - w, w, keep)
    _number(of_b, sides * hb, w, keep)
    _number(of_b, b.shape[0] - w, w, first_top + tops)
    return _joined(a, b, of_a, of_b, keep, w)


@compiled_loop()
def _edges(n):
    """Return where blocks of `SIDE` lines begin, and the number n of lines."""
    count = (n + SIDE - 1) // SIDE
    edges = np.empty(count + 1, np.int64)
    for k in range(count):
        edges[k] = k * SIDE
    edges[count] = n
    return edges


@compiled_loop()
def _joined_edges(edges):
    """Return the edges of blocks after pairs of them were joined."""
    count = edges.shape[0] // 2
    out = np.empty(count + 1, np.int64)
    for k in range(count):
        out[k] = edges[2 * k]
    out[count] = edges[-1]
    return out


@compiled_loop()
def transfer_conductances(g, left, below, far, top, out):
    """Fill out (m, n) with the conductances between the drivers and the senses [S]."""
    m, n = g.shape
    rows, columns = _edges(m), _edges(n)
    blocks = [np.empty((0, 0)) for _ in range(0)]
    for i in range(rows.shape[0] - 1):
        for j in range(columns.shape[0] - 1):
            h, w = rows[i + 1] - rows[i], columns[j + 1] - columns[j]
            blocks.append(_block(g, left, below, far, top, rows[i], h, columns[j], w))
    while len(blocks) > 1:
        high, wide = rows.shape[0] - 1, columns.shape[0] - 1
        across = wide >= high
        joined = [np.empty((0, 0)) for _ in range(0)]
        for i in range(0, high, 1 if across else 2):
            for j in range(0, wide, 2 if across else 1):
                a = blocks[i * wide + j]
                if across and j + 1 < wide:
                    wa, wb = columns[j + 1] - columns[j], columns[j + 2] - columns[j + 1]
                    a = _beside(a, blocks[i * wide + j + 1], rows[i + 1] - rows[i], wa, wb)
                if not across and i + 1 < high:
                    ha, hb = rows[i + 1] - rows[i], rows[i + 2] - rows[i + 1]
                    a = _below(a, blocks[(i + 1) * wide + j], ha, hb, columns[j + 1] - columns[j])
                joined.append(a)
        if across:
            columns = _joined_edges(columns)
        else:
            rows = _joined_edges(rows)
        blocks = joined
    _between_ends(blocks[0], far.shape[0], out)


@compiled_loop()
def _between_ends(c, fars, out):
    """Fill out (m, n) with the conductances between drivers and senses of the whole array.

    Both drivers of a line have its voltage, and both senses add to its current.
    """
    m, n = out.shape
    for i in range(m):
        for j in range(n):
            out[i, j] = 0.0
            for sense in range(m + fars + j, c.shape[0], n):
                out[i, j] += c[sense, i]
                if fars:
                    out[i, j] += c[sense, m + i]
