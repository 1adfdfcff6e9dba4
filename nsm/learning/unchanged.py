"""A chip whose learning is stopped is as it was: the same call then resumes from its checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager

from crossbar.arrays.snapshot import NeuronSnapshot, restore, snapshot
from devices.validation import Floats
from nsm.chips.chip import MappedNetwork
from nsm.chips.layers.compensation import Compensation
from nsm.chips.layers.tile_layer import TileLayer


class _Before:
    """What learning changes in a layer, as it is now.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: TileLayer):
        self._layer = layer
        self._neurons: NeuronSnapshot = snapshot(layer.neurons)
        self._compensation: Compensation = layer.compensation
        self._wanted: Floats = layer.wanted
        self._reads = layer.locations, layer.reads_per_pass

    def put_back(self) -> None:
        """Let the layer be as it was."""
        layer = self._layer
        restore(layer.neurons, self._neurons)
        layer.compensation = self._compensation
        layer.wanted = self._wanted
        layer.locations, layer.reads_per_pass = self._reads
        layer.forget_sums()


@contextmanager
def unchanged_if_stopped(chip: MappedNetwork) -> Iterator[None]:
    """Put a chip back as it was if the block does not end by itself, Ctrl-C included.

    A measurement on validation images brings the weights of now into the chip. Without putting them
    back, the chip would no longer be the one that its checkpoint knows.
    """
    before = [_Before(layer) for layer in chip.layers]
    try:
        yield
    except BaseException:
        for layer in before:
            layer.put_back()
        raise
