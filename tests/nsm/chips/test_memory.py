"""What a mapped weight costs in memory."""

import tracemalloc

import pytest
import torch

import devices
import nsm
from crossbar import Hardware

#: Bytes for each weight when a network is mapped, and on the way.
IN_THE_END, ON_THE_WAY = 64, 128
SIZE = 1200


@pytest.mark.parametrize("preset", ["fefet_jerry2017", "rram_wu2018"])
@pytest.mark.parametrize("architecture", [nsm.nsm_mlp, nsm.relu_mlp])
def test_a_weight_costs_at_most_64_bytes(preset, architecture):
    torch.manual_seed(0)
    gate = devices.BlankOut(0.5) if architecture is nsm.nsm_mlp else devices.NoNoise()
    hardware = Hardware(device=devices.preset(preset), gate=gate)
    network = architecture((SIZE, SIZE, 10))
    nsm.map_to_crossbar(architecture((20, 20, 10)), hardware, rng=0)  # imports and compiles
    tracemalloc.start()
    try:
        chip = nsm.map_to_crossbar(network, hardware, rng=0)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    weights = SIZE * (SIZE + 10)
    assert len(chip.layers) == 2
    assert 16 <= kept / weights <= IN_THE_END  # two conductances are 16 bytes
    assert peak / weights <= ON_THE_WAY
