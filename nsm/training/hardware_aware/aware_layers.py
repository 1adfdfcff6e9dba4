"""Layers whose sums are those of a chip, with gradients for the weights of the network.

Gradients are straight-through: a weight inside the range moves the mean of its read as it would
without levels, errors and stuck cells, and a clipped one does not.
"""

import math

import torch
from torch import Tensor, nn

from nsm.chips.planning.plan import CONVOLUTIONS
from nsm.nn.geometry import Patches
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.on_chip import LogisticNeurons, SampledNeurons
from nsm.nn.rules import StraightThrough
from nsm.nn.sign_checks import all_signs
from nsm.nn.stochastic import Stochastic
from nsm.nn.surrogate_gradients import SignOfNoisySum, SignOfSigmoid, SignThrough
from nsm.training.hardware_aware.drawn_converters import straight
from nsm.training.hardware_aware.drawn_layer import DrawnLayer
from nsm.training.hardware_aware.slots import Slot


def sums(x: Tensor, weight: Tensor, constant: Tensor | None, patches: Patches | None) -> Tensor:
    """Return weight · x + constant of a layer, of its convolution if it has patches.

    Args:
        x: Inputs.
        weight: (outputs, inputs), or (outputs, inputs of a group) of a grouped convolution.
        constant: (outputs,), or None.
        patches: How a convolution cuts its inputs; None for fully connected layers.
    """
    if patches is None:
        return nn.functional.linear(x, weight, constant)
    unbatched = x.ndim == len(patches.kernel) + 1
    padded = patches.pad(x[None] if unbatched else x)
    kernels = weight.reshape(len(weight), -1, *patches.kernel)
    out: Tensor = CONVOLUTIONS[len(patches.kernel)](
        padded,
        kernels,
        constant,
        stride=patches.stride,
        dilation=patches.dilation,
        groups=patches.groups,
    )
    return out[0] if unbatched else out


