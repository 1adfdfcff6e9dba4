"""What the two neural sampling layers share: parameters, noise, forward pass, gradient."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from devices import ReadNoise
from devices.validation import boolean, choice, number
from nsm.nn.described import as_float64
from nsm.nn.geometry import Patches
from nsm.nn.noise_law import NoiseLaw, noise_law
from nsm.nn.on_chip import OnTiles, SampledNeurons
from nsm.nn.sign_checks import all_signs
from nsm.nn.stochastic import Stochastic
from nsm.nn.surrogate_gradients import (
    SignOfNoisySum,
    SignOfNormalizedSum,
    SignUnderNoise,
    certain_of_silent,
    norm_of_rows,
)

SITES = ("synapse", "neuron")
BETAS = ("learned", "native")


class SamplingParameters(Stochastic):
    """Parameters of a neural sampling layer, the law of its noise, how it is stored and mapped.

    Attributes:
        weight: (outputs, inputs) or (outputs, channels, rows, columns) of a convolution.
        bias: (outputs,), or None.
        beta: Factor β of the normalized weights, (outputs,) or (outputs, height, width) with one
            for every location.
        law: The law of ξ.
        site: "synapse" (independent noise per synapse) or "neuron" (one factor per input, shared by
            all outputs).
        beta_mode: "learned", or "native" where β is fixed to E ξ / √(2 Var ξ), so that a = 0.
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
        outputs = shape[0]
        name = type(self).__name__
        self.p = number(f"{name}.p", p, above=0, below=1)
        self.sigma = number(f"{name}.sigma", sigma, above=0)
        self.law: NoiseLaw = noise_law(noise, p=self.p, sigma=self.sigma)
        self.noise = noise
        self.site = choice("site", site, SITES)
        self.beta_mode = choice("beta", beta, BETAS)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(outputs)) if boolean(f"{name}.bias", bias) else None
        start = torch.ones(outputs, *locations)
        if self.beta_mode == "native":
            self.register_buffer("beta", start * self.mean / self.s)
        else:
            self.beta = nn.Parameter(start)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases from U(−1/√n, 1/√n), n the fan-in, as torch's own layers do."""
        bound = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    @property
    def read_noise(self) -> ReadNoise:
        """The noise that the layer is trained with, as the read noise of a device or gate."""
        return self.law.device_noise()

    @property
    def mean(self) -> float:
        """E ξ."""
        return self.law.mean

    @property
    def variance(self) -> float:
        """Var ξ."""
        return self.law.variance

    @property
    def s(self) -> float:
        """√(2 Var ξ)."""
        return self.law.noise_scale

    @property
    def a(self) -> Tensor:
        """Factor of the deterministic path per output, a = β √(2 Var ξ) − E ξ."""
        return self.beta * self.s - self.mean

    def extra_repr(self) -> str:
        bias = self.bias is not None
        options = f"site={self.site!r}, beta={self.beta_mode!r}"
        return f"bias={bias}, noise={self.noise!r}, {self.law}, {options}"

    def noise_config(self) -> dict[str, Any]:
        """Return the arguments that all neural sampling layers share, as files store them."""
        return {
            "bias": self.bias is not None,
            "noise": self.noise,
            "p": self.p,
            "sigma": self.sigma,
            "site": self.site,
            "beta": self.beta_mode,
        }

    def effective_weight(self) -> Tensor:
        """Return the weights."""
        return self.weight

    def patches(self) -> Patches | None:
        """Return how a convolution cuts its inputs; None for a fully connected layer."""
        return None

    def on_chip(self) -> OnTiles:
        """Return weights, biases and β; the hardware's noise then decides on a."""
        native = self.beta_mode == "native"
        beta = as_float64(self.beta)
        if native:  # the buffer holds it in float32, but it is known exactly
            beta = np.full(beta.shape, self.mean / self.s)
        by_location = np.moveaxis(beta.reshape(len(self.weight), -1), 0, 1)
        return OnTiles(
            weight=as_float64(self.weight.flatten(1)),
            bias=None if self.bias is None else as_float64(self.bias),
            neurons=SampledNeurons(beta=by_location, native=native, noise_scale=self.s),
            patches=self.patches(),
        )


