"""A chip's reads in torch, on any device.

They have the distribution of `MappedNetwork`'s reads, but torch draws the random numbers.
"""

from collections.abc import Callable

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from crossbar import TiledArray
from crossbar.arrays.layer_arrays import Part
from crossbar.arrays.programmed import read_as_one
from crossbar.reads.gaussian_sums import is_exactly_gaussian
from crossbar.reads.law import bernoulli_sums, gaussian_sums
from crossbar.reads.moments import ReadMoments
from crossbar.reads.polarities import Polarity, bernoulli_polarities
from crossbar.reads.sampling import check_sampling
from devices.seeding import RNG, seed_number, seed_sequence
from devices.validation import Floats, integer
from nsm.chips.chip import MappedNetwork
from nsm.chips.layers import ChipLayer, TileLayer
from nsm.chips.readouts import Comparators
from nsm.nn.digital import as_numbers
from nsm.nn.geometry import Patches

#: Masks drawn at a time: it bounds the memory of the device.
CELLS_AT_ONCE = 1 << 26


class TorchChip:
    """The reads of a mapped network in torch.

    The conductances are those at construction: later calls of `chip.age` and
    `chip.scale_conductances` do not change them.

    Args:
        chip: The chip.
        device: Device of torch.
        dtype: Precision of sums.

    Raises:
        ValueError: Reads of this hardware can be drawn neither as one normal per output nor with
            one random mask bit per gate.
    """

    def __init__(
        self,
        chip: MappedNetwork,
        device: str | torch.device = "cpu",
        *,
        dtype: torch.dtype = torch.float32,
    ):
        self.chip = chip
        self.device = torch.device(device)
        self.dtype = dtype
        self._layers = [self._on_device(layer) for layer in chip.network]

    def _on_device(self, layer: nn.Module) -> "_TorchLayer | _DigitalOnHost":
        assert isinstance(layer, ChipLayer)
        if isinstance(layer, TileLayer):
            return _TorchLayer(layer, self.device, self.dtype)
        return _DigitalOnHost(layer, self.device, self.dtype)

    def sample(
        self,
        x: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = 1 << 16,
    ) -> Floats:
        """Return logits (samples, batch, classes); arguments as of `MappedNetwork.sample`.

        Reads depend on `rng`, and also on `reads_at_once` and on torch's device.
        """
        check_sampling(sampling)
        integer("samples", samples, at_least=1)
        images = torch.as_tensor(self.chip.check_images(x), dtype=self.dtype)
        generator = torch.Generator(self.device)
        generator.manual_seed(seed_number(seed_sequence(rng)))
        rows = max(1, reads_at_once // samples)
        parts = [self._pass(b, samples, sampling, generator) for b in images.split(rows)]
        return torch.cat(parts).transpose(0, 1).double().cpu().numpy()

    def _pass(
        self, images: Tensor, samples: int, sampling: str, generator: torch.Generator
    ) -> Tensor:
        z = images.to(self.device)
        for layer in self._layers:
            # Layers before the first on tiles are computed once per image.
            if layer.reads_tiles and len(z) == len(images):
                z = z.repeat_interleave(samples, dim=0)
            z = layer(z, sampling, generator)
        return z.reshape(len(images), samples, -1)


class _DigitalOnHost:
    """A layer without devices, computed in numpy."""

    reads_tiles = False

    def __init__(self, layer: ChipLayer, device: torch.device, dtype: torch.dtype):
        self._layer = layer
        self._device = device
        self._dtype = dtype

    def __call__(self, z: Tensor, sampling: str, generator: torch.Generator) -> Tensor:
        values = as_numbers(self._layer(z.cpu().double().numpy()))
        return torch.as_tensor(values, dtype=self._dtype).to(self._device)


class _TorchBackend:
    """Read-out of sums in torch, with the generator of a run.

    Args:
        like: Sums whose device, precision and number of reads count.
        generator: Random numbers.
    """

    def __init__(self, like: Tensor, generator: torch.Generator):
        self._like = like
        self._generator = generator

    def vector(self, values: Floats) -> Tensor:
        return torch.as_tensor(values, dtype=self._like.dtype, device=self._like.device)

    def logistic(self, columns: int) -> Tensor:
        shape = (len(self._like), columns)
        uniform = torch.rand(
            shape, generator=self._generator, dtype=self._like.dtype, device=self._like.device
        )
        return torch.logit(uniform.clamp_min(1e-30))

    def compare(self, u: Tensor, comparators: Comparators) -> Tensor:
        scale = comparators.amperes_per_weight
        u = u + self.vector(comparators.offsets / scale)
        noise = comparators.comparator.noise / scale
        if noise:
            u = u + noise * _standard_normal(u.shape, u, self._generator)
        return torch.where(u >= 0, 1.0, -1.0).to(u.dtype)


def _standard_normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)


