"""Chips of networks whose rows, arguments, modes or calls are not those of a plain classifier."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import Device, GaussianNoise
from tests.helpers.statistics import STANDARD_ERRORS

IDEAL = Hardware(device=Device(g_min=1e-9, g_max=1e-6), bias="reference")
NOISY = replace(IDEAL, device=replace(IDEAL.device, read_noise=GaussianNoise(0.05)))


class View(nn.Module):
    """It takes rows of pixels for images, however many there are in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(144, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.conv(x.view(-1, 1, 8, 8)).relu().flatten(1))


def test_outputs_belong_to_the_rows_of_the_inputs():
    torch.manual_seed(0)
    chip = nsm.map_to_crossbar(View(), IDEAL, rng=0)
    x = torch.rand(6, 64)
    assert chip.sample(x, 2, rng=0).shape == (2, 6, 10)
    with pytest.raises(
        ValueError, match=r"outputs of shape \(6, 10\) for 3 inputs of shape \(128,\)"
    ):
        chip.error_rate(x.reshape(3, 128), np.zeros(3, int), 1)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(5), nn.AlphaDropout(0.3)])
def test_modules_that_were_left_in_train_stay_there(layer):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), layer, nn.Linear(5, 3)).eval()
    model[1].train()
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0, example=torch.randn(8, 6))
    chip.eval()
    assert chip.network.get_submodule("1").training
    x = torch.randn(400, 6)
    ours, theirs = chip(x), model(x).detach()
    error = torch.sqrt((ours.var(0) + theirs.var(0)) / len(x))
    assert ((ours.mean(0) - theirs.mean(0)).abs() <= STANDARD_ERRORS * error).all()
    torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0.25, atol=0)


def test_arguments_that_a_network_does_not_take_are_refused():
    chip = nsm.map_to_crossbar(nn.Sequential(nn.Linear(3, 2)), IDEAL, rng=0)
    x = torch.rand(2, 3)
    with pytest.raises(ValueError, match=r"takes one input, but 2 and the options \['foo'\]"):
        chip(x, x, foo=1)
    for network in (nn.Sequential(nn.Linear(3, 2)), nn.Linear(3, 2)):
        with pytest.raises(ValueError, match="NaN"):
            nsm.map_to_crossbar(network, IDEAL, rng=0)(x * torch.nan)


class Products(nn.Module):
    """Half of its multiply-adds are an einsum."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 7, bias=False)
        self.weight = nn.Parameter(torch.randn(12, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bi, oi->bo", self.layer(x).relu(), self.weight)


def test_products_that_stay_digital_are_counted():
    torch.manual_seed(0)
    report = nsm.map_to_crossbar(Products(), IDEAL, rng=0).report().set_index("layer")
    assert report.multiply_adds["layer layer (Linear)"] == 0.5
    assert report["where"]["the network's own forward"] == "digital"
    assert report.multiply_adds["the network's own forward"] == 0.5


class Branch(nn.Module):
    """A layer reads its images, and another one a parameter that is the same for all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)
        self.query = nn.Parameter(torch.randn(1, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x) + self.b(self.query)


class TimeFirst(nn.Module):
    """Its layer sees the steps of all sequences first by step, then by sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x.transpose(0, 1)).transpose(0, 1)


def test_reads_that_are_not_those_of_the_images_in_turn_are_fresh_and_keep_their_numbers():
    torch.manual_seed(0)
    for model, x in ((Branch(), torch.randn(3, 6)), (TimeFirst(), torch.randn(3, 5, 6))):
        chip = nsm.map_to_crossbar(model, NOISY, rng=0, example=x)
        assert chip.inputs.one_by_one
        whole = chip.sample(x, 6, rng=0)
        np.testing.assert_array_equal(chip.sample(x, 6, rng=0, reads_at_once=2), whole)
        assert len(np.unique(whole[:, 0].reshape(6, -1)[:, 0])) == 6
    chip = nsm.map_to_crossbar(Branch(), NOISY, rng=0, example=torch.randn(3, 6))
    one = torch.randn(1, 6).expand(800, 6)
    samples = chip.sample(one[:1], 800, rng=0)[:, 0]
    of_call = chip(one).numpy()
    np.testing.assert_allclose(samples.std(axis=0), of_call.std(axis=0), rtol=0.25)


class Routed(nn.Module):
    """A layer sees only the images whose first pixel is positive."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.a(x)
        chosen = x[:, 0] > 0
        out[chosen] = self.b(x[chosen])
        return out


def test_no_read_is_drawn_twice_where_images_are_routed():
    torch.manual_seed(0)
    chip = nsm.map_to_crossbar(Routed(), NOISY, rng=0, example=torch.rand(4, 6))
    x = torch.randn(7, 6)
    samples = chip.sample(x, 40, rng=0, reads_at_once=16)
    assert len(np.unique(samples[..., 0])) == samples[..., 0].size
    assert chip.sample(-x.abs(), 2, rng=0).shape == (2, 7, 6)


class Opaque(nn.Module):
    """It looks at values, and sometimes calls a layer of another module."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) if x.abs().max() > 50 else x.mean()


class SharedConvolution(nn.Module):
    """A convolution in front of batch normalization that another module may call too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)
        self.other = Opaque(self.conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x)) + self.other(x)


def test_normalization_does_not_fold_into_a_layer_that_others_may_call():
    torch.manual_seed(0)
    model = SharedConvolution().train()
    model(torch.randn(8, 1, 6, 6))
    model.eval().double()
    x = torch.randn(2, 1, 6, 6).double()
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0, example=x)
    torch.testing.assert_close(chip(100 * x), model(100 * x).detach(), rtol=0, atol=1e-9)


class Running(nn.Module):
    """Its outputs depend on the images before."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(self.a(x), 0)


def test_networks_whose_images_see_each_other_are_not_sampled():
    chip = nsm.map_to_crossbar(Running(), IDEAL, rng=0, example=torch.randn(3, 6))
    with pytest.raises(ValueError, match="depend on the other images"):
        chip.sample(torch.randn(3, 6), 2)


class Optional(nn.Module):
    """A mask and a scale, both optional."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 3)

    def forward(
        self, x: torch.Tensor, scale: float = 1.0, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        y = scale * self.a(x)
        return y if mask is None else y * mask


def test_optional_arguments_are_those_of_the_example():
    torch.manual_seed(0)
    model, x, mask = Optional(), torch.randn(4, 6), torch.tensor([1.0, 0.0, 2.0])
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    with pytest.raises(ValueError, match=r"mapped with 1 inputs.*\['mask'\] were given"):
        chip(x, mask=mask)
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0, example=(x, 2.0, mask))
    expected = model(x, 2.0, mask).detach()
    torch.testing.assert_close(chip(x, 2.0, mask), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(chip.sample((x, 2.0, mask), 1)[0], expected, rtol=0, atol=1e-5)


def test_layers_whose_inner_dropout_was_left_on_are_refused():
    model = nn.Sequential(nn.LSTM(6, 4, 2, dropout=0.5)).eval()
    model[0].train()
    with pytest.raises(ValueError, match=r"layer 0 \(LSTM\): it was left in train\(\).* 0.5"):
        nsm.map_to_crossbar(model, IDEAL, rng=0, example=torch.randn(3, 2, 6))


def test_a_table_that_leaves_everything_digital_is_refused():
    with pytest.raises(ValueError, match="leaves all layers digital"):
        nsm.map_to_crossbar(nn.Sequential(nn.Linear(6, 3)), {"*": None}, rng=0)
