"""Costs side by side: passes, errors and sums agree with each chip alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import nsm
from crossbar import Adc, CostConstants, Hardware
from devices import BlankOut, Device
from nsm import compare_costs, map_to_crossbar

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-4), gate=BlankOut(0.5), adc=Adc(8))
X = np.random.default_rng(0).normal(size=(20, 6))
Y = np.random.default_rng(1).integers(0, 4, 20)


@pytest.fixture
def chips():
    torch.manual_seed(0)
    models = {"ReLU": nsm.relu_mlp((6, 5, 4)), "NSM": nsm.nsm_mlp((6, 5, 4))}
    return {name: map_to_crossbar(model, HARDWARE, rng=0) for name, model in models.items()}


def test_rows_are_the_totals_of_each_chip(chips):
    rows = compare_costs(chips, X, Y, samples={"ReLU": 1, "NSM": 7}, rng=3)
    assert rows.network.tolist() == ["ReLU", "NSM"]
    assert rows.samples.tolist() == [1, 7]
    for (_, row), (name, n) in zip(rows.iterrows(), (("ReLU", 1), ("NSM", 7)), strict=True):
        alone = chips[name].cost(X, samples=n, rng=3).iloc[-1]
        for column in ("array [J]", "total [J]", "latency [s]", "area [m²]"):
            assert row[column] == pytest.approx(alone[column], rel=1e-12)
        assert row.error == chips[name].error_rate(X, Y, n, rng=3)
    assert rows["energy ratio"][1] == rows["total [J]"][1] / rows["total [J]"][0]


def test_early_stopping_counts_the_samples_that_were_taken(chips):
    rows = compare_costs(chips, X, Y, samples={"ReLU": 1, "NSM": 100}, confidence=0.9, rng=3)
    _, taken = chips["NSM"].classify(X, 100, confidence=0.9, rng=3)
    assert rows.samples.tolist() == [1, taken.mean()]
    per_pass = chips["NSM"].cost(X, rng=3)["total [J]"].iloc[-1]
    assert rows["total [J]"][1] == pytest.approx(taken.mean() * per_pass, rel=1e-12)


def test_constants_reach_every_chip(chips):
    free = replace(CostConstants(), amplifier_power=0.0)
    rows = compare_costs(chips, X, Y, samples={"ReLU": 1, "NSM": 2}, constants=free, rng=0)
    assert rows["amplifiers [J]"].tolist() == [0, 0]


def test_what_cannot_be_compared_is_refused(chips):
    with pytest.raises(ValueError, match="chips is empty"):
        compare_costs({}, X, Y, samples={})
    with pytest.raises(ValueError, match="samples has no entry for the chip 'NSM'"):
        compare_costs(chips, X, Y, samples={"ReLU": 1})
    with pytest.raises(ValueError, match="unknown chip in samples 'BD'"):
        compare_costs(chips, X, Y, samples={"ReLU": 1, "NSM": 1, "BD": 1})
    with pytest.raises(ValueError, match=r"samples\['ReLU'\] = 0"):
        compare_costs(chips, X, Y, samples={"ReLU": 0, "NSM": 1})
    with pytest.raises(ValueError, match="label"):
        compare_costs(chips, X, Y[:-1], samples={"ReLU": 1, "NSM": 1})
