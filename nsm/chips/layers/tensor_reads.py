"""Reads of tensors by a layer on tiles: in torch where sums are Gaussian, else through numpy."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from crossbar.reads.packed import Packed
from crossbar.reads.span import Span
from devices.seeding import child
from devices.validation import Floats
from nsm.chips.layers.read_context import Reads, Stream
from nsm.chips.layers.readouts import Comparators, NumpyBackend
from nsm.chips.layers.states import States, tensor_of, values_of

if TYPE_CHECKING:
    from nsm.chips.layers.tile_layer import TileLayer


@dataclass(frozen=True)
class TensorBackend:
    """Read-out of sums that live in tensors; it draws what `NumpyBackend` draws.

    Attributes:
        like: The sums, whose precision counts.
        draws: Read-out in numpy.
    """

    like: Tensor
    draws: NumpyBackend

    def vector(self, values: Floats) -> Tensor:
        """Return a vector over outputs as a tensor."""
        return torch.as_tensor(values, dtype=self.like.dtype)

    def to_numpy(self, u: Tensor) -> Floats:
        """Return the sums as float64 in numpy."""
        out: Floats = u.double().numpy()
        return out

    def from_numpy(self, values: Floats) -> Tensor:
        """Return values of numpy as a tensor."""
        return torch.as_tensor(values).to(self.like.dtype)

    def logistic(self, columns: int) -> Tensor:
        """Return standard logistic numbers, (reads, columns)."""
        return self.from_numpy(self.draws.logistic(columns))

    def compare(self, u: Tensor, comparators: Comparators) -> Packed:
        """Return packed states of comparators."""
        return self.draws.compare(self.to_numpy(u), comparators)


def read_tensor(layer: "TileLayer", x: Tensor, reads: Reads) -> States | Tensor:
    """Return the outputs of a layer for a tensor: states where the next layers take them.

    Args:
        layer: The layer.
        x: Inputs as the layer of torch would take them: (..., inputs), or (batch, channels, *sizes)
            of a convolution, with or without the batch.
        reads: The reads that are made.
    """
    rows = x.detach().cpu()
    if layer.patches is None:
        rows = rows.reshape(-1, x.shape[-1])
    elif x.ndim == len(layer.patches.kernel) + 1:
        rows = rows[None]
    span, seed = reads.next_call(layer.position, len(rows))
    if not len(rows):
        return _nothing(layer, x)
    sums = layer.torch_sums
    if sums is None or not rows.is_floating_point():
        out: States | Tensor = layer.read(_states(rows), span, seed, sampling=reads.sampling)
    else:
        out = _read_sums(layer, sums.read(rows, span, child(seed, Stream.ARRAYS)), span, seed)
    layer.locations = max(1, span.locations if layer.patches is None else layer.locations)
    if layer.gives_states and not isinstance(out, Tensor) and x.ndim == rows.ndim:
        return out
    values = tensor_of(out)
    if layer.patches is None:
        values = values.reshape(*x.shape[:-1], layer.neurons.outputs)
    elif x.ndim < rows.ndim:
        values = values[0]
    dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    return values.to(device=x.device, dtype=dtype)


def _nothing(layer: "TileLayer", x: Tensor) -> Tensor:
    """Return the outputs for no rows at all, as where a network routes no image to a layer."""
    outputs = layer.neurons.outputs
    if layer.patches is None:
        return x.new_empty((*x.shape[:-1], outputs))
    return x.new_empty((0, outputs, *layer.patches.out_shape(*x.shape[2:])))


def _states(x: Tensor) -> States:
    """Return a tensor as the reads in numpy take it: truth values where all of it is ±1."""
    if x.is_floating_point() and bool((x.abs() == 1).all()):
        return np.ascontiguousarray((x > 0).numpy())
    return values_of(x)


def _read_sums(
    layer: "TileLayer", u: Tensor, span: Span, seed: np.random.SeedSequence
) -> States | Tensor:
    """Return what the read-out makes of sums (reads, outputs) or (reads, outputs, *sizes)."""
    sizes = u.shape[2:]
    by_read = u.movedim(1, -1).reshape(-1, u.shape[1])  # a view: the channels are last in memory
    if layer.patches is not None:
        layer.locations = math.prod(sizes)
        span = span.at(layer.locations)
    backend = TensorBackend(by_read, NumpyBackend(span, seed))
    by_read = layer.neurons.convert_sums(
        by_read, span, child(seed, Stream.ARRAYS), vector=backend.vector
    )
    out = layer.readout.apply(by_read, backend)
    if not isinstance(out, Tensor):
        if layer.patches is None:
            return out
        fired = out.signs() > 0 if isinstance(out, Packed) else out
        return layer.patches.arrange(fired, tuple(sizes))
    return out.reshape(u.shape[0], *sizes, -1).movedim(-1, 1)
