"""The optimizer: bit for bit torch's own, without torch's compiler in memory."""

import subprocess
import sys

import pytest
import torch

from nsm import nsm_mlp
from nsm.training.adam import Adam


def trained(kind, **options):
    """Return the parameters after a few steps, and the state of the optimizer."""
    torch.manual_seed(0)
    model = nsm_mlp((8, 6, 3))
    optimizer = kind(model.parameters(), lr=1e-2, **options)
    for step in range(5):
        optimizer.param_groups[0]["lr"] = 1e-2 / (1 + step)
        if step == 3:  # as a checkpoint does
            optimizer.load_state_dict(optimizer.state_dict())
        loss = model(torch.rand(16, 8)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    moments = [m for state in optimizer.state_dict()["state"].values() for m in state.values()]
    return [*model.parameters(), *moments]


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_are_those_of_torch(weight_decay):
    ours = trained(Adam, weight_decay=weight_decay)
    torchs = trained(torch.optim.Adam, weight_decay=weight_decay)
    assert len(ours) == len(torchs) > 6
    assert all(torch.equal(a, b) for a, b in zip(ours, torchs, strict=True))


def test_training_does_not_load_the_compiler_of_torch():
    code = (
        "import sys, numpy as np, nsm\n"
        "x, y = np.zeros((20, 8), 'f4'), np.arange(20) % 2\n"
        "nsm.fit(nsm.nsm_mlp((8, 4, 2)), x, y, epochs=1, batch_size=10, progress=False, rng=0)\n"
        "print('torch._dynamo' in sys.modules, 'torch._inductor' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
