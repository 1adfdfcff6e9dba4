"""What the models of the zoo share: seeds, settled batch norms, inputs."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from zlib import crc32

import torch
from torch import Tensor, nn

Example = tuple[nn.Module, tuple[Any, ...]]
Builder = Callable[[], Example]
BATCH = 3


def uniform(*shape: int) -> Tensor:
    """Return inputs between −1 and 1."""
    return 2 * torch.rand(*shape) - 1


def settled(model: nn.Module) -> nn.Module:
    """Give normalization layers statistics and affine parameters as after training."""
    for module in model.modules():
        if getattr(module, "running_var", None) is not None:
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.3, 2)
        if "Norm" in type(module).__name__ and getattr(module, "weight", None) is not None:
            with torch.no_grad():
                module.weight.normal_(1, 0.3)
                module.bias.normal_(0, 0.3)
    return model


class Zoo(dict[str, Builder]):
    """Builders of models with their inputs by name. Every call builds the same model."""

    def add(self, build: Builder) -> Builder:
        """Add a builder under the name of its function, as a decorator."""
        self.put(build.__name__, build)
        return build

    def put(self, name: str, build: Builder) -> None:
        """Add a builder under a name. It draws from a seed of its own."""

        @wraps(build)
        def seeded() -> Example:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(crc32(name.encode()))
                model, inputs = build()
                return settled(model).eval(), inputs

        assert name not in self, name
        self[name] = seeded

    def layer(self, name: str, make: Callable[[], nn.Module], *shape: int) -> None:
        """Add a model that is one layer, or a short `nn.Sequential`, with inputs of a shape."""
        self.put(name, lambda: (make(), (uniform(BATCH, *shape),)))
