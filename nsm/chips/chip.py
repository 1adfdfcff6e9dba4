"""A network on a chip: digital steps and arrays in turn, fresh noise on every read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, ndtri

from crossbar import NeuronArray
from crossbar.arrays.cost import read_cost
from crossbar.reads.firing import fires_packed
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span, draws
from devices.seeding import RNG, child, seed_sequence
from devices.validation import array, integer, number
from nsm.chips.convolution import States, unpacked
from nsm.nn.digital import Values
from nsm.nn.geometry import Patches
from nsm.nn.inference import Floats, Labels, check_labels, softmax

READS_AT_ONCE = 1 << 14  # reads of one array in memory at a time, unless the caller says otherwise
FIRST_ROUND = 16  # samples before an image can be certain
#: First names of the streams of a seed: a chip mapped with rng=0 and read with rng=0 shares no draw.
MAP, _SAMPLE, _FIRING, _EARLY = range(4)


@dataclass(frozen=True)
class DigitalStep:
    """A step without devices: coding of inputs, rectifier, reshaping."""

    name: str
    apply: Callable[[Values], Values]


@dataclass
class ArrayStep:
    """A layer on tiles with its read-out: "nsm", "sign" and "sigmoid" end in comparators, "linear" in a converter.

    Comparators hand their states on packed, those of a convolution as truth values. offsets [A]: one per comparator, drawn
    once per chip. full_scale [A]: of the converter. wanted: the weights (outputs, inputs) that the main array was to hold,
    normalisation folded in and row gains included, before clipping. patches: how a convolution's inputs are cut up. row_gain:
    by which the weights of each output were multiplied before they were programmed. locations: at how many the array was
    read for each input when it was last read, 0 before: images of another size have other locations.
    """

    name: str
    kind: str
    neurons: NeuronArray
    offsets: Floats
    full_scale: float
    wanted: Floats
    patches: Patches | None = None
    row_gain: Floats = field(default_factory=lambda: np.ones(1))
    report: dict[str, object] = field(default_factory=dict)
    locations: int = field(default=0, init=False)

    @property
    def amperes_per_weight(self) -> float:
        """Bit-line current [A] of a weight of one driven by an input of one."""
        return self.neurons.siemens_per_weight * self.neurons.hardware.read_voltage

    def read(self, z: States, span: Span, sampling: str, seed: np.random.SeedSequence) -> States:
        """Return what leaves the read-out of each read: states from comparators, or values in weight units."""
        shape = (1, 1)
        if self.patches is not None:
            z, shape = self.patches.of(unpacked(z))
            span = span.at(shape[0] * shape[1])
        self.locations = shape[0] * shape[1]
        u = self.neurons.read_span(Inputs(z), span, seed=child(seed, 0), sampling=sampling)
        out = self._read_out(u, span, seed)
        return out if self.patches is None else self.patches.arrange(unpacked(out), shape)

    def _read_out(self, u: Floats, span: Span, seed: np.random.SeedSequence) -> States:
        hardware, scale = self.neurons.hardware, self.amperes_per_weight
        if self.kind == "linear":
            values = (
                u
                if hardware.adc is None
                else hardware.adc.convert(u * scale, self.full_scale) / scale
            )
            return values / self.row_gain
        if self.kind == "sigmoid":  # noise of fixed size beside sums in the units of the network
            u /= self.row_gain
            u += draws(span, u.shape[1], child(seed, 2), np.random.Generator.logistic)
        comparator = hardware.comparator
        normals = draws(span, u.shape[1], child(seed, 1)) if comparator.noise else None
        return fires_packed(comparator, u, scale, self.offsets, normals)

    def firing_probability(self, z: States) -> Floats:
        """Return the closed-form probability of z = +1 for each input, of the output's shape: normal u, comparator noise."""
        shape = (1, 1)
        if self.patches is not None:
            z, shape = self.patches.of(unpacked(z))
        mean, variance = self.neurons.moments(Inputs(z).floats)
        scale = self.amperes_per_weight
        variance = variance + (self.neurons.hardware.comparator.noise / scale) ** 2
        centre = mean + self.offsets / scale
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 0.5 * (1 + erf(centre / np.sqrt(2 * variance)))
        p = np.where(variance > 0, p, centre >= 0)
        return p if self.patches is None else self.patches.arrange(p, shape)


