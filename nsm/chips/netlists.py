"""A chip's tiles as netlists for a circuit simulator."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossbar import Wires, to_spice
from crossbar.arrays.inspection import PhysicalTile, physical_tiles
from crossbar.wires.segments import part_of
from devices.seeding import RNG
from devices.validation import Floats
from nsm.chips.chip import MappedNetwork
from nsm.chips.driven_lines import DrivenLines, driven_lines
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.tile_choice import TileChoice
from nsm.disk import write_folder, write_text


def write_netlists(
    chip: MappedNetwork,
    folder: str | Path,
    *,
    tile: str | None = None,
    image: Any = None,
    rng: RNG = None,
) -> list[Path]:
    """Write netlists of the physical arrays of a chip.

    Noise-free and ungated, with the hardware's wires (ideal ones if it has none).

    Args:
        chip: The chip.
        folder: Folder to write to; it is created. A file is named by the path of the layer in the
            network, the array (main, deterministic_path, bias), the slice of the weights if they
            have several, tile row and column, and the cells (pos and neg, or pos_ref where the
            last bit line is a reference column): "layer_blocks.0.conv1_main_tile0_1_pos.cir". Other
            characters than letters, digits, dots and hyphens become underscores.
        tile: Only this one, as LAYER:ROW,COLUMN or LAYER:ARRAY:ROW,COLUMN, such as "layer 0:1,2";
            see `TileChoice`. None (default): all.
        image: One image in a batch of one, (1, ...): word lines have the voltages that it causes in
            a noisy pass, see `driven_lines`, and the second line of a netlist says in which read.
            None (default): all word lines are at the read voltage.
        rng: Seed, Generator or None: what that pass draws; without an image nothing is drawn.

    Returns:
        The paths.

    Raises:
        ValueError: There is no such layer or tile (the message tells what there is), or the image
            is wrong.
    """
    chosen = None if tile is None else TileChoice.parse(tile)
    layers = list(chip.layers) if chosen is None else [chosen.layer_of(chip.layers)]
    tiles = {layer.path: physical_tiles(layer.neurons) for layer in layers}
    sliced = {path: any(each.bit_slice for each in tiles[path]) for path in tiles}
    if chosen is not None:
        tiles = {layer.path: chosen.chosen(layer, tiles[layer.path]) for layer in layers}
    lines: Mapping[str, DrivenLines] = {}
    if image is not None:
        lines = driven_lines(chip, image, layers, rng=rng)
    paths: list[Path] = []
    names = _file_names(chip.layers)

    def write(place: Path) -> None:
        paths.clear()
        for layer in layers:
            for each in tiles[layer.path]:
                is_sliced = sliced[layer.path]
                part = f"{each.part}_slice{each.bit_slice}" if is_sliced else each.part
                name = f"{names[layer.path]}_{part}"
                paths.extend(_write_tile(layer, each, place, name, lines.get(layer.path)))

    write_folder(Path(folder), write)
    return paths


def check_tile(chip: MappedNetwork, tile: str) -> None:
    """Raise ValueError if a chip has no such tile, see `write_netlists`."""
    choice = TileChoice.parse(tile)
    layer = choice.layer_of(chip.layers)
    choice.chosen(layer, physical_tiles(layer.neurons))


def _file_names(layers: Sequence[TileLayer]) -> dict[str, str]:
    """Return the part of files' names that tells each layer, by its path."""
    names: dict[str, str] = {}
    for layer in layers:
        names[layer.path] = _file_name(layer.path, set(names.values()))
    return names


def _file_name(path: str, taken: set[str]) -> str:
    """Return the part of a file's name that tells the layer; no other layer has it."""
    name = "layer_" + re.sub(r"[^A-Za-z0-9.-]", "_", path) if path else "network"
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _write_tile(
    layer: TileLayer, tile: PhysicalTile, folder: Path, name: str, lines: DrivenLines | None
) -> list[Path]:
    hardware = layer.neurons.hardware
    wires = hardware.wires or Wires(0.0, 0.0)
    cells = [("pos", tile.g_pos), ("neg", tile.g_neg)]
    if hardware.mapping.shares_reference:
        # The reference is one more bit line on the same word lines, as `physical_arrays` has it;
        # `PhysicalTile` repeats it for each output.
        cells = [("pos_ref", np.hstack([tile.g_pos, tile.g_neg[:, :1]]))]
    volts = _volts(tile, lines, hardware.read_voltage)
    paths = []
    for which, g in cells:
        path = folder / f"{name}_tile{tile.row}_{tile.column}_{which}.cir"
        netlist = to_spice(g, volts, part_of(wires, g.shape))
        if lines is not None:
            head, _, rest = netlist.partition("\n")
            note = f"* {tile.part} of {layer.path or 'network'}: word lines as in {lines.read}"
            netlist = "\n".join([head, note.encode("ascii", "replace").decode(), rest])
        write_text(path, netlist)
        paths.append(path)
    return paths


def _volts(tile: PhysicalTile, lines: DrivenLines | None, read_voltage: float) -> Floats:
    """Return the voltages of the word lines of a tile [V]."""
    if lines is None:
        return np.full(len(tile.g_pos), read_voltage)
    if tile.part == "bias":
        return np.full(len(tile.g_pos), lines.bias_volts)
    return lines.volts[tile.word_lines]
