"""Images that a network cannot take are refused by their shape, on every way to read its chip."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import Device, GaussianNoise

NOISY = Hardware(device=Device(g_min=1e-9, g_max=1e-6, read_noise=GaussianNoise(0.05)))


class Net(nn.Module):
    """A convolution whose outputs are added to, so that its chip is no chain of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head((self.conv(x) + x).flatten(1))


@pytest.fixture(scope="module")
def chip():
    torch.manual_seed(0)
    return nsm.map_to_crossbar(Net(), NOISY, rng=0, example=torch.rand(2, 1, 4, 4))


@pytest.mark.parametrize("shape", [(16,), (1, 4, 3), (3, 4, 4)])
def test_images_of_a_shape_that_the_network_cannot_take_are_refused_by_it(chip, shape):
    x = torch.rand(5, *shape)
    told = rf"a chip of a Net cannot take images of shape {shape}".replace("(", r"\(")
    told = told.replace(")", r"\)") + r": .*; give \(batch, …\).* such as \(1, 4, 4\)"
    for read in (
        lambda: chip(x),
        lambda: chip.sample(x, 2, rng=0),
        lambda: chip.error_rate(x, np.zeros(5, int), samples=1, rng=0),
        lambda: nsm.TorchChip(chip, "cpu").sample(x, 2, rng=0),
    ):
        with pytest.raises(ValueError, match=told):
            read()


def test_what_fails_on_images_that_the_network_takes_keeps_its_own_error(chip):
    def broken(*_):
        raise RuntimeError("a hook of the user")

    hook = chip.layers[0].register_forward_hook(broken)
    try:
        with pytest.raises(RuntimeError, match="a hook of the user"):
            chip.sample(torch.rand(2, 1, 4, 4), 1, rng=0)
    finally:
        hook.remove()
