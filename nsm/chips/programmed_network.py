"""What happens to a programmed chip: ages and gains, calibrated converters; what it costs."""

from typing import TYPE_CHECKING, Any

from devices.seeding import RNG, child, seed_sequence
from devices.validation import number
from nsm.chips import mapping_report
from nsm.chips.calibration import calibrate
from nsm.chips.inside import Inside
from nsm.chips.streams import Stream

if TYPE_CHECKING:
    import pandas as pd


class ProgrammedNetwork(Inside):
    """A network on tiles whose conductances and converters can change."""

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
        rng: RNG = None,
    ) -> None:
        """Set the ranges of converters to what they see when the chip is read on x.

        Layers are calibrated from front to back, with a pass for each of their converters; ranges
        that the hardware gives as numbers stay. See `calibration.calibrate`.

        Args:
            x: Images as for `sample`, such as a hundred training images.
            method: "max" (default), "percentile" or "least_squares".
            percentile: Percentile of the |values| for the method "percentile"; None for 99.9.
            per: One range for the ADCs of a "layer" (default), or for each "column" (output).
            rng: Seed, Generator or None: what the reads draw.

        Raises:
            ValueError: The chip has no converters of open range, an option is unknown or has no
                effect, or x is wrong.
        """
        images = self.check_images(x)
        seed = child(seed_sequence(rng), Stream.CALIBRATION)

        def run() -> None:
            for _ in self.runs(images, 1, seed):
                pass

        calibrate(self.layers, run, method=method, percentile=percentile, per=per)

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
