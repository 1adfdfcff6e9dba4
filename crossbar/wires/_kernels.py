"""Compiled line solves and conjugate gradients behind `Wires`.

Kernels write into arrays that they are given, and check nothing.

The unknowns are the voltages a of the word lines and b of the bit lines, (m, n) each, joined by
cells g. Word lines are eliminated exactly, because each is a ladder, T a = g b + sources. What is
left is

    S b = L b + g (b − a(b)) = e

with L the Laplacian of the bit lines. It is solved by conjugate gradients. The preconditioner

    M = L + D

is one ladder per column; D is the diagonal of g − g T⁻¹ g, which is a cell in series with the
admittance of its word line.

Ladders are solved with resistances alone, so that any resistance may be zero. For the same reason L
is never multiplied by: L p = M p − D p, and M p follows from the recursion of p.

Arguments that occur throughout:
    g: Conductances of the cells, (m, n) [S].
    r_row, r_first: Resistance of a word-line segment and of a driver with its first segment [Ω]. As
        arrays (m, n) and (m,): r_row[i, j] leads from crossing j − 1 to j, and r_row[i, 0] is not
        used.
    r_far: Resistance of a second driver with its segment, at the other end [Ω]; infinite without.
    r_col, r_last: Resistance of a bit-line segment and of the last segment with its sense [Ω]. As
        arrays (m, n) and (n,): r_col[i, j] leads from crossing i to i + 1, and r_col[m − 1, j] is
        not used.
    r_top: Resistance of a second sense with its segment, above the first crossing [Ω]; infinite
        without.
    f, h: Factors of the word lines' ladders, (m, n) and (m,).
    d: The diagonal D, (m, n) [S].
    f_col, h_col: Factors of the preconditioner's ladders, (m, n) and (n,).
    v: Voltages of the drivers, (m,) [V].
    far: Currents of the second drivers, (m,) [A]; zeros without them.
    source: Currents that cells push from word to bit line besides g (a − b), (m, n) [A], or (0, 0).
"""

# mypy: ignore-errors

import numpy as np
from numba import njit, types
from numba.extending import overload

from devices.compiled_loops import compiled_loop

_ROWS = 4  # word lines that `_four_ladders` solves side by side


# Resistances are numbers, or arrays where segments differ. The four functions below hide which: the
# compiler makes one version of every kernel for numbers, in which they cost nothing, and one for
# arrays.


def _at(r, i):
    """Return the resistance of line i: r itself, or r[i] of (lines,)."""
    return r[i] if np.ndim(r) else r


def _at2(r, i, j):
    """Return the resistance of the segment at (i, j): r itself, or r[i, j]."""
    return r[i, j] if np.ndim(r) else r


def _rows(r, rows):
    """Return the resistances of some lines: r itself, or r[rows]."""
    return r[rows] if np.ndim(r) else r


def _is_zero(r):
    """Return whether there is no resistance. Arrays hold only resistances above 0."""
    return r == 0 if np.ndim(r) == 0 else False


@overload(_at)
def _compiled_at(r, i):
    return (lambda r, i: r[i]) if isinstance(r, types.Array) else (lambda r, i: r)


@overload(_at2)
def _compiled_at2(r, i, j):
    return (lambda r, i, j: r[i, j]) if isinstance(r, types.Array) else (lambda r, i, j: r)


@overload(_rows)
def _compiled_rows(r, rows):
    return (lambda r, rows: r[rows]) if isinstance(r, types.Array) else (lambda r, rows: r)


@overload(_is_zero)
def _compiled_is_zero(r):
    return (lambda r: False) if isinstance(r, types.Array) else (lambda r: r == 0)


