"""Networks behind converters: equal to their chips, and with gradients through rounding."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, Dac, Hardware
from devices import Device, StateDependentError

HARDWARE = Hardware(
    device=Device(
        g_min=1e-7, g_max=1e-6, levels=4, write=StateDependentError(coefficients=(1e-7,))
    ),
    bias="reference",
    tile_shape=(16, 16),
)


def convolutional():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 4, 5)),
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 2, groups=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(72, 10),
    )
    nn.init.uniform_(model[2].weight, -1, 2)
    nn.init.normal_(model[2].bias)
    return model.double().eval()


def images(count=20):
    return torch.rand(count, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(
    "converters",
    [
        {"dac": Dac(3, range=3.0)},
        {"adc": Adc(5)},
        {"adc": Adc(4, range=5e-7, offset=2e-8), "weight_scale": "row"},
        {"dac": Dac(4, range=0.5), "adc": Adc(6), "input_scale": 2.0},
    ],
)
@pytest.mark.filterwarnings("ignore:the .* clips its")
def test_outputs_are_those_of_the_chip_without_noise(converters):
    model = convolutional()
    hardware = replace(HARDWARE, **converters)
    x = images()
    mine = nsm.hardware_aware(model, hardware, rng=3).eval()(x).detach().numpy()
    theirs = nsm.map_to_crossbar(model, hardware, rng=3).sample(x.numpy(), 1, rng=0)[0]
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)
    exact = nsm.hardware_aware(model, HARDWARE, rng=3).eval()(x).detach().numpy()
    assert np.abs(mine - exact).max() > 0.01


def test_signs_pass_a_converter_as_they_are():
    torch.manual_seed(0)
    model = nsm.bd_mlp((20, 12, 10)).double().eval()
    converted = replace(HARDWARE, dac=Dac(3, range=3.0))
    found = [nsm.hardware_aware(model, h, rng=3).eval()(images()) for h in (HARDWARE, converted)]
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_gradients_pass_rounding_and_stop_where_a_converter_clips():
    layer = nn.Linear(3, 2, bias=False).double()
    layer.weight.data = torch.tensor([[1.0, -0.5, 0.25], [0.5, 0.5, 1.0]]).double()
    exact = replace(HARDWARE, device=Device(g_min=0, g_max=1e-6))
    # A weight of one has 1 µS at 0.2 V; the sums are 0.82 and 1.71, and 1.0 is their range.
    hardware = replace(exact, dac=Dac(4, range=1.0), adc=Adc(6, range=2e-7), read_voltage=0.2)
    aware = nsm.hardware_aware(nn.Sequential(layer), hardware, rng=0).eval()
    x = torch.tensor([[0.8, 0.5, 1.5]], dtype=torch.float64, requires_grad=True)
    aware(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[1.0, -0.5, 0.0]]).double())
    levels = torch.tensor([6 / 7, 4 / 7, 1.0]).double()  # 0.8 and 0.5 rounded, 1.5 clipped
    torch.testing.assert_close(layer.weight.grad, torch.stack([levels, 0 * levels]))


def test_every_conversion_draws_the_noise_of_the_converter():
    layer = nn.Linear(4, 3).double()
    noisy = replace(
        HARDWARE, device=Device(g_min=0, g_max=1e-6), adc=Adc(14, range=1e-5, noise=1e-7)
    )
    aware = nsm.hardware_aware(nn.Sequential(layer), noisy, rng=0).eval()
    chip = nsm.map_to_crossbar(nn.Sequential(layer), noisy, rng=0)
    torch.manual_seed(0)
    n = 4000
    with torch.no_grad():
        out = aware(torch.full((n, 4), 0.5, dtype=torch.float64))
    amperes = chip.layers[0].amperes_per_weight * chip.layers[0].row_factors
    # The standard deviation of n normal numbers has the relative error 1/√(2 n).
    spread = out.numpy().std(axis=0) * amperes
    np.testing.assert_allclose(spread, 1e-7, rtol=5 / np.sqrt(2 * n))


@pytest.mark.filterwarnings("ignore:the .* clips its")
def test_a_network_is_trained_for_the_ranges_of_a_calibrated_chip():
    model, x = convolutional(), images()
    hardware = replace(HARDWARE, dac=Dac(4), adc=Adc(5))
    chip = nsm.map_to_crossbar(model, hardware, rng=3)
    chip.calibrate(x.numpy(), rng=0)
    ranges = nsm.calibrated_hardware(chip)
    before = nsm.hardware_aware(model, ranges, rng=3).eval()(x).detach().numpy()
    again = nsm.map_to_crossbar(model, ranges, rng=3).sample(x.numpy(), 1, rng=0)[0]
    np.testing.assert_allclose(before, again, rtol=1e-9, atol=1e-12)
    labels = np.arange(len(x)) % 10
    nsm.fit(model.float(), x.numpy(), labels, epochs=1, rng=0, hardware=ranges, progress=False)
    after = nsm.hardware_aware(model.double(), ranges, rng=3).eval()(x).detach().numpy()
    assert np.abs(after - before).max() > 0
