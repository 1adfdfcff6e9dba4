"""Convolutions: layer against closed form, patches against torch, chip against software."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import crossbar
import devices
import nsm
from devices import NoNoise
from nsm.chips.firing import firing
from nsm.nn.digital import pool_max
from nsm.nn.geometry import Patches
from nsm.nn.inference import sample

IDEAL = crossbar.Hardware(
    device=devices.Device(g_min=1e-12, g_max=1e-6), gate=devices.BlankOut(0.5)
)


def closed_form(layer, x):
    """Return 2 P(z = 1) − 1; at a border the norm runs over the inputs inside the image."""
    options = {"stride": layer.stride, "padding": layer.padding}
    mean = nn.functional.conv2d(x, layer.weight, **options)
    norm = nn.functional.conv2d(x**2, layer.weight**2, **options).sqrt()
    beta, bias = layer.beta[:, None, None], layer.bias[:, None, None]
    return torch.erf((beta * mean + bias / layer.s) / norm)


def signs(*shape, seed=0):
    """Return random ±1 of that shape."""
    return torch.where(
        torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.5, -1.0, 1.0
    ).double()


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((1, 2), (2, 0))])
@pytest.mark.parametrize("site", ["synapse", "neuron"])
def test_locations_fire_with_the_closed_form_also_at_the_border(stride, padding, site):
    torch.manual_seed(0)
    layer = nsm.NSMConv2d(12, 3, 5, stride=stride, padding=padding, site=site).double()
    x = signs(1, 12, 7, 8)
    copies, n = 100, 4000
    nsm.nn.stochastic.reseed(layer, 1)
    with torch.no_grad():
        batch = x.expand(copies, -1, -1, -1)
        fired = sum((layer(batch) > 0).double().sum(dim=0) for _ in range(n // copies))
        p = (1 + closed_form(layer, x)) / 2
    # Even in the corners the fan-in is at least 108, where eq. 4 holds to .003. The rest of the
    # bound is 5 standard errors of the count.
    bound = 5 * (p * (1 - p) / n).sqrt() + 0.003
    assert ((fired / n - p).abs() <= bound).all()


def test_gradients_are_those_of_the_closed_form():
    torch.manual_seed(0)
    layer = nsm.NSMConv2d(2, 3, 3, stride=2, padding=1).double()
    x = torch.randn(2, 2, 7, 6, dtype=torch.float64, requires_grad=True)
    inputs = [layer.weight, layer.beta, layer.bias, x]
    weights = torch.randn(2, 3, 4, 3, dtype=torch.float64)
    got = torch.autograd.grad((layer(x) * weights).sum(), inputs)
    wanted = torch.autograd.grad((closed_form(layer, x) * weights).sum(), inputs)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(kernel=sizes, stride=sizes, padding=sizes, boolean=st.booleans())
@settings(max_examples=60, deadline=None)
def test_patches_times_weights_are_torchs_convolution(kernel, stride, padding, boolean):
    z = signs(2, 3, 6, 5).numpy()
    w = torch.randn(4, 3, *kernel, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    patches = Patches(3, kernel, stride, padding)
    rows, shape = patches.of(z > 0 if boolean else z)
    rows = np.where(rows, 1.0, -1.0) if rows.dtype == bool else rows
    ours = patches.arrange(rows @ w.reshape(4, -1).numpy().T, shape)
    theirs = nn.functional.conv2d(torch.as_tensor(z), w, stride=stride, padding=padding).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [(2, 2), (3, 2)])
def test_pooling_is_torchs_for_states_and_for_values(kernel):
    z = signs(2, 3, 7, 7)
    wanted = nn.functional.max_pool2d(z, kernel).numpy()
    np.testing.assert_array_equal(pool_max(z.numpy(), kernel), wanted)
    np.testing.assert_array_equal(pool_max(z.numpy() > 0, kernel), wanted > 0)


def network(**options):
    """Return a network of two convolutions and two fully connected layers, with a fixed seed."""
    torch.manual_seed(0)
    return nn.Sequential(
        nsm.Binarize(),
        nn.Unflatten(1, (4, 9, 9)),
        nsm.NSMConv2d(4, 6, 5, padding=1, **options),
        nn.MaxPool2d(2),
        nsm.NSMConv2d(6, 8, 3, stride=2, padding=1, **options),
        nn.Flatten(),
        nsm.NSMLinear(32, 16, **options),
        nn.Linear(16, 5),
    )


@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_a_chip_agrees_with_the_software_in_law(sampling):
    model = network()
    n = 1500
    x = np.random.default_rng(0).random((3, 4 * 81))
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    ours, theirs = chip.sample(x, n, rng=1, sampling=sampling), sample(model, x, n, rng=2)
    error = np.sqrt(ours.var(axis=0) / n + theirs.var(axis=0) / n)
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= 5 * error).all()
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=5 / np.sqrt(n))


def test_packed_convolutions_fire_with_their_moments_at_every_location():
    chip = nsm.map_to_crossbar(network(beta="native"), IDEAL, rng=0)
    report = chip.report().set_index("layer")
    assert report.read_path[chip.layers[1].name].startswith("packed bits")
    x = np.random.default_rng(0).random((2, 4 * 81))
    measured, p = firing(chip, x, 4000, layer=0, rng=0)
    # Corners see 4 × 16 inputs: eq. 4 holds to .0034 at a fan-in of 64.
    assert (np.abs(measured - p) <= 5 * np.sqrt(p * (1 - p) / 4000) + 0.0034).all()


def test_reads_do_not_depend_on_how_many_are_in_memory():
    chip = nsm.map_to_crossbar(network(), IDEAL, rng=0)
    x = np.random.default_rng(0).random((3, 4 * 81))
    expected = chip.sample(x, 7, rng=1)
    for at_once in (1, 200, 500):  # the same draws, added in blocks of another shape
        np.testing.assert_allclose(
            chip.sample(x, 7, rng=1, reads_at_once=at_once), expected, rtol=1e-12, atol=1e-12
        )


def test_a_convolutional_network_survives_being_saved(tmp_path):
    model = network(p=0.25)
    nsm.save(model, tmp_path / "net.safetensors")
    loaded = nsm.load(tmp_path / "net.safetensors")
    x = np.random.default_rng(0).random((2, 4 * 81))
    np.testing.assert_array_equal(sample(loaded, x, 3, rng=0), sample(model, x, 3, rng=0))


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(1, 1, 3, dilation=2), nn.MaxPool2d(3, stride=1), nn.LPPool2d(2, 2), nn.Tanh()],
)
def test_options_that_files_do_not_know_map_as_torch_computes_them(layer):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), layer, nn.Conv2d(1, 1, 1)).double()
    x = torch.rand(3, 64, dtype=torch.float64)
    chip = nsm.map_to_crossbar(model, replace(IDEAL, gate=NoNoise()), rng=0)
    np.testing.assert_allclose(chip.sample(x, 1, rng=0)[0], model(x).detach(), rtol=0, atol=1e-12)


def test_wrong_inputs_are_refused():
    with pytest.raises(
        ValueError,
        match=r"NSMConv2d got inputs of shape \(3, 5\); give \(batch, 2, height, width\)",
    ):
        nsm.NSMConv2d(2, 1, 3)(torch.ones(3, 5))
    with pytest.raises(
        ValueError,
        match=r"kernel_size = \(1, 2, 3\) is not allowed",
    ):
        nsm.NSMConv2d(2, 1, (1, 2, 3))
    with pytest.raises(
        ValueError, match=r"a \(5, 5\) kernel does not fit into inputs of 3 × 4, \(0, 0\) padding"
    ):
        Patches(1, (5, 5), (1, 1), (0, 0)).out_shape(3, 4)
    with pytest.raises(
        ValueError,
        match=r"a convolution got inputs of shape \(2, 9\); give \(batch, 3, height, width\)",
    ):
        Patches(3, (1, 1), (1, 1), (0, 0)).of(np.ones((2, 9)))
