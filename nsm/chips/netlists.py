"""A chip's tiles as netlists for a circuit simulator."""

from pathlib import Path

import numpy as np

from crossbar import Wires, to_spice
from crossbar.arrays.programmed import Matrix
from nsm.chips.chip import MappedNetwork


def write_netlists(chip: MappedNetwork, folder: str | Path) -> list[Path]:
    """Write a netlist of every physical array of a chip, with all word lines at the read voltage.

    Noise-free and ungated, with the hardware's wires (ideal ones if it has none).

    Args:
        chip: The chip.
        folder: Folder to write to; it is created. A file is named by layer, array (main,
            deterministic_path, bias), tile row and column, and its cells (pos, neg, or ref).

    Returns:
        The paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, layer in enumerate(chip.layers):
        for part in layer.neurons.parts():
            name = f"layer{index}_{part.part.name.lower()}"
            paths += _write_array(part.array, folder, name)
    return paths


def _write_array(array: Matrix, folder: Path, name: str) -> list[Path]:
    hardware = array.hardware
    wires = hardware.wires or Wires(0.0, 0.0)
    paths = []
    for i, row in enumerate(array.tiles):
        for j, tile in enumerate(row):
            other = "ref" if tile.hardware.mapping.shares_reference else "neg"
            for cells, g in (("pos", tile.g_pos), (other, tile.g_neg)):
                path = folder / f"{name}_tile{i}_{j}_{cells}.cir"
                netlist = to_spice(g, np.full(len(g), hardware.read_voltage), wires)
                path.write_text(netlist, encoding="ascii")
                paths.append(path)
    return paths
