"""Reads in torch of Gaussian sums follow the law of the arrays, and draw the numbers of a seed."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import BalancedPair, DifferentialPair, Hardware, NeuronArray, ReferenceColumn
from crossbar.reads.span import Span
from crossbar.threads import threads
from devices import BlankOut, Device, GaussianNoise, LognormalNoise, NoNoise, StateDependentError
from nsm.chips.layers.torch_sums import TorchSums
from nsm.nn.geometry import Patches
from tests.helpers.statistics import assert_mean, assert_variance

SEED = np.random.SeedSequence(20240607)
CELL = Device(g_min=1e-7, g_max=1e-6)
NOISY = Device(
    g_min=1e-7,
    g_max=1e-6,
    read_noise=GaussianNoise(0.2),
    write=StateDependentError(coefficients=(1e-8,)),
)
SMALL_TILES = {"tile_shape": (16, 2)}
HARDWARE = {
    "noiseless": Hardware(device=CELL),
    "pairs": Hardware(device=NOISY, **SMALL_TILES),
    "balanced": Hardware(device=NOISY, mapping=BalancedPair(), bias="reference"),
    "references": Hardware(device=NOISY, mapping=ReferenceColumn(), **SMALL_TILES),
    "gate": Hardware(device=CELL, gate=GaussianNoise(0.3), mapping=DifferentialPair()),
    "gates of cells": Hardware(
        device=CELL, gate=GaussianNoise(0.3), gate_sharing="cell", mapping=ReferenceColumn()
    ),
    "ideal path": Hardware(device=NOISY, deterministic_path="ideal"),
}
PATCHES = {
    "all": Patches(3, (3, 3), (1, 1), (0, 0)),
    "padded": Patches(3, (3, 2), (2, 1), (1, 1)),
    "circular": Patches(3, (2, 2), (1, 2), (1, 1), dilation=(2, 1), padding_mode="circular"),
    "one side": Patches(3, (2, 1), (2, 2), (1, 0), padding_end=(0, -1)),
    "transposed": Patches(3, (2, 2), (1, 1), (1, 0), spread=(2, 1)),
}


def neurons_of(hardware, rng, outputs=5, inputs=27, *, path=True, bias=True):
    """Return an array of neurons with random weights and, if asked, deterministic path and bias."""
    return NeuronArray.program(
        rng.uniform(-1, 1, (outputs, inputs)),
        hardware,
        siemens_per_weight=hardware.mapping.siemens_per_weight(1.0, hardware.device),
        a=rng.uniform(-1, 1, outputs) if path else None,
        b=rng.uniform(-2, 2, outputs) if bias else None,
        rng=0,
    )


NOISY_HARDWARE = [name for name in HARDWARE if name != "noiseless"]


def tensor(rng, *shape, dtype=torch.float64):
    """Return real-valued inputs."""
    return torch.as_tensor(rng.standard_normal(shape)).to(dtype)


@pytest.mark.parametrize("name", NOISY_HARDWARE)
def test_mean_variance_and_covariance_are_those_of_the_arrays(name, rng):
    neurons = neurons_of(HARDWARE[name], rng)
    x, n = tensor(rng, 2, 27), 20_000
    u = TorchSums([neurons]).read(x, Span(0, 2 * n, repeats=n), SEED).numpy().reshape(2, n, 5)
    theirs = neurons.read(x.numpy(), rng=1, reads_per_input=n).reshape(2, n, 5)
    mean, variance = neurons.moments(x.numpy())
    for i in range(2):
        assert_mean(u[i], mean[i])
        assert_variance(u[i], variance[i], mean[i])
        ours, cov = np.cov(u[i].T), np.cov(theirs[i].T)
        error = np.sqrt(2 * (np.outer(variance[i], variance[i]) + cov**2) / n)
        assert (np.abs(ours - cov) <= 5 * error).all()


@pytest.mark.parametrize("patches", PATCHES)
@pytest.mark.parametrize("name", NOISY_HARDWARE)
def test_a_convolution_reads_every_window_like_a_row_of_inputs(name, patches, rng):
    patches = PATCHES[patches]
    inputs = 3 * math.prod(patches.kernel)
    neurons = neurons_of(HARDWARE[name], rng, inputs=inputs)
    x, n = tensor(rng, 1, 3, 6, 5), 4000
    windows, shape = patches.of(x.numpy())
    u = TorchSums([neurons], patches).read(x, Span(0, n, repeats=n), SEED)
    assert u.shape == (n, 5, *shape)
    by_location = u.movedim(1, -1).reshape(n, -1, 5).numpy()
    mean, variance = neurons.moments(windows)
    assert_mean(by_location, mean)
    assert_variance(by_location, variance, mean)
    flat = by_location.reshape(n, -1)
    between = np.corrcoef(flat[:, ::5].T) - np.eye(len(windows))
    assert np.abs(between).max() < 5 / np.sqrt(n)  # windows share inputs, not noise


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_sums_without_noise_equal_the_arrays_own(dtype, tolerance, rng):
    neurons = neurons_of(HARDWARE["noiseless"], rng)
    x = tensor(rng, 40, 27)
    u = TorchSums([neurons]).read(x.to(dtype), Span(0, 40), SEED)
    assert u.dtype == dtype
    expected = neurons.read(x.numpy(), rng=0)
    np.testing.assert_allclose(u, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precisions_are_computed_in_float32(dtype, rng):
    sums = TorchSums([neurons_of(HARDWARE["pairs"], rng)])
    x = tensor(rng, 8, 27, dtype=dtype)
    u = sums.read(x, Span(0, 8), SEED)
    assert u.dtype == torch.float32
    assert torch.equal(u, sums.read(x.float(), Span(0, 8), SEED))


def test_precisions_draw_the_same_normals(rng):
    sums = TorchSums([neurons_of(HARDWARE["references"], rng)])
    x = tensor(rng, 30, 27)
    exact = sums.read(x, Span(0, 30), SEED)
    u = sums.read(x.float(), Span(0, 30), SEED).double()
    torch.testing.assert_close(u, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("name", HARDWARE)
@pytest.mark.parametrize("shape", ["rows", "images"])
def test_reads_do_not_depend_on_batches_or_threads(shape, name, n, rng):
    patches = PATCHES["padded"] if shape == "images" else None
    neurons = neurons_of(HARDWARE[name], rng, inputs=18 if patches else 27)
    x = tensor(rng, 12, *((3, 6, 5) if patches else (27,)))
    sums = TorchSums([neurons], patches)
    whole = sums.read(x, Span(0, 24, repeats=2), SEED)
    with threads(n):
        for first, last in ((0, 24), (0, 1), (3, 4), (5, 18), (17, 24)):
            images = x[first // 2 : (last + 1) // 2]
            part = sums.read(images, Span(first, last, repeats=2), SEED)
            torch.testing.assert_close(part, whole[first:last], rtol=1e-12, atol=1e-12)
    each = x.repeat_interleave(2, dim=0)
    torch.testing.assert_close(sums.read(each, Span(0, 24), SEED), whole, rtol=1e-12, atol=1e-12)
    assert torch.equal(sums.read(x, Span(0, 24, repeats=2), SEED), whole)
    if name != "noiseless":
        other = sums.read(x, Span(0, 24, repeats=2), np.random.SeedSequence(1))
        assert not torch.isclose(other, whole).any()


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("name", ["noiseless", "references"])
def test_groups_and_dimensions_are_those_of_torch(dims, name, rng):
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1](4, 6, 2, stride=2, padding=1, groups=2)
    conv = conv.double()
    hardware = HARDWARE[name]
    groups = [
        NeuronArray.program(
            w.detach().flatten(1).numpy(),
            hardware,
            siemens_per_weight=hardware.mapping.siemens_per_weight(1.0, hardware.device),
            b=b.detach().numpy(),
            rng=0,
        )
        for w, b in zip(conv.weight.chunk(2), conv.bias.chunk(2), strict=True)
    ]
    patches = Patches(4, (2,) * dims, (2,) * dims, (1,) * dims, groups=2)
    x = tensor(rng, 3, 4, *(5, 4, 3)[:dims])
    expected = conv(x).detach()
    sums = TorchSums(groups, patches)
    if name == "noiseless":
        torch.testing.assert_close(sums.read(x, Span(0, 3), SEED), expected, rtol=1e-6, atol=1e-6)
        return
    n = 4000
    u = sums.read(x, Span(0, 3 * n, repeats=n), SEED).unflatten(0, (3, n))
    windows = nn.functional.unfold(x, 2, stride=2, padding=1) if dims == 2 else None
    if windows is not None:
        windows = windows.transpose(1, 2).reshape(-1, 16).numpy()
        moments = [g.moments(w) for g, w in zip(groups, np.split(windows, 2, axis=1), strict=True)]
        variance = np.concatenate([v for _, v in moments], axis=1).reshape(3, -1, 6)
        assert_variance(u.flatten(3).permute(1, 0, 3, 2).numpy(), variance)
    # A reference column serves outputs of its tile and group alone.
    at = u[0].flatten(2)[:, :, 0]
    shared = np.abs(np.corrcoef(at.T.numpy())) > 5 / np.sqrt(n)
    tile = np.array([0, 0, 1, 2, 2, 3])
    np.testing.assert_array_equal(shared, tile[:, None] == tile)


def test_inputs_of_several_axes_are_read_along_the_last(rng):
    sums = TorchSums([neurons_of(HARDWARE["references"], rng)])
    x = tensor(rng, 4, 3, 2, 27)
    u = sums.read(x, Span(2, 6), SEED)
    assert u.shape == (4, 3, 2, 5)
    rows = sums.read(x.reshape(-1, 27), Span(12, 36), SEED)
    torch.testing.assert_close(u.reshape(-1, 5), rows, rtol=1e-12, atol=1e-12)


def test_sums_follow_arrays_that_age(rng):
    neurons = neurons_of(HARDWARE["noiseless"], rng)
    sums = TorchSums([neurons])
    x = tensor(rng, 3, 27)
    before = sums.read(x, Span(0, 3), SEED)
    neurons.scale_conductances(1.5)
    after = sums.read(x, Span(0, 3), SEED)
    np.testing.assert_allclose(after, neurons.read(x.numpy(), rng=0), atol=1e-12)
    assert not torch.allclose(before, after)


def test_copies_read_alike(rng):
    sums = TorchSums([neurons_of(HARDWARE["references"], rng)], PATCHES["all"])
    x = tensor(rng, 3, 3, 5, 5)
    u = sums.read(x, Span(0, 3), SEED)
    for twin in (copy.deepcopy(sums), pickle.loads(pickle.dumps(sums))):
        assert torch.equal(twin.read(x, Span(0, 3), SEED), u)


@pytest.mark.parametrize(
    ("hardware", "message"),
    [
        (Hardware(device=CELL, gate=BlankOut(0.5)), "BlankOut.* per pair .*NoNoise"),
        (
            Hardware(device=NOISY, gate=GaussianNoise(0.1), gate_sharing="word_line"),
            "GaussianNoise.* per word_line",
        ),
        (
            Hardware(device=Device(g_min=1e-7, g_max=1e-6, read_noise=LognormalNoise(0.1))),
            "LognormalNoise",
        ),
    ],
)
def test_other_laws_do_not_fit(hardware, message, rng):
    neurons = neurons_of(hardware, rng)
    assert not TorchSums.fits([neurons])
    with pytest.raises(ValueError, match=message):
        TorchSums([neurons])


def test_a_for_every_location_does_not_fit(rng):
    hardware = HARDWARE["noiseless"]
    neurons = NeuronArray.program(
        rng.uniform(-1, 1, (5, 27)),
        hardware,
        siemens_per_weight=1e-7,
        a=rng.uniform(-1, 1, (4, 5)),
        rng=0,
    )
    assert not TorchSums.fits([neurons])


def test_inputs_that_do_not_fit_are_refused(rng):
    neurons = neurons_of(HARDWARE["noiseless"], rng)
    sums = TorchSums([neurons])
    with pytest.raises(ValueError, match="x has 2 rows, but the reads of the span need 3"):
        sums.read(tensor(rng, 2, 27), Span(0, 3), SEED)
    with pytest.raises(ValueError, match=r"torch\.int64.*floats"):
        sums.read(torch.ones(3, 27, dtype=torch.int64), Span(0, 3), SEED)
    with pytest.raises(
        ValueError, match="got 2 arrays; give one for each of its groups of channels, 1"
    ):
        TorchSums([neurons, neurons])


def test_without_noise_nothing_is_drawn(rng, monkeypatch):
    monkeypatch.setattr("nsm.chips.layers.torch_sums.add_noise", None)
    assert isinstance(HARDWARE["noiseless"].device.read_noise, NoNoise)
    TorchSums([neurons_of(HARDWARE["noiseless"], rng)]).read(tensor(rng, 2, 27), Span(0, 2), SEED)
