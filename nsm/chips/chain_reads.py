"""Reads of a chain of layers: how many fit into memory at once, and parts of them in threads."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.reads.packed import READS_TOGETHER
from crossbar.reads.span import Span
from crossbar.threads import run_each, threads_now
from nsm.chips.layers.read_context import Reads, reading
from nsm.chips.layers.states import States, tensor_of
from nsm.chips.layers.tile_layer import ChipLayer, TileLayer
from nsm.chips.planning.tracing import has_hooks
from nsm.chips.watched_runs import LONG
from nsm.nn.inference import Floats

#: Synapse reads from which on parts of a span are read in threads: less is faster on one.
_WORTH_THREADS = 1 << 26
#: Synapse reads of a part where there are more parts than threads.
_PART = 1 << 30
#: Time of a synapse read in a compiled pass at most [s]; one core of 2022 takes a fiftieth of it.
_SLOWEST = 1e-9
#: Numbers that one of `reads_at_once` has.
_BIT_LINES = 256


class ChainReads(NamedTuple):
    """What is known of one pass of a chain.

    Attributes:
        memory: Numbers that leave the busiest array in a pass, in times of `_BIT_LINES`.
        synapses: Synapse reads of a pass.
        locations: Reads of the busiest array in a pass.
        of_states: Whether all inputs of arrays are states, so that a row's sums do not depend on
            the rows beside it.
        compiled: Whether they are states and each layer is one compiled pass.
    """

    memory: int
    synapses: int
    locations: int
    of_states: bool
    compiled: bool

    @classmethod
    def of(cls, network: nn.Module, images: Floats, sampling: str = "exact") -> "ChainReads":
        """Return what is known of a pass of a chain for images like these."""
        memory = locations = 1
        synapses, of_states, compiled = 0, True, True
        z = images
        for layer in network:  # type: ignore[attr-defined]
            assert isinstance(layer, ChipLayer)
            given = z
            z, reads = layer.reads_per_input(z)
            for tiles in layer.on_tiles:
                neurons = tiles.neurons
                synapses += reads * neurons.inputs * neurons.outputs
                memory = max(memory, reads * neurons.outputs)
                of_states = of_states and given.dtype == bool
                # Asked of layers of states alone: the answer makes the tables of their pass.
                compiled = compiled and of_states and neurons.whole.reads_signs(sampling)
            locations = max(locations, reads)
        memory = -(-memory // _BIT_LINES)
        return cls(memory, synapses, locations, of_states, compiled)

    def is_short(self, reads: int) -> bool:
        """Return whether passes are known to take less than two seconds on every machine."""
        return self.compiled and self.synapses * reads * _SLOWEST < LONG

    def read(self, network: nn.Module, images: Floats, reads: Reads) -> Tensor:
        """Return the outputs of some passes, (reads, ...).

        Args:
            network: The chain.
            images: Images, from the first that the span needs.
            reads: The passes.
        """
        parts = self._parts(network, reads.span)
        if len(parts) == 1:
            return _read(network, images, reads)
        outputs: list[Floats] = [np.empty(0)] * len(parts)
        repeats, first = reads.span.repeats, reads.span.first // reads.span.repeats

        def work(i: int) -> None:
            part = parts[i]
            needed = slice(part.first // repeats - first, (part.last - 1) // repeats + 1 - first)
            own = Reads(part, reads.sampling, reads.seed)
            outputs[i] = _read(network, images[needed], own).numpy()

        run_each(work, len(parts))
        # Not torch.cat: its threads would spin for milliseconds, on cores that reads need.
        return torch.from_numpy(np.concatenate(outputs))

    def in_parts(self, network: nn.Module) -> bool:
        """Return whether passes may be read side by side: no read changes what another one finds or
        counts, and no hook sees the layers.
        """
        if not self.of_states or any(has_hooks(module) for module in network.modules()):
            return False
        layers = (m for m in network.modules() if isinstance(m, TileLayer))
        return all(_reads_leave_no_trace(layer) for layer in layers)

    def _parts(self, network: nn.Module, span: Span) -> list[Span]:
        """Return the parts of a span that threads read side by side."""
        work, threads = self.synapses * span.reads, threads_now()
        if threads == 1 or work <= _WORTH_THREADS or not self.in_parts(network):
            return [span]
        rounds = max(1, min(4, work // (_PART * threads)))
        # A block of reads shares its random numbers: half a block costs as much as a whole one.
        step = READS_TOGETHER if self.locations < READS_TOGETHER else 1
        return span.split(threads * rounds, step)


def _read(network: nn.Module, images: Floats, reads: Reads) -> Tensor:
    with reading(reads):
        out: States = network(images)
    return tensor_of(out)


def _reads_leave_no_trace(layer: TileLayer) -> bool:
    """Return whether reads of a layer change nothing: no state of noise, no count of clipping."""
    neurons = layer.neurons
    counts = neurons.converters is not None or neurons.drivers.dac is not None
    watched = neurons.drivers.watch is not None
    return not (counts or watched or any(matrix.has_memory for matrix in neurons.matrices))
