"""Energy, time and area of one read of a layer, summed over its arrays and circuits."""

from dataclasses import dataclass, fields

from crossbar.arrays.neurons import NeuronArray
from crossbar.cost.array_energy import array_energy
from crossbar.cost.circuits import (
    ArrayCircuits,
    ReadOut,
    array_circuits,
    conversions,
    converter_sites,
    digital_work,
)
from crossbar.cost.constants import CostConstants
from crossbar.cost.converters import adc_area, adc_energy, dac_area, dac_energy
from crossbar.cost.driven_inputs import DrivenInputs, volts_per_input


@dataclass(frozen=True, kw_only=True)
class ReadEnergy:
    """Energies of one read of a layer [J].

    Attributes:
        array: What the drivers deliver to cells, gates and wires.
        drivers: Charging the word lines, and their DACs.
        selectors: Switching the gates.
        amplifiers: The amplifiers that hold the bit lines.
        readout: Decisions of comparators, or conversions of ADCs.
        digital: Additions and multiplications behind the converters.
    """

    array: float
    drivers: float
    selectors: float
    amplifiers: float
    readout: float
    digital: float

    @property
    def total(self) -> float:
        """The sum of all energies [J]."""
        return sum(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True, kw_only=True)
class ReadCost:
    """Cost of one read of a layer.

    Attributes:
        energy: Its energies.
        latency: Its duration [s].
        area: Area of the layer's arrays and circuits [m²], digital ones and gates excepted.
    """

    energy: ReadEnergy
    latency: float
    area: float


def read_cost(
    neurons: NeuronArray,
    read_out: ReadOut,
    *,
    inputs: DrivenInputs | None = None,
    constants: CostConstants | None = None,
    scaled_rows: bool = False,
) -> ReadCost:
    """Return the cost of one read of a layer.

    Args:
        neurons: The layer.
        read_out: What stands behind the bit lines of each output.
        inputs: What drives its word lines; None for inputs of size one, see
            `DrivenInputs.of_size_one`.
        constants: What the circuits cost; None for `CostConstants()`.
        scaled_rows: Whether converted outputs are divided by a scale of their row.
    """
    c = CostConstants() if constants is None else constants
    x = DrivenInputs.of_size_one(neurons) if inputs is None else inputs
    hardware = neurons.hardware
    circuits = array_circuits(neurons, x)
    volts_squared = volts_per_input(neurons) ** 2
    dac_bits = _dac_bits(neurons, x, c)
    dacs = neurons.inputs if dac_bits else 0
    outputs = _outputs(neurons, read_out, c, scaled_rows=scaled_rows)
    energy = ReadEnergy(
        array=array_energy(neurons, x),
        drivers=c.line_capacitance * circuits.charged_crossings * volts_squared
        + dacs * dac_energy(dac_bits, c),
        selectors=c.selector_capacitance * circuits.switched_gates * volts_squared,
        amplifiers=c.amplifier_power * hardware.read_period * circuits.amplified_reads,
        readout=outputs.energy,
        digital=outputs.digital,
    )
    area = _array_area(circuits, c) + dacs * dac_area(dac_bits, c) + outputs.area
    return ReadCost(energy=energy, latency=neurons.drivers.planes * outputs.period, area=area)


def _array_area(circuits: ArrayCircuits, c: CostConstants) -> float:
    """Return the area [m²] of cells, drivers and amplifiers."""
    return (
        circuits.cells * c.cell_area
        + circuits.word_lines * c.driver_area
        + circuits.bit_lines * c.amplifier_area
    )


def _dac_bits(neurons: NeuronArray, inputs: DrivenInputs, c: CostConstants) -> float:
    """Return the resolution of the DACs of a layer; 0 if −1, 0 and +1 drive its word lines."""
    dac = neurons.drivers.dac
    if dac is not None:
        return 0 if dac.serial else dac.bits
    return 0 if inputs.is_ternary else c.dac_bits


@dataclass(frozen=True)
class _Outputs:
    """What stands behind the bit lines: energies of a read [J], area [m²], time of a read [s]."""

    energy: float
    digital: float
    area: float
    period: float


def _outputs(
    neurons: NeuronArray, read_out: ReadOut, c: CostConstants, *, scaled_rows: bool
) -> _Outputs:
    """Return the cost of all outputs of a layer in one read."""
    n = neurons.outputs
    period = neurons.hardware.read_period
    if read_out is ReadOut.COMPARATOR:
        return _Outputs(n * c.comparator_energy, 0.0, n * c.comparator_area, period)
    adc = neurons.hardware.adc
    bits = c.adc_bits if adc is None else adc.bits
    converters = n * converter_sites(neurons)
    shared_by = min(c.outputs_per_adc, converters)
    rate = shared_by / period if c.adc_rate is None else c.adc_rate
    work = digital_work(neurons, bits, scaled_rows=scaled_rows)
    digital = work.additions * work.width * c.add_energy_per_bit
    digital += work.multiplications * bits**2 * c.multiply_energy_per_bit2
    return _Outputs(
        energy=n * conversions(neurons) * adc_energy(bits, rate, c),
        digital=n * digital,
        area=-(-converters // shared_by) * adc_area(bits, rate, c),
        # The arrays wait for their converters: a read lasts until the last output is converted.
        period=max(period, shared_by / rate),
    )