class AwareLayer(nn.Module):
    """A layer whose weights are read from a chip; base class.

    Attributes:
        layer: The layer of the network, with its parameters.
        slot: What is on tiles.
        drawn: The layer of the present chip.
    """

    drawn: DrawnLayer

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self.layer = slot.layer
        self.slot = slot
        self.patches = slot.patches

    def standard_normal(self, like: Tensor) -> Tensor:
        """Return fresh standard normal numbers of a shape."""
        raise NotImplementedError

    def _a(self) -> Tensor:
        """Return the factors of the deterministic path with their gradient to β."""
        beta = getattr(self.layer, "beta", None)
        if not isinstance(beta, Tensor) or not beta.requires_grad:
            return self.drawn.a
        by_location = beta if beta.ndim == 1 else beta.flatten(1).T
        return straight(self.drawn.a, self.drawn.noise_scale * by_location)

    def over_outputs(self, vector: Tensor, u: Tensor) -> Tensor:
        """Return (outputs,) or (locations, outputs) in a shape that broadcasts against sums u."""
        axes = 0 if self.patches is None else len(self.patches.kernel)
        if vector.ndim == 1:
            return vector.view(-1, *(1,) * axes)
        return vector.T.reshape(-1, *u.shape[u.ndim - axes :])

    def driven(self, x: Tensor) -> Tensor:
        """Return what drives the word lines for inputs x."""
        dac = self.drawn.dac
        return x if dac is None else dac.levels(x, self.patches)

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean of the sums.

        Args:
            x: What drives the word lines.
        """
        d = self.drawn
        w = self.slot.matrix()
        moved = (w - w.detach()) * d.in_range
        bias = getattr(self.layer, "bias", None)
        constant = d.constant if bias is None else straight(d.constant, d.bias_factor * bias)
        main = d.main + d.noise_mean[:, None] * moved
        a = self._a()
        if not bool(d.a.any()):
            return sums(x, main, constant, self.patches)
        path = d.path + moved
        if a.ndim == 1:
            return sums(x, main + a[:, None] * path, constant, self.patches)
        u = sums(x, main, constant, self.patches)
        return u + self.over_outputs(a, u) * sums(x, path, None, self.patches)

    def variance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the variance of the sums that outputs do not share, and all of it.

        Both broadcast against the sums; where all inputs are ±1 they have one row.
        """
        d = self.drawn
        squares = self._squares(x)
        w = self.slot.matrix()
        moved = (w * w - (w * w).detach()) * d.in_range
        own = d.own + (d.noise_scale**2 / 2)[:, None] * moved
        a = d.a.detach()
        if a.ndim == 1:
            if bool(a.any()):
                own = own + (a**2)[:, None] * d.own_of_path
            constant = d.own_constant + a**2 * d.constant_of_path
            variance = sums(squares, own, constant, self.patches)
        else:
            variance = sums(squares, own, d.own_constant, self.patches)
            of_path = sums(squares, d.own_of_path, d.constant_of_path, self.patches)
            variance = variance + self.over_outputs(a, variance) ** 2 * of_path
        variance = variance.clamp_min(0)
        total = variance
        for std in self._shared_std(squares):
            total = total + std**2
        return variance, total

    def _squares(self, x: Tensor) -> Tensor:
        """Return the squared inputs; of one image alone where all inputs are ±1."""
        if not all_signs(x):
            return x * x
        axes = 1 if self.patches is None else len(self.patches.kernel) + 1
        if x.ndim == axes:  # one image, without the axis of a batch
            return x.detach().square()
        return x.detach().reshape(-1, *x.shape[x.ndim - axes :])[:1].square()

    def _shared_std(self, squares: Tensor) -> list[Tensor]:
        """Return the standard deviation of each shared noise as each output sees it."""
        found = []
        for term in self.drawn.shared:
            of_references = sums(squares, term.variance, term.constant, self.patches)
            axis = -1 if self.patches is None else -(len(self.patches.kernel) + 1)
            std = root(of_references.clamp_min(0)).index_select(axis, term.reference_of)
            factor = self.over_outputs(term.factor, std)
            if term.of_path:
                factor = factor * self.over_outputs(self.drawn.a, std)
            found.append(factor * std)
        return found

    def noise(self, x: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return fresh noise of the sums, and its standard deviation.

        Args:
            x: What drives the word lines.
            like: The sums.
        """
        own, total = self.variance(x)
        noise = root(own) * self.standard_normal(like)
        squares = self._squares(x) if self.drawn.shared else x
        axis = -1 if self.patches is None else -(len(self.patches.kernel) + 1)
        for term, std in zip(self.drawn.shared, self._shared_std(squares), strict=True):
            shape = list(like.shape)
            shape[axis] = len(term.constant)
            n = self.standard_normal(like.new_empty(shape))
            noise = noise + std * n.index_select(axis, term.reference_of)
        return noise, root(total)


def root(square: Tensor) -> Tensor:
    """Return the square root, 0 without gradient where the square is 0."""
    # The root has an infinite slope at 0; there, the root of 1 is taken and its gradient stopped.
    return torch.where(square > 0, square, 1).sqrt() * (square > 0)


class AwareSums(AwareLayer, Stochastic):
    """A layer with linear outputs, or with thresholds of logistic noise."""

    def __init__(self, slot: Slot) -> None:
        Stochastic.__init__(self)
        self.layer = slot.layer
        self.slot = slot
        self.patches = slot.patches
        self.is_logistic = isinstance(slot.parts[0].wanted.neurons, LogisticNeurons)

    def standard_normal(self, like: Tensor) -> Tensor:
        """Return fresh standard normal numbers from the layer's stream."""
        return self.normal(like)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sums of one read, or the states of the thresholds."""
        x = self.driven(x)
        u = self.mean(x)
        if self._is_noisy():
            u = u + self.noise(x, u)[0]
        if not self.is_logistic:
            adc = self.drawn.adc
            return u if adc is None else adc.converted(u, self.over_outputs, self.standard_normal)
        assert isinstance(self.layer, Stochastic)
        z: Tensor = SignOfSigmoid.apply(u, self.layer.uniform(u))
        return z

    def _is_noisy(self) -> bool:
        d = self.drawn
        return bool(d.shared) or bool(d.own.any()) or bool(d.own_constant.any())


class AwareSampling(AwareLayer):
    """A neural sampling layer, whose noise is that of the chip's gates and cells."""

    layer: NeuralSampling

    def __init__(self, slot: Slot) -> None:
        super().__init__(slot)
        self.is_straight = isinstance(slot.layer, StraightThrough)

    def standard_normal(self, like: Tensor) -> Tensor:
        """Return fresh standard normal numbers from the stream of the network's layer."""
        return self.layer.normal(like)

    def forward(self, x: Tensor) -> Tensor:
        """Return the states of one read."""
        self.layer.check_inputs(x)
        x = self.driven(x)
        mean = self.mean(x)
        if self.is_straight:
            of_sum: Tensor = SignThrough.apply(mean + self.noise(x, mean)[0])
            return of_sum
        noise, std = self.noise(x, mean)
        silent = std == 0
        size = torch.where(silent, 1, std)
        v = mean / (math.sqrt(2) * size)
        certain = torch.where(mean >= 0, math.inf, -math.inf).to(v.dtype)
        v = torch.where(silent, certain, v)
        u = v.detach() + math.sqrt(0.5) * (noise / size).detach()
        z: Tensor = SignOfNoisySum.apply(v, u)
        return z

    def noise(self, x: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return fresh noise of the sums, and its standard deviation.

        Gates of word lines are drawn for every input, and all outputs see them.
        """
        d = self.drawn
        if not bool(d.gate_variance.any()):
            return super().noise(x, like)
        own, total = self.variance(x)
        signal = d.main / d.gate_mean[:, None]
        of_gates = sums(self._squares(x), d.gate_variance[:, None] * signal**2, None, self.patches)
        factors = self._gates(x) - d.gate_mean[0]
        noise = sums(factors * x, signal, None, self.patches)
        of_cells = root((own - of_gates).clamp_min(0))
        return noise + of_cells * self.standard_normal(like), root(total)

    def _gates(self, x: Tensor) -> Tensor:
        """Return fresh factors of the gates of word lines, one for each input."""
        generator = self.layer.generator(x.device)
        seed = int(torch.randint(2**62, (), generator=generator, device=x.device))
        hardware = self.slot.hardware
        g = torch.full(x.shape, hardware.device.g_max, dtype=torch.float64).numpy()
        factors, _ = hardware.gate_noise.sample(g, None, 1, rng=seed)
        return torch.as_tensor(factors[0], dtype=x.dtype, device=x.device)


def aware_layer(slot: Slot) -> AwareLayer:
    """Return the layer that takes the place of a slot's layer."""
    if isinstance(slot.parts[0].wanted.neurons, SampledNeurons):
        return AwareSampling(slot)
    return AwareSums(slot)
