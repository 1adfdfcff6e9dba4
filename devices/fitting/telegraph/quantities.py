"""Physical quantities of a hidden chain: levels, amplitudes, times, and their standard errors."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from devices.fitting.fit import Estimate
from devices.fitting.telegraph.chains import FreeLevels, IndependentTraps, Structure
from devices.fitting.telegraph.em import Polished
from devices.fitting.telegraph.scale import Scale
from devices.validation import Floats

# Step of the numerical derivatives, in standard errors.
_STEP = 0.01


class Times(NamedTuple):
    """Capture and emission times of a trap whose transitions over a period are known.

    Attributes:
        capture: τ_c [s]; infinite if λ is not known.
        emission: τ_e [s]; infinite if λ is not known.
        memory: 1 − a − b = e^{−λ period}, the correlation of one read with the next.
    """

    capture: float
    emission: float
    memory: float


def times_of(a: float, b: float, period: float) -> Times:
    """Return τ_c and τ_e from the probabilities of a capture and an emission over one period.

    The continuous chain has λ = −ln(1 − a − b)/period, 1/τ_c = λ a/(a + b) and
    1/τ_e = λ b/(a + b), exactly: dwells shorter than a period, which no read sees, are counted.
    """
    memory = 1 - a - b
    rate = -np.log(memory) / period if memory > 0 else np.nan
    with np.errstate(divide="ignore"):
        capture, emission = (float((a + b) / (rate * p)) for p in (a, b))
    return Times(capture, emission, memory)


def rate_matrix(p: Floats, period: float) -> Floats:
    """Return the generator Q [1/s] with P = e^{Q period}.

    Elements off the diagonal that the logarithm makes negative are set to 0 and the diagonal is
    corrected: P has no exact generator then.
    """
    from scipy.linalg import logm

    q = np.real(np.asarray(logm(p))) / period
    off = np.where(np.eye(len(p), dtype=bool), 0.0, np.maximum(q, 0.0))
    return off - np.diag(off.sum(axis=1))


def falling(structure: Structure, theta: Floats) -> Floats:
    """Return the same chain with falling levels, so that state 0 is the empty trap."""
    if isinstance(structure, FreeLevels):
        n = structure.n
        order = np.argsort(-theta[:n], kind="stable")
        odds = np.zeros((n, n))
        odds[~np.eye(n, dtype=bool)] = theta[n + 1 :]
        odds = odds[np.ix_(order, order)]
        off = odds[~np.eye(n, dtype=bool)]
        return np.concatenate([theta[:n][order], [theta[n]], off])
    kinds = structure.kinds
    g, delta, rest = theta[0], theta[1 : 1 + kinds].copy(), theta[2 + kinds :].reshape(kinds, 2)
    rest = rest.copy()
    for k in np.flatnonzero(delta < 0):
        g *= (1 - delta[k]) ** (2 if structure.twins else 1)
        delta[k] = -delta[k] / (1 - delta[k])
        rest[k] = rest[k, ::-1]
    order = np.argsort(-delta, kind="stable")
    return np.concatenate([[g], delta[order], [theta[1 + kinds]], rest[order].reshape(-1)])


def trap_probabilities(structure: Structure, theta: Floats) -> list[tuple[float, float]]:
    """Return (a, b) of each kind of trap: of a capture and of an emission over one period.

    Levels that are no independent traps have none, unless they are two.
    """
    p = structure.unpack(theta)[2]
    if isinstance(structure, IndependentTraps):
        bits = p.reshape(2, 2, 2, 2)
        flips = (bits.sum(axis=3)[:, 0], bits.sum(axis=2)[0])[: structure.kinds]
        return [(float(one[0, 1]), float(one[1, 0])) for one in flips]
    return [(float(p[0, 1]), float(p[1, 0]))] if structure.n == 2 else []


def values(structure: Structure, theta: Floats, scale: Scale, period: float) -> dict[str, float]:
    """Return the quantities of a chain with falling levels.

    Args:
        structure: What the parameters mean.
        theta: The parameters.
        scale: How the levels follow from conductances.
        period: Time from one read to the next [s].
    """
    numbers, sigma, p = structure.unpack(theta)
    levels = scale.siemens(numbers)
    traps = trap_probabilities(structure, theta)
    found: dict[str, float] = {}
    if traps:
        found["g"] = float(levels[0])
    else:
        q = rate_matrix(p, period)
        found |= {f"level_{k}": float(level) for k, level in enumerate(levels)}
        found |= {f"dwell_{k}": float(-1 / q[k, k]) for k in range(len(levels))}
    for k, (a, b) in enumerate(traps):
        name = f"_{k + 1}" if len(traps) > 1 else ""
        times = times_of(a, b, period)
        # Of two traps, state 2 has the first one captured, and state 1 the second one.
        captured = levels[2 if len(traps) > 1 and k == 0 else 1]
        found[f"amplitude{name}"] = float(1 - captured / levels[0])
        found[f"tau_capture{name}"] = times.capture
        found[f"tau_emission{name}"] = times.emission
    return found | {"sigma": scale.sigma(sigma, float(levels[0]))}


def _unit_of(name: str) -> str:
    if name.startswith(("tau", "dwell")):
        return "s"
    return "" if name.startswith("amplitude") else "S"


def with_errors(
    polished: Polished, compute: Callable[[Floats], Mapping[str, float]]
) -> dict[str, Estimate]:
    """Return quantities with standard errors from the covariance, by linear propagation.

    Args:
        polished: The maximum and the covariance of its parameters.
        compute: Quantities by name, from the parameters.
    """
    theta, covariance = polished.maximum.theta, polished.covariance
    found = compute(theta)
    middle = np.array(list(found.values()))
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    slopes = np.zeros((len(middle), len(theta)))
    for i, error in enumerate(errors):
        if error > 0:
            ends = []
            for sign in (1, -1):
                moved = theta.copy()
                moved[i] += sign * _STEP * error
                ends.append(np.array(list(compute(moved).values())))
            slopes[:, i] = (ends[0] - ends[1]) / (2 * _STEP * error)
    with np.errstate(invalid="ignore"):
        spread = np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
    positive = ("tau", "dwell", "sigma", "amplitude")
    return {
        name: Estimate(
            value=float(value),
            error=float(error),
            unit=_unit_of(name),
            positive=name.startswith(positive),
        )
        for (name, value), error in zip(found.items(), spread, strict=True)
    }
