"""Compensation of a common change of conductances: drift, temperature, a gain.

Global drift compensation of the literature on phase-change memory: the total current of an array is
measured right after programming and again later, and the results of the array are multiplied by
the ratio of the two (Joshi et al. 2020, doi:10.1038/s41467-020-16108-9).
"""

import math
from collections.abc import Sequence

import numpy as np

from crossbar.arrays.total_currents import total_currents
from devices.seeding import child
from devices.validation import Floats, choice, integer
from nsm.chips.compensated_per import COMPENSATED_PER
from nsm.chips.layers.compensation import Compensation
from nsm.chips.layers.tile_layer import TileLayer

#: Reads of every array whose currents are averaged, unless the caller says otherwise.
REFERENCE_READS = 16
#: A column has the factor of its layer if a total current is less than this many standard errors.
_LEAST_SIGNIFICANT = 10.0
#: Why nothing is left to compensate, as reports and messages say it.
NOT_NEEDED = "not needed (signs)"


def compensate(
    layers: Sequence[TileLayer],
    per: str,
    *,
    reads: int = REFERENCE_READS,
    reference_seed: np.random.SeedSequence,
    seed: np.random.SeedSequence,
) -> None:
    """Multiply the outputs of every layer by the factor by which its currents have shrunk.

    The factor is I_0/I: the mean of the total current I_0 right after programming over that of now,
    each of `reads` reads with every word line driven (see `total_currents`). "layer" adds the
    currents of all outputs of a layer; "column" has a factor for each output. A column whose total
    is not at least ten standard errors keeps the factor of its layer.

    Layers of comparators without reference currents are left out: signs do not change.

    Args:
        layers: The layers on tiles, in order.
        per: "layer" or "column".
        reads: Reads of every array at either time, at least 2.
        reference_seed: Seed of the chip, from which the reads after programming are drawn: they are
            the same whenever this function is called.
        seed: Seed of the reads of now.

    Raises:
        ValueError: An option is unknown, no layer sees a common factor, or one carries no current.
            Nothing has changed then.
    """
    choice("compensation", per, COMPENSATED_PER)
    integer("reads", reads, at_least=2)
    check_sees_scale(layers)
    found = []
    for number, layer in enumerate(layers):
        if not sees_scale(layer):
            continue
        neurons = layer.neurons
        before = total_currents(neurons, reads, child(reference_seed, number), as_programmed=True)
        now = total_currents(neurons, reads, child(seed, number))
        factors, error = _measured(before, now, per, layer.name)
        found.append((layer, Compensation(per, factors, error, layer.compensation.threshold)))
    for layer, compensation in found:
        layer.compensate(compensation)


def sees_scale(layer: TileLayer) -> bool:
    """Return whether outputs change when all conductances are multiplied by one factor.

    Signs do not, unless reference currents are added to the sums.
    """
    return layer.readout.sees_scale or bool(layer.compensation.threshold.any())


def check_sees_scale(layers: Sequence[TileLayer]) -> None:
    """Raise ValueError if a common factor of the conductances changes the outputs of no layer."""
    if any(sees_scale(layer) for layer in layers):
        return
    names = ", ".join(layer.name for layer in layers)
    raise ValueError(
        f"compensation has no effect on this chip: {names} end in comparators, whose signs do not "
        "change when all conductances have one factor; leave it out"
    )


def remove_compensation(layers: Sequence[TileLayer]) -> None:
    """Put the factors of all layers back to 1."""
    for layer in layers:
        layer.compensate(Compensation.none(layer.compensation.threshold))


def compensation_columns(layer: TileLayer) -> dict[str, object]:
    """Return what the report of a chip says of the compensation of a layer."""
    done = layer.compensation
    if done.per:
        factor, error = float(done.factors.mean()), done.error
        return {
            "compensation": done.per,
            "compensation_factor": factor,
            "compensation_error": error,
        }
    return {
        "compensation": "" if sees_scale(layer) else NOT_NEEDED,
        "compensation_factor": math.nan,
        "compensation_error": math.nan,
    }


def _measured(before: Floats, now: Floats, per: str, name: str) -> tuple[Floats, float]:
    """Return the factors of the outputs, (outputs,), and their relative standard error.

    Args:
        before: Total currents after programming [A], (reads, outputs).
        now: Total currents of now [A], (reads, outputs).
        per: "layer" or "column".
        name: What messages call the layer.
    """
    outputs = now.shape[1]
    of_layer, error = _ratio(before.sum(axis=1, keepdims=True), now.sum(axis=1, keepdims=True))
    if not np.isfinite(error[0]):
        raise ValueError(
            f"{name}: with all word lines driven its bit lines carried {before.mean():.3g} A on "
            f"average after programming and {now.mean():.3g} A now; a layer without current has no "
            "factor"
        )
    if per == "layer":
        return np.full(outputs, of_layer[0]), float(error[0])
    factors, errors = _ratio(before, now)
    is_known = errors < 1 / _LEAST_SIGNIFICANT
    factors = np.where(is_known, factors, of_layer[0])
    errors = np.where(is_known, errors, error[0])
    return factors, float(np.sqrt((errors**2).mean()))


def _ratio(before: Floats, now: Floats) -> tuple[Floats, Floats]:
    """Return the ratios of mean currents and their relative standard errors, (columns,) each.

    To first order the relative variances of both means add. The error is infinite where a mean is
    not above 0.
    """
    means = before.mean(axis=0), now.mean(axis=0)
    is_known = (means[0] > 0) & (means[1] > 0)
    squares = np.zeros(before.shape[1])
    for mean, of in zip(means, (before, now), strict=True):
        variance = of.var(axis=0, ddof=1) / len(of)
        squares += np.divide(variance, mean**2, out=np.zeros_like(mean), where=is_known)
    ratio = np.divide(means[0], means[1], out=np.ones_like(means[0]), where=is_known)
    return ratio, np.where(is_known, np.sqrt(squares), np.inf)
