"""Netlists of a chip's tiles: the wires of every tile are those that its reads see."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import DifferentialPair, Hardware, ReferenceColumn, Wires, to_spice
from crossbar.wires.segments import part_of
from devices import Device
from nsm import map_to_crossbar
from nsm.chips.netlists import write_netlists


@pytest.mark.parametrize(
    ("mapping", "wires", "endings"),
    [
        (DifferentialPair(), Wires(1.0, 2.0), ["pos", "neg"]),
        (DifferentialPair(), Wires(np.arange(1.0, 13).reshape(4, 3), 2.0), ["pos", "neg"]),
        (ReferenceColumn(), Wires(1.0, 2.0), ["pos_ref"]),
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
        "pos_ref": np.hstack([last.g_pos, last.g_neg]),
    }
    for path in written[-len(endings) :]:
        g = cells[path.stem.split("_0_")[-1]]
        netlist = to_spice(g, np.full(2, 0.1), part_of(wires, g.shape))
        assert path.read_text() == netlist
