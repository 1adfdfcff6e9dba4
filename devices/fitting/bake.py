"""Fit of the activation energy of a relaxation to cells that were baked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from devices.arguments import listed
from devices.fitting.fit import Estimate, Fit
from devices.fitting.screening import are_far_off, conductances
from devices.retention.process import RelaxationProcess
from devices.temperature import BOLTZMANN_EV
from devices.validation import Floats, array, instance, number

_FEWEST_CELLS = 30
# A bake after which cells have lost more than this share of their conductance does more than relax.
_LARGEST_LOSS = 0.05


@dataclass(frozen=True, kw_only=True)
class Bake:
    """Cells before and after they were kept at a temperature.

    Attributes:
        start: Conductances [S] before, (cells,).
        later: Conductances [S] of the same cells afterwards; NaN where one was not read.
        seconds: Duration [s].
        temperature: Temperature [K].

    Raises:
        ValueError: If the conductances are no rows of numbers, or duration or temperature are not
            above 0.
    """

    start: ArrayLike
    later: ArrayLike
    seconds: float
    temperature: float

    def __post_init__(self) -> None:
        for name in ("start", "later"):
            conductances(f"Bake.{name}", getattr(self, name), ndim=1, some=name == "start")
        number("Bake.seconds", self.seconds, above=0, unit="s")
        number("Bake.temperature", self.temperature, above=0, unit="K")


def activation_energy_ev(
    process: RelaxationProcess,
    start: ArrayLike,
    later: ArrayLike,
    seconds: float,
    *,
    temperature: float,
) -> float:
    """Return the activation energy [eV] that explains the spread of cells that were baked.

    The ratio of the squared deviations to those of the process at its own temperature is the square
    of the Arrhenius factor, (exp(E_A/k (1/measured_at − 1/temperature)))².

    Args:
        process: The process at the temperature of its measurement.
        start: Conductances [S] before the bake, (cells,).
        later: Conductances [S] of the same cells after it.
        seconds: Duration of the bake [s].
        temperature: Temperature of the bake [K], other than `process.measured_at`.

    Raises:
        ValueError: If the two temperatures are the same.
    """
    instance("process", process, RelaxationProcess)
    number("seconds", seconds, above=0, unit="s")
    number("temperature", temperature, above=0, unit="K")
    g0 = array("start", start, ndim=1)
    if not len(g0):
        raise ValueError("start holds no cells; give the conductances of one or more")
    g = array("later", later, shape=(len(g0),))
    return _energy(process, Bake(start=g0, later=g, seconds=seconds, temperature=temperature))[0]


def fit_activation_energy(process: RelaxationProcess, bakes: Sequence[Bake]) -> Fit:
    """Return the relaxation process with the activation energy that several bakes tell.

    Each bake gives an energy (`activation_energy_ev`), with the standard error of a ratio of mean
    squares. The energy is their mean, weighted by the inverse squares of the errors. Where energies
    scatter more than their errors, its error is enlarged by √(χ²/(n − 1)) (Birge 1932). It holds
    for the process as it is given, whose own errors are not in it.

    A bake after which cells have lost more than 5 % of their mean conductance is counted and left
    out, because the process has no such loss; a note tells how much was lost.

    Args:
        process: The process at the temperature of its measurement, from `fit_relaxation`.
        bakes: The bakes.

    Returns:
        The fit; its estimates are "activation_energy_ev" and "energy at 373.15 K" for each bake,
            with its duration where several bakes have one temperature.

    Raises:
        ValueError: If there is no bake, one has too few cells or the temperature of the process, or
            all have lost conductance.
    """
    instance("process", process, RelaxationProcess)
    bakes = listed("bakes", bakes, "a list of devices.Bake")
    if not bakes:
        raise ValueError("bakes is empty; give one devices.Bake or more")
    checked = [_checked(f"bakes[{k}]", bake) for k, bake in enumerate(bakes)]
    losses = [1 - float(np.asarray(b.later).mean() / np.asarray(b.start).mean()) for b in checked]
    used = [bake for bake, loss in zip(checked, losses, strict=True) if loss <= _LARGEST_LOSS]
    notes = [*_loss_notes(checked, losses)]
    if not used:
        raise ValueError("no bake is left: " + " ".join(notes))
    energies, errors = np.array([_energy(process, bake) for bake in used]).T
    weights = errors**-2 / np.sum(errors**-2)
    energy = float(weights @ energies)
    birge = np.sqrt(np.sum(((energies - energy) / errors) ** 2) / max(len(used) - 1, 1))
    error = float(np.sum(errors**-2) ** -0.5) * max(float(birge), 1.0)
    if birge > 2:
        notes.append(
            f"The energies of the bakes scatter {birge:.1f} times as much as their errors: one "
            "Arrhenius factor does not describe them, and the error is enlarged."
        )
    if len(used) == 1:
        notes.append("One bake does not show whether the spread follows an Arrhenius law.")
    if energy < 0:
        notes.append(f"The spread falls with heat, as {energy:.3g} eV would tell; the model has 0.")
    estimates = {"activation_energy_ev": Estimate(value=energy, error=error, unit="eV")}
    for name, value, spread in zip(_names(used), energies, errors, strict=True):
        estimates[name] = Estimate(value=float(value), error=float(spread), unit="eV")
    return Fit(
        model=replace(process, activation_energy_ev=max(energy, 0.0)),
        estimates=estimates,
        notes=tuple(notes),
        counts=_counts(bakes, checked) | {"left out": len(bakes) - len(used)},
    )


def _names(bakes: Sequence[Bake]) -> list[str]:
    """Return the name of the energy of each bake, with its duration if temperatures are equal."""
    kelvins = [bake.temperature for bake in bakes]
    return [
        f"energy at {bake.temperature:g} K"
        + (f" for {bake.seconds:.6g} s" if kelvins.count(bake.temperature) > 1 else "")
        for bake in bakes
    ]


def _counts(bakes: Sequence[Bake], checked: Sequence[Bake]) -> dict[str, int]:
    """Return how many bakes and cells there are, missing or far off."""
    cells = sum(np.size(bake.later) for bake in bakes)
    return {
        "bakes": len(bakes),
        "cells": cells,
        "missing": cells - sum(np.size(bake.later) for bake in checked),
        "far off": sum(int(are_far_off(_change(bake)).sum()) for bake in checked),
    }


def _checked(name: str, bake: Bake) -> Bake:
    """Return a bake with the cells that were read before and after."""
    instance(name, bake, Bake)
    start = conductances(f"{name}.start", bake.start, ndim=1)
    later = conductances(f"{name}.later", bake.later, shape=(len(start),))
    known = np.isfinite(start) & np.isfinite(later)
    if known.sum() < _FEWEST_CELLS:
        raise ValueError(
            f"{name} holds {int(known.sum())} cells that were read before and after; give at least "
            f"{_FEWEST_CELLS}"
        )
    return replace(bake, start=start[known], later=later[known])


def _change(bake: Bake) -> Floats:
    """Return the changes of the cells [S]."""
    return np.asarray(bake.later, dtype=np.float64) - np.asarray(bake.start, dtype=np.float64)


def _energy(process: RelaxationProcess, bake: Bake) -> tuple[float, float]:
    """Return the activation energy of one bake and its standard error [eV]."""
    if bake.temperature == process.measured_at:
        raise ValueError(
            f"temperature = {bake.temperature:g} K is that of the process; an activation energy "
            "needs cells at another one"
        )
    change = _change(bake)
    square = (change - change.mean()) ** 2
    cold = replace(process, temperature=process.measured_at).spread(
        np.asarray(bake.start, dtype=np.float64), bake.seconds
    )
    factor = np.sqrt(np.sum(square) / np.sum(cold**2))
    per_kelvin = 1 / process.measured_at - 1 / bake.temperature
    relative = square.std() / square.mean() / np.sqrt(len(square)) / 2
    return (
        float(BOLTZMANN_EV * np.log(factor) / per_kelvin),
        float(BOLTZMANN_EV * relative / abs(per_kelvin)),
    )


def _loss_notes(bakes: Sequence[Bake], losses: Sequence[float]) -> Iterator[str]:
    """Yield how much conductance was lost in the bakes that are left out."""
    for bake, loss in zip(bakes, losses, strict=True):
        if loss > _LARGEST_LOSS:
            yield (
                f"The bake at {bake.temperature:g} K for {bake.seconds:.4g} s took "
                f"{100 * loss:.1f} % of the mean conductance, which the process does not describe; "
                "it is left out."
            )
