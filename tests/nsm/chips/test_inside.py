"""Looking into chips: outputs of every layer in a pass, and tiles whose currents add up."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Dac, Hardware, ReferenceColumn
from devices import BlankOut, Device, GaussianNoise
from nsm.chips.layers.states import tensor_of
from nsm.chips.layers.tile_layer import TileLayer

CELL = Device(g_min=1e-7, g_max=1e-6)
IDEAL = Hardware(device=Device(g_min=0.0, g_max=1e-6))
NOISY = Hardware(
    device=Device(g_min=1e-7, g_max=1e-6, read_noise=GaussianNoise(0.2)), tile_shape=(8, 8)
)
GATED = Hardware(device=CELL, gate=BlankOut(0.5), tile_shape=(8, 8))


class Residual(nn.Module):
    """A block with a skip, a shared layer, and an activation in place."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.body = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        z = self.act(self.stem(x))
        z = self.act(z + self.body(self.body(z)))
        return self.head(z.mean((2, 3)))


class Sequence(nn.Module):
    """Recurrent and attention layers, time first."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 6)
        self.attention = nn.MultiheadAttention(6, 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        z, _ = self.lstm(x.transpose(0, 1))
        z, _ = self.attention(z, z, z)
        return self.head(z[-1])


def chain():
    """Return a sequential NSM, whose states stay in numpy."""
    return nsm.nsm_mlp((20, 12, 9, 4))


def conv_chain():
    """Return a chain with a convolution."""
    return nn.Sequential(
        nsm.NSMConv2d(1, 5, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 4)
    )


NETWORKS = {
    "chain": (chain, GATED, (20,)),
    "conv chain": (conv_chain, GATED, (1, 4, 5)),
    "residual": (Residual, NOISY, (1, 6, 6)),
    "sequence": (Sequence, NOISY, (7, 5)),
    "one layer": (lambda: nn.Linear(20, 4), NOISY, (20,)),
}


def mapped(name):
    """Return a chip, and some images of its network."""
    make, hardware, shape = NETWORKS[name]
    x = torch.randn(5, *shape)
    return nsm.map_to_crossbar(make(), hardware, rng=0, example=x), x


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_outputs_are_those_of_the_pass_with_the_same_seed(name):
    chip, x = mapped(name)
    found = chip.outputs(x, rng=3)
    last = list(found.values())[-1]
    np.testing.assert_array_equal(last, chip.sample(x, 1, rng=3)[0])
    assert {layer.path for layer in chip.layers} <= set(found)
    assert not np.array_equal(last, list(chip.outputs(x, rng=4).values())[-1])


def layer_outputs(model, x):
    """Return the first outputs of every module of a network, as hooks of torch see them."""
    seen = {}

    def recorder(path):
        def record(_module, _inputs, out):
            tensor = out[0] if isinstance(out, tuple) else out
            seen.setdefault(path, tensor.clone().numpy())

        return record

    for path, module in model.named_modules():
        module.register_forward_hook(recorder(path))
    with torch.no_grad():
        model(x)
    return seen


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("residual", {"stem", "body", "act", "head"}),
        ("sequence", {"lstm", "attention", "head"}),
        ("one layer", {""}),
    ],
)
def test_ideal_chips_give_the_outputs_of_the_networks_layers(name, paths):
    make, _, shape = NETWORKS[name]
    model = make().eval()
    x = torch.randn(5, *shape)
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0, example=x)
    found, seen = chip.outputs(x, rng=0), layer_outputs(model, x)
    assert set(seen) & set(found) == paths
    for path in paths:
        np.testing.assert_allclose(found[path], seen[path], rtol=1e-4, atol=1e-5)


def test_layers_come_in_order_of_execution_with_the_number_of_the_call():
    chip, x = mapped("residual")
    found = chip.outputs(x, rng=0)
    calls = ["stem", "act", "body", "body (call 2)", "act (call 2)", "head"]
    assert list(found) == calls
    assert found["stem"].min() < 0 == found["act"].min()  # not changed by the activation in place
    assert found["body"].shape == (5, 4, 6, 6)
    assert {values.dtype for values in found.values()} == {np.dtype("float64")}


def test_composite_layers_come_after_their_parts():
    chip, x = mapped("sequence")
    found = list(chip.outputs(x, rng=0))
    steps = ["lstm.weight_hh_l0", *(f"lstm.weight_hh_l0 (call {i})" for i in range(2, 8))]
    lstm = ["lstm", "lstm (output 2)", "lstm (output 3)"]
    parts = [f"attention.{name}" for name in ("q", "k", "v", "out")]
    ends = ["attention", "attention (output 2)", "head"]
    assert found == ["lstm.weight_ih_l0", *steps, *lstm, *parts, *ends]


def test_paths_of_a_chain_are_those_of_the_network_and_states_are_numbers():
    model = chain()
    chip = nsm.map_to_crossbar(model, GATED, rng=0)
    found = chip.outputs(np.random.default_rng(0).random((6, 20)), rng=0)
    modules = dict(model.named_modules())
    for path, values in found.items():
        assert isinstance(modules[path], nsm.NSMLinear) <= (set(np.unique(values)) == {-1.0, 1.0})
    assert len([path for path in found if isinstance(modules[path], nsm.NSMLinear)]) == 2


@pytest.mark.parametrize("name", NETWORKS)
def test_images_are_joined_whatever_the_parts_they_are_read_in(name, monkeypatch):
    chip, x = mapped(name)
    at_once = chip.outputs(x, rng=3)
    locations = max(layer.locations for layer in chip.layers)
    runs = chip.runs

    def in_parts(*args, **options):
        return runs(*args, **options, reads_at_once=2 * locations)

    monkeypatch.setattr(chip, "runs", in_parts)
    in_pairs = chip.outputs(x, rng=3)
    assert list(in_pairs) == list(at_once)
    for path, values in at_once.items():
        np.testing.assert_allclose(in_pairs[path], values, rtol=1e-4, atol=1e-5)


def test_hooks_are_gone_after_a_look():
    chip, x = mapped("residual")
    chip.outputs(x, rng=0)
    assert not any(module._forward_hooks for module in chip.network.modules())


@pytest.mark.parametrize("name", NETWORKS)
def test_currents_of_the_tiles_of_every_layer_add_up_to_its_sums(name):
    """On tiles free of noise, at the inputs that the layer gets in the network."""
    make, _, shape = NETWORKS[name]
    x = torch.randn(2, *shape)
    hardware = Hardware(device=CELL, tile_shape=(8, 8), gate=GATED.gate, gate_sharing="word_line")
    chip = nsm.map_to_crossbar(make(), hardware, rng=0, example=x)
    inputs = {}
    for layer in chip.layers:
        layer.register_forward_pre_hook(lambda m, given: inputs.setdefault(m.path, given[0]))
    chip.sample(x, 1, rng=0)
    for index, layer in enumerate(chip.layers):
        given = tensor_of(inputs[layer.path]).double().numpy()
        if layer.patches is None:
            given = given.reshape(-1, given.shape[-1])
        sums = np.zeros((1, layer.neurons.outputs))
        for of_tile in chip.tile_currents(layer.path, given, rng=1):
            part = np.zeros((len(of_tile.in_sum), layer.neurons.outputs))
            part[:, of_tile.tile.bit_lines] = of_tile.in_sum
            sums = sums + part
        rows = given if layer.patches is None else layer.patches.of(given)[0]
        u = layer.neurons.read(rows, rng=1) * layer.amperes_per_weight
        np.testing.assert_allclose(sums, u, rtol=1e-9, atol=1e-9 * np.abs(u).max())
        assert len(chip.tiles(index)) == len(chip.sampled_tiles(index, rng=0))


def test_tiles_are_found_by_number_and_path():
    chip, _ = mapped("residual")
    assert [t.word_lines for t in chip.tiles("body")] == [t.word_lines for t in chip.tiles(1)]
    main = [t for t in chip.tiles("body") if t.part == "main"]
    assert [(t.row, t.column) for t in main] == [(i, 0) for i in range(5)]
    g_pos = np.concatenate([t.g_pos for t in main])
    np.testing.assert_array_equal(g_pos, chip.conductances("body")[0])


def test_reference_columns_are_repeated_for_each_output():
    hardware = Hardware(device=CELL, mapping=ReferenceColumn(), tile_shape=(8, 8))
    chip = nsm.map_to_crossbar(nn.Linear(20, 10), hardware, rng=0)
    assert all(t.g_neg.shape == t.g_pos.shape for t in chip.tiles(0))


def test_wrong_arguments_are_refused():
    chip, x = mapped("residual")
    with pytest.raises(ValueError, match="unknown layer on tiles 'bodi'; did you mean 'body'"):
        chip.tiles("bodi")
    with pytest.raises(ValueError, match="layer = 7: this chip has 3 layers on tiles"):
        chip.sampled_tiles(7)
    with pytest.raises(ValueError, match=r"x has shape \(2, 5\); give \(any, 4\)"):
        chip.tile_currents("head", np.zeros((2, 5)))
    with pytest.raises(ValueError, match="x holds no images"):
        chip.outputs(x[:0])
    with pytest.raises(ValueError, match="unknown sampling 'exakt'"):
        chip.outputs(x, sampling="exakt")
    with pytest.raises(ValueError, match="x holds NaN"):
        chip.outputs(x * np.nan)


def test_a_dac_without_range_is_refused():
    chip = nsm.map_to_crossbar(nn.Linear(20, 4), Hardware(device=CELL, dac=Dac(8)), rng=0)
    with pytest.raises(ValueError, match=r"the DAC of the network \(Linear\) has no range"):
        chip.tile_currents(0, np.zeros((1, 20)))


def test_every_layer_on_tiles_has_a_path():
    for name in NETWORKS:
        chip, _ = mapped(name)
        paths = [m.path for m in chip.network.modules() if isinstance(m, TileLayer)]
        assert len(set(paths)) == len(paths)
