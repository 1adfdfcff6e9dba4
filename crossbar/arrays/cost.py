"""Energy and latency of a read: those of the cells, and those of the read-out as published."""

from dataclasses import dataclass

from crossbar.arrays.layer_arrays import Part
from crossbar.arrays.neurons import NeuronArray
from crossbar.hardware import Hardware
from crossbar.reads.moments import gate_moments

#: One decision of a 65 nm comparator, worst case: 67 fJ (10.1007/s00034-023-02375-6).
COMPARATOR_ENERGY = 67e-15
#: One 8-bit conversion of ISAAC's ADC, 2 mW at 1.28 GS/s: 1.56 pJ (Shafiee et al., ISCA 2016).
ADC_8BIT_ENERGY = 1.56e-12


@dataclass(frozen=True)
class ReadCost:
    """Cost of one read of a layer.

    Attributes:
        array_energy: Energy in the cells, Σ E[ξ] G V² t [J], with ξ the factor of the gate.
        readout_energy: Energy of the read-out of all outputs [J].
        latency: Duration [s].
    """

    array_energy: float
    readout_energy: float
    latency: float


def conversion_energy(hardware: Hardware) -> float:
    """Return the energy of one conversion [J], the published one of 8 bits scaled as 2^bits.

    Hardware without a converter is charged for 8 bits.
    """
    bits = 8 if hardware.adc is None else hardware.adc.bits
    return ADC_8BIT_ENERGY * 2.0 ** (bits - 8)


def conversions(neurons: NeuronArray) -> int:
    """Return the conversions, or decisions, of each output in one read of a layer."""
    if neurons.converters is None or not neurons.converters.of_parts:
        return 1
    return sum(
        len(matrix.arrays()) * (1 if part is Part.BIAS else neurons.drivers.planes)
        for part, matrix, _ in neurons.parts()
    )


def read_cost(neurons: NeuronArray, *, energy_per_output: float) -> ReadCost:
    """Return the cost of one read with inputs of size one.

    Every cell sees the read voltage for one read period, or for one period per bit plane; lines of
    biases are read once. Every part of a sum that has converters of its own costs a conversion: a
    row of tiles, a bit plane.

    Args:
        neurons: The layer; its drivers are not counted.
        energy_per_output: Energy of one decision or conversion [J], see `COMPARATOR_ENERGY`,
            `conversion_energy`.
    """
    hardware = neurons.hardware
    gate_mean, _ = gate_moments(hardware)
    planes = neurons.drivers.planes
    siemens = 0.0
    for part, tiles, _ in neurons.parts():
        duty = gate_mean if part is Part.MAIN else 1.0
        reads = 1 if part is Part.BIAS else planes
        cells = tiles.all_tiles()
        siemens += reads * duty * sum(float(t.g_pos.sum() + t.g_neg.sum()) for t in cells)
    array_energy = siemens * hardware.read_voltage**2 * hardware.read_period
    readout_energy = energy_per_output * neurons.outputs * conversions(neurons)
    return ReadCost(array_energy, readout_energy, planes * hardware.read_period)
