"""Functions of scipy, imported from it when they are first called.

scipy takes half a second to import, and most devices need none of these functions.
"""

from typing import Any


def erf(x: Any) -> Any:
    """Return the error function of x."""
    from scipy import special

    return special.erf(x)


def gammainc(a: Any, x: Any) -> Any:
    """Return the regularized lower incomplete gamma function P(a, x)."""
    from scipy import special

    return special.gammainc(a, x)


def gammaincc(a: Any, x: Any) -> Any:
    """Return the regularized upper incomplete gamma function Q(a, x) = 1 − P(a, x)."""
    from scipy import special

    return special.gammaincc(a, x)


def gammaln(x: Any) -> Any:
    """Return the logarithm of |Γ(x)|."""
    from scipy import special

    return special.gammaln(x)


def ndtr(x: Any) -> Any:
    """Return Φ(x), the cumulative distribution of a standard normal."""
    from scipy import special

    return special.ndtr(x)


def ndtri(p: Any) -> Any:
    """Return Φ⁻¹(p), the quantile of a standard normal."""
    from scipy import special

    return special.ndtri(p)


def nnls(matrix: Any, values: Any) -> Any:
    """Return the x ≥ 0 with the smallest |matrix x − values|."""
    from scipy import optimize

    return optimize.nnls(matrix, values)[0]


def owens_t(h: Any, a: Any) -> Any:
    """Return Owen's T function, which gives bivariate normal probabilities."""
    from scipy import special

    return special.owens_t(h, a)


def polygamma(n: int, x: Any) -> Any:
    """Return the n-th derivative of the digamma function of x."""
    from scipy import special

    return special.polygamma(n, x)


def xlog1py(x: Any, y: Any) -> Any:
    """Return x ln(1 + y), 0 where x = 0."""
    from scipy import special

    return special.xlog1py(x, y)


def xlogy(x: Any, y: Any) -> Any:
    """Return x ln y, 0 where x = 0."""
    from scipy import special

    return special.xlogy(x, y)