class _TorchLayer:
    """One layer on tiles: its arrays, and its read-out."""

    reads_tiles = True

    def __init__(self, layer: TileLayer, device: torch.device, dtype: torch.dtype):
        self._layer = layer

        def on_device(a: Floats) -> Tensor:
            return torch.as_tensor(a, dtype=dtype, device=device)

        neurons = layer.neurons
        if not neurons.is_plain:
            raise ValueError(
                f"{layer.name}: torch reads need inputs without a DAC and arrays that are read as "
                "one (no converters per tile, no bit slices); read the chip itself"
            )
        self._parts = [
            (p.part, _TorchArray(read_as_one(p.array), on_device)) for p in neurons.parts()
        ]
        self._a = on_device(neurons.a)
        self._threshold = on_device(neurons.threshold)

    def __call__(self, z: Tensor, sampling: str, generator: torch.Generator) -> Tensor:
        shape: tuple[int, ...] = (1, 1)
        patches = self._layer.patches
        if patches is not None:
            shape = patches.out_shape(*z.shape[2:])
            z = _unfold(z, patches)
        u = self._threshold.expand(len(z), -1).clone()
        for part, array in self._parts:
            if part is Part.BIAS:
                x = torch.ones((len(z), array.lines), dtype=z.dtype, device=z.device)
                u += array.read(x, sampling, generator)
            elif part is Part.DETERMINISTIC_PATH:
                read = array.read(z, sampling, generator)
                u += self._a_of_reads(len(read)) * read
            else:
                u += array.read(z, sampling, generator)
        backend = _TorchBackend(u, generator)
        converters = self._layer.neurons.converters
        if converters is not None:
            u = converters.convert(
                u, lambda: _standard_normal(u.shape, u, generator), vector=backend.vector
            )
        out: Tensor = self._layer.readout.apply(u, backend)
        return out if patches is None else out.reshape(-1, *shape, out.shape[1]).movedim(3, 1)

    def _a_of_reads(self, reads: int) -> Tensor:
        """Return a for every read: one row for all, or the rows of the locations in turn."""
        return self._a if self._a.ndim == 1 else self._a.repeat(reads // len(self._a), 1)


def _unfold(z: Tensor, patches: Patches) -> Tensor:
    """Return the patches of images, (images · locations, channels · kernel)."""
    windows = nn.functional.unfold(
        patches.pad(z), patches.kernel, stride=patches.stride, dilation=patches.dilation
    )
    return windows.transpose(1, 2).reshape(-1, windows.shape[1])


class _TorchArray:
    """The matrices of one array's read: its moments, and under a Bernoulli gate its polarities."""

    def __init__(self, tiles: TiledArray, on_device: Callable[[Floats], Tensor]):
        self.lines = tiles.inputs
        hardware = tiles.hardware
        cells = tiles.reader.cells
        gate = hardware.gate.bernoulli
        self._gates_word_lines = hardware.gates_word_lines and gate is not None
        moments = tiles.reader.moments
        if self._gates_word_lines:
            moments = ReadMoments(cells.ungated(), tiles.noise_state)
        m = moments.matrices
        self._mean = on_device(m.mean)
        self._own = on_device(m.own) if m.own.any() else None
        self._shared = on_device(m.shared) if m.shared.any() else None
        reference_of = cells.reference_of
        self._reference_of = None if reference_of is None else torch.as_tensor(reference_of)
        gaussian = is_exactly_gaussian(hardware)
        polarities = None if gaussian else bernoulli_polarities(cells)
        needs_more = hardware.gates_word_lines and gate is None
        if needs_more or (polarities is None and not gaussian):
            raise ValueError(
                "torch reads need Gaussian noise or a blank-out gate; this hardware has the gate "
                f"{hardware.gate!r} per {hardware.gate_sharing} and cells with "
                f"{hardware.device.read_noise!r}: read the chip itself"
            )
        self._polarities = [
            Polarity(
                on_device(p.signal),
                None if p.variance is None else on_device(p.variance),
                None if p.columns is None else torch.as_tensor(p.columns),  # type: ignore[arg-type]
            )
            for p in polarities or []
        ]
        self._p, self._low = gate or (1.0, 0.0)

    def read(self, x: Tensor, sampling: str, generator: torch.Generator) -> Tensor:
        """Return u (reads, bit lines) in weight units, one read for every row of x."""
        if self._gates_word_lines:
            x = x * self._gate(x.shape, x, generator)
        if sampling == "moments" or not self._polarities:
            return self._gaussian(x, generator)
        rows = max(1, CELLS_AT_ONCE // self._mean.numel())
        return torch.cat([self._gated(part, generator) for part in x.split(rows)])

    def _gate(self, shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
        """Return factors of the gate: 1 with probability p, otherwise `low`."""
        uniform = torch.rand(shape, generator=generator, dtype=like.dtype, device=like.device)
        return self._low + (1 - self._low) * (uniform < self._p).to(like.dtype)

    def _gaussian(self, x: Tensor, generator: torch.Generator) -> Tensor:
        def std(variance: Tensor | None) -> Tensor | None:
            return None if variance is None else ((x * x) @ variance).clamp_min(0).sqrt()

        def normals(which: str, columns: int) -> Tensor:
            return _standard_normal((len(x), columns), x, generator)

        references = None if self._reference_of is None else self._reference_of.to(x.device)
        shared = None if references is None else std(self._shared)
        u: Tensor = gaussian_sums(x @ self._mean, std(self._own), shared, references, normals)
        return u

    def _gated(self, x: Tensor, generator: torch.Generator) -> Tensor:
        def draw(index: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
            polarity = self._polarities[index]
            xi = self._gate((len(x), *polarity.signal.shape), x, generator)
            signal = torch.einsum("rm,rmn->rn", x, xi * polarity.signal)
            if polarity.variance is None:
                return signal, None, None
            variance = torch.einsum("rm,rmn->rn", x * x, xi * xi * polarity.variance)
            return signal, variance, _standard_normal(signal.shape, x, generator)

        u: Tensor = bernoulli_sums([p.columns for p in self._polarities], draw)
        return u
