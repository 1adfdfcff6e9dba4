"""The laws of the multiplicative noise that a neural sampling layer is trained with."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from devices import BlankOut, GaussianNoise, ReadNoise
from devices.validation import choice


class NoiseLaw(Protocol):
    """Law of the factor ξ by which the noise multiplies each weighted input."""

    @property
    def mean(self) -> float:
        """E ξ."""

    @property
    def variance(self) -> float:
        """Var ξ."""

    @property
    def noise_scale(self) -> float:
        """s = √(2 Var ξ), the unit of the erf argument."""

    def sample(
        self,
        shape: torch.Size,
        *,
        generator: torch.Generator | None,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Tensor:
        """Return independent factors ξ of that shape."""

    def device_noise(self) -> ReadNoise:
        """Return the same noise as the read noise of a device or gate."""


@dataclass(frozen=True)
class BernoulliLaw:
    """Blank-out noise: ξ = 1 with probability p, else 0.

    Attributes:
        p: Probability that an input is transmitted, in (0, 1).
    """

    p: float

    @property
    def mean(self) -> float:
        """E ξ = p."""
        return self.p

    @property
    def variance(self) -> float:
        """Var ξ = p (1 − p)."""
        return self.p * (1 - self.p)

    @property
    def noise_scale(self) -> float:
        """s = √(2 Var ξ)."""
        return math.sqrt(2 * self.variance)

    def sample(
        self,
        shape: torch.Size,
        *,
        generator: torch.Generator | None,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Tensor:
        """Return independent factors, each 0 or 1."""
        uniform = torch.rand(shape, generator=generator, dtype=dtype, device=device)
        return (uniform < self.p).to(dtype)

    def device_noise(self) -> ReadNoise:
        """Return `devices.BlankOut` of the same p."""
        return BlankOut(self.p)

    def __str__(self) -> str:
        return f"p={self.p}"


@dataclass(frozen=True)
class GaussianLaw:
    """Gaussian noise: ξ ~ N(1, sigma²).

    Attributes:
        sigma: Standard deviation, above 0.
    """

    sigma: float

    @property
    def mean(self) -> float:
        """E ξ = 1."""
        return 1.0

    @property
    def variance(self) -> float:
        """Var ξ = sigma²."""
        return self.sigma**2

    @property
    def noise_scale(self) -> float:
        """s = √(2 Var ξ)."""
        return math.sqrt(2 * self.variance)

    def sample(
        self,
        shape: torch.Size,
        *,
        generator: torch.Generator | None,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Tensor:
        """Return independent factors around 1."""
        return 1 + self.sigma * torch.randn(shape, generator=generator, dtype=dtype, device=device)

    def device_noise(self) -> ReadNoise:
        """Return `devices.GaussianNoise` of the same sigma."""
        return GaussianNoise(self.sigma)

    def __str__(self) -> str:
        return f"sigma={self.sigma}"


def noise_law(noise: str, *, p: float, sigma: float) -> NoiseLaw:
    """Return the law that a layer's options name.

    Args:
        noise: "bernoulli" or "gaussian".
        p: Used by the Bernoulli law.
        sigma: Used by the Gaussian law.

    Raises:
        ValueError: If `noise` is neither of the two.
    """
    laws: dict[str, NoiseLaw] = {"bernoulli": BernoulliLaw(p), "gaussian": GaussianLaw(sigma)}
    return laws[choice("noise", noise, laws)]
