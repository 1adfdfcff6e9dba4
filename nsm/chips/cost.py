"""Energy, time and area of the passes of a chip, layer by layer, and of programming it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from crossbar import CostConstants
from crossbar.cost.circuits import ReadOut
from crossbar.cost.driven_inputs import DrivenInputs, InputRecord
from crossbar.cost.read_cost import ReadEnergy, read_cost
from crossbar.cost.writing import write_cost
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices import WritePulses
from devices.validation import instance, number
from nsm.chips.layers.states import States, unpacked, values_of
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.layers.windows import windows_in_blocks

if TYPE_CHECKING:
    import pandas as pd

#: Name of the last row of the tables.
TOTAL = "total per image"
#: Columns of energies [J], one for each field of `ReadEnergy`.
ENERGIES = tuple(f"{each.name} [J]" for each in fields(ReadEnergy))
#: What a cost leaves out; the table's `attrs` say so.
NOT_COUNTED = (
    "digital layers (rectifiers, pooling, normalization, softmax, attention), the mean over "
    "samples, control and clocks, memory and movement of activations, generation of the voltages, "
    "random numbers of gates that are not devices, and the multiplication by a of a deterministic "
    "path"
)

#: What a cost leaves out where cells are not ohmic.
OF_CURVES = (
    "the current-voltage law at other inputs than full scale, where cells count with their "
    "conductance at the read voltage"
)


@dataclass(frozen=True, eq=False)
class RecordedInputs:
    """What a layer was driven with.

    Attributes:
        inputs: Second moments of its inputs.
        reads: Reads of the layer for each image, in one pass.
    """

    inputs: DrivenInputs
    reads: float


def cost(
    layers: Sequence[TileLayer],
    recorded: Sequence[RecordedInputs],
    *,
    samples: float = 1,
    constants: CostConstants | None = None,
) -> "pd.DataFrame":
    """Return energy, latency and area for one image, a row per layer and one of their sums.

    Args:
        layers: The layers on tiles.
        recorded: What drives each of them, see `recorded_inputs` and `assumed_inputs`.
        samples: Passes for each image, a number of at least 1; it may be a mean.
        constants: What circuits cost; None for `CostConstants()`.

    Raises:
        ValueError: samples is below 1, or a read-out does not say which circuit it is.
    """
    import pandas as pd

    number("samples", samples, at_least=1)
    _check_part("constants", constants, CostConstants)
    rows = []
    for layer, of_layer in zip(layers, recorded, strict=True):
        one = read_cost(
            layer.neurons,
            _read_out(layer),
            inputs=of_layer.inputs,
            constants=constants,
            scaled_rows=bool((layer.row_factors != 1).any() or (layer.tuning.gain != 1).any()),
        )
        reads = of_layer.reads * samples
        energies = [reads * getattr(one.energy, each.name) for each in fields(ReadEnergy)]
        rows.append(
            {
                "layer": layer.name,
                "inputs": "recorded" if of_layer.inputs.is_recorded else "assumed ±1",
                "mean square input": float(of_layer.inputs.mean_square.mean()),
                "reads": reads,
                **dict(zip(ENERGIES, energies, strict=True)),
                "total [J]": sum(energies),
                "latency [s]": reads * one.latency,
                "area [m²]": one.area,
            }
        )
    frame = _with_total(pd.DataFrame(rows), of_pass=("inputs", "mean square input"))
    bent = any(not layer.neurons.hardware.is_ohmic for layer in layers)
    text = f"{NOT_COUNTED}; {OF_CURVES}" if bent else NOT_COUNTED
    frame.attrs.update(samples=samples, not_counted=text)
    return frame


def _read_out(layer: TileLayer) -> ReadOut:
    """Return the circuit behind each output of a layer, or raise ValueError if it is not known."""
    circuit = getattr(layer.readout, "circuit", None)
    if not isinstance(circuit, ReadOut):
        raise ValueError(
            f"{layer.name} has the read-out {type(layer.readout).__name__}, whose circuit is "
            f"{circuit!r}; set its class attribute circuit to ReadOut.COMPARATOR or ReadOut.ADC of "
            "crossbar.cost.circuits"
        )
    return circuit


def _with_total(frame: "pd.DataFrame", *, of_pass: Sequence[str]) -> "pd.DataFrame":
    """Return a table with a last row of sums; columns that do not add up are empty there."""
    import pandas as pd

    total: dict[str, Any] = {"layer": TOTAL}
    for name in frame.columns[1:]:
        is_text = frame[name].map(lambda value: isinstance(value, str)).any()
        if is_text:
            total[name] = ""
        elif name in of_pass:
            total[name] = np.nan
        else:
            total[name] = frame[name].sum(skipna=False)
    return pd.concat([frame, pd.DataFrame([total])], ignore_index=True)


def assumed_inputs(layers: Sequence[TileLayer]) -> list[RecordedInputs]:
    """Return inputs of size one, with the reads of the last pass or of the mapping's check."""
    return [
        RecordedInputs(DrivenInputs.of_size_one(layer.neurons), layer.reads_per_pass)
        for layer in layers
    ]


