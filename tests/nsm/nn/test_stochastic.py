"""The seed of torch's own stream."""

import numpy as np
import pytest
import torch

from crossbar import Hardware
from devices import BlankOut, Device
from nsm import map_to_crossbar, nsm_mlp
from nsm.nn.stochastic import seed_torch


@pytest.mark.parametrize("seed", [0, 20240607, 2**63 - 1])
def test_the_stream_is_that_of_torch_manual_seed(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        wanted = torch.rand(5)
        torch.rand(3)
        seed_torch(seed)
        assert torch.equal(torch.rand(5), wanted)


def test_a_chip_does_not_wait_for_the_compiler_of_torch(monkeypatch):
    def loads_the_compiler(seed):
        raise AssertionError("torch.manual_seed takes seconds in its first call")

    monkeypatch.setattr(torch, "manual_seed", loads_the_compiler)
    hardware = Hardware(device=Device(g_min=0.0, g_max=1e-5), gate=BlankOut(0.5))
    chip = map_to_crossbar(nsm_mlp((4, 3, 2)), hardware, rng=0)
    assert chip.predict(np.ones((2, 4)), 1, rng=0).shape == (2,)
