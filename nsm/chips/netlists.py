"""A chip's tiles as netlists for a circuit simulator."""

from pathlib import Path

import numpy as np

from crossbar import TiledArray, Wires, to_spice
from nsm.chips.chip import MappedNetwork


def write_netlists(chip: MappedNetwork, folder: str | Path) -> list[Path]:
    """Write a netlist of every physical array of the chip's tiles to `folder`, all word lines at the read voltage.

    Names: layer, array (main, deterministic_path, bias), tile row and column, and pos, neg or ref for which cells. Noise-free and ungated,
    with the hardware's wires (none: ideal ones). Return the paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, layer in enumerate(chip.layers):
        neurons = layer.neurons
        for part, array in (
            ("main", neurons.main),
            ("deterministic_path", neurons.deterministic),
            ("bias", neurons.bias_lines),
        ):
            if array is not None:
                paths += _array(array, folder, f"layer{index}_{part}")
    return paths


def _array(array: TiledArray, folder: Path, name: str) -> list[Path]:
    hardware, paths = array.hardware, []
    wires = hardware.wires or Wires(0.0, 0.0)
    other = "ref" if hardware.mapping.shares_reference else "neg"
    for i, row in enumerate(array.tiles):
        for j, tile in enumerate(row):
            for which, g in (("pos", tile.g_pos), (other, tile.g_neg)):
                path = folder / f"{name}_tile{i}_{j}_{which}.cir"
                path.write_text(
                    to_spice(g, np.full(len(g), hardware.read_voltage), wires), encoding="ascii"
                )
                paths.append(path)
    return paths
