"""Plans that many chips share give the chips that each would have had alone."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import Device, GaussianNoise
from nsm.chips.hardware_table import as_table
from nsm.chips.map import map_again
from nsm.chips.planning import plans as plans_of
from nsm.chips.planning.plans import Plans

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-4, read_noise=GaussianNoise(0.1)))


class Residual(nn.Module):
    """A network that is no chain."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.two(x + torch.relu(self.one(x)))


def networks():
    torch.manual_seed(0)
    return {
        "chain": nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)),
        "graph": Residual(),
        "sampling": nsm.nsm_mlp((6, 5, 3)),
    }


@pytest.fixture
def made(monkeypatch):
    """Return the list of the networks that are planned; a plan is its length."""
    found = []
    monkeypatch.setattr(
        plans_of, "checked_plan", lambda model, table, given: found.append(model) or len(found)
    )
    return found


@pytest.mark.parametrize("name", ["chain", "graph", "sampling"])
def test_chips_of_one_plan_are_those_of_plans_of_their_own(name, rng):
    model, plans = networks()[name], Plans()
    x = rng.uniform(-1, 1, (4, 6)).astype(np.float32)
    for seed in (0, 1):
        shared = map_again(plans, model, HARDWARE, rng=seed, example=x)
        alone = nsm.map_to_crossbar(model, HARDWARE, rng=seed, example=x)
        for sampling in ("exact", "moments"):
            options = {"rng": 3, "sampling": sampling}
            np.testing.assert_array_equal(
                shared.sample(x, 5, **options), alone.sample(x, 5, **options)
            )


@pytest.mark.usefixtures("made")
def test_a_network_is_planned_once():
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    plans, table = Plans(), as_table(HARDWARE)
    assert [plans.of(m, table, None) for m in (one, other, one, other)] == [1, 2, 1, 2]
    another = as_table(Hardware(device=Device(g_min=1e-6, g_max=1e-5)))
    assert plans.of(one, another, None) == 1  # it leaves the same layers digital


def test_other_digital_layers_have_another_plan():
    model, plans = networks()["chain"], Plans()
    whole = map_again(plans, model, HARDWARE, rng=0)
    part = map_again(plans, model, {"0": HARDWARE, "2": None}, rng=0)
    assert [len(chip.layers) for chip in (whole, part)] == [2, 1]


def test_plans_that_were_not_used_for_long_are_dropped(made, monkeypatch):
    monkeypatch.setattr(plans_of, "_MOST", 2)
    plans, table = Plans(), as_table(HARDWARE)
    one, two, three = (nn.Linear(2, 2) for _ in range(3))
    for model in (one, two, one, three, one, two):
        plans.of(model, table, None)
    assert [[one, two, three].index(m) for m in made] == [0, 1, 2, 1]


def test_plans_stay_behind_when_pickled():
    plans = Plans()
    plans.of(networks()["chain"], as_table(HARDWARE), None)
    assert pickle.dumps(plans) == pickle.dumps(Plans())


def test_torch_draws_go_on_as_if_there_were_no_comparison():
    model = networks()["graph"]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    map_again(Plans(), model, HARDWARE, rng=0, example=np.zeros((2, 6), np.float32))
    assert torch.equal(torch.rand(3), expected)
