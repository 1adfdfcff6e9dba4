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

_ROWS = 8  # rows whose ladders run side by side: one alone waits for its own last result


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


@njit(nogil=True, inline="always")
def _rows(a, f, h, r_row, r_first, v, far):
    """Replace the currents a (m, n) that flow into the word lines by the lines' voltages; sources v through r_first."""
    m, n = a.shape
    for first in range(0, m, _ROWS):
        last = min(first + _ROWS, m)
        for i in range(first, last):
            a[i, n - 1] += far[i]
        for j in range(n - 2, -1, -1):
            for i in range(first, last):
                a[i, j] += f[i, j] * a[i, j + 1]
        for i in range(first, last):
            a[i, 0] = (v[i] + r_first * a[i, 0]) * h[i]
        for j in range(1, n):
            for i in range(first, last):
                a[i, j] = (a[i, j - 1] + r_row * a[i, j]) * f[i, j - 1]


@njit(nogil=True, inline="always")
def _columns(x, f_col, h_col, r_col, r_last):
    """Replace the currents x (m, n) that flow into the bit lines by M⁻¹ x."""
    m, n = x.shape
    for i in range(1, m):
        for j in range(n):
            x[i, j] += f_col[i - 1, j] * x[i - 1, j]
    for j in range(n):
        x[m - 1, j] *= r_last * h_col[j]
    for i in range(m - 2, -1, -1):
        for j in range(n):
            x[i, j] = (x[i + 1, j] + r_col * x[i, j]) * f_col[i, j]


@njit(nogil=True, inline="always")
def _dot(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        row = 0.0
        for j in range(a.shape[1]):
            row += a[i, j] * b[i, j]
        total += row
    return total


@njit(nogil=True, inline="always")
def _outputs(lb, out):
    """Currents into the sense ends: what flows out of a bit line, Σ (L b)."""
    out[:] = 0
    for i in range(lb.shape[0]):
        for j in range(lb.shape[1]):
            out[j] += lb[i, j]


@njit(nogil=True, cache=True)
def solve(
    g, v, source, f, h, d, f_col, h_col, r_row, r_first, two_drivers, r_col, r_last, tolerance, most, a, b, lb, out
):
    """Solve for one vector v (m,) of drivers, from b and lb = L b on; fill a, b, lb, out (n,). Return the steps, or −1.

    source: (m, n) currents that cells push from word to bit line besides g (a − b), or (0, 0) for none. Stops when no
    output has moved by more than `tolerance` of itself (plus 1e-3 of the largest) in two steps one after the other.
    """
    m, n = g.shape
    none, far = np.zeros(m), np.zeros(m)
    if two_drivers:
        far[:] = v / r_first
    some = source.shape[0] > 0
    for i in range(m):
        for j in range(n):
            a[i, j] = g[i, j] * b[i, j] - (source[i, j] if some else 0.0)
    _rows(a, f, h, r_row, r_first, v, far)
    r, mp, p, q = np.empty((m, n)), np.empty((m, n)), np.empty((m, n)), np.empty((m, n))
    for i in range(m):
        for j in range(n):
            r[i, j] = g[i, j] * (a[i, j] - b[i, j]) + (source[i, j] if some else 0.0) - lb[i, j]
            p[i, j] = r[i, j]
            mp[i, j] = r[i, j]
    _columns(p, f_col, h_col, r_col, r_last)
    before = np.empty(n)
    _outputs(lb, out)
    rz, quiet, steps = _dot(r, p), 0, 0
    least = 1e-30 * rz  # what is below is rounding, and steps along it go anywhere
    while quiet < 2 and steps < most:
        if rz <= least:
            quiet = 2
            break
        steps += 1
        for i in range(m):
            for j in range(n):
                q[i, j] = g[i, j] * p[i, j]
        _rows(q, f, h, r_row, r_first, none, none)
        psp = 0.0
        for i in range(m):
            row = 0.0
            for j in range(n):
                lp = mp[i, j] - d[i, j] * p[i, j]
                q[i, j] = lp + g[i, j] * (p[i, j] - q[i, j])  # S p
                row += p[i, j] * q[i, j]
            psp += row
        if psp <= 0:  # nothing is left to correct
            quiet = 2
            break
        alpha = rz / psp
        before[:] = out
        for i in range(m):
            for j in range(n):
                b[i, j] += alpha * p[i, j]
                lb[i, j] += alpha * (mp[i, j] - d[i, j] * p[i, j])
                r[i, j] -= alpha * q[i, j]
                q[i, j] = r[i, j]
        _outputs(lb, out)
        largest = np.abs(out).max()
        moved = 0.0
        for j in range(n):
            moved = max(moved, abs(out[j] - before[j]) / (abs(out[j]) + 1e-3 * largest + 1e-300))
        quiet = quiet + 1 if moved <= tolerance else 0
        if quiet == 2:
            break
        _columns(q, f_col, h_col, r_col, r_last)
        rz, old = _dot(r, q), rz
        beta = rz / old
        for i in range(m):
            for j in range(n):
                p[i, j] = q[i, j] + beta * p[i, j]
                mp[i, j] = r[i, j] + beta * mp[i, j]
    for i in range(m):
        for j in range(n):
            a[i, j] = g[i, j] * b[i, j] - (source[i, j] if some else 0.0)
    _rows(a, f, h, r_row, r_first, v, far)
    if r_last == 0:  # grounded bit lines: what their cells pass, since L b is not defined
        for j in range(n):
            out[j] = 0
        for i in range(m):
            for j in range(n):
                out[j] += g[i, j] * a[i, j] + (source[i, j] if some else 0.0)
    return steps if quiet == 2 else -1
