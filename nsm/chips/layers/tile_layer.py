"""The layers of a chip as torch modules: on tiles, or digital.

They take and return states, and are called inside the context `read_context.reading`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossbar import NeuronArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.seeding import child
from devices.validation import Floats
from nsm.chips.layers.compensation import Compensation
from nsm.chips.layers.read_context import Stream, current_reads
from nsm.chips.layers.readouts import Comparators, NumpyBackend, Readout
from nsm.chips.layers.states import States, tensor_of, unpacked, values_of
from nsm.chips.layers.tensor_reads import read_tensor
from nsm.chips.layers.torch_sums import TorchSums
from nsm.chips.layers.tuning import Tuning
from nsm.chips.layers.windows import windows_in_blocks
from nsm.nn.digital import Values
from nsm.nn.geometry import Patches


class ChipLayer(nn.Module):
    """A layer of a chip.

    Attributes:
        name: What messages and reports call it.
        path: Where the layer stands in the network, such as "blocks.0.conv1".
        position: Place in the network; it names the layer's random streams.
    """

    def __init__(self, name: str):
        super().__init__()
        self.name = name
        self.path = ""
        self.position = 0

    def forward(self, z: States | Tensor) -> States | Tensor:
        """Return the layer's output for the reads of the current context."""
        raise NotImplementedError

    def reads_per_input(self, z: Values) -> tuple[Values, int]:
        """Return values of the output's shape, without a read, and the reads per input and pass."""
        raise NotImplementedError

    @property
    def on_tiles(self) -> list["TileLayer"]:
        """The layer in a list if it is on tiles; otherwise an empty list."""
        return []

    def extra_repr(self) -> str:
        return self.name


class DigitalLayer(ChipLayer):
    """A layer without devices: coding of inputs, rectifier, pooling, reshaping.

    Args:
        name: What messages and reports call it.
        function: Takes and returns values (images, ...).
    """

    def __init__(self, name: str, function: Callable[[Values], Values]):
        super().__init__(name)
        self.function = function

    def forward(self, z: States | Tensor) -> Values:
        """Return the function of the values."""
        return self.function(unpacked(values_of(z)))

    def reads_per_input(self, z: Values) -> tuple[Values, int]:
        """Return the function of the values, and 1."""
        return self.function(z), 1


class AdjustedLayer(ChipLayer):
    """A layer on tiles whose read-out was adjusted to what was measured on the chip.

    Attributes:
        neurons: The arrays.
        readout: What turns the sums of the bit lines into outputs.
        compensation: Factors for a common change of the conductances, see `compensate`.
        tuning: Parameters of the periphery that were trained on this chip, see `tune`.
    """

    neurons: NeuronArray
    readout: Readout
    compensation: Compensation
    tuning: Tuning
    _torch_sums: TorchSums | None

    def compensate(self, compensation: Compensation) -> None:
        """Multiply the sums by factors, and divide by them what is added in fixed size.

        A converter multiplies after the conversion. Comparators have no factor. Reference currents
        of biases, and the noise of logistic thresholds, are divided by the factors.
        """
        self.compensation = compensation
        self._set_threshold()
        self.readout = self.readout.scaled(compensation.factors)
        self._torch_sums = None  # the laws of its sums hold the reference currents

    def tune(self, tuning: Tuning) -> None:
        """Set the parameters of the periphery: digital gains and shifts, factors a, thresholds."""
        self.tuning = tuning
        self.neurons.a = tuning.a
        self._set_threshold()
        self.readout = self.readout.tuned(tuning.gain, tuning.shift)
        self._torch_sums = None  # the laws of its sums hold factors and thresholds

    def _set_threshold(self) -> None:
        mapped = self.compensation.threshold / self.compensation.factors
        self.neurons.threshold = mapped + self.tuning.threshold


class CountedLayer(AdjustedLayer):
    """A layer on tiles that counts its reads.

    Attributes:
        locations: At how many locations the layer was read for each input when it was last read, or
            when the mapping was checked.
        reads_per_pass: How often the layer was read for each input in the last pass, or in the one
            with which the mapping was checked: at all locations of all calls (time steps).
    """

    locations: int
    reads_per_pass: int

    def _note_reads(self, locations: int, per_pass: int) -> None:
        # A module of torch takes long to set an attribute, and these hardly ever change.
        if (self.locations, self.reads_per_pass) != (locations, per_pass):
            self.locations, self.reads_per_pass = locations, per_pass


