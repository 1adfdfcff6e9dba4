"""All that arrays remember, taken out of them and put back: files of chips hold these."""

import copy
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from crossbar.arrays.clipping import ClipCount
from crossbar.arrays.conversion import Converters
from crossbar.arrays.drivers import Drivers
from crossbar.arrays.neurons import NeuronArray
from crossbar.arrays.stuck_cells import Mask
from crossbar.arrays.summed import SummedArray, terms_of
from crossbar.arrays.tile import ProgrammedTile
from crossbar.arrays.tiled import TiledArray
from crossbar.reads.noise_state import NoiseState
from devices.validation import Floats


@dataclass(frozen=True, eq=False)
class TileSnapshot:
    """What a tile remembers.

    Attributes:
        g_pos: Conductances of the positive cells just after programming [S], (word lines, bit
            lines).
        g_neg: Conductances of the negative cells just after programming [S], of the same shape, or
            (word lines, 1) for a reference.
        siemens_per_weight: Conductance [S] of a weight of one.
        seconds: Age since programming [s].
        gain: Common-mode factor of all conductances.
        seed: Seed of the paths along which the cells drift.
        failed: Which positive and negative cells failed after programming; None if none did.
    """

    g_pos: Floats
    g_neg: Floats
    siemens_per_weight: float
    seconds: float
    gain: float
    seed: np.random.SeedSequence
    failed: tuple[Mask, Mask] | None = None


@dataclass(frozen=True, eq=False)
class ArraySnapshot:
    """What an array of tiles remembers.

    Attributes:
        tiles: Rows of tiles.
        noise: States of the noises with memory.
        waiting_seed: Seed of what the noises draw when time passes without reads.
        waits: How often time has passed without reads so far.
    """

    tiles: list[list[TileSnapshot]]
    noise: NoiseState
    waiting_seed: np.random.SeedSequence
    waits: int


class ClipRecord(NamedTuple):
    """How much converters have clipped since they were calibrated.

    Attributes:
        conversions: Number of values that were converted.
        clipped: Number of values that were clipped.
        has_warned: Whether there was a warning.
    """

    conversions: int
    clipped: int
    has_warned: bool


@dataclass(frozen=True, eq=False)
class DriverSnapshot:
    """What the drivers of the word lines of a layer remember.

    Attributes:
        limit: Largest input that the DAC converts; None if there is none yet.
        expected: Share of inputs that the limit is expected to clip.
        clips: Inputs that were converted, and clipped.
        largest: Largest |input| that has been driven.
        sees_parts: Whether inputs other than 0 and ± the input scale have been driven.
    """

    limit: float | None
    expected: float
    clips: ClipRecord
    largest: float = 0.0
    sees_parts: bool = False


@dataclass(frozen=True, eq=False)
class ConverterSnapshot:
    """What the converters of a layer remember.

    Attributes:
        limits: Largest currents [A], (sites, 1) or (sites, outputs).
        offsets: Offsets [A], (sites, outputs).
        amperes_per_weight: Bit-line current [A] of a weight of one with an input of one.
        expected: Shares of conversions that the limits are expected to clip, (sites,).
        clips: Currents that were converted and clipped.
    """

    limits: Floats
    offsets: Floats
    amperes_per_weight: float
    expected: Floats
    clips: ClipRecord


@dataclass(frozen=True, eq=False)
class NeuronSnapshot:
    """What a layer of neurons remembers.

    Attributes:
        parts: For the name of each part, its arrays in order: one, or all that are summed.
        a: Factors of the deterministic path.
        threshold: Biases that are added exactly, in weight units.
        drivers: What drives the word lines.
        converters: What the converters of the sums remember; None if there are none.
        significances: For the name of each part, the factor of the current of each of its arrays in
            the sum, one number or (outputs,). Empty in files that were written before tiles could
            have a weight scale: the layer's own factors stay.
    """

    parts: dict[str, list[ArraySnapshot]]
    a: Floats
    threshold: Floats
    drivers: DriverSnapshot
    converters: ConverterSnapshot | None
    significances: dict[str, list[float | Floats]] = field(default_factory=dict)


def snapshot(neurons: NeuronArray) -> NeuronSnapshot:
    """Return what a layer remembers now; later reads do not change it."""
    return NeuronSnapshot(
        parts={
            part.part.name.lower(): [array_snapshot(array) for array in part.array.arrays()]
            for part in neurons.parts()
        },
        a=neurons.a,
        threshold=neurons.threshold,
        drivers=_of_drivers(neurons.drivers),
        converters=None if neurons.converters is None else _of_converters(neurons.converters),
        significances={
            part.part.name.lower(): [term.significance for term in terms_of(part.array)]
            for part in neurons.parts()
        },
    )


def _of_drivers(drivers: Drivers) -> DriverSnapshot:
    clips = _of_clips(drivers.clips)
    return DriverSnapshot(
        drivers.limit, drivers.expected, clips, drivers.largest, drivers.sees_parts
    )


