"""Layers on tiles that are read in torch, on any device, in place of a chip's own layers."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crossbar.arrays.layer_arrays import Part
from crossbar.arrays.programmed import read_as_one
from crossbar.arrays.summed import SummedArray
from devices.validation import Floats
from nsm.chips.layers.dropout import KeptDropout
from nsm.chips.layers.readouts import Comparators
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.planning.tracing import move_hooks
from nsm.chips.torch_reads.arrays import TorchArray, standard_normal
from nsm.chips.torch_reads.pass_options import TorchReads, current_reads
from nsm.nn.geometry import Patches


@dataclass(frozen=True)
class _Backend:
    """Read-out of sums in torch.

    Attributes:
        like: Sums, whose device, precision and number of reads count.
        generator: Random numbers.
    """

    like: Tensor
    generator: torch.Generator

    def vector(self, values: Floats) -> Tensor:
        """Return a vector over outputs where the sums live."""
        return torch.as_tensor(values, dtype=self.like.dtype, device=self.like.device)

    def logistic(self, columns: int) -> Tensor:
        """Return standard logistic numbers, (reads, columns)."""
        shape = (len(self.like), columns)
        uniform = torch.rand(
            shape, generator=self.generator, dtype=self.like.dtype, device=self.like.device
        )
        return torch.logit(uniform.clamp_min(1e-30))

    def compare(self, u: Tensor, comparators: Comparators) -> Tensor:
        """Return the states ±1 that comparators decide for, as numbers."""
        scale = comparators.amperes_per_weight
        u = u + self.vector(comparators.offsets / scale)
        noise = comparators.comparator.noise / scale
        if noise:
            u = u + noise * standard_normal(u.shape, u, self.generator)
        return torch.where(u >= 0, 1.0, -1.0).to(u.dtype)


class TorchLayer(nn.Module):
    """One layer on tiles, read in torch: its arrays, and its read-out.

    It is called inside `pass_options.torch_reads` with tensors as the layer of the chip, and
    returns tensors of their precision; states are −1 and +1.

    Args:
        layer: The layer of the chip.
        device: Device of the reads.
        dtype: Precision of sums.

    Raises:
        ValueError: Naming the layer, if its reads cannot be drawn in torch.
    """

    def __init__(self, layer: TileLayer, device: torch.device, dtype: torch.dtype):
        super().__init__()
        self.name = layer.name
        self.path = layer.path
        self._patches = layer.patches
        self._readout = layer.readout
        self._converters = layer.neurons.converters
        self._dtype = dtype

        def on_device(a: Floats) -> Tensor:
            return torch.as_tensor(a, dtype=dtype, device=device)

        _check_plain(layer)
        neurons = layer.neurons
        try:
            self._parts = [
                (p.part, TorchArray(read_as_one(p.array), on_device)) for p in neurons.parts()
            ]
        except ValueError as problem:
            raise ValueError(f"{layer.name}: {problem}") from None
        self._a = on_device(neurons.a)
        self._threshold = on_device(neurons.threshold)

    def forward(self, z: Tensor) -> Tensor:
        """Return what leaves the read-out, in the shape that the layer of the chip gives it."""
        reads = current_reads()
        x = z.to(self._dtype)
        if self._patches is None:
            out = self._read(x.reshape(-1, x.shape[-1]), 1, reads)
            out = out.reshape(*x.shape[:-1], out.shape[1])
        else:
            images = x if x.ndim == len(self._patches.kernel) + 2 else x[None]
            sizes = self._patches.out_shape(*images.shape[2:])
            out = self._read(_windows(images, self._patches), math.prod(sizes), reads)
            out = out.reshape(-1, *sizes, out.shape[1]).movedim(-1, 1)
            out = out if x.ndim == images.ndim else out[0]
        return out.to(z.dtype if z.is_floating_point() else torch.get_default_dtype())

    def _read(self, x: Tensor, locations: int, reads: TorchReads) -> Tensor:
        """Return what leaves the read-out for rows of inputs, (reads, outputs)."""
        generator = reads.generator
        u = self._threshold.expand(len(x), -1).clone()
        for part, array in self._parts:
            if part is Part.BIAS:
                ones = torch.ones((len(x), array.lines), dtype=x.dtype, device=x.device)
                u += array.read(ones, reads)
            elif part is Part.DETERMINISTIC_PATH:
                u += self._a_of_reads(len(x), locations) * array.read(x, reads)
            else:
                u += array.read(x, reads)
        backend = _Backend(u, generator)
        if self._converters is not None:
            u = self._converters.convert(
                u, lambda: standard_normal(u.shape, u, generator), vector=backend.vector
            )
        out: Tensor = self._readout.apply(u, backend)
        return out

    def _a_of_reads(self, reads: int, locations: int) -> Tensor:
        """Return a for every read: one row for all, or the rows of the locations in turn."""
        if self._a.ndim == 1:
            return self._a
        if locations != len(self._a):
            raise ValueError(
                f"{self.name} has an a_i for each of {len(self._a)} locations but is read at "
                f"{locations}; give inputs of the size that the network was made for"
            )
        return self._a.repeat(reads // locations, 1)


def _check_plain(layer: TileLayer) -> None:
    """Raise ValueError, naming the layer, unless it is read without DAC and each array as one."""
    dac = layer.neurons.hardware.dac
    parts = [len(p.array.terms) for p in layer.neurons.parts() if isinstance(p.array, SummedArray)]
    reason = None
    if dac is not None:
        reason = f"inputs without a DAC, and this layer has {dac!r}"
    elif parts:
        reason = (
            f"arrays that are read as one, and this layer has one of {max(parts)} parts (rows of "
            "tiles with converters or a weight scale per tile, or slices of weights)"
        )
    if reason is not None:
        raise ValueError(f"{layer.name}: torch reads need {reason}; read the chip itself")


def _windows(images: Tensor, patches: Patches) -> Tensor:
    """Return the windows of images, (images · locations, channels · inputs of a kernel)."""
    x = patches.pad(images)
    axes = len(patches.kernel)
    if axes == 2:
        x = nn.functional.unfold(
            x, patches.kernel, stride=patches.stride, dilation=patches.dilation
        ).transpose(1, 2)
        return x.reshape(-1, x.shape[2])
    sizes = patches.out_shape(*images.shape[2:])
    for axis in range(axes):
        # Each spatial axis becomes two: (locations, inputs of a kernel).
        first = torch.arange(sizes[axis], device=x.device) * patches.stride[axis]
        within = torch.arange(patches.kernel[axis], device=x.device) * patches.dilation[axis]
        index = (first[:, None] + within).flatten()
        at = 2 + 2 * axis
        x = x.index_select(at, index).unflatten(at, (sizes[axis], patches.kernel[axis]))
    locations, kernels = range(2, x.ndim, 2), range(3, x.ndim, 2)
    x = x.permute(0, *locations, 1, *kernels)
    return x.reshape(len(images) * math.prod(sizes), -1)


def on_device(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a copy of a network of a chip whose layers on tiles are read in torch on a device.

    Digital modules are moved there, in their own precision. Hooks of layers are kept.

    Args:
        network: The network of a chip, no chain.
        device: The device.
        dtype: Precision of sums.

    Raises:
        ValueError: Naming a layer whose reads cannot be drawn in torch.
    """
    # What a deep copy finds in its memory it takes for the copy that it would make.
    copies: dict[int, nn.Module] = {
        id(layer): move_hooks(layer, TorchLayer(layer, device, dtype))
        for layer in network.modules()
        if isinstance(layer, TileLayer)
    }
    copied = copy.deepcopy(network, copies).to(device)
    for module in copied.modules():
        if isinstance(module, KeptDropout):
            module.layer.train()  # a chip is in eval(), and here torch's own layer draws
    return copied
