"""One run of learning: samples in order, their draws, and what is measured."""

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays.pulsed import PulsedArray
from crossbar.reads.normals import normals
from crossbar.reads.span import Span, draws
from devices.seeding import child, stream
from nsm.learning.gradient import Singles
from nsm.learning.layer import Kind, LearningLayer
from nsm.learning.lines import lively_lines
from nsm.learning.network import LearningNetwork
from nsm.learning.rules import MixedPrecision
from nsm.learning.updates import Update, update_of

if TYPE_CHECKING:
    from nsm.learning.learn import Settings

#: Samples whose inputs are coded and whose noise is drawn at a time.
_CHUNK = 250


class Stream(IntEnum):
    """Random streams of a run of learning."""

    PULSES = 0
    ORDER = 1
    FORWARD = 2
    BACKWARD = 3
    RULE = 4
    VALIDATION = 5


class Run:
    """The state of learning between two samples.

    Args:
        network: The layers.
        settings: How they learn.
        images: Images, (n, inputs).
        labels: Class numbers, (n,).
        seed: Seed of the run.

    Attributes:
        done: Samples that were learned.
        samples: Samples that are to be learned.
        history: Rows of `Learned.rows` so far.
        lively: Which input lines get pulses.
    """

    def __init__(
        self,
        network: LearningNetwork,
        settings: "Settings",
        images: NDArray[np.float64],
        labels: NDArray[np.int64],
        seed: np.random.SeedSequence,
    ):
        self.network = network
        self.settings = settings
        self.images = images
        self.labels = labels
        self.seed = seed
        self.done = 0
        self.samples = max(1, round(settings.epochs * len(images)))
        self.history: list[dict[str, float]] = []
        self.loss = 0.0
        self.wrong = 0
        self.seen = 0
        self._order: tuple[int, NDArray[np.intp]] = (-1, np.empty(0, np.intp))
        first = network.layers[0].inputs
        self.lively: NDArray[np.bool_] = np.ones(first, dtype=bool)
        if settings.leave_out is not None:
            self.lively = lively_lines(network.coded(images), settings.leave_out)
            if not self.lively.any():
                raise ValueError(
                    f"leave_out = {settings.leave_out:g} leaves out all {first} input lines; "
                    "choose a smaller share"
                )
        self._mask = self.lively.astype(np.float32)
        self.updates = [self._updates(number) for number in range(len(network.layers))]

    def _updates(self, number: int) -> list[tuple[Update, bool]]:
        """Return the updates of a layer, each with whether its inputs are constant ones."""
        layer = self.network.layers[number]
        s = self.settings
        arrays = layer.arrays
        targets = [arrays.main]
        if arrays.path is not None and s.path == "pulsed":
            targets.append(arrays.path)
        seed = child(self.seed, Stream.RULE, number)
        made = [(update_of(s.rule, targets, s.batch, child(seed, 0)), False)]
        if arrays.bias is not None:
            # The input of a bias line is always 1: centering would leave nothing.
            rule = replace(s.rule, center=False) if isinstance(s.rule, MixedPrecision) else s.rule
            made.append((update_of(rule, [arrays.bias], s.batch, child(seed, 1)), True))
        return made

    def all_arrays(self) -> dict[str, PulsedArray]:
        """Return all pulsed arrays, those of the rule included, by layer and name."""
        found = self.network.arrays()
        for number, updates in enumerate(self.updates):
            for index, (update, _) in enumerate(updates):
                for name, array in update.arrays().items():
                    found[f"{number}.{name}{'_bias' if index else ''}"] = array
        return found

    def next_stop(self) -> int:
        """Return the number of samples at which the next measurement is due."""
        every = self.settings.measure_every or len(self.images)
        return min(self.samples, (self.done // every + 1) * every)

    def learn_until(self, last: int, advance: Callable[[int], object]) -> None:
        """Learn from the next samples, up to number `last`."""
        self.loss, self.wrong, self.seen = 0.0, 0, 0
        while self.done < last:
            stop = min(last, (self.done // _CHUNK + 1) * _CHUNK)
            size = stop - self.done
            self._learn_chunk(self.done, stop)
            advance(size)

    def _learn_chunk(self, first: int, last: int) -> None:
        rows = np.array([self._row(sample) for sample in range(first, last)])
        inputs = self.network.coded(self.images[rows])
        span = Span(first, last)
        forward = [
            self._noise(layer, span, child(self.seed, Stream.FORWARD, number))
            for number, layer in enumerate(self.network.layers)
        ]
        backward = [
            self._noise_back(layer, span, child(self.seed, Stream.BACKWARD, number))
            for number, layer in enumerate(self.network.layers)
        ]
        for at in range(last - first):
            rate = self.settings.rule.rate(self.done, self.samples)
            back = [None if drawn is None else drawn[at] for drawn in backward]
            self._learn_one(
                inputs[at], int(self.labels[rows[at]]), [n[at] for n in forward], back, rate
            )
            self.done += 1
            self._after_sample()

    def _row(self, sample: int) -> int:
        """Return which image is sample number `sample`."""
        epoch, place = divmod(sample, len(self.images))
        if self._order[0] != epoch:
            order = stream(self.seed, Stream.ORDER, epoch).permutation(len(self.images))
            self._order = (epoch, order)
        return int(self._order[1][place])

    @staticmethod
    def _noise(layer: LearningLayer, span: Span, seed: np.random.SeedSequence) -> Singles:
        if layer.kind is Kind.SIGMOID:
            law = np.random.Generator.logistic
            return draws(span, layer.outputs, seed, law).astype(np.float32)
        if layer.kind in (Kind.RECTIFIED, Kind.OUTPUTS):
            return np.zeros((span.reads, 0), np.float32)
        return normals(span, layer.outputs, seed)

    @staticmethod
    def _noise_back(
        layer: LearningLayer, span: Span, seed: np.random.SeedSequence
    ) -> Singles | None:
        if layer.gradient.backward != "gated" or not layer.variance:
            return None
        return normals(span, layer.inputs, seed)

    def _learn_one(
        self,
        x: Singles,
        label: int,
        forward: list[Singles],
        backward: list[Singles | None],
        rate: float,
    ) -> None:
        """Learn from one sample."""
        layers = self.network.layers
        inputs = [x]
        for layer, noise in zip(layers, forward, strict=True):
            inputs.append(layer.read(inputs[-1], noise))
        scores = inputs[-1].astype(np.float64)
        probabilities = np.exp(scores - scores.max())
        probabilities /= probabilities.sum()
        self.loss -= float(np.log(max(probabilities[label], 1e-300)))
        self.wrong += int(probabilities.argmax() != label)
        self.seen += 1
        error = probabilities.astype(np.float32)
        error[label] -= 1
        errors = []
        for number in range(len(layers) - 1, -1, -1):
            layer = layers[number]
            e = layer.error_of_sums(error)
            errors.append(e)
            if number:
                error = layer.read_back(e, backward[number])
        for number, layer in enumerate(layers):
            self._update(number, layer, errors[-1 - number], inputs[number], rate)

    def _update(
        self, number: int, layer: LearningLayer, e: Singles, x: Singles, rate: float
    ) -> None:
        masked = x * self._mask if number == 0 else x
        eta = rate * self.settings.rule.unit(layer.arrays.main.largest)
        radial = None
        if layer.gradient.radial and layer.kind is Kind.SAMPLED:
            radial = layer.radial_rates()
        for update, of_bias in self.updates[number]:
            if of_bias:
                bias = layer.arrays.bias
                assert bias is not None
                update.add(e, np.ones(bias.weights.shape[1], np.float32), eta, None)
            else:
                update.add(e, masked, eta, radial)
        if self.settings.periphery == "learned":
            rule = self.settings.rule
            layer.learn_periphery(self.settings.periphery_lr * rate / rule.lr)

    def _after_sample(self) -> None:
        """End batches, and refresh and rewrite what is due."""
        s = self.settings
        if s.batch > 1 and (self.done % s.batch == 0 or self.done == self.samples):
            for updates in self.updates:
                for update, _ in updates:
                    update.finish()
        if s.refresh_every and self.done % s.refresh_every == 0:
            for array in self.network.arrays().values():
                array.refresh(s.refresh_above)
        if s.path == "rewritten" and self.done % s.rewrite_every == 0:
            for layer in self.network.layers:
                if layer.arrays.path is not None:
                    layer.arrays.path.rewrite(layer.arrays.main.weights.astype(np.float64))

    def measure(self, validation: Any) -> dict[str, float]:
        """Return the numbers of the samples since the last measurement, and add them as a row."""
        arrays = list(self.network.arrays().values())
        cells = [array.weights.size for array in arrays]
        row = {
            "samples": float(self.done),
            "epoch": self.done / len(self.images),
            "loss": self.loss / max(self.seen, 1),
            "online_error": self.wrong / max(self.seen, 1),
        }
        if validation is not None:
            self.network.commit()
            seed = child(self.seed, Stream.VALIDATION, self.done)
            images, labels = validation
            row["error"] = self.network.chip.error_rate(
                images,
                labels,
                samples=self.settings.validation_samples,
                sampling=self.settings.sampling,
                rng=seed,
            )
        every = [side for array in self.all_arrays().values() for side in array.sides]
        row["pulses"] = float(sum(s.counts.up + s.counts.down for s in every))
        row["writes"] = float(sum(s.counts.writes for s in every))
        row["saturated"] = float(np.average([a.saturated() for a in arrays], weights=cells))
        row["path_error"] = self._path_error()
        self.history.append(row)
        return row

    def _path_error(self) -> float:
        """Return the root mean square of path minus main array, relative to the weights."""
        pairs = [
            (layer.arrays.path.weights, layer.arrays.main.weights)
            for layer in self.network.layers
            if layer.arrays.path is not None
        ]
        if not pairs:
            return float("nan")
        off = sum(float(np.square(p - w, dtype=np.float64).sum()) for p, w in pairs)
        size = sum(float(np.square(w, dtype=np.float64).sum()) for _, w in pairs)
        return float(np.sqrt(off / size))
