"""Looking into a chip: outputs of its layers, its physical tiles, and what they do in a read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from crossbar.arrays import inspection
from crossbar.arrays.inspection import PhysicalTile, SampledTile, TileCurrents
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, choice, integer
from nsm.chips.circuit_needs import OFFSET_VOLTAGE, TRANSIMPEDANCE, circuit_needs
from nsm.chips.layers.attention import Attention
from nsm.chips.layers.dropout import KeptDropout
from nsm.chips.layers.grouped import Grouped
from nsm.chips.layers.recurrent import Recurrent, RecurrentCell
from nsm.chips.layers.states import tensor_of
from nsm.chips.layers.tile_layer import ChipLayer, TileLayer
from nsm.chips.monte_carlo import MonteCarlo
from nsm.chips.streams import Stream
from nsm.chips.structures import leaves

if TYPE_CHECKING:
    import pandas as pd

#: Layers that are made of others.
_COMPOSITE = (Attention, Grouped, KeptDropout, Recurrent, RecurrentCell, nn.MultiheadAttention)


class Inside(MonteCarlo):
    """A network on tiles whose layers and tiles can be looked at."""

    def layer(self, layer: int | str) -> TileLayer:
        """Return a layer on tiles.

        Args:
            layer: Number of the layer among those on tiles, from 0, or its name, such as
                "blocks.0.conv1".

        Raises:
            ValueError: There is no such layer.
        """
        return chosen_layer(self.layers, layer, "layer on tiles")

    def weights(self, layer: int | str) -> Floats:
        """Return the weights that a layer's cells represent now, (outputs, inputs).

        They are in the network's units, and without IR drop.

        Args:
            layer: Number of the layer among those on tiles, from 0, or its name, such as
                "blocks.0.conv1".
        """
        on_tiles = self.layer(layer)
        return on_tiles.neurons.main.weights / on_tiles.row_factors[:, None]

    def conductances(self, layer: int | str) -> tuple[Floats, Floats]:
        """Return the conductances g_pos and g_neg [S] of a layer now, (word lines, bit lines).

        Args:
            layer: Number of the layer among those on tiles, from 0, or its name, such as
                "blocks.0.conv1".
        """
        return self.layer(layer).neurons.main.conductances()

    def outputs(self, x: Any, *, rng: RNG = None, sampling: str = "exact") -> dict[str, Floats]:
        """Return the outputs of every layer in one noisy pass, by path, in order of execution.

        The pass is that of `sample(x, 1, rng=rng)`: the outputs of a network's last layer are its
        result. Layers are those on tiles and modules without children, and what is made of several
        arrays (recurrent layers, attention, grouped convolutions), after its parts. Functions that
        a forward calls (`x + y`, `torch.relu`) are no layers, and normalization that was folded
        into weights is gone.

        Args:
            x: Images, (batch, ...), as for `sample`.
            rng: Seed, Generator or None; gates, read noise and comparator noise are drawn.
            sampling: "exact" or "moments".

        Returns:
            Path of the layer, such as "blocks.0.conv1", -> float64 (batch, ...), in the shape that
            the layer gives it; states are −1 and +1. The second call of a layer in the pass is
            "path (call 2)", the second tensor of a layer that gives several "path (output 2)".

        Raises:
            ValueError: x holds NaN, has a wrong shape or no images, or a layer's outputs in several
                parts of the batch do not fit together.
        """
        return outputs(self, x, rng=rng, sampling=sampling)

    def tiles(self, layer: int | str) -> list[PhysicalTile]:
        """Return the physical tiles of a layer: places, and conductances [S] as they are now.

        Args:
            layer: Number of the layer among those on tiles, from 0, or its name.

        Returns:
            Those of the main array, of the deterministic path and of the bias lines, row after row;
            see `crossbar.arrays.inspection.PhysicalTile`.
        """
        return inspection.physical_tiles(self.layer(layer).neurons)

    def sampled_tiles(self, layer: int | str, *, rng: RNG = None) -> list[SampledTile]:
        """Return G⁺ and G⁻ [S] of every tile of a layer as one read sees them.

        Gates and read noise are drawn; see `crossbar.arrays.inspection.sampled_tiles`.

        Args:
            layer: Number of the layer among those on tiles, from 0, or its name.
            rng: Seed, Generator or None; same `rng`, same read.
        """
        return inspection.sampled_tiles(self.layer(layer).neurons, rng=rng)

    def tile_currents(
        self, layer: int | str, x: ArrayLike, *, rng: RNG = None
    ) -> list[TileCurrents]:
        """Return the bit-line currents [A] of every tile of a layer in one read of its inputs.

        Gates and read noise are drawn; see `crossbar.arrays.inspection.tile_currents`. The same
        `rng` gives the cells of `sampled_tiles` in the first read.

        Args:
            layer: Number of the layer among those on tiles, from 0, or its name.
            x: Inputs of this layer, (rows, inputs); a convolution also takes (images, channels,
                *sizes), and reads the windows of each image in turn. States are −1 and +1.
            rng: Seed, Generator or None.
        """
        on_tiles = self.layer(layer)
        patches = on_tiles.patches
        rows = x
        if patches is not None and np.ndim(x) == len(patches.kernel) + 2:
            rows, _ = patches.of(array("x", x, truth_values=True))
        return inspection.tile_currents(on_tiles.neurons, rows, rng=rng)

    def circuit_needs(
        self, *, transimpedance: float = TRANSIMPEDANCE, offset_voltage: float = OFFSET_VOLTAGE
    ) -> "pd.DataFrame":
        """Return what circuits of each layer must do, a row per layer on tiles.

        Full-scale currents, IR loss, steps of converters and comparators, and the offset that they
        tolerate, in amperes and in volts behind an amplifier; see
        `nsm.chips.circuit_needs.circuit_needs`.

        Args:
            transimpedance: Resistance of the amplifier, output voltage over bit-line current [Ω];
                default `nsm.chips.circuit_needs.TRANSIMPEDANCE`, 100 kΩ.
            offset_voltage: Offset behind the amplifier that is compared with a step [V]; default
                5 mV.

        Raises:
            ValueError: `transimpedance` or `offset_voltage` is not above 0.
        """
        return circuit_needs(
            self.layers, transimpedance=transimpedance, offset_voltage=offset_voltage
        )


def chosen_layer(layers: list[TileLayer], layer: int | str, kind: str) -> TileLayer:
    """Return one of some layers by its number or name.

    Args:
        layers: The layers to choose from.
        layer: Number from 0, or path in the network.
        kind: What messages call one of them.

    Raises:
        ValueError: There is no such layer.
    """
    if isinstance(layer, str):
        by_name = {on_tiles.path: on_tiles for on_tiles in layers}
        return by_name[choice(kind, layer, by_name)]
    if integer("layer", layer, at_least=0) >= len(layers):
        many = kind.replace("layer", "layers")
        raise ValueError(f"layer = {layer}: this chip has {len(layers)} {many}, counted from 0")
    return layers[layer]


def outputs(chip: MonteCarlo, x: Any, *, rng: RNG, sampling: str) -> dict[str, Floats]:
    """Return the outputs of every layer in one noisy pass; see `Inside.outputs`."""
    images = chip.check_images(x)
    batch = chip.inputs.batch(images)
    if not batch:
        raise ValueError("x holds no images; give one or more, whose outputs have a shape")
    seed = child(seed_sequence(rng), Stream.SAMPLE)
    parts: list[tuple[Span, dict[str, NDArray[Any]]]] = []
    found: dict[str, NDArray[Any]] = {}
    with _recording(chip.network, found):
        for span, _ in chip.runs(images, 1, seed, sampling=sampling):
            parts.append((span, dict(found)))
            found.clear()
    names = {tuple(recorded) for _, recorded in parts}
    if len(names) > 1:
        raise ValueError(
            "the layers that were called depend on the images, so that their outputs in parts of "
            "the batch do not fit together; give fewer images at a time"
        )
    reads = [span.reads for span, _ in parts]
    return {
        name: _joined(name, [recorded[name] for _, recorded in parts], reads)
        for name in parts[0][1]
    }


@contextmanager
def _recording(network: nn.Module, found: dict[str, NDArray[Any]]) -> Iterator[None]:
    """Record the outputs of every layer that runs inside the `with` block."""

    def recorder(path: str) -> Callable[..., None]:
        def record(_layer: nn.Module, _inputs: Any, output: Any) -> None:
            for number, tensor in enumerate(leaves(output), start=1):
                which = path if number == 1 else f"{path} (output {number})"
                found[_free(which, found)] = _as_floats(tensor_of(tensor))

        return record

    handles = [
        module.register_forward_hook(recorder(getattr(module, "path", path)))
        for path, module in network.named_modules()
        if isinstance(module, (ChipLayer, *_COMPOSITE)) or not any(True for _ in module.children())
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _free(name: str, taken: dict[str, Any]) -> str:
    """Return the name, with the number of the call if there were calls before."""
    calls = 1
    free = name
    while free in taken:
        calls += 1
        free = f"{name} (call {calls})"
    return free


def _as_floats(tensor: Tensor) -> Floats:
    """Return a copy of a tensor as float64: layers that follow may change it in place."""
    return np.array(tensor.detach().to("cpu", torch.float64).numpy())


def _joined(name: str, parts: list[Floats], reads: list[int]) -> Floats:
    """Return the outputs of all images of a layer, from those of parts of the batch.

    Args:
        name: What messages call the outputs.
        parts: The outputs.
        reads: Number of images in each part.

    Raises:
        ValueError: No axis is that of the images.
    """
    if len(parts) == 1:
        return parts[0]
    for axis in range(parts[0].ndim):
        # Several rows for each image, such as windows or tokens, lie side by side.
        rows = {divmod(p.shape[axis], n) for p, n in zip(parts, reads, strict=True)}
        if len(rows) == 1 and next(iter(rows))[1] == 0:
            return np.concatenate(parts, axis=axis)
    if all(np.array_equal(parts[0], part) for part in parts):  # the same whatever the images
        return parts[0]
    raise ValueError(
        f"the outputs of {name} have shapes {[p.shape for p in parts]} for {reads} images, none of "
        "whose axes is that of the images; give fewer images at a time"
    )
