"""What is done to a programmed chip: calibrated converters, effective samples; what it costs."""

from typing import TYPE_CHECKING, Any

from crossbar import CostConstants
from devices import WritePulses
from devices.seeding import RNG, child, seed_sequence
from nsm.chips import mapping_report
from nsm.chips.changing_network import ChangingNetwork
from nsm.chips.corrected_network import calibrate_chip
from nsm.chips.cost import assumed_inputs, cost, programming_cost, recorded_inputs
from nsm.chips.streams import Stream

if TYPE_CHECKING:
    import pandas as pd


class ProgrammedNetwork(ChangingNetwork):
    """A network on tiles whose conductances and converters can change."""

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
        options = {"method": method, "percentile": percentile, "per": per}
        calibrate_chip(self, self.check_images(x), compensation, options, seed_sequence(rng))

    def effective_samples(self, samples: int) -> "pd.DataFrame":
        """Return how many independent reads `samples` consecutive ones are worth, a row per layer.

        See `mapping_report.effective_samples`.
        """
        return mapping_report.effective_samples(self.layers, samples)

    def cost(
        self,
        images: Any = None,
        *,
        samples: float = 1,
        constants: CostConstants | None = None,
        rng: RNG = None,
    ) -> "pd.DataFrame":
        """Return energy [J], latency [s] and area [m²] for one image, a row per layer on tiles.

        The energies of a layer are those of all its reads: at every location of an image, in every
        step of a sequence, in every sample. The last row is their sum. Columns:

        - `array [J]`: what drivers deliver to cells, gates and wires, Σ x_j² V² t G;
        - `drivers [J]`: charging the word lines, and DACs where inputs are not −1, 0 or +1;
        - `selectors [J]`: switching the gates;
        - `amplifiers [J]`: one for every bit line of every physical array;
        - `readout [J]`: comparators, or ADCs (8 bits where the hardware has an ideal read-out);
        - `digital [J]`: additions and scalings behind ADCs;
        - `total [J]`, the sum of these; `latency [s]`, of all layers in turn; `area [m²]`.

        What is left out is listed in `attrs["not_counted"]` of the result.

        Args:
            images: Images as for `sample`, of whose inputs to every layer the mean x² is taken. One
                noisy pass is made of each, which advances noise that has a memory. None (default)
                assumes inputs of size one; the column `inputs` says which.
            samples: Passes for each image, at least 1; default 1. The mean number of early stopping
                (`classify(confidence=...)`) need not be a whole number.
            constants: What circuits cost; None for `crossbar.CostConstants()`.
            rng: Seed, Generator or None: what the pass draws.

        Raises:
            ValueError: samples is below 1, there are no images, or x is wrong.
        """
        layers = self.layers
        if images is None:
            recorded = assumed_inputs(layers)
        else:
            checked = self.check_images(images)
            batch = self.inputs.batch(checked)
            if not batch:
                raise ValueError("images holds no images; give one or more, or leave it out")
            seed = child(seed_sequence(rng), Stream.SAMPLE)

            def run() -> None:
                for _ in self.runs(checked, 1, seed):
                    pass

            recorded = recorded_inputs(layers, run, batch)
        return cost(layers, recorded, samples=samples, constants=constants)

    def write_cost(
        self,
        *,
        pulses: WritePulses | None = None,
        start: str = "g_min",
        constants: CostConstants | None = None,
    ) -> "pd.DataFrame":
        """Return pulses, energy [J] and time [s] of programming the chip once, a row per layer.

        Numbers are NaN where the device's pulses are not known, and the last column says why. See
        `crossbar.cost.writing.write_cost` for what is counted.

        Args:
            pulses: Voltages and widths of the pulses; None for those of the preset from which the
                device comes, see `devices.WRITE_PULSES`.
            start: End of the range at which all cells begin, "g_min" (default) or "g_max".
            constants: Capacitance of lines; None for `crossbar.CostConstants()`.

        Raises:
            ValueError: The start is unknown, or pulses are given for a device without a pulse
                response.
        """
        return programming_cost(self.layers, pulses=pulses, start=start, constants=constants)
