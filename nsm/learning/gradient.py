"""Which gradient a chip computes: derivative of its neurons, norm of their weights, reads back."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.validation import boolean, choice

DERIVATIVES = ("exact", "box")
NORMS = ("row", "constant")
#: Reads of the transposed array: through the gates, through an array without gates, or exact.
BACKWARD_READS = ("gated", "ungated", "ideal")

Singles = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """The gradient of a network on a chip.

    A neuron of a neural sampling machine fires with P = (1 + erf v_i)/2, where
    v_i = (β_i w_i·x + b_i/s)/‖w_i‖. With g_i = ∂L/∂z_i · d(2P − 1)/dv its gradient is

        ∂L/∂w_ij = g_i (β_i x_j/‖w_i‖ − v_i w_ij/‖w_i‖²)

    (Detorakis et al. 2019, eq. 6 and 7, with the bias). The second term is the radial one: without
    bias it makes the gradient orthogonal to w_i, which keeps its norm. The defaults compute the
    first term alone; `radial=True` adds the second. The paper's conjecture of a rule without
    multiplications is `Gradient(derivative="box", norm="constant")` with `periphery="frozen"`.

    Attributes:
        derivative: d(2P − 1)/dv: "exact" (default), (2/√π) exp(−v²); or "box", 1 where |v| < 1 and
            0 elsewhere, which has the same area. Sigmoid neurons at sums u have
            (1 − tanh²(u/2))/2, or 1/2 where |u| < 2 and 0 elsewhere. Rectifiers have their own
            slope, and deterministic signs that of the identity; the box does not change them.
        norm: β_i/‖w_i‖ of each "row" as it is now (default), or the "constant" mean of the layer
            at the start of learning.
        radial: Whether the second term is added (default False): it needs a read of every row, and
            only rules that add up gradients digitally can use it.
        backward: What the transposed read sees: "ungated" (default; the deterministic array, or
            the main array with all gates conducting), "gated" (the main array, with fresh noise),
            or "ideal" (the weights of the main array, exactly).

    Raises:
        ValueError: A name is unknown.
    """

    derivative: str = "exact"
    norm: str = "row"
    radial: bool = False
    backward: str = "ungated"

    def __post_init__(self) -> None:
        choice("derivative", self.derivative, DERIVATIVES)
        choice("norm", self.norm, NORMS)
        choice("backward", self.backward, BACKWARD_READS)
        boolean("Gradient.radial", self.radial)

    def of_argument(self, v: Singles) -> Singles:
        """Return d(2P − 1)/dv at erf arguments v."""
        if self.derivative == "box":
            return (np.abs(v) < 1).astype(np.float32)
        return np.float32(2 / math.sqrt(math.pi)) * np.exp(-v * v)

    def of_sigmoid(self, u: Singles) -> Singles:
        """Return d(2P − 1)/du of sigmoid neurons at sums u."""
        if self.derivative == "box":
            return np.float32(0.5) * (np.abs(u) < 2)
        return np.float32(0.5) * (1 - np.tanh(u / 2) ** 2)