@compiled_loop()
def factorize(g, r_row, r_first, r_far, r_col, r_last, r_top, f, h, d, f_col, h_col):
    """Fill the factors f, h of the word lines, d, and the factors f_col, h_col of the bit lines."""
    m, n = g.shape
    y = np.empty(n)
    for i in range(m):
        y[n - 1] = g[i, n - 1] + 1 / _at(r_far, i)
        f[i, n - 1] = 1.0
        for j in range(n - 2, -1, -1):
            f[i, j] = 1 / (1 + _at2(r_row, i, j + 1) * y[j + 1])
            y[j] = g[i, j] + y[j + 1] * f[i, j]
        h[i] = 1 / (1 + _at(r_first, i) * y[0])
        left = _at(r_first, i)  # resistance of everything to the left of a node
        for j in range(n):
            d[i, j] = g[i, j] * (1 + left * (y[j] - g[i, j])) / (1 + left * y[j])
            left = _at2(r_row, i, min(j + 1, n - 1)) + left / (1 + left * g[i, j])
    for j in range(n):
        y[j] = 1 / _at(r_top, j)
    for i in range(m):
        for j in range(n):
            y[j] = d[i, j] + (y[j] / (1 + _at2(r_col, i - 1, j) * y[j]) if i else y[j])
            f_col[i, j] = 1 / (1 + _at2(r_col, i, j) * y[j])
    for j in range(n):
        h_col[j] = 1 / (1 + _at(r_last, j) * y[j])


@njit(nogil=True)
def _ladder(a, f, h, r_row, r_first, v, far):
    """Replace the currents a (n,) that flow into one word line by the line's voltages."""
    n = a.shape[0]
    a[n - 1] += far
    for j in range(n - 2, -1, -1):
        a[j] += f[j] * a[j + 1]
    a[0] = (v + r_first * a[0]) * h
    for j in range(1, n):
        a[j] = (a[j - 1] + _at(r_row, j) * a[j]) * f[j - 1]


@njit(nogil=True)
def _four_ladders(a, f, h, r_row, r_first, v, far):
    """Do the work of `_ladder` on a (4, n).

    Every step of a ladder needs the result of the step before, so one ladder alone leaves the
    processor waiting; four side by side do not. Results of the last step are kept in variables,
    which are registers, because memory would make the next step wait too.
    """
    n = a.shape[1]
    a0, a1, a2, a3 = a[0], a[1], a[2], a[3]
    f0, f1, f2, f3 = f[0], f[1], f[2], f[3]
    x0, x1, x2, x3 = a0[n - 1] + far[0], a1[n - 1] + far[1], a2[n - 1] + far[2], a3[n - 1] + far[3]
    a0[n - 1], a1[n - 1], a2[n - 1], a3[n - 1] = x0, x1, x2, x3
    for j in range(n - 2, -1, -1):
        x0 = a0[j] + f0[j] * x0
        a0[j] = x0
        x1 = a1[j] + f1[j] * x1
        a1[j] = x1
        x2 = a2[j] + f2[j] * x2
        a2[j] = x2
        x3 = a3[j] + f3[j] * x3
        a3[j] = x3
    x0, x1 = (v[0] + _at(r_first, 0) * x0) * h[0], (v[1] + _at(r_first, 1) * x1) * h[1]
    x2, x3 = (v[2] + _at(r_first, 2) * x2) * h[2], (v[3] + _at(r_first, 3) * x3) * h[3]
    a0[0], a1[0], a2[0], a3[0] = x0, x1, x2, x3
    for j in range(1, n):
        x0 = (x0 + _at2(r_row, 0, j) * a0[j]) * f0[j - 1]
        a0[j] = x0
        x1 = (x1 + _at2(r_row, 1, j) * a1[j]) * f1[j - 1]
        a1[j] = x1
        x2 = (x2 + _at2(r_row, 2, j) * a2[j]) * f2[j - 1]
        a2[j] = x2
        x3 = (x3 + _at2(r_row, 3, j) * a3[j]) * f3[j - 1]
        a3[j] = x3


