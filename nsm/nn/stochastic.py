"""Layers that draw random numbers, and how their streams are seeded."""

from typing import Any

import torch
from torch import nn

from devices.seeding import RNG, child, seed_number, seed_sequence


class Stochastic(nn.Module):
    """A layer that draws on every forward pass, from its own stream once `reseed` has given it one."""

    def __init__(self) -> None:
        super().__init__()
        self._seed: int | None = None
        self._generator: torch.Generator | None = None

    def generator(self, device: torch.device) -> torch.Generator | None:
        """Return the layer's generator on `device`, or None (torch's own) before any `reseed`."""
        if self._seed is not None and (self._generator is None or self._generator.device != device):
            self._generator = torch.Generator(device).manual_seed(self._seed)
        return self._generator

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_generator": None}


def reseed(model: nn.Module, rng: RNG) -> None:
    """Give every stochastic layer of `model` a stream of its own: same `rng`, same draws from here on."""
    seed = seed_sequence(rng)
    for index, layer in enumerate(m for m in model.modules() if isinstance(m, Stochastic)):
        layer._seed = seed_number(child(seed, index))
        layer._generator = None
