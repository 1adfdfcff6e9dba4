"""A chip in the torch world: somebody's own network, loop, copies, hooks, hardware by layer."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nsm
from crossbar import Hardware
from crossbar.reads.span import Span
from devices import BlankOut, Device, GaussianNoise
from nsm.chips.layers.read_context import Reads, reading
from nsm.chips.layers.tile_layer import TileLayer
from tests.helpers.small_resnet import Block, small_resnet
from tests.helpers.statistics import STANDARD_ERRORS

IDEAL = Hardware(device=Device(g_min=1e-9, g_max=1e-6), bias="reference")
NOISY = replace(IDEAL, device=replace(IDEAL.device, read_noise=GaussianNoise(0.05)))


@pytest.fixture(scope="module")
def model():
    return small_resnet()


@pytest.fixture(scope="module")
def images():
    return torch.as_tensor(np.random.default_rng(0).standard_normal((6, 1, 8, 8))).float()


@pytest.fixture
def chip(model):
    return nsm.map_to_crossbar(model, NOISY, rng=0)


def test_batch_normalization_folds_and_the_report_accounts_for_every_multiply_add(model):
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    report = chip.report()
    on_tiles = report[report["where"] == "tiles"]
    assert on_tiles.layer.tolist() == [
        f"layer {path} ({kind})"
        for path, kind in [
            ("stem.0", "Conv2d"),
            ("blocks.0.conv1", "Conv2d"),
            ("blocks.0.conv2", "Conv2d"),
            ("blocks.1.conv1", "Conv2d"),
            ("blocks.1.conv2", "Conv2d"),
            ("blocks.1.skip", "Conv2d"),
            ("head", "Linear"),
        ]
    ]
    # The shares, by hand: outputs times inputs of a window, for images of the size that was drawn.
    height = chip.inputs.tried[1]
    full, half = height**2, (height // 2) ** 2
    products = [
        full * 4 * 9,
        full * 4 * 4 * 9,
        full * 4 * 4 * 9,
        half * 8 * 4 * 9,
        half * 8 * 8 * 9,
        half * 8 * 4,
        80,
    ]
    np.testing.assert_allclose(on_tiles.multiply_adds, np.array(products) / sum(products))
    gone = report[report.why.str.startswith("folded into")]
    assert "folded into layer stem.0" in gone.why.tolist()
    assert len(gone) == 5
    assert (report.difference < 1e-6).all()


def test_it_works_in_somebodys_evaluation_loop(model, images):
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    labels = model(images).argmax(1)
    correct = 0
    chip.eval()
    with torch.no_grad():
        for x, y in DataLoader(TensorDataset(images, labels), batch_size=4):
            outputs = chip(x)
            correct += int((outputs.argmax(1) == y).sum())
    assert correct == len(images)
    assert outputs.dtype == torch.float32
    assert not outputs.requires_grad


@pytest.mark.parametrize("again", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_read_the_same(chip, images, again):
    expected = chip.sample(images, 3, rng=1)
    np.testing.assert_array_equal(again(chip).sample(images, 3, rng=1), expected)


def test_a_read_depends_on_its_number_and_not_on_the_batch(chip, images):
    expected = chip.sample(images, 5, rng=1)
    assert expected.std(axis=0).min() > 0
    for at_once in (1, 300, 2000):
        found = chip.sample(images, 5, rng=1, reads_at_once=at_once)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_torchs_seed_makes_calls_reproducible(chip, images):
    outputs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        outputs.append(chip(images))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_hooks_of_the_network_and_of_the_chip_act(images):
    model = small_resnet()
    model.stem[2].register_forward_hook(lambda module, given, out: out.clamp(max=0.5))
    model.head.register_forward_pre_hook(lambda module, given: (2 * given[0],))
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    torch.testing.assert_close(chip(images), model(images).detach(), rtol=0, atol=1e-5)
    seen = []
    chip.network.head.register_forward_hook(lambda module, given, out: seen.append(out.shape))
    chip(images)
    assert seen == [(6, 10)]


def test_the_network_of_the_user_is_left_alone(model, images):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    nsm.map_to_crossbar(model, NOISY, rng=0).sample(images, 2, rng=0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_hardware_by_layer(model, images):
    coarse = replace(IDEAL, device=replace(IDEAL.device, levels=2))
    table = {"blocks.*": coarse, "head": None, "*": IDEAL}
    chip = nsm.map_to_crossbar(model, table, rng=0)
    levels = {layer.path: layer.neurons.hardware.device.levels for layer in chip.layers}
    assert levels == {
        "stem.0": None,
        **dict.fromkeys(levels.keys() - {"stem.0"}, 2),
    }
    assert isinstance(chip.network.head, nn.Linear)
    report = chip.report().set_index("layer")
    assert report.why["layer head (Linear)"] == "its hardware is None"
    with pytest.raises(ValueError, match="no entry for layer 'head'"):
        nsm.map_to_crossbar(model, {"stem": IDEAL, "blocks": IDEAL}, rng=0)
    with pytest.raises(ValueError, match="'haed'; did you mean 'head'"):
        nsm.map_to_crossbar(model, {"haed": None, "*": IDEAL}, rng=0)


class Tied(nn.Module):
    """One layer, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.layer(x), self.layer(x)])


