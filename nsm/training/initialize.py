"""Data-dependent initialization of neural sampling layers (Detorakis et al. 2019, eq. 8)."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from devices.seeding import RNG
from devices.validation import array, instance
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.stochastic import reseed


def initialize(model: nn.Sequential, x: ArrayLike, *, rng: RNG = None) -> None:
    """Set β and b of every NSM layer so that its erf argument has mean 0 and deviation 1 over `x`.

    With t = w·z/‖w‖ and its mean μ and standard deviation σ over the batch: β = 1/σ and
    b = −μ ‖w‖ √(2 Var ξ)/σ (Detorakis et al. 2019, eq. 8, here exact with the bias). For
    real-valued inputs, ‖w∘x‖ takes the place of ‖w‖ in t, and its batch mean that in b.

    In a convolution the batch of a channel is all its locations; with a β for every location, b
    keeps the channel's mean at 0. A layer with `beta="native"` keeps its β, and one without bias
    keeps its mean.

    The layers are set in order, each on one noisy pass through the initialized layers in front of
    it. In a deeper layer σ is therefore the deviation over images and noise together, and only a
    part of the variance 1 distinguishes images. With independent weights, many inputs and normal
    arguments, this part q is 1 in the first layer, and q' = (2/π) arcsin(2q/3) in the layer behind
    one of q: 0.46, 0.20, 0.09 in the second, third and fourth layer. It is E erf(x) erf(x') of two
    passes whose arguments correlate by q.

    Args:
        model: The network, changed in place.
        x: (images, inputs), finite, at least two images.
        rng: Seed of the noise: a seed, a Generator or None.

    Raises:
        ValueError: If the network has no neural sampling layer or x fewer than two images.
    """
    instance("model", model, nn.Sequential, advice="give a network of layers in a row")
    images = array("x", x, ndim=2, truth_values=True)
    if not any(isinstance(layer, NeuralSampling) for layer in model):
        raise ValueError(
            "initialize sets β and b of neural sampling layers, but the network has none"
        )
    if len(images) < 2:
        raise ValueError(
            f"initialize takes means over images, and x has {len(images)}; give at least two"
        )
    reseed(model, rng)
    parameter = next(model.parameters())
    z = torch.as_tensor(images, dtype=parameter.dtype, device=parameter.device)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, NeuralSampling):
                _set_on(layer, z)
            z = layer(z)


def _set_on(layer: NeuralSampling, z: Tensor) -> None:
    """Set β and b of one layer on its inputs z."""
    product, norm, _ = layer.terms(z)
    t = product / norm.clamp_min(torch.finfo(norm.dtype).tiny)
    all_but_channels = [axis for axis in range(t.ndim) if axis != 1]
    over = [0] if layer.beta.ndim > 1 else all_but_channels
    if layer.beta_mode == "learned":
        # The lower limit keeps β finite for a neuron that gives the same t for every image.
        layer.beta.copy_(1 / t.std(dim=over, correction=0).clamp_min(1e-6))
    if layer.bias is not None:
        mean = (t * layer.broadcast_outputs(layer.beta)).mean(dim=all_but_channels)
        size = norm.expand_as(t).mean(dim=all_but_channels)
        layer.bias.copy_(-mean * layer.s * size)
