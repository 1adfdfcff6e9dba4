"""The fully connected neural sampling layer."""

from typing import Any

from torch import Tensor, nn

from devices.validation import integer
from nsm.nn.neural_sampling import NeuralSampling


class NSMLinear(NeuralSampling):
    """Fully connected neural sampling layer: z = sgn(Σ_j (ξ_ij + a_i) w_ij x_j + b_i).

    Inputs x (..., in_features) are any real values; outputs z (..., out_features) are −1 or +1. The
    noise is drawn on every forward pass, in `train()` and `eval()` alike. The trained parameter is
    β; a = β √(2 Var ξ) − E ξ follows.

    The gradient is that of the firing probability P(z = 1) = ½ (1 + erf v) with v = β w·x/‖w∘x‖ +
    b/(√(2 Var ξ) ‖w∘x‖) (Detorakis et al. 2019, eqs. 4–7, here with the bias and for real-valued x;
    if all x are ±1, ‖w∘x‖ does not depend on x).

    Args:
        in_features: Number of inputs.
        out_features: Number of neurons.
        bias: Whether the neurons have biases b_i.
        noise: Law of ξ: "bernoulli" (blank-out) or "gaussian", N(1, sigma²).
        p: Probability that blank-out noise transmits, in (0, 1).
        sigma: Standard deviation of Gaussian noise, above 0.
        site: "synapse": independent noise per synapse (drawn as one normal per output with the
            exact mean and variance); "neuron": one factor per input, shared by all outputs.
        beta: "learned"; or "native", which fixes β = E ξ/√(2 Var ξ), so that a = 0: one read per
            neuron without a deterministic path.

    Raises:
        ValueError: For an unknown option, p or sigma out of range, or inputs of another width.
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
        self.in_features = inputs
        self.out_features = outputs

    def weighted_sum(self, x: Tensor, weight: Tensor, shift: Tensor | None = None) -> Tensor:
        return nn.functional.linear(x, weight, shift)

    def _is_matrix_product(self) -> bool:
        return type(self).weighted_sum is NSMLinear.weighted_sum

    def broadcast_outputs(self, vector: Tensor) -> Tensor:
        return vector

    def check_inputs(self, x: Tensor) -> None:
        if x.shape[-1] != self.in_features:
            raise ValueError(
                f"NSMLinear got inputs of shape {tuple(x.shape)}; "
                f"the last axis must be {self.in_features}"
            )

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        shape = {"in_features": self.in_features, "out_features": self.out_features}
        return {**shape, **self.noise_config()}

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, {super().extra_repr()}"