def recorded_inputs(
    layers: Sequence[TileLayer], run: Callable[[], object], images: int
) -> list[RecordedInputs]:
    """Return what drives each layer in a run that passes every image once.

    The reads of the run are not counted where clipping is counted. A layer that was never called
    has 0 reads.

    Args:
        layers: The layers on tiles.
        run: Reads the chip; what it returns is not used.
        images: Number of images that are read.
    """
    counts = [layer.neurons.drivers.clips for layer in layers]
    counts += [c.clips for c in (layer.neurons.converters for layer in layers) if c is not None]
    for count in counts:
        count.pauses = True
    try:
        with _recording(layers) as records:
            run()
    finally:
        for count in counts:
            count.pauses = False
    found = []
    for layer, record in zip(layers, records, strict=True):
        if not record.reads:
            found.append(RecordedInputs(DrivenInputs.of_size_one(layer.neurons), 0))
            continue
        reads = record.reads / (layer.neurons.drivers.planes * images)
        found.append(RecordedInputs(record.result(), int(reads) if reads.is_integer() else reads))
    return found


@contextmanager
def _recording(layers: Sequence[TileLayer]) -> Iterator[list[InputRecord]]:
    """Record the inputs of layers that are called inside the `with` block."""
    records = [InputRecord(layer.neurons) for layer in layers]

    def recorder(record: InputRecord) -> Callable[..., None]:
        def take(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
            assert isinstance(layer, TileLayer)
            for rows in rows_of_reads(layer, arguments[0]):
                record.add(rows)

        return take

    handles = [
        layer.register_forward_pre_hook(recorder(record))
        for layer, record in zip(layers, records, strict=True)
    ]
    try:
        yield records
    finally:
        for handle in handles:
            handle.remove()


def rows_of_reads(layer: TileLayer, z: States | Tensor) -> Iterator[Inputs]:
    """Yield the inputs of a layer's arrays, one row for each of their reads.

    Args:
        layer: The layer.
        z: What it is called with; a convolution is read at every window of it.
    """
    patches = layer.patches
    if isinstance(z, Tensor):
        if patches is None:
            z = z.reshape(-1, z.shape[-1])
        elif z.ndim == len(patches.kernel) + 1:
            z = z[None]
    values = values_of(z)
    if patches is None:
        yield Inputs(values)
    elif len(values):
        for cut, _ in windows_in_blocks(patches, unpacked(values), Span(0, len(values)))[0]:
            yield cut


def _check_part(name: str, value: object, cls: type) -> None:
    """Raise ValueError unless a value is None, which stands for a default, or of a class."""
    if value is not None:
        instance(name, value, cls)


def programming_cost(
    layers: Sequence[TileLayer],
    *,
    pulses: WritePulses | None = None,
    start: str = "g_min",
    constants: CostConstants | None = None,
) -> "pd.DataFrame":
    """Return pulses, energy and time of programming a chip once, a row per layer and their sum.

    See `crossbar.cost.writing.write_cost`, whose arguments these are.
    """
    import pandas as pd

    _check_part("pulses", pulses, WritePulses)
    _check_part("constants", constants, CostConstants)
    rows = []
    for layer in layers:
        of = write_cost(layer.neurons, pulses=pulses, start=start, constants=constants)
        rows.append(
            {
                "layer": layer.name,
                "cells": of.cells,
                "pulses": of.pulses,
                "cells [J]": of.cell_energy,
                "lines [J]": of.line_energy,
                "total [J]": of.cell_energy + of.line_energy,
                "time [s]": of.time,
                "why unknown": of.reason,
            }
        )
    return _with_total(pd.DataFrame(rows), of_pass=()).replace({"layer": {TOTAL: "total"}})
