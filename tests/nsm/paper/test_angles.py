"""Angles between vectors, and between the gradients of estimators."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from devices.seeding import child, seed_sequence
from nsm.nn import rules
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.stochastic import reseed
from nsm.paper.angles import angle, angles, mean_gradients
from nsm.paper.experiment import Experiment
from tests.helpers.tiny_paper import NSM


@given(
    degrees=st.floats(0, 180),
    seed=st.integers(0, 99),
    sizes=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)),
)
@settings(max_examples=60, deadline=None)
def test_angle_is_that_of_the_plane_two_tensors_span(degrees, seed, sizes):
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((12, 2)))
    a = basis[:, 0]
    turn = math.radians(degrees)
    b = math.cos(turn) * basis[:, 0] + math.sin(turn) * basis[:, 1]
    a, b = (torch.tensor(size * v).view(3, 4) for size, v in zip(sizes, (a, b), strict=True))
    # Rounding of each vector, 1e-16 of its length, turns it by about 1e-14 degrees, at small angles
    # too.
    assert abs(angle(a, b) - degrees) <= 1e-12 * 180
    assert angle(b, a) == pytest.approx(angle(a, b), rel=1e-9, abs=1e-12)


def test_the_angle_to_a_zero_vector_is_nan():
    assert math.isnan(angle(torch.zeros(3), torch.ones(3)))
    assert angle(torch.ones(3), torch.ones(3)) == 0
    assert angle(torch.ones(3), -torch.ones(3)) == 180


def test_gradients_are_means_over_draws(data):
    torch.manual_seed(0)
    model = NSM()
    x = torch.as_tensor(data.x_train[:50])
    y = torch.as_tensor(data.y_train[:50])
    found = mean_gradients(model, x, y, 5)
    assert [tuple(g.shape) for g in found] == [(14, 64), (12, 14), (11, 12)]
    total = torch.zeros(14, 64)
    for draw in range(30):
        reseed(model, child(seed_sequence(5), draw))
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(model(x), y), model[1].weight)
        total += gradient / 30
    torch.testing.assert_close(found[0], total, rtol=1e-4, atol=1e-7)  # float32
    assert angle(found[0], mean_gradients(model, x, y, 6)[0]) > 1  # with other draws of the noise


def test_angles_are_between_the_estimators_they_are_named_after(tiny, data, tmp_path):
    experiment = Experiment(
        name="a", section="g", label="a", measures="angles", build=NSM, epochs=1
    )
    found = angles(experiment, 0, data, tmp_path)["start"]
    torch.manual_seed(0)
    model = NSM()
    x = torch.as_tensor(data.x_train[:100])
    y = torch.as_tensor(data.y_train[:100])
    own = mean_gradients(model, x, y, 0)
    layer_classes = {
        "floor": NSMLinear,
        "BinConcrete": rules.BinConcreteLinear,
        "STE": rules.StraightThroughLinear,
    }
    for number, (name, layer_class) in enumerate(layer_classes.items(), start=1):
        other = copy.deepcopy(model)
        for layer in other[1:4]:
            layer.__class__ = layer_class
        theirs = mean_gradients(other, x, y, 1000 * number)  # independent noise
        assert found[name] == pytest.approx([angle(a, b) for a, b in zip(own, theirs, strict=True)])


def test_angles_at_the_start_do_not_depend_on_the_training(tiny, data, tmp_path):
    found = {}
    for epochs in (1, 2):
        (tmp_path / str(epochs)).mkdir()
        experiment = Experiment(
            name="a", section="g", label="a", measures="angles", build=NSM, epochs=epochs
        )
        found[epochs] = angles(experiment, 0, data, tmp_path / str(epochs))
    assert found[1]["start"] == found[2]["start"]
    assert found[1]["trained"] != found[2]["trained"]
    for moment in ("start", "trained"):
        assert set(found[1][moment]) == {"floor", "BinConcrete", "STE"}
        for values in found[1][moment].values():
            assert len(values) == 3
            assert all(0 < v < 90 for v in values)  # all estimate one gradient
