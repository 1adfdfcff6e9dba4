"""Main array and deterministic path as one matrix, where each sum is one normal number."""

from dataclasses import replace

import numpy as np

from crossbar.arrays.layer_arrays import LayerArrays
from crossbar.arrays.tiled import TiledArray
from crossbar.reads.gaussian_sums import GaussianSums, is_exactly_gaussian
from crossbar.reads.moments import ReadMoments
from crossbar.reads.pair_moments import MomentMatrices


class MergedSums:
    """Sums of the main array plus a_i times those of the deterministic path.

    Independent normals add up to one, so that a product and a normal for each output serve both.
    """

    def __init__(self) -> None:
        self._made: tuple[tuple[object, ...], GaussianSums] | None = None

    def of(self, layer: LayerArrays, sampling: str) -> GaussianSums | None:
        """Return what draws both, for ternary inputs; None where they are read apart."""
        main, path = layer.main, layer.deterministic_path
        if not (isinstance(main, TiledArray) and isinstance(path, TiledArray)):
            return None
        if layer.a.ndim > 1 or not all(_merges(array, sampling) for array in (main, path)):
            return None
        of_main, of_path = main.reader, path.reader
        key = (of_main, of_path, tuple(layer.a))
        if self._made is None or self._made[0] != key:
            first, second = of_main.moments.matrices, of_path.moments.matrices
            both = MomentMatrices(
                first.mean + layer.a * second.mean,
                first.own + layer.a**2 * second.own,
                np.empty((layer.inputs, 0)),
            )
            cells = replace(of_main.cells, level_spacing=0.0)
            self._made = key, GaussianSums(ReadMoments(cells, of_main.state, both))
        made = self._made[1]
        return None if made.is_quiet else made


def _merges(array: TiledArray, sampling: str) -> bool:
    """Return whether sums of an array are normal, one for each output, and on no grid.

    Whole numbers of a grid need fewer digits apart.
    """
    hardware = array.hardware
    normal = sampling == "moments" or is_exactly_gaussian(hardware)
    plain = hardware.is_ohmic and hardware.current_noise is None and not hardware.has_memory
    alone = not (hardware.gates_word_lines or hardware.mapping.shares_reference)
    return normal and plain and alone and array.reader.cells.level_spacing == 0
