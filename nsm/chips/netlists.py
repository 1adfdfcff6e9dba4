"""A chip's tiles as netlists for a circuit simulator."""

import re
from pathlib import Path

import numpy as np

from crossbar import Wires, to_spice
from crossbar.arrays.inspection import PhysicalTile, physical_tiles
from crossbar.wires.segments import part_of
from nsm.chips.chip import MappedNetwork
from nsm.chips.layers.tile_layer import TileLayer


def write_netlists(chip: MappedNetwork, folder: str | Path) -> list[Path]:
    """Write a netlist of every physical array of a chip, with all word lines at the read voltage.

    Noise-free and ungated, with the hardware's wires (ideal ones if it has none).

    Args:
        chip: The chip.
        folder: Folder to write to; it is created. A file is named by the path of the layer in the
            network, the array (main, deterministic_path, bias), the slice of the weights if they
            have several, tile row and column, and the cells (pos, neg, ref, or
            pos_ref where word lines have segments of their own and end in a reference column):
            "layer_blocks.0.conv1_main_tile0_1_pos.cir". Other characters than letters, digits, dots
            and hyphens become underscores.

    Returns:
        The paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    taken: set[str] = set()
    for layer in chip.layers:
        name = _file_name(layer.path, taken)
        taken.add(name)
        tiles = physical_tiles(layer.neurons)
        sliced = any(tile.bit_slice for tile in tiles)
        for tile in tiles:
            part = f"{tile.part}_slice{tile.bit_slice}" if sliced else tile.part
            paths += _write_tile(layer, tile, folder, f"{name}_{part}")
    return paths


def _file_name(path: str, taken: set[str]) -> str:
    """Return the part of a file's name that tells the layer; no other layer has it."""
    name = "layer_" + re.sub(r"[^A-Za-z0-9.-]", "_", path) if path else "network"
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _write_tile(layer: TileLayer, tile: PhysicalTile, folder: Path, name: str) -> list[Path]:
    hardware = layer.neurons.hardware
    wires = hardware.wires or Wires(0.0, 0.0)
    # The reference is one column, which `PhysicalTile` repeats for each output.
    shared = hardware.mapping.shares_reference
    g_neg = tile.g_neg[:, :1] if shared else tile.g_neg
    cells = [("pos", tile.g_pos), ("ref" if shared else "neg", g_neg)]
    if shared and isinstance(wires.r_row, tuple):
        # Segments of the word lines tell where the reference column is.
        cells = [("pos_ref", np.hstack([tile.g_pos, g_neg]))]
    volts = np.full(len(tile.g_pos), hardware.read_voltage)
    paths = []
    for which, g in cells:
        path = folder / f"{name}_tile{tile.row}_{tile.column}_{which}.cir"
        netlist = to_spice(g, volts, part_of(wires, g.shape))
        path.write_text(netlist, encoding="ascii")
        paths.append(path)
    return paths
