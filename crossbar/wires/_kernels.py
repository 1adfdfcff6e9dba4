"""Compiled line solves and conjugate gradients behind `Wires`: arrays in, arrays written, no validation.

Nodes: a (word lines), b (bit lines), (m, n) each; cells g between them. Word lines are eliminated exactly: T a = g b +
sources is one ladder per row. What is left, S b = L b + g (b − a(b)) = e with L the bit lines' Laplacian, is solved by
conjugate gradients, preconditioned by M = L + D, one ladder per column, where D is the diagonal of g − g T⁻¹ g: a cell in
series with what its word line offers. Ladders are solved with resistances alone, so that any of them may be zero; for that,
L is never multiplied by: L p = M p − D p, and M p follows from the recursion of p.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

_ROWS = 4  # of `_four_ladders`


@njit(nogil=True, cache=True)
def factorise(g, r_row, r_first, two_drivers, r_col, r_last, two_senses, f, h, d, f_col, h_col):
    """Fill f (m, n), h (m) of the rows, d (m, n) the diagonal D, f_col (m, n), h_col (n) of the columns."""
    m, n = g.shape
    y = np.empty(n)
    for i in range(m):
        y[n - 1] = g[i, n - 1]
        if two_drivers:
            y[n - 1] += 1 / r_first
        f[i, n - 1] = 1.0
        for j in range(n - 2, -1, -1):
            f[i, j] = 1 / (1 + r_row * y[j + 1])
            y[j] = g[i, j] + y[j + 1] * f[i, j]
        h[i] = 1 / (1 + r_first * y[0])
        left = r_first  # resistance of what lies to the left of a node
        for j in range(n):
            d[i, j] = g[i, j] * (1 + left * (y[j] - g[i, j])) / (1 + left * y[j])
            left = r_row + left / (1 + left * g[i, j])
    for j in range(n):
        y[j] = 1 / r_last if two_senses else 0.0
    for i in range(m):
        for j in range(n):
            y[j] = d[i, j] + (y[j] / (1 + r_col * y[j]) if i else y[j])
            f_col[i, j] = 1 / (1 + r_col * y[j])
    for j in range(n):
        h_col[j] = 1 / (1 + r_last * y[j])


@njit(nogil=True)
def _ladder(a, f, h, r_row, r_first, v, far):
    """Replace the currents a (n,) that flow into one word line by the line's voltages; sources v, far at its ends."""
    n = a.shape[0]
    a[n - 1] += far
    for j in range(n - 2, -1, -1):
        a[j] += f[j] * a[j + 1]
    a[0] = (v + r_first * a[0]) * h
    for j in range(1, n):
        a[j] = (a[j - 1] + r_row * a[j]) * f[j - 1]


@njit(nogil=True)
def _four_ladders(a, f, h, r_row, r_first, v, far):
    """The same for a (4, n), side by side: one alone waits for its own last result. Names for registers: memory waits too."""
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
    x0, x1 = (v[0] + r_first * x0) * h[0], (v[1] + r_first * x1) * h[1]
    x2, x3 = (v[2] + r_first * x2) * h[2], (v[3] + r_first * x3) * h[3]
    a0[0], a1[0], a2[0], a3[0] = x0, x1, x2, x3
    for j in range(1, n):
        x0 = (x0 + r_row * a0[j]) * f0[j - 1]
        a0[j] = x0
        x1 = (x1 + r_row * a1[j]) * f1[j - 1]
        a1[j] = x1
        x2 = (x2 + r_row * a2[j]) * f2[j - 1]
        a2[j] = x2
        x3 = (x3 + r_row * a3[j]) * f3[j - 1]
        a3[j] = x3


