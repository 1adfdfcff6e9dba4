"""Axes that no layer of a network sees are refused before any work."""

import numpy as np
import pytest
import torch

from crossbar import Adc, Hardware
from devices import BlankOut, Device
from nsm import bd_mlp, collect, grid, nsm_mlp, relu_mlp

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
X, Y = np.ones((2, 5)), np.array([0, 1])
SIZES = (5, 4, 3)


def run(networks, axes, hardware=HARDWARE):
    torch.manual_seed(0)
    made = {name: make(SIZES) for name, make in networks.items()}
    tasks = grid(made, hardware, axes)
    return collect(tasks, X, Y, chips=1, samples=1, rng=0, progress=False)


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ({"gate.p": [0.25, 0.5]}, "no layer on tiles is a neural sampling layer"),
        ({"gate_sharing": ["pair", "cell"]}, "no layer on tiles is a neural sampling layer"),
        ({"deterministic_path": ["ideal", "programmed"]}, "only these have a deterministic path"),
        ({"comparator.offset": [0.0, 1e-6]}, "no layer on tiles ends in comparators"),
    ],
)
def test_axes_without_a_layer_that_sees_them_are_refused(axes, reason, monkeypatch):
    monkeypatch.setattr("nsm.chips.map.programmed", lambda *_: pytest.fail("it programs"))
    with pytest.raises(ValueError, match=f"axis '{next(iter(axes))}' changes nothing: .*{reason}"):
        run({"ReLU": relu_mlp}, axes)


def test_converters_are_seen_by_the_layers_that_have_them():
    axes = {"adc": [None, Adc(2)]}
    assert len(run({"ReLU": relu_mlp}, axes)) == 2
    table = {"1": HARDWARE, "*": HARDWARE}
    with pytest.raises(
        ValueError, match="axis '1:adc' changes nothing: all layers on tiles end in"
    ):
        run({"NSM": nsm_mlp}, {"1:adc": [None, Adc(2)]}, table)
    assert len(run({"BD": bd_mlp}, {"comparator.offset": [0.0, 1e-6]})) == 2


def test_one_network_that_sees_an_axis_is_enough():
    rows = run({"ReLU": relu_mlp, "NSM": nsm_mlp}, {"gate.p": [0.25, 0.5]})
    assert rows["gate.p"].tolist() == [0.25, 0.5] * 2