def _certain(total: Floats, square: Floats, n: int, z: float) -> NDArray[np.bool_]:
    """Return for which images the two best classes differ by more than z standard errors after n samples.

    total: Σ p, (images, classes). square: Σ p pᵀ. The variance is that about zero, floored at 1/n, since few samples may all
    agree.
    """
    if total.shape[1] < 2:
        return np.ones(len(total), dtype=bool)
    rows = np.arange(len(total))
    best, second = np.argsort(total, axis=1)[:, :-3:-1].T
    mean = (total[rows, best] - total[rows, second]) / n
    moment = (
        square[rows, best, best] + square[rows, second, second] - 2 * square[rows, best, second]
    )
    variance = np.maximum(
        moment / n, 1 / n
    )  # at a mean of zero: the question is whether there is a difference
    return np.asarray(mean > z * np.sqrt(variance / n))


class MappedNetwork:
    """One chip: a network programmed once into tiles, read with fresh noise ever after.

    Drawn once, when it was mapped: programming errors, stuck cells, comparator offsets. Drawn on every read: gates, read
    noise, comparator noise. Changed by `age` and `scale_conductances`, both of which add up.
    """

    def __init__(
        self, steps: list[DigitalStep | ArrayStep], in_shape: tuple[int | None, ...] | None
    ):
        self.steps = steps
        self.in_shape = in_shape  # of one image; None: any

    @property
    def layers(self) -> list[ArrayStep]:
        """The layers that sit on tiles, in order."""
        return [s for s in self.steps if isinstance(s, ArrayStep)]

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated, which `sampling="moments"` leaves out."""
        return any(layer.neurons.main.has_memory for layer in self.layers)

    def _check(self, x: ArrayLike) -> Floats:
        images = array("x", x, shape=None if self.in_shape is None else (None, *self.in_shape))
        if images.ndim < 2:
            raise ValueError(f"x has shape {images.shape}; give (batch, …), one image or more")
        return images

    def _locations(self, z: Values) -> int:
        """Return how often the busiest array is read in one pass: once, or once for every location of a convolution."""
        most = 1
        for step in self.steps:
            if isinstance(step, DigitalStep):
                z = step.apply(z)
            elif step.patches is not None:
                h, w = step.patches.out_shape(*z.shape[2:])
                z, most = (
                    np.zeros((len(z), step.neurons.outputs, h, w), dtype=bool),
                    max(most, h * w),
                )
            else:
                z = np.zeros((len(z), step.neurons.outputs), dtype=bool)
        return most

    def _reads(
        self,
        images: Floats,
        samples: int,
        sampling: str,
        seed: np.random.SeedSequence,
        at_once: int,
    ) -> Iterator[tuple[Span, Floats]]:
        """Yield spans of reads and their logits, at most about `at_once` reads in memory."""
        integer("reads_at_once", at_once, at_least=1)
        total = len(images) * samples
        at_once = max(1, at_once // self._locations(images[:1]))
        step = (
            at_once if samples > at_once else at_once - at_once % samples
        )  # whole images where they fit
        for first in range(0, total, step):
            span = Span(first, min(first + step, total), samples)
            z: States = images[span.first // samples : (span.last - 1) // samples + 1]
            current = span
            for position, step_ in enumerate(self.steps):
                if isinstance(step_, DigitalStep):
                    z = step_.apply(unpacked(z))
                else:
                    z, current = (
                        step_.read(z, current, sampling, child(seed, position)),
                        span.each(),
                    )
            yield span, unpacked(z)

    def sample(
        self,
        x: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Floats:
        """Return logits (samples, batch, classes): independent noisy passes of every image through the chip.

        x: (batch, inputs), or (batch, channels, height, width). The samples of one image are adjacent reads. Same `rng`,
        same reads, whatever the threads and `reads_at_once`, which bounds the memory that a pass needs. sampling: "exact",
        or "moments" (one normal per output, see `Tile.read`). Raises ValueError for NaN, a wrong shape, samples < 1, or an
        unknown sampling.
        """
        images = self._check(x)
        integer("samples", samples, at_least=1)
        seed = child(seed_sequence(rng), _SAMPLE)
        parts = [z for _, z in self._reads(images, samples, sampling, seed, reads_at_once)]
        logits = np.concatenate(parts) if parts else np.empty((0, self.layers[-1].neurons.outputs))
        return logits.reshape(len(images), samples, -1).transpose(1, 0, 2)

    def predict_proba(
        self,
        x: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Floats:
        """Return class probabilities (batch, classes): the mean softmax over `samples` passes; see `sample`."""
        images = self._check(x)
        integer("samples", samples, at_least=1)
        seed = child(seed_sequence(rng), _SAMPLE)
        mean = np.zeros((len(images), self.layers[-1].neurons.outputs))
        for span, logits in self._reads(images, samples, sampling, seed, reads_at_once):
            start = span.first // samples
            edges = np.flatnonzero(np.diff(span.rows, prepend=-1))
            sums = np.add.reduceat(softmax(logits), edges, axis=0)
            mean[start : start + len(sums)] += sums
        return mean / samples

    def predict(
        self, x: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact"
    ) -> Labels:
        """Return the most probable class of every image, (batch,); see `predict_proba`."""
        return self.predict_proba(x, samples, rng=rng, sampling=sampling).argmax(axis=1)

    def classify(
        self,
        x: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        confidence: float | None = None,
    ) -> tuple[Labels, Labels]:
        """Return the most probable class of every image, and how many samples it took, (batch,) each.

        confidence: stop reading an image once its class is certain at this level; None: take all `samples`. The images
        still open are read in rounds of doubling size; one is closed when the mean difference of its two best classes'
        probabilities exceeds z standard errors, with z two-sided at 1 − confidence shared out over the rounds. At most
        about 1 − confidence of the images can then end in another class than all samples would give.
        """
        images = self._check(x)
        integer("samples", samples, at_least=1)
        if confidence is None:
            p = self.predict_proba(x, samples, rng=rng, sampling=sampling)
            return p.argmax(axis=1), np.full(len(images), samples)
        number("confidence", confidence, above=0, below=1)
        seed = child(seed_sequence(rng), _EARLY)
        ends = [n for n in (FIRST_ROUND * 2**k for k in range(60)) if n < samples] + [samples]
        z = float(ndtri(1 - (1 - confidence) / (2 * len(ends))))
        classes = self.layers[-1].neurons.outputs
        total, square = np.zeros((len(images), classes)), np.zeros((len(images), classes, classes))
        taken, still_open = np.zeros(len(images), dtype=np.int64), np.arange(len(images))
        for round_number, end in enumerate(ends):
            if not len(still_open):
                break
            start = ends[round_number - 1] if round_number else 0
            logits = self._reads(
                images[still_open], end - start, sampling, child(seed, round_number), READS_AT_ONCE
            )
            p = softmax(np.concatenate([part for _, part in logits])).reshape(
                len(still_open), end - start, classes
            )
            total[still_open] += p.sum(axis=1)
            square[still_open] += np.einsum("isa,isb->iab", p, p)
            taken[still_open] = end
            still_open = still_open[~_certain(total[still_open], square[still_open], end, z)]
        return total.argmax(axis=1), taken

    def errors(
        self, x: ArrayLike, y: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact"
    ) -> int:
        """Return the number of images whose most probable class is wrong."""
        labels = check_labels(y, len(np.asarray(x)))
        return int(
            (
                self.predict_proba(x, samples, rng=rng, sampling=sampling).argmax(axis=1) != labels
            ).sum()
        )

    def error_rate(
        self, x: ArrayLike, y: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact"
    ) -> float:
        """Return the fraction of images whose most probable class is wrong."""
        return self.errors(x, y, samples, rng=rng, sampling=sampling) / len(np.asarray(x))

    def firing(
        self,
        x: ArrayLike,
        samples: int,
        *,
        layer: int = 0,
        rng: RNG = None,
        sampling: str = "exact",
    ) -> tuple[Floats, Floats]:
        """Return measured and closed-form firing probabilities of stochastic layer number `layer` (from 0).

        x: (batch, inputs); both results (batch, neurons). The layers before it are read once per image; the layer itself
        is read `samples` times on those states.
        """
        seed = child(seed_sequence(rng), _FIRING)
        z: States = self._check(x)
        stochastic = [s for s in self.layers if s.kind == "nsm"]
        if not 0 <= layer < len(stochastic):
            raise ValueError(
                f"layer = {layer}: this chip has {len(stochastic)} neural sampling layers, counted from 0"
            )
        for position, step in enumerate(self.steps):
            if step is stochastic[layer]:
                break
            span = Span(0, len(z))
            values = unpacked(z)
            z = (
                step.apply(values)
                if isinstance(step, DigitalStep)
                else step.read(z, span, sampling, child(seed, position))
            )
        repeats = integer("samples", samples, at_least=1)
        span = Span(0, len(z) * repeats, repeats)
        fired = unpacked(stochastic[layer].read(z, span, sampling, child(seed, len(self.steps))))
        measured = fired.reshape(len(z), samples, -1).mean(axis=1)
        return measured, stochastic[layer].firing_probability(z).reshape(len(z), -1)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: retention and drift in every cell, traps and other memory of reads. Ages add up."""
        number("seconds", seconds, at_least=0, unit="s")
        for layer in self.layers:
            layer.neurons.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of the chip, pedestals, copies and bias word lines included, by one factor."""
        number("factor", factor, above=0)
        for layer in self.layers:
            layer.neurons.scale_conductances(factor)

    def report(self) -> pd.DataFrame:
        """Return one row per layer: shape, tiles, siemens per weight, clipped weights, β, a, programming, warnings.

        As mapped. Errors are rms over the layer's largest |w|: weight_error_rms of the weights in the cells, as programmed;
        effective_error_rms of those with which they multiply, behind wires (the smaller one with `compensate_wires`).
        beta_effective: the median over neurons, as the chip's reads show it, with wires, errors and pedestals.
        static_to_noise_ratio, spread_to_noise_ratio: medians of `NeuronArray`'s, of programming and of devices that differ.
        """
        return pd.DataFrame([layer.report for layer in self.layers])

    def effective_samples(self, samples: int) -> pd.DataFrame:
        """Return, for each layer, how many independent reads `samples` consecutive ones are worth, over its outputs.

        See `NeuronArray.effective_samples`: reads of slow traps agree with each other, and a mean over them averages less.
        Samples of a convolution are as many reads apart as it has locations; of how many, its last read says. Raises
        ValueError where a convolution with memory has not been read.
        """
        rows = []
        for layer in self.layers:
            if layer.patches is not None and not layer.locations and layer.neurons.main.has_memory:
                raise ValueError(
                    f"{layer.name} is a convolution whose samples are as many reads apart as an image has locations, "
                    "which no image has told yet; read the chip once, as chip.sample(x[:1], 1)"
                )
            s = layer.neurons.effective_samples(samples, locations=layer.locations or 1)
            known = s[np.isfinite(s)] if np.isfinite(s).any() else np.array([np.nan])
            rows.append(
                {
                    "layer": layer.name,
                    "median": np.median(known),
                    "min": known.min(),
                    "max": known.max(),
                }
            )
        return pd.DataFrame(rows)

    def cost(self) -> pd.DataFrame:
        """Return energy [J] and latency [s] of one pass, a row per layer; multiply by the number of samples."""
        rows = []
        for layer in self.layers:
            cost = read_cost(layer.neurons, compared=layer.kind != "linear")
            rows.append(
                {
                    "layer": layer.name,
                    **vars(cost),
                    "energy": cost.array_energy + cost.readout_energy,
                }
            )
        return pd.DataFrame(rows)
