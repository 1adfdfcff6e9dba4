"""What happens to a programmed chip: ages, gains, calibration, compensation; what it costs."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from devices.seeding import RNG, child, seed_sequence
from devices.validation import number
from nsm.chips import mapping_report
from nsm.chips.calibration import calibrate, check_options_act, has_open_converters
from nsm.chips.compensation import REFERENCE_READS, compensate, remove_compensation
from nsm.chips.inside import Inside
from nsm.chips.softmax_temperature import best_temperature
from nsm.chips.streams import Stream

if TYPE_CHECKING:
    import pandas as pd


class ProgrammedNetwork(Inside):
    """A network on tiles whose conductances and converters can change.

    Attributes:
        seed: Seed of all that was drawn when the chip was programmed.
    """

    seed: np.random.SeedSequence

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated, which `sampling="moments"` leaves out."""
        return any(layer.neurons.main.has_memory for layer in self.layers)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: cells drift, and states of noises advance. Ages add up."""
        number("seconds", seconds, at_least=0, unit="s")
        for layer in self.layers:
            _ = layer.report  # it tells of the cells as they were mapped
            layer.neurons.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance by one factor: a common-mode gain.

        Pedestals, deterministic paths and bias word lines are included.
        """
        number("factor", factor, above=0)
        for layer in self.layers:
            _ = layer.report  # it tells of the cells as they were mapped
            layer.neurons.scale_conductances(factor)

    def calibrate(
        self,
        x: Any,
        *,
        method: str = "max",
        percentile: float | None = None,
        per: str = "layer",
        compensation: str | None = None,
        rng: RNG = None,
    ) -> None:
        """Set the ranges of converters to what they see when the chip is read on x.

        Layers are calibrated from front to back, with a pass for each of their converters; ranges
        that the hardware gives as numbers stay. See `calibration.calibrate`. With a compensation
        the outputs of the layers get their factors first, see `compensate`; a chip without
        converters of open range is then not read on x.

        Args:
            x: Images as for `sample`, such as a hundred training images.
            method: "max" (default), "percentile" or "least_squares".
            percentile: Percentile of the |values| for the method "percentile"; None for 99.9.
            per: One range for the ADCs of a "layer" (default), or for each "column" (output).
            compensation: One factor for each "layer" or each "column" (output). None (default)
                leaves factors as they are.
            rng: Seed, Generator or None: what the reads draw.

        Raises:
            ValueError: The chip has neither converters of open range nor a compensation, an option
                is unknown or has no effect, or x is wrong. The chip is then as before.
        """
        images = self.check_images(x)
        seed = seed_sequence(rng)
        run_seed = child(seed, Stream.CALIBRATION)

        def run() -> None:
            for _ in self.runs(images, 1, run_seed):
                pass

        if compensation is None:
            calibrate(self.layers, run, method=method, percentile=percentile, per=per)
            return
        is_open = has_open_converters(self.layers)
        if not is_open:
            check_options_act(method, percentile, per)
        before = [layer.compensation for layer in self.layers]
        self.compensate(compensation, rng=seed)
        try:
            if is_open:
                calibrate(self.layers, run, method=method, percentile=percentile, per=per)
        except BaseException:
            for layer, of_layer in zip(self.layers, before, strict=True):
                layer.compensate(of_layer)
            raise

    def compensate(
        self,
        compensation: str | None = "layer",
        *,
        reads: int = REFERENCE_READS,
        rng: RNG = None,
    ) -> None:
        """Measure by how much the currents have changed since programming, and multiply it back.

        All word lines are driven, and the total currents of the bit lines are compared with those
        right after programming: global drift compensation. The ratio I_0/I multiplies the outputs
        of converters digitally, and divides reference currents (`bias="reference"`) and the noise
        of logistic thresholds. It holds until it is measured again. Signs of comparators without
        reference currents do not change, and nothing corrects their offsets. What a converter has
        clipped or rounded is lost: `calibrate(x, compensation=...)` sets the ranges, too. See
        `compensation.compensate`.

        Args:
            compensation: One factor for each "layer" (default) or for each "column" (output). None
                puts all factors back to 1.
            reads: Reads of every array whose currents are averaged, at least 2; default 16.
            rng: Seed, Generator or None: the noise of the present reads. Reads right after
                programming draw from the chip's own seed, once per chip.

        Raises:
            ValueError: An option is unknown or has no effect: every layer ends in comparators; or a
                layer carries no current. The chip is then as before.
        """
        if compensation is None:
            remove_compensation(self.layers)
            return
        compensate(
            self.layers,
            compensation,
            reads=reads,
            reference_seed=child(self.seed, Stream.REFERENCE_READ),
            seed=child(seed_sequence(rng), Stream.COMPENSATION),
        )

    def calibrate_temperature(
        self,
        x: Any,
        y: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
    ) -> float:
        """Set `softmax_temperature` to the most likely one on images with labels, and return it.

        It minimizes the negative log-likelihood of the mean softmax(outputs/T) over the samples
        (temperature scaling, Guo et al. 2017, arXiv 1706.04599). Probabilities, early stopping and
        decisions use it from then on; the largest output of a single pass does not change.

        Args:
            x: Images as for `sample` that are neither trained nor tested on, some hundreds.
            y: Their class numbers, (batch,), or (batch, height, width) of segmentation.
            samples: Passes of each image, as many as later decisions take.
            rng: Seed, Generator or None: what the reads draw.
            sampling: "exact" or "moments".

        Raises:
            ValueError: No temperature is the best on these images, or x or y is wrong.
        """
        images = self.check_images(x)
        batch = self.inputs.batch(images)
        labels = self.check_labels(y, batch, self.inputs.classes_of(images))
        seed = child(seed_sequence(rng), Stream.TEMPERATURE)
        outputs = self.sample(images, samples, rng=seed, sampling=sampling)
        if not isinstance(outputs, np.ndarray) or outputs.ndim < 3 or not batch:
            raise ValueError(
                f"a temperature needs scores of classes, (batch, classes), of some images; "
                f"the network gives a {type(outputs).__name__} for {batch} images"
            )
        logits = np.moveaxis(outputs, 2, -1).reshape(len(outputs), -1, outputs.shape[2])
        self.softmax_temperature = best_temperature(logits, labels.ravel())
        return self.softmax_temperature

    def effective_samples(self, samples: int) -> "pd.DataFrame":
        """Return how many independent reads `samples` consecutive ones are worth, a row per layer.

        See `mapping_report.effective_samples`.
        """
        return mapping_report.effective_samples(self.layers, samples)

    def cost(self) -> "pd.DataFrame":
        """Return energy [J] and latency [s] of one pass, a row per layer on tiles.

        See `mapping_report.cost`.
        """
        return mapping_report.cost(self.layers)
