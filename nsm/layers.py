"""The neural sampling layer: sign of a noisy sum forward, the gradient of its firing probability backward."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from devices import BlankOut, GaussianNoise, ReadNoise
from devices._checks import choice, integer, number
from devices._rng import RNG, child, seed_sequence

NOISES = ("bernoulli", "gaussian")
SITES = ("synapse", "neuron")
BETAS = ("learned", "native")


class _SignOfNoisySum(torch.autograd.Function):
    """Forward: sgn(u), sgn(0) = +1. Backward: d(2P − 1)/dv = (2/√π) exp(−v²), with 2P − 1 = erf(v)."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, u: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return torch.where(u >= 0, 1.0, -1.0).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (v,) = ctx.saved_tensors
        return grads[0] * (2 / math.sqrt(math.pi)) * torch.exp(-v * v), None


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
        layer._seed = int(child(seed, index).generate_state(1, np.uint64)[0] >> 1)
        layer._generator = None


class NSMLinear(Stochastic):
    """Fully connected neural sampling layer: z = sgn(Σ_j (ξ_ij + a_i) w_ij x_j + b_i), always noisy.

    x: (..., in_features), any real values; z: (..., out_features) in {−1, +1}. Drawn on every forward pass, in `train()`
    and `eval()` alike: ξ_ij ~ Bernoulli(p) or N(1, sigma²), fresh per synapse (`site="synapse"`: one normal per output
    with the exact mean and variance) or one mask per input line shared by all outputs (`site="neuron"`).

    β is the parameter and a = β √(2 Var ξ) − E ξ is derived. `beta="native"` freezes β = E ξ / √(2 Var ξ), i.e. a = 0:
    one read per neuron, no second path. The gradient is that of the firing probability
    P(z = 1) = ½ (1 + erf(v)), v = β w·x/‖w∘x‖ + b/(√(2 Var ξ) ‖w∘x‖) (Detorakis et al. 2019, eqs. 4–7, with the bias
    and for real-valued x). Raises ValueError for an unknown option, p outside (0, 1), sigma ≤ 0, or a wrong width.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        noise: str = "bernoulli",
        p: float = 0.5,
        sigma: float = 1.0,
        site: str = "synapse",
        beta: str = "learned",
    ) -> None:
        super().__init__()
        self.in_features = integer("NSMLinear.in_features", in_features, at_least=1)
        self.out_features = integer("NSMLinear.out_features", out_features, at_least=1)
        self.noise = choice("noise", noise, NOISES)
        self.site = choice("site", site, SITES)
        self.beta_mode = choice("beta", beta, BETAS)
        self.p = number("NSMLinear.p", p, above=0, below=1)
        self.sigma = number("NSMLinear.sigma", sigma, above=0)
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None
        start = torch.ones(out_features)
        if self.beta_mode == "native":
            self.register_buffer("beta", start * self.mean / self.s)
        else:
            self.beta = nn.Parameter(start)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases from U(−1/√in, 1/√in), as `torch.nn.Linear` does."""
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    @property
    def read_noise(self) -> ReadNoise:
        """The noise the layer is trained with, as a device would show it."""
        return BlankOut(self.p) if self.noise == "bernoulli" else GaussianNoise(self.sigma)

    @property
    def mean(self) -> float:
        """E ξ."""
        return self.p if self.noise == "bernoulli" else 1.0

    @property
    def variance(self) -> float:
        """Var ξ."""
        return self.p * (1 - self.p) if self.noise == "bernoulli" else self.sigma**2

    @property
    def s(self) -> float:
        """√(2 Var ξ)."""
        return math.sqrt(2 * self.variance)

    @property
    def a(self) -> Tensor:
        """Gain of the deterministic path per output, a = β √(2 Var ξ) − E ξ."""
        return self.beta * self.s - self.mean

    def extra_repr(self) -> str:
        strength = f"p={self.p}" if self.noise == "bernoulli" else f"sigma={self.sigma}"
        return (
            f"{self.in_features}, {self.out_features}, bias={self.bias is not None}, noise={self.noise!r}, {strength}, "
            f"site={self.site!r}, beta={self.beta_mode!r}"
        )

    def _terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return w·x, ‖w∘x‖ and b, the last two broadcasting against the first."""
        if x.shape[-1] != self.in_features:
            raise ValueError(
                f"NSMLinear got inputs of shape {tuple(x.shape)}; the last axis must be {self.in_features}"
            )
        product = nn.functional.linear(x, self.weight)
        if bool((x.detach().abs() == 1).all()):  # ±1 states: the norm is that of the weights, whatever x
            norm = self.weight.norm(dim=1)
        else:
            square = nn.functional.linear(x * x, self.weight * self.weight)
            norm = torch.where(square > 0, square, 1).sqrt() * (square > 0)  # √ has no gradient at 0
        bias = self.bias if self.bias is not None else torch.zeros((), dtype=x.dtype, device=x.device)
        return product, norm, bias

    def argument(self, x: Tensor) -> Tensor:
        """Return v of shape (..., out_features) with P(z = 1 | x) = ½ (1 + erf v)."""
        product, norm, bias = self._terms(x)
        return self._argument(product, norm, bias)

    def _argument(self, product: Tensor, norm: Tensor, bias: Tensor) -> Tensor:
        # A row that sees only zeros is not noisy at all: v = ±∞ in value, and without gradient.
        silent = norm == 0
        v = (self.beta * product + bias / self.s) / torch.where(silent, torch.ones_like(norm), norm)
        return torch.where(silent, torch.where(bias >= 0, math.inf, -math.inf).to(v.dtype), v)

    def forward(self, x: Tensor) -> Tensor:
        product, norm, bias = self._terms(x)
        v = self._argument(product, norm, bias)
        generator = self.generator(x.device)
        with torch.no_grad():
            if self.site == "synapse":
                normal = torch.randn(product.shape, generator=generator, dtype=x.dtype, device=x.device)
                u = self.s * self.beta * product + bias + math.sqrt(self.variance) * norm * normal
            else:
                if self.noise == "bernoulli":
                    xi = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device) < self.p
                else:
                    xi = 1 + self.sigma * torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
                u = nn.functional.linear(xi * x, self.weight) + self.a * product + bias
        z: Tensor = _SignOfNoisySum.apply(v, u)
        return z


class Binarize(Stochastic):
    """Digital ±1 coding of the input: +1 where x ≥ threshold, else −1. No gradient.

    flip: in `train()` alone, the probability that an input changes sign, drawn on every pass (a regulariser, as dropout).
    """

    def __init__(self, threshold: float = 0.5, *, flip: float = 0.0) -> None:
        super().__init__()
        self.threshold = number("Binarize.threshold", threshold)
        self.flip = number("Binarize.flip", flip, at_least=0, below=0.5)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.where(x >= self.threshold, 1.0, -1.0).to(x.dtype)
        if self.training and self.flip:
            uniform = torch.rand(z.shape, generator=self.generator(x.device), dtype=x.dtype, device=x.device)
            z = torch.where(uniform < self.flip, -z, z)
        return z

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, flip={self.flip}"
