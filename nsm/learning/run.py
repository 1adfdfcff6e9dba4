"""One run of learning: sample after sample, forward, back, and pulses."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays.pulsed import PulsedArray
from devices.validation import number
from nsm.learning.between import between_samples
from nsm.learning.draws import Draws
from nsm.learning.gradient import Singles
from nsm.learning.inert import check_effects
from nsm.learning.layer import LearningLayer
from nsm.learning.layer_updates import updates_of
from nsm.learning.limits import check_change, check_sums
from nsm.learning.lines import changing_lines
from nsm.learning.network import LearningNetwork
from nsm.learning.reads import Kind
from nsm.learning.settings import Settings
from nsm.nn.inference import softmax

#: Samples whose inputs are coded and whose noise is drawn at a time.
_CHUNK = 250
#: Samples whose numbers float64 tells apart.
MOST_SAMPLES = 2.0**53


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
        changing: Which input lines get pulses.
    """

    def __init__(
        self,
        network: LearningNetwork,
        settings: Settings,
        images: NDArray[np.float64],
        labels: NDArray[np.int64],
        seed: np.random.SeedSequence,
    ):
        check_effects(network, settings)
        self.network = network
        self.settings = settings
        self.images = images
        self.labels = labels
        self.seed = seed
        self.done = 0
        number("epochs", settings.epochs, at_most=MOST_SAMPLES / len(images))
        self.samples = max(1, round(settings.epochs * len(images)))
        self.history: list[dict[str, float]] = []
        self.loss = 0.0
        self.wrong = 0
        self.seen = 0
        self._draws = Draws(network, len(images), seed)
        first = network.layers[0].inputs
        self.changing: NDArray[np.bool_] = np.ones(first, dtype=bool)
        if settings.leave_out is not None:
            self.changing = changing_lines(network.coded(images), settings.leave_out)
            if not self.changing.any():
                raise ValueError(
                    f"leave_out = {settings.leave_out:g} leaves out all {first} input lines; "
                    "choose a smaller share"
                )
        self._mask = self.changing.astype(np.float32)
        self.updates = updates_of(network, settings, seed)

    def all_arrays(self) -> dict[str, PulsedArray]:
        """Return all pulsed arrays, those of the rule included, by layer and name."""
        found = self.network.arrays()
        for at, updates in enumerate(self.updates):
            for index, (update, _) in enumerate(updates):
                for name, array in update.arrays().items():
                    found[f"{at}.{name}{'_bias' if index else ''}"] = array
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
        rows = self._draws.rows(first, last)
        inputs = self.network.coded(self.images[rows])
        forward, backward = self._draws.noise(first, last)
        for at in range(last - first):
            rate = self.settings.rule.rate(self.done, self.samples)
            back = [None if drawn is None else drawn[at] for drawn in backward]
            self._learn_one(
                inputs[at], int(self.labels[rows[at]]), [n[at] for n in forward], back, rate
            )
            self.done += 1
            between_samples(self.network, self.updates, self.settings, self.done, self.samples)

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
            check_sums(layer, self._where, self.settings)
        probabilities = softmax(inputs[-1].astype(np.float64))
        self.loss -= float(np.log(max(probabilities[label], 1e-300)))
        self.wrong += int(probabilities.argmax() != label)
        self.seen += 1
        error = probabilities.astype(np.float32)
        error[label] -= 1
        errors = []
        for at in range(len(layers) - 1, -1, -1):
            layer = layers[at]
            e = layer.error_of_sums(error)
            errors.append(e)
            if at:
                error = layer.read_back(e, backward[at])
        for at, layer in enumerate(layers):
            self._update(at, layer, errors[-1 - at], inputs[at], rate)

    def _update(self, at: int, layer: LearningLayer, e: Singles, x: Singles, rate: float) -> None:
        rule = self.settings.rule
        masked = x * self._mask if at == 0 else x
        eta = rate * rule.unit(layer.arrays.main.largest)
        radial = None
        if layer.gradient.radial and layer.kind is Kind.SAMPLED:
            radial = layer.radial_rates()
        if rule.lr_per == "weight" and layer.readout.is_scaled:
            # Weights of the array are f times those of the network. Its e gives the gradient by
            # weights of the array, 1/f of that by weights of the network; and a change of the
            # network's weights is f times as large in the array. Together that is f².
            e = e * layer.readout.factors**2
            radial = None if radial is None else radial * layer.readout.factors**2
        largest = max(float(np.abs(masked).max()), layer.arrays.bias is not None)
        check_change(layer, eta * float(np.abs(e).max()) * largest, self._where, self.settings)
        for update, of_bias in self.updates[at]:
            if of_bias:
                bias = layer.arrays.bias
                assert bias is not None
                update.add(e, np.ones(bias.weights.shape[1], np.float32), eta, None)
            else:
                update.add(e, masked, eta, radial)
        if self.settings.periphery == "learned":
            layer.learn_periphery(self.settings.periphery_lr * rate / rule.lr)

    def _where(self) -> str:
        """Return which sample is learned now, for messages."""
        return f"sample {self.done + 1} (epoch {self.done // len(self.images) + 1})"
