"""Special functions of scipy, imported from it when they are first called.

scipy takes half a second to import, and most devices need none of these functions.
"""

from typing import Any

from numpy.typing import ArrayLike


def erf(x: ArrayLike) -> Any:
    """Return the error function of x."""
    from scipy import special

    return special.erf(x)


def gammainc(a: ArrayLike, x: ArrayLike) -> Any:
    """Return the regularized lower incomplete gamma function P(a, x)."""
    from scipy import special

    return special.gammainc(a, x)


def gammaln(x: ArrayLike) -> Any:
    """Return the logarithm of |Γ(x)|."""
    from scipy import special

    return special.gammaln(x)


def ndtr(x: ArrayLike) -> Any:
    """Return Φ(x), the cumulative distribution of a standard normal."""
    from scipy import special

    return special.ndtr(x)


def ndtri(p: ArrayLike) -> Any:
    """Return Φ⁻¹(p), the quantile of a standard normal."""
    from scipy import special

    return special.ndtri(p)


def owens_t(h: ArrayLike, a: ArrayLike) -> Any:
    """Return Owen's T function, which gives bivariate normal probabilities."""
    from scipy import special

    return special.owens_t(h, a)


def xlog1py(x: ArrayLike, y: ArrayLike) -> Any:
    """Return x ln(1 + y), 0 where x = 0."""
    from scipy import special

    return special.xlog1py(x, y)


def xlogy(x: ArrayLike, y: ArrayLike) -> Any:
    """Return x ln y, 0 where x = 0."""
    from scipy import special

    return special.xlogy(x, y)
