"""Netlists of every physical array of a chip, in files named by layer."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware, ReferenceColumn, Wires, to_spice
from devices import BlankOut, Device
from nsm import NSMLinear, map_to_crossbar
from nsm.chips.netlists import write_netlists

CELL = Device(g_min=1e-6, g_max=1e-5)


class Named(nn.Module):
    """Layers whose names hold characters that file names should not."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleDict({"a b": nn.Linear(5, 5), "a/b": nn.Linear(5, 5)})
        self.head = nn.Linear(5, 2, bias=False)

    def forward(self, x):
        for block in self.blocks.values():
            x = torch.tanh(block(x))
        return self.head(x)


def test_files_are_named_by_the_path_of_the_layer(tmp_path):
    hardware = Hardware(device=CELL, tile_shape=(4, 8), bias="reference")
    paths = write_netlists(map_to_crossbar(Named(), hardware, rng=0), tmp_path / "spice")
    layers = ["layer_blocks.a_b", "layer_blocks.a_b_2", "layer_head"]
    cells = ("tile0_0_pos", "tile0_0_neg", "tile1_0_pos", "tile1_0_neg")
    assert [p.name for p in paths] == [f"{name}_main_{c}.cir" for name in layers for c in cells]
    assert all(path.is_file() for path in paths)


def test_every_array_of_a_chip_is_written_once(tmp_path):
    model = nn.Sequential(NSMLinear(6, 5), nn.Linear(5, 2))
    with torch.no_grad():
        model[0].bias.fill_(1.0)
    hardware = Hardware(device=CELL, gate=BlankOut(0.5), tile_shape=(4, 4))
    chip = map_to_crossbar(model, hardware, rng=0)
    paths = write_netlists(chip, tmp_path)
    parts = [part for layer in chip.layers for part in layer.neurons.parts()]
    assert len(set(paths)) == 2 * sum(len(part.array.all_tiles()) for part in parts)
    assert {path.name.split("_tile")[0] for path in paths} == {
        "layer_0_main",
        "layer_0_deterministic_path",
        "layer_0_bias",
        "layer_1_main",
        "layer_1_bias",
    }


@pytest.mark.parametrize("mapping", ["pair", "reference"])
def test_a_netlist_holds_the_cells_of_its_tile(mapping, tmp_path):
    options = {"mapping": ReferenceColumn()} if mapping == "reference" else {}
    wires = Wires(2.0, 3.0)
    hardware = Hardware(device=CELL, wires=wires, tile_shape=(4, 4), **options)
    chip = map_to_crossbar(nn.Linear(6, 3, bias=False), hardware, rng=0)
    paths = write_netlists(chip, tmp_path)
    tile = chip.layers[0].neurons.main.tiles[1][0]
    other = "ref" if mapping == "reference" else "neg"
    for cells, g in (("pos", tile.g_pos), (other, tile.g_neg)):
        path = tmp_path / f"network_main_tile1_0_{cells}.cir"
        assert path in paths
        assert path.read_text() == to_spice(g, np.full(len(g), 0.1), wires)
