"""How static errors and correlated reads of a layer compare with the noise that computes."""

import numpy as np

from crossbar.arrays.layer_arrays import Part
from crossbar.arrays.neurons import NeuronArray
from crossbar.reads.pair_moments import gate_moments
from devices.validation import Floats, integer


def _relative_to_noise(neurons: NeuronArray, variance: Floats) -> Floats:
    """Return variance / Var u per output for x = ±1.

    It is infinite where there is no noise, and 0 for a variance of 0.
    """
    noise = neurons.variance_of_signs()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, variance / noise, 0.0)


def static_to_noise_ratio(neurons: NeuronArray) -> Floats:
    """Return, per output, the variance that programming puts on u divided by the variance of one
    read, for x = ±1.

    ((E ξ)² σ²_main + a_i² σ²_path) / Var u_i, with σ² = Σ_j (σ²(G⁺) + σ²(G⁻) + level error) / k² of
    each array, each error as a read sees it (`ProgrammedTile.programming_variance`). The
    deterministic path cancels the mean of the main array only as well as both are programmed. Above
    1 the static error exceeds the noise that computes; infinite where there is an error and no
    noise.
    """
    gate_mean, _ = gate_moments(neurons.hardware)
    static: Floats = np.zeros(neurons.outputs)
    for part, tiles, mean_square in neurons.parts():
        if part is Part.MAIN:
            static = static + gate_mean**2 * tiles.programming_variance()
        elif part is Part.DETERMINISTIC_PATH:
            static = static + mean_square * tiles.programming_variance()
    return _relative_to_noise(neurons, static)


def spread_to_noise_ratio(neurons: NeuronArray) -> Floats:
    """Return, per output, the variance of the fixed pattern divided by the variance of one read,
    for x = ±1.

    The fixed pattern is caused by device-to-device variation of the mean noise factor: Σ_j (E[ξ_ij
    | device] − E ξ)² w_ij² / Var u_i, the cells of the deterministic path included. Gates whose
    thresholds differ put static errors on the weights, which no deterministic path removes. 0 if
    all devices are alike, ½ for selectors whose p is uniform on (0, 1).
    """
    pattern: Floats = np.zeros(neurons.outputs)
    for part, tiles, mean_square in neurons.parts():
        if part is not Part.BIAS:
            pattern = pattern + mean_square * tiles.reader.moments.fixed_pattern()
    return _relative_to_noise(neurons, pattern)


def effective_samples(neurons: NeuronArray, samples: int, *, locations: int = 1) -> Floats:
    """Return, per output, how many independent reads the mean of u over consecutive samples is
    worth, for x = ±1.

    S_eff = S / (1 + 2 Σ_{k<S} (1 − k/S) ρ_k), with ρ_k the correlation of samples k apart. A trap
    slower than all reads together acts as a static weight error, and S_eff is then 1. The
    correlations are those of the average chip. S_eff is NaN where there is no noise.

    Args:
        neurons: The layer.
        samples: Number S of samples.
        locations: Reads between two samples of one location: the locations of an image are read in
            turn.
    """
    n = integer("samples", samples, at_least=1)
    reads_between = integer("locations", locations, at_least=1) * neurons.drivers.planes
    between = neurons.hardware.read_period * reads_between
    variance: Floats = np.zeros(neurons.outputs)
    excess: Floats = np.zeros(neurons.outputs)
    for _, tiles, mean_square in neurons.parts():
        covariance = tiles.reader.moments.covariance
        variance += mean_square * covariance(0.0)
        for k in range(1, n if tiles.has_memory else 1):
            excess += 2 * (1 - k / n) * mean_square * covariance(k * between)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(n / (1 + excess / variance))
