"""The analog-to-digital converters of a layer: ranges, offsets, noise, and what they clip."""

from collections.abc import Callable
from typing import Any

import numpy as np

from crossbar.arrays.clipping import ClipCount
from crossbar.arrays.drivers import Drivers, Watch
from crossbar.arrays.layer_arrays import LayerArrays, Part
from crossbar.arrays.summed import SummedArray
from crossbar.converters import ROUNDING, Adc
from crossbar.reads.span import Span, draws
from devices.seeding import child
from devices.validation import Floats, array

#: A numpy array or a torch tensor.
Array = Any


class Converters:
    """The converters of one layer, one for every output of every site.

    A site is a place where currents are converted: the sum over all tiles, which has one site, or
    with `Adc(per="tile")` each row of tiles.

    Args:
        adc: The converter.
        limits: Largest currents of the sites [A], (sites,).
        offsets: Offsets [A], (sites, outputs), drawn once per chip.
        amperes_per_weight: Bit-line current [A] of a weight of one with an input of one.
        of_parts: Whether parts of the sum of an output are converted; see the attribute.
        name: What messages call the layer.

    Attributes:
        adc: The converter.
        limits: Largest currents [A] that are converted: `Adc.range`, or as mapped or calibrated,
            (sites, 1) or (sites, outputs).
        offsets: Offsets [A], (sites, outputs).
        amperes_per_weight: Bit-line current [A] of a weight of one with an input of one.
        of_parts: Whether parts of the sum of an output are converted (the current of a tile, of a
            bit plane, of a slice of the weights) and added digitally. False if the sum is
            converted.
        expected: Shares of conversions that the limits are expected to clip, (sites,).
        clips: Currents that were converted, and clipped.
        watch: While it is set, currents are shown to it, offset and noise included, and neither
            clipped nor rounded.
    """

    def __init__(
        self,
        adc: Adc,
        limits: Floats,
        offsets: Floats,
        siemens_per_weight: float,
        drivers: Drivers,
        *,
        of_parts: bool,
        name: str,
    ):
        self.adc = adc
        self.limits = np.asarray(limits, dtype=float)[:, None]
        self.offsets = offsets
        self._siemens_per_weight = siemens_per_weight
        self._drivers = drivers
        self.of_parts = of_parts
        self.expected: Floats = np.zeros(len(offsets))
        self.clips = ClipCount(
            f"the ADC of {name} clips its currents", "Adc", is_open=adc.range is None
        )
        self.watch: Watch | None = None

    @property
    def amperes_per_weight(self) -> float:
        """Bit-line current [A] of a weight of one with an input of one."""
        return self._siemens_per_weight * self._drivers.unit_voltage

    @property
    def sites(self) -> int:
        """Number of sites."""
        return len(self.offsets)

    def calibrate(self, limits: Floats, expected: Floats | None = None) -> None:
        """Set the largest currents; count clipping from zero.

        Args:
            limits: Largest currents [A], (sites, 1) or (sites, outputs).
            expected: Shares that they are expected to clip, (sites,); None for 0.

        Raises:
            ValueError: limits has another shape, or holds a number that is not above 0.
        """
        columns = 1 if np.ndim(limits) == 2 and np.shape(limits)[1] == 1 else self.offsets.shape[1]
        new = array("ranges of an ADC", limits, shape=(self.sites, columns))
        if (new <= 0).any():
            raise ValueError(f"ranges of an ADC = {new.min():g} A; give currents above 0")
        self.limits = new
        self.expected = np.zeros(self.sites) if expected is None else expected
        self.clips.reset()

    def convert(
        self,
        u: Array,
        normals: Callable[[], Array],
        *,
        site: int = 0,
        vector: Callable[[Floats], Array] = np.asarray,
    ) -> Array:
        """Return sums as the converters of a site give them, in weight units.

        Args:
            u: Sums, (reads, outputs), in weight units.
            normals: Returns fresh standard normals of the shape of the reads; it is called only if
                the converters have noise.
            site: Number of the site.
            vector: Brings an array over outputs to where u lives.
        """
        current = u * self.amperes_per_weight
        if self.adc.offset:
            current = current + vector(self.offsets[site])
        if self.adc.noise:
            current = current + self.adc.noise * normals()
        if self.watch is not None:
            self.watch.add(current, site)
            return current / self.amperes_per_weight
        limit = vector(self.limits[site])
        clipped = int((abs(current) > limit * (1 + ROUNDING)).sum())
        of_reads = current.shape[0] * current.shape[1]
        self.clips.add(clipped, of_reads, expected=float(self.expected[site]))
        return self.adc.convert(current, limit) / self.amperes_per_weight

    def of_reads(
        self,
        u: Array,
        span: Span,
        seed: np.random.SeedSequence,
        site: int = 0,
        *,
        vector: Callable[[Floats], Array] = np.asarray,
    ) -> Array:
        """Return sums as the converters of a site give them in some reads of a run.

        Args:
            u: Sums, (reads, outputs), or one row that all reads have in common.
            span: The reads; the number of a read decides the noise of its conversion.
            seed: Seed of the layer's converters in the run.
            site: Number of the site.
            vector: Brings an array to where u lives.
        """

        def normals() -> Array:
            return vector(draws(span, u.shape[1], child(seed, site)))

        return self.convert(u, normals, site=site, vector=vector)


def layer_converters(
    arrays: LayerArrays, drivers: Drivers, adc: Adc, name: str, *, rng: np.random.Generator
) -> Converters:
    """Return the converters of a programmed layer.

    Their range is that of `adc`. If `adc` leaves it open, the range is the largest current that the
    programmed weights and biases can cause with inputs of size one, or of the DAC's range.

    Args:
        arrays: The arrays of the layer.
        drivers: What drives them.
        adc: The converter.
        name: What messages call the layer.
        rng: Generator of the offsets.
    """
    separate = any(isinstance(part.array, SummedArray) for part in arrays.parts())
    of_parts = separate or drivers.planes > 1
    largest = []
    for part, matrix, _ in arrays.parts():
        weights = [of_term.weights for of_term in matrix.arrays()]
        driven = 1.0 if part is Part.BIAS else drivers.largest_drive
        largest += [driven * _largest_sum(part, w) for w in weights]
    if of_parts:
        limits = np.array([of_part.max() for of_part in largest])
        # A part whose weights are all zero has some range too.
        limits = np.where(limits > 0, limits, limits.max())
    else:
        limits = np.array([(np.sum(largest, axis=0) + np.abs(arrays.threshold)).max()])
    limits = limits * arrays.siemens_per_weight * drivers.unit_voltage
    if adc.range is not None:
        limits = np.full(len(limits), adc.range)
    offsets = adc.draw_offsets((len(limits), arrays.outputs), rng=rng)
    return Converters(
        adc,
        limits,
        offsets,
        arrays.siemens_per_weight,
        drivers,
        of_parts=of_parts,
        name=name,
    )


def _largest_sum(part: Part, w: Floats) -> Floats:
    """Return the largest |sum| of each output, (outputs,), for inputs of size one.

    Inputs of the other arrays may have any sign; those of bias lines are +1.
    """
    return np.abs(w.sum(axis=1)) if part is Part.BIAS else np.abs(w).sum(axis=1)
