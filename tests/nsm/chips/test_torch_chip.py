"""Reads in torch follow the law of the chip's own reads, on the CPU and, if there is one, a GPU."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, BalancedPair, Comparator, Dac, Hardware, ReferenceColumn
from devices import BlankOut, Device, GaussianNoise, LognormalNoise, StateDependentError
from nsm.chips.torch_reads.torch_chip import TorchChip

N = 3000
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
    ),
]
NOISY = Device(
    g_min=1e-7,
    g_max=1e-6,
    read_noise=GaussianNoise(0.2),
    write=StateDependentError(coefficients=(1e-8,)),
)
HARDWARE = {
    "pair": Hardware(device=Device(g_min=1e-8, g_max=1e-6), gate=BlankOut(0.5)),
    "cell noise": Hardware(device=NOISY, gate=BlankOut(0.3)),
    "cell": Hardware(device=NOISY, gate=BlankOut(0.5), gate_sharing="cell", mapping=BalancedPair()),
    "reference": Hardware(
        device=NOISY, gate=BlankOut(0.5), gate_sharing="cell", mapping=ReferenceColumn()
    ),
    "word line": Hardware(device=NOISY, gate=BlankOut(0.3), gate_sharing="word_line"),
    "no gate": Hardware(
        device=NOISY, comparator=Comparator(noise=1e-8, offset=1e-8), bias="reference"
    ),
}


def networks():
    """Return networks with inputs of 20 pixels by name, with a fixed seed."""
    torch.manual_seed(0)
    mlp = nsm.nsm_mlp((20, 24, 16, 4))
    stnn = nsm.stnn_mlp((20, 24, 16, 4))
    conv = torch.nn.Sequential(
        nsm.Binarize(),
        torch.nn.Unflatten(1, (1, 4, 5)),
        nsm.NSMConv2d(1, 5, 3, padding=1),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(20, 4),
    )
    return {"mlp": mlp, "conv": conv, "stnn": stnn}


def assert_same_law(ours, theirs):
    """Compare means and standard deviations within 5 standard errors.

    That of the standard deviation assumes a fourth moment below 3 σ⁴, as bounded sums have.
    """
    error = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / N)
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= 5 * error).all()
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=5 / np.sqrt(N))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sampling", ["exact", "moments"])
@pytest.mark.parametrize("name", HARDWARE)
def test_torch_reads_follow_the_law_of_the_chip(name, sampling, device):
    chip = nsm.map_to_crossbar(networks()["mlp"], HARDWARE[name], rng=0)
    x = np.random.default_rng(0).random((3, 20))
    ours = TorchChip(chip, device).sample(x, N, rng=1, sampling=sampling)
    assert_same_law(ours, chip.sample(x, N, rng=2, sampling=sampling))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["conv", "stnn"])
def test_convolutions_and_logistic_neurons_follow_the_law_of_the_chip(name, device):
    chip = nsm.map_to_crossbar(networks()[name], HARDWARE["pair"], rng=0)
    x = np.random.default_rng(0).random((2, 20))
    assert_same_law(TorchChip(chip, device).sample(x, N, rng=1), chip.sample(x, N, rng=2))


@pytest.mark.parametrize("device", DEVICES)
def test_same_seed_same_reads(device):
    chip = TorchChip(nsm.map_to_crossbar(networks()["mlp"], HARDWARE["pair"], rng=0), device)
    x = np.random.default_rng(0).random((3, 20))
    np.testing.assert_array_equal(chip.sample(x, 5, rng=1), chip.sample(x, 5, rng=1))
    assert not np.array_equal(chip.sample(x, 5, rng=1), chip.sample(x, 5, rng=2))


@pytest.mark.parametrize(
    ("options", "offending"),
    [
        (
            {"gate_sharing": "word_line", "gate": GaussianNoise(0.3)},
            r"gate GaussianNoise\(sigma=0\.3\) per word_line",
        ),
        (
            {"device": Device(g_min=1e-8, g_max=1e-6, read_noise=LognormalNoise(0.1))},
            r"cells with LognormalNoise\(sigma=0\.1\)",
        ),
    ],
)
def test_noise_that_torch_does_not_draw_is_refused(options, offending):
    chip = nsm.map_to_crossbar(
        networks()["mlp"], Hardware(**{"device": NOISY, "gate": BlankOut(0.5), **options}), rng=0
    )
    with pytest.raises(ValueError, match=offending):
        TorchChip(chip)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "device = 'gpu' is no device of torch; give 'cpu', or 'cuda' for a G"),
        ({"device": 3}, "device = 3 is no device of torch"),
        ({"device": "meta"}, "device = 'meta' is not supported"),
        ({"dtype": torch.float16}, r"dtype = torch.float16 is not allowed; give torch\.float32 or"),
    ],
)
def test_wrong_devices_and_precisions_are_refused(options, message):
    chip = nsm.map_to_crossbar(networks()["mlp"], HARDWARE["pair"], rng=0)
    with pytest.raises(ValueError, match=message):
        TorchChip(chip, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_said():
    chip = nsm.map_to_crossbar(networks()["mlp"], HARDWARE["pair"], rng=0)
    with pytest.raises(ValueError, match="device = 'cuda': torch finds no GPU here; give 'cpu'"):
        TorchChip(chip, "cuda")


def test_bad_arguments_are_refused():
    chip = TorchChip(nsm.map_to_crossbar(networks()["mlp"], HARDWARE["pair"], rng=0))
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\); give \(any, 20\)"):
        chip.sample(np.zeros((2, 3)), 1)
    with pytest.raises(ValueError, match="samples = 0 is not allowed"):
        chip.sample(np.zeros((2, 20)), 0)
    with pytest.raises(ValueError, match="unknown sampling 'exactly'; did you mean 'exact'"):
        chip.sample(np.zeros((2, 20)), 1, sampling="exactly")


class Residual(nn.Module):
    """Convolutions with folded normalization, a skip, groups, and a sign in comparators."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.body = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.norm2 = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        z = torch.relu(self.norm(self.stem(x)))
        z = z + self.body(z)
        return self.head(self.norm2(z.mean((2, 3))))


