"""Steps that a GPU replays are those that it takes one by one; needs a GPU but for the checks."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from nsm.datasets.files import Data
from nsm.nn.sign_checks import SignChecks, all_signs, sign_checks
from nsm.training import epoch
from nsm.training.graphed_steps import copies, restore

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def conv(rule="bNSM"):
    """Return a small convolutional network of 8 × 8 pixels on the GPU, with a fixed seed."""
    torch.manual_seed(0)
    hidden = (
        [nsm.NSMConv2d(6, 8, 3, padding=1), nn.Dropout(0.1)]
        if rule == "bNSM"
        else [nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()]
    )
    first = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)]
    sign = nsm.nn.activations.Sign() if rule == "bNSM" else nn.ReLU()
    return nn.Sequential(*first, sign, *hidden, nn.Flatten(), nn.Linear(512, 10)).cuda()


def trained(model, data, **options):
    """Return the history of two epochs of batches of 30, the last one smaller."""
    settings = {"epochs": 2, "batch_size": 30, "ema_decay": 0.9, "rng": 1, **options}
    return nsm.fit(model, data.x_train[:310], data.y_train[:310], progress=False, **settings)


def assert_alike(model, wanted, apart):
    """Compare all weights of two networks by their distance in units of their size."""
    for name, values in wanted.state_dict().items():
        values = values.double()
        distance = (model.state_dict()[name].double() - values).norm()
        assert distance <= apart * values.norm(), name


@pytest.fixture(scope="module")
def digits():
    return nsm.load_data("digits")


def replays(monkeypatch):
    """Return a list that grows by one entry for each recorded epoch: whether it was right."""
    found = []
    were_right = epoch.GraphedSteps.were_right
    monkeypatch.setattr(
        epoch.GraphedSteps, "were_right", lambda self: found.append(were_right(self)) or found[-1]
    )
    return found


@on_gpu
@pytest.mark.parametrize("rule", ["bNSM", "dCNN"])
def test_replayed_steps_train_as_single_steps_do(digits, monkeypatch, rule):
    found = replays(monkeypatch)
    graphed, single = conv(rule), conv(rule)
    ours = trained(graphed, digits)
    assert found == [True, True]
    monkeypatch.setattr(epoch, "can_be_recorded", lambda state: False)
    theirs = trained(single, digits)
    # Sums near 0 may round to the other sign, after which two trainings of signs part slowly.
    apart = 0.03 if rule == "bNSM" else 0.01
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=apart)
    assert_alike(graphed, single, apart)


@on_gpu
def test_an_epoch_whose_inputs_were_taken_for_signs_by_mistake_starts_again(digits, monkeypatch):
    found = replays(monkeypatch)
    torch.manual_seed(0)
    graphed = nn.Sequential(nsm.NSMLinear(64, 20), nn.Linear(20, 10)).cuda()
    single = nn.Sequential(nsm.NSMLinear(64, 20), nn.Linear(20, 10)).cuda()
    single.load_state_dict(graphed.state_dict())
    signs = np.where(digits.x_train[:310] > 0.5, 1.0, -1.0)
    signs[200, :5] = 0.0  # one image of 310 is none of signs
    data = Data(signs, digits.y_train[:310], digits.x_test, digits.y_test)
    trained(graphed, data)
    assert not all(found)
    monkeypatch.setattr(epoch, "can_be_recorded", lambda state: False)
    trained(single, data)
    assert_alike(graphed, single, 0.03)


@on_gpu
def test_a_killed_training_on_a_gpu_resumes_to_the_same_weights(digits, tmp_path):
    whole, resumed = conv(), conv()
    trained(whole, digits, epochs=3, checkpoint=tmp_path / "whole")

    def stop_in_second_epoch(model):
        if (tmp_path / "killed").exists():
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        trained(
            resumed, digits, epochs=3, checkpoint=tmp_path / "killed", measure=stop_in_second_epoch
        )
    again = conv()
    trained(again, digits, epochs=3, checkpoint=tmp_path / "killed")
    assert_alike(again, whole, 0.03)


@on_gpu
def test_layers_of_others_and_layers_with_hooks_are_not_recorded(digits, monkeypatch):
    found = replays(monkeypatch)
    watched = conv()
    calls = []
    watched[1].register_forward_hook(lambda *_: calls.append(1))
    trained(watched, digits, epochs=1)
    assert not found
    assert len(calls) == 11


def test_a_recorded_pass_takes_the_answers_of_the_first_and_notices_where_they_are_wrong():
    checks = SignChecks(torch.device("cpu"))
    signs, others = torch.tensor([1.0, -1.0]), torch.tensor([0.0, 1.0])
    with sign_checks(checks):
        checks.start_first()
        assert [all_signs(signs), all_signs(others)] == [True, False]
        checks.start_recorded()
        assert [all_signs(signs), all_signs(signs)] == [True, False]
        assert not checks.wrong
        checks.start_recorded()
        assert [all_signs(others), all_signs(others)] == [True, False]
        assert checks.wrong
    assert not all_signs(others)


def test_a_state_returns_to_its_copies():
    torch.manual_seed(0)
    model = nsm.nsm_mlp((4, 5, 2))
    recipe = nsm.training.recipe.Recipe(
        epochs=2, lr=0.1, lr_schedule="cosine", batch_size=3, weight_decay=0.0,
        label_smoothing=0.0, ema_decay=0.5, augment=None, weight_bound=None, hardware=None,
        wires_every=None,
    )  # fmt: skip
    state = nsm.training.state.TrainingState(model, recipe)
    x, y = torch.rand(3, 4), torch.tensor([0, 1, 1])
    for taken in range(2):
        before = copies(state)
        kept = [{k: v.clone() for k, v in m.state_dict().items()} for m in (model, state.average)]
        state.take_step(x, y, taken, 10)
        assert any((model.state_dict()[k] != v).any() for k, v in kept[0].items())
        restore(state, before)
        for m, then in zip((model, state.average), kept, strict=True):
            assert all((m.state_dict()[k] == v).all() for k, v in then.items())
    assert {float(s["step"]) for s in state.optimizer.state.values()} in ({0.0}, set(), {1.0})
