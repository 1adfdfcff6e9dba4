"""A chip's reads in torch, on any device.

They have the distribution of `MappedNetwork`'s reads, but torch draws the random numbers.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.reads.sampling import check_sampling
from devices.seeding import RNG, child, seed_number, seed_sequence
from devices.validation import Floats, instance, integer, shortened
from nsm.chips.chip import MappedNetwork
from nsm.chips.layers.tile_layer import ChipLayer, TileLayer
from nsm.chips.planning.chain import Chain
from nsm.chips.planning.check import without_fast_path
from nsm.chips.refused_images import refusing_images
from nsm.chips.runs import argument_spans, by_sample, check_rows
from nsm.chips.structures import mapped
from nsm.chips.torch_reads.layers import TorchLayer, on_device
from nsm.chips.torch_reads.pass_options import TorchReads, torch_reads
from nsm.nn.digital import as_numbers
from nsm.nn.stochastic import seed_torch


def _checked_device(device: str | torch.device) -> torch.device:
    """Return a device of torch; raise ValueError if it is none, or not here."""
    advice = "give 'cpu', or 'cuda' for a GPU"
    if not isinstance(device, (str, torch.device)):
        raise ValueError(f"device = {shortened(device)} is no device of torch; {advice}")
    try:
        found = torch.device(device)
    except (RuntimeError, ValueError):
        raise ValueError(f"device = {shortened(device)} is no device of torch; {advice}") from None
    if found.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device = {shortened(device)} is not supported; {advice}")
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device = {shortened(device)}: torch finds no GPU here; give 'cpu'")
    return found


class TorchChip:
    """The reads of a mapped network in torch.

    The conductances are those at construction: later calls of `chip.age` and
    `chip.scale_conductances` do not change them. Layers on tiles are read on the device, and
    digital modules are copied to it; digital layers of a chain are computed in numpy.

    Args:
        chip: The chip.
        device: Device of torch.
        dtype: Precision of sums, torch.float32 (default) or torch.float64.

    Raises:
        ValueError: An argument is none of these, or the device is not here; or naming a layer whose
            reads can be drawn neither as one normal per output nor with one random mask bit per
            gate, or that has a DAC, or arrays that are read in parts.
    """

    def __init__(
        self,
        chip: MappedNetwork,
        device: str | torch.device = "cpu",
        *,
        dtype: torch.dtype = torch.float32,
    ):
        instance("chip", chip, MappedNetwork)
        if not any(dtype is one for one in (torch.float32, torch.float64)):
            raise ValueError(
                f"dtype = {shortened(dtype)} is not allowed; give torch.float32 or torch.float64"
            )
        self.chip = chip
        self.device = _checked_device(device)
        self.dtype = dtype
        network = chip.network
        if isinstance(network, Chain):
            self.network: nn.Module = nn.ModuleList(self._of_chain(layer) for layer in network)
        else:
            self.network = on_device(network, self.device, dtype)

    def _of_chain(self, layer: nn.Module) -> nn.Module:
        assert isinstance(layer, ChipLayer)
        if isinstance(layer, TileLayer):
            return TorchLayer(layer, self.device, self.dtype)
        return _DigitalOnHost(layer)

    @torch.no_grad()
    def sample(
        self,
        x: Any,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = 1 << 16,
    ) -> Any:
        """Return the outputs of noisy passes, (samples, batch, ...).

        Arguments and result are those of `MappedNetwork.sample`. Reads depend on `rng` and on
        `reads_at_once`. Blank-out gates are the same on every device; the sums under them differ by
        rounding. Normals differ from device to device.
        """
        check_sampling(sampling)
        integer("samples", samples, at_least=1)
        integer("reads_at_once", reads_at_once, at_least=1)
        images = self.chip.check_images(x)
        batch = self.chip.inputs.batch(images)
        if not batch:
            return np.empty((samples, 0, self.chip.classes))
        seed = seed_sequence(rng)
        generator = torch.Generator(self.device)
        generator.manual_seed(seed_number(seed))
        key = int(seed.generate_state(2, np.uint64)[1])  # the generator takes the first number
        with torch_reads(TorchReads(sampling, generator, key)):
            if isinstance(images, np.ndarray):
                parts = self._passes_of_chain(images, samples, reads_at_once)
            else:
                with refusing_images(self.chip.model, self.chip.inputs, images):
                    parts = self._passes_of_network(images, samples, reads_at_once, seed)
        return by_sample(parts, batch, samples)

    def _passes_of_chain(self, images: Floats, samples: int, reads_at_once: int) -> list[Tensor]:
        rows = max(1, reads_at_once // samples)
        parts = []
        for some in torch.as_tensor(images, dtype=self.dtype).split(rows):
            z = some.to(self.device)
            for layer in self.network:  # type: ignore[attr-defined]
                # Layers before the first on tiles are computed once per image.
                if isinstance(layer, TorchLayer) and len(z) == len(some):
                    z = z.repeat_interleave(samples, dim=0)
                z = layer(z)
            parts.append(z)
        return parts

    def _passes_of_network(
        self,
        arguments: tuple[Any, ...],
        samples: int,
        reads_at_once: int,
        seed: np.random.SeedSequence,
    ) -> list[Any]:
        locations = max((layer.locations for layer in self.chip.layers), default=1)
        gpus = [self.device] if self.device.type == "cuda" else []
        moved = mapped(lambda t: t.to(self.device), arguments)
        parts = []
        for span, needed in argument_spans(
            self.chip.inputs, moved, samples, reads_at_once // locations
        ):
            with without_fast_path(), torch.random.fork_rng(devices=gpus):
                # What the network itself draws from torch, such as dropout that is kept on.
                seed_torch(seed_number(child(seed, span.first)))
                outputs = self.network(*needed)
            check_rows(outputs, span.reads, needed)
            parts.append(outputs)
        return parts


class _DigitalOnHost(nn.Module):
    """A layer of a chain without devices, computed in numpy."""

    def __init__(self, layer: ChipLayer):
        super().__init__()
        self._layer = layer

    def forward(self, z: Tensor) -> Tensor:
        """Return the layer's outputs on the device of its inputs."""
        values = as_numbers(self._layer(z.cpu().double().numpy()))
        return torch.as_tensor(values, dtype=z.dtype).to(z.device)
