"""The neural sampling layer: sign of a noisy sum forward, the gradient of its firing probability backward."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from devices import BlankOut, GaussianNoise, ReadNoise
from devices.validation import choice, integer, number
from nsm.nn.geometry import out_size
from nsm.nn.stochastic import Stochastic
from nsm.nn.surrogate_gradients import SignOfNoisySum, _RowNorm, signs

NOISES = ("bernoulli", "gaussian")
SITES = ("synapse", "neuron")
BETAS = ("learned", "native")


class NeuralSampling(Stochastic):
    """What fully connected and convolutional neural sampling layers share; not used by itself.

    A subclass says what a weighted sum is (`_sum`), how per-output vectors lie beside it (`_beside`), and what inputs it
    takes (`_check`).
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        bias: bool,
        noise: str,
        p: float,
        sigma: float,
        site: str,
        beta: str,
        locations: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        outputs, name = shape[0], type(self).__name__
        self.noise = choice("noise", noise, NOISES)
        self.site = choice("site", site, SITES)
        self.beta_mode = choice("beta", beta, BETAS)
        self.p = number(f"{name}.p", p, above=0, below=1)
        self.sigma = number(f"{name}.sigma", sigma, above=0)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        start = torch.ones(outputs, *locations)
        if self.beta_mode == "native":
            self.register_buffer("beta", start * self.mean / self.s)
        else:
            self.beta = nn.Parameter(start)
        self.reset_parameters()

    def _sum(self, x: Tensor, weight: Tensor, shift: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def _beside(self, vector: Tensor) -> Tensor:
        raise NotImplementedError

    def _check(self, x: Tensor) -> None:
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw weights and biases from U(−1/√n, 1/√n), n the fan-in, as torch's own layers do."""
        bound = 1 / math.sqrt(self.weight[0].numel())
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
        return f"bias={self.bias is not None}, noise={self.noise!r}, {strength}, site={self.site!r}, beta={self.beta_mode!r}"

    def _terms(self, x: Tensor, *, of_signs: bool | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return w·x, ‖w∘x‖ and b, the last two broadcasting against the first. of_signs: x is ±1; None: to be found out."""
        self._check(x)
        product = self._sum(x, self.weight)
        signed = self._sees_signs(x) if of_signs is None else of_signs
        norm = self._norm_of_signs(x) if signed else self._norm(x)
        bias = (
            torch.zeros((), dtype=x.dtype, device=x.device)
            if self.bias is None
            else self._beside(self.bias)
        )
        return product, norm, bias

    def _norm(self, x: Tensor) -> Tensor:
        """Return ‖w∘x‖ of every output."""
        square = self._sum(x * x, self.weight * self.weight)
        return torch.where(square > 0, square, 1).sqrt() * (square > 0)  # √ has no gradient at 0

    def _norm_of_signs(self, x: Tensor) -> Tensor:
        """Return ‖w∘x‖ beside the outputs for x = ±1: a constant of x."""
        return self._beside(self._row_norm())

    def _same_for_all_signs(self) -> bool:
        """Whether an output's ‖w∘x‖ is ‖w‖ for x = ±1."""
        return True

    def _row_norm(self) -> Tensor:
        norm: Tensor = _RowNorm.apply(self.weight)
        return norm

    def _sees_signs(self, x: Tensor) -> bool:
        if not x.numel():
            return True
        least, most = torch.aminmax(x.detach().square())
        return bool(least == 1) and bool(most == 1)

    def argument(self, x: Tensor) -> Tensor:
        """Return v of the output's shape with P(z = 1 | x) = ½ (1 + erf v)."""
        return self._argument_and_norm(x)[0]

    def _argument_and_norm(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return v, and ‖w∘x‖ beside it, 1 where that is 0."""
        of_signs = self._sees_signs(x)
        if not (of_signs and self._same_for_all_signs()):
            product, norm, bias = self._terms(x, of_signs=of_signs)
            return self._argument(product, norm, bias), torch.where(norm == 0, 1, norm)
        self._check(x)  # ‖w∘x‖ = ‖w‖: v is a sum too, of weights of its own
        norm = self._row_norm()
        silent = norm == 0
        size = torch.where(silent, 1, norm)
        bias = torch.zeros_like(norm) if self.bias is None else self.bias
        shift = torch.where(
            silent, torch.where(bias >= 0, math.inf, -math.inf).to(norm.dtype), bias / self.s / size
        )
        beside = self._beside(size)
        if (
            self.beta.ndim == 1 and self.weight.numel() < x.numel()
        ):  # the scale goes where there is less to scale
            return self._sum(
                x, self.weight * (self.beta / size).view(-1, *(1,) * (self.weight.ndim - 1)), shift
            ), beside
        scale = self.beta / size.view(-1, *(1,) * (self.beta.ndim - 1))
        return torch.addcmul(
            self._beside(shift), self._beside(scale), self._sum(x, self.weight)
        ), beside

    def _argument(self, product: Tensor, norm: Tensor, bias: Tensor) -> Tensor:
        # A neuron that sees only zeros is not noisy at all: v = ±∞ in value, and without gradient.
        silent = norm == 0
        v = (self._beside(self.beta) * product + bias / self.s) / torch.where(
            silent, torch.ones_like(norm), norm
        )
        return torch.where(silent, torch.where(bias >= 0, math.inf, -math.inf).to(v.dtype), v)

    def _mask(self, x: Tensor) -> Tensor:
        """Return fresh factors ξ of x's shape: the noise of input lines."""
        generator = self.generator(x.device)
        if self.noise == "bernoulli":
            uniform = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
            return (uniform < self.p).to(x.dtype)
        return 1 + self.sigma * torch.randn(
            x.shape, generator=generator, dtype=x.dtype, device=x.device
        )

    def _normal(self, like: Tensor) -> Tensor:
        return torch.randn(
            like.shape, generator=self.generator(like.device), dtype=like.dtype, device=like.device
        )

    def noisy_sum(self, x: Tensor) -> Tensor:
        """Return u = Σ_j (ξ_ij + a_i) w_ij x_j + b_i under fresh noise, with a gradient for all that is in it."""
        product, norm, bias = self._terms(x)
        if self.site == "synapse":
            spread = math.sqrt(self.variance) * norm * self._normal(product)
            return self.s * self._beside(self.beta) * product + bias + spread
        return self._sum(self._mask(x) * x, self.weight) + self._beside(self.a) * product + bias

    def forward(self, x: Tensor) -> Tensor:
        v, norm = self._argument_and_norm(x)
        with (
            torch.no_grad()
        ):  # u/(√(2 Var ξ) ‖w∘x‖) has the sign of u: its mean is v, and by synapse its variance ½
            if self.site == "synapse":
                u = torch.add(v, self._normal(v), alpha=math.sqrt(0.5))
            else:
                u = v + self._sum((self._mask(x) - self.mean) * x, self.weight) / (self.s * norm)
        z: Tensor = SignOfNoisySum.apply(v, u)
        return z


class NSMLinear(NeuralSampling):
    """Fully connected neural sampling layer: z = sgn(Σ_j (ξ_ij + a_i) w_ij x_j + b_i), always noisy.

    x: (..., in_features), any real values; z: (..., out_features) in {−1, +1}. Drawn on every forward pass, in `train()`
    and `eval()` alike: ξ_ij ~ Bernoulli(p) or N(1, sigma²), fresh per synapse (`site="synapse"`: one normal per output
    with the exact mean and variance) or one mask per input line shared by all outputs (`site="neuron"`).

    β is the parameter and a = β √(2 Var ξ) − E ξ is derived. `beta="native"` freezes β = E ξ / √(2 Var ξ), i.e. a = 0:
    one read per neuron, no second path. The gradient is that of the firing probability
    P(z = 1) = ½ (1 + erf(v)), v = β w·x/‖w∘x‖ + b/(√(2 Var ξ) ‖w∘x‖) (Detorakis et al. 2019, eqs. 4–7, with the bias
    and for real-valued x; where all x are ±1, ‖w∘x‖ is a constant of x).
    Raises ValueError for an unknown option, p outside (0, 1), sigma ≤ 0, or a wrong width.
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
        inputs = integer("NSMLinear.in_features", in_features, at_least=1)
        outputs = integer("NSMLinear.out_features", out_features, at_least=1)
        super().__init__(
            (outputs, inputs), bias=bias, noise=noise, p=p, sigma=sigma, site=site, beta=beta
        )
        self.in_features, self.out_features = inputs, outputs

    def _sum(self, x: Tensor, weight: Tensor, shift: Tensor | None = None) -> Tensor:
        return nn.functional.linear(x, weight, shift)

    def _beside(self, vector: Tensor) -> Tensor:
        return vector

    def _check(self, x: Tensor) -> None:
        if x.shape[-1] != self.in_features:
            raise ValueError(
                f"NSMLinear got inputs of shape {tuple(x.shape)}; the last axis must be {self.in_features}"
            )

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, {super().extra_repr()}"


def _pair(name: str, value: int | tuple[int, int], *, at_least: int) -> tuple[int, int]:
    both = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(both) != 2:
        raise ValueError(
            f"{name} = {value!r} is not allowed; give one whole number, or one for each direction"
        )
    return integer(name, both[0], at_least=at_least), integer(name, both[1], at_least=at_least)


class NSMConv2d(NeuralSampling):
    """Convolutional neural sampling layer: every output location is a neuron, with fresh noise for each of its synapses.

    x: (batch, in_channels, height, width), any real values; z: (batch, out_channels, height', width') in {−1, +1}, with
    kernel_size, stride and padding as `torch.nn.Conv2d`. Padded inputs are zeros and carry no noise: at the border the
    norm runs over the inputs that are there. The bias belongs to a channel; β too, since a crossbar column that is reused
    over positions has one a, unless `locations` (height', width' of z) gives every neuron its own, as the authors' networks
    have it: inputs must then be of that one size. With `site="neuron"` one mask per input is shared by channels and
    overlapping windows. The rest as in `NSMLinear`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
        noise: str = "bernoulli",
        p: float = 0.5,
        sigma: float = 1.0,
        site: str = "synapse",
        beta: str = "learned",
        locations: tuple[int, int] | None = None,
    ) -> None:
        inputs = integer("NSMConv2d.in_channels", in_channels, at_least=1)
        outputs = integer("NSMConv2d.out_channels", out_channels, at_least=1)
        kernel = _pair("NSMConv2d.kernel_size", kernel_size, at_least=1)
        own_beta_at = (
            () if locations is None else _pair("NSMConv2d.locations", locations, at_least=1)
        )
        shape = (outputs, inputs, *kernel)
        super().__init__(
            shape,
            bias=bias,
            noise=noise,
            p=p,
            sigma=sigma,
            site=site,
            beta=beta,
            locations=own_beta_at,
        )
        self.locations = own_beta_at or None
        self.in_channels, self.out_channels, self.kernel_size = inputs, outputs, kernel
        self.stride = _pair("NSMConv2d.stride", stride, at_least=1)
        self.padding = _pair("NSMConv2d.padding", padding, at_least=0)

    def _sum(self, x: Tensor, weight: Tensor, shift: Tensor | None = None) -> Tensor:
        return nn.functional.conv2d(x, weight, shift, stride=self.stride, padding=self.padding)

    def _beside(self, vector: Tensor) -> Tensor:
        return vector[:, None, None] if vector.ndim == 1 else vector

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of z for inputs of that size."""
        return out_size((height, width), self.kernel_size, self.stride, self.padding)

    def _same_for_all_signs(self) -> bool:
        return self.padding == (0, 0)

    def _norm_of_signs(
        self, x: Tensor
    ) -> Tensor:  # at the border, of the inputs that are there: one image does for all
        return (
            super()._norm_of_signs(x)
            if self._same_for_all_signs()
            else self._norm(torch.ones_like(x[:1]))
        )

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"NSMConv2d got inputs of shape {tuple(x.shape)}; give (batch, {self.in_channels}, height, width)"
            )
        if self.locations is not None and self.out_size(*x.shape[2:]) != self.locations:
            raise ValueError(
                f"NSMConv2d has a β for each of {self.locations} locations, but inputs of shape {tuple(x.shape)} give "
                f"{self.out_size(*x.shape[2:])}; give inputs of the size it was made for, or leave locations out"
            )

    def extra_repr(self) -> str:
        shape = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        own = "" if self.locations is None else f", locations={self.locations}"
        return f"{shape}, stride={self.stride}, padding={self.padding}, {super().extra_repr()}{own}"


class Binarize(Stochastic):
    """Digital ±1 coding of the input: +1 where x ≥ threshold, else −1. No gradient.

    flip: in `train()` alone, the probability that an input changes sign, drawn on every pass (a regulariser, as dropout).
    """

    def __init__(self, threshold: float = 0.5, *, flip: float = 0.0) -> None:
        super().__init__()
        self.threshold = number("Binarize.threshold", threshold)
        self.flip = number("Binarize.flip", flip, at_least=0, below=0.5)

    def forward(self, x: Tensor) -> Tensor:
        z = signs(x.detach() - self.threshold)
        if self.training and self.flip:
            uniform = torch.rand(
                z.shape, generator=self.generator(x.device), dtype=x.dtype, device=x.device
            )
            z = torch.where(uniform < self.flip, -z, z)
        return z

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, flip={self.flip}"
