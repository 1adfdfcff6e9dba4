"""What the circuits around a chip must do: currents, IR loss, and needs of read-outs.

Everything is stated twice: in amperes at the bit line, and in volts behind an amplifier of a stated
transimpedance R, V = R I.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crossbar import CostConstants
from crossbar.arrays.inspection import PhysicalTile, physical_tiles
from crossbar.arrays.neurons import NeuronArray
from crossbar.cost.circuits import ReadOut
from devices.validation import Floats, number
from nsm.chips.layers.tile_layer import TileLayer

if TYPE_CHECKING:
    import pandas as pd

#: Transimpedance that turns currents into voltages unless another one is given [Ω]. It is assumed:
#: an integrator has V/I = t/C, and 100 kΩ are a read of 1 µs (the default of `Hardware`) on 10 pF.
#: Gokmen and Vlasov 2016 (doi:10.3389/fnins.2016.00333) describe such integrators at crossbars.
TRANSIMPEDANCE = 1e5
#: Offset behind the amplifier that is compared with the currents [V].
OFFSET_VOLTAGE = 5e-3
#: Half a step is this many standard deviations of the tolerable noise: 3 contain 99.7 % of a
#: normal distribution.
DEVIATIONS = 3.0


def circuit_needs(
    layers: Sequence[TileLayer],
    *,
    transimpedance: float = TRANSIMPEDANCE,
    offset_voltage: float = OFFSET_VOLTAGE,
) -> "pd.DataFrame":
    """Return what circuits of each layer must do, a row per layer on tiles.

    Cells are taken as they are now, aged and scaled, in series with conducting gates. Columns:

    - `full scale [A]`: the largest difference of the currents of the two bit lines of an output
      (of bit line and reference column) that the weights of the main array and the biases can cause
      when every word line is at its largest voltage, max_i (Σ_j |w_ij| + |b_i|) · amperes per
      weight. The deterministic path is not in it. `full scale [V]` is R times that;
    - `bit line [A]`: the largest current of a single bit line of a physical array, with every word
      line at its largest voltage, which its amplifier must take;
    - `mean IR loss`, `largest IR loss`: 1 − (current with wires)/(current without), over the bit
      lines of all arrays with every word line driven; NaN without wires;
    - `level [A]`: what one input at the read voltage changes in a sum if its cell is at the next
      conductance level, ΔG V with the smallest distance ΔG of two levels of the device, times the
      significance of the least slice of weights in slices; NaN for continuous cells;
    - `noise [A]`: standard deviation of a sum over reads with inputs ±1, gates and read noise
      together, the median over outputs; 0 without noise;
    - `bits`, `range [A]`: resolution and range of the ADC of an output; without an `Adc` in the
      hardware the resolution that `CostConstants` charges, over ± full scale. NaN for comparators;
    - `step [A]`, `step [V]`: the current that separates neighboring decisions. For an ADC it is the
      distance of two codes, 2 range/(2^bits − 1). For comparators it is `level [A]`, the smallest
      change of a sum; for comparators behind continuous cells it is `noise [A]`, the width of what
      they decide about, and NaN without noise. `step is` says which;
    - `tolerable offset [A]`, `tolerable offset [V]`: half a step: a smaller offset moves no sum by
      more than to its neighbor;
    - `tolerable noise [A]`: a third of that, so that 3 standard deviations are half a step;
    - `offset [A]`: an offset of `offset_voltage` behind the amplifier, seen as a current,
      offset_voltage/R; and its ratios `offset / full scale`, `offset / tolerable` and `offset /
      noise`. The last is what decides for neural sampling: an offset moves P(z = +1) = Φ(u/σ) like
      a bias of that many σ.

    Args:
        layers: The layers on tiles.
        transimpedance: R [Ω]; default `TRANSIMPEDANCE`.
        offset_voltage: Offset behind the amplifier [V]; default 5 mV.

    Raises:
        ValueError: `transimpedance` or `offset_voltage` is not above 0.
    """
    import pandas as pd

    ohms = number("transimpedance", transimpedance, above=0, unit="ohm")
    volts = number("offset_voltage", offset_voltage, above=0, unit="V")
    frame = pd.DataFrame([_row(layer, ohms, volts) for layer in layers])
    frame.attrs.update(transimpedance=ohms, offset_voltage=volts)
    return frame


def _row(layer: TileLayer, ohms: float, volts: float) -> dict[str, object]:
    """Return the row of a layer; arguments as of `circuit_needs`."""
    neurons = layer.neurons
    tiles = physical_tiles(neurons)
    full_scale = _full_scale(neurons)
    programmed, effective = _bit_lines(tiles, neurons)
    mean_loss, largest_loss = _ir_loss(programmed, effective, neurons)
    level, noise = _level(tiles, neurons), _noise(neurons)
    bits, limit, step, meaning = _step(layer, full_scale, level, noise)
    offset = volts / ohms
    return {
        "layer": layer.name,
        "readout": layer.readout.name,
        "full scale [A]": full_scale,
        "full scale [V]": full_scale * ohms,
        "bit line [A]": float(effective.max() * _largest_voltage(neurons)),
        "mean IR loss": mean_loss,
        "largest IR loss": largest_loss,
        "level [A]": level,
        "noise [A]": noise,
        "bits": bits,
        "range [A]": limit,
        "step is": meaning,
        "step [A]": step,
        "step [V]": step * ohms,
        "tolerable offset [A]": step / 2,
        "tolerable offset [V]": step / 2 * ohms,
        "tolerable noise [A]": step / 2 / DEVIATIONS,
        "offset [A]": offset,
        "offset / full scale": offset / full_scale if full_scale else math.nan,
        "offset / tolerable": offset / (step / 2),
        "offset / noise": offset / noise if noise else math.nan,
    }


def _largest_voltage(neurons: NeuronArray) -> float:
    """Return the largest voltage of a word line that inputs within the range of a layer cause [V].

    It is the voltage at the limit of the DAC; without a DAC, the read voltage.
    """
    drivers = neurons.drivers
    if drivers.dac is None:
        return drivers.read_voltage
    return drivers.unit_voltage * drivers.largest_drive


def _full_scale(neurons: NeuronArray) -> float:
    """Return the largest difference of currents that weights and biases can cause [A]."""
    sums = np.abs(neurons.main.weights).sum(axis=1) * _largest_voltage(neurons)
    biases = np.abs(neurons.threshold)
    if neurons.bias_lines is not None:
        biases = biases + np.abs(neurons.bias_lines.weights.sum(axis=1))
    return float((sums + biases * neurons.drivers.unit_voltage).max() * neurons.siemens_per_weight)


def _bit_lines(tiles: Sequence[PhysicalTile], neurons: NeuronArray) -> tuple[Floats, Floats]:
    """Return the sums of programmed and of effective conductances of every bit line [S]."""
    # A tile repeats the one reference column for each output.
    negative = slice(0, 1) if neurons.hardware.mapping.shares_reference else slice(None)
    programmed, effective = [], []
    for tile in tiles:
        programmed += [tile.g_pos.sum(axis=0), tile.g_neg[:, negative].sum(axis=0)]
        effective += [tile.effective_pos.sum(axis=0), tile.effective_neg[:, negative].sum(axis=0)]
    return np.concatenate(programmed), np.concatenate(effective)


def _ir_loss(programmed: Floats, effective: Floats, neurons: NeuronArray) -> tuple[float, float]:
    """Return mean and largest share of a bit line's current that wires take; NaN without wires.

    Args:
        programmed: Sums of the conductances of each bit line [S].
        effective: The same behind the wires [S].
        neurons: The layer.
    """
    if neurons.hardware.wires is None:
        return math.nan, math.nan
    conducts = programmed > 0
    loss = 1 - effective[conducts] / programmed[conducts]
    return float(loss.mean()), float(loss.max())


def _level(tiles: Sequence[PhysicalTile], neurons: NeuronArray) -> float:
    """Return the smallest change of a sum that one cell on another level makes [A], or NaN."""
    levels = neurons.hardware.device.level_conductances
    if levels is None:
        return math.nan
    least = min(abs(tile.significance) for tile in tiles if tile.part == "main")
    return float(least * np.diff(levels).min() * neurons.hardware.read_voltage)


def _noise(neurons: NeuronArray) -> float:
    """Return the median standard deviation of a sum over reads [A]."""
    deviation = np.sqrt(np.median(neurons.variance_of_signs()))
    return float(deviation * neurons.amperes_per_weight)


def _step(
    layer: TileLayer, full_scale: float, level: float, noise: float
) -> tuple[float, float, float, str]:
    """Return bits and range [A] of the ADC, and size [A] and meaning of a step of the read-out."""
    if layer.readout.circuit is ReadOut.COMPARATOR:
        if not math.isnan(level):
            return math.nan, math.nan, level, "one level"
        return math.nan, math.nan, noise or math.nan, "noise" if noise else ""
    converters = layer.neurons.converters
    if converters is None:
        bits, limit, origin = CostConstants().adc_bits, full_scale, "code, ADC assumed"
    else:
        bits, limit = converters.adc.bits, float(converters.limits.max())
        origin = "code"
    return bits, limit, 2 * limit / (2**bits - 1), origin
