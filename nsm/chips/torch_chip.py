"""A chip's reads in torch, on whatever device: one normal per output, or blank-out with a mask for every synapse."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from crossbar import TiledArray
from crossbar.reads.moments import check_sampling, is_exactly_gaussian
from crossbar.reads.reader import Side
from devices.seeding import RNG, seed_number, seed_sequence
from devices.validation import Floats, integer
from nsm.chips.chip import ArrayStep, DigitalStep, MappedNetwork
from nsm.nn.geometry import Patches

CELLS_AT_ONCE = 1 << 26  # masks drawn at once: bounds the device's memory


class TorchChip:
    """A mapped network as it stands now, read by torch on `device`; later ageing or gain of the chip does not reach it.

    The same law as the chip's own reads, other random numbers: torch's generator on the device, seeded by `rng`. Raises
    ValueError where the hardware needs more than one normal per output or per-synapse blank-out masks.
    """

    def __init__(
        self,
        chip: MappedNetwork,
        device: str | torch.device = "cpu",
        *,
        dtype: torch.dtype = torch.float32,
    ):
        self.chip, self.device, self.dtype = chip, torch.device(device), dtype
        self._steps = [
            s if isinstance(s, DigitalStep) else _TorchLayer(s, self.device, dtype)
            for s in chip.steps
        ]

    def sample(
        self,
        x: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = 1 << 16,
    ) -> Floats:
        """Return logits (samples, batch, classes); arguments as of `MappedNetwork.sample`."""
        check_sampling(sampling)
        integer("samples", samples, at_least=1)
        images = torch.as_tensor(self.chip._check(x), dtype=self.dtype)
        generator = torch.Generator(self.device).manual_seed(seed_number(seed_sequence(rng)))
        rows = max(1, reads_at_once // samples)
        parts = [self._pass(b, samples, sampling, generator) for b in images.split(rows)]
        return torch.cat(parts).transpose(0, 1).double().cpu().numpy()

    def _pass(
        self, images: Tensor, samples: int, sampling: str, generator: torch.Generator
    ) -> Tensor:
        z = images.to(self.device)
        first = True
        for step in self._steps:
            if isinstance(step, DigitalStep):
                z = torch.as_tensor(
                    _as_values(step.apply(z.cpu().double().numpy())), dtype=self.dtype
                ).to(self.device)
                continue
            if first:
                z, first = z.repeat_interleave(samples, dim=0), False
            z = step(z, sampling, generator)
        return z.reshape(len(images), samples, -1)


def _as_values(z: Floats) -> Floats:
    return np.where(z, 1.0, -1.0) if z.dtype == bool else z


class _TorchLayer:
    """One layer on tiles: its arrays, and its read-out."""

    def __init__(self, step: ArrayStep, device: torch.device, dtype: torch.dtype):
        neurons, hardware = step.neurons, step.neurons.hardware
        self.step = step

        def on_device(a: Floats) -> Tensor:
            return torch.as_tensor(a, dtype=dtype, device=device)

        arrays = (
            (neurons.main, None),
            (neurons.deterministic, on_device(neurons.a)),
            (neurons.bias_lines, None),
        )
        self.parts = [(_TorchArray(a, on_device), gain) for a, gain in arrays if a is not None]
        self.bias_part = len(self.parts) - 1 if neurons.bias_lines is not None else -1
        self.threshold = on_device(neurons.threshold)
        self.offsets = on_device(step.offsets / step.amperes_per_weight)
        self.row_gain = on_device(step.row_gain)
        self.noise = hardware.comparator.noise / step.amperes_per_weight

    def __call__(self, z: Tensor, sampling: str, generator: torch.Generator) -> Tensor:
        shape, patches = (1, 1), self.step.patches
        if patches is not None:
            shape, z = patches.out_shape(*z.shape[2:]), _unfold(z, patches)
        u = self.threshold.expand(len(z), -1).clone()
        for index, (part, gain) in enumerate(self.parts):
            x = (
                torch.ones((len(z), part.lines), dtype=z.dtype, device=z.device)
                if index == self.bias_part
                else z
            )
            read = part.read(x, sampling, generator)
            if gain is not None and gain.ndim == 2:  # a row for each location
                gain = gain.repeat(len(read) // len(gain), 1)
            u += read if gain is None else gain * read
        u = self._read_out(u, generator)
        return u if patches is None else u.reshape(-1, *shape, u.shape[1]).movedim(3, 1)

    def _read_out(self, u: Tensor, generator: torch.Generator) -> Tensor:
        step = self.step
        if step.kind == "linear":
            adc, scale = step.neurons.hardware.adc, step.amperes_per_weight
            if adc is None:
                return u / self.row_gain
            converted = adc.convert(u.cpu().double().numpy() * scale, step.full_scale) / scale
            return torch.as_tensor(converted).to(u) / self.row_gain
        if step.kind == "sigmoid":
            uniform = torch.rand(
                u.shape, generator=generator, dtype=u.dtype, device=u.device
            ).clamp_min(1e-30)
            u = u / self.row_gain + torch.logit(uniform)
        u = u + self.offsets
        if self.noise:
            u = u + self.noise * torch.randn(
                u.shape, generator=generator, dtype=u.dtype, device=u.device
            )
        return torch.where(u >= 0, 1.0, -1.0).to(u.dtype)


def _unfold(z: Tensor, patches: Patches) -> Tensor:
    windows = nn.functional.unfold(
        z, patches.kernel, stride=patches.stride, padding=patches.padding
    )
    return windows.transpose(1, 2).reshape(-1, windows.shape[1])


class _TorchArray:
    """One array's moment matrices and, under a blank-out gate, the matrices that masks choose from."""

    def __init__(self, tiled: TiledArray, on_device: Callable[[Floats], Tensor]):
        cells, self.hardware, self.lines = tiled.cells, tiled.hardware, tiled.inputs
        self.by_word_line = (
            self.hardware.gates_word_lines and self.hardware.gate.bernoulli is not None
        )
        matrices = cells.matrices(gated=not self.by_word_line)
        self.mean, self.own = on_device(matrices.mean), on_device(matrices.own)
        self.shared = on_device(matrices.shared)
        self.reference_of = (
            None if cells.reference_of is None else torch.as_tensor(cells.reference_of)
        )
        sides = None if is_exactly_gaussian(self.hardware) else cells.blank_out()
        unknown_gate = self.hardware.gates_word_lines and not self.by_word_line
        if unknown_gate or (sides is None and not is_exactly_gaussian(self.hardware)):
            raise ValueError(
                f"torch reads need normal noise or a blank-out gate; this hardware has the gate "
                f"{self.hardware.gate!r} per {self.hardware.gate_sharing} and cells with "
                f"{self.hardware.device.read_noise!r}: read the chip itself"
            )
        self.sides = [
            Side(
                s.sign,
                on_device(s.signal),
                None if s.variance is None else on_device(s.variance),
                s.columns,
            )
            for s in sides or []
        ]
        self.p, self.low = self.hardware.gate.bernoulli or (1.0, 0.0)

    def read(self, x: Tensor, sampling: str, generator: torch.Generator) -> Tensor:
        if self.by_word_line:
            x = x * self._xi(x.shape, x, generator)
        if sampling == "moments" or not self.sides:
            return self._one_normal(x, generator)
        rows = max(1, CELLS_AT_ONCE // self.mean.numel())
        return torch.cat([self._masked(part, generator) for part in x.split(rows)])

    def _xi(self, shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
        """Return factors of the gate: 1 with probability p, else `low`."""
        conducts = (
            torch.rand(shape, generator=generator, dtype=like.dtype, device=like.device) < self.p
        )
        return self.low + (1 - self.low) * conducts.to(like.dtype)

    def _one_normal(self, x: Tensor, generator: torch.Generator) -> Tensor:
        def normal(variance: Tensor) -> Tensor:
            spread = ((x * x) @ variance).clamp_min(0).sqrt()
            return spread * torch.randn(
                spread.shape, generator=generator, dtype=x.dtype, device=x.device
            )

        u = x @ self.mean
        if bool(self.own.any()):
            u = u + normal(self.own)
        if self.reference_of is not None and bool(self.shared.any()):
            u = u + normal(self.shared)[:, self.reference_of.to(u.device)]
        return u

    def _masked(self, x: Tensor, generator: torch.Generator) -> Tensor:
        u: Tensor | float = 0.0
        for side in self.sides:
            shape = (len(x), *side.signal.shape)
            xi = self._xi(shape, x, generator)
            part = torch.einsum("rm,rmn->rn", x, xi * side.signal)
            if side.variance is not None:
                spread = torch.einsum("rm,rmn->rn", x * x, xi * xi * side.variance).sqrt()
                part = part + spread * torch.randn(
                    part.shape, generator=generator, dtype=x.dtype, device=x.device
                )
            u = u + side.sign * (
                part if side.columns is None else part[:, torch.as_tensor(side.columns)]
            )
        assert isinstance(u, Tensor)
        return u
