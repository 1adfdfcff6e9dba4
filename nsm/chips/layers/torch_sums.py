"""Reads of real-valued tensors by arrays whose sums are Gaussian, or free of noise, in torch.

Such a sum is u = E u + √(Var u) n with one standard normal n per output. The mean is linear in the
inputs and the variance in their squares, so a read is two products (or convolutions) and one normal
per output. States ±1 are read faster as packed bits; these reads are for the real values of
ordinary networks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor, nn

from crossbar import NeuronArray
from crossbar.arrays.programmed import read_as_one
from crossbar.reads.gaussian_sums import is_exactly_gaussian
from crossbar.reads.normals import add_noise, normals
from crossbar.reads.pair_moments import adds_alike
from crossbar.reads.reader import Reader
from crossbar.reads.span import Span
from devices.seeding import child
from devices.validation import Floats
from nsm.chips.layers.gaussian_laws import Law, laws_of
from nsm.nn.geometry import Patches

_CONVOLUTIONS = {2: nn.functional.conv2d, 3: nn.functional.conv3d}
_CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
#: Precisions in which sums are computed; smaller ones are computed in float32.
_PRECISIONS = (torch.float32, torch.float64)


class Stream(IntEnum):
    """Random streams of a read, by what is drawn from them."""

    OWN = 0
    SHARED = 1
    SHARED_OF_PATH = 2


@dataclass(frozen=True)
class _Weights:
    """A law as torch computes it: weight (columns, inputs or channels, *kernel), and constant."""

    weight: Tensor
    constant: Tensor


@dataclass(frozen=True)
class _Shared:
    """The noise of reference columns: its variance, the column of every output, and its factor."""

    variance: _Weights
    reference_of: Tensor
    factor: Tensor
    stream: Stream


@dataclass(frozen=True)
class _State:
    """The laws of all groups in one precision, for the arrays in one state."""

    readers: list[Reader]
    mean: _Weights
    own: _Weights | None
    shared: list[_Shared]


class TorchSums:
    """Sums of the bit lines of a layer, read in torch on the CPU.

    Reads follow the law of `NeuronArray.read_span`. What a read draws depends on the seed, the
    number of the read (locations included) and the output alone; the sums of a batch cut in another
    way may differ by rounding, as torch's products do.

    The laws of the arrays are put together when they are first needed, and again when the arrays
    have aged or changed.

    Args:
        neurons: The arrays of the layer, one for each group of a convolution's channels.
        patches: How a convolution cuts its inputs; None for fully connected layers.

    Raises:
        ValueError: The arrays do not fit, or their number is not that of the groups.
    """

    def __init__(self, neurons: Sequence[NeuronArray], patches: Patches | None = None):
        self.neurons = list(neurons)
        self.patches = patches
        self._states: dict[torch.dtype, _State] = {}
        if not self.fits(self.neurons):
            raise ValueError(
                "torch draws sums that are exactly Gaussian or free of noise, with one a_i per "
                f"output; this layer has the gate {self.neurons[0].hardware.gate!r} per "
                f"{self.neurons[0].hardware.gate_sharing} and cells with "
                f"{self.neurons[0].hardware.device.read_noise!r}: read it with NeuronArray.read"
            )
        groups = 1 if patches is None else patches.groups
        if len(self.neurons) != groups:
            raise ValueError(
                f"the layer got {len(self.neurons)} arrays; give one for each of its groups of "
                f"channels, {groups}"
            )

    @staticmethod
    def fits(neurons: Sequence[NeuronArray]) -> bool:
        """Return whether the reads of these arrays can be drawn here.

        They can if every sum is exactly Gaussian given the inputs or free of noise, gates are not
        those of word lines, the deterministic path has one a_i for every output, no DAC stands
        before the word lines, every array is read as one, and cells are ohmic and have no shot
        noise: currents are linear in the inputs, and variances in their squares.
        """
        if not all(group.is_plain for group in neurons):
            return False
        hardwares = [part.array.hardware for group in neurons for part in group.parts()]
        gaussian = all(
            is_exactly_gaussian(h) and not h.gates_word_lines and adds_alike(h) and h.is_ohmic
            for h in hardwares
        )
        return gaussian and all(group.a.ndim == 1 for group in neurons)

    @torch.no_grad()
    def read(self, x: Tensor, span: Span, seed: np.random.SeedSequence) -> Tensor:
        """Return u in weight units, before any comparator or converter.

        Args:
            x: Inputs (rows, ..., inputs), or (rows, channels, *sizes) of a convolution: the rows
                that the span needs, from the first on. Half precisions are computed in float32.
            span: Reads of the layer; each is made at all its locations.
            seed: Seed of the layer's arrays in this run.

        Returns:
            u (reads, ..., outputs), or (reads, outputs, *sizes) of a convolution, in float32 or
            float64. That of a convolution has its channels last in memory.

        Raises:
            ValueError: x does not hold real numbers of the CPU, or has a wrong number of rows.
        """
        rows = _rows(x, span)
        largest = float(x.abs().max()) if x.numel() else 0.0
        for neurons in self.neurons:
            neurons.drivers.note(largest, whole=False)
        state = self._state(x.dtype if x.dtype in _PRECISIONS else torch.float32)
        x = self._arranged(x.to(state.mean.weight.dtype))
        u = self._sums(x, state.mean)[rows]
        reads = span.at(math.prod(u.shape[1:-1]))
        squares = x * x if state.own or state.shared else x
        if state.own:
            variance = self._sums(squares, state.own)[rows]
            add_noise(_by_read(u), _by_read(variance), reads, child(seed, Stream.OWN))
        for of in state.shared:
            std = self._sums(squares, of.variance)[rows].clamp_min_(0).sqrt_()
            n = normals(reads, std.shape[-1], child(seed, of.stream))
            std *= torch.from_numpy(n).view(std.shape)
            u += of.factor * std[..., of.reference_of]
        return self._back(u)

    def _arranged(self, x: Tensor) -> Tensor:
        """Return x as the convolution takes it: of two axes at least, with its channels last."""
        if self.patches is None:
            return x
        x = x if self._pads_zeros else self.patches.pad(x)
        x = x.unsqueeze(2) if len(self.patches.kernel) == 1 else x
        return x.contiguous(memory_format=_CHANNELS_LAST[x.ndim - 2])

    def _sums(self, x: Tensor, of: _Weights) -> Tensor:
        """Return a product or convolution (rows, ..., columns), in C order."""
        if self.patches is None:
            return nn.functional.linear(x, of.weight, of.constant)
        p = self.patches
        out = _CONVOLUTIONS[x.ndim - 2](
            x,
            of.weight,
            of.constant,
            stride=_of_axes(p.stride, 1),
            padding=_of_axes(p.padding, 0) if self._pads_zeros else 0,
            dilation=_of_axes(p.dilation, 1),
            groups=len(self.neurons),
        )
        return out.movedim(1, -1).contiguous()

    @property
    def _pads_zeros(self) -> bool:
        """Whether the padding is one that torch's convolutions do without a copy of the inputs."""
        p = self.patches
        if p is None or p.padding_mode != "zeros" or max(p.spread or (1,)) > 1:
            return False
        return p.padding == p.padding_end and min(p.padding) >= 0

    def _back(self, u: Tensor) -> Tensor:
        """Return u with the axes of a layer's output."""
        if self.patches is None:
            return u
        u = u.movedim(-1, 1)
        return u.squeeze(2) if len(self.patches.kernel) == 1 else u

    def _state(self, dtype: torch.dtype) -> _State:
        """Return the laws of the arrays as they are now, in one precision."""
        readers = [
            read_as_one(part.array).reader for group in self.neurons for part in group.parts()
        ]
        state = self._states.get(dtype)
        if state is None or any(a is not b for a, b in zip(state.readers, readers, strict=True)):
            state = self._states[dtype] = _made(self.neurons, self.patches, readers, dtype)
        return state


