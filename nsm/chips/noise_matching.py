"""How the parameters of a neural sampling layer are chosen for the noise of a chip's reads."""

from typing import NamedTuple

import numpy as np

from crossbar import BitSliced, Hardware
from crossbar.operating import CALIBRATED
from crossbar.reads.pair_moments import cell_moments, gate_moments
from devices.validation import Floats
from nsm.nn.on_chip import SampledNeurons

#: Rows of weights whose noise is computed at a time.
_ROWS_AT_ONCE = 64


class MatchedNeurons(NamedTuple):
    """Parameters with which a chip's neurons fire with the probabilities of the trained network.

    Attributes:
        a: Factors of the deterministic path, (outputs,) or (locations, outputs).
        b: Biases, (outputs,).
        beta: β of the trained layer, (1 or locations, outputs).
        beta_of_device: Mean over outputs of β that the device gives without a deterministic path.
        mean: E ξ' of the chip's reads, (outputs,).
        scale: s' = √(2 Var ξ') of the chip's reads, (outputs,).
        relaxed: Whether the layers behind it were trained on relaxed states.
    """

    a: Floats
    b: Floats
    beta: Floats
    beta_of_device: float
    mean: Floats
    scale: Floats
    relaxed: bool = False


def noise_of_reads(
    w: Floats, hardware: Hardware, siemens_per_weight: float
) -> tuple[Floats, Floats]:
    """Return mean and variance of the factor ξ' by which each row of w is read, (outputs,) each.

    ξ' is the gate's factor times that of the cell that carries the weight. Where the noise of cells
    depends on the conductance, the mean is weighted with |w| and the variance with w². The pedestal
    at g_min is not part of ξ'.

    Args:
        w: Weights, (outputs, inputs).
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
    """
    # In blocks of rows: an array of all weights takes longer to get from memory than to compute.
    edges = range(0, len(w), _ROWS_AT_ONCE)
    blocks = [w[start : start + _ROWS_AT_ONCE] for start in edges]
    parts = [_noise_of_rows(block, hardware, siemens_per_weight) for block in blocks]
    mean, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
    return mean, variance


def _noise_of_rows(
    w: Floats, hardware: Hardware, siemens_per_weight: float
) -> tuple[Floats, Floats]:
    targets = hardware.mapping.conductances(w, hardware.device, siemens_per_weight)
    carrying = np.maximum(*targets).T
    cell_mean, cell_variance = cell_moments(carrying, hardware)
    gate_mean, gate_variance = gate_moments(hardware)
    mean = gate_mean * cell_mean
    variance = (gate_variance + gate_mean**2) * (cell_variance + cell_mean**2) - mean**2
    size = np.abs(w) + np.finfo(float).tiny  # a row of zeros gets the plain average
    mean_of_rows = np.average(mean, weights=size, axis=1)
    squares = size**2 + np.finfo(float).tiny
    return mean_of_rows, np.average(variance, weights=squares, axis=1)


def _check_one_read(hardware: Hardware, name: str) -> None:
    """Raise ValueError unless the noise of one read of one cell or pair is known at mapping."""
    if isinstance(hardware.mapping, BitSliced):
        raise ValueError(
            f"{name} computes with the noise of one cell or pair per weight, and "
            f"{hardware.mapping!r} has {hardware.mapping.slices}; give it another mapping"
        )
    if hardware.dac is not None and hardware.dac.serial:
        raise ValueError(
            f"{name} computes with the noise of one read, which bit-serial inputs average over bit "
            "planes; give it a Dac(serial=False), or none"
        )
    if hardware.input_scale == CALIBRATED and hardware.current_noise is not None:
        raise ValueError(
            f"{name} is matched to the noise of its reads when it is mapped, and its thermal noise "
            "depends on the input scale, which a calibration finds later; give it a number instead "
            f'of "{CALIBRATED}": 1 for states'
        )


def matched(
    neurons: SampledNeurons,
    w: Floats,
    bias: Floats | None,
    hardware: Hardware,
    siemens_per_weight: float,
    name: str,
) -> MatchedNeurons:
    """Return a', b' that keep β and c = b/(√(2 Var ξ) ‖w‖) under the chip's noise: a' = β s' − E
    ξ', b' = b s'/s.

    s = √(2 Var ξ) of the noise that the layer was trained with, s' that of the chip's reads.

    Args:
        neurons: Parameters of the trained layer.
        w: Weights, (outputs, inputs).
        bias: Trained biases, (outputs,), or None.
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        name: What messages call the layer.

    Raises:
        ValueError: Inputs are bit-serial, weights are bit-sliced, the chip's reads are free of
            noise, or a ≠ 0 is needed and there is no deterministic path.
    """
    _check_one_read(hardware, name)
    mean, variance = noise_of_reads(w, hardware, siemens_per_weight)
    if (variance <= 0).any():
        raise ValueError(
            f"{name}: the hardware's reads are free of noise, so no firing probability can be "
            "kept; give Hardware a gate, such as devices.BlankOut(p=0.5), or the device a "
            "read_noise"
        )
    s_new = np.sqrt(2 * variance)
    a = neurons.beta * s_new - mean
    a[np.abs(a) <= 1e-12 * mean] = 0.0
    a = a[0] if len(a) == 1 else a
    b = np.zeros(len(w)) if bias is None else bias * s_new / neurons.noise_scale
    if hardware.deterministic_path == "none":
        if not neurons.native:
            raise ValueError(
                f'{name}: deterministic_path = "none" needs a_i = 0, but this network learned a_i '
                f'from {a.min():.4g} to {a.max():.4g}; train with beta="native", or choose '
                'deterministic_path = "programmed" or "ideal"'
            )
        a = np.zeros_like(a)
    beta_of_device = float((mean / s_new).mean())
    return MatchedNeurons(a, b, neurons.beta, beta_of_device, mean, s_new, neurons.relaxed)
