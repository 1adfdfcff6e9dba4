"""Training in a fixed range: weights at the walls, nothing lost, and what cannot be bounded."""

import math

import pytest
import torch
from torch import nn

import nsm.training.state
from nsm import fit
from nsm.training.weight_bound import WeightBounds
from tests.helpers.training import BUILDS, fresh


def trained(model, data, **options):
    settings = {"epochs": 2, "rng": 1, "progress": False, "lr": 3e-3} | options
    return fit(model, data.x_train[:300], data.y_train[:300], **settings)


def matrices(model):
    return [w.detach() for n, w in model.named_parameters() if n.endswith("weight") and w.ndim > 1]


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
@pytest.mark.parametrize("build", BUILDS)
def test_weights_stay_in_their_range(build, ema_decay, digits):
    model = fresh(build)
    trained(model, digits, weight_bound=0.5, ema_decay=ema_decay)
    for w in matrices(model):
        bound = 0.5 / math.sqrt(w[0].numel())
        assert w.abs().max() <= bound * (1 + 1e-6)
    if not ema_decay:
        shares = WeightBounds(model, 0.5).saturated()
        assert all(share > 0.01 for share in shares.values())


@pytest.mark.parametrize("build", BUILDS)
def test_a_range_that_no_weight_reaches_changes_nothing(build, digits):
    free, bounded = fresh(build), fresh(build)
    trained(free, digits)
    trained(bounded, digits, weight_bound=100.0)
    for one, other in zip(matrices(free), matrices(bounded), strict=True):
        assert torch.equal(one, other)


def test_weights_at_the_wall_leave_it_when_the_gradient_turns():
    layer = nn.Linear(4, 1, bias=False)
    bounds = WeightBounds(layer, 1.0)
    with torch.no_grad():
        layer.weight.fill_(7.0)
    bounds.clip()
    assert layer.weight.tolist() == [[0.5] * 4]
    assert bounds.saturated() == {"": 1.0}
    layer(torch.ones(1, 4)).sum().backward()
    assert (layer.weight.grad == 1).all()


class Killed(BaseException):
    """What a signal does to a run."""


def test_a_run_that_was_killed_ends_bit_for_bit_where_it_would_have(digits, tmp_path, monkeypatch):
    unbroken, path = fresh("nsm"), tmp_path / "run.safetensors"
    trained(unbroken, digits, weight_bound=0.5, ema_decay=0.9)
    write = nsm.training.state.write_tensors

    def write_and_die(*arguments):
        write(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(nsm.training.state, "write_tensors", write_and_die)
        with pytest.raises(Killed):
            trained(fresh("nsm"), digits, weight_bound=0.5, ema_decay=0.9, checkpoint=path)
    with pytest.raises(ValueError, match="another training .it differs in weight_bound"):
        trained(fresh("nsm"), digits, weight_bound=0.4, ema_decay=0.9, checkpoint=path)
    resumed = fresh("nsm")
    trained(resumed, digits, weight_bound=0.5, ema_decay=0.9, checkpoint=path)
    for one, other in zip(matrices(unbroken), matrices(resumed), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), True, "1"])
def test_what_is_no_range_is_refused(wrong, digits):
    with pytest.raises(ValueError, match="weight_bound"):
        trained(fresh("relu"), digits, weight_bound=wrong)


def test_weights_that_cannot_be_clipped_are_refused_by_name(digits):
    model = nn.Sequential(nn.Linear(64, 10))
    nn.utils.parametrizations.weight_norm(model[0])
    with pytest.raises(ValueError, match="weight_bound: layer '0' computes its weights"):
        trained(model, digits, weight_bound=1.0)
    with pytest.raises(ValueError, match="weight_bound has no effect: no layer"):
        WeightBounds(nn.BatchNorm1d(3), 1.0)