def _made(
    neurons: Sequence[NeuronArray],
    patches: Patches | None,
    readers: list[Reader],
    dtype: torch.dtype,
) -> _State:
    """Return the laws of all groups in one precision."""
    groups = [laws_of(n) for n in neurons]
    a = torch.from_numpy(np.concatenate([n.a for n in neurons])).to(dtype)
    mean = Law.of_groups([g.mean for g in groups])
    own = Law.of_groups([g.own for g in groups])
    shared = [
        (Stream.SHARED, Law.of_groups([g.shared for g in groups]), torch.ones_like(a)),
        (Stream.SHARED_OF_PATH, Law.of_groups([g.shared_of_path for g in groups]), a),
    ]

    def weights(law: Law) -> _Weights:
        return _weights(law, patches, dtype)

    return _State(
        readers,
        weights(mean),
        weights(own) if own else None,
        [
            _Shared(weights(variance), _reference_of(neurons), factor, stream)
            for stream, variance, factor in shared
            if variance
        ],
    )


def _weights(law: Law, patches: Patches | None, dtype: torch.dtype) -> _Weights:
    """Return a law in torch, its weight in the shape of a kernel with channels last."""
    weight = torch.from_numpy(np.ascontiguousarray(law.weight)).to(dtype)
    if patches is not None:
        kernel = _of_axes(patches.kernel, 1)
        weight = weight.reshape(len(weight), -1, *kernel)
        weight = weight.contiguous(memory_format=_CHANNELS_LAST[len(kernel)])
    return _Weights(weight, torch.from_numpy(law.constant).to(dtype))


def _reference_of(neurons: Sequence[NeuronArray]) -> Tensor:
    """Return the reference column of every output, counted over all groups."""
    columns = [read_as_one(n.main).reader.cells.reference_of for n in neurons]
    counts = [read_as_one(n.main).reader.cells.conductances.g_neg.shape[1] for n in neurons]
    starts = accumulate(counts, initial=0)
    offset = [c + start for c, start in zip(columns, starts, strict=False) if c is not None]
    return torch.from_numpy(np.concatenate(offset))


def _of_axes(sizes: tuple[int, ...], of_new_axis: int) -> tuple[int, ...]:
    """Return sizes along two axes at least: a signal is an image of one row."""
    return (of_new_axis, *sizes) if len(sizes) == 1 else sizes


def _rows(x: Tensor, span: Span) -> Tensor | slice:
    """Return the row of x that each read sees; all of them where every read has its own.

    Raises:
        ValueError: x does not hold real numbers of the CPU, or has a wrong number of rows.
    """
    if not x.is_floating_point() or x.device.type != "cpu":
        raise ValueError(
            f"x has dtype {x.dtype} on {x.device}; give real numbers (floats) on the CPU"
        )
    rows = span.rows
    needed = int(rows[-1]) + 1 if len(rows) else 0
    if len(x) < needed:
        raise ValueError(f"x has {len(x)} rows, but the reads of the span need {needed}")
    one_each = len(x) == span.reads == needed
    return slice(None) if one_each else torch.from_numpy(rows)


def _by_read(a: Tensor) -> Floats:
    """Return (reads, ..., columns) as an array (reads · locations, columns) on the same memory."""
    return a.view(-1, a.shape[-1]).numpy()