class Sampling(nn.Module):
    """Neural sampling layers whose states pass through a graph, on tokens and on images."""

    def __init__(self):
        super().__init__()
        self.tokens = nsm.NSMLinear(12, 6)
        self.conv = nsm.NSMConv2d(1, 3, 3, padding=1)
        self.last = nsm.NSMLinear(54, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        z = self.conv(self.tokens(x)[:, None])
        return {"class": self.head(self.last(z.flatten(1))), "states": z.mean((2, 3))}


class Sequence(nn.Module):
    """Recurrent layers and attention."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 4, batch_first=True, bidirectional=True)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        z, _ = self.gru(x)
        return self.head(self.encoder(z).mean(1))


class Volumes(nn.Module):
    """Convolutions of other dimensions, padding modes and kinds."""

    def __init__(self):
        super().__init__()
        self.line = nn.Conv1d(2, 3, 3, stride=2, dilation=2, padding=2, padding_mode="circular")
        self.back = nn.ConvTranspose1d(3, 2, 3, stride=2)
        self.volume = nn.Conv3d(1, 2, (1, 2, 3), padding=(0, 1, 1))

    def forward(self, x):
        z = torch.tanh(self.back(torch.tanh(self.line(x))))
        return self.volume(z[:, None, None]).flatten(2).mean(2)


NOISE = Hardware(device=NOISY, tile_shape=(16, 16))
GRAPHS = {
    "residual": (Residual, NOISE, (1, 5, 5)),
    "sampling": (Sampling, HARDWARE["cell noise"], (3, 12)),
    "sequence": (Sequence, NOISE, (4, 5)),
    "volumes": (Volumes, NOISE, (2, 9)),
    "one layer": (lambda: nn.Linear(20, 4), NOISE, (20,)),
}


def graph_chip(name, hardware=None):
    """Return a chip of a network that is no chain, and two of its images."""
    torch.manual_seed(0)
    make, noisy, shape = GRAPHS[name]
    x = torch.randn(2, *shape)
    return nsm.map_to_crossbar(make().eval(), hardware or noisy, rng=0, example=x), x


def parts_of(outputs):
    """Return the arrays of outputs, whatever their structure."""
    return list(outputs.values()) if isinstance(outputs, dict) else [outputs]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", GRAPHS)
def test_reads_of_any_network_follow_the_law_of_the_chip(name, device):
    chip, x = graph_chip(name)
    ours = parts_of(TorchChip(chip, device).sample(x, N, rng=1))
    for a, b in zip(ours, parts_of(chip.sample(x, N, rng=2)), strict=True):
        assert_same_law(a, b)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", [name for name in GRAPHS if name != "sampling"])
def test_any_network_on_tiles_free_of_noise_computes_what_the_chip_computes(name, device):
    quiet = Hardware(device=Device(g_min=1e-7, g_max=1e-6, levels=32), tile_shape=(16, 16))
    chip, x = graph_chip(name, quiet)
    ours = TorchChip(chip, device, dtype=torch.float64).sample(x, 2, rng=1)
    np.testing.assert_allclose(ours, chip.sample(x, 2, rng=1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_hooks_and_dropout_that_stay_on_act_on_the_device(device):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 8), nn.Dropout(0.4), nn.Linear(8, 3)).eval()
    model[1].train()
    model[2].register_forward_hook(lambda _m, _i, out: 2 * out)
    chip = nsm.map_to_crossbar(model, NOISE, rng=0)
    x = np.random.default_rng(0).random((2, 20))
    read = TorchChip(chip, device)
    ours = read.sample(x, N, rng=1)
    assert_same_law(ours, chip.sample(x, N, rng=2))
    np.testing.assert_array_equal(ours, read.sample(x, N, rng=1))


def test_samples_that_are_read_in_parts_are_all_different():
    chip, x = graph_chip("residual")
    ours = TorchChip(chip).sample(x, 40, rng=1, reads_at_once=16 * 25)
    assert ours.shape == (40, 2, 3)
    assert len(np.unique(ours)) == ours.size


def test_the_chip_itself_is_left_as_it_is():
    chip, x = graph_chip("residual")
    before = chip.sample(x, 3, rng=1)
    TorchChip(chip).sample(x, 3, rng=1)
    np.testing.assert_array_equal(chip.sample(x, 3, rng=1), before)


def test_segmentation_of_a_chain_keeps_its_shape():
    torch.manual_seed(0)
    chip = nsm.map_to_crossbar(nn.Sequential(nn.Conv2d(1, 3, 3, padding=1)), NOISE, rng=0)
    x = torch.randn(2, 1, 4, 4)
    assert TorchChip(chip).sample(x, 5, rng=1).shape == (5, 2, 3, 4, 4)


@pytest.mark.parametrize(
    ("options", "offending"),
    [
        ({"dac": Dac(6, 1.0)}, r"layer stem \(Conv2d\): .* Dac\(bits=6, range=1\.0"),
        (
            {"adc": Adc(8, per="tile"), "tile_shape": (4, 8)},
            r"layer stem \(Conv2d\): .* one of 3 parts \(rows of tiles with converters or a weight",
        ),
        (
            {"device": Device(g_min=1e-8, g_max=1e-6, read_noise=LognormalNoise(0.1))},
            r"layer stem \(Conv2d\): .* cells with LognormalNoise\(sigma=0\.1\)",
        ),
    ],
)
def test_what_cannot_be_drawn_in_torch_is_refused_by_name(options, offending):
    hardware = Hardware(**{"device": NOISY, **options})
    with pytest.raises(ValueError, match=offending):
        TorchChip(graph_chip("residual", hardware)[0])


class Masked(nn.Module):
    """Attention under a mask that all images share."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.layer(x, src_mask=mask)


def test_inputs_that_all_images_share_are_given_whole():
    torch.manual_seed(0)
    x = torch.randn(3, 5, 6)
    mask = torch.triu(torch.full((5, 5), -1e9), diagonal=1)
    hardware = Hardware(device=Device(g_min=1e-9, g_max=1e-6), bias="reference")
    chip = nsm.map_to_crossbar(Masked().eval(), hardware, rng=0, example=(x, mask))
    expected = chip.sample((x, mask), 2, rng=0)
    found = TorchChip(chip).sample((x, mask), 2, rng=0, reads_at_once=4)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
