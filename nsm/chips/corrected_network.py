"""What a chip measures on itself and corrects digitally: factors of its layers, a temperature."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from devices.seeding import RNG, child, seed_sequence
from nsm.chips.calibration import calibrate, check_options_act, has_open_converters
from nsm.chips.compensation import REFERENCE_READS, compensate, remove_compensation
from nsm.chips.inside import Inside
from nsm.chips.softmax_temperature import best_temperature
from nsm.chips.streams import Stream


class CorrectedNetwork(Inside):
    """A network on tiles whose outputs are corrected by what was measured on the chip.

    Attributes:
        seed: Seed of all that was drawn when the chip was programmed.
    """

    seed: np.random.SeedSequence

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
        of logistic thresholds. It holds until it is measured again. The present reads advance traps
        and other noise with memory, as every read does.

        Signs of comparators without reference currents do not change, and nothing corrects their
        offsets. What a converter has clipped or rounded is lost: `calibrate(x, compensation=...)`
        sets the ranges, too. See `compensation.compensate`.

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


def calibrate_chip(
    chip: CorrectedNetwork,
    images: Any,
    compensation: str | None,
    options: Mapping[str, Any],
    seed: np.random.SeedSequence,
) -> None:
    """Set factors of the layers and ranges of the converters; the chip stays if that fails.

    Args:
        chip: The chip.
        images: Checked images.
        compensation: "layer", "column", or None to leave the factors as they are.
        options: method, percentile and per of `calibration.calibrate`.
        seed: Seed of what the reads draw.
    """
    run_seed = child(seed, Stream.CALIBRATION)

    def run() -> None:
        for _ in chip.runs(images, 1, run_seed):
            pass

    if compensation is None:
        calibrate(chip.layers, run, **options)
        return
    is_open = has_open_converters(chip.layers)
    if not is_open:
        check_options_act(**options)
    before = [layer.compensation for layer in chip.layers]
    chip.compensate(compensation, rng=seed)
    try:
        if is_open:
            calibrate(chip.layers, run, **options)
    except BaseException:
        for layer, of_layer in zip(chip.layers, before, strict=True):
            layer.compensate(of_layer)
        raise
