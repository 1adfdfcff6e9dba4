"""Reads of the arrays of a layer, one after the other: currents, their conversion, their sum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crossbar.arrays.conversion import Converters
from crossbar.arrays.layer_arrays import LayerArrays, Part
from crossbar.arrays.programmed import Matrix
from crossbar.arrays.summed import add_terms, read_terms
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.seeding import child
from devices.validation import Floats


@dataclass(frozen=True, eq=False)
class PartReads:
    """Some reads of a layer, part by part.

    Attributes:
        layer: The arrays of the layer.
        converters: Its converters; None reads exact currents.
        conversion_seed: Seed of the converters' noise.
        seed: Seed of the run; a part draws from the child that it names.
        sampling: "exact" or "moments".
    """

    layer: LayerArrays
    converters: Converters | None
    conversion_seed: np.random.SeedSequence
    seed: np.random.SeedSequence
    sampling: str

    @property
    def are_converted(self) -> bool:
        """Whether parts of a sum are converted before they are added."""
        return self.converters is not None and self.converters.of_parts

    def sums(self, part: Part, matrix: Matrix, x: Inputs, span: Span) -> Floats:
        """Return the sums of one array, (reads, outputs), in weight units.

        If parts of a sum are converted, those of this array are converted before they are added.

        Args:
            part: Which array of the layer it is.
            matrix: The array.
            x: What drives the word lines, from the first row that the span needs.
            span: The reads of the array.
        """
        own = child(self.seed, part)
        terms = read_terms(matrix, x, span, own, sampling=self.sampling)
        return add_terms(terms, self._conversion_of(part, span))

    def biases(self, lines: Matrix, span: Span) -> Floats:
        """Return the sums of the bias lines; one row for all reads if they are free of noise."""
        ones = Inputs(np.ones((1, lines.inputs), dtype=bool))
        is_quiet = lines.reader.moments.is_noiseless
        if self.converters is not None and self.converters.of_parts:
            is_quiet = is_quiet and not self.converters.adc.noise
        one_input = Span(span.first, span.last, repeats=max(span.last, 1))
        return self.sums(Part.BIAS, lines, ones, Span(0, 1) if is_quiet else one_input)

    def _conversion_of(self, part: Part, span: Span) -> Callable[[Floats, int], Floats] | None:
        """Return what converts the sums of each term of an array; None if no part is converted."""
        converters = self.converters
        if converters is None or not converters.of_parts:
            return None
        first = self.layer.first_terms()[part]
        return lambda u, term: converters.of_reads(u, span, self.conversion_seed, first + term)