class NeuralSampling(SamplingParameters):
    """Base class of the neural sampling layers, z = sgn(u) of a noisy sum u.

    The gradient is that of the firing probability.

    A subclass defines `weighted_sum`, `broadcast_outputs` and `check_inputs`; `config`, so that it
    can be stored; and, if it has padding, `norm_of_signs` and `same_norm_for_all_signs`. A training
    rule overrides `forward`, which can use `argument`, `noisy_sum`, `terms` and `quotient`.
    """

    def weighted_sum(self, x: Tensor, weight: Tensor, shift: Tensor | None = None) -> Tensor:
        """Return Σ_j weight_ij x_j, plus `shift` per output where given."""
        raise NotImplementedError

    def broadcast_outputs(self, vector: Tensor) -> Tensor:
        """Return a per-output vector in a shape that broadcasts against the layer's output."""
        raise NotImplementedError

    def check_inputs(self, x: Tensor) -> None:
        """Raise ValueError if the layer cannot take inputs of the shape of x."""
        raise NotImplementedError

    def norm_of_signs(self, x: Tensor) -> Tensor:
        """Return ‖w∘x‖, broadcasting against the outputs, for x = ±1; it does not depend on x."""
        return self.broadcast_outputs(norm_of_rows(self.weight))

    def same_norm_for_all_signs(self) -> bool:
        """Return whether ‖w∘x‖ is ‖w‖ for every output and every x = ±1.

        Padding with zeros makes it smaller at the border.
        """
        return True

    def terms(self, x: Tensor, *, of_signs: bool | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return w·x, ‖w∘x‖ and b, the last two broadcasting against the first.

        Args:
            x: Inputs.
            of_signs: Whether all of x is ±1; None (the default) if that is to be checked.
        """
        self.check_inputs(x)
        product = self.weighted_sum(x, self.weight)
        signed = all_signs(x) if of_signs is None else of_signs
        norm = self.norm_of_signs(x) if signed else self.norm_of_values(x)
        if self.bias is None:
            return product, norm, torch.zeros((), dtype=x.dtype, device=x.device)
        return product, norm, self.broadcast_outputs(self.bias)

    def norm_of_values(self, x: Tensor) -> Tensor:
        """Return ‖w∘x‖ of every output, for any x."""
        square = self.weighted_sum(x * x, self.weight * self.weight)
        # The square root has an infinite slope at 0. Where the sum is 0, the root of 1 is taken
        # instead, and the product with False stops the gradient.
        return torch.where(square > 0, square, 1).sqrt() * (square > 0)

    def argument(self, x: Tensor) -> Tensor:
        """Return v of the output's shape with P(z = 1 | x) = ½ (1 + erf v)."""
        return self._argument_and_norm(x, all_signs(x))[0]

    def _argument_and_norm(self, x: Tensor, of_signs: bool) -> tuple[Tensor, Tensor]:
        """Return v, and ‖w∘x‖ broadcasting against it, with 1 in place of 0."""
        if not (of_signs and self.same_norm_for_all_signs()):
            product, norm, bias = self.terms(x, of_signs=of_signs)
            return self.quotient(product, norm, bias), torch.where(norm == 0, 1, norm)
        self.check_inputs(x)
        # ‖w∘x‖ = ‖w‖ does not depend on x: v is a weighted sum of rescaled weights (faster).
        norm = norm_of_rows(self.weight)
        size = torch.where(norm == 0, 1, norm)
        shift = certain_of_silent(self.bias, norm, norm == 0, self.s * size)
        norm_of_outputs = self.broadcast_outputs(size)
        if self._rescales_weights(x):
            factor = (self.beta / size).view(-1, *(1,) * (self.weight.ndim - 1))
            return self.weighted_sum(x, self.weight * factor, shift), norm_of_outputs
        factor = self.beta / size.view(-1, *(1,) * (self.beta.ndim - 1))
        v = torch.addcmul(
            self.broadcast_outputs(shift),
            self.broadcast_outputs(factor),
            self.weighted_sum(x, self.weight),
        )
        return v, norm_of_outputs

    def _is_matrix_product(self) -> bool:
        """Return whether `weighted_sum` is torch's linear function."""
        return False

    def _rescales_weights(self, x: Tensor) -> bool:
        """Return whether weights are rescaled by β/‖w‖, not the outputs: whichever are fewer."""
        return self.beta.ndim == 1 and self.weight.numel() < x.numel()

    def quotient(self, product: Tensor, norm: Tensor, bias: Tensor) -> Tensor:
        """Return v = (β w·x + b/s)/‖w∘x‖ from the three `terms`.

        A neuron that sees only zeros has no noise: v is ±∞, without gradient.

        Args:
            product: w·x.
            norm: ‖w∘x‖, broadcasting against the product.
            bias: b, broadcasting against the product.
        """
        silent = norm == 0
        size = torch.where(silent, torch.ones_like(norm), norm)
        v = (self.broadcast_outputs(self.beta) * product + bias / self.s) / size
        certain = torch.where(bias >= 0, math.inf, -math.inf).to(v.dtype)
        return torch.where(silent, certain, v)

    def _factors(self, x: Tensor) -> Tensor:
        """Return fresh factors ξ of x's shape: neuron noise, one factor per input."""
        generator = self.generator(x.device)
        return self.law.sample(x.shape, generator=generator, dtype=x.dtype, device=x.device)

    def noisy_sum(self, x: Tensor) -> Tensor:
        """Return u = Σ_j (ξ_ij + a_i) w_ij x_j + b_i under fresh noise, with gradients."""
        product, norm, bias = self.terms(x)
        if self.site == "synapse":
            deviation = math.sqrt(self.variance) * norm * self.normal(product)
            return self.s * self.broadcast_outputs(self.beta) * product + bias + deviation
        noisy = self.weighted_sum(self._factors(x) * x, self.weight)
        return noisy + self.broadcast_outputs(self.a) * product + bias

    def _noisy(self, v: Tensor) -> Tensor:
        """Return u/(√(2 Var ξ) ‖w∘x‖) for independent synapses, in memory of its own.

        It has the sign of u, the mean v and the variance ½.
        """
        normal = self.normal(v)
        return torch.add(v, normal, alpha=math.sqrt(0.5), out=normal)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor
        of_signs = all_signs(x)
        same_norm = of_signs and self.same_norm_for_all_signs()
        if self.site == "synapse" and same_norm and not self._rescales_weights(x):
            self.check_inputs(x)
            multiplies = self._is_matrix_product()
            terms = x if multiplies else self.weighted_sum(x, self.weight)
            of_neurons = self.weight, self.beta, self.bias, self.s, self.broadcast_outputs
            z = SignOfNormalizedSum.apply(terms, *of_neurons, self._noisy, multiplies)
            return z
        v, norm = self._argument_and_norm(x, of_signs)
        if self.site == "synapse":
            z = SignUnderNoise.apply(v, self._noisy)
            return z
        with torch.no_grad():
            deviation = self.weighted_sum((self._factors(x) - self.mean) * x, self.weight)
            u = v + deviation / (self.s * norm)
        z = SignOfNoisySum.apply(v, u)
        return z