@njit(nogil=True)
def _ladders(a, f, h, r_row, r_first, v, far, first, last):
    """Replace the currents a into word lines first … last − 1 by these lines' voltages."""
    if last - first == _ROWS:
        rows = slice(first, last)
        r, r_one = _rows(r_row, rows), _rows(r_first, rows)
        _four_ladders(a[rows], f[rows], h[rows], r, r_one, v[rows], far[rows])
    else:
        for i in range(first, last):
            _ladder(a[i], f[i], h[i], _rows(r_row, i), _at(r_first, i), v[i], far[i])


@njit(nogil=True)
def _word_lines(g, b, source, f, h, r_row, r_first, v, far, a):
    """Fill a (m, n) with the word lines' voltages for bit lines at b."""
    m, n = g.shape
    some = source.shape[0] > 0
    for first in range(0, m, _ROWS):
        last = min(first + _ROWS, m)
        for i in range(first, last):
            for j in range(n):
                a[i, j] = g[i, j] * b[i, j] - (source[i, j] if some else 0.0)
        _ladders(a, f, h, r_row, r_first, v, far, first, last)


@njit(nogil=True)
def _search(g, d, f, h, r_row, r_first, none, beta, r, mp, p, q, lp, into, along):
    """Turn p and mp = M p into the next direction, and q = M⁻¹ r into S p; return p·S p.

    Fills into (n,) with Σ L p over each bit line: what the currents change by along p. Rows are
    taken by fours and all work on them is done at once. No loop touches more arrays than the
    compiler can tell apart; with more it would not vectorize.
    """
    m, n = g.shape
    into[:] = 0
    along[:] = 0
    for first in range(0, m, _ROWS):
        last = min(first + _ROWS, m)
        for i in range(first, last):
            for j in range(n):
                p[i, j] = q[i, j] + beta * p[i, j]
            for j in range(n):
                mp[i, j] = r[i, j] + beta * mp[i, j]
            for j in range(n):
                q[i, j] = g[i, j] * p[i, j]
        _ladders(q, f, h, r_row, r_first, none, none, first, last)
        for i in range(first, last):
            for j in range(n):
                lp[j] = mp[i, j] - d[i, j] * p[i, j]
            for j in range(n):
                into[j] += lp[j]
            for j in range(n):
                q[i, j] = lp[j] + g[i, j] * (p[i, j] - q[i, j])
            for j in range(n):
                along[j] += p[i, j] * q[i, j]
    return along.sum()


@njit(nogil=True)
def _step(f_col, h_col, r_col, r_last, alpha, r, p, q, b, along):
    """Take b and the residual r a step alpha along p; replace q = S p by M⁻¹ r; return r·M⁻¹ r."""
    m, n = b.shape
    for i in range(m):
        for j in range(n):
            b[i, j] += alpha * p[i, j]
        for j in range(n):
            r[i, j] -= alpha * q[i, j]
        if i:
            for j in range(n):
                q[i, j] = r[i, j] + f_col[i - 1, j] * q[i - 1, j]
        else:
            for j in range(n):
                q[i, j] = r[i, j]
    for j in range(n):
        q[m - 1, j] *= _at(r_last, j) * h_col[j]
        along[j] = r[m - 1, j] * q[m - 1, j]
    for i in range(m - 2, -1, -1):
        for j in range(n):
            q[i, j] = (q[i + 1, j] + _at2(r_col, i, j) * q[i, j]) * f_col[i, j]
        for j in range(n):
            along[j] += r[i, j] * q[i, j]
    return along.sum()


@njit(nogil=True)
def _cell_currents(g, a, source, r):
    """Fill r (m, n) with the currents of the cells into bit lines at 0 V: the first residual."""
    m, n = g.shape
    some = source.shape[0] > 0
    for i in range(m):
        for j in range(n):
            r[i, j] = g[i, j] * a[i, j] + (source[i, j] if some else 0.0)


@njit(nogil=True)
def _add_carried(g, a, b, source, least):
    """Add to least (n,) 1 % of the summed sizes of the currents of each bit line's cells."""
    m, n = g.shape
    some = source.shape[0] > 0
    for i in range(m):
        for j in range(n):
            least[j] += 1e-2 * abs(g[i, j] * (a[i, j] - b[i, j]) + (source[i, j] if some else 0.0))