def _of_converters(converters: Converters) -> ConverterSnapshot:
    return ConverterSnapshot(
        converters.limits,
        converters.offsets,
        converters.amperes_per_weight,
        converters.expected,
        _of_clips(converters.clips),
    )


def _of_clips(clips: ClipCount) -> ClipRecord:
    return ClipRecord(clips.conversions, clips.clipped, clips._has_warned)


def array_snapshot(array: TiledArray) -> ArraySnapshot:
    """Return what an array remembers now; later reads do not change it."""
    noise = array._noise
    return ArraySnapshot(
        tiles=[[_of_tile(tile) for tile in row] for row in array.tiles],
        noise=copy.deepcopy(noise.state),
        waiting_seed=noise._waiting_seed,
        waits=noise._waits,
    )


def _of_tile(tile: ProgrammedTile) -> TileSnapshot:
    g_pos, g_neg = tile._programmed
    k = tile.siemens_per_weight
    return TileSnapshot(g_pos, g_neg, k, tile.seconds, tile.gain, tile._seed, tile._failed)


def restore(neurons: NeuronArray, remembered: NeuronSnapshot) -> None:
    """Put what another layer remembers into a layer of the same hardware and the same shape.

    Reads then draw the same as those of the other layer.

    Raises:
        ValueError: The layer has other arrays, tiles or converters.
    """
    arrays = {p.part.name.lower(): p.array.arrays() for p in neurons.parts()}
    ours = {name: len(of_part) for name, of_part in arrays.items()}
    theirs = {name: len(of_part) for name, of_part in remembered.parts.items()}
    if ours != theirs:
        raise ValueError(f"the stored arrays are {theirs}, and those of the layer {ours}")
    if (neurons.converters is None) != (remembered.converters is None):
        raise ValueError("only one of the stored layer and this one has converters")
    for name, of_part in arrays.items():
        for array, its in zip(of_part, remembered.parts[name], strict=True):
            restore_array(array, its)
    for part, matrix, _ in neurons.parts():
        significances = remembered.significances.get(part.name.lower())
        if significances is not None and isinstance(matrix, SummedArray):
            matrix.terms = tuple(
                term._replace(significance=of_term)
                for term, of_term in zip(matrix.terms, significances, strict=True)
            )
    neurons.siemens_per_weight = neurons.main.siemens_per_weight
    neurons.a = remembered.a
    neurons.threshold = remembered.threshold
    neurons.drivers.limit = remembered.drivers.limit
    neurons.drivers.expected = remembered.drivers.expected
    neurons.drivers.largest = remembered.drivers.largest
    neurons.drivers.sees_parts = remembered.drivers.sees_parts
    _restore_clips(neurons.drivers.clips, remembered.drivers.clips)
    if neurons.converters is not None and remembered.converters is not None:
        _restore_converters(neurons.converters, remembered.converters)
        neurons.converters._siemens_per_weight = neurons.siemens_per_weight


def _restore_converters(converters: Converters, remembered: ConverterSnapshot) -> None:
    """Put what other converters remember into converters of as many sites and outputs."""
    if converters.offsets.shape != remembered.offsets.shape:
        raise ValueError(
            f"the stored converters have shape {remembered.offsets.shape}, and those of the layer "
            f"{converters.offsets.shape} (sites, outputs)"
        )
    converters.limits = remembered.limits
    converters.offsets = remembered.offsets
    converters.expected = remembered.expected
    _restore_clips(converters.clips, remembered.clips)


def _restore_clips(clips: ClipCount, remembered: ClipRecord) -> None:
    """Let a counter go on from other counts."""
    clips.conversions = remembered.conversions
    clips.clipped = remembered.clipped
    clips._has_warned = remembered.has_warned


def restore_array(array: TiledArray, remembered: ArraySnapshot) -> None:
    """Put what another array remembers into an array of the same hardware and the same shape.

    Reads then draw the same as those of the other array.

    Raises:
        ValueError: The tiles have other shapes.
    """
    ours = [[(t.g_pos.shape, t.g_neg.shape) for t in row] for row in array.tiles]
    theirs = [[(t.g_pos.shape, t.g_neg.shape) for t in row] for row in remembered.tiles]
    if ours != theirs:
        raise ValueError(
            f"the stored tiles have shapes {[s for row in theirs for s in row]}, and those of the "
            f"array {[s for row in ours for s in row]}"
        )
    for row, stored in zip(array.tiles, remembered.tiles, strict=True):
        for tile, its in zip(row, stored, strict=True):
            tile.siemens_per_weight = its.siemens_per_weight
            tile.seconds = its.seconds
            tile.gain = its.gain
            tile._seed = its.seed
            tile._programmed = (its.g_pos, its.g_neg)
            tile._failed = its.failed
            tile._refresh()
    array.siemens_per_weight = remembered.tiles[0][0].siemens_per_weight
    noise = array._noise
    noise.state = copy.deepcopy(remembered.noise)
    noise._waiting_seed = remembered.waiting_seed
    noise._waits = remembered.waits
    array.forget()
