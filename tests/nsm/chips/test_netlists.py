"""Netlists of every physical array of a chip, in files named by layer."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import BitSliced, Dac, Hardware, ReferenceColumn, Wires, to_spice
from devices import BlankOut, Device
from nsm import NSMLinear, map_to_crossbar
from nsm.chips.netlists import check_tile, write_netlists
from tests.helpers.wires import ngspice, simulated_file

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
    arrays = {"pos": tile.g_pos, "neg": tile.g_neg}
    if mapping == "reference":
        arrays = {"pos_ref": np.hstack([tile.g_pos, tile.g_neg])}
    for cells, g in arrays.items():
        path = tmp_path / f"network_main_tile1_0_{cells}.cir"
        assert path in paths
        assert path.read_text() == to_spice(g, np.full(len(g), 0.1), wires)


def two_layers(**options):
    """Return a chip of two noise-free linear layers on tiles of 4 by 2 cells with wires."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3, bias=False))
    hardware = Hardware(device=CELL, wires=Wires(20.0, 30.0), tile_shape=(4, 2), **options)
    return map_to_crossbar(model, hardware, rng=0)


@ngspice
@pytest.mark.parametrize(
    ("options", "tile"),
    [
        ({}, "layer 0:1,2"),
        ({}, "layer 2 (Linear):1,1"),
        ({"input_scale": 4.0}, "layer 0:bias:0,1"),
        ({"dac": Dac(4, range=4.0)}, "0:0,1"),
        ({"mapping": ReferenceColumn()}, "layer 2:0,1"),
    ],
)
def test_ngspice_finds_the_currents_of_one_tile_under_one_image(options, tile, tmp_path, rng):
    chip = two_layers(**options)
    image = rng.normal(size=(1, 6))
    paths = write_netlists(chip, tmp_path / "one", tile=tile, image=image)
    assert sorted(paths) == sorted((tmp_path / "one").iterdir())
    inputs = {"0": image, "2": chip.outputs(image, rng=0)["1"]}
    name = "2" if "2" in tile[:8] else "0"
    part = "bias" if "bias" in tile else "main"
    place = tuple(map(int, tile.rpartition(":")[2].split(",")))
    (found,) = (
        currents
        for currents in chip.tile_currents(name, inputs[name], rng=0)
        if (currents.tile.part, (currents.tile.row, currents.tile.column)) == (part, place)
    )
    arrays = [found.i_pos[0], found.i_neg[0]]
    if "mapping" in options:  # the reference is one bit line more
        arrays = [np.append(found.i_pos[0], found.i_neg[0, 0])]
    for path, currents in zip(paths, arrays, strict=True):
        np.testing.assert_allclose(simulated_file(path, len(currents)), currents, rtol=1e-9)


def test_a_tile_alone_has_the_netlist_that_it_has_among_all(tmp_path):
    chip = two_layers()
    every = write_netlists(chip, tmp_path / "all")
    one = write_netlists(chip, tmp_path / "one", tile="layer 0:1,2")
    assert [p.name for p in one] == [
        f"layer_0_main_tile1_2_{cells}.cir" for cells in ("pos", "neg")
    ]
    texts = {p.name: p.read_text() for p in every}
    assert all(p.read_text() == texts[p.name] for p in one)


def test_a_tile_of_a_sliced_layer_has_a_netlist_for_every_slice(tmp_path):
    chip = two_layers(mapping=BitSliced(bits_per_cell=2, bits=4))
    paths = write_netlists(chip, tmp_path, tile="layer 2:0,0")
    assert [p.name for p in paths] == [
        f"layer_2_main_slice{s}_tile0_0_{cells}.cir" for s in (0, 1) for cells in ("pos", "neg")
    ]


def test_a_convolution_is_driven_by_its_middle_window(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 2, bias=False))
    chip = map_to_crossbar(model, Hardware(device=CELL), rng=0)
    image = np.arange(16.0).reshape(1, 1, 4, 4) / 16
    (path, _) = write_netlists(chip, tmp_path, image=image)
    lines = path.read_text().splitlines()
    assert lines[1] == "* main of 0: word lines as in read 5 of 9"
    volts = [float(line.split()[-1]) for line in lines if line.startswith("Vd")]
    np.testing.assert_allclose(volts, 0.1 * image[0, 0, 1:3, 1:3].ravel(), rtol=1e-12)


def test_bits_of_serial_inputs_are_driven_by_the_most_significant_plane(tmp_path):
    chip = map_to_crossbar(
        nn.Linear(2, 2, bias=False), Hardware(device=CELL, dac=Dac(3, 3.0, serial=True)), rng=0
    )
    (path, _) = write_netlists(chip, tmp_path, image=np.array([[-2.0, 1.0]]))
    lines = path.read_text().splitlines()
    assert lines[1].endswith("read 1 of 1, the most significant of 2 bit planes")
    assert [float(line.split()[-1]) for line in lines if line.startswith("Vd")] == [-0.1, 0.0]


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        ("layer 0", "tile 'layer 0' is no tile; give LAYER:ROW,COLUMN, such as \"layer 0:1,2\""),
        ("layer 0:1", "tile 'layer 0:1' is no tile"),
        ("layer 0:1,-2", "tile 'layer 0:1,-2' is no tile"),
        (
            "layer 0:mian:1,2",
            "unknown array of tile 'layer 0:mian:1,2' 'mian'; did you mean 'main'",
        ),
        ("layer 1:0,0", "unknown layer on tiles 'layer 1'; .* Known: layer 0, layer 2"),
        (
            "layer 0:2,0",
            "layer 0 .Linear. has no tile 2,0 in its array 'main'; its tiles are 0,0 to 1,2",
        ),
        ("2:bias:0,0", "layer 2 .Linear. has no array 'bias'; it has main"),
    ],
)
def test_tiles_that_are_not_there_are_refused_by_name(tile, message, tmp_path):
    chip = two_layers()
    with pytest.raises(ValueError, match=message):
        check_tile(chip, tile)
    with pytest.raises(ValueError, match=message):
        write_netlists(chip, tmp_path / "spice", tile=tile)
    assert not (tmp_path / "spice").exists()