def test_a_layer_that_is_called_twice_is_one_array_that_draws_anew():
    torch.manual_seed(0)
    chip = nsm.map_to_crossbar(Tied(), NOISY, rng=0)
    assert len(chip.layers) == 1
    first, second = chip(torch.rand(2000, 5))
    assert not torch.equal(first, second)
    difference = (first - second).double()
    error = difference.std(0) / np.sqrt(2000)
    assert (difference.mean(0).abs() <= STANDARD_ERRORS * error).all()
    of_software = nsm.map_to_crossbar(Tied(), IDEAL, rng=0)
    assert torch.equal(*of_software(torch.rand(3, 5)))


def test_rows_of_a_sequence_are_reads_of_their_image():
    reads = Reads(span=Span(4, 6), sampling="exact", seed=np.random.SeedSequence(0))
    span = reads.span_for(6)
    assert (span.first, span.last, span.locations) == (12, 18, 3)
    assert reads.span_for(5).reads == 5


def test_numbers_of_inputs_and_labels_are_checked(chip, images):
    with pytest.raises(ValueError, match="mapped with 1 inputs, but 2 were given"):
        chip.sample((images, images), 1)
    with pytest.raises(ValueError, match="x holds NaN or infinite values"):
        chip.sample(images * torch.nan, 1)
    with pytest.raises(ValueError, match="called with a ndarray"):
        chip(images.numpy())
    with pytest.raises(ValueError, match="labels"):
        chip.error_rate(images, np.full(6, 26), 1)


def test_a_shape_in_place_of_an_example_is_refused():
    with pytest.raises(ValueError, match=r"^example = \(2, 64\) holds no tensor; give inputs, not"):
        nsm.map_to_crossbar(nn.Linear(64, 10), IDEAL, rng=0, example=(2, 64))


def test_two_inputs_need_an_example_once():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(2, 4)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.a(x) * self.b(y)

    torch.manual_seed(0)
    model, inputs = Two().double(), (torch.rand(3, 3).double(), torch.rand(3, 2).double())
    with pytest.raises(ValueError, match=r"several inputs \(x, y\); give example="):
        nsm.map_to_crossbar(model, IDEAL, rng=0)
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0, example=inputs)
    expected = model(*inputs).detach()
    np.testing.assert_allclose(chip.sample(inputs, 2, rng=0)[1], expected, rtol=0, atol=1e-12)


def test_segmentation_is_classified_pixel_by_pixel():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 4, 1))
    x = torch.rand(5, 1, 6, 7)
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    labels = model(x).argmax(1).numpy()
    assert chip.sample(x, 2, rng=0).shape == (2, 5, 4, 6, 7)
    np.testing.assert_array_equal(chip.predict(x, 2, rng=0), labels)
    assert chip.error_rate(x, labels, 1) == 0
    assert chip.error_rate(x, (labels + 1) % 4, 1) == 1
    with pytest.raises(ValueError, match=r"labels have shape \(5,\); 5 images .* every pixel"):
        chip.error_rate(x, labels[:, 0, 0], 1)
    with pytest.raises(ValueError, match="a class for every pixel; leave confidence out"):
        chip.classify(x, 40, confidence=0.9)


def test_states_stay_packed_between_layers_that_take_them():
    torch.manual_seed(0)
    stem = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nsm.NSMLinear(8, 9), nsm.NSMLinear(9, 7))
    model = nn.Sequential(stem, nn.Softsign(), nn.Linear(7, 2))

    chip = nsm.map_to_crossbar(model, replace(IDEAL, gate=BlankOut(0.5)), rng=0)
    kept = {layer.path: layer.gives_states for layer in chip.layers}
    assert kept == {"0.0": False, "0.2": True, "0.3": False, "2": False}
    x = torch.rand(4, 6)
    n = 3000
    ours = chip.sample(x, n, rng=0)
    theirs = nsm.nn.inference.sample(model, x, n, rng=1)
    error = np.sqrt(ours.var(0) / n + theirs.var(0) / n)
    assert (np.abs(ours.mean(0) - theirs.mean(0)) <= STANDARD_ERRORS * error).all()


def test_block_alone_maps(images):
    block = Block(4).eval().double()
    chip = nsm.map_to_crossbar(block, IDEAL, rng=0)
    x = torch.rand(2, 4, 5, 5).double()
    torch.testing.assert_close(chip(x), block(x).detach(), rtol=0, atol=1e-10)
    assert all(isinstance(layer, TileLayer) for layer in chip.layers)


def test_a_layer_outside_a_read_says_what_to_call(chip):
    with pytest.raises(RuntimeError, match=r"outside a read of its chip"):
        chip.layers[0](torch.rand(1, 1, 8, 8))
    reads = Reads(Span(0, 1), "exact", np.random.SeedSequence(0))
    with reading(reads):
        assert chip.layers[0](torch.rand(1, 1, 8, 8)).shape == (1, 4, 8, 8)