class TileLayer(CountedLayer):
    """A layer on tiles with its read-out.

    Attributes:
        neurons: The arrays.
        readout: What turns the sums of the bit lines into outputs.
        samples_noise: True for neural sampling layers, whose neurons compute with the noise of
            their cells.
        wanted: Weights (outputs, inputs) that the main array was to hold before clipping,
            normalization folded in and row factors included.
        patches: How a convolution cuts its inputs; None for fully connected layers.
        row_factors: Factors by which the weights of each output were multiplied before programming,
            (outputs,).
        gives_states: Whether every layer that takes the outputs takes packed states. Otherwise a
            tensor comes out when a tensor goes in.
        dtype: Precision of the tensors that states become.
        compensation: Factors for a common change of the conductances, see `compensate`.
        tuning: Parameters of the periphery that were trained on this chip, see `tune`.
    """

    def __init__(
        self,
        name: str,
        neurons: NeuronArray,
        readout: Readout,
        *,
        wanted: Floats,
        row_factors: Floats,
        samples_noise: bool = False,
        patches: Patches | None = None,
        report: dict[str, object] | None = None,
    ):
        super().__init__(name)
        self.neurons = neurons
        self.readout = readout
        self.samples_noise = samples_noise
        self.wanted = wanted
        self.patches = patches
        self.row_factors = row_factors
        self._report: dict[str, object] | Callable[[], dict[str, object]] = report or {}
        self.gives_states = True
        self.dtype = torch.float64
        self.locations = 0
        self.reads_per_pass = 1
        self.compensation = Compensation.none(neurons.threshold)
        self.tuning = Tuning.none(neurons.a)
        self._torch_sums: TorchSums | None = None

    @property
    def on_tiles(self) -> list["TileLayer"]:
        """The layer in a list."""
        return [self]

    @property
    def torch_sums(self) -> TorchSums | None:
        """Reads of real numbers in torch; None if the sums of this layer are not Gaussian."""
        if self._torch_sums is None and TorchSums.fits([self.neurons]):
            self._torch_sums = TorchSums([self.neurons], self.patches)
        return self._torch_sums

    @property
    def report(self) -> dict[str, object]:
        """Row of `MappedNetwork.report`, with the values at the time of mapping.

        It is computed when it is first asked for, at the latest before the cells change.
        """
        if callable(self._report):
            self._report = self._report()
        return self._report

    def set_report(self, report: dict[str, object] | Callable[[], dict[str, object]]) -> None:
        """Set the row of the report, or the function that makes it of the layer as it is now."""
        self._report = report

    def forget_sums(self) -> None:
        """Forget the laws of the sums, which hold factors, biases and conductances that changed."""
        self._torch_sums = None

    def __getstate__(self) -> dict[str, Any]:
        # Copies and files of a chip make the laws of its sums anew.
        return {**self.__dict__, "_report": self.report, "_torch_sums": None}

    @property
    def amperes_per_weight(self) -> float:
        """Bit-line current [A] of a weight of one driven by an input of one."""
        return self.neurons.amperes_per_weight

    @property
    def weight_error(self) -> Floats:
        """Programmed minus wanted weights (outputs, inputs), in the units of the array."""
        return self.neurons.main.weights - self.wanted

    def forward(self, z: States | Tensor) -> States | Tensor:
        """Return the states or values of the reads of the current context."""
        reads = current_reads()
        before = self.reads_per_pass if self.position in reads.calls else 0
        if isinstance(z, Tensor):
            out = read_tensor(self, z, reads)
        else:
            span, seed = reads.next_call(self.position, len(z))
            states = self.read(z, span, seed, sampling=reads.sampling)
            out = states if self.gives_states else tensor_of(states).to(self.dtype)
        self._note_reads(self.locations, before + self.locations)
        return out

    def read(
        self, z: States, span: Span, seed: np.random.SeedSequence, *, sampling: str = "exact"
    ) -> States:
        """Return what leaves the read-out: states, or values.

        States of comparators are packed; those of a convolution are truth values.

        Args:
            z: Inputs, from the first that the span needs.
            span: Reads of the layer; a convolution makes each at all its locations.
            seed: Seed of the layer in this run.
            sampling: "exact" or "moments".
        """
        if self.patches is None:
            self._note_reads(1, self.reads_per_pass)
            return self._read(Inputs(z), span, seed, sampling)
        blocks, shape = windows_in_blocks(self.patches, unpacked(z), span)
        self._note_reads(math.prod(shape), self.reads_per_pass)
        parts = [unpacked(self._read(cut, reads, seed, sampling)) for cut, reads in blocks]
        if parts[0].ndim == 3:  # arranged by the pass that read them
            return parts[0].reshape(*parts[0].shape[:2], *shape)
        out = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self.patches.arrange(out, shape)

    def _read(self, x: Inputs, span: Span, seed: np.random.SeedSequence, sampling: str) -> States:
        arrays = child(seed, Stream.ARRAYS)
        if isinstance(self.readout, Comparators):
            decided = self.readout.decided(x, span, arrays, sampling)
            if decided is not None:
                return decided
        u = self.neurons.read_span(x, span, arrays, sampling=sampling)
        out: States = self.readout.apply(u, NumpyBackend(span, seed))
        return out

    def reads_per_input(self, z: Values) -> tuple[Values, int]:
        """Return an output of the right shape, without a read, and the reads of one input.

        An input is read at all its locations, and bit by bit where inputs are bit-serial.
        """
        sizes = () if self.patches is None else self.patches.out_shape(*z.shape[2:])
        shape = (len(z), self.neurons.outputs, *sizes)
        return np.zeros(shape, dtype=bool), math.prod(sizes) * self.neurons.drivers.planes
