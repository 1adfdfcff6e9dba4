"""Experiments that start from the trained network of another one."""

from dataclasses import replace

import numpy as np
import torch

import nsm
import nsm.paper.run as runner
from nsm.nn import architectures as networks
from nsm.paper import report
from nsm.paper.run import identity, run
from nsm.paper.training import start_from
from tests.helpers.tiny_paper import TINY

LATER = replace(TINY[2], name="later", start="relu")


def test_a_network_that_starts_from_another_one_is_trained_after_it(tiny, tmp_path, monkeypatch):
    for module in (runner, report):
        monkeypatch.setattr(module, "EXPERIMENTS", (LATER, TINY[2]))
    began = {}
    monkeypatch.setattr(
        "nsm.paper.training.start_from",
        lambda model, before, x, seed: began.update(before=before, images=len(x)),
    )
    assert [r["experiment"] for r in run(tmp_path, ["later"], workers=1)] == ["later", "relu"]
    wanted = nsm.load(tmp_path / "relu_0.safetensors").state_dict()
    for name, values in began["before"].state_dict().items():
        assert torch.equal(values, wanted[name])
    assert identity(LATER) != identity(TINY[2])


def test_weights_are_taken_over_in_order_and_beta_comes_from_the_images():
    torch.manual_seed(0)
    before = networks.all_conv_net("dCNN", width=0.05)
    model = networks.all_conv_net("bNSM", width=0.05)
    images = np.random.default_rng(0).random((20, 3072))
    start_from(model, before, images, seed=1)
    layers = [m for m in model if hasattr(m, "weight")]
    theirs = [m for m in before if hasattr(m, "weight")]
    for layer, source in zip(layers, theirs, strict=True):
        assert torch.equal(layer.weight, source.weight)
    wanted = networks.all_conv_net("bNSM", width=0.05)
    start_from(wanted, before, images, seed=1)
    for layer, same in zip(model, wanted, strict=True):
        if isinstance(layer, nsm.NSMConv2d):
            assert torch.equal(layer.beta, same.beta)
            assert (layer.beta != 1).all()
