"""Compiled loops of pulse responses; see the modules that call them."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def skip_normals(random: np.random.Generator, n: int) -> None:
    """Draw n standard normal numbers that nobody uses, 2.5 times as fast as numpy writes them.

    Numba draws from numpy's own generator by numpy's algorithm, and leaves it in the same state.

    Args:
        random: The Generator, whose lock the caller holds.
        n: How many.
    """
    for _ in range(n):
        random.standard_normal()
