"""Scaled and quantised networks: what a copy changes, and what an NSM does not see."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nsm
from crossbar import Hardware
from devices import Device


def network():
    torch.manual_seed(0)
    return nsm.nsm_mlp((20, 15, 4))


def test_a_scaled_network_is_a_copy():
    model = network()
    before = [p.clone() for p in model.parameters()]
    both, alone = nsm.scaled(model, 0.1), nsm.scaled(model, 0.1, biases=False)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    torch.testing.assert_close(both[1].weight, 0.1 * model[1].weight)
    torch.testing.assert_close(both[1].bias, 0.1 * model[1].bias)
    assert torch.equal(alone[1].bias, model[1].bias)
    assert torch.equal(both[1].beta, model[1].beta)


@given(factor=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_an_nsm_does_not_see_a_common_scale(factor):
    layer = nn.Sequential(nsm.NSMLinear(20, 15)).double()
    x = torch.sign(torch.randn(5, 20, dtype=torch.float64))
    torch.testing.assert_close(nsm.scaled(layer, factor)[0].argument(x), layer[0].argument(x))


def test_without_its_biases_it_does():
    layer = nn.Sequential(nsm.NSMLinear(20, 15))
    x = torch.sign(torch.randn(5, 20))
    changed = (nsm.scaled(layer, 0.1, biases=False)[0].argument(x) - layer[0].argument(x)).abs()
    b, norm = layer[0].bias.detach(), layer[0].weight.detach().norm(dim=1)
    expected = 9 * b / (layer[0].s * norm)
    torch.testing.assert_close(changed, expected.abs().expand(5, -1), rtol=1e-4, atol=1e-5)


@given(levels=st.integers(2, 40), scale=st.sampled_from(["layer", "row"]))
@settings(max_examples=30, deadline=None)
def test_quantised_weights_lie_on_their_levels_within_half_a_step(levels, scale):
    model = nn.Sequential(nn.Linear(9, 5), nn.Conv2d(1, 3, 2))
    found = nsm.quantised(model, levels, scale=scale)
    for old, new in ((model[0], found[0]), (model[1], found[1])):
        w, q = old.weight.detach().flatten(1), new.weight.detach().flatten(1)
        size = w.abs().amax(dim=1, keepdim=True) if scale == "row" else w.abs().max()
        step = size / (levels - 1)
        assert ((q - w).abs() <= step * 0.501).all()
        torch.testing.assert_close(q / step, (q / step).round(), atol=1e-4, rtol=0)
        assert torch.equal(old.bias, new.bias)


@pytest.mark.parametrize("scale", ["layer", "row"])
@pytest.mark.parametrize("levels", [2, 3, 8])
def test_an_ideal_pair_of_cells_holds_the_quantised_weights(levels, scale):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(9, 5))
    device = Device(g_min=1e-15, g_max=1e-6, levels=levels)
    chip = nsm.map_to_crossbar(model, Hardware(device=device, weight_scale=scale, bias="reference"), rng=0)
    with torch.no_grad():
        expected = nsm.quantised(model, levels, scale=scale)(torch.eye(9)).numpy()
    np.testing.assert_allclose(chip.sample(np.eye(9), 1, rng=0)[0], expected, atol=1e-6)


def test_rows_of_zeros_stay_zero():
    model = nn.Sequential(nn.Linear(3, 2))
    with torch.no_grad():
        model[0].weight[0] = 0
    assert (nsm.quantised(model, 4, scale="row")[0].weight[0] == 0).all()


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="factor = 0"):
        nsm.scaled(network(), 0.0)
    with pytest.raises(ValueError, match="levels = 1"):
        nsm.quantised(network(), 1)
    with pytest.raises(ValueError, match="unknown scale 'rows'; did you mean 'row'"):
        nsm.quantised(network(), 4, scale="rows")


@pytest.mark.parametrize("scale", ["layer", "row"])
def test_biases_may_lie_on_the_steps_too(scale):
    torch.manual_seed(0)
    layer = nsm.quantised(nn.Sequential(nn.Linear(9, 5)), 5, scale=scale, biases=True)[0]
    w, b = layer.weight.detach(), layer.bias.detach()
    step = (w.abs().amax(dim=1) if scale == "row" else w.abs().max()) / 4
    torch.testing.assert_close(b / step, (b / step).round(), atol=1e-4, rtol=0)
