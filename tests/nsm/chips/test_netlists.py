"""Netlists of every physical array of a chip, in files named by layer."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import DifferentialPair, Hardware, ReferenceColumn, Wires, to_spice
from crossbar.wires.segments import part_of
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


@pytest.mark.parametrize(
    ("mapping", "wires", "endings"),
    [
        (DifferentialPair(), Wires(1.0, 2.0), ["pos", "neg"]),
        (DifferentialPair(), Wires(np.arange(1.0, 13).reshape(4, 3), 2.0), ["pos", "neg"]),
        (ReferenceColumn(), Wires(1.0, 2.0), ["pos", "ref"]),
        (ReferenceColumn(), Wires(np.arange(1.0, 17).reshape(4, 4), 2.0), ["pos_ref"]),
    ],
)
def test_every_tile_has_a_netlist_with_its_own_wires(mapping, wires, endings, tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 2, bias=False))
    hardware = Hardware(
        device=Device(g_min=1e-6, g_max=1e-4), tile_shape=(4, 3), wires=wires, mapping=mapping
    )
    chip = map_to_crossbar(model, hardware, rng=0)
    written = write_netlists(chip, tmp_path)
    assert [path.name for path in written] == [
        f"layer_0_main_tile{i}_0_{ending}.cir" for i in range(2) for ending in endings
    ]
    last = chip.layers[0].neurons.main.tiles[1][0]
    cells = {
        "pos": last.g_pos,
        "neg": last.g_neg,
        "ref": last.g_neg,
        "pos_ref": np.hstack([last.g_pos, last.g_neg]),
    }
    for path in written[-len(endings) :]:
        g = cells[path.stem.split("tile1_0_")[1]]
        netlist = to_spice(g, np.full(2, 0.1), part_of(wires, g.shape))
        assert path.read_text() == netlist
