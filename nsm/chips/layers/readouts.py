"""What stands at the bit lines of a layer.

Comparators, a converter, or a threshold with logistic noise.

A read-out turns sums u (reads, outputs) in weight units into what the next layer sees. The same
read-outs serve reads in numpy and in torch: a `Backend` says where the numbers live and draws what
the read-out needs.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from crossbar import Comparator, NeuronArray
from crossbar.arrays.conversion import Converters
from crossbar.cost.circuits import ReadOut
from crossbar.reads.firing import fires_packed
from crossbar.reads.inputs import Inputs
from crossbar.reads.packed import Packed
from crossbar.reads.span import Span, draws
from devices.seeding import child
from devices.validation import Floats
from nsm.chips.layers.read_context import Stream
from nsm.chips.layers.states import States

#: A numpy array or a torch tensor.
Array = Any


class Backend(Protocol):
    """Where the sums of a read live, and the random numbers of its read-out."""

    def vector(self, values: Floats) -> Array:
        """Return a vector over outputs where the sums live."""
        ...

    def logistic(self, columns: int) -> Array:
        """Return standard logistic numbers, (reads, columns)."""
        ...

    def compare(self, u: Array, comparators: "Comparators") -> Any:
        """Return the states that comparators decide for, under fresh comparator noise."""
        ...


class Readout(Protocol):
    """What turns the sums of a layer into the inputs of the next.

    Attributes:
        name: What reports call it.
        circuit: What stands behind each output, for `chip.cost()`.
        sees_scale: Whether its outputs change when all sums of an output change by one factor.
    """

    name: ClassVar[str]
    circuit: ClassVar[ReadOut]
    sees_scale: ClassVar[bool]

    def apply(self, u: Array, backend: Backend) -> Any:
        """Return what leaves the read-out for sums u (reads, outputs) in weight units."""
        ...

    def scaled(self, factors: Floats) -> "Readout":
        """Return the read-out for sums that are to be multiplied by factors, (outputs,)."""
        ...

    def tuned(self, gain: Floats, shift: Floats) -> "Readout":
        """Return the read-out with digital gains and shifts, (outputs,), if it has any."""
        ...

    def of(self, neurons: NeuronArray | None) -> "Readout":
        """Return the read-out of a layer; of None without what belongs to a layer, for files."""
        ...


@dataclass(frozen=True, eq=False)
class Comparators:
    """One comparator per output: z = +1 where u + offset + noise ≥ 0, otherwise −1.

    Attributes:
        comparator: Noise and offsets of a comparator [A].
        offsets: Offsets [A], (outputs,), drawn once per chip.
        neurons: The layer whose sums they compare; None in files.
    """

    name: ClassVar[str] = "comparators"
    circuit: ClassVar[ReadOut] = ReadOut.COMPARATOR
    sees_scale: ClassVar[bool] = False
    comparator: Comparator
    offsets: Floats
    neurons: NeuronArray | None

    @property
    def amperes_per_weight(self) -> float:
        """Bit-line current [A] of a weight of one with an input of one."""
        assert self.neurons is not None
        return self.neurons.amperes_per_weight

    def apply(self, u: Array, backend: Backend) -> Any:
        """Return states ±1: packed in numpy, numbers in torch."""
        return backend.compare(u, self)

    def decided(
        self, x: Inputs, span: Span, seed: np.random.SeedSequence, sampling: str
    ) -> States | None:
        """Return the states of reads of inputs, in one pass with their sums.

        None where there is no such pass. Arguments are those of `NeuronArray.read_span`.
        """
        if self.comparator.noise or self.neurons is None:
            return None
        return self.neurons.whole.fired(x, span, seed, self.offsets, sampling)

    def scaled(self, factors: Floats) -> "Comparators":
        """Return the same comparators: the sign of a sum has no scale."""
        return self

    def tuned(self, gain: Floats, shift: Floats) -> "Comparators":
        """Return the same comparators: nothing is digital behind the sums."""
        return self

    def of(self, neurons: NeuronArray | None) -> "Comparators":
        """Return the comparators of a layer."""
        return replace(self, neurons=neurons)


@dataclass(frozen=True, eq=False)
class LogisticThreshold:
    """Comparators with logistic noise of fixed size: P(z = +1) = 1/(1 + exp(−u)).

    Attributes:
        comparators: The comparators that decide.
        row_factors: Factors by which the weights of each output were multiplied, (outputs,).
        scale: Factors of the sums, (outputs,), by which the noise of the threshold is divided; 1 if
            the layer is not compensated.
    """

    name: ClassVar[str] = "logistic threshold"
    circuit: ClassVar[ReadOut] = ReadOut.COMPARATOR
    sees_scale: ClassVar[bool] = True
    comparators: Comparators
    row_factors: Floats
    scale: Floats | float = 1.0

    def apply(self, u: Array, backend: Backend) -> Any:
        """Return states ±1. The noise has the size of one weight unit of the network."""
        in_network_units = u / backend.vector(self.row_factors)
        noise = backend.logistic(u.shape[1]) / backend.vector(np.asarray(self.scale))
        return self.comparators.apply(in_network_units + noise, backend)

    def scaled(self, factors: Floats) -> "LogisticThreshold":
        """Return the read-out whose noise is divided by the factors, (outputs,)."""
        return replace(self, scale=factors)

    def tuned(self, gain: Floats, shift: Floats) -> "LogisticThreshold":
        """Return the same read-out: nothing is digital behind the sums."""
        return self

    def of(self, neurons: NeuronArray | None) -> "LogisticThreshold":
        """Return the read-out of a layer."""
        return replace(self, comparators=self.comparators.of(neurons))


@dataclass(frozen=True, eq=False)
class Converter:
    """An analog-to-digital converter per output, or an ideal read-out.

    The array converts its sums, or their parts before they are added; see
    `crossbar.NeuronArray.read_span`. What remains is to bring them to the network's units.

    Attributes:
        converters: The converters of the array; None for an ideal read-out.
        row_factors: Factors by which the weights of each output were multiplied, (outputs,).
        scale: Digital factors of the converted sums, (outputs,); 1 if the layer is not compensated.
        gain: Further digital factors, (outputs,); 1 if the layer is not tuned.
        shift: What is added digitally at the end, in the network's units, (outputs,).
    """

    name: ClassVar[str] = "converter"
    circuit: ClassVar[ReadOut] = ReadOut.ADC
    sees_scale: ClassVar[bool] = True
    converters: Converters | None
    row_factors: Floats
    scale: Floats | float = 1.0
    gain: Floats | float = 1.0
    shift: Floats | float = 0.0

    @property
    def clipped(self) -> float:
        """Share of conversions that were clipped since mapping or calibration.

        It is NaN before the first conversion, and without converters.
        """
        return math.nan if self.converters is None else self.converters.clips.share

    def apply(self, u: Array, backend: Backend) -> Array:
        """Return the sums in the network's units."""
        out = u / backend.vector(self.row_factors / self.scale / self.gain)
        return out + backend.vector(np.asarray(self.shift)) if np.any(self.shift) else out

    def scaled(self, factors: Floats) -> "Converter":
        """Return the read-out that multiplies by the factors after the conversion."""
        return replace(self, scale=factors)

    def tuned(self, gain: Floats, shift: Floats) -> "Converter":
        """Return the read-out with further digital gains, and shifts at the end."""
        return replace(self, gain=gain, shift=shift)

    def of(self, neurons: NeuronArray | None) -> "Converter":
        """Return the read-out of a layer with its converters."""
        return replace(self, converters=None if neurons is None else neurons.converters)


@dataclass(frozen=True)
class NumpyBackend:
    """Read-out of reads in numpy, whose draws depend on their numbers alone.

    Attributes:
        span: The reads.
        seed: Seed of the layer in this run.
    """

    span: Span
    seed: np.random.SeedSequence

    def vector(self, values: Floats) -> Floats:
        """Return `values`."""
        return values

    def logistic(self, columns: int) -> Floats:
        """Return standard logistic numbers, (reads, columns)."""
        law = np.random.Generator.logistic
        return draws(self.span, columns, child(self.seed, Stream.LOGISTIC), law)

    def compare(self, u: Floats, comparators: Comparators) -> Packed:
        """Return packed states of comparators."""
        normals = None
        if comparators.comparator.noise:
            noise = child(self.seed, Stream.COMPARATOR_NOISE)
            normals = draws(self.span, u.shape[1], noise)
        return fires_packed(
            comparators.comparator,
            u,
            comparators.amperes_per_weight,
            comparators.offsets,
            normals,
        )