@njit(nogil=True)
def _ladders(a, f, h, r_row, r_first, v, far, first, last):
    """Replace the currents a that flow into word lines first … last − 1 by the lines' voltages."""
    if last - first == _ROWS:
        rows = slice(first, last)
        _four_ladders(a[rows], f[rows], h[rows], r_row, r_first, v[rows], far[rows])
    else:
        for i in range(first, last):
            _ladder(a[i], f[i], h[i], r_row, r_first, v[i], far[i])


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
    """Turn p and mp = M p by beta into the next direction, q = M⁻¹ r into S p; return p·S p. into: (n,) Σ L p.

    Rows by fours, all that is done to them at once, and no loop with more arrays than the compiler can tell apart.
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
        q[m - 1, j] *= r_last * h_col[j]
        along[j] = r[m - 1, j] * q[m - 1, j]
    for i in range(m - 2, -1, -1):
        for j in range(n):
            q[i, j] = (q[i + 1, j] + r_col * q[i, j]) * f_col[i, j]
        for j in range(n):
            along[j] += r[i, j] * q[i, j]
    return along.sum()


@njit(nogil=True, cache=True)
def solve(
    g,
    v,
    source,
    f,
    h,
    d,
    f_col,
    h_col,
    r_row,
    r_first,
    two_drivers,
    r_col,
    r_last,
    tolerance,
    most,
    voltages,
    work,
    out,
):
    """Solve for one vector v (m,) of drivers; fill out (n,) and, where voltages are wanted, a = work[0] and b = work[1] of
    work (6, m, n). Return the steps, or −1.

    source: (m, n) currents that cells push from word to bit line besides g (a − b), or (0, 0) for none. Stops when every
    output is as near as `tolerance` of itself, or of 1e-2 of what its cells carry where that cancels.
    """
    m, n = g.shape
    none, far = np.zeros(m), np.zeros(m)
    if two_drivers:
        far[:] = v / r_first
    some = source.shape[0] > 0
    a, b, r, mp, p, q = work[0], work[1], work[2], work[3], work[4], work[5]
    lp, into, along, least = np.empty(n), np.empty(n), np.empty(n), np.zeros(n)
    b[:] = 0
    out[:] = 0
    mp[:] = 0
    p[:] = 0
    q[:] = 0
    _word_lines(g, b, source, f, h, r_row, r_first, v, far, a)
    for i in range(m):
        for j in range(n):
            r[i, j] = g[i, j] * a[i, j] + (source[i, j] if some else 0.0)
    first = rz = _step(f_col, h_col, r_col, r_last, 0.0, r, p, q, b, along)
    beta, moved, rate, steps, done, known = 0.0, np.inf, 1.0, 0, False, False
    while not done and steps < most:
        # Far below the rounding of the largest currents a small one may still gain, but p·S p may be nothing but rounding.
        if rz <= 1e-60 * first:
            done = True
            break
        psp = _search(g, d, f, h, r_row, r_first, none, beta, r, mp, p, q, lp, into, along)
        if psp <= 0 or (rz <= 1e-30 * first and psp < 1e-2 * rz):  # nothing is left to correct
            done = True
            break
        steps += 1
        alpha = rz / psp
        if rz <= 1e-26 * first and not known:
            known = True
            _word_lines(g, b, source, f, h, r_row, r_first, v, far, a)
            for i in range(m):
                for j in range(n):
                    least[j] += 1e-2 * abs(
                        g[i, j] * (a[i, j] - b[i, j]) + (source[i, j] if some else 0.0)
                    )
        last_moved, last_rate, moved = moved, rate, 0.0
        for j in range(n):
            out[j] += alpha * into[j]
            moved = max(moved, abs(alpha * into[j]) / (abs(out[j]) + least[j] + 1e-300))
        rate = min(moved / (last_moved + 1e-300), 1.0)
        # What is still to come is about the next movement; its like for all nodes, r·z, says that this is no accident.
        done = moved * max(rate, last_rate) <= tolerance and rz <= 1e-14 * first
        if voltages or not done:
            old, rz = rz, _step(f_col, h_col, r_col, r_last, alpha, r, p, q, b, along)
            beta = rz / old
    if voltages or r_last == 0:
        _word_lines(g, b, source, f, h, r_row, r_first, v, far, a)
    if r_last == 0:  # grounded bit lines: what their cells pass, since L b is not defined
        for j in range(n):
            out[j] = 0
        for i in range(m):
            for j in range(n):
                out[j] += g[i, j] * a[i, j] + (source[i, j] if some else 0.0)
    return steps if done else -1
