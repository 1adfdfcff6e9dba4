"""Experiments that start from the trained network of another one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import nsm
import nsm.paper.run as runner
from crossbar import Hardware
from devices import BlankOut, Device
from nsm.nn import architectures as networks
from nsm.nn.residual import RESIDUAL_RULES
from nsm.paper import report
from nsm.paper.errors import convergence
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


def test_convergence_is_the_error_after_every_epoch(data, tmp_path):
    found = convergence(replace(TINY[2], measures="convergence"), 0, data, tmp_path)
    assert len(found["errors"]) == TINY[2].epochs
    # Without weight averaging, and without noise, the last one is that of the trained network.
    plain = replace(TINY[2], recipe={"lr": 1e-3})
    (tmp_path / "plain").mkdir()
    found = convergence(plain, 0, data, tmp_path / "plain")
    assert found["errors"][-1] == pytest.approx(found["error"])


def test_residual_networks_of_all_rules_map_to_chips_and_are_kept_in_files(tmp_path):
    hardware = Hardware(device=Device(g_min=1e-8, g_max=1e-6), gate=BlankOut(0.5))
    x = np.random.default_rng(0).random((4, 64))
    for rule in RESIDUAL_RULES:
        torch.manual_seed(0)
        model = nsm.residual_net(rule, width=3, blocks=2).eval()
        nsm.save(model, tmp_path / "n.safetensors")
        again = nsm.load(tmp_path / "n.safetensors")
        np.testing.assert_array_equal(
            nsm.predict_proba(again, x, 2, rng=0), nsm.predict_proba(model, x, 2, rng=0)
        )
        gate = {"gate": hardware.gate} if rule == "NSM" else {}
        chip = nsm.map_to_crossbar(model, Hardware(device=hardware.device, **gate), rng=0)
        assert chip.sample(x, 3, rng=0).shape == (3, 4, 10)
        if rule != "NSM":
            np.testing.assert_allclose(
                chip.predict_proba(x, 1, rng=0), nsm.predict_proba(model, x, 1), atol=1e-5
            )
