"""A layer whose arrays, biases and comparators are read in one compiled pass, where they can be."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays.layer_arrays import LayerArrays, Part
from crossbar.arrays.merged import MergedSums
from crossbar.arrays.programmed import Matrix
from crossbar.arrays.tiled import TiledArray
from crossbar.reads.gated_sums import gate_bits
from crossbar.reads.gaussian_sums import GaussianSums, is_exactly_gaussian
from crossbar.reads.gaussian_sums import Stream as NormalStream
from crossbar.reads.inputs import Inputs
from crossbar.reads.layer_pass import (
    NO_BITS,
    NO_NORMALS,
    NOTHING,
    LayerPass,
    SignTables,
    sign_tables,
)
from crossbar.reads.packed import Packed
from crossbar.reads.sampling import check_sampling
from crossbar.reads.span import Span
from crossbar.reads.strategies import Stream
from devices.seeding import child
from devices.validation import Floats

if TYPE_CHECKING:
    from crossbar.arrays.neurons import NeuronArray


class _Drawn(NamedTuple):
    """What a pass draws: its main array, the noise of its sums, and the key of its stream."""

    of_pass: LayerPass
    key: tuple[int, ...]


class WholeLayer:
    """A layer in one pass for inputs ±1, with the same numbers as its parts in turn.

    It serves quiet cells behind plain blank-out gates of pairs, and one normal per output; a
    deterministic path and bias lines without noise; and converters of whole sums.

    Args:
        layer: The layer.

    Attributes:
        merged: What draws main array and deterministic path at once, where it can.
    """

    def __init__(self, layer: "NeuronArray"):
        self._layer = layer
        self.merged = MergedSums()
        self._made: dict[str, tuple[tuple[object, ...], _Drawn | None]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": {}}  # tables are made anew

    def sums(
        self, driven: Inputs, span: Span, seed: np.random.SeedSequence, sampling: str
    ) -> Floats | None:
        """Return u (reads, outputs) before converters; None where parts are read in turn.

        Args:
            driven: What drives the word lines, from the first row that the span needs.
            span: The reads.
            seed: Seed of the run.
            sampling: "exact" or "moments".
        """
        drawn = self._drawn(driven, sampling)
        if drawn is None:
            return None
        return drawn.of_pass.sums(driven.packed, span, child(seed, *drawn.key))

    def fired(
        self, x: Inputs, span: Span, seed: np.random.SeedSequence, offsets: Floats, sampling: str
    ) -> Packed | NDArray[np.bool_] | None:
        """Return whether comparators without noise fire; None where there is no such pass.

        Arguments are those of `NeuronArray.read_span`, and the comparators' offsets [A].

        Returns:
            Packed states (reads, outputs); or truth values (inputs read, outputs, locations) of
            reads at several locations.
        """
        drawn = self._drawn(x, sampling)
        if drawn is None or self._layer.converters is not None:
            return None
        self._layer.drivers.count(x)
        read = drawn.of_pass.fired if span.locations == 1 else drawn.of_pass.states
        return read(
            x.packed, span, child(seed, *drawn.key), self._layer.amperes_per_weight, offsets
        )

    def reads_signs(self, sampling: str) -> bool:
        """Return whether rows of inputs ±1 are read in one pass."""
        return self._of_signs(sampling) is not None

    def _drawn(self, driven: Inputs, sampling: str) -> _Drawn | None:
        """Return the pass of inputs ±1; None of others, and of rows that the arrays refuse."""
        fits = driven.shape[1] == self._layer.inputs
        return self._of_signs(sampling) if fits and driven.all_signs else None

    def _of_signs(self, sampling: str) -> _Drawn | None:
        """Return the pass, which is kept until cells, factors or thresholds change."""
        layer = self._layer
        check_sampling(sampling)
        in_parts = layer.converters is not None and layer.converters.of_parts
        plain = layer.is_plain and layer.a.ndim == 1 and layer.drivers.watch is None
        if in_parts or not plain:
            return None
        readers = [matrix.reader for matrix in layer.matrices]
        key = (*readers, layer.a.tobytes(), layer.threshold.tobytes())
        made = self._made.get(sampling)
        if made is None or made[0] != key:
            made = self._made[sampling] = key, _whole(layer, sampling)
        return made[1]


def _whole(layer: "NeuronArray", sampling: str) -> _Drawn | None:
    """Return the pass of a plain layer; None where its parts are read in turn."""
    lines, path = layer.bias_lines, layer.deterministic_path
    bias = NOTHING if lines is None else _sums_of_ones(lines)
    both = layer.whole.merged.of(layer, sampling)
    main = _main(layer, sampling) if both is None else _normal(both)
    added = path if both is None else None
    quiet = None if added is None else _quiet(added)
    if bias is None or main is None or (added is not None and quiet is None):
        return None
    tables = main.of_pass.main
    of_pass = LayerPass(
        main=tables,
        path=tables if quiet is None else _or_same(sign_tables(quiet.mean_tables()), tables),
        p_bits=main.of_pass.p_bits,
        std=main.of_pass.std,
        a=NOTHING if quiet is None else np.ascontiguousarray(layer.a),
        bias=bias,
        threshold=np.ascontiguousarray(layer.threshold) if layer.threshold.any() else NOTHING,
    )
    return _Drawn(of_pass, (Part.MAIN, *main.key))


def _main(layer: LayerArrays, sampling: str) -> _Drawn | None:
    """Return the reads of the main array alone."""
    assert isinstance(layer.main, TiledArray)
    reader = layer.main.reader
    if sampling == "moments" or is_exactly_gaussian(layer.hardware):
        sums = None if reader.cells.reference_of is not None else reader.gaussian_sums()
        if sums is None:
            return None
        normal = _normal(sums)
        return _Drawn(normal.of_pass, (Stream.GAUSSIAN_SUMS, *normal.key))
    plain = reader.plain_gates()
    if plain is None:
        return None
    tables, bits = sign_tables(plain[0]), gate_bits(plain[1])
    assert bits is not None
    alone = LayerPass(tables, tables, bits, NO_NORMALS, NOTHING, NOTHING, NOTHING)
    return _Drawn(alone, (Stream.PACKED_BITS, 0))


def _normal(sums: GaussianSums) -> _Drawn:
    """Return reads drawn as one normal per output."""
    tables, std = sign_tables(sums.mean_tables()), sums.std_of_signs()
    of_noise = NO_NORMALS if std is None else std
    alone = LayerPass(tables, tables, NO_BITS, of_noise, NOTHING, NOTHING, NOTHING)
    return _Drawn(alone, (NormalStream.OWN,))


def _or_same(path: SignTables, main: SignTables) -> SignTables:
    """Return `main` if both tables are equal, so that their sums are added up once."""
    same = path.unit == main.unit and np.array_equal(path.factors, main.factors)
    return main if same and np.array_equal(path.entries, main.entries) else path


def _quiet(array: Matrix) -> GaussianSums | None:
    """Return the reads of an array that is free of noise; None of others."""
    assert isinstance(array, TiledArray)
    return array.reader.gaussian_sums() if array.reader.moments.is_noiseless else None


def _sums_of_ones(lines: Matrix) -> Floats | None:
    """Return the sums of lines with inputs of one, (outputs,); None if they are not always these.

    `PartReads.biases` adds up the same whole numbers.
    """
    quiet = _quiet(lines)
    if quiet is None:
        return None
    of_means = _normal(quiet).of_pass
    ones = Inputs(np.ones((1, lines.inputs), bool))
    return of_means.sums(ones.packed, Span(0, 1), np.random.SeedSequence(0))[0]
