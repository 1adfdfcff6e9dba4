"""A layer whose arrays, biases and comparators are read in one compiled pass, where they can be."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays.layer_arrays import LayerArrays, Part
from crossbar.arrays.merged import MergedSums
from crossbar.arrays.programmed import Matrix
from crossbar.arrays.tiled import TiledArray
from crossbar.reads.gaussian_sums import GaussianSums, is_exactly_gaussian
from crossbar.reads.gaussian_sums import Stream as NormalStream
from crossbar.reads.inputs import Inputs
from crossbar.reads.layer_pass.layer_pass import Gates, LayerPass, Noise
from crossbar.reads.layer_pass.sign_tables import SignTables, conducting_tables, sign_tables
from crossbar.reads.packed import Packed
from crossbar.reads.sampling import check_sampling
from crossbar.reads.span import Span
from crossbar.reads.strategies import Stream
from devices.validation import Floats

if TYPE_CHECKING:
    from crossbar.arrays.neurons import NeuronArray


_OF_PATH = (Part.DETERMINISTIC_PATH, Stream.GAUSSIAN_SUMS)
_OF_BIAS = (Part.BIAS, Stream.GAUSSIAN_SUMS)


class WholeLayer:
    """A layer in one pass for inputs ±1, with the same numbers as its parts in turn.

    It serves main arrays whose gates of pairs conduct or do not, with one probability or a
    probability each, and whose cells have no noise or Gaussian noise; main arrays drawn as one
    normal per output; a deterministic path and bias lines without noise or with Gaussian noise; and
    converters of a layer's whole sums, not of parts of them. Other layers are read part after part.

    Args:
        layer: The layer.

    Attributes:
        merged: What draws main array and deterministic path at once, where it can.
    """

    def __init__(self, layer: "NeuronArray"):
        self._layer = layer
        self.merged = MergedSums()
        # The pass of each sampling, behind what it was made of.
        self._made: dict[str, tuple[tuple[object, ...], LayerPass | None]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": {}}  # tables are made anew

    def sums(
        self, driven: Inputs, span: Span, seed: np.random.SeedSequence, sampling: str
    ) -> Floats | None:
        """Return u (reads, outputs) before converters; None where parts are read in turn.

        Args:
            driven: What drives the word lines, (rows, inputs), from the first row that the span
                needs.
            span: The reads.
            seed: Seed of the layer in this run.
            sampling: "exact" or "moments".
        """
        drawn = self._pass_for(driven, sampling)
        if drawn is None:
            return None
        return drawn.sums(driven.packed, span, seed)

    def fired(
        self, x: Inputs, span: Span, seed: np.random.SeedSequence, offsets: Floats, sampling: str
    ) -> Packed | NDArray[np.bool_] | None:
        """Return whether comparators without noise fire; None where there is no such pass.

        Args:
            x, span, seed, sampling: As of `NeuronArray.read_span`.
            offsets: Offsets of the comparators [A], (outputs,).

        Returns:
            Packed states (reads, outputs); or truth values (inputs read, outputs, locations) of
            reads at several locations.
        """
        drawn = self._pass_for(x, sampling)
        if drawn is None or self._layer.converters is not None:
            return None
        self._layer.drivers.count(x)
        read = drawn.fired if span.locations == 1 else drawn.states
        return read(x.packed, span, seed, self._layer.amperes_per_weight, offsets)

    def reads_signs(self, sampling: str) -> bool:
        """Return whether rows of inputs ±1 are read in one pass."""
        return self._of_signs(sampling) is not None

    def _pass_for(self, driven: Inputs, sampling: str) -> LayerPass | None:
        """Return the pass of inputs ±1; None of others, and of rows that the arrays refuse."""
        fits = driven.shape[1] == self._layer.inputs
        return self._of_signs(sampling) if fits and driven.all_signs else None

    def _of_signs(self, sampling: str) -> LayerPass | None:
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


def _whole(layer: "NeuronArray", sampling: str) -> LayerPass | None:
    """Return the pass of a plain layer; None where its parts are read in turn."""
    both = layer.whole.merged.of(layer, sampling)
    drawn = _main(layer, sampling) if both is None else _normal(both, Part.MAIN)
    if drawn is None:
        return None
    if layer.threshold.any():
        drawn = replace(drawn, threshold=layer.threshold)
    if both is None and layer.deterministic_path is not None:
        path = _gaussian(layer.deterministic_path, sampling, _OF_PATH)
        if path is None:
            return None
        tables = _shared_if_equal(path.main, drawn.main)
        drawn = replace(drawn, path=tables, a=layer.a, path_noise=path.noise)
    if layer.bias_lines is not None:
        lines = _gaussian(layer.bias_lines, sampling, _OF_BIAS)
        if lines is None:
            return None
        bias = _sums_of_ones(lines.main, layer.bias_lines.inputs)
        drawn = replace(drawn, bias=bias, bias_noise=lines.noise)
    return drawn


def _main(layer: LayerArrays, sampling: str) -> LayerPass | None:
    """Return the reads of the main array alone."""
    assert isinstance(layer.main, TiledArray)
    reader = layer.main.reader
    if sampling == "moments" or is_exactly_gaussian(layer.hardware):
        return _gaussian(layer.main, sampling, (Part.MAIN, Stream.GAUSSIAN_SUMS))
    plain = reader.plain_gates()
    if plain is None:
        return None
    tables = sign_tables(plain.signal)
    cells = None if plain.variance is None else conducting_tables(plain.variance)
    key = (Part.MAIN, Stream.PACKED_BITS, 0)  # the masks that `PackedBits` draws for matrix 0
    return LayerPass(tables, tables, Gates(plain.p_bits, key, cells))


def _gaussian(array: Matrix, sampling: str, key: tuple[int, ...]) -> LayerPass | None:
    """Return reads drawn as one normal per output; None where these are no such reads."""
    assert isinstance(array, TiledArray)
    sums = array.reader.gaussian_sums()
    if sums is None:
        return None
    if sums.is_quiet:
        return _normal(sums, *key)
    normal = sampling == "moments" or is_exactly_gaussian(array.hardware)
    return _normal(sums, *key) if normal and array.reader.cells.reference_of is None else None


def _normal(sums: GaussianSums, *key: int) -> LayerPass:
    """Return reads drawn as one normal per output."""
    tables, std = sign_tables(sums.mean_tables()), sums.std_of_signs()
    noise = None if std is None else Noise(std, (*key, NormalStream.OWN))
    return LayerPass(tables, tables, noise=noise)


def _shared_if_equal(path: SignTables, main: SignTables) -> SignTables:
    """Return the path with the entries of `main` if both are equal, so that they are added up once.

    Their units may differ, if only by a rounding error.
    """
    names = ("factors", "steps", "odd", "entries")
    same = path.later == main.later and all(
        np.array_equal(getattr(path, name), getattr(main, name)) for name in names
    )
    return main._replace(unit=path.unit) if same else path


def _sums_of_ones(tables: SignTables, lines: int) -> Floats:
    """Return the sums of lines with inputs of one, (outputs,).

    `PartReads.biases` adds up the same whole numbers.
    """
    ones = Inputs(np.ones((1, lines), bool))
    alone = LayerPass(tables, tables)
    return alone.sums(ones.packed, Span(0, 1), np.random.SeedSequence(0))[0]
