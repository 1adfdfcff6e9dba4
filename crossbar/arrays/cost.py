"""Energy and latency of reads, from cited figures: array, read-out and passes together, never read-out alone."""

from dataclasses import dataclass

from crossbar.arrays.neurons import NeuronArray
from crossbar.reads.moments import gate_moments

#: One decision of a 65 nm comparator, worst case: 67 fJ (10.1007/s00034-023-02375-6).
COMPARATOR_ENERGY = 67e-15
#: One 8-bit conversion of ISAAC's ADC, 2 mW at 1.28 GS/s: 1.56 pJ (Shafiee et al., ISCA 2016). Other widths as 2^bits.
ADC_8BIT_ENERGY = 1.56e-12


@dataclass(frozen=True)
class ReadCost:
    """Energy [J] and latency [s] of one read of a layer: Σ E[g] G V² t in the cells, and the read-out of its outputs."""

    array_energy: float
    readout_energy: float
    latency: float


def read_cost(neurons: NeuronArray, *, compared: bool) -> ReadCost:
    """Return the cost of one read with inputs of size one (every cell sees the read voltage for one read period).

    Outputs that are not `compared` pass an ADC: the hardware's, or 8 bits where it has none. Drivers are not counted.
    """
    hardware = neurons.hardware
    duty = {True: gate_moments(hardware)[0], False: 1.0}
    parts = [(neurons.main, True), (neurons.deterministic, False), (neurons.bias_lines, False)]
    siemens = sum(
        duty[gated] * sum(float(t.g_pos.sum() + t.g_neg.sum()) for row in part.tiles for t in row)
        for part, gated in parts
        if part is not None
    )
    bits = 8 if hardware.adc is None else hardware.adc.bits
    each = COMPARATOR_ENERGY if compared else ADC_8BIT_ENERGY * 2.0 ** (bits - 8)
    array_energy = siemens * hardware.read_voltage**2 * hardware.read_period
    return ReadCost(array_energy, each * neurons.outputs, hardware.read_period)