@njit(nogil=True)
def _advance(alpha, into, least, out):
    """Change the currents out (n,) by alpha · into; return the largest relative change."""
    moved = 0.0
    for j in range(out.shape[0]):
        out[j] += alpha * into[j]
        moved = max(moved, abs(alpha * into[j]) / (abs(out[j]) + least[j] + 1e-300))
    return moved


@njit(nogil=True)
def _sum_cells(g, a, source, out):
    """Fill out (n,) with the sums of the cells' currents into grounded bit lines."""
    m, n = g.shape
    some = source.shape[0] > 0
    for j in range(n):
        out[j] = 0
    for i in range(m):
        for j in range(n):
            out[j] += g[i, j] * a[i, j] + (source[i, j] if some else 0.0)


@compiled_loop()
def solve(g, v, source, factors, resistances, goal, work, out):
    """Solve for one vector of drivers: fill out (n,) [A]; return the number of steps, or −1.

    Stops when every output is exact to `tolerance` of itself, or of 1e-2 of the currents that its
    cells carry where these cancel; −1 says that `most` steps were not enough. factors: (f, h, d,
    f_col, h_col) of `factorize`. resistances: (r_row, r_first, r_far, r_col, r_last). goal:
    (tolerance, most, voltages). work: (6, m, n); if `voltages`, a is left in work[0], b in work[1].
    """
    f, h, d, f_col, h_col = factors
    r_row, r_first, r_far, r_col, r_last = resistances
    tolerance, most, voltages = goal
    m, n = g.shape
    none, far = np.zeros(m), v / r_far
    a, b, r, mp, p, q = work[0], work[1], work[2], work[3], work[4], work[5]
    lp, into, along, least = np.empty(n), np.empty(n), np.empty(n), np.zeros(n)
    b[:] = 0
    out[:] = 0
    mp[:] = 0
    p[:] = 0
    q[:] = 0
    _word_lines(g, b, source, f, h, r_row, r_first, v, far, a)
    _cell_currents(g, a, source, r)
    first = rz = _step(f_col, h_col, r_col, r_last, 0.0, r, p, q, b, along)
    beta, moved, rate, steps, done, known = 0.0, np.inf, 1.0, 0, False, False
    while not done and steps < most:
        # Far below the rounding of the largest currents, further steps can still improve a small
        # one. But p·S p may then be nothing except rounding.
        if rz <= 1e-60 * first:
            done = True
            break
        psp = _search(g, d, f, h, r_row, r_first, none, beta, r, mp, p, q, lp, into, along)
        if psp <= 0 or (rz <= 1e-30 * first and psp < 1e-2 * rz):  # nothing is left to correct
            done = True
            break
        steps += 1
        alpha = rz / psp
        # The voltages are good enough now to tell which currents cancel.
        if rz <= 1e-26 * first and not known:
            known = True
            _word_lines(g, b, source, f, h, r_row, r_first, v, far, a)
            _add_carried(g, a, b, source, least)
        last_moved, last_rate = moved, rate
        moved = _advance(alpha, into, least, out)
        rate = min(moved / (last_moved + 1e-300), 1.0)
        # The remaining error is about the next movement. That r·z, its equivalent for all nodes, is
        # small too excludes that the outputs stood still by accident.
        done = moved * max(rate, last_rate) <= tolerance and rz <= 1e-14 * first
        if voltages or not done:
            old, rz = rz, _step(f_col, h_col, r_col, r_last, alpha, r, p, q, b, along)
            beta = rz / old
    if voltages or _is_zero(r_last):
        _word_lines(g, b, source, f, h, r_row, r_first, v, far, a)
    if _is_zero(r_last):  # bit lines at ground, where L b is not defined
        _sum_cells(g, a, source, out)
    return steps if done else -1
