"""Layers that draw random numbers, and how their streams are seeded."""

from typing import Any

import torch
from torch import Tensor, nn

from devices.seeding import RNG, child, seed_number, seed_sequence
from nsm.nn.described import Described


class Stochastic(Described, nn.Module):
    """A layer that draws on every forward pass.

    It draws from torch's own stream until `reseed` has given it a separate one.
    """

    draws_in_eval = True

    def __init__(self) -> None:
        super().__init__()
        self._seed: int | None = None
        self._generator: torch.Generator | None = None

    def generator(self, device: torch.device) -> torch.Generator | None:
        """Return the layer's generator on `device`, or None (torch's own) before any `reseed`."""
        if self._seed is not None and (self._generator is None or self._generator.device != device):
            self._generator = torch.Generator(device).manual_seed(self._seed)
        return self._generator

    def uniform(self, like: Tensor) -> Tensor:
        """Return numbers uniform in [0, 1) of the shape, precision and device of `like`."""
        generator = self.generator(like.device)
        return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)

    def normal(self, like: Tensor) -> Tensor:
        """Return standard normal numbers of the shape, precision and device of `like`."""
        generator = self.generator(like.device)
        return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)

    def __getstate__(self) -> dict[str, Any]:
        # torch.Generator cannot be pickled. A copy starts its stream anew from the seed.
        return {**self.__dict__, "_generator": None}


def reseed(model: nn.Module, rng: RNG) -> None:
    """Give every stochastic layer of `model` an independent stream.

    Args:
        model: The network; its layers are changed in place.
        rng: A seed, a numpy Generator or None (a fresh seed). The same seed gives the same draws
            from here on.
    """
    seed = seed_sequence(rng)
    for index, layer in enumerate(m for m in model.modules() if isinstance(m, Stochastic)):
        layer._seed = seed_number(child(seed, index))
        layer._generator = None


def seed_torch(seed: int) -> None:
    """Seed torch's own stream, from which layers such as `torch.nn.Dropout` draw.

    It is `torch.manual_seed` for the CPU and for the GPUs in use. GPUs that nothing has used are
    left asleep: preparing them takes `torch.manual_seed` two seconds in its first call, since it
    loads the compiler of torch, and milliseconds in each other one.

    Args:
        seed: The seed.
    """
    torch.default_generator.manual_seed(int(seed))
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(int(seed))
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(int(seed))
