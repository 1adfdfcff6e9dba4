"""Reads in torch follow the law of the chip's own reads, on the CPU and, if there is one, a GPU."""

import numpy as np
import pytest
import torch

import nsm
from crossbar import BalancedPair, Comparator, Hardware, ReferenceColumn
from devices import BlankOut, Device, GaussianNoise, LognormalNoise, StateDependentError
from nsm.chips.torch_chip import TorchChip

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


def test_bad_arguments_are_refused():
    chip = TorchChip(nsm.map_to_crossbar(networks()["mlp"], HARDWARE["pair"], rng=0))
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\); give \(any, 20\)"):
        chip.sample(np.zeros((2, 3)), 1)
    with pytest.raises(ValueError, match="samples = 0 is not allowed"):
        chip.sample(np.zeros((2, 20)), 0)
    with pytest.raises(ValueError, match="unknown sampling 'exactly'; did you mean 'exact'"):
        chip.sample(np.zeros((2, 20)), 1, sampling="exactly")
