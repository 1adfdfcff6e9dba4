"""Percentiles of pre-activations over updates, against closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from nsm.nn import architectures as networks
from nsm.paper import percentiles
from nsm.paper.percentiles import PERCENTILES, UPDATES, sums_over_updates
from tests.helpers.tiny_paper import NSM, TINY, WIDTHS


def first_sums(model, data):
    """Return percentiles before the first update, and the last hidden layer's inputs."""
    seen = []
    handle = model[-2].register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].detach().double().numpy())
    )
    (row,) = sums_over_updates(model, data.x_train, data.y_train, updates=0, rng=0)
    handle.remove()
    return row, seen[0]


@pytest.mark.parametrize("options", [{}, {"noise": "gaussian", "sigma": 2.0}])
def test_percentiles_of_an_nsm_are_those_of_its_closed_form(options, data):
    torch.manual_seed(0)
    model = networks.nsm_mlp((64, 50, 60, 300, 10), **options)
    (*row,), z = first_sums(model, data)
    w, b, beta = (
        p.detach().double().numpy() for p in (model[-2].weight, model[-2].bias, model[-2].beta)
    )
    variance = {False: 0.25, True: 4.0}[bool(options)]
    # u = s β w·z + b + N(0, Var ξ ‖w‖²), s = √(2 Var ξ): 30,000 independent normals, of which q
    # cuts off its share.
    assert z.shape == (100, 60)
    center = math.sqrt(2 * variance) * beta * (z @ w.T) + b
    spread = math.sqrt(variance) * np.linalg.norm(w, axis=1)
    for q, percent in zip(row, PERCENTILES, strict=True):
        share, p = ndtr((q - center) / spread).mean(), percent / 100
        assert abs(share - p) <= 5 * math.sqrt(p * (1 - p) / center.size)


def test_percentiles_of_an_stnn_are_those_of_its_plain_sums(data):
    torch.manual_seed(0)
    model = networks.stnn_mlp(WIDTHS)
    row, z = first_sums(model, data)
    np.testing.assert_allclose(
        row, np.percentile(z @ model[-2].weight.detach().numpy().T, PERCENTILES), rtol=1e-5
    )


def test_sums_are_taken_before_each_update_and_after_the_last(data):
    curves, models = {}, {}
    for updates in (0, 1, 4):
        torch.manual_seed(0)
        models[updates] = NSM()
        curves[updates] = sums_over_updates(
            models[updates], data.x_train, data.y_train, updates=updates, lr=0.05, rng=3
        )
        assert len(curves[updates]) == updates + 1
    assert curves[4][:2] == curves[1]
    assert curves[1][:1] == curves[0]
    torch.manual_seed(0)
    start = NSM()
    assert torch.equal(models[0][1].weight, start[1].weight)
    # Adam's first step is lr for each weight that has a gradient at all.
    step = (models[1][1].weight - start[1].weight).detach().abs()
    assert step.max() == pytest.approx(0.05, rel=1e-4)
    torch.manual_seed(0)
    assert sums_over_updates(NSM(), data.x_train, data.y_train, updates=0, rng=4) != curves[0]


def test_there_is_a_curve_of_200_updates_for_each_network(tiny, data, tmp_path, monkeypatch):
    monkeypatch.setattr(percentiles, "sums_over_updates", sums_over_updates)
    found = percentiles.percentiles(TINY[3], 2, data, tmp_path)
    assert list(found) == ["NSM", "StNN", "StNN, small"]
    for curve in found.values():
        assert np.shape(curve) == (UPDATES + 1, 3) == (201, 3)
        assert (np.diff(curve, axis=1) > 0).all()
    spread = {name: curve[0][2] - curve[0][0] for name, curve in found.items()}
    # The weights are a tenth, and the layer's inputs are ±1 in both networks.
    assert 0.05 < spread["StNN, small"] / spread["StNN"] < 0.2
