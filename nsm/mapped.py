"""A network on a chip: digital steps and arrays in turn, fresh noise on every read."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import erf

from crossbar import NeuronArray
from crossbar.cost import read_cost
from devices._checks import array, integer, number
from devices._rng import RNG, child, seed_sequence, stream
from nsm.infer import Floats, check_labels, softmax

_READS_PER_BLOCK = 4096  # (image, sample) pairs at once: bounds memory; every block has its own stream
#: First names of the streams of a seed: a chip mapped with rng=0 and read with rng=0 shares no draw.
MAP, _SAMPLE, _FIRING = range(3)


@dataclass(frozen=True)
class DigitalStep:
    """A step without devices: coding of inputs, rectifier, reshaping."""

    name: str
    apply: Callable[[Floats], Floats]


@dataclass
class ArrayStep:
    """A layer on tiles with its read-out: "nsm" and "sigmoid" end in comparators, "linear" in a converter.

    offsets [A]: one per comparator, drawn once per chip. noise_scale [1]: size of the external logistic noise source of
    a sigmoid layer, in weight units, fixed when the chip is mapped. full_scale [A]: of the converter.
    """

    name: str
    kind: str
    neurons: NeuronArray
    offsets: Floats
    full_scale: float
    report: dict[str, object] = field(default_factory=dict)

    @property
    def amperes_per_weight(self) -> float:
        """Bit-line current [A] of a weight of one driven by an input of one."""
        return self.neurons.siemens_per_weight * self.neurons.hardware.read_voltage

    def __call__(self, x: Floats, repeats: int, sampling: str, seed: np.random.SeedSequence) -> Floats:
        u = self.neurons.read(x, rng=child(seed, 0), sampling=sampling, reads_per_input=repeats)
        hardware, scale = self.neurons.hardware, self.amperes_per_weight
        if self.kind == "linear":
            return u if hardware.adc is None else hardware.adc.convert(u * scale, self.full_scale) / scale
        if self.kind == "sigmoid":
            u = u + stream(seed, 2).logistic(size=u.shape)
        return hardware.comparator.compare(u * scale, self.offsets, rng=stream(seed, 1))

    def firing_probability(self, x: Floats) -> Floats:
        """Return the closed-form probability of z = +1 for inputs x (reads, inputs), normal u, with comparator noise."""
        mean, variance = self.neurons.moments(x)
        scale = self.amperes_per_weight
        variance = variance + (self.neurons.hardware.comparator.noise / scale) ** 2
        centre = mean + self.offsets / scale
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 0.5 * (1 + erf(centre / np.sqrt(2 * variance)))
        return np.asarray(np.where(variance > 0, p, centre >= 0))


class MappedNetwork:
    """One chip: a network programmed once into tiles, read with fresh noise ever after.

    Drawn once, when it was mapped: programming errors, stuck cells, comparator offsets. Drawn on every read: gates, read
    noise, comparator noise. Changed by `age` and `scale_conductances`, both of which add up.
    """

    def __init__(self, steps: list[DigitalStep | ArrayStep], inputs: int):
        self.steps = steps
        self.inputs = inputs

    @property
    def layers(self) -> list[ArrayStep]:
        """The layers that sit on tiles, in order."""
        return [s for s in self.steps if isinstance(s, ArrayStep)]

    def sample(self, x: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact") -> Floats:
        """Return logits (samples, batch, classes): independent noisy passes of every image through the chip.

        x: (batch, inputs). The samples of one image are adjacent reads. Same `rng`, same reads, whatever the threads.
        sampling: "exact", or "moments" (one normal per output, see `Tile.read`). Raises ValueError for NaN, a wrong
        shape, samples < 1, or an unknown sampling.
        """
        images = array("x", x, shape=(None, self.inputs))
        integer("samples", samples, at_least=1)
        seed = seed_sequence(rng)
        block = max(1, _READS_PER_BLOCK // samples)
        parts = []
        for index, start in enumerate(range(0, len(images), block)):
            z, repeats = images[start : start + block], samples
            n = len(z)
            for position, step in enumerate(self.steps):
                if isinstance(step, DigitalStep):
                    z = step.apply(z)
                else:
                    z, repeats = step(z, repeats, sampling, child(seed, _SAMPLE, index, position)), 1
            parts.append(z.reshape(n, samples, -1))
        return np.concatenate(parts).transpose(1, 0, 2)

    def predict_proba(self, x: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact") -> Floats:
        """Return class probabilities (batch, classes): the mean softmax over `samples` passes."""
        return np.asarray(softmax(self.sample(x, samples, rng=rng, sampling=sampling)).mean(axis=0))

    def errors(self, x: ArrayLike, y: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact") -> int:
        """Return the number of images whose most probable class is wrong."""
        labels = check_labels(y, len(np.asarray(x)))
        return int((self.predict_proba(x, samples, rng=rng, sampling=sampling).argmax(axis=1) != labels).sum())

    def error_rate(
        self, x: ArrayLike, y: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact"
    ) -> float:
        """Return the fraction of images whose most probable class is wrong."""
        return self.errors(x, y, samples, rng=rng, sampling=sampling) / len(np.asarray(x))

    def firing(
        self, x: ArrayLike, samples: int, *, layer: int = 0, rng: RNG = None, sampling: str = "exact"
    ) -> tuple[Floats, Floats]:
        """Return measured and closed-form firing probabilities of stochastic layer number `layer` (from 0).

        x: (batch, inputs); both results (batch, neurons). The layers before it are read once per image; the layer itself
        is read `samples` times on those states.
        """
        seed, z = seed_sequence(rng), array("x", x, shape=(None, self.inputs))
        stochastic = [s for s in self.layers if s.kind == "nsm"]
        if not 0 <= layer < len(stochastic):
            raise ValueError(f"layer = {layer}: this chip has {len(stochastic)} neural sampling layers, counted from 0")
        for position, step in enumerate(self.steps):
            if step is stochastic[layer]:
                break
            z = step.apply(z) if isinstance(step, DigitalStep) else step(z, 1, sampling, child(seed, _FIRING, position))
        fired = stochastic[layer](
            z, integer("samples", samples, at_least=1), sampling, child(seed, _FIRING, len(self.steps))
        )
        measured = (fired.reshape(len(z), samples, -1) > 0).mean(axis=1)
        return measured, stochastic[layer].firing_probability(z)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: retention and drift in every cell. Ages add up."""
        number("seconds", seconds, at_least=0, unit="s")
        for layer in self.layers:
            layer.neurons.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of the chip, pedestals, copies and bias word lines included, by one factor."""
        number("factor", factor, above=0)
        for layer in self.layers:
            layer.neurons.scale_conductances(factor)

    def report(self) -> pd.DataFrame:
        """Return one row per layer: shape, tiles, siemens per weight, clipped weights, β, a, programming, warnings."""
        return pd.DataFrame([layer.report for layer in self.layers])

    def cost(self) -> pd.DataFrame:
        """Return energy [J] and latency [s] of one pass, a row per layer; multiply by the number of samples."""
        rows = []
        for layer in self.layers:
            cost = read_cost(layer.neurons, compared=layer.kind != "linear")
            rows.append({"layer": layer.name, **vars(cost), "energy": cost.array_energy + cost.readout_energy})
        return pd.DataFrame(rows)
